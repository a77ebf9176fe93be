"""The files of one order: checked before they are sent, signed for the shop, and compared again afterwards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial

from attrs import evolve, field, frozen

from remote_artwork.core.cures import URL_LIFETIME
from remote_artwork.core.expected import split_extension
from remote_artwork.core.lifecycle import (
    UNRESOLVED_STATES,
    VERIFIED_STATES,
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    Step,
)
from remote_artwork.core.orders import MEDIA_TYPES, Artwork, StoredFile
from remote_artwork.core.planner import ItemPlan, choice_changed, file_not_known, used_for_other_orders
from remote_artwork.core.policy import CONFLICT
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.core.text import nfc
from remote_artwork.errors import FileGone, FileReplaced, StorageError, StorageMisbehaved
from remote_artwork.fulfillment.session import Dependencies, OrderSession
from remote_artwork.fulfillment.workers import Interrupted


@frozen(kw_only=True)
class CurrentFiles:
    """The files of one item as they are just before the order is sent.

    Args:
        files: Placement → its checked file, as it is now.
        problem: Status and reason, if another file makes the checked one the wrong choice, or one of several.
    """

    files: Mapping[str, StoredFile]
    problem: tuple[ItemStatus, Reason] | None = None


@frozen(kw_only=True)
class Look:
    """The files of an order as they are just before it is sent: of all items, or up to the first that ends the look.

    Args:
        items: Item number → its files.
        error: Why the files after these are not known; None if all were looked at, or a problem of one ended the look.
    """

    items: Mapping[str, CurrentFiles]
    error: StorageError | None = None

    def files_of(self, number: str) -> CurrentFiles:
        """The files of one item. The items before it must have no problem.

        Raises:
            FileGone: A checked file was deleted.
            StorageError: The storage could not be read.
        """
        if number not in self.items and self.error is not None:
            raise self.error
        return self.items[number]


@frozen
class ArtworkFiles:
    """The files of one order."""

    services: Dependencies
    session: OrderSession

    def verify(self, plan: ItemPlan) -> bool:
        """Whether the item's files passed the checks, now or in an earlier scan; otherwise its outcome says why not."""
        number, session = plan.number, self.session
        row = session.rows.get(number)
        checks = self.services.inspector.digest(plan.item)
        if row and row.state in VERIFIED_STATES and row.checks == checks and row.describes(plan.files):
            return True
        try:
            result = self.services.inspector.check_files(
                plan.item, plan.files, stopwatch=self.services.stopwatch, stop_reading=self._stop_reading
            )
            session.answered.add("storage")
            self._check_available(result.files.values())
        except FileGone as error:
            replaced = isinstance(error, FileReplaced)
            because = reason("replaced_during_scan" if replaced else "deleted_during_scan", error=str(error))
            session.set_outcome(number, ItemStatus.SETTLING if replaced else ItemStatus.MISSING, because)
            return False
        except StorageError as error:
            session.failures.append(error)
            because = reason("nothing_sent_unreadable", error=str(error))
            session.set_outcome(number, ItemStatus.UNREADABLE, because)
            return False
        if used := used_for_other_orders(session.plan.order, result.files.values(), session.plan.used_by):
            session.set_outcome(number, ItemStatus.CONFLICT, used[0], notes=tuple(used[1:]))
            return False
        findings = result.findings
        session.defer(session.selection(number, result.files, result.sha256))
        if result.rejection:
            session.defer(session.item_step(number, ItemState.REJECTED, reason=result.rejection, checks=checks))
            session.set_outcome(number, ItemStatus.REJECTED, result.rejection, findings=findings, now=True)
            return False
        session.defer(session.item_step(number, ItemState.VERIFIED, checks=checks))
        if findings:
            session.set_outcome(number, plan.status, plan.because, notes=plan.notes, findings=findings)
        return True

    def check_sides(self, plan: ItemPlan) -> None:
        """Check the files of an item that has no file for some sides, or several. Its outcome names those that are bad.

        The item keeps its status if they are good, or if they could not be read.
        """
        number, session = plan.number, self.session
        checks = self.services.inspector.digest(plan.item)
        try:
            result = self.services.inspector.check_files(
                plan.item, plan.sides, stopwatch=self.services.stopwatch, stop_reading=self._stop_reading
            )
        except FileGone:
            return  # deleted or replaced just now: the next scan looks again
        except StorageError as error:
            session.failures.append(error)
            return
        session.answered.add("storage")
        if used := used_for_other_orders(session.plan.order, result.files.values(), session.plan.used_by):
            plan = plan.with_bad_sides(ItemStatus.CONFLICT, *used)
        else:
            session.defer(session.selection(number, result.files, result.sha256))
            state = ItemState.REJECTED if result.rejection else ItemState.VERIFIED
            session.defer(session.item_step(number, state, reason=result.rejection, checks=checks))
        if (rejection := result.rejection) is not None:
            plan = plan.with_bad_sides(ItemStatus.REJECTED, rejection)
        session.set_outcome(number, plan.status, plan.because, notes=plan.notes, findings=result.findings)

    def _stop_reading(self) -> None:
        if self.services.workers.interrupted:
            raise Interrupted

    def current_files(self, number: str) -> dict[str, StoredFile]:
        """The checked files of one item as they are now, by placement.

        Raises:
            FileGone: One of them was deleted.
            StorageError: One of them could not be read.
        """
        files = self.session.rows[number].files
        found = {file.placement: self.services.storage.stat(file.name) for file in files}
        self.session.answered.add("storage")
        self._check_available(found.values())
        return found

    def _check_available(self, files: Iterable[StoredFile]) -> None:
        """Check that the files can be downloaded as long as the URLs for the shop work.

        Raises:
            StorageMisbehaved: The storage ends the access to one of them before.
        """
        until = self.services.clock() + self.services.url_lifetime
        for file in files:
            if file.available_until is not None and file.available_until < until:
                raise StorageMisbehaved(
                    f"{file.name!r} is available only until {file.available_until:%Y-%m-%d %H:%M} UTC, which is before "
                    f"the URL for the shop expires; restore it for longer, upload it again, or shorten {URL_LIFETIME}"
                )

    def start_look(self) -> Callable[[], Look]:
        """Start to look at the files once more, while the caller reads the order. Returns what waits for the result.

        If the storage allows one request at a time, the files are looked at when the result is needed.
        """
        if self.services.storage.concurrent_reads:
            return self.services.workers.beside(self.look_again).get
        return self.look_again

    def look_again(self) -> Look:
        """The files of all items as they are now. Ends with the first item whose files cannot be sent."""
        items: dict[str, CurrentFiles] = {}
        for plan in self.session.required:
            try:
                now = self._look_at(plan)
                if now.problem is None and (plan.renamed or plan is self.session.required[-1]):
                    now = evolve(now, problem=self._naming_problem(plan))
                items[plan.number] = now
            except StorageError as error:
                return Look(items=items, error=error)
            if items[plan.number].problem:
                break
        return Look(items=items)

    def _naming_problem(self, plan: ItemPlan) -> tuple[ItemStatus, Reason] | None:
        """Why nothing is sent, if another file has the name for a print now, or the manifest was changed.

        Raises:
            StorageError: The manifest could not be looked up, or the scan could not use it.
        """
        manifest = self.services.manifest
        if manifest is None:
            return (ItemStatus.SETTLING, reason("sku_changed")) if plan.renamed else None
        if manifest.is_unchanged() and not plan.renamed:
            return None
        return ItemStatus.SETTLING, reason("manifest_changed")

    def _look_at(self, plan: ItemPlan) -> CurrentFiles:
        """The checked files of one item, and the other files for its prints, as they are now.

        Sends the HEAD requests and the listing of their names at the same time, where the storage allows it. Where a
        listing tells all that a HEAD does, it sends the listing alone.

        Raises:
            FileGone: A checked file was deleted.
            StorageError: The storage could not be read.
        """
        records = self.session.rows[plan.number].files
        names = {file.name for file in records}
        look_beside = partial(self._list_beside, names)
        if self.services.storage.lists_tell_all:
            found = look_beside()
            self.session.answered.add("storage")
            files = {record.placement: _listed_file(record.name, found) for record in records}
            self._check_available(files.values())
        elif self.services.storage.concurrent_reads:
            beside = self.services.workers.beside(look_beside)
            files = self.current_files(plan.number)
            found = beside.get()
        else:
            # The lookups come last: a replaced file is more dangerous than a second one.
            found, files = look_beside(), self.current_files(plan.number)
        for file in files.values():
            others = [other for name, other in found.items() if name not in names and _same_basename(name, file.name)]
            preference = CONFLICT if file.name in plan.named else self.services.policy.several_files
            if problem := choice_changed(file, others, preference):
                return CurrentFiles(files=files, problem=problem)
        return CurrentFiles(files=files)

    def _list_beside(self, names: Collection[str]) -> dict[str, StoredFile]:
        """The files in a printed format with the basename of one of these files, by name, with these files themselves.

        Where a listing does not tell all, these files are left out.
        """
        found: dict[str, StoredFile] = {}
        with_own = self.services.storage.lists_tell_all
        for page in self.services.storage.siblings({split_extension(name)[0] for name in names}):
            beside = [
                i for i, name in enumerate(page.names) if _is_printed(name, names) and (with_own or name not in names)
            ]
            unknown = {name: error for name, error in page.unknown.items() if _is_printed(name, names)}
            if not with_own:
                unknown = {name: error for name, error in unknown.items() if name not in names}
            if unknown:
                raise StorageMisbehaved(file_not_known(unknown).render())
            for position in beside:
                with suppress(FileGone):  # deleted since it was listed, or a folder
                    found[page.names[position]] = page.file(position)
        return found

    def check_replaced(self, number: str) -> None:
        """Check that files which differ from the checked ones were replaced indeed.

        Raises:
            StorageMisbehaved: They can still be read as they were.
            StorageError: They could not be read.
        """
        with self.services.stopwatch.measure("storage"):
            for record in self.session.rows[number].files:
                self.services.storage.check_replaced(_stored_file(record))

    def artworks(self, plan: ItemPlan) -> list[Artwork]:
        """The checked files of one item as the shop gets them, with new URLs, in the order of its placements.

        Raises:
            StorageError, ConfigurationError: A URL could not be made.
        """
        records = {record.placement: record for record in self.session.rows[plan.number].files}
        return [self._artwork(records[placement], plan) for placement in plan.item.placements]

    def _artwork(self, record: FileRecord, plan: ItemPlan) -> Artwork:
        known = plan.files.get(record.placement)
        modified = known.last_modified if known and record.describes(known) else None
        file = _stored_file(record, last_modified=modified)
        artwork = self.services.storage.artwork(file, record.placement, expires_in=self.services.url_lifetime)
        return evolve(artwork, sha256=record.sha256 or plan.item.sha256)


@frozen
class PostSendCheck:
    """Compares the files of one order after its call, in this scan or an earlier one. The outcome does not matter.

    A replaced file is reported, so that a person decides. Nothing is sent again.

    Args:
        session: The order. Its lease may have been given back: the receipt is recorded before anything else is done.
        files: Its files.
        replaced: The steps that record the alarms.
    """

    session: OrderSession
    files: ArtworkFiles
    replaced: list[Step] = field(factory=list, init=False)

    def run(self) -> None:
        """Add what is found to the outcomes and to ``replaced``."""
        if self.session.state not in (FulfillState.FULFILLED, *UNRESOLVED_STATES):
            return
        for plan in self.session.required:
            row = self.session.rows.get(plan.number)
            if row is None or not row.files:
                continue
            if row.state is ItemState.LATE_REPLACEMENT:
                because = row.reason or reason("replaced_after_send", files=_names(row))
                self._report(row, because, now=False)
            elif row.state in VERIFIED_STATES:
                self._compare(row)

    def _compare(self, row: ItemRecord) -> None:
        session = self.session
        try:
            if row.describes(self.files.current_files(row.item_number)):
                return
        except StorageError as error:
            note = reason("replacement_not_checked", files=_names(row), error=str(error))
            session.append_reason(row.item_number, note)
            return
        pinned = all(file.version_id for file in row.files)
        because = reason("replaced_after_send" if pinned else "replaced_after_send_unpinned", files=_names(row))
        self._report(row, because, now=True)
        # With an unresolved call a later scan compares again; until then the file may still be checked and sent.
        if session.state is not FulfillState.FULFILL_INTENT:
            self.replaced.append(session.item_step(row.item_number, ItemState.LATE_REPLACEMENT, reason=because))

    def _report(self, row: ItemRecord, because: Reason, *, now: bool) -> None:
        if self.session.state is FulfillState.FULFILLED:
            self.session.set_outcome(row.item_number, ItemStatus.LATE_REPLACEMENT, because, now=now)
        else:
            self.session.append_reason(row.item_number, because)


def _stored_file(record: FileRecord, *, last_modified: datetime | None = None) -> StoredFile:
    return StoredFile(
        name=record.name,
        size=record.size,
        etag=record.etag,
        version_id=record.version_id,
        last_modified=last_modified,
    )


def _listed_file(name: str, found: Mapping[str, StoredFile]) -> StoredFile:
    if name not in found:
        raise FileGone(f"{name!r} does not exist any more")
    return found[name]


def _is_printed(name: str, names: Collection[str]) -> bool:
    """Whether a file is in a printed format and for the same print as one of these files."""
    is_printed = split_extension(name)[1].lower() in MEDIA_TYPES
    return is_printed and any(_same_basename(name, own) for own in names)


def _same_basename(name: str, other: str) -> bool:
    return nfc(split_extension(name)[0]) == nfc(split_extension(other)[0])


def _names(row: ItemRecord) -> list[str]:
    return [file.name for file in row.files]

"""The last look: whether the files are still those that were checked, once the order may have been sent."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from remote_artwork.core.expected import SearchQuery, canonical, split_extension
from remote_artwork.core.lifecycle import (
    UNRESOLVED_STATES,
    VERIFIED_STATES,
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
)
from remote_artwork.core.orders import MEDIA_TYPES, Artwork, StoredFile
from remote_artwork.core.planner import ItemPlan
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import FileGone, StorageError
from remote_artwork.fulfillment.session import Dependencies, Progress


@frozen
class Files:
    """The file side of one order."""

    tools: Dependencies
    progress: Progress

    def verify(self, plan: ItemPlan) -> bool:
        """Whether the item's files are checked, now or in an earlier pass; else its outcome says why not."""
        number = plan.item.number
        row = self.progress.rows.get(number)
        checks = self.tools.inspector.digest(plan.item)
        if row and row.state in VERIFIED_STATES and row.checks == checks and row.describes(plan.files):
            return True
        try:
            files = self.tools.inspector.pin(plan.files)
            self.progress.answered.add("storage")
            self.progress.advance(self.progress.selection(number, files))
            verdict = self.tools.ahead.verdict(plan.item, files)
        except FileGone as error:
            self.progress.set_outcome(number, ItemStatus.MISSING, reason("deleted_during_scan", error=str(error)))
            return False
        except StorageError as error:
            self.progress.failures.append(error)
            because = reason("nothing_sent_unreadable", error=str(error))
            self.progress.set_outcome(number, ItemStatus.UNREADABLE, because)
            return False
        if verdict.rejection:
            rejected = self.progress.item_step(number, ItemState.REJECTED, reason=verdict.rejection, checks=checks)
            self.progress.advance(rejected)
            self.progress.set_outcome(
                number, ItemStatus.REJECTED, verdict.rejection, findings=verdict.findings, now=True
            )
            return False
        self.progress.advance(self.progress.item_step(number, ItemState.VERIFIED, checks=checks))
        if verdict.findings:
            self.progress.set_outcome(number, plan.status, plan.because, notes=plan.notes, findings=verdict.findings)
        return True

    def now(self, number: str) -> dict[str, StoredFile]:
        """The checked files of one item as they are now, by placement.

        Raises:
            FileGone: One of them was deleted.
            StorageError: One of them could not be looked at.
        """
        found = {file.placement: self.tools.storage.stat(file.name) for file in self.progress.rows[number].files}
        self.progress.answered.add("storage")
        return found

    def beside(self, number: str) -> list[str]:
        """Other files for the same prints of one item as the checked ones, that are there now.

        Raises:
            StorageError: The storage could not be looked through.
        """
        own = {file.name for file in self.progress.rows[number].files}
        spelled = {split_extension(name)[0] for name in own}
        names = {name for page in self.tools.storage.search(SearchQuery(stems=sorted(spelled))) for name in page.names}
        stems = {canonical(stem) for stem in spelled}
        parts = ((name, *split_extension(name)) for name in names - own)
        return sorted(
            name for name, stem, extension in parts if canonical(stem) in stems and extension.lower() in MEDIA_TYPES
        )

    def artworks(self, plan: ItemPlan) -> list[Artwork]:
        """The checked files of one item as the host gets them, with fresh URLs, in the order of its placements.

        Raises:
            StorageError, ConfigurationError: A URL could not be made.
        """
        records = {record.placement: record for record in self.progress.rows[plan.item.number].files}
        return [self._artwork(records[placement], plan.files) for placement in plan.item.placements]

    def _artwork(self, record: FileRecord, listed: Mapping[str, StoredFile]) -> Artwork:
        known = listed.get(record.placement)
        file = StoredFile(
            name=record.name,
            size=record.size,
            etag=record.etag,
            version_id=record.version_id,
            last_modified=known.last_modified if known and record.describes(known) else None,
        )
        return self.tools.storage.artwork(file, record.placement, expires_in=self.tools.url_lifetime)


_SENT = (FulfillState.FULFILLED, *sorted(UNRESOLVED_STATES))


@frozen
class PostSendCheck:
    """Looks at the files of one order after its call, whatever became of the call, in this pass or in an earlier one.

    A replaced file is an alarm, never acted on: what was sent is sent.
    """

    progress: Progress
    files: Files

    def run(self) -> None:
        """Adds to the outcomes what is seen.

        Raises:
            LedgerError: An alarm could not be recorded; the outcomes hold it all the same.
        """
        if self.progress.state not in _SENT:
            return
        for plan in self.progress.required:
            row = self.progress.rows.get(plan.item.number)
            if row is None or not row.files:
                continue
            if row.state is ItemState.LATE_REPLACEMENT:
                self._report(row, row.reason or reason("replaced_after_send", files=_names(row)), now=False)
            elif row.state in VERIFIED_STATES:
                self._look(row)

    def _look(self, row: ItemRecord) -> None:
        try:
            if row.describes(self.files.now(row.item_number)):
                return
        except StorageError as error:
            note = reason("replacement_not_checked", files=_names(row), error=str(error))
            self.progress.append_reason(row.item_number, note)
            return
        pinned = all(file.version_id for file in row.files)
        because = reason("replaced_after_send" if pinned else "replaced_after_send_unpinned", files=_names(row))
        self._report(row, because, now=True)
        # Where a later scan settles the order, it looks again; until then the file may yet be checked and sent.
        if self.progress.state is not FulfillState.FULFILL_INTENT:
            self.progress.advance(self.progress.item_step(row.item_number, ItemState.LATE_REPLACEMENT, reason=because))

    def _report(self, row: ItemRecord, because: Reason, *, now: bool) -> None:
        if self.progress.state is FulfillState.FULFILLED:
            self.progress.set_outcome(row.item_number, ItemStatus.LATE_REPLACEMENT, because, now=now)
        else:
            self.progress.append_reason(row.item_number, because)


def _names(row: ItemRecord) -> list[str]:
    return [file.name for file in row.files]

"""Plan: the status of every pending item, once the files and the ledger have been read. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import evolve, field, frozen

from remote_artwork.core.expected import ExpectedFiles, ItemKey, split_extension
from remote_artwork.core.lifecycle import (
    NOTHING,
    UNRESOLVED_STATES,
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    OrderKey,
    OrderRecord,
    lookup_keys,
    resolve_command,
)
from remote_artwork.core.matching import Matches
from remote_artwork.core.orders import Order, OrderItem, OrderState, StoredFile
from remote_artwork.core.policy import CONFLICT, Policy, Preference, choose
from remote_artwork.core.reasons import Explained, Reason, reason
from remote_artwork.core.report import ItemOutcome, ItemStatus
from remote_artwork.core.review import are_older, files_digest, is_released, review_reasons
from remote_artwork.core.text import nfc


def stability_problem(
    files: Iterable[StoredFile], *, now: datetime, settle_for: timedelta | None, appear_whole: bool
) -> Reason | None:
    """Why an item's files may still be incomplete; None if they can be used, or if their age is not known.

    Args:
        files: The files that were found for the item.
        now: The time, with a time zone.
        settle_for: How long a file waits after its last change; None: files do not wait.
        appear_whole: Whether the storage shows a file only when its upload is complete.
    """
    for file in files:
        if settle_for is None or file.last_modified is None or (appear_whole and file.size > 0):
            continue
        if abs(now - file.last_modified) < settle_for:  # with abs, a wrong clock cannot delay a file for years
            code = "file_empty" if file.size == 0 else "file_just_changed"
            return reason(code, file=file.name, settle_for=settle_for.total_seconds())
    return None


def used_for_other_orders(
    order: Order, files: Iterable[StoredFile], used_by: Mapping[str, Sequence[OrderRecord]]
) -> list[Reason]:
    """Why files are not used: each was printed for another order, or may have been.

    A row that the ledger has forgotten is another order, even if its id and approval are the same: the shop has used
    the id again.

    Args:
        order: The order that the files are meant for.
        files: The files, as the storage shows them now.
        used_by: As in ``Planner``.
    """
    return [used for file in files if (used := _used_for_other_order(order, file, used_by))]


def _used_for_other_order(
    order: Order, file: StoredFile, used_by: Mapping[str, Sequence[OrderRecord]]
) -> Reason | None:
    for record in [record for key in sorted(lookup_keys(file)) for record in used_by.get(key, ())]:
        own = record.key.order_id == order.id
        repeated = record.forgotten and record.key.approval == order.approval
        if (own and not repeated) or not record.has_used(file):
            continue
        code = "printed_for_other_order" if record.has_printed(file) else "may_be_printed_for_other_order"
        return reason(code, file=file.name, order_number=record.order_number, order_id=record.key.order_id)
    return None


HAS_FILES = (ItemStatus.MATCHED, ItemStatus.ATTACHED)
"""The item has a file for each placement, and nothing speaks against them."""
_KNOWN_FROM_LEDGER = (
    ItemStatus.NOT_REQUIRED,
    ItemStatus.FULFILLED,
    ItemStatus.UNCERTAIN,
    ItemStatus.LATE_REPLACEMENT,
)


@frozen(kw_only=True)
class ItemPlan(Explained):
    """The plan of one item.

    Args:
        item: The item.
        status: Its status before anything is done.
        because: The reason, as data.
        notes: Further reasons, such as what its order waits for.
        state: The item's state in the ledger, if the ledger has these same files, checked by these same checks.
        files: Placement → the file to use.
        sides: Placement → the file to check, if other placements have no file, or several.
        candidates: Names of all files found for the item.
        expected: Basenames of the files that are missing.
        superseded: Names of files that are not used because the policy prefers others.
        placements: Name of a file or missing file → its placement, where the item has several.
        named: The files that the manifest names.
        renamed: Whether the print has another file now than an earlier call was made with, by the manifest or the SKU.
    """

    item: OrderItem
    status: ItemStatus
    because: Reason
    notes: tuple[Reason, ...] = ()
    state: ItemState | None = None
    files: Mapping[str, StoredFile] = NOTHING
    sides: Mapping[str, StoredFile] = NOTHING
    candidates: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    placements: Mapping[str, str] = NOTHING
    named: frozenset[str] = frozenset()
    renamed: bool = False

    @property
    def number(self) -> str:
        """The item's number."""
        return self.item.number

    @property
    def has_unchecked_sides(self) -> bool:
        """Whether files are there that can be checked, although the item does not have all its files."""
        return bool(self.sides) and self.state is None

    def with_bad_sides(self, status: ItemStatus, *reasons: Reason) -> ItemPlan:
        """The plan of an item of which a side cannot be used, and other sides have no file, or several."""
        if self.status is ItemStatus.CONFLICT:
            return evolve(self, notes=(*self.notes, *reasons))
        return evolve(self, status=status, because=reasons[0], notes=(*reasons[1:], self.because, *self.notes))


@frozen(kw_only=True)
class OrderPlan:
    """The plan of one order.

    Args:
        key: The key of its ledger row.
        order: The order.
        items: The plans of its items.
        record: Its ledger row; None if there is none.
        attach_at_once: Whether each item is attached as soon as it is checked.
        held: Whether nothing may be sent for it, because it is not known whether its number is unique.
        other_approval_in_doubt: Whether the outcome of a ``fulfill`` call for another approval of it is unknown.
        is_stale_fulfillment: Whether the shop lists it as pending long after the ledger recorded its receipt.
        used_by: As in ``Planner``.
    """

    key: OrderKey
    order: Order
    items: tuple[ItemPlan, ...]
    record: OrderRecord | None
    attach_at_once: bool = False
    held: bool = False
    other_approval_in_doubt: bool = False
    is_stale_fulfillment: bool = False
    used_by: Mapping[str, Sequence[OrderRecord]] = field(default=NOTHING, repr=False)

    @property
    def state(self) -> FulfillState:
        """The state of its ledger row."""
        return self.record.state if self.record else FulfillState.OPEN

    @property
    def complete(self) -> bool:
        """Whether every item that requires artwork has its files, and at least one does."""
        required = [planned for planned in self.items if planned.item.requires_artwork]
        return bool(required) and all(planned.status in HAS_FILES for planned in required)

    @property
    def follows_attach(self) -> bool:
        """Whether the shop no longer lists the order, and an attach call for it has no known outcome."""
        unlisted = self.order.state is not OrderState.PENDING
        return unlisted and self.record is not None and self.record.attach_unresolved

    @property
    def has_work(self) -> bool:
        """Whether a scan can do anything: check, attach or send files, or resolve an unknown call."""
        if self.held:
            return False
        if self.state is FulfillState.FULFILL_INTENT or self.is_stale_fulfillment or self.follows_attach:
            return True
        return self.complete or any(
            planned.has_unchecked_sides or (planned.status is ItemStatus.MATCHED and not self._is_idle(planned))
            for planned in self.items
        )

    def _is_idle(self, planned: ItemPlan) -> bool:
        """Whether nothing can be done for the item until the order's other items have their files."""
        return planned.state is ItemState.VERIFIED and not self.attach_at_once

    def outcome(
        self, planned: ItemPlan, status: ItemStatus | None = None, because: Reason | None = None
    ) -> ItemOutcome:
        """The outcome of one item as planned, or with another status and reason."""
        return ItemOutcome(
            order_number=self.order.number,
            item_number=planned.number,
            order_id=self.order.id,
            item_id=planned.item.id,
            position=planned.item.position,
            title=planned.item.title,
            sku=planned.item.sku,
            status=status or planned.status,
            because=because or planned.because,
            notes=() if because else planned.notes,
            files=planned.candidates,
            expected=planned.expected,
            superseded=planned.superseded,
            placements=planned.placements,
            ordered_at=self.order.created_at,
            receipt=self.record.receipt if self.record and planned.status is ItemStatus.FULFILLED else None,
        )

    def outcome_without_items(self) -> ItemOutcome:
        """The outcome of an order that lists no items. Its item number is empty."""
        return ItemOutcome(
            order_number=self.order.number,
            item_number="",
            order_id=self.order.id,
            status=ItemStatus.NOT_REQUIRED,
            because=reason("order_without_items"),
            ordered_at=self.order.created_at,
        )

    def outcomes(self) -> list[ItemOutcome]:
        """The outcomes of all items as planned."""
        return [self.outcome(planned) for planned in self.items]

    def before_review(self, outcomes: Sequence[ItemOutcome], policy: Policy, now: datetime) -> list[ItemOutcome]:
        """The outcomes that a dry run reports. The policy may demand a review of the order's files.

        Args:
            outcomes: Those of all items without the review.
            policy: The shop's policy.
            now: The time of the dry run.
        """
        required = [planned for planned in self.items if planned.item.requires_artwork]
        numbers = {planned.number for planned in required}
        statuses = {outcome.status for outcome in outcomes if outcome.item_number in numbers}
        may_be_sent = self.complete and self.state is FulfillState.OPEN and statuses <= set(HAS_FILES)
        if not policy.review or not may_be_sent:
            return list(outcomes)
        reasons = [reason("will_await_review")]
        files = {planned.number: planned.files for planned in required}
        if self.record is not None and all(planned.state is not None for planned in required):
            records = {number: self.record.items[number].files for number in numbers}
            digest = files_digest(records)
            is_accepted = digest == self.record.accepted_files
            if is_accepted or is_released(records, files, after=policy.release_after, now=now):
                return list(outcomes)
            if digest == self.record.review_files:
                reasons = [*review_reasons(self.key, self.order.number, digest)]
        elif policy.release_after is not None and are_older(files.values(), policy.release_after, now=now):
            note = reason("may_be_released", release_after=policy.release_after.total_seconds())
            return [
                evolve(outcome, notes=(*outcome.notes, note)) if outcome.item_number in numbers else outcome
                for outcome in outcomes
            ]
        return [
            evolve(outcome, status=ItemStatus.AWAITING_REVIEW, because=reasons[0], notes=tuple(reasons[1:]))
            if outcome.item_number in numbers
            else outcome
            for outcome in outcomes
        ]

    def skipped(self, status: ItemStatus, because: Reason) -> list[ItemOutcome]:
        """The outcomes of an order that is not processed: its matched items get this status and reason."""
        return [
            self.outcome(planned, status, because) if planned.status is ItemStatus.MATCHED else self.outcome(planned)
            for planned in self.items
        ]

    def hold(self, because: Reason) -> OrderPlan:
        """The plan of an order for which nothing may be sent: items that have their files fail for this reason."""
        items = tuple(
            evolve(planned, status=ItemStatus.FAILED, because=because, notes=())
            if planned.status in HAS_FILES
            else planned
            for planned in self.items
        )
        return evolve(self, items=items, held=True)

    def wait_for_other_approval(self) -> OrderPlan:
        """The plan of an order while the outcome of a ``fulfill`` call for another approval of it is unknown."""
        waiting = self.with_status(ItemStatus.SETTLING, reason("earlier_approval_unresolved"))
        return evolve(waiting, other_approval_in_doubt=True)

    def with_status(self, status: ItemStatus, because: Reason) -> OrderPlan:
        """The plan if the files or the ledger could not be read: items get this status unless the ledger decides it."""
        items = tuple(
            planned
            if planned.status in _KNOWN_FROM_LEDGER
            else evolve(
                planned, status=status, because=because, notes=(), files={}, sides={}, candidates=(), expected=()
            )
            for planned in self.items
        )
        return evolve(self, items=items)


_NOT_ATTACHED = (ItemState.SELECTED, ItemState.VERIFIED, ItemState.REJECTED)
_MOST_MISNAMED = 5
"""Names of near misses that the reason of an item contains."""


@frozen(kw_only=True)
class Planner:
    """Decides the status of every item of an order. No I/O.

    Args:
        expected: The expected files of all pending orders.
        matches: The files found.
        policy: The shop's policy.
        now: The time of the scan, with a time zone.
        call_limit: The longest that a call of the shop's client can be in flight.
        attach_at_once: Whether each item is attached as soon as it is checked.
        used_by: Each of the ``lookup_keys`` of a file → ledger rows of orders that a file with this key was printed
            for, or may have been.
        checks_digest: Digest of the scan's checks for an item.
        appear_whole: Whether the storage shows a file only when its upload is complete.
        names_can_change: Whether the name that a print expects can change without a change of the order's work: by a
            manifest, or by another SKU.
    """

    expected: ExpectedFiles
    matches: Matches
    policy: Policy
    now: datetime
    call_limit: timedelta
    attach_at_once: bool = False
    used_by: Mapping[str, Sequence[OrderRecord]] = field(factory=dict)
    checks_digest: Callable[[OrderItem], str] = lambda _item: ""
    appear_whole: bool = True
    names_can_change: bool = False

    def order(self, order: Order, key: OrderKey, record: OrderRecord | None) -> OrderPlan:
        """The plan of one order; ``record`` is its ledger row, None if there is none."""
        given, record = record, record or OrderRecord(key=key, order_number=order.number)
        decided = self._decided_by_ledger(record, listed=order.state is OrderState.PENDING)
        # The call stays unresolved even if the order was edited since and no item needs artwork any more.
        unresolved = record.state in UNRESOLVED_STATES and not any(item.requires_artwork for item in order.items)
        items: list[ItemPlan] = []
        # An order that has lost its items since its call keeps those that it was sent with.
        for item in order.items or (order_from_record(record).items if decided else ()):
            if not (item.requires_artwork or unresolved):
                items.append(ItemPlan(item=item, status=ItemStatus.NOT_REQUIRED, because=reason("no_artwork_needed")))
            elif decided is not None:
                row = record.items.get(item.number)
                files = row.files if row else ()
                names = tuple(file.name for file in files)
                status, because, *notes = decided
                if row and row.state is ItemState.LATE_REPLACEMENT and row.reason:
                    if record.state is FulfillState.UNCERTAIN:
                        notes.append(row.reason)
                    else:
                        status, because, notes = ItemStatus.LATE_REPLACEMENT, row.reason, []
                items.append(
                    ItemPlan(
                        item=item,
                        status=status,
                        because=because,
                        notes=tuple(notes),
                        candidates=names,
                        placements={file.name: file.placement for file in files} if len(files) > 1 else NOTHING,
                        renamed=any(self._is_renamed((order.id, item.number), file) for file in files),
                    )
                )
            else:
                planned = self._item(order, item, record.items.get(item.number))
                items.append(self._with_placements(planned, (order.id, item.number)))
        return OrderPlan(
            key=key,
            order=order,
            items=_with_order_waits(items),
            record=given,
            attach_at_once=self.attach_at_once,
            is_stale_fulfillment=record.is_stale_fulfillment(self.call_limit),
            used_by=self.used_by,
        )

    def _decided_by_ledger(
        self, record: OrderRecord, *, listed: bool
    ) -> tuple[ItemStatus, Reason, *tuple[Reason, ...]] | None:
        """Status, reason and notes, if the ledger alone decides them; the files do not matter then."""
        if record.state is FulfillState.FULFILLED:
            if record.is_stale_fulfillment(self.call_limit):
                return ItemStatus.UNCERTAIN, still_pending(record), reason("look_at_shop")
            at = record.updated_at.isoformat() if record.updated_at else None
            return ItemStatus.FULFILLED, reason("fulfilled_earlier", at=at)
        if record.state is FulfillState.UNCERTAIN:
            because = record.reason or reason("call_started_outcome_unknown")
            return ItemStatus.UNCERTAIN, because, resolve_note(record.key, record.order_number)
        if record.state is FulfillState.FULFILL_INTENT:
            return ItemStatus.UNCERTAIN, reason("call_unresolved")
        if record.attach_unresolved and not listed:
            return ItemStatus.UNCERTAIN, reason("attach_unresolved")
        return None

    def _with_placements(self, planned: ItemPlan, key: tuple[str, str]) -> ItemPlan:
        """The plan with the placement of each of its files, where the item has several."""
        if len(planned.item.placements) < 2 or not (planned.candidates or planned.expected):
            return planned
        of_name = {basename: placement for placement, basename in self.expected.basenames[key].items()}
        for placement in planned.item.placements:
            of_name |= {file.name: placement for file in self.matches.files_for(key, placement)}
        names = (*planned.candidates, *planned.superseded, *planned.expected)
        return evolve(planned, placements={name: of_name[name] for name in names if name in of_name})

    def _item(self, order: Order, item: OrderItem, row: ItemRecord | None) -> ItemPlan:
        key = (order.id, item.number)
        if exclusion := self.expected.excluded.get(key):
            return ItemPlan(item=item, status=exclusion.status, because=exclusion.because, notes=exclusion.notes)
        if key not in self.expected.basenames:
            return ItemPlan(item=item, status=ItemStatus.FAILED, because=reason("name_not_computed"))
        rows = self.expected.named.get(key, {})
        candidates = {placement: self._files_for(key, placement) for placement in item.placements}
        unknown = [self.matches.unknown.get(nfc(basename)) for basename in self.expected.basenames[key].values()]
        if not_known := [file_not_known(files) for files in unknown if files]:
            because, *notes = not_known
            return ItemPlan(item=item, status=ItemStatus.UNREADABLE, because=because, notes=tuple(notes))
        names = tuple(file.name for files in candidates.values() for file in files)
        choices = {
            placement: choose(files, CONFLICT if placement in rows else self.policy.several_files)
            for placement, files in candidates.items()
            if files
        }
        chosen = {placement: file for placement, file in choices.items() if file is not None}
        missing = tuple(self.expected.basenames[key][placement] for placement, files in candidates.items() if not files)
        if None in choices.values():
            because, *notes = [
                reason("several_files", files=[file.name for file in candidates[placement]])
                for placement, chosen in choices.items()
                if chosen is None
            ]
            if missing:
                notes.append(reason("waiting_for_files", basenames=list(missing)))
            conflict = ItemPlan(item=item, status=ItemStatus.CONFLICT, because=because, notes=tuple(notes))
            return self._with_sides(evolve(conflict, candidates=names, expected=missing), order, row, chosen)
        if missing:
            return self._with_sides(self._missing(order, item, missing, names), order, row, chosen)
        superseded = tuple(name for name in names if name not in {file.name for file in chosen.values()})
        plan = self._found(order, item, row, chosen)
        plan = evolve(plan, named=frozenset(file.name for placement, file in chosen.items() if placement in rows))
        if superseded:
            plan_notes = (*plan.notes, reason("passed_over", files=list(superseded)))
            plan = evolve(plan, notes=plan_notes, superseded=superseded)
        return plan

    def _is_renamed(self, key: ItemKey, file: FileRecord) -> bool:
        """Whether another file is meant for a print now than the recorded one."""
        if not self.names_can_change:
            return False
        if key not in self.expected.basenames:  # no name is possible any more, or the shop does not list the order
            return key in self.expected.excluded
        if row := self.expected.named.get(key, {}).get(file.placement):
            return nfc(row.file) != nfc(file.name)
        return nfc(self.expected.basenames[key].get(file.placement, "")) != nfc(split_extension(file.name)[0])

    def _files_for(self, key: ItemKey, placement: str) -> tuple[StoredFile, ...]:
        """The files found for one print. None if the manifest names one that is not among them."""
        files = self.matches.files_for(key, placement)
        row = self.expected.named.get(key, {}).get(placement)
        return files if row is None or any(nfc(file.name) == nfc(row.file) for file in files) else ()

    def _found(
        self, order: Order, item: OrderItem, row: ItemRecord | None, chosen: Mapping[str, StoredFile]
    ) -> ItemPlan:
        """The plan of an item that has one file for each placement."""
        names = [file.name for file in chosen.values()]
        state = row.state if row and row.checks == self.checks_digest(item) and row.describes(chosen) else None
        notes: tuple[Reason, ...] = ()
        status, because = ItemStatus.MATCHED, reason("found", files=names)
        if row and row.reason and state is ItemState.REJECTED:
            status, because, notes = ItemStatus.REJECTED, row.reason, (reason("checked_earlier"),)
        elif used := used_for_other_orders(order, chosen.values(), self.used_by):
            status, because, notes = ItemStatus.CONFLICT, used[0], tuple(used[1:])
        elif state is ItemState.ATTACHED:
            status, because = ItemStatus.ATTACHED, reason("attached", files=names)
        elif state is None and (unstable := self._unstable(chosen)):
            status, because = ItemStatus.SETTLING, unstable
        return ItemPlan(
            item=item,
            status=status,
            because=because,
            notes=notes,
            state=state,
            files=chosen,
            candidates=tuple(names),
        )

    def _with_sides(
        self, plan: ItemPlan, order: Order, row: ItemRecord | None, chosen: Mapping[str, StoredFile]
    ) -> ItemPlan:
        """The plan of an item that does not have all its files, with what is known of those that it has.

        A row that shows an attach call keeps the files of that call.
        """
        if not chosen or not (row is None or row.state in _NOT_ATTACHED):
            return plan
        state = row.state if row and row.checks == self.checks_digest(plan.item) and row.describes(chosen) else None
        if row and row.reason and state is ItemState.REJECTED:
            return plan.with_bad_sides(ItemStatus.REJECTED, row.reason, reason("checked_earlier"))
        if used := used_for_other_orders(order, chosen.values(), self.used_by):
            return plan.with_bad_sides(ItemStatus.CONFLICT, *used)
        if state is None and self._unstable(chosen):
            return plan
        return evolve(plan, state=state, sides=chosen)

    def _unstable(self, chosen: Mapping[str, StoredFile]) -> Reason | None:
        settle_for = self.policy.settle_for
        return stability_problem(chosen.values(), now=self.now, settle_for=settle_for, appear_whole=self.appear_whole)

    def _missing(self, order: Order, item: OrderItem, basenames: Sequence[str], candidates: Sequence[str]) -> ItemPlan:
        """The plan of an item that has no file for some of its placements."""
        misnamed = {basename: found for basename in basenames if (found := self.matches.misnamed.get(nfc(basename)))}
        notes = [_misnamed(basename, files) for basename, files in misnamed.items()]
        if self.matches.caveat:
            notes.append(self.matches.caveat)
        rows = {
            split_extension(row.file)[0]: row
            for row in self.expected.named.get((order.id, item.number), {}).values()
            if split_extension(row.file)[0] in basenames
        }
        by_row = [
            reason("named_in_manifest", file=row.file, manifest=self.policy.manifest, line=row.line)
            for row in rows.values()
        ]
        by_pattern = [basename for basename in basenames if basename not in rows]
        limits = [self.policy.late_after, self.policy.misnamed_after if misnamed else None]
        age = self.now - order.created_at if order.created_at else None
        waits = [*([reason("waiting_for_files", basenames=by_pattern)] if by_pattern else []), *by_row]
        status, because, notes = ItemStatus.MISSING, waits[0], [*waits[1:], *notes]
        if age is not None and any(limit is not None and age > limit for limit in limits):
            status, because = ItemStatus.LATE, reason("late", basenames=list(basenames), age=age.total_seconds())
            notes = [*by_row, *notes[len(waits) - 1 :]]
            if self.matches.saw_only_neighbors and not misnamed:
                notes.append(reason("only_neighbors_seen"))
        return ItemPlan(
            item=item,
            status=status,
            because=because,
            notes=tuple(notes),
            candidates=tuple(candidates),
            expected=tuple(basenames),
        )


def file_not_known(unknown: Mapping[str, str]) -> Reason:
    """Why it is not known whether a file exists, for the first of the names that it may have."""
    name = min(unknown)
    return reason("file_not_known", file=name, error=unknown[name])


def choice_changed(
    checked: StoredFile, siblings: Sequence[StoredFile], preference: Preference
) -> tuple[ItemStatus, Reason] | None:
    """Why the checked file is not the one to send, by the files that exist just before; None if it still is.

    Args:
        checked: The checked file of one print, as it is now.
        siblings: The other files for this print that exist now.
        preference: Which of several files the shop prefers.
    """
    chosen = choose([checked, *siblings], preference)
    if chosen == checked:
        return None
    names = sorted(file.name for file in siblings)
    if chosen is None:
        return ItemStatus.CONFLICT, reason("several_files", files=sorted([checked.name, *names]))
    return ItemStatus.SETTLING, reason("other_file_arrived", files=[chosen.name])


def still_pending(record: OrderRecord) -> Reason:
    """The shop lists an order as pending that the ledger has as fulfilled."""
    return reason("pending_after_receipt", **record.receipt_details)


def resolve_note(key: OrderKey, number: str) -> Reason:
    """How a person records the result of a call whose outcome is unknown."""
    return reason("resolve", command=resolve_command(key, number))


def order_waits(items: Iterable[tuple[OrderItem, ItemStatus]]) -> Reason:
    """The note which items an order waits for."""
    waiting = [{"item_number": item.number, "label": item.label, "status": str(status)} for item, status in items]
    return reason("order_waits", items=waiting)


def _misnamed(basename: str, files: Mapping[str, str]) -> Reason:
    """Which files have almost the name, and what they should be named.

    Args:
        basename: The expected name.
        files: The names of the files → the names that they should have.
    """
    if len(files) > 1:
        return reason("misnamed_files", files=sorted(files)[:_MOST_MISNAMED], basename=basename)
    [(file, suggestion)] = files.items()
    return reason("misnamed_file", file=file, suggestion=suggestion)


def _with_order_waits(items: Sequence[ItemPlan]) -> tuple[ItemPlan, ...]:
    """Add to each item that has its files a note which other items its order waits for."""
    waiting = [planned for planned in items if planned.item.requires_artwork and planned.status not in HAS_FILES]
    if not waiting:
        return tuple(items)
    note = order_waits((planned.item, planned.status) for planned in waiting)
    return tuple(
        evolve(planned, notes=(*planned.notes, note)) if planned.status in HAS_FILES else planned for planned in items
    )


def order_from_record(record: OrderRecord) -> Order:
    """The order as its ledger row has it, if the shop no longer lists it as pending."""
    items = [OrderItem(number, placements=[f.placement for f in row.files]) for number, row in record.items.items()]
    return Order(
        record.order_number, items, id=record.key.order_id, approval=record.key.approval, state=OrderState.OTHER
    )

"""The plan: what is known of every pending item once the listing and the ledger have been read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import evolve, field, frozen

from remote_artwork.core.expected import ExpectedFiles, canonical
from remote_artwork.core.lifecycle import (
    UNRESOLVED_STATES,
    FulfillState,
    ItemRecord,
    ItemState,
    OrderKey,
    OrderRecord,
    resolve_command,
)
from remote_artwork.core.matching import Matches
from remote_artwork.core.orders import Order, OrderItem, OrderState, StoredFile
from remote_artwork.core.policy import Policy, preferred
from remote_artwork.core.reasons import Explained, Reason, reason
from remote_artwork.core.report import ItemOutcome, ItemStatus


def stability_problem(
    files: Iterable[StoredFile], *, now: datetime, settle_for: timedelta | None, appear_whole: bool
) -> Reason | None:
    """Why an item's files should wait; None where they need not, or where their age is not known.

    Args:
        files: The files that were found for the item.
        now: The time, with a time zone.
        settle_for: How long they wait after their last change; None: not at all.
        appear_whole: Whether the storage shows a file only when it is complete.
    """
    for file in files:
        if settle_for is None or file.last_modified is None or (appear_whole and file.size > 0):
            continue
        if abs(now - file.last_modified) < settle_for:  # a clock that is wrong by years must not delay a file for ever
            code = "file_empty" if file.size == 0 else "file_just_changed"
            return reason(code, file=file.name, settle_for=settle_for.total_seconds())
    return None


HAS_ITS_FILES = (ItemStatus.MATCHED, ItemStatus.ATTACHED)
_KNOWN_WITHOUT_FILES = (
    ItemStatus.NOT_REQUIRED,
    ItemStatus.FULFILLED,
    ItemStatus.UNCERTAIN,
    ItemStatus.LATE_REPLACEMENT,
)


@frozen(kw_only=True)
class ItemPlan(Explained):
    """One item: its status so far, why, and the file chosen for each placement.

    ``state`` is how far the ledger says these very files are, judged by these very checks; None: nothing counts yet.
    ``notes`` are further reasons, such as what its order waits for.
    """

    item: OrderItem
    status: ItemStatus
    because: Reason
    notes: tuple[Reason, ...] = ()
    state: ItemState | None = None
    files: Mapping[str, StoredFile] = field(factory=dict)
    candidates: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The item's number."""
        return self.item.number


@frozen(kw_only=True)
class OrderPlan:
    """One order: its items, what the ledger knows of it, and whether each item is attached as soon as it is checked.

    ``is_stale_fulfillment`` says that the host names it pending long after its receipt.
    """

    key: OrderKey
    order: Order
    items: tuple[ItemPlan, ...]
    record: OrderRecord
    attach_at_once: bool = False
    is_stale_fulfillment: bool = False

    @property
    def complete(self) -> bool:
        """Whether every item that requires artwork has its files."""
        needed = [item for item in self.items if item.item.requires_artwork]
        return bool(needed) and all(item.status in HAS_ITS_FILES for item in needed)

    @property
    def has_work(self) -> bool:
        """Whether a scan has anything to do for this order: files to check, attach or send, or a call to settle."""
        if self.record.state is FulfillState.FULFILL_INTENT or self.is_stale_fulfillment:
            return True
        return self.complete or any(
            item.status is ItemStatus.MATCHED and not self._is_idle(item) for item in self.items
        )

    def _is_idle(self, plan: ItemPlan) -> bool:
        """Whether all has been done for the item that can be done before its siblings are there."""
        return plan.state is ItemState.VERIFIED and not self.attach_at_once

    def outcome(self, plan: ItemPlan, status: ItemStatus | None = None, because: Reason | None = None) -> ItemOutcome:
        """The outcome of one item as planned, or with another status and reason."""
        return ItemOutcome(
            order_number=self.order.number,
            item_number=plan.item.number,
            order_id=self.order.id,
            status=status or plan.status,
            because=because or plan.because,
            notes=() if because else plan.notes,
            files=plan.candidates,
            expected=plan.expected,
            superseded=plan.superseded,
            receipt=self.record.receipt if plan.status is ItemStatus.FULFILLED else None,
        )

    def outcomes(self) -> list[ItemOutcome]:
        """The outcomes of all items as planned."""
        return [self.outcome(plan) for plan in self.items]

    def skipped(self, status: ItemStatus, because: Reason) -> list[ItemOutcome]:
        """The outcomes as planned, but for what could have gone on and was left, and why."""
        return [
            self.outcome(plan, status, because) if plan.status is ItemStatus.MATCHED else self.outcome(plan)
            for plan in self.items
        ]

    def with_status(self, status: ItemStatus, because: Reason) -> OrderPlan:
        """The plan when files or ledger are not known: every item that needs artwork, unless it is settled already."""
        items = tuple(
            plan
            if plan.status in _KNOWN_WITHOUT_FILES
            else evolve(plan, status=status, because=because, notes=(), files={}, candidates=(), expected=())
            for plan in self.items
        )
        return evolve(self, items=items)


@frozen(kw_only=True)
class Planner:
    """Decides, without any I/O, what is known of every item of an order.

    Args:
        awaited: All expected names of the pass.
        matches: What the listing brought.
        policy: The shop's decisions.
        now: The time of the pass, with a time zone.
        call_limit: The longest a call of the host's client may be in flight.
        attach_at_once: Whether each item is attached as soon as it is checked.
        used: File name → orders that were sent, or may have been, and that the ledger has it for.
        checks: Digest of the checks of the pass, for one item.
        appear_whole: Whether the storage shows a file only once all of it is there.
    """

    awaited: ExpectedFiles
    matches: Matches
    policy: Policy
    now: datetime
    call_limit: timedelta
    attach_at_once: bool = False
    used: Mapping[str, Sequence[OrderRecord]] = field(factory=dict)
    checks: Callable[[OrderItem], str] = lambda _item: ""
    appear_whole: bool = True

    def order(self, order: Order, key: OrderKey, record: OrderRecord | None) -> OrderPlan:
        """The plan of one pending order; ``record`` is None where the ledger does not know it."""
        record = record or OrderRecord(key=key, order_number=order.number)
        settled = self._settled(record)
        # An order that was edited since its call, so that nothing of it needs artwork, is no less unsettled.
        all_told = record.state in UNRESOLVED_STATES and not any(item.requires_artwork for item in order.items)
        items: list[ItemPlan] = []
        for item in order.items:
            if not (item.requires_artwork or all_told):
                items.append(ItemPlan(item=item, status=ItemStatus.NOT_REQUIRED, because=reason("no_artwork_needed")))
            elif settled is not None:
                row = record.items.get(item.number)
                names = tuple(file.name for file in row.files) if row else ()
                status, because, *notes = settled
                if row and row.state is ItemState.LATE_REPLACEMENT and row.reason:
                    if record.state is FulfillState.UNCERTAIN:
                        notes.append(row.reason)
                    else:
                        status, because, notes = ItemStatus.LATE_REPLACEMENT, row.reason, []
                items.append(ItemPlan(item=item, status=status, because=because, notes=tuple(notes), candidates=names))
            else:
                items.append(self._item(order, item, record.items.get(item.number)))
        return OrderPlan(
            key=key,
            order=order,
            items=_name_siblings(items),
            record=record,
            attach_at_once=self.attach_at_once,
            is_stale_fulfillment=record.is_stale_fulfillment(self.call_limit),
        )

    def _settled(self, record: OrderRecord) -> tuple[ItemStatus, Reason, *tuple[Reason, ...]] | None:
        """Status, reason and notes of an order that is past matching by the ledger, though the shop lists it."""
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
        return None

    def _item(self, order: Order, item: OrderItem, row: ItemRecord | None) -> ItemPlan:
        key = (order.id, item.number)
        if refusal := self.awaited.refusals.get(key):
            return ItemPlan(item=item, status=refusal.status, because=refusal.because)
        if key not in self.awaited.stems:
            return ItemPlan(item=item, status=ItemStatus.FAILED, because=reason("name_not_computed"))
        candidates = {placement: self.matches.files_of(key, placement) for placement in item.placements}
        for stem in self.awaited.stems[key].values():
            if unknown := self.matches.unknown.get(canonical(stem)):
                return ItemPlan(item=item, status=ItemStatus.UNREADABLE, because=file_not_known(unknown))
        names = tuple(file.name for files in candidates.values() for file in files)
        taken = {placement: self._taken(files) for placement, files in candidates.items() if files}
        several = [file.name for placement, file in taken.items() if file is None for file in candidates[placement]]
        if several:
            because = reason("several_files", files=several)
            return ItemPlan(item=item, status=ItemStatus.CONFLICT, because=because, candidates=names)
        lacking = tuple(self.awaited.stems[key][placement] for placement, files in candidates.items() if not files)
        if lacking:
            status, because = self._missing(order, lacking)
            notes = (self.matches.caveat,) if self.matches.caveat else ()
            return ItemPlan(item=item, status=status, because=because, notes=notes, candidates=names, expected=lacking)
        chosen = {placement: file for placement, file in taken.items() if file is not None}
        superseded = tuple(name for name in names if name not in {file.name for file in chosen.values()})
        plan = self._found(order, item, row, chosen)
        if superseded:
            plan_notes = (*plan.notes, reason("passed_over", files=list(superseded)))
            plan = evolve(plan, notes=plan_notes, superseded=superseded)
        return plan

    def _taken(self, files: Sequence[StoredFile]) -> StoredFile | None:
        """The one file of a placement, or the one the policy prefers, or None: that is a conflict."""
        return files[0] if len(files) == 1 else preferred(files, self.policy.several_files)

    def _found(
        self, order: Order, item: OrderItem, row: ItemRecord | None, chosen: Mapping[str, StoredFile]
    ) -> ItemPlan:
        """The plan of an item that has one file for each placement."""
        names = [file.name for file in chosen.values()]
        state = row.state if row and row.checks == self.checks(item) and row.describes(chosen) else None
        notes: tuple[Reason, ...] = ()
        status, because = ItemStatus.MATCHED, reason("found", files=names)
        if row and row.reason and state is ItemState.REJECTED:
            status, because, notes = ItemStatus.REJECTED, row.reason, (reason("checked_earlier"),)
        elif used := self._used_elsewhere(order, chosen):
            status, because = ItemStatus.CONFLICT, used
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

    def _unstable(self, chosen: Mapping[str, StoredFile]) -> Reason | None:
        settle_for = self.policy.settle_for
        return stability_problem(chosen.values(), now=self.now, settle_for=settle_for, appear_whole=self.appear_whole)

    def _used_elsewhere(self, order: Order, chosen: Mapping[str, StoredFile]) -> Reason | None:
        """A file that was printed for one order is not printed for another because their numbers are alike."""
        for file in chosen.values():
            for record in self.used.get(file.name, ()):
                rows = record.items.values()
                if record.key.order_id != order.id and any(f.describes(file) for row in rows for f in row.files):
                    unresolved = record.state in UNRESOLVED_STATES
                    code = "may_be_printed_for_other_order" if unresolved else "printed_for_other_order"
                    return reason(code, file=file.name, order_number=record.order_number, order_id=record.key.order_id)
        return None

    def _missing(self, order: Order, lacking: Sequence[str]) -> tuple[ItemStatus, Reason]:
        age = self.now - order.created_at if order.created_at else None
        if age is not None and self.policy.late_after is not None and age > self.policy.late_after:
            return ItemStatus.LATE, reason("late", basenames=list(lacking), age=age.total_seconds())
        return ItemStatus.MISSING, reason("waiting_for_files", basenames=list(lacking))


def file_not_known(unknown: Mapping[str, str]) -> Reason:
    """Why it is not known whether a file exists, for the first of the names that it may have."""
    name = min(unknown)
    return reason("file_not_known", file=name, error=unknown[name])


def still_pending(record: OrderRecord) -> Reason:
    """The shop lists an order as pending that the ledger knows as fulfilled."""
    return reason("pending_after_receipt", **record.receipt_details)


def resolve_note(key: OrderKey, number: str) -> Reason:
    """How a person records what became of an order."""
    return reason("resolve", command=resolve_command(key, number))


def order_waits(items: Iterable[tuple[str, ItemStatus]]) -> Reason:
    """The note that says which items an order waits for, by number."""
    return reason("order_waits", items={number: str(status) for number, status in items})


def _name_siblings(items: Sequence[ItemPlan]) -> tuple[ItemPlan, ...]:
    """In an order that waits, each matched item says what the order waits for."""
    waiting = [item for item in items if item.item.requires_artwork and item.status not in HAS_ITS_FILES]
    if not waiting:
        return tuple(items)
    waits = order_waits((item.number, item.status) for item in waiting)
    return tuple(evolve(item, notes=(*item.notes, waits)) if item.status in HAS_ITS_FILES else item for item in items)


def order_of(record: OrderRecord) -> Order:
    """What the ledger remembers of an order that the host does not name pending any more."""
    items = [OrderItem(number, placements=[f.placement for f in row.files]) for number, row in record.items.items()]
    return Order(
        record.order_number, items, id=record.key.order_id, approval=record.key.approval, state=OrderState.OTHER
    )

"""The plan: what is known of every pending item once the listing and the ledger have been read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import evolve, field, frozen

from remote_artwork.core.expected import ExpectedFiles, canonical
from remote_artwork.core.lifecycle import UNRESOLVED_STATES, FulfillState, ItemRecord, ItemState, OrderKey, OrderRecord
from remote_artwork.core.matching import Matches
from remote_artwork.core.orders import Order, OrderItem, OrderState, StoredFile
from remote_artwork.core.policy import Policy, preferred
from remote_artwork.core.report import ItemOutcome, ItemStatus


def stability_problem(
    files: Iterable[StoredFile], *, now: datetime, settle_for: timedelta | None, appear_whole: bool
) -> str | None:
    """Why an item's files should wait, in words; None where they need not, or where their age is not known.

    Args:
        files: The files that were found for the item.
        now: The time, with a time zone.
        settle_for: How long they wait after their last change; None: not at all.
        appear_whole: Whether the storage shows a file only once all of it is there.
    """
    for file in files:
        if settle_for is None or file.last_modified is None or (appear_whole and file.size > 0):
            continue
        if abs(now - file.last_modified) < settle_for:  # a clock that is wrong by years lets nothing wait for ever
            state = "is empty" if file.size == 0 else "was changed just now"
            wait = f"{settle_for.total_seconds():g} seconds"
            return f"{file.name} {state}, so its upload may not have ended; it is looked at once it is {wait} old"
    return None


HAS_ITS_FILES = (ItemStatus.MATCHED, ItemStatus.ATTACHED)
_KNOWN_WITHOUT_FILES = (
    ItemStatus.NOT_REQUIRED,
    ItemStatus.FULFILLED,
    ItemStatus.UNCERTAIN,
    ItemStatus.LATE_REPLACEMENT,
)


@frozen(kw_only=True)
class ItemPlan:
    """One item: its status so far, why, and the file chosen for each placement.

    ``state`` is how far the ledger says these very files are, judged by these very checks; None: nothing counts yet.
    ``waits`` says what its order waits for, where it does.
    """

    item: OrderItem
    status: ItemStatus
    reason: str
    state: ItemState | None = None
    files: Mapping[str, StoredFile] = field(factory=dict)
    candidates: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    waits: str = ""


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
        return self.complete or any(item.status is ItemStatus.MATCHED and not self._waits(item) for item in self.items)

    def _waits(self, plan: ItemPlan) -> bool:
        """Whether all has been done for the item that can be done before its siblings are there."""
        return plan.state is ItemState.VERIFIED and not self.attach_at_once

    def outcome(self, plan: ItemPlan, status: ItemStatus | None = None, reason: str | None = None) -> ItemOutcome:
        """The outcome of one item as planned, or with another status and reason."""
        return ItemOutcome(
            order_number=self.order.number,
            item_number=plan.item.number,
            order_id=self.order.id,
            status=status or plan.status,
            reason=plan.reason if reason is None else reason,
            files=plan.candidates,
            awaited=plan.awaited,
            superseded=plan.superseded,
            receipt=self.record.receipt if plan.status is ItemStatus.FULFILLED else None,
        )

    def outcomes(self) -> list[ItemOutcome]:
        """The outcomes of all items as planned."""
        return [self.outcome(plan) for plan in self.items]

    def left(self, status: ItemStatus, reason: str) -> list[ItemOutcome]:
        """The outcomes as planned, but for what could have gone on and was left, and why."""
        return [
            self.outcome(plan, status, reason) if plan.status is ItemStatus.MATCHED else self.outcome(plan)
            for plan in self.items
        ]

    def instead(self, status: ItemStatus, reason: str) -> OrderPlan:
        """The plan when files or ledger are not known: every item that needs artwork, unless it is settled already."""
        items = tuple(
            plan
            if plan.status in _KNOWN_WITHOUT_FILES
            else evolve(plan, status=status, reason=reason, files={}, candidates=(), awaited=())
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
                items.append(ItemPlan(item=item, status=ItemStatus.NOT_REQUIRED, reason="needs no artwork"))
            elif settled is not None:
                row = record.items.get(item.number)
                names = tuple(file.name for file in row.files) if row else ()
                status, reason = settled
                if row and row.state is ItemState.LATE_REPLACEMENT and record.state is FulfillState.UNCERTAIN:
                    reason = f"{reason}; {row.reason}"
                elif row and row.state is ItemState.LATE_REPLACEMENT:
                    status, reason = ItemStatus.LATE_REPLACEMENT, row.reason
                items.append(ItemPlan(item=item, status=status, reason=reason, candidates=names))
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

    def _settled(self, record: OrderRecord) -> tuple[ItemStatus, str] | None:
        """Status and reason of an order that the ledger says is past matching, though the host names it pending."""
        if record.state is FulfillState.FULFILLED:
            if record.is_stale_fulfillment(self.call_limit):
                return ItemStatus.UNCERTAIN, f"{record.told}, but the shop still names it pending; look there"
            when = f" on {record.updated_at:%Y-%m-%d %H:%M} UTC" if record.updated_at else ""
            return ItemStatus.FULFILLED, f"fulfilled earlier{when}; nothing was sent again"
        if record.state is FulfillState.UNCERTAIN:
            return ItemStatus.UNCERTAIN, record.reason or "nobody knows whether it was fulfilled; look at the shop"
        if record.state is FulfillState.FULFILL_INTENT:
            return ItemStatus.UNCERTAIN, "a fulfill call was begun, its outcome is not known; the next scan settles it"
        return None

    def _item(self, order: Order, item: OrderItem, row: ItemRecord | None) -> ItemPlan:
        key = (order.id, item.number)
        if refusal := self.awaited.refusals.get(key):
            return ItemPlan(item=item, status=refusal.status, reason=refusal.reason)
        if key not in self.awaited.stems:
            reason = "its order was left out of the expected names, so no file was looked for"
            return ItemPlan(item=item, status=ItemStatus.FAILED, reason=reason)
        candidates = {placement: self.matches.files_from_items(key, placement) for placement in item.placements}
        for stem in self.awaited.stems[key].values():
            if unknown := self.matches.unknown.get(canonical(stem)):
                return ItemPlan(item=item, status=ItemStatus.UNREADABLE, reason=why_unknown(unknown))
        names = tuple(file.name for files in candidates.values() for file in files)
        taken = {placement: self._taken(files) for placement, files in candidates.items() if files}
        several = [file.name for placement, file in taken.items() if file is None for file in candidates[placement]]
        if several:
            reason = f"several files for one print: {', '.join(several)}; delete all but the right one"
            return ItemPlan(item=item, status=ItemStatus.CONFLICT, reason=reason, candidates=names)
        lacking = tuple(self.awaited.stems[key][placement] for placement, files in candidates.items() if not files)
        if lacking:
            status, reason = self._missing(order, lacking)
            return ItemPlan(item=item, status=status, reason=reason, candidates=names, awaited=lacking)
        chosen = {placement: file for placement, file in taken.items() if file is not None}
        superseded = tuple(name for name in names if name not in {file.name for file in chosen.values()})
        plan = self._found(order, item, row, chosen)
        if superseded:
            reason = f"{plan.reason}; passed over, as the policy says: {', '.join(superseded)}"
            plan = evolve(plan, reason=reason, superseded=superseded)
        return plan

    def _taken(self, files: Sequence[StoredFile]) -> StoredFile | None:
        """The one file of a placement, or the one the policy prefers, or None: that is a conflict."""
        return files[0] if len(files) == 1 else preferred(files, self.policy.several_files)

    def _found(
        self, order: Order, item: OrderItem, row: ItemRecord | None, chosen: Mapping[str, StoredFile]
    ) -> ItemPlan:
        """The plan of an item that has one file for each placement."""
        names = ", ".join(file.name for file in chosen.values())
        state = row.state if row and row.checks == self.checks(item) and row.describes(chosen) else None
        status, reason = ItemStatus.MATCHED, f"found {names}"
        if row and state is ItemState.REJECTED:
            status, reason = ItemStatus.REJECTED, f"{row.reason} (checked earlier, unchanged since)"
        elif used := self._used_elsewhere(order, chosen):
            status, reason = ItemStatus.CONFLICT, used
        elif state is ItemState.ATTACHED:
            status, reason = ItemStatus.ATTACHED, f"attached {names}"
        elif state is None and (unfinished := self._unfinished(chosen)):
            status, reason = ItemStatus.SETTLING, unfinished
        candidates = tuple(file.name for file in chosen.values())
        return ItemPlan(item=item, status=status, reason=reason, state=state, files=chosen, candidates=candidates)

    def _unfinished(self, chosen: Mapping[str, StoredFile]) -> str | None:
        settle_for = self.policy.settle_for
        return stability_problem(chosen.values(), now=self.now, settle_for=settle_for, appear_whole=self.appear_whole)

    def _used_elsewhere(self, order: Order, chosen: Mapping[str, StoredFile]) -> str | None:
        """A file that was printed for one order is not printed for another by the likeness of their numbers."""
        for file in chosen.values():
            for record in self.used.get(file.name, ()):
                rows = record.items.values()
                if record.key.order_id != order.id and any(f.describes(file) for row in rows for f in row.files):
                    whose = f"order {record.order_number} (id {record.key.order_id})"
                    was = "may have been" if record.state in UNRESOLVED_STATES else "was"
                    return f"{file.name} {was} printed for {whose} already; upload this order's own file in its place"
        return None

    def _missing(self, order: Order, lacking: Iterable[str]) -> tuple[ItemStatus, str]:
        wanted = " and ".join(f"{stem}.<jpg|png|pdf>" for stem in lacking)
        caveat = f"; {self.matches.caveat}" if self.matches.caveat else ""
        age = self.now - order.created_at if order.created_at else None
        if age is not None and self.policy.late_after is not None and age > self.policy.late_after:
            return (
                ItemStatus.LATE,
                f"waits for {wanted} for {format_duration(age)} already; upload it or cancel the order{caveat}",
            )
        return ItemStatus.MISSING, f"waits for {wanted}{caveat}"


def why_unknown(unknown: Mapping[str, str]) -> str:
    """Why it cannot be told whether a file is there, by the first of the names that it may have."""
    name = min(unknown)
    return f"nobody knows whether {name} is there: {unknown[name]}"


def _name_siblings(items: Sequence[ItemPlan]) -> tuple[ItemPlan, ...]:
    """In an order that waits, each matched item is told what it waits for."""
    waiting = [item for item in items if item.item.requires_artwork and item.status not in HAS_ITS_FILES]
    if not waiting:
        return tuple(items)
    waits = f"; the order waits for {', '.join(f'item {item.item.number} ({item.status})' for item in waiting)}"
    return tuple(
        evolve(item, reason=item.reason + waits, waits=waits) if item.status in HAS_ITS_FILES else item
        for item in items
    )


def order_of(record: OrderRecord) -> Order:
    """What the ledger remembers of an order that the host does not name pending any more."""
    items = [OrderItem(number, placements=[f.placement for f in row.files]) for number, row in record.items.items()]
    return Order(
        record.order_number, items, id=record.key.order_id, approval=record.key.approval, state=OrderState.OTHER
    )


def format_duration(age: timedelta) -> str:
    """A duration for people: its two largest units."""
    minutes = int(age.total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    units = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    shown = [f"{count} {unit}{'s' if count > 1 else ''}" for count, unit in units if count][:2]
    return " ".join(shown) or "less than a minute"

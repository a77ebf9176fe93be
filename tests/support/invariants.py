"""What must hold in every test, whatever happens: judged by what the shop, the storage and the ledger have recorded.

``violations`` is the one function. The crash matrix, the state machine, the contention tests and the simulation use it.
"""

from collections import defaultdict
from collections.abc import Mapping

from attrs import define, field

from history import (
    Accepted,
    CallBegan,
    CallEnded,
    CallTookEffect,
    Checked,
    Claimed,
    Died,
    History,
    ListedBeside,
    ListedOrders,
    Looked,
    NotWritten,
    OrderChanged,
    Read,
    Wrote,
)
from remote_artwork.core.expected import split_extension
from remote_artwork.core.lifecycle import UNRESOLVED_STATES, FulfillState, ItemState, OrderKey
from remote_artwork.core.orders import Order, OrderState

LONGEST_FROM_INTENT_TO_CALL = 5.0
"""Seconds. A call that cannot start within them of its intent is not made."""


def violations(history: History, *, versioned: bool, review: bool = False, reuse: bool = False) -> list[str]:
    """What must not have happened, and did: one line for each, with the number of its event.

    Args:
        history: What happened.
        versioned: Whether the storage keeps versions, so that a URL names the bytes that were checked.
        review: Whether a person must accept the files of every order.
        reuse: Whether one file serves every order of a product, and is named by its SKU.
    """
    judge = _Judge(versioned, review, reuse)
    for number, event in enumerate(history.events, start=1):
        judge.number = number
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(judge, event)
    return judge.found


@define
class _Call:
    """One call of the shop."""

    began: CallBegan
    seen: Mapping[str, str]
    """What its process saw last of each file before the call."""
    until: float
    """When its lease ended, as it began."""
    outcome: str | None = None
    took_effect: bool = False


@define
class _Row:
    """What the ledger has of one order, by its writes."""

    holder: str = ""
    released_by: str = ""
    epoch: int = 0
    until: float = 0.0
    claimed_at: int = 0
    state: FulfillState = FulfillState.OPEN
    intent_at: float | None = None
    unresolved_since: int = 0
    sent_before: bool = False
    """Whether the state was not ``open`` when the lease began: an earlier scan may have called."""
    items: dict[str, ItemState] = field(factory=dict)
    item_intent_at: dict[str, float] = field(factory=dict)
    calls: list[_Call] = field(factory=list)
    attach_ended: int = 0
    fulfill_ended: int = 0
    receipt_failed: bool = False
    """Whether a write failed since the last call ended: the lease may then be given back without the receipt."""


@define
class _Judge:
    """Goes through the events, in order."""

    versioned: bool
    review: bool
    reuse: bool
    number: int = 0
    found: list[str] = field(factory=list)
    rows: defaultdict[OrderKey, _Row] = field(factory=lambda: defaultdict(_Row))
    calls: dict[int, _Call] = field(factory=dict)
    dead: set[str] = field(factory=set)
    reads: dict[tuple[str, str], tuple[int, Read]] = field(factory=dict)
    looks: dict[tuple[str, str], tuple[int, Looked]] = field(factory=dict)
    orders_listed: dict[str, tuple[int, Mapping[str, Order]]] = field(factory=dict)
    listings: dict[tuple[str, str], tuple[int, ListedBeside]] = field(factory=dict)
    accepted: defaultdict[str, set[str]] = field(factory=lambda: defaultdict(set))
    effects: defaultdict[str, int] = field(factory=lambda: defaultdict(int))
    printed_for: dict[tuple[str, str], str] = field(factory=dict)
    reviewed: defaultdict[OrderKey, list[Mapping[str, str]]] = field(factory=lambda: defaultdict(list))
    """The contents that a person accepted, by name."""
    fulfilled: set[tuple[str, str]] = field(factory=set)
    """Order id and approval that the shop shows, or showed, as fulfilled."""

    def add(self, text: str) -> None:
        """Record a violation."""
        self.found.append(f"event {self.number}: {text}")

    def claimed(self, event: Claimed) -> None:
        """One holder at a time, and no epoch twice."""
        row = self.rows[event.key]
        if row.holder not in ("", event.process) and row.until > event.at:
            self.add(f"{event.process} claimed {event.key} while {row.holder} holds its lease")
        if event.epoch <= row.epoch:
            self.add(f"{event.process} got epoch {event.epoch} of {event.key}, which was granted before")
        row.holder, row.epoch, row.until, row.claimed_at = event.process, event.epoch, event.until, self.number
        row.sent_before = row.state is not FulfillState.OPEN
        row.attach_ended = row.fulfill_ended = 0

    def wrote(self, event: Wrote) -> None:
        """Only the holder writes; nothing during its own call; and what is true."""
        row = self.rows[event.key]
        repeated = event.release and (row.holder, row.released_by) == ("", event.process)
        if row.holder != event.process and not repeated:
            self.add(f"{event.process} wrote {event.key}, whose lease {row.holder or 'no process'} holds")
        running = next((c for c in row.calls if c.began.process == event.process and c.outcome is None), None)
        if running is not None:
            self.add(
                f"{event.process} wrote {event.key} during its call {running.began.call}, so its lease may not end"
            )
        row.items.update({number: after for number, _, after in event.items})
        for number, state in row.items.items():
            if state is ItemState.ATTACH_INTENT:  # a write that keeps it confirms it
                row.item_intent_at[number] = event.at
        for before, after, by_person in event.order:
            self._order_step(row, event, before, after, by_person=by_person)
        if event.release and row.state is FulfillState.FULFILL_INTENT and row.calls:
            last = row.calls[-1]
            of_last = (last.began.process, last.began.name, last.outcome)
            if of_last == (event.process, "fulfill", "confirmed") and not row.receipt_failed:
                self.add(f"{event.process} released {event.key} before the receipt of its call {last.began.call}")
        row.until = event.until
        if event.release:
            row.holder, row.released_by = "", event.process

    def _order_step(
        self, row: _Row, event: Wrote, before: FulfillState, after: FulfillState, *, by_person: bool
    ) -> None:
        if row.state is before and after is FulfillState.FULFILL_INTENT:
            row.intent_at = event.at
        is_new = row.state is not after
        if is_new and after in UNRESOLVED_STATES and before not in UNRESOLVED_STATES:
            row.unresolved_since = self.number
        row.state = after
        if not is_new:
            return
        if after is FulfillState.FULFILLED and (event.key.order_id, event.key.approval) not in self.fulfilled:
            self.add(f"{event.process} recorded {event.key} as fulfilled, and the shop has not fulfilled it")
        withdrawn = before is FulfillState.FULFILL_INTENT and after in (FulfillState.OPEN, FulfillState.CANCELLED)
        if withdrawn and not by_person:
            effective = [call.began.call for call in row.calls if call.began.name == "fulfill" and call.took_effect]
            if effective:
                self.add(f"{event.process} withdrew the intent of {event.key}, whose call {effective[0]} took effect")

    def not_written(self, event: NotWritten) -> None:
        """Remember that the receipt may be missing for this reason."""
        self.rows[event.key].receipt_failed = True

    def read(self, event: Read) -> None:
        """Remember what the shop answered."""
        self.reads[event.process, event.order_id] = self.number, event
        if event.order is not None and event.order.state is OrderState.FULFILLED:
            self.fulfilled.add((event.order.id, event.order.approval))

    def listed_orders(self, event: ListedOrders) -> None:
        """Remember when the scan began, and what it matches."""
        self.orders_listed[event.process] = self.number, {order.id: order for order in event.orders}

    def looked(self, event: Looked) -> None:
        """Remember what the storage showed."""
        self.looks[event.process, event.name] = self.number, event

    def listed(self, event: ListedBeside) -> None:
        """Remember when the storage was listed."""
        for basename in event.basenames:
            self.listings[event.process, basename] = self.number, event

    def checked(self, event: Checked) -> None:
        """Remember which content was accepted."""
        if event.accepted:
            self.accepted[event.name].add(event.content)

    def began(self, event: CallBegan) -> None:
        """A call has a durable intent of the last five seconds, and runs under the lease."""
        row, what = self.rows[event.key], f"{event.process} made call {event.call} ({event.name}) of {event.key}"
        names = [name for names in event.files.values() for name in names]
        seen = {
            name: self.looks[event.process, name][1].content for name in names if (event.process, name) in self.looks
        }
        call = self.calls[event.call] = _Call(event, seen, row.until)
        if row.holder != event.process:
            self.add(f"{what} without its lease, which {row.holder or 'no process'} holds")
        elif event.at >= row.until:
            self.add(f"{what} {event.at - row.until:.3f} s after its lease had ended")
        if event.name == "fulfill":
            intents = [row.intent_at if row.state is FulfillState.FULFILL_INTENT else None]
            self._is_what_was_matched(event, what)
            self._is_up_to_date(event, row, what)
        else:
            self._was_read(event, row.claimed_at, what)
            attaching = (number for number in event.files if row.items.get(number) is ItemState.ATTACH_INTENT)
            intents = [row.item_intent_at.get(number) for number in attaching] or [None]
        for intent_at in intents:
            if intent_at is None:
                self.add(f"{what} without a durable intent")
            elif event.at - intent_at > LONGEST_FROM_INTENT_TO_CALL:
                self.add(f"{what} {event.at - intent_at:.3f} s after its intent")
        for other in row.calls:
            running = other.outcome is None and other.began.process not in (*self.dead, event.process)
            if running and event.at < other.until:
                self.add(f"{what} while call {other.began.call} of {other.began.process} was running")
        if self.review:
            self._was_reviewed(event, seen, what)
        self._is_for_its_products(event, what)
        row.calls.append(call)

    def _was_reviewed(self, event: CallBegan, seen: Mapping[str, str], what: str) -> None:
        """Nothing is attached before a review, and nothing is sent whose contents nobody accepted."""
        if not self.reviewed[event.key]:
            self.add(f"{what} before a person accepted any files")
        elif event.name == "fulfill" and not any(seen.items() <= of.items() for of in self.reviewed[event.key]):
            self.add(f"{what} with files that nobody accepted: {seen}")

    def _is_for_its_products(self, event: CallBegan, what: str) -> None:
        """A file that is reused has the SKU of its item as its name."""
        skus = {item.number: [item.sku] for item in event.order.items if item.number in event.files}
        named = {number: [split_extension(name)[0] for name in names] for number, names in event.files.items()}
        if self.reuse and named != skus:
            self.add(f"{what} with a file of another product")

    def accepted_files(self, event: Accepted) -> None:
        """Remember what a person accepted."""
        self.reviewed[event.key].append(event.contents)

    def _is_what_was_matched(self, event: CallBegan, what: str) -> None:
        """The order is as it was when its files were found, and no other approval of it is in doubt."""
        listed_at, listed = self.orders_listed.get(event.process, (0, {}))
        matched = listed.get(event.key.order_id)
        if matched is not None and not event.order.same_work(matched):
            self.add(f"{what} with another order than the one that was matched with the files")
        for key, other in self.rows.items():
            of_order = key.order_id == event.key.order_id and key != event.key
            known = other.unresolved_since < listed_at
            if of_order and other.state in UNRESOLVED_STATES and known:
                self.add(f"{what} while the outcome of {key} was unknown")

    def _is_up_to_date(self, event: CallBegan, row: _Row, what: str) -> None:
        """The order and the files were read again for this call, after every other call of this lease."""
        since = max(row.claimed_at, row.attach_ended, row.fulfill_ended)
        self._was_read(event, since, what)
        since = row.claimed_at if row.sent_before else since
        for name in (name for names in event.files.values() for name in names):
            looked_at, look = self.looks.get((event.process, name), (0, None))
            if look is None or looked_at < since:
                self.add(f"{what} without looking at {name} again")
            elif look.content not in self.accepted[name]:
                self.add(f"{what} with {name}, which then had the content {look.content}, which no check accepted")
            basename = split_extension(name)[0]
            listed_at, listing = self.listings.get((event.process, basename), (0, None))
            if listing is None or listed_at < since:
                self.add(f"{what} without looking for other files beside {name}")
            elif others := {other for other in listing.names if split_extension(other)[0] == basename} - {name}:
                self.add(f"{what} with {name}, although {', '.join(others)} was there, too")

    def _was_read(self, event: CallBegan, since: int, what: str) -> None:
        """The order was read since this event, and the call has it as the shop showed it."""
        read_at, read = self.reads.get((event.process, event.key.order_id), (0, None))
        if read is None or read_at < since:
            self.add(f"{what} without reading the order again")
        elif read.order != event.order or event.order.state is not OrderState.PENDING:
            self.add(f"{what} with another order than the shop showed")

    def took_effect(self, event: CallTookEffect) -> None:
        """Each approval is fulfilled once, with what was checked, and never with the file of another order."""
        call = self.calls[event.call]
        call.took_effect = True
        began = call.began
        if began.name != "fulfill":
            return
        key = began.key
        self.fulfilled.add((key.order_id, key.approval))
        self.effects[began.idempotency_key] += 1
        if began.idempotency_key != key.fulfillment_key:
            self.add(f"call {event.call} of {key} had the idempotency key of something else")
        if self.effects[began.idempotency_key] > 1:
            self.add(f"{key} was fulfilled {self.effects[began.idempotency_key]} times, last by call {event.call}")
        for name, content in event.contents.items():
            if name in call.seen and call.seen[name] != content and not self.versioned:
                continue  # replaced between the last look and the download: nothing can prevent it, or tell the ledger
            if content not in self.accepted[name]:
                self.add(f"{key} was printed with {name}: {content}, which no check accepted")
            other = self.printed_for.setdefault((name, content), key.order_id)
            if other != key.order_id and not self.reuse:
                self.add(f"{key} was printed with {name}: {content}, which was printed for order {other} before")

    def ended(self, event: CallEnded) -> None:
        """Remember the answer."""
        call = self.calls[event.call]
        call.outcome = event.outcome
        row = self.rows[call.began.key]
        row.receipt_failed = False
        if call.began.name == "fulfill":
            row.fulfill_ended = self.number
        else:
            row.attach_ended = self.number

    def died(self, event: Died) -> None:
        """Remember that this process makes no call any more."""
        self.dead.add(event.process)

    def order_changed(self, event: OrderChanged) -> None:
        """Remember what a person has fulfilled."""
        if event.order.state is OrderState.FULFILLED:
            self.fulfilled.add((event.order.id, event.order.approval))


_HANDLERS = {
    Accepted: _Judge.accepted_files,
    Claimed: _Judge.claimed,
    Wrote: _Judge.wrote,
    NotWritten: _Judge.not_written,
    Read: _Judge.read,
    ListedOrders: _Judge.listed_orders,
    Looked: _Judge.looked,
    ListedBeside: _Judge.listed,
    Checked: _Judge.checked,
    CallBegan: _Judge.began,
    CallTookEffect: _Judge.took_effect,
    CallEnded: _Judge.ended,
    Died: _Judge.died,
    OrderChanged: _Judge.order_changed,
}

"""``FakeShop``: a host in memory that writes down every call and every effect."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Literal

from attrs import define, evolve, field, frozen

from remote_artwork.core.orders import Artwork, ArtworkByItem, Attaching, Order, OrderItem, OrderState, Recovery
from remote_artwork.errors import AlreadyFulfilled, ClientError, ItemNotFound, NotPending, OrderGone

CallName = Literal["pending_orders", "get_order", "attach_artwork", "fulfill"]
Effect = Literal["none", "at once", "late"]


@frozen(kw_only=True)
class Call:
    """One call of the client, as the journal keeps it.

    Args:
        name: Which method.
        order_id: The order it was about; empty for ``pending_orders``.
        item_number: The item, for ``attach_artwork``.
        idempotency_key: As it was given.
        effect: Whether it changed the shop.
        downloaded: SHA-256 in hex of each artwork the shop has downloaded during the call.
    """

    name: CallName
    order_id: str = ""
    item_number: str = ""
    idempotency_key: str = ""
    effect: bool = False
    downloaded: tuple[str, ...] = ()


@define
class _Fault:
    name: CallName
    error: BaseException
    effect: Effect


def _by_id(orders: Iterable[Order]) -> dict[str, Order]:
    return {order.id: order for order in orders}


@define(eq=False)
class FakeShop:
    """A ``FulfillmentClient`` in memory, for tests. May be called by several threads.

    Args:
        orders: What the shop sells, in any state.
        recovery: How a repeated ``fulfill`` behaves. ``IDEMPOTENT``: the same key gives the same receipt and has no
            second effect. ``QUERYABLE``: ``AlreadyFulfilled``. ``NONE``: the order is printed and charged again.
        attaching: With ``WITH_FULFILL``, a call of ``attach_artwork`` fails the test.
        call_limit: As the client promises it.
        download: Gives the bytes of an artwork, or raises ``ArtworkUnreachable``; without it nothing is downloaded.
        journal: Every call, in order.
        effects: Idempotency key → how often a ``fulfill`` with it took effect; never above 1 in a sound scan.
        artwork: (order id, item number) → the artwork the shop holds.
    """

    orders: dict[str, Order] = field(converter=_by_id)
    recovery: Recovery = field(default=Recovery.QUERYABLE, kw_only=True)
    attaching: Attaching = field(default=Attaching.SEPARATE, kw_only=True)
    call_limit: timedelta = field(default=timedelta(minutes=2), kw_only=True)
    download: Callable[[Artwork], bytes] | None = field(default=None, kw_only=True)
    journal: list[Call] = field(factory=list, init=False)
    effects: Counter[str] = field(factory=Counter, init=False)
    artwork: dict[tuple[str, str], tuple[Artwork, ...]] = field(factory=dict, init=False)
    _faults: list[_Fault] = field(factory=list, init=False)
    _under_way: list[Callable[[], object]] = field(factory=list, init=False, repr=False)
    _lock: threading.RLock = field(factory=threading.RLock, init=False, repr=False)

    def pending_orders(self) -> Iterable[Order]:
        """The orders that wait for approval, as they are at the call."""
        with self._lock:
            self._begin(Call(name="pending_orders"))
            return [order for order in self.orders.values() if order.state is OrderState.PENDING]

    def get_order(self, order_id: str) -> Order:
        """One order as it is now."""
        with self._lock:
            self._begin(Call(name="get_order", order_id=order_id))
            return self._order(order_id)

    def attach_artwork(
        self, order: Order, item: OrderItem, artworks: Sequence[Artwork], *, idempotency_key: str
    ) -> None:
        """Sets the artwork of one item."""
        call = Call(name="attach_artwork", order_id=order.id, item_number=item.number, idempotency_key=idempotency_key)
        again = partial(self.attach_artwork, order, item, artworks, idempotency_key=idempotency_key)
        with self._lock:
            fault = self._begin(call, again)
            if self.attaching is Attaching.WITH_FULFILL:
                raise AssertionError("attach_artwork was called on a client that attaches with fulfill")
            now = self._pending(order.id)
            downloaded = self._downloaded(artworks)
            self._attach(now, item.number, artworks)
            self._took_effect(call, fault, downloaded)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """Fulfills the order; what a repeat does, ``recovery`` says."""
        call = Call(name="fulfill", order_id=order.id, idempotency_key=idempotency_key)
        again = partial(self.fulfill, order, artworks, idempotency_key=idempotency_key)
        with self._lock:
            fault = self._begin(call, again)
            now = self._order(order.id)
            if self.recovery is Recovery.IDEMPOTENT and self.effects[idempotency_key]:
                return _receipt(now)
            if now.state is OrderState.FULFILLED and self.recovery is not Recovery.NONE:
                raise AlreadyFulfilled(f"order {now.number!r} is fulfilled already")
            if now.state is not OrderState.FULFILLED:
                self._pending(order.id)
            for number in artworks:
                _item(now, number)
            downloaded = self._downloaded([piece for pieces in artworks.values() for piece in pieces])
            for number, pieces in artworks.items():
                self._attach(now, number, pieces)
            key = None if self.recovery is Recovery.NONE else idempotency_key
            self.put(evolve(now, state=OrderState.FULFILLED, fulfillment_key=key))
            self.effects[idempotency_key] += 1
            self._took_effect(call, fault, downloaded)
            return _receipt(now)

    def put(self, order: Order) -> None:
        """Adds an order, or edits the one with its id, as a person at the shop would."""
        with self._lock:
            self.orders[order.id] = order

    def cancel(self, order_id: str) -> None:
        """Cancels an order by hand."""
        self.put(evolve(self._order(order_id), state=OrderState.CANCELLED))

    def fulfill_by_hand(self, order_id: str) -> None:
        """Fulfills an order without any call of ours."""
        self.put(evolve(self._order(order_id), state=OrderState.FULFILLED))

    def forget(self, order_id: str) -> None:
        """Deletes an order."""
        with self._lock:
            del self.orders[order_id]

    def fail_next(self, name: CallName, error: BaseException, *, after_effect: bool = False) -> None:
        """Makes the next call of ``name`` raise ``error``: instead of its effect, or once it has had it."""
        self._faults.append(_Fault(name, error, "at once" if after_effect else "none"))

    def delay_next(self, name: Literal["attach_artwork", "fulfill"], error: BaseException) -> None:
        """Makes the next call of ``name`` raise ``error``, and have its effect only when ``arrive`` is called."""
        self._faults.append(_Fault(name, error, "late"))

    def arrive(self) -> None:
        """Every delayed call reaches the shop now. Nobody hears of its answer."""
        calls, self._under_way[:] = list(self._under_way), []
        for call in calls:
            with suppress(ClientError):
                call()

    def calls(self, name: CallName) -> list[Call]:
        """The journal's calls of one method."""
        return [call for call in self.journal if call.name == name]

    def _begin(self, call: Call, again: Callable[[], object] | None = None) -> _Fault | None:
        self.journal.append(call)
        fault = next((fault for fault in self._faults if fault.name == call.name), None)
        if fault is not None:
            self._faults.remove(fault)
            if fault.effect == "late" and again is not None:
                self._under_way.append(again)
            if fault.effect != "at once":
                raise fault.error
        return fault

    def _downloaded(self, artworks: Iterable[Artwork]) -> tuple[str, ...]:
        if self.download is None:
            return ()
        return tuple(hashlib.sha256(self.download(artwork)).hexdigest() for artwork in artworks)

    def _took_effect(self, call: Call, fault: _Fault | None, downloaded: tuple[str, ...]) -> None:
        place = next(place for place, made in enumerate(self.journal) if made is call)
        self.journal[place] = evolve(call, effect=True, downloaded=downloaded)
        if fault is not None:
            raise fault.error

    def _order(self, order_id: str) -> Order:
        try:
            return self.orders[order_id]
        except KeyError:
            raise OrderGone(f"no order has the id {order_id!r}") from None

    def _pending(self, order_id: str) -> Order:
        order = self._order(order_id)
        if order.state is not OrderState.PENDING:
            raise NotPending(f"order {order.number!r} no longer waits for approval: it is {order.state}")
        return order

    def _attach(self, order: Order, number: str, artworks: Sequence[Artwork]) -> None:
        self.artwork[order.id, _item(order, number).number] = tuple(artworks)


def _item(order: Order, number: str) -> OrderItem:
    for item in order.items:
        if item.number == number:
            return item
    raise ItemNotFound(f"order {order.number!r} has no item {number!r}")


def _receipt(order: Order) -> str:
    return f"receipt-{order.id}"

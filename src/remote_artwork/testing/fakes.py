"""``FakeShop``: a shop in memory that records every call and its effect."""

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

CallName = Literal["pending_orders", "get_order", "attach_artwork", "attach_order", "fulfill"]
Effect = Literal["none", "immediate", "delayed"]


@frozen(kw_only=True)
class Call:
    """One recorded call.

    Args:
        name: The method.
        order_id: The order; empty for ``pending_orders``.
        item_number: The item, for ``attach_artwork``.
        idempotency_key: The key that the call received.
        effect: Whether the call changed the shop.
        downloaded: SHA-256, in hex, of each artwork that the shop downloaded during the call.
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
    """A ``FulfillmentClient`` in memory, for tests. Several threads may call it.

    Args:
        orders: The orders of the shop, in any state.
        recovery: What a repeated ``fulfill`` does. ``IDEMPOTENT``: the same key returns the same receipt and has no
            second effect. ``QUERYABLE``: it raises ``AlreadyFulfilled``. ``NONE``: the shop prints and charges the
            order again.
        attaching: How files are attached. A call that does not belong to it fails the test.
        call_limit: The longest time a call may take.
        concurrent_calls: How many calls may run at once.
        calls_per_second: How many calls may start per second.
        download: Returns the bytes of an artwork, or raises ``ArtworkUnreachable``. By default nothing is downloaded.
        journal: Every call, in order.
        effects: Idempotency key → how many ``fulfill`` calls with it took effect. A correct scan never exceeds 1.
        artwork: (order id, item number) → the artwork that the shop has stored.
    """

    orders: dict[str, Order] = field(converter=_by_id)
    recovery: Recovery = field(default=Recovery.QUERYABLE, kw_only=True)
    attaching: Attaching = field(default=Attaching.SEPARATE, kw_only=True)
    call_limit: timedelta = field(default=timedelta(minutes=2), kw_only=True)
    concurrent_calls: int = field(default=1, kw_only=True)
    calls_per_second: float | None = field(default=None, kw_only=True)
    download: Callable[[Artwork], bytes] | None = field(default=None, kw_only=True)
    journal: list[Call] = field(factory=list, init=False)
    effects: Counter[str] = field(factory=Counter, init=False)
    artwork: dict[tuple[str, str], tuple[Artwork, ...]] = field(factory=dict, init=False)
    _faults: list[_Fault] = field(factory=list, init=False)
    _delayed: list[Callable[[], object]] = field(factory=list, init=False, repr=False)
    _lock: threading.RLock = field(factory=threading.RLock, init=False, repr=False)

    def pending_orders(self) -> Iterable[Order]:
        """Return the orders that are pending now."""
        with self._lock:
            self._begin(Call(name="pending_orders"))
            return [order for order in self.orders.values() if order.state is OrderState.PENDING]

    def get_order(self, order_id: str) -> Order:
        """Return the current state of one order."""
        with self._lock:
            self._begin(Call(name="get_order", order_id=order_id))
            return self._order(order_id)

    def attach_artwork(
        self, order: Order, item: OrderItem, artworks: Sequence[Artwork], *, idempotency_key: str
    ) -> None:
        """Set the artwork of one item."""
        call = Call(name="attach_artwork", order_id=order.id, item_number=item.number, idempotency_key=idempotency_key)
        replay = partial(self.attach_artwork, order, item, artworks, idempotency_key=idempotency_key)
        with self._lock:
            fault = self._begin(call, replay)
            if self.attaching is not Attaching.SEPARATE:
                raise AssertionError(f"attach_artwork was called on a client that attaches {self.attaching}")
            now = self._pending(order.id)
            downloaded = self._downloaded(artworks)
            self._attach(now, item.number, artworks)
            self._record_effect(call, fault, downloaded)

    def attach_order(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> None:
        """Set the artwork of all items."""
        call = Call(name="attach_order", order_id=order.id, idempotency_key=idempotency_key)
        replay = partial(self.attach_order, order, artworks, idempotency_key=idempotency_key)
        with self._lock:
            fault = self._begin(call, replay)
            if self.attaching is not Attaching.PER_ORDER:
                raise AssertionError(f"attach_order was called on a client that attaches {self.attaching}")
            downloaded = self._set(self._pending(order.id), artworks)
            self._record_effect(call, fault, downloaded)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """Fulfill the order. ``recovery`` decides what a repeated call does."""
        call = Call(name="fulfill", order_id=order.id, idempotency_key=idempotency_key)
        replay = partial(self.fulfill, order, artworks, idempotency_key=idempotency_key)
        with self._lock:
            fault = self._begin(call, replay)
            now = self._order(order.id)
            if self.recovery is Recovery.IDEMPOTENT and self.effects[idempotency_key]:
                return _receipt(now)
            if now.state is OrderState.FULFILLED and self.recovery is not Recovery.NONE:
                raise AlreadyFulfilled(f"order {now.number!r} is fulfilled already")
            if now.state is not OrderState.FULFILLED:
                self._pending(order.id)
            downloaded = self._set(now, artworks)
            key = None if self.recovery is Recovery.NONE else idempotency_key
            self.put(evolve(now, state=OrderState.FULFILLED, fulfillment_key=key))
            self.effects[idempotency_key] += 1
            self._record_effect(call, fault, downloaded)
            return _receipt(now)

    def put(self, order: Order) -> None:
        """Add an order, or replace the one with the same id, as a person in the shop would."""
        with self._lock:
            self.orders[order.id] = order

    def cancel(self, order_id: str) -> None:
        """Cancel an order, as a person in the shop would."""
        self.put(evolve(self._order(order_id), state=OrderState.CANCELLED))

    def fulfill_by_hand(self, order_id: str) -> None:
        """Fulfill an order without a call of the library."""
        self.put(evolve(self._order(order_id), state=OrderState.FULFILLED))

    def delete(self, order_id: str) -> None:
        """Delete an order."""
        with self._lock:
            del self.orders[order_id]

    def fail_next(self, name: CallName, error: BaseException, *, after_effect: bool = False) -> None:
        """Make the next call of ``name`` raise ``error``, without its effect or after it."""
        self._faults.append(_Fault(name, error, "immediate" if after_effect else "none"))

    def delay_next(self, name: Literal["attach_artwork", "attach_order", "fulfill"], error: BaseException) -> None:
        """Make the next call of ``name`` raise ``error``. ``run_delayed`` applies its effect later."""
        self._faults.append(_Fault(name, error, "delayed"))

    def run_delayed(self) -> None:
        """Apply the effect of every delayed call now, and discard its response."""
        calls, self._delayed[:] = list(self._delayed), []
        for call in calls:
            with suppress(ClientError):
                call()

    def calls(self, name: CallName) -> list[Call]:
        """Return the recorded calls of one method."""
        return [call for call in self.journal if call.name == name]

    def _begin(self, call: Call, replay: Callable[[], object] | None = None) -> _Fault | None:
        self.journal.append(call)
        fault = next((fault for fault in self._faults if fault.name == call.name), None)
        if fault is not None:
            self._faults.remove(fault)
            if fault.effect == "delayed" and replay is not None:
                self._delayed.append(replay)
            if fault.effect != "immediate":
                raise fault.error
        return fault

    def _downloaded(self, artworks: Iterable[Artwork]) -> tuple[str, ...]:
        if self.download is None:
            return ()
        return tuple(hashlib.sha256(self.download(artwork)).hexdigest() for artwork in artworks)

    def _record_effect(self, call: Call, fault: _Fault | None, downloaded: tuple[str, ...]) -> None:
        position = next(index for index, recorded in enumerate(self.journal) if recorded is call)
        self.journal[position] = evolve(call, effect=True, downloaded=downloaded)
        if fault is not None:
            raise fault.error

    def _order(self, order_id: str) -> Order:
        try:
            return self.orders[order_id]
        except KeyError:
            raise OrderGone(f"there is no order with the id {order_id!r}") from None

    def _pending(self, order_id: str) -> Order:
        order = self._order(order_id)
        if order.state is not OrderState.PENDING:
            raise NotPending(f"order {order.number!r} is no longer pending: it is {order.state}")
        return order

    def _set(self, order: Order, artworks: ArtworkByItem) -> tuple[str, ...]:
        """Set the artwork of several items, or of none if one of them is unknown or cannot be downloaded."""
        for number in artworks:
            _item(order, number)
        downloaded = self._downloaded([artwork for files in artworks.values() for artwork in files])
        for number, files in artworks.items():
            self._attach(order, number, files)
        return downloaded

    def _attach(self, order: Order, number: str, artworks: Sequence[Artwork]) -> None:
        self.artwork[order.id, _item(order, number).number] = tuple(artworks)


def _item(order: Order, number: str) -> OrderItem:
    for item in order.items:
        if item.number == number:
            return item
    raise ItemNotFound(f"order {order.number!r} has no item {number!r}")


def _receipt(order: Order) -> str:
    return f"receipt-{order.id}"

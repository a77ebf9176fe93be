"""A shop with a journal, and the ``FulfillmentClient`` of one process in front of it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from attrs import define, evolve, field

import remote_artwork as ra
from history import PERSON, CallBegan, CallEnded, CallTookEffect, History, ListedOrders, OrderChanged, Read
from remote_artwork.core.lifecycle import OrderKey
from simulation.faults import Faults
from simulation.scheduler import Process, Scheduler
from simulation.storage import Bucket

T = TypeVar("T")
CALL_LIMIT = 30.0
READ_FAULTS = ("die", "refuse", "lose", "stall")
CALL_FAULTS = ("die", "refuse", "lose", "stall", "late")
TENANT = "default"


@define(eq=False)
class Shop:
    """The shop itself: what its orders are, and what its calls do.

    Args:
        recovery: What a repeated ``fulfill`` does.
        attaching: Whether artwork is attached by a call of its own.
        careless: A ``QUERYABLE`` shop that prints a fulfilled order again. It promises no more than ``get_order``.
        edits_orders: Whether an attach call moves the order to another state, until its answer has arrived. If the
            answer is lost, the order stays there.
        shows_key: Whether ``get_order`` shows the idempotency key of the fulfillment.
        shows_effect_after: Seconds after which ``get_order`` shows the effect of a call. Only one with ``NONE`` takes
            any: it promises nothing.
    """

    scheduler: Scheduler
    history: History
    bucket: Bucket
    recovery: ra.Recovery
    attaching: ra.Attaching
    careless: bool
    edits_orders: bool
    shows_key: bool
    shows_effect_after: float
    orders: dict[str, ra.Order] = field(factory=dict)
    receipts: dict[str, str] = field(factory=dict)
    _shown_from: dict[str, float] = field(factory=dict)

    def put(self, order: ra.Order, what: str) -> None:
        """A person changes an order."""
        self.orders[order.id] = order
        self._shown_from.pop(order.id, None)
        self.history.add(OrderChanged(self.scheduler.now, PERSON, what, order))

    def get(self, order_id: str) -> ra.Order:
        """One order as it is now."""
        try:
            return self.orders[order_id]
        except KeyError:
            raise ra.OrderGone(f"there is no order {order_id}") from None

    def pending(self) -> list[ra.Order]:
        """The orders that wait for approval."""
        return [order for order in self.orders.values() if order.state is ra.OrderState.PENDING]

    def shown(self, order_id: str) -> ra.Order | None:
        """One order as ``get_order`` shows it; None if there is none."""
        order = self.orders.get(order_id)
        if order is not None and self._shown_from.get(order_id, 0.0) > self.scheduler.now:
            return evolve(order, state=ra.OrderState.PENDING)
        return order

    def shown_pending(self) -> list[ra.Order]:
        """The orders that wait for approval, as ``pending_orders`` shows them."""
        shown = [order for order_id in self.orders if (order := self.shown(order_id)) is not None]
        return [order for order in shown if order.state is ra.OrderState.PENDING]

    def attach(self, call: int, order: ra.Order, artworks: Sequence[ra.Artwork]) -> None:
        """Set the artwork of one item, or of all. It may open an edit of the order."""
        now = self.get(order.id)
        if now.state is not ra.OrderState.PENDING or now.approval != order.approval:
            raise ra.NotPending(f"order {order.id} is {now.state}")
        self._effect(call, artworks)
        if self.edits_orders:
            self.orders[order.id] = evolve(now, state=ra.OrderState.OTHER)

    def end_edit(self, order_id: str) -> None:
        """Close the edit of an order, if one is open."""
        order = self.orders[order_id]
        if order.state is ra.OrderState.OTHER:
            self.orders[order_id] = evolve(order, state=ra.OrderState.PENDING)

    def fulfill(self, call: int, order: ra.Order, artworks: Sequence[ra.Artwork], key: str) -> str:
        """Print the order."""
        now = self.get(order.id)
        if self.recovery is ra.Recovery.IDEMPOTENT and key in self.receipts:
            return self.receipts[key]
        if now.approval != order.approval:
            raise ra.NotPending(f"order {order.id} was approved again")
        prints_again = self.careless or self.recovery is ra.Recovery.NONE
        if now.state is ra.OrderState.FULFILLED and not prints_again:
            raise ra.AlreadyFulfilled(f"order {order.id} is fulfilled already")
        if now.state not in (ra.OrderState.PENDING, ra.OrderState.FULFILLED):
            raise ra.NotPending(f"order {order.id} is {now.state}")
        self._effect(call, artworks)
        shown = key if self.shows_key and self.recovery is not ra.Recovery.NONE else None
        self.orders[order.id] = evolve(now, state=ra.OrderState.FULFILLED, fulfillment_key=shown)
        self._shown_from[order.id] = self.scheduler.now + self.shows_effect_after
        receipt = self.receipts[key] = f"receipt of call {call}"
        return receipt

    def _effect(self, call: int, artworks: Sequence[ra.Artwork]) -> None:
        contents = {artwork.name: self.bucket.download(artwork.url).content for artwork in artworks}
        self.history.add(CallTookEffect(self.scheduler.now, "shop", call, contents))


@define(eq=False)
class ShopClient:
    """The client of one process. Each call has a way to the shop, an effect, and a way of its answer."""

    shop: Shop
    process: Process
    faults: Faults
    network: Process
    concurrent_calls: int = 1
    call_limit: timedelta = timedelta(seconds=CALL_LIMIT)

    @property
    def recovery(self) -> ra.Recovery:
        """See ``FulfillmentClient``."""
        return self.shop.recovery

    @property
    def attaching(self) -> ra.Attaching:
        """See ``FulfillmentClient``."""
        return self.shop.attaching

    def pending_orders(self) -> list[ra.Order | ra.UnreadableOrder]:
        """See ``FulfillmentClient``."""
        return self._read("pending_orders", self._list)

    def _list(self) -> list[ra.Order | ra.UnreadableOrder]:
        orders = self.shop.shown_pending()
        self.shop.history.add(ListedOrders(self.faults.scheduler.now, self.process.name, tuple(orders)))
        return list(orders)

    def get_order(self, order_id: str) -> ra.Order:
        """See ``FulfillmentClient``."""
        return self._read(f"get_order {order_id}", lambda: self._get(order_id))

    def _get(self, order_id: str) -> ra.Order:
        order = self.shop.shown(order_id)
        self.shop.history.add(Read(self.faults.scheduler.now, self.process.name, order_id, order))
        if order is None:
            raise ra.OrderGone(f"there is no order {order_id}")
        return order

    def _read(self, what: str, effect: Callable[[], T]) -> T:
        faults, process = self.faults, self.process
        fault = faults.strike(process, "shop", what, READ_FAULTS)
        if fault == "stall":
            faults.stall()
        faults.travel()
        if fault == "refuse":
            raise ra.RateLimited(retry_after=faults.random.choice((None, 1.0, 15.0)))
        answer = effect()
        faults.answer()
        if fault == "die":
            faults.die(process)
        if fault == "lose":
            raise ra.Unavailable("the answer was lost")
        return answer

    def attach_artwork(
        self, order: ra.Order, item: ra.OrderItem, artworks: Sequence[ra.Artwork], *, idempotency_key: str
    ) -> None:
        """See ``ArtworkAttacher``."""
        self._attach(order, {item.number: artworks}, idempotency_key)

    def attach_order(
        self, order: ra.Order, artworks: Mapping[str, Sequence[ra.Artwork]], *, idempotency_key: str
    ) -> None:
        """See ``OrderArtworkAttacher``."""
        self._attach(order, artworks, idempotency_key)

    def _attach(self, order: ra.Order, artworks: Mapping[str, Sequence[ra.Artwork]], idempotency_key: str) -> None:
        call = self._begin("attach", order, idempotency_key, artworks)
        every = [artwork for files in artworks.values() for artwork in files]
        self._call(call, lambda: self.shop.attach(call, order, every), lambda: self.shop.end_edit(order.id))

    def fulfill(
        self, order: ra.Order, artworks: Mapping[str, Sequence[ra.Artwork]], *, idempotency_key: str
    ) -> str | None:
        """See ``FulfillmentClient``."""
        call = self._begin("fulfill", order, idempotency_key, artworks)
        every = [artwork for files in artworks.values() for artwork in files]
        return self._call(call, lambda: self.shop.fulfill(call, order, every, idempotency_key))

    def _begin(
        self, name: str, order: ra.Order, idempotency_key: str, artworks: Mapping[str, Sequence[ra.Artwork]]
    ) -> int:
        call = self.shop.history.next_call()
        files = {number: tuple(artwork.name for artwork in each) for number, each in artworks.items()}
        key = OrderKey(TENANT, order.id, order.approval)
        now = self.faults.scheduler.now
        self.shop.history.add(CallBegan(now, self.process.name, call, name, key, idempotency_key, order, files))
        return call

    def _call(self, call: int, effect: Callable[[], T], finish: Callable[[], object] = lambda: None) -> T:
        """One call. The shop finishes it when its answer has arrived, or when it arrives late as a whole."""
        outcome = "unknown"
        try:
            answer = self._travel(call, effect, finish)
            finish()
            outcome = "confirmed"
        except ra.OutcomeUnknown:
            raise
        except ra.ClientError:
            outcome = "refused"
            raise
        finally:
            if not self.process.dead:
                self.shop.history.add(CallEnded(self.faults.scheduler.now, self.process.name, call, outcome))
        return answer

    def _travel(self, call: int, effect: Callable[[], T], finish: Callable[[], object]) -> T:
        """One call with an effect, which takes less than ``call_limit`` whatever happens."""
        faults, process, scheduler = self.faults, self.process, self.faults.scheduler
        ends_at = scheduler.now + CALL_LIMIT
        fault = faults.strike(process, "call", str(call), CALL_FAULTS)
        early = fault is not None and faults.coin()
        if fault == "late":
            self._take_effect_later(lambda: (effect(), finish()), faults.random.uniform(0, CALL_LIMIT))
            if early:
                faults.die(process)
            scheduler.wait(CALL_LIMIT * faults.random.random() ** 2)
            raise ra.OutcomeUnknown("timeout")
        if fault == "stall" and early:
            scheduler.wait(faults.random.uniform(0, 0.45 * CALL_LIMIT))
        faults.travel()
        if fault == "die" and early:
            faults.die(process)
        if fault == "refuse":
            refusal = faults.random.choice(REFUSALS)
            raise refusal()
        if fault == "lose" and early:
            raise ra.OutcomeUnknown("the request was lost")
        answer = effect()
        if fault == "stall":
            scheduler.wait(faults.random.uniform(0, 0.45 * CALL_LIMIT))
        faults.answer()
        if fault == "die":
            faults.die(process)
        if fault == "lose":
            raise faults.random.choice((ra.OutcomeUnknown, RuntimeError))("the answer was lost")
        assert scheduler.now <= ends_at, "the simulated shop breaks its promise"
        return answer

    def _take_effect_later(self, effect: Callable[[], object], seconds: float) -> None:
        def arrive() -> None:
            self.faults.scheduler.wait(seconds)
            try:
                effect()
            except ra.ClientError as error:
                self.faults.note(self.network, f"a late call was refused: {error}")

        self.faults.scheduler.spawn(self.network, "late call", arrive)


def _rate_limited() -> ra.RateLimited:
    return ra.RateLimited(retry_after=2.0)


REFUSALS: tuple[Callable[[], Exception], ...] = (
    _rate_limited,
    lambda: ra.Unavailable("503"),
    lambda: ra.Unavailable("503"),
    lambda: ra.PaymentRequired("pay first"),
    lambda: ra.ArtworkUnreachable("404"),
)

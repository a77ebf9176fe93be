# ruff: noqa: ARG002 - a client that does nothing still has the arguments of the interface
"""Clients that are wrong in one way each. ``tests/contract/test_wrong_clients.py`` says which test catches which."""

from attrs import define, evolve, field

import remote_artwork as ra
from remote_artwork.testing import FakeShop


@define(eq=False)
class TwoWrites(FakeShop):
    """A right client of a shop that is changed by two writes: the artwork, and then the state of the order.

    Args:
        breaks_after: The number of writes until the connection breaks; 0 if it broke, None if it will not break.
        printed: How often the shop has printed an order.
        stored: The artwork that arrived in the shop, by order id.
    """

    breaks_after: int | None = field(default=None, init=False)
    printed: int = field(default=0, init=False)

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        FakeShop.attach_artwork(self, order, item, artworks, idempotency_key=idempotency_key)
        self.written()

    def attach_order(self, order, artworks, *, idempotency_key):
        FakeShop.attach_order(self, order, artworks, idempotency_key=idempotency_key)
        self.written()

    def fulfill(self, order, artworks, *, idempotency_key):
        had_effect = self.effects.total()
        receipt = FakeShop.fulfill(self, order, artworks, idempotency_key=idempotency_key)
        self.printed += self.effects.total() - had_effect
        self.after_fulfill(order)
        self.written()
        return receipt

    def after_fulfill(self, order):
        """Called after the effect of ``fulfill``."""

    def written(self):
        """Count a write. The connection may break after it."""
        if self.breaks_after:
            self.breaks_after -= 1
            if self.breaks_after == 0:
                raise ra.OutcomeUnknown("the connection broke")


class AlwaysTheFirstLine(FakeShop):
    """Attaches every file to the first item."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        item = order.items[0] if item in order.items else item
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)

    def attach_order(self, order, artworks, *, idempotency_key):
        super().attach_order(order, self.all_to_the_first(order, artworks), idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        if self.attaching is ra.Attaching.WITH_FULFILL:
            artworks = self.all_to_the_first(order, artworks)
            return super().fulfill(order, artworks, idempotency_key=idempotency_key)
        return fulfill_attached(self, order, idempotency_key)

    @staticmethod
    def all_to_the_first(order, artworks):
        return {order.items[0].number: [each for files in artworks.values() for each in files]}


class NothingAttached(FakeShop):
    """Fulfills without any file."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, (), idempotency_key=idempotency_key)

    def attach_order(self, order, artworks, *, idempotency_key):
        super().attach_order(order, {}, idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        return super().fulfill(order, {}, idempotency_key=idempotency_key)


class SwappedLines(FakeShop):
    """Gives the files of each item to another one."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        if item in order.items:
            item = order.items[-1 - order.items.index(item)]
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)

    def attach_order(self, order, artworks, *, idempotency_key):
        super().attach_order(order, self.swapped(artworks), idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        if self.attaching is ra.Attaching.WITH_FULFILL:
            return super().fulfill(order, self.swapped(artworks), idempotency_key=idempotency_key)
        return fulfill_attached(self, order, idempotency_key)

    @staticmethod
    def swapped(artworks):
        return dict(zip(artworks, reversed(list(artworks.values())), strict=True))


class OtherOrder(FakeShop):
    """Attaches the files to another order."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, (), idempotency_key=idempotency_key)
        self.artwork["1002", item.number] = tuple(artworks)

    def fulfill(self, order, artworks, *, idempotency_key):
        return fulfill_attached(self, order, idempotency_key)


class Appends(FakeShop):
    """Adds files to those of an earlier call."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        held = self.artwork.get((order.id, item.number), ())
        super().attach_artwork(order, item, (*held, *artworks), idempotency_key=idempotency_key)

    def attach_order(self, order, artworks, *, idempotency_key):
        both = {number: (*self.artwork.get((order.id, number), ()), *files) for number, files in artworks.items()}
        super().attach_order(order, both, idempotency_key=idempotency_key)


class AttachesUntilItFails(FakeShop):
    """Attaches item by item, and says that nothing happened when a later one is refused."""

    def attach_order(self, order, artworks, *, idempotency_key):
        for number, files in artworks.items():
            super().attach_order(order, {number: files}, idempotency_key=idempotency_key)


class KeepsWhatIsAttached(FakeShop):
    """Attaches files only to items that have none, so a replaced file never arrives."""

    def attach_order(self, order, artworks, *, idempotency_key):
        missing = {number: files for number, files in artworks.items() if (order.id, number) not in self.artwork}
        super().attach_order(order, missing, idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        return fulfill_attached(self, order, idempotency_key)


class LeavesTheLastItemOut(FakeShop):
    """Attaches the files of all items but one."""

    def attach_order(self, order, artworks, *, idempotency_key):
        super().attach_order(order, dict(list(artworks.items())[:-1]), idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        return fulfill_attached(self, order, idempotency_key)


class ForgetsPlacements(FakeShop):
    """Sends only the first file of each item."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks[:1], idempotency_key=idempotency_key)

    def attach_order(self, order, artworks, *, idempotency_key):
        super().attach_order(order, self.first(artworks), idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        return super().fulfill(order, self.first(artworks), idempotency_key=idempotency_key)

    @staticmethod
    def first(artworks):
        return {number: files[:1] for number, files in artworks.items()}


class TurnedPlacements(FakeShop):
    """Prints the back on the front."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks[::-1], idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        turned = {number: files[::-1] for number, files in artworks.items()}
        return super().fulfill(order, turned, idempotency_key=idempotency_key)


@define(eq=False)
class StaleUrl(FakeShop):
    """Keeps the first URL of each file, and sends it again."""

    urls: dict[str, str] = field(factory=dict, init=False)

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        FakeShop.attach_artwork(self, order, item, self.kept(artworks), idempotency_key=idempotency_key)

    def attach_order(self, order, artworks, *, idempotency_key):
        FakeShop.attach_order(self, order, self.all_kept(artworks), idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        return FakeShop.fulfill(self, order, self.all_kept(artworks), idempotency_key=idempotency_key)

    def all_kept(self, artworks):
        return {number: self.kept(files) for number, files in artworks.items()}

    def kept(self, artworks):
        return [evolve(each, url=self.urls.setdefault(each.name, each.url)) for each in artworks]


class AnswersBeforeItCommits(FakeShop):
    """Returns a receipt, and leaves the work to a queue."""

    def fulfill(self, order, artworks, *, idempotency_key):
        self.delay_next("fulfill", ra.OutcomeUnknown("in the queue"))
        try:
            super().fulfill(order, artworks, idempotency_key=idempotency_key)
        except ra.OutcomeUnknown:
            return "queued"


class AttachesLater(FakeShop):
    """Returns from ``attach_artwork``, and leaves the work to a queue."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        self.delay_next("attach_artwork", ra.OutcomeUnknown("in the queue"))
        try:
            super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        except ra.OutcomeUnknown:
            return


@define(eq=False)
class PrintsAgain(FakeShop):
    """Ignores that it has seen the key: prints with every call."""

    printed: int = field(default=0, init=False)

    def fulfill(self, order, artworks, *, idempotency_key):
        receipt = FakeShop.fulfill(self, order, artworks, idempotency_key=idempotency_key)
        self.printed += 1
        return receipt


class AcceptsAnyKey(FakeShop):
    """Ignores which key it is: returns the receipt of the first one."""

    def fulfill(self, order, artworks, *, idempotency_key):
        try:
            return super().fulfill(order, artworks, idempotency_key=idempotency_key)
        except ra.AlreadyFulfilled:
            return f"receipt-{order.id}"


@define(eq=False)
class ReadsACachedOrder(FakeShop):
    """``get_order`` returns what it returned first."""

    cache: dict[str, ra.Order] = field(factory=dict, init=False)

    def get_order(self, order_id):
        if order_id not in self.cache:
            self.cache[order_id] = FakeShop.get_order(self, order_id)
        return self.cache[order_id]

    def pending_orders(self):
        return [self.get_order(order.id) for order in FakeShop.pending_orders(self)]


class SendsTheOrderItWasGiven(FakeShop):
    """Decides by the order that it received, and does not ask the shop. So it revives cancelled orders."""

    def fulfill(self, order, artworks, *, idempotency_key):
        if order.id in self.orders:
            self.put(order)
        return super().fulfill(order, artworks, idempotency_key=idempotency_key)


class SwallowsAnError(FakeShop):
    """Logs the errors of the shop, and returns."""

    def fulfill(self, order, artworks, *, idempotency_key):
        try:
            return super().fulfill(order, artworks, idempotency_key=idempotency_key)
        except ra.ClientError:
            return None


class SwallowsAnErrorOfAttaching(FakeShop):
    """Ignores that the shop refused a file."""

    def attach_order(self, order, artworks, *, idempotency_key):
        try:
            super().attach_order(order, artworks, idempotency_key=idempotency_key)
        except ra.ClientError:
            return

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        try:
            super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        except ra.ClientError:
            return


class RaisesAForeignError(FakeShop):
    """Lets the error of its own library out."""

    def get_order(self, order_id):
        return self.orders[order_id]


class AsyncMethods(FakeShop):
    """Its methods return coroutines that never run."""

    async def fulfill(self, order, artworks, *, idempotency_key):
        return super().fulfill(order, artworks, idempotency_key=idempotency_key)


class GeneratorMethods(FakeShop):
    """Its ``attach_artwork`` is a generator that never runs."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        yield


class DropsTheLastPage(FakeShop):
    """Ends one page too early."""

    def pending_orders(self):
        orders = list(super().pending_orders())
        return orders[: len(orders) - len(orders) % 2 or -2]


class RepeatsAPage(FakeShop):
    """Reads the first page twice, because an order was added meanwhile."""

    def pending_orders(self):
        orders = list(super().pending_orders())
        return [*orders[:2], *orders]


class ListsEverything(FakeShop):
    """Does not ask for pending orders only."""

    def pending_orders(self):
        return [
            *super().pending_orders(),
            *(each for each in self.orders.values() if each.state is not ra.OrderState.PENDING),
        ]


class ListsLess(FakeShop):
    """The list leaves out what the single order has."""

    def pending_orders(self):
        return [
            evolve(order, items=[evolve(item, placements=["default"]) for item in order.items])
            for order in super().pending_orders()
        ]


class MutatesTheOrder(FakeShop):
    """Changes an item while it attaches a file."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        now = self.orders[order.id]
        self.put(evolve(now, items=[evolve(each, quantity=each.quantity + 1) for each in now.items]))


class AttachesToCancelledOrders(FakeShop):
    """Takes the state from the order that it received, which was pending when it was read."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        now, self.orders[order.id] = self._order(order.id), order
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        self.put(now)

    def attach_order(self, order, artworks, *, idempotency_key):
        now, self.orders[order.id] = self._order(order.id), order
        super().attach_order(order, artworks, idempotency_key=idempotency_key)
        self.put(now)


class HoldsTheOrder(FakeShop):
    """Moves the order to another state while it attaches a file."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        if item.number == order.items[-1].number:
            self.put(evolve(self.orders[order.id], state=ra.OrderState.OTHER))

    def _pending(self, order_id):
        return self._order(order_id)


class KeyBeforeTheEffect(FakeShop):
    """Stores the key, and then does what was asked, or does not."""

    def fulfill(self, order, artworks, *, idempotency_key):
        self.put(evolve(self.get_order(order.id), fulfillment_key=idempotency_key))
        return super().fulfill(order, artworks, idempotency_key=idempotency_key)


class KeyOfAttaching(FakeShop):
    """Shows the key of an attach call as if it were that of a fulfillment."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        self.put(evolve(self.get_order(order.id), fulfillment_key=idempotency_key))


class AttachesToAnyItem(FakeShop):
    """Creates the item that it does not know."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        try:
            super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        except ra.ItemNotFound:
            self.artwork[order.id, item.number] = tuple(artworks)


class AttachesTooLate(FakeShop):
    """Replaces the artwork of an order that may be printed already."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        try:
            super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        except ra.NotPending:
            self.artwork[order.id, item.number] = tuple(artworks)


class PrintsBeforeItStoresTheKey(TwoWrites):
    """Prints with one write, and stores state and key with another. It may break between the two."""

    def fulfill(self, order, artworks, *, idempotency_key):
        if self.get_order(order.id).state is ra.OrderState.PENDING:
            self.printed += 1
            self.written()
        return FakeShop.fulfill(self, order, artworks, idempotency_key=idempotency_key)


@define(eq=False)
class WrongWhenRepeated(FakeShop):
    """Right in every first call. A repeated attachment goes to the first item."""

    attached: set[str] = field(factory=set, init=False)

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        target = order.items[0] if idempotency_key in self.attached else item
        self.attached.add(idempotency_key)
        FakeShop.attach_artwork(self, order, target, artworks, idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        return fulfill_attached(self, order, idempotency_key)


def fulfill_attached(shop, order, idempotency_key):
    """Fulfill with what is attached, and ignore the files of the call."""
    return FakeShop.fulfill(shop, order, {}, idempotency_key=idempotency_key)

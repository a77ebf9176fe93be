# ruff: noqa: ARG002 - a client that does nothing still has the arguments of the interface
"""Clients that are wrong in one way each. ``tests/contract/test_wrong_clients.py`` says which test catches which."""

import copy
import threading

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


class Searches(FakeShop):
    """A right client that finds orders by number."""

    def find_orders(self, numbers):
        return [order for order in self.orders.values() if order.number in numbers]


class SearchesPendingOrders(Searches):
    """Searches only the pending orders."""

    def find_orders(self, numbers):
        return [order for order in super().find_orders(numbers) if order.state is ra.OrderState.PENDING]


class SearchesAnOldIndex(Searches):
    """Its search shows orders as they were."""

    def find_orders(self, numbers):
        return [evolve(order, state=ra.OrderState.PENDING) for order in super().find_orders(numbers)]


class SearchesSummaries(Searches):
    """Its search returns the first item of each order."""

    def find_orders(self, numbers):
        return [evolve(order, items=order.items[:1]) for order in super().find_orders(numbers)]


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


class SameItemOfEveryOrder(FakeShop):
    """Finds an item by its number only, so it sets the files of all orders that have such an item."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        self.set_everywhere({item.number: artworks})

    def attach_order(self, order, artworks, *, idempotency_key):
        super().attach_order(order, artworks, idempotency_key=idempotency_key)
        self.set_everywhere(artworks)

    def fulfill(self, order, artworks, *, idempotency_key):
        receipt = super().fulfill(order, artworks, idempotency_key=idempotency_key)
        self.set_everywhere(artworks)
        return receipt

    def set_everywhere(self, artworks):
        for order in self.orders.values():
            for item in order.items:
                if item.number in artworks:
                    self.artwork[order.id, item.number] = tuple(artworks[item.number])


@define(eq=False)
class CollectsFilesByItem(FakeShop):
    """Collects the attached files by item number, and sends those of the last order."""

    collected: dict[str, tuple[ra.Artwork, ...]] = field(factory=dict, init=False)

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        FakeShop.attach_artwork(self, order, item, artworks, idempotency_key=idempotency_key)
        self.collected[item.number] = tuple(artworks)

    def fulfill(self, order, artworks, *, idempotency_key):
        files = {number: self.collected[number] for number in artworks} if self.collected else artworks
        return FakeShop.fulfill(self, order, files, idempotency_key=idempotency_key)


class CutsTheQuery(FakeShop):
    """Removes the query of each URL, and with it the signature."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, self.cut(artworks), idempotency_key=idempotency_key)

    def attach_order(self, order, artworks, *, idempotency_key):
        super().attach_order(order, self.all_cut(artworks), idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        return super().fulfill(order, self.all_cut(artworks), idempotency_key=idempotency_key)

    def all_cut(self, artworks):
        return {number: self.cut(files) for number, files in artworks.items()}

    @staticmethod
    def cut(artworks):
        return [evolve(each, url=each.url.partition("?")[0]) for each in artworks]


class ChangesTheQuantity(FakeShop):
    """Sets another quantity when it confirms the order."""

    def fulfill(self, order, artworks, *, idempotency_key):
        receipt = super().fulfill(order, artworks, idempotency_key=idempotency_key)
        now = self.orders[order.id]
        self.put(evolve(now, items=[evolve(item, quantity=7) for item in now.items]))
        return receipt


class SetsFilesBeforeItRefuses(FakeShop):
    """Sets the files, and then sees that the order does not wait."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        if order.id in self.orders:
            self._attach(self.orders[order.id], item.number, artworks)
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        if order.id in self.orders:
            self._set(self.orders[order.id], artworks)
        return super().fulfill(order, artworks, idempotency_key=idempotency_key)


class UnknownStatesArePending(FakeShop):
    """Reads each state that it does not know as pending. It does not know cancelled orders."""

    def get_order(self, order_id):
        order = super().get_order(order_id)
        return evolve(order, state=ra.OrderState.PENDING) if order.state is ra.OrderState.CANCELLED else order


class NotPendingIsFulfilled(FakeShop):
    """Reads each order that does not wait as fulfilled."""

    def get_order(self, order_id):
        order = super().get_order(order_id)
        return order if order.state is ra.OrderState.PENDING else evolve(order, state=ra.OrderState.FULFILLED)


class RefusedIsFulfilled(FakeShop):
    """Reads each refusal of the shop as "already fulfilled"."""

    def fulfill(self, order, artworks, *, idempotency_key):
        try:
            return super().fulfill(order, artworks, idempotency_key=idempotency_key)
        except ra.NotPending as error:
            raise ra.AlreadyFulfilled(str(error)) from error


@define(eq=False)
class ForgetsItsCacheWhenItWrites(FakeShop):
    """``get_order`` reads an order again only after a call of its own. It misses what a person changes."""

    cache: dict[str, ra.Order] = field(factory=dict, init=False)

    def get_order(self, order_id):
        if order_id not in self.cache:
            self.cache[order_id] = FakeShop.get_order(self, order_id)
        return self.cache[order_id]

    def fulfill(self, order, artworks, *, idempotency_key):
        self.cache.clear()
        return FakeShop.fulfill(self, order, artworks, idempotency_key=idempotency_key)


@define(eq=False)
class StaleAfterAttaching(FakeShop):
    """``get_order`` returns the order as it was attached."""

    cache: dict[str, ra.Order] = field(factory=dict, init=False)

    def get_order(self, order_id):
        return self.cache.get(order_id) or FakeShop.get_order(self, order_id)

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        FakeShop.attach_artwork(self, order, item, artworks, idempotency_key=idempotency_key)
        self.cache[order.id] = order


class FindsOnlyPendingOrders(FakeShop):
    """``get_order`` searches the list of pending orders."""

    def get_order(self, order_id):
        order = super().get_order(order_id)
        if order.state is not ra.OrderState.PENDING:
            raise ra.OrderGone("it is not in the list")
        return order


class FindsOnlyTheFirstPage(FakeShop):
    """``get_order`` searches the first page of the list."""

    def get_order(self, order_id):
        if order_id in list(self.orders)[3:]:
            raise ra.OrderGone("it is not on the page")
        return super().get_order(order_id)


class ApprovalOnlyInTheList(FakeShop):
    """``get_order`` leaves the approval out."""

    def pending_orders(self):
        return [evolve(order, approval="2") for order in super().pending_orders()]


class ANewKeyForEachCall(FakeShop):
    """Adds the number of the call to the key."""

    def fulfill(self, order, artworks, *, idempotency_key):
        key = f"{idempotency_key}-{len(self.journal)}"
        return super().fulfill(order, artworks, idempotency_key=key)


class CutsTheKey(FakeShop):
    """Stores the key in a column that is too short."""

    def fulfill(self, order, artworks, *, idempotency_key):
        return super().fulfill(order, artworks, idempotency_key=idempotency_key[:32])


class RetriesWithANewKey(TwoWrites):
    """Calls again with a new key when the connection breaks, in a shop that prints once for each key."""

    def fulfill(self, order, artworks, *, idempotency_key):
        try:
            return super().fulfill(order, artworks, idempotency_key=idempotency_key)
        except ra.OutcomeUnknown:
            self.printed += 1
            raise


class ReturnsFalse(FakeShop):
    """Returns whether the shop reported a change, and it never does."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        return False

    def attach_order(self, order, artworks, *, idempotency_key):
        super().attach_order(order, artworks, idempotency_key=idempotency_key)
        return False


class ReturnsTheResponse(FakeShop):
    """Returns the response of the shop as the receipt."""

    def fulfill(self, order, artworks, *, idempotency_key):
        return {"receipt": super().fulfill(order, artworks, idempotency_key=idempotency_key)}


@define(eq=False)
class KeysInMemory(FakeShop):
    """Keeps the receipt of each key in memory. The shop does not know the key."""

    receipts: dict[str, str] = field(factory=dict, init=False)

    def fulfill(self, order, artworks, *, idempotency_key):
        if idempotency_key not in self.receipts:
            if self.effects[idempotency_key]:
                raise ra.AlreadyFulfilled("it is printed")
            receipt = FakeShop.fulfill(self, order, artworks, idempotency_key=idempotency_key)
            self.receipts[idempotency_key] = receipt
        return self.receipts[idempotency_key]

    def in_a_new_process(self):
        other = copy.copy(self)
        other.receipts = {}
        return other


@define(eq=False)
class StatesInMemory(FakeShop):
    """Keeps in memory which orders it sent. In the shop they still wait."""

    sent: dict[str, ra.Order] = field(factory=dict, init=False)

    def pending_orders(self):
        return [order for order in FakeShop.pending_orders(self) if order.id not in self.sent]

    def get_order(self, order_id):
        order = FakeShop.get_order(self, order_id)
        return evolve(order, state=ra.OrderState.FULFILLED) if order_id in self.sent else order

    def fulfill(self, order, artworks, *, idempotency_key):
        receipt = FakeShop.fulfill(self, order, artworks, idempotency_key=idempotency_key)
        self.put(evolve(self.orders[order.id], state=ra.OrderState.PENDING, fulfillment_key=None))
        self.sent[order.id] = order
        return receipt

    def in_a_new_process(self):
        other = copy.copy(self)
        other.sent = {}
        return other


class ReadsOneCopy(FakeShop):
    """Reads each quantity as 1."""

    def get_order(self, order_id):
        return self.one_of_each(super().get_order(order_id))

    def pending_orders(self):
        return [self.one_of_each(order) for order in super().pending_orders()]

    @staticmethod
    def one_of_each(order):
        return evolve(order, items=[evolve(item, quantity=1) for item in order.items])


class ReadsNoApproval(FakeShop):
    """Leaves the approval out, so a second approval is never sent."""

    def get_order(self, order_id):
        return evolve(super().get_order(order_id), approval="")

    def pending_orders(self):
        return [evolve(order, approval="") for order in super().pending_orders()]


class ReadsTwoItems(FakeShop):
    """Reads the first two items of an order, which is a page of the shop, and no further page."""

    def get_order(self, order_id):
        order = super().get_order(order_id)
        return evolve(order, items=order.items[:2])

    def pending_orders(self):
        return [evolve(order, items=order.items[:2]) for order in super().pending_orders()]


@define(eq=False)
class BoundToAThread(FakeShop):
    """Declares several calls at once, with a connection that only one thread may use."""

    concurrent_calls: int = field(default=8, kw_only=True)
    thread: int = field(factory=threading.get_ident, init=False)

    def fulfill(self, order, artworks, *, idempotency_key):
        if threading.get_ident() != self.thread:
            raise RuntimeError("connection of another thread")
        return FakeShop.fulfill(self, order, artworks, idempotency_key=idempotency_key)


def fulfill_attached(shop, order, idempotency_key):
    """Fulfill with what is attached, and ignore the files of the call."""
    return FakeShop.fulfill(shop, order, {}, idempotency_key=idempotency_key)

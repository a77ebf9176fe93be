"""``FulfillmentClientContract``: the tests that every client must pass. A shop inherits it in its own tests.

from remote_artwork.testing import FulfillmentClientContract

class TestMyShop(FulfillmentClientContract):
    @pytest.fixture
    def client(self):
        return MyShop(sandbox_with_two_orders())

    @pytest.fixture
    def read_names(self, client):
        return lambda order, item: sandbox.files_of(order.id, item.id)
"""

# ruff: noqa: S101 - a contract asserts

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import fsspec
import pytest
from attrs import Factory, define, evolve, field

from remote_artwork.client import FulfillmentClient, attacher, client_problem
from remote_artwork.core.orders import Artwork, ArtworkByItem, Attaching, Order, OrderItem, OrderState, Recovery
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import (
    AlreadyFulfilled,
    ItemNotFound,
    NotPending,
    OrderGone,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from remote_artwork.ledgers.memory import MemoryLedger
from remote_artwork.retry import RetryPolicy
from remote_artwork.scanner import Scanner
from remote_artwork.storage.storage import ArtworkStorage
from remote_artwork.testing.faults import (
    Faults,
    FaultyClient,
    FaultyLedger,
    FaultyStorage,
    Killed,
    Moment,
    crash_points,
)

KEY, OTHER_KEY = "1f" * 32, "2e" * 32
"""Idempotency keys, as long as the library's own."""

PATTERN = FilenamePattern("{order_number}_{order_item_number}[_{placement}]")
PDF = b"%PDF-1.7\n" + b" " * 99 + b"\n%%EOF\n"
"""A minimal file that passes the checks of every scan."""

MOMENTS: tuple[Moment, ...] = ("before", "after")
NO_RESPONSE = (OutcomeUnknown("no answer"), TimeoutError("the shop's own library gave up"))

Change = Callable[[Order], None]
MakeArtwork = Callable[[Order, OrderItem, str], Artwork]
ReadNames = Callable[[Order, OrderItem], Sequence[str]]
Statuses = set[ItemStatus]

before_and_after: pytest.MarkDecorator = pytest.mark.parametrize("moment", MOMENTS)


class CountingClient(FaultyClient):
    """Forwards every call, and records the idempotency key of each ``fulfill`` that returned, by order id."""

    def __init__(self, client: FulfillmentClient) -> None:
        super().__init__(client, Faults())
        self.fulfilled: defaultdict[str, list[str]] = defaultdict(list)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """See ``FulfillmentClient``."""
        receipt = super().fulfill(order, artworks, idempotency_key=idempotency_key)
        self.fulfilled[order.id].append(idempotency_key)
        return receipt

    def times(self, order: Order) -> int:
        """How often the order was fulfilled, judged by the responses. For an idempotent client, one key counts once."""
        keys = self.fulfilled[order.id]
        return len(set(keys)) if self.recovery is Recovery.IDEMPOTENT else len(keys)


@define
class Scenario:
    """Scans of one order. Each scan has a new scanner, like a process that has just started.

    Args:
        client: The client under test.
        order: Its order.
        storage: Holds the files of the order; see ``upload``.
        fulfillments: Returns how often the shop has fulfilled an order, from the shop's own records.
    """

    client: FulfillmentClient
    order: Order
    storage: ArtworkStorage
    fulfillments: Callable[[Order], int] | None = None
    now: datetime = datetime(2026, 5, 1, tzinfo=UTC)
    counter: CountingClient = field(
        init=False, default=Factory(lambda self: CountingClient(self.client), takes_self=True)
    )
    ledger: MemoryLedger = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.restart(self.client)

    def restart(self, client: FulfillmentClient) -> None:
        """Starts over with an empty ledger, and with a client whose order is pending again."""
        self.client, self.counter = client, CountingClient(client)
        self.ledger = MemoryLedger(clock=lambda: self.now)

    def scan(self, faults: Faults | None = None) -> Statuses:
        """Scans once; returns the statuses of the items that require artwork."""
        faults = faults or Faults()
        scanner = Scanner(
            FaultyStorage(self.storage, faults),
            FaultyClient(self.counter, faults),
            ledger=FaultyLedger(self.ledger, faults),
            pattern=PATTERN,
            retry=RetryPolicy(sleep=lambda _seconds: None),
        )
        items = scanner.scan(orders=[self.order.number]).items
        return {item.status for item in items if item.status is not ItemStatus.NOT_REQUIRED}

    def scan_later(self) -> Statuses:
        """Scans once every lease and every call has ended."""
        self.now += self.client.call_limit + timedelta(hours=1)
        return self.scan()

    def scan_until_settled(self) -> Statuses:
        """Scans three times later: one scan resolves an unknown call, one sends, one finds nothing to do."""
        for _ in range(2):
            self.scan_later()
        return self.scan_later()

    def times_fulfilled(self) -> int:
        """How often the shop has fulfilled the order."""
        return (self.fulfillments or self.counter.times)(self.order)


class FulfillmentClientContract:
    """The tests of every ``FulfillmentClient``. Inherit the class and override fixtures.

    ``client`` (required): a new client with at least two pending orders, one of them with at least two items that
    require artwork.

    ``read_names`` (required): (order, item) → the names of the artwork that the shop has stored for the item, in the
    order of its placements. Only the shop's own records show that each item gets its own files.

    ``fulfillments`` (required with ``Recovery.IDEMPOTENT``): (order) → how often the shop has fulfilled it, from its
    own records. Without it, the calls that returned are counted.

    The other fixtures are optional; each one enables more tests, or makes them more precise:

    ``make_artwork``: (order, item, placement) → an ``Artwork`` that the shop accepts. For shops that download the URL
    during the call.

    ``cancel`` and ``delete``: (order) → cancels or deletes the order in the shop.

    ``folder``: an fsspec file system and an empty folder in it, for shops that download the files of a scan. Otherwise
    scans read from memory.

    ``reset_client``: () → a client whose ``order`` is pending again; called many times. Enables the test in which the
    process dies at every call; otherwise it dies only at ``fulfill``.
    """

    # --- Fixtures to override ---

    @pytest.fixture
    def client(self) -> FulfillmentClient:
        """A new client with at least two pending orders. One of them has at least two items that require artwork."""
        raise NotImplementedError("override the fixture `client`")

    @pytest.fixture
    def make_artwork(self) -> MakeArtwork:
        """Makes an artwork that the shop accepts."""
        return example_artwork

    @pytest.fixture
    def read_names(self) -> ReadNames:
        """Returns the names of the artwork that the shop has stored for an item."""
        raise NotImplementedError(
            "override the fixture `read_names`; without it, no test shows that each item gets its own files"
        )

    @pytest.fixture
    def cancel(self) -> Change:
        """Cancels an order in the shop."""
        pytest.skip("to test this, override the fixture `cancel`")

    @pytest.fixture
    def delete(self) -> Change:
        """Deletes an order in the shop."""
        pytest.skip("to test this, override the fixture `delete`")

    @pytest.fixture
    def folder(self) -> Iterator[tuple[Any, str]]:
        """An fsspec file system, and an empty folder in it."""
        files, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
        files.makedirs(folder)
        yield files, folder
        files.rm(folder, recursive=True)

    @pytest.fixture
    def fulfillments(self) -> Callable[[Order], int] | None:
        """Returns how often the shop has fulfilled an order. None: count the calls that returned."""
        return None

    @pytest.fixture
    def reset_client(self) -> Callable[[], FulfillmentClient]:
        """Returns a client whose ``order`` is pending again."""
        pytest.skip("to test this, override the fixture `reset_client`")

    # --- Fixtures of the tests ---

    @pytest.fixture
    def order(self, client: FulfillmentClient) -> Order:
        """A pending order with at least two items that require artwork."""
        return next(order for order in _pending(client) if len(_required(order)) > 1)

    @pytest.fixture
    def artworks(self, order: Order, make_artwork: MakeArtwork) -> ArtworkByItem:
        """The artwork of the whole ``order``."""
        return {item.number: [make_artwork(order, item, side) for side in item.placements] for item in _required(order)}

    @pytest.fixture
    def scenario(
        self,
        client: FulfillmentClient,
        order: Order,
        folder: tuple[Any, str],
        fulfillments: Callable[[Order], int] | None,
    ) -> Scenario:
        """The ``order`` with its files uploaded, and an empty ledger."""
        upload(*folder, order)
        return Scenario(client, order, ArtworkStorage(*folder), fulfillments)

    # --- Single calls ---

    def test_it_implements_the_interface(self, client: FulfillmentClient) -> None:
        """It has every method and attribute, of the right type."""
        assert isinstance(client, FulfillmentClient)
        assert client_problem(client) is None

    def test_pending_orders_are_pending_and_have_unique_ids(self, client: FulfillmentClient) -> None:
        """The contract needs at least two orders."""
        orders = _pending(client)
        assert len(orders) >= 2, "the contract needs two pending orders"
        assert {order.state for order in orders} == {OrderState.PENDING}
        assert len(_ids(orders)) == len(orders)

    def test_pending_orders_can_be_listed_again(self, client: FulfillmentClient) -> None:
        """Listing has no effect."""
        assert _ids(_pending(client)) == _ids(_pending(client))

    def test_a_listed_order_reads_the_same_by_its_id(self, client: FulfillmentClient) -> None:
        """Otherwise every order would seem to be edited during the scan, and would never be sent."""
        for order in _pending(client):
            again = client.get_order(order.id)
            assert again.same_work(order)
            assert again.state is OrderState.PENDING

    def test_an_unknown_order_is_gone(self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem) -> None:
        """Every method raises ``OrderGone``."""
        gone = evolve(order, id="no-such-order")
        with pytest.raises(OrderGone):
            client.get_order(gone.id)
        with pytest.raises(OrderGone):
            client.fulfill(gone, artworks, idempotency_key=KEY)
        if client.attaching is Attaching.SEPARATE:
            item = _required(order)[0]
            with pytest.raises(OrderGone):
                attacher(client).attach_artwork(gone, item, artworks[item.number], idempotency_key=KEY)

    def test_attaching_leaves_the_order_pending_and_its_work_the_same(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem
    ) -> None:
        """Also after a second call for the same item."""
        _skip_unless_separate(client)
        for item in (*_required(order), _required(order)[0]):
            attacher(client).attach_artwork(order, item, artworks[item.number], idempotency_key=KEY)
        now = client.get_order(order.id)
        assert now.state is OrderState.PENDING
        assert now.same_work(order)
        assert order.id in _ids(_pending(client))

    def test_attaching_again_replaces(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, read_names: ReadNames
    ) -> None:
        """Otherwise two files would be sent for one item."""
        _skip_unless_separate(client)
        item = _required(order)[0]
        first = artworks[item.number]
        second = [evolve(artwork, name=f"second-{artwork.name}") for artwork in first]
        attacher(client).attach_artwork(order, item, first, idempotency_key=KEY)
        assert list(read_names(order, item)) == [artwork.name for artwork in first]
        attacher(client).attach_artwork(order, item, second, idempotency_key=OTHER_KEY)
        assert list(read_names(order, item)) == [artwork.name for artwork in second]

    def test_each_item_gets_its_own_artwork(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, read_names: ReadNames
    ) -> None:
        """Otherwise the wrong file is printed for an item, or none. With either way of attaching."""
        names = {number: [artwork.name for artwork in each] for number, each in artworks.items()}
        if client.attaching is Attaching.SEPARATE:
            _attach(client, order, artworks, KEY)
            assert {item.number: list(read_names(order, item)) for item in _required(order)} == names
        client.fulfill(order, artworks, idempotency_key=KEY)
        assert {item.number: list(read_names(order, item)) for item in _required(order)} == names

    def test_an_unknown_item_is_not_found(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem
    ) -> None:
        """``attach_artwork`` raises ``ItemNotFound``."""
        _skip_unless_separate(client)
        item = _required(order)[0]
        stranger = evolve(item, number="no-such-item", id="no-such-item")
        with pytest.raises(ItemNotFound):
            attacher(client).attach_artwork(order, stranger, artworks[item.number], idempotency_key=KEY)

    def test_a_fulfilled_order_no_longer_waits_and_the_others_do(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem
    ) -> None:
        """Its state is fulfilled. If the shop stores a key, it is the key of the call."""
        others = _ids(_pending(client)) - {order.id}
        receipt = _fulfill(client, order, artworks, KEY)
        assert receipt != "", "return None if the shop has no receipts"
        assert _ids(_pending(client)) == others
        now = client.get_order(order.id)
        assert now.state is OrderState.FULFILLED
        assert now.fulfillment_key in (None, KEY)

    def test_a_repeated_fulfill_does_what_recovery_says(
        self,
        client: FulfillmentClient,
        order: Order,
        artworks: ArtworkByItem,
        fulfillments: Callable[[Order], int] | None,
    ) -> None:
        """Idempotent: same receipt, no second effect. Queryable: it refuses, because the order is fulfilled."""
        receipt = _fulfill(client, order, artworks, KEY)
        if client.recovery is Recovery.IDEMPOTENT:
            assert client.fulfill(order, artworks, idempotency_key=KEY) == receipt
            assert client.get_order(order.id).state is OrderState.FULFILLED
            assert fulfillments is not None, "override the fixture `fulfillments`: only the shop knows what it printed"
            assert fulfillments(order) == 1
        elif client.recovery is Recovery.QUERYABLE:
            with pytest.raises((AlreadyFulfilled, NotPending)):
                client.fulfill(order, artworks, idempotency_key=KEY)
        else:
            pytest.skip("`recovery` is NONE, so a repeat may do anything")

    def test_another_key_finds_the_order_fulfilled(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem
    ) -> None:
        """A key belongs to one approval of one order, so another key is another call."""
        if client.recovery is Recovery.NONE:
            pytest.skip("`recovery` is NONE, so a repeat may do anything")
        _fulfill(client, order, artworks, KEY)
        with pytest.raises((AlreadyFulfilled, NotPending)):
            client.fulfill(order, artworks, idempotency_key=OTHER_KEY)
        assert client.get_order(order.id).fulfillment_key in (None, KEY), "a refused call leaves no key"

    def test_the_key_is_not_shown_before_the_effect(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, cancel: Change
    ) -> None:
        """A key counts as proof that the order was sent. So it is stored together with the effect, or after it."""
        shown = {each.fulfillment_key for each in _pending(client)}
        if client.attaching is Attaching.SEPARATE:
            item = _required(order)[0]
            attacher(client).attach_artwork(order, item, artworks[item.number], idempotency_key=KEY)
            shown.add(client.get_order(order.id).fulfillment_key)
        cancel(order)
        with pytest.raises((NotPending, OrderGone)):
            client.fulfill(order, artworks, idempotency_key=KEY)
        with suppress(OrderGone):
            shown.add(client.get_order(order.id).fulfillment_key)
        assert shown == {None}, "the key is shown although no call had its effect"

    def test_nothing_is_attached_to_a_fulfilled_order(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem
    ) -> None:
        """It may already be printed."""
        _skip_unless_separate(client)
        _fulfill(client, order, artworks, KEY)
        item = _required(order)[0]
        with pytest.raises((NotPending, AlreadyFulfilled)):
            attacher(client).attach_artwork(order, item, artworks[item.number], idempotency_key=OTHER_KEY)

    def test_a_cancelled_order_is_refused(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, cancel: Change
    ) -> None:
        """It is not listed, and ``fulfill`` refuses it."""
        cancel(order)
        assert order.id not in _ids(_pending(client))
        with pytest.raises((NotPending, OrderGone)):
            client.fulfill(order, artworks, idempotency_key=KEY)

    # --- Whole scans in which something fails: nothing is sent twice, and nothing is lost ---

    def test_a_scan_fulfills_the_order_once_and_later_scans_do_nothing(self, scenario: Scenario) -> None:
        """Nothing fails."""
        assert scenario.scan() == {ItemStatus.FULFILLED}
        scenario.scan_until_settled()
        assert_fulfilled_once(scenario)

    @pytest.mark.parametrize("error", NO_RESPONSE, ids=lambda error: type(error).__name__)
    @before_and_after
    def test_a_fulfill_without_a_response_is_resolved_and_never_sent_twice(
        self, scenario: Scenario, moment: Moment, error: Exception
    ) -> None:
        """Whether or not the call took effect. Without recovery, the order waits for a person."""
        assert scenario.scan(fault("client.fulfill", error, moment)) == {ItemStatus.UNCERTAIN}
        assert_resolved(scenario, sent=moment == "after")

    @pytest.mark.parametrize("error", [RateLimited("429", retry_after=1.0), Unavailable("503")], ids=str)
    def test_a_fulfill_that_was_refused_temporarily_is_sent_later(self, scenario: Scenario, error: Exception) -> None:
        """After RateLimited, and if the client is idempotent, it is called again in the same scan."""
        is_repeated = isinstance(error, RateLimited) or scenario.client.recovery is Recovery.IDEMPOTENT
        assert scenario.scan(fault("client.fulfill", error)) == {
            ItemStatus.FULFILLED if is_repeated else ItemStatus.FAILED
        }
        scenario.scan_until_settled()
        assert_fulfilled_once(scenario)

    @before_and_after
    def test_an_attachment_without_a_response_is_repeated(self, scenario: Scenario, moment: Moment) -> None:
        """Nothing is sent before every attachment is confirmed."""
        if scenario.client.attaching is Attaching.WITH_FULFILL:
            pytest.skip("`attaching` is WITH_FULFILL")
        assert ItemStatus.FULFILLED not in scenario.scan(fault("client.attach_artwork", NO_RESPONSE[0], moment))
        assert scenario.times_fulfilled() == 0
        scenario.scan_until_settled()
        assert_fulfilled_once(scenario)

    @pytest.mark.parametrize("call", ["client.pending_orders", "client.get_order"])
    def test_reads_that_fail_temporarily_are_retried(self, scenario: Scenario, call: str) -> None:
        """Reading is retried in the same scan."""
        assert scenario.scan(fault(call, Unavailable("503"))) == {ItemStatus.FULFILLED}
        assert_fulfilled_once(scenario)

    def test_an_order_cancelled_right_before_it_is_sent_is_not_sent(self, scenario: Scenario, cancel: Change) -> None:
        """The shop refuses the call."""
        assert_not_sent_after(scenario, cancel)

    def test_an_order_deleted_right_before_it_is_sent_is_not_sent(self, scenario: Scenario, delete: Change) -> None:
        """The shop does not know the order any more."""
        assert_not_sent_after(scenario, delete)

    @before_and_after
    def test_a_process_that_dies_at_fulfill_leaves_the_order_to_the_next(
        self, scenario: Scenario, moment: Moment
    ) -> None:
        """The next scan finds the intent in the ledger."""
        with pytest.raises(Killed):
            scenario.scan(dying("client.fulfill", moment))
        assert_resolved(scenario, sent=moment == "after")

    def test_a_process_may_die_at_any_call(
        self, scenario: Scenario, reset_client: Callable[[], FulfillmentClient]
    ) -> None:
        """Before and after each call of the storage, the client and the ledger."""

        def scan(faults: Faults) -> None:
            scenario.restart(reset_client())
            scenario.scan(faults)

        deaths = 0
        for point in crash_points(scan):
            scenario.scan()
            assert scenario.times_fulfilled() <= 1, point
            scenario.scan_until_settled()
            assert scenario.times_fulfilled() <= 1, point
            if scenario.client.recovery is not Recovery.NONE:
                assert scenario.client.get_order(scenario.order.id).state is OrderState.FULFILLED, point
            deaths += 1
        assert deaths > 0


def upload(files: Any, folder: str, order: Order) -> None:
    """Uploads a file for every placement of the order to a folder of an fsspec file system."""
    for item in _required(order):
        for placement in item.placements:
            files.pipe(f"{folder}/{PATTERN.render(order, item, placement)}.pdf", PDF)


def example_artwork(order: Order, item: OrderItem, placement: str) -> Artwork:
    """A valid artwork for one placement of an item. Its URL cannot be downloaded."""
    name = f"{order.number}_{item.number}_{placement}.png"
    return Artwork(
        name=name,
        url=f"https://prints.example/{name}?signature=none",
        expires_at=datetime(2099, 1, 1, tzinfo=UTC),
        placement=placement,
        media_type="image/png",
        size=1234,
        version="v1",
        last_modified=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


def fault(call: str, error: Exception, moment: Moment = "before") -> Faults:
    """Faults that make the first such call fail."""
    faults = Faults()
    faults.fail(call, error, moment=moment)
    return faults


def dying(call: str, moment: Moment) -> Faults:
    """Faults that end the process at the first such call."""
    faults = Faults()
    faults.intercept(call, faults.kill, moment=moment)
    return faults


def assert_fulfilled_once(scenario: Scenario) -> None:
    """Asserts that the order is fulfilled, by exactly one effect."""
    assert scenario.client.get_order(scenario.order.id).state is OrderState.FULFILLED
    assert scenario.times_fulfilled() == 1


def assert_resolved(scenario: Scenario, *, sent: bool) -> None:
    """Asserts that later scans resolve a call without a recorded outcome, as the client's ``recovery`` allows."""
    outcomes = [scenario.scan_later() for _ in range(3)]
    if scenario.client.recovery is Recovery.NONE and {ItemStatus.FULFILLED} not in outcomes:
        assert outcomes[-1] == {ItemStatus.UNCERTAIN}
        assert scenario.times_fulfilled() <= sent
    else:
        assert {ItemStatus.FULFILLED} in outcomes
        assert_fulfilled_once(scenario)


def assert_not_sent_after(scenario: Scenario, change: Change) -> None:
    """Asserts that an order is not sent if the shop changes it right before ``fulfill``."""
    faults = Faults()
    faults.intercept("client.fulfill", lambda: change(scenario.order))
    assert scenario.scan(faults) == {ItemStatus.CANCELLED}
    scenario.scan_until_settled()
    assert scenario.times_fulfilled() == 0


def _required(order: Order) -> list[OrderItem]:
    return [item for item in order.items if item.requires_artwork]


def _pending(client: FulfillmentClient) -> list[Order]:
    """The pending orders. All orders of the contract must be readable."""
    orders = list(client.pending_orders())
    unreadable = [order for order in orders if not isinstance(order, Order)]
    assert not unreadable, f"orders of the contract cannot be read: {unreadable}"
    return [order for order in orders if isinstance(order, Order)]


def _ids(orders: Iterable[Order]) -> set[str]:
    return {order.id for order in orders}


def _skip_unless_separate(client: FulfillmentClient) -> None:
    if client.attaching is Attaching.WITH_FULFILL:
        pytest.skip("`attaching` is WITH_FULFILL")


def _fulfill(client: FulfillmentClient, order: Order, artworks: ArtworkByItem, key: str) -> str | None:
    if client.attaching is Attaching.SEPARATE:
        _attach(client, order, artworks, key)
    return client.fulfill(order, artworks, idempotency_key=key)


def _attach(client: FulfillmentClient, order: Order, artworks: ArtworkByItem, key: str) -> None:
    for item in _required(order):
        attacher(client).attach_artwork(order, item, artworks[item.number], idempotency_key=key)

"""``FulfillmentClientContract``: what every client must do. A host inherits it in its own tests.

from remote_artwork.testing import FulfillmentClientContract

class TestMyShop(FulfillmentClientContract):
    @pytest.fixture
    def client(self):
        return MyShop(sandbox_with_two_orders())
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import fsspec
import pytest
from attrs import Factory, define, evolve, field

from remote_artwork.client import FulfillmentClient, client_problem
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

PATTERN = FilenamePattern("{order_number}_{order_item_number}[_{placement}]")
PRINT = b"%PDF-1.7\n" + b" " * 99 + b"\n%%EOF\n"
"""As much of a PDF as the checks of every scan look at."""

Statuses = set[ItemStatus]


class Witness(FaultyClient):
    """Passes every call on, and keeps the keys of those calls of ``fulfill`` that came back, by the order's id."""

    def __init__(self, client: FulfillmentClient) -> None:
        super().__init__(client, Faults())
        self.heard: defaultdict[str, list[str]] = defaultdict(list)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """See ``FulfillmentClient``."""
        receipt = super().fulfill(order, artworks, idempotency_key=idempotency_key)
        self.heard[order.id].append(idempotency_key)
        return receipt

    def times(self, order: Order) -> int:
        """How often it was fulfilled, as far as the answers tell; for an idempotent client one key is one time."""
        keys = self.heard[order.id]
        return len(set(keys)) if self.recovery is Recovery.IDEMPOTENT else len(keys)


@define
class Trial:
    """Scans of one order. Every scan is by a fresh scanner, as of a process that has just started.

    Args:
        client: The client on trial.
        order: Its order.
        storage: A place with the order's files; see ``upload``.
        fulfillments: How often the host has fulfilled an order, by a journal of its own.
    """

    client: FulfillmentClient
    order: Order
    storage: ArtworkStorage
    fulfillments: Callable[[Order], int] | None = None
    now: datetime = datetime(2026, 5, 1, tzinfo=UTC)
    witness: Witness = field(init=False, default=Factory(lambda self: Witness(self.client), takes_self=True))
    ledger: MemoryLedger = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.begin(self.client)

    def begin(self, client: FulfillmentClient) -> None:
        """Begins anew, with nothing remembered, on a client whose order waits again."""
        self.client, self.witness = client, Witness(client)
        self.ledger = MemoryLedger(clock=lambda: self.now)

    def scan(self, faults: Faults | None = None) -> Statuses:
        """One pass; the statuses of the items that require artwork."""
        faults = faults or Faults()
        scanner = Scanner(
            FaultyStorage(self.storage, faults),
            FaultyClient(self.witness, faults),
            ledger=FaultyLedger(self.ledger, faults),
            pattern=PATTERN,
            retry=RetryPolicy(sleep=lambda _seconds: None),
        )
        items = scanner.scan(orders=[self.order.number]).items
        return {item.status for item in items if item.status is not ItemStatus.NOT_REQUIRED}

    def scan_later(self) -> Statuses:
        """One pass, once every lease and every call is over."""
        self.now += self.client.call_limit + timedelta(hours=1)
        return self.scan()

    def scan_in_the_end(self) -> Statuses:
        """What the last of three later passes says: one settles, one sends, one finds nothing to do."""
        for _ in range(2):
            self.scan_later()
        return self.scan_later()

    def times_fulfilled(self) -> int:
        """How often the host has fulfilled the order."""
        return (self.fulfillments or self.witness.times)(self.order)


def upload(files: Any, folder: str, order: Order) -> None:
    """Puts a file for every print of the order into a folder of an fsspec file system."""
    for item in order.items:
        for side in item.placements if item.requires_artwork else ():
            files.pipe(f"{folder}/{PATTERN.render(order, item, side)}.pdf", PRINT)


# ruff: noqa: S101 - a contract asserts


Change = Callable[[Order], None]
MOMENTS: tuple[Moment, ...] = ("before", "after")
LOST = (OutcomeUnknown("no answer"), TimeoutError("the host's own library gave up"))

before_and_after: pytest.MarkDecorator = pytest.mark.parametrize("moment", MOMENTS)


class WholeScansOfAClient:
    """Whatever goes wrong, nothing is sent twice and nothing is lost. Part of ``FulfillmentClientContract``."""

    @pytest.fixture
    def folder(self) -> Iterator[tuple[Any, str]]:
        """A file system of fsspec, and an empty folder in it."""
        files, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
        files.makedirs(folder)
        yield files, folder
        files.rm(folder, recursive=True)

    @pytest.fixture
    def fulfillments(self) -> Callable[[Order], int] | None:
        """How often the host has fulfilled an order; None: as often as it has said so."""
        return None

    @pytest.fixture
    def delete(self) -> Change:
        """Deletes an order at the host."""
        pytest.skip("no order can be deleted: override the fixture `delete`")

    @pytest.fixture
    def afresh(self) -> Callable[[], FulfillmentClient]:
        """Gives a client whose ``order`` waits again as at first."""
        pytest.skip("no order can be put back: override the fixture `afresh`")

    @pytest.fixture
    def trial(
        self,
        client: FulfillmentClient,
        order: Order,
        folder: tuple[Any, str],
        fulfillments: Callable[[Order], int] | None,
    ) -> Trial:
        """The ``order`` with its files in place, and a ledger that knows nothing of it."""
        upload(*folder, order)
        return Trial(client, order, ArtworkStorage(*folder), fulfillments)

    def test_a_scan_fulfils_the_order_once_and_the_next_ones_leave_it(self, trial: Trial) -> None:
        """Nothing goes wrong."""
        assert trial.scan() == {ItemStatus.FULFILLED}
        trial.scan_in_the_end()
        ends_fulfilled_once(trial)

    @pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
    @before_and_after
    def test_a_fulfil_without_an_answer_is_settled_and_never_sent_twice(
        self, trial: Trial, moment: Moment, error: Exception
    ) -> None:
        """Whether or not it has had its effect. Without any recovery it waits for a person."""
        assert trial.scan(fault("client.fulfill", error, moment)) == {ItemStatus.UNCERTAIN}
        settles(trial, sent=moment == "after")

    @pytest.mark.parametrize("error", [RateLimited("429", retry_after=1.0), Unavailable("503")], ids=str)
    def test_a_fulfil_that_was_refused_for_now_is_sent_by_a_later_scan(self, trial: Trial, error: Exception) -> None:
        """Or at once, where a repeat has no second effect."""
        at_once = {ItemStatus.FULFILLED if trial.client.recovery is Recovery.IDEMPOTENT else ItemStatus.FAILED}
        assert trial.scan(fault("client.fulfill", error)) == at_once
        trial.scan_in_the_end()
        ends_fulfilled_once(trial)

    @before_and_after
    def test_an_attachment_without_an_answer_is_set_again(self, trial: Trial, moment: Moment) -> None:
        """Nothing is sent before all of it is known to be attached."""
        if trial.client.attaching is Attaching.WITH_FULFILL:
            pytest.skip("the client attaches with fulfill")
        assert ItemStatus.FULFILLED not in trial.scan(fault("client.attach_artwork", LOST[0], moment))
        assert trial.times_fulfilled() == 0
        trial.scan_in_the_end()
        ends_fulfilled_once(trial)

    @pytest.mark.parametrize("call", ["client.pending_orders", "client.get_order"])
    def test_questions_that_fail_for_now_are_asked_again(self, trial: Trial, call: str) -> None:
        """In the same scan."""
        assert trial.scan(fault(call, Unavailable("503"))) == {ItemStatus.FULFILLED}
        ends_fulfilled_once(trial)

    def test_an_order_cancelled_right_before_it_is_sent_is_not_sent(self, trial: Trial, cancel: Change) -> None:
        """The host refuses it."""
        is_not_sent_after(trial, cancel)

    def test_an_order_deleted_right_before_it_is_sent_is_not_sent(self, trial: Trial, delete: Change) -> None:
        """The host no longer knows it."""
        is_not_sent_after(trial, delete)

    @before_and_after
    def test_a_process_that_dies_at_the_fulfil_leaves_it_to_the_next(self, trial: Trial, moment: Moment) -> None:
        """Which finds the intent in the ledger."""
        with pytest.raises(Killed):
            trial.scan(dying("client.fulfill", moment))
        settles(trial, sent=moment == "after")

    def test_a_process_may_die_at_any_call(self, trial: Trial, afresh: Callable[[], FulfillmentClient]) -> None:
        """Before and after each call to the storage, the client and the ledger."""

        def scan(faults: Faults) -> None:
            trial.begin(afresh())
            trial.scan(faults)

        deaths = 0
        for point in crash_points(scan):
            trial.scan()
            assert trial.times_fulfilled() <= 1, point
            trial.scan_in_the_end()
            assert trial.times_fulfilled() <= 1, point
            if trial.client.recovery is not Recovery.NONE:
                assert trial.client.get_order(trial.order.id).state is OrderState.FULFILLED, point
            deaths += 1
        assert deaths > 0


def fault(call: str, error: Exception, moment: Moment = "before") -> Faults:
    """The first such call fails."""
    faults = Faults()
    faults.fail(call, error, moment=moment)
    return faults


def dying(call: str, moment: Moment) -> Faults:
    """The process dies at the first such call."""
    faults = Faults()
    faults.meanwhile(call, faults.die, moment=moment)
    return faults


def ends_fulfilled_once(trial: Trial) -> None:
    """The host says so, and by a single call."""
    assert trial.client.get_order(trial.order.id).state is OrderState.FULFILLED
    assert trial.times_fulfilled() == 1


def settles(trial: Trial, *, sent: bool) -> None:
    """Later scans settle a call whose end is not recorded, as the client's ``recovery`` allows."""
    outcomes = [trial.scan_later() for _ in range(3)]
    if trial.client.recovery is Recovery.NONE and {ItemStatus.FULFILLED} not in outcomes:
        assert outcomes[-1] == {ItemStatus.UNCERTAIN}
        assert trial.times_fulfilled() <= sent
    else:
        assert {ItemStatus.FULFILLED} in outcomes
        ends_fulfilled_once(trial)


def is_not_sent_after(trial: Trial, change: Change) -> None:
    """Somebody changes the order while it is worked on."""
    faults = Faults()
    faults.meanwhile("client.fulfill", lambda: change(trial.order))
    assert trial.scan(faults) == {ItemStatus.CANCELLED}
    trial.scan_in_the_end()
    assert trial.times_fulfilled() == 0


# ruff: noqa: S101 - a contract asserts


KEY, OTHER_KEY = "1f" * 32, "2e" * 32
"""Idempotency keys, of the length the library's own have."""

MakeArtwork = Callable[[Order, OrderItem, str], Artwork]
ReadNames = Callable[[Order, OrderItem], Sequence[str]]
Cancel = Callable[[Order], None]


class FulfillmentClientContract(WholeScansOfAClient):
    """Inherit it, and override fixtures.

    ``client`` (required): a fresh ``FulfillmentClient`` with at least two pending orders, of which one has at least
    two items that require artwork.

    ``make_artwork`` (optional): (order, item, placement) → an ``Artwork`` that the host accepts, for hosts that
    download the URL at once.

    ``read_names`` (optional): (order, item) → the names of the artwork the host now holds for the item. Without it,
    nobody looks whether a second ``attach_artwork`` replaces the first.

    ``cancel`` and ``delete`` (optional): cancel an order at the host, and delete it. Without them, such orders are
    not tried.

    ``folder`` (optional): a file system of fsspec and an empty folder in it, for hosts that download what a scan
    hands them. Without it, scans take their files from memory.

    ``fulfillments`` (optional): (order) → how often the host has fulfilled it, by a journal of its own. Without it, the
    calls that came back are counted.

    ``afresh`` (optional): () → a client whose ``order`` waits again as at first; it is called many times. Without it,
    a process dies at the fulfill alone, and not at every call.
    """

    @pytest.fixture
    def client(self) -> FulfillmentClient:
        """A fresh client with at least two pending orders, one of them with two items."""
        raise NotImplementedError("override the fixture `client`")

    @pytest.fixture
    def make_artwork(self) -> MakeArtwork:
        """Makes an artwork that the host accepts."""
        return example_artwork

    @pytest.fixture
    def read_names(self) -> ReadNames:
        """Tells which artwork the host holds for an item."""
        pytest.skip("the host does not tell what it holds: override the fixture `read_names`")

    @pytest.fixture
    def cancel(self) -> Cancel:
        """Cancels an order at the host."""
        pytest.skip("no order can be cancelled: override the fixture `cancel`")

    @pytest.fixture
    def order(self, client: FulfillmentClient) -> Order:
        """A pending order with at least two items that require artwork."""
        return next(order for order in client.pending_orders() if len(_needy(order)) > 1)

    @pytest.fixture
    def artworks(self, order: Order, make_artwork: MakeArtwork) -> ArtworkByItem:
        """The artwork of the whole ``order``."""
        return {item.number: [make_artwork(order, item, side) for side in item.placements] for item in _needy(order)}

    def test_it_has_the_shape_of_a_client(self, client: FulfillmentClient) -> None:
        """Methods and attributes are there and of their types."""
        assert isinstance(client, FulfillmentClient)
        assert client_problem(client) is None

    def test_pending_orders_are_pending_and_have_ids_of_their_own(self, client: FulfillmentClient) -> None:
        """At least two of them, as the contract's tests need."""
        orders = list(client.pending_orders())
        assert len(orders) >= 2, "the contract needs two pending orders"
        assert {order.state for order in orders} == {OrderState.PENDING}
        assert len(_ids(orders)) == len(orders)

    def test_pending_orders_can_be_asked_for_again(self, client: FulfillmentClient) -> None:
        """Reading has no effect."""
        assert _ids(client.pending_orders()) == _ids(client.pending_orders())

    def test_a_listed_order_reads_the_same_by_its_id(self, client: FulfillmentClient) -> None:
        """Otherwise every order would look as if it had just been edited."""
        for order in client.pending_orders():
            again = client.get_order(order.id)
            assert again.same_work(order)
            assert again.state is OrderState.PENDING

    def test_an_unknown_order_is_gone(self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem) -> None:
        """By every call that names one."""
        gone = evolve(order, id="no-such-order")
        with pytest.raises(OrderGone):
            client.get_order(gone.id)
        with pytest.raises(OrderGone):
            client.fulfill(gone, artworks, idempotency_key=KEY)
        if client.attaching is Attaching.SEPARATE:
            item = _needy(order)[0]
            with pytest.raises(OrderGone):
                client.attach_artwork(gone, item, artworks[item.number], idempotency_key=KEY)

    def test_attaching_leaves_the_order_pending_and_its_work_the_same(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem
    ) -> None:
        """Also when it is repeated."""
        _only_separate(client)
        for item in (*_needy(order), _needy(order)[0]):
            client.attach_artwork(order, item, artworks[item.number], idempotency_key=KEY)
        now = client.get_order(order.id)
        assert now.state is OrderState.PENDING
        assert now.same_work(order)
        assert order.id in _ids(client.pending_orders())

    def test_attaching_again_replaces(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, read_names: ReadNames
    ) -> None:
        """Two files for one print would be sent otherwise."""
        _only_separate(client)
        item = _needy(order)[0]
        first = artworks[item.number]
        second = [evolve(artwork, name=f"second-{artwork.name}") for artwork in first]
        client.attach_artwork(order, item, first, idempotency_key=KEY)
        assert list(read_names(order, item)) == [artwork.name for artwork in first]
        client.attach_artwork(order, item, second, idempotency_key=OTHER_KEY)
        assert list(read_names(order, item)) == [artwork.name for artwork in second]

    def test_an_unknown_item_is_not_found(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem
    ) -> None:
        """And nothing is attached anywhere."""
        _only_separate(client)
        item = _needy(order)[0]
        stranger = evolve(item, number="no-such-item", id="no-such-item")
        with pytest.raises(ItemNotFound):
            client.attach_artwork(order, stranger, artworks[item.number], idempotency_key=KEY)

    def test_a_fulfilled_order_no_longer_waits_and_the_others_do(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem
    ) -> None:
        """Its state says so, and the stored key is ours where the host stores one."""
        others = _ids(client.pending_orders()) - {order.id}
        receipt = _fulfill(client, order, artworks, KEY)
        assert receipt != "", "a host without receipts returns None"
        assert _ids(client.pending_orders()) == others
        now = client.get_order(order.id)
        assert now.state is OrderState.FULFILLED
        assert now.fulfillment_key in (None, KEY)

    def test_a_repeated_fulfill_does_what_recovery_says(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem
    ) -> None:
        """Idempotent: the same receipt; queryable: the order is fulfilled already."""
        receipt = _fulfill(client, order, artworks, KEY)
        if client.recovery is Recovery.IDEMPOTENT:
            assert client.fulfill(order, artworks, idempotency_key=KEY) == receipt
            assert client.get_order(order.id).state is OrderState.FULFILLED
        elif client.recovery is Recovery.QUERYABLE:
            with pytest.raises((AlreadyFulfilled, NotPending)):
                client.fulfill(order, artworks, idempotency_key=KEY)
        else:
            pytest.skip("the client promises nothing about a repeat")

    def test_another_key_finds_the_order_fulfilled(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem
    ) -> None:
        """A key belongs to one approval of one order."""
        if client.recovery is Recovery.NONE:
            pytest.skip("the client promises nothing about a repeat")
        _fulfill(client, order, artworks, KEY)
        with pytest.raises((AlreadyFulfilled, NotPending)):
            client.fulfill(order, artworks, idempotency_key=OTHER_KEY)

    def test_nothing_is_attached_to_a_fulfilled_order(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem
    ) -> None:
        """It may be in print already."""
        _only_separate(client)
        _fulfill(client, order, artworks, KEY)
        item = _needy(order)[0]
        with pytest.raises((NotPending, AlreadyFulfilled)):
            client.attach_artwork(order, item, artworks[item.number], idempotency_key=OTHER_KEY)

    def test_a_cancelled_order_is_not_touched(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, cancel: Cancel
    ) -> None:
        """Whoever cancelled it does not want to pay for it."""
        cancel(order)
        assert order.id not in _ids(client.pending_orders())
        with pytest.raises((NotPending, OrderGone)):
            client.fulfill(order, artworks, idempotency_key=KEY)


def example_artwork(order: Order, item: OrderItem, placement: str) -> Artwork:
    """A valid artwork for one side of an item; nothing can be downloaded from its URL."""
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


def _needy(order: Order) -> list[OrderItem]:
    return [item for item in order.items if item.requires_artwork]


def _ids(orders: Iterable[Order]) -> set[str]:
    return {order.id for order in orders}


def _only_separate(client: FulfillmentClient) -> None:
    if client.attaching is Attaching.WITH_FULFILL:
        pytest.skip("the client attaches with fulfill")


def _fulfill(client: FulfillmentClient, order: Order, artworks: ArtworkByItem, key: str) -> str | None:
    if client.attaching is Attaching.SEPARATE:
        for item in _needy(order):
            client.attach_artwork(order, item, artworks[item.number], idempotency_key=key)
    return client.fulfill(order, artworks, idempotency_key=key)

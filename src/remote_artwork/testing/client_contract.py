# ruff: noqa: S101 - a contract asserts
"""``FulfillmentClientContract``: what every client must do. A host inherits it in its own tests.

from remote_artwork.testing import FulfillmentClientContract

class TestMyShop(FulfillmentClientContract):
    @pytest.fixture
    def client(self):
        return MyShop(sandbox_with_two_orders())
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import pytest
from attrs import evolve

from remote_artwork.core.model import Artwork, ArtworkByItem, Attaching, Order, OrderItem, OrderState, Recovery
from remote_artwork.errors import AlreadyFulfilled, ItemNotFound, NotPending, OrderGone
from remote_artwork.interfaces import FulfillmentClient, flaw_of_client
from remote_artwork.testing.client_faults import WholeScansOfAClient

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

    ``fulfilments`` (optional): (order) → how often the host has fulfilled it, by a journal of its own. Without it, the
    calls that came back are counted.

    ``afresh`` (optional): () → a client whose ``order`` waits again as at first; it is called many times. Without it,
    a process dies at the fulfil alone, and not at every call.
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
        assert flaw_of_client(client) is None

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

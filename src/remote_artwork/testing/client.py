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

import secrets
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from itertools import count
from typing import Any

import fsspec
import pytest
from attrs import evolve

from remote_artwork.client import (
    FulfillmentClient,
    OrderFinder,
    attacher,
    client_problem,
    concurrent_calls,
    order_attacher,
    order_finder,
)
from remote_artwork.core.orders import Artwork, ArtworkByItem, Attaching, Order, OrderItem, OrderState, Recovery
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
from remote_artwork.storage.storage import ArtworkStorage
from remote_artwork.testing.client_bench import Capability, leave_out
from remote_artwork.testing.faults import Faults, Killed, Moment, crash_points
from remote_artwork.testing.scenario import (
    Change,
    ReadNames,
    Scenario,
    assert_artwork,
    assert_fulfilled_once,
    assert_not_sent_after,
    assert_resolved,
    dying,
    example_artwork,
    fault,
    names_of,
    required,
    stored_names,
    upload,
)

MOMENTS: tuple[Moment, ...] = ("before", "after")
NO_RESPONSE = (OutcomeUnknown("no answer"), TimeoutError("the shop's own library gave up"))

MakeArtwork = Callable[[Order, OrderItem, str], Artwork]
BreakAfterWrite = Callable[[int], Callable[[], bool]]

before_and_after: pytest.MarkDecorator = pytest.mark.parametrize("moment", MOMENTS)


class FulfillmentClientContract:
    """The tests of every ``FulfillmentClient``. Inherit the class and override fixtures.

    ``client`` (required): a new client with at least two pending orders that require artwork, one of them for at least
    two items. They should have an item number in common, if items of two orders can have the same number in the shop.

    ``read_names`` (required): (order, item) → the names of the artwork that the shop has stored for the item, in the
    order of its placements. Only the shop's own records show that each item gets its own files.

    ``fulfillments`` (required with ``Recovery.IDEMPOTENT``): (order) → how often the shop has fulfilled it, from its
    own records. Without it, the calls that returned are counted.

    The other fixtures are optional. The tests of those in the first list are left out without them, and the end of the
    run says which ones and why. ``lacks``, a dictionary or a fixture that returns one, declares the reason.

    ``cancel`` and ``delete``: (order) → cancels or deletes the order in the shop.

    ``pending_ids``: () → the ids of all orders that are pending by the shop's own records, and that the contract may
    fulfill. Have more of them than one page of the shop's list. Other pending orders are ignored.

    ``read_order``: (id) → the order by the shop's own records, with its approval, and with the quantity and the
    placements of each item.

    ``read_urls``: (order, item) → the URLs that the shop has stored, for shops that download the files later.

    ``new_client``: () → another client of the same shop, as a new process makes it: with nothing in memory.

    ``reset_client``: () → a client whose ``order`` is pending again, or that has another pending order with the same
    number of items and placements. Called about 60 times: the process dies at every call.

    ``break_after_write``: (number) → makes the connection to the shop break right after the effect of a write, counted
    from now, starting at 1. Returns a function that ends this and returns whether the connection broke.

    The second list changes how the tests run:

    ``new_order``: () → a pending order with at least two items that require artwork, for example a new order in the
    sandbox, or the next one of a pool. By default the first such order of the list.

    ``make_artwork``: (order, item, placement) → an ``Artwork`` that the shop accepts. For shops that download the URL
    during the call.

    ``folder``: an fsspec file system and an empty folder in it, for shops that download the files of a scan. Otherwise
    scans read from memory.
    """

    # --- Fixtures to override ---

    def __init_subclass__(cls, **options: Any) -> None:
        """Make a fixture of ``lacks``, if it is a dictionary."""
        super().__init_subclass__(**options)
        declared = cls.__dict__.get("lacks")
        if isinstance(declared, Mapping):
            cls.lacks = pytest.fixture(lambda _self: declared, name="lacks")  # type: ignore[method-assign]

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
    def lacks(self) -> Mapping[Capability, str]:
        """What cannot be tested in this sandbox, and why."""
        return {}

    @pytest.fixture
    def cancel(self, lacks: Mapping[Capability, str]) -> Change:
        """Cancels an order in the shop."""
        leave_out("cancel", lacks)

    @pytest.fixture
    def delete(self, lacks: Mapping[Capability, str]) -> Change:
        """Deletes an order in the shop."""
        leave_out("delete", lacks)

    @pytest.fixture
    def pending_ids(self) -> Callable[[], Collection[str]] | None:
        """Returns the ids of the contract's pending orders, by the shop's own records."""
        return None

    @pytest.fixture
    def read_order(self, lacks: Mapping[Capability, str]) -> Callable[[str], Order]:
        """Returns an order by the shop's own records."""
        leave_out("read_order", lacks)

    @pytest.fixture
    def read_urls(self, lacks: Mapping[Capability, str]) -> ReadNames:
        """Returns the URLs that the shop has stored for an item."""
        leave_out("read_urls", lacks)

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
    def new_client(self, lacks: Mapping[Capability, str]) -> Callable[[], FulfillmentClient]:
        """Returns another client of the same shop, as a new process makes it."""
        leave_out("new_client", lacks)

    @pytest.fixture
    def reset_client(self, lacks: Mapping[Capability, str]) -> Callable[[], FulfillmentClient]:
        """Returns a client whose ``order``, or another one, is pending."""
        leave_out("reset_client", lacks)

    @pytest.fixture
    def break_after_write(self, lacks: Mapping[Capability, str]) -> BreakAfterWrite:
        """Makes the connection break after the effect of a write."""
        leave_out("break_after_write", lacks)

    @pytest.fixture
    def new_order(self, client: FulfillmentClient, own_ids: Callable[[], set[str]]) -> Callable[[], Order]:
        """Returns a pending order with at least two items that require artwork."""

        def first() -> Order:
            orders, own = _pending(client), own_ids()
            for order in orders:
                if order.id in own and len(required(order)) > 1:
                    return order
            raise AssertionError(
                f"none of the {len(orders)} pending orders has two items that require artwork; add such an order to "
                "the sandbox, or override the fixture `new_order`"
            )

        return first

    # --- Fixtures of the tests ---

    @pytest.fixture
    def own_ids(
        self, client: FulfillmentClient, pending_ids: Callable[[], Collection[str]] | None
    ) -> Callable[[], set[str]]:
        """Returns the ids of the pending orders that belong to the contract. By default, those of the list."""
        return lambda: set(pending_ids()) if pending_ids else _ids(_pending(client))

    @pytest.fixture
    def order(self, new_order: Callable[[], Order]) -> Order:
        """A pending order with at least two items that require artwork."""
        return new_order()

    @pytest.fixture
    def key(self) -> str:
        """An idempotency key, as long as the library's own. A sandbox remembers the keys of other tests."""
        return secrets.token_hex(32)

    @pytest.fixture
    def other_key(self) -> str:
        """Another key."""
        return secrets.token_hex(32)

    @pytest.fixture
    def artworks(self, order: Order, make_artwork: MakeArtwork) -> ArtworkByItem:
        """The artwork of the whole ``order``."""
        return _artworks(order, make_artwork)

    @pytest.fixture
    def other(
        self, client: FulfillmentClient, order: Order, own_ids: Callable[[], set[str]], make_artwork: MakeArtwork
    ) -> tuple[Order, ArtworkByItem]:
        """Another pending order, with an item number of ``order`` if there is one, and its artwork."""
        others = [each for each in _pending(client) if each.id in own_ids() - {order.id} and required(each)]
        assert others, (
            f"no pending order except {order.number!r} requires artwork; add one to the sandbox, or to `pending_ids`"
        )
        numbers = {item.number for item in required(order)}
        second = max(others, key=lambda each: len(numbers & {item.number for item in required(each)}))
        return second, _artworks(second, make_artwork)

    @pytest.fixture
    def scenario(
        self,
        client: FulfillmentClient,
        order: Order,
        folder: tuple[Any, str],
        fulfillments: Callable[[Order], int] | None,
        read_names: ReadNames,
    ) -> Scenario:
        """The ``order`` with its files uploaded, and an empty ledger."""
        upload(*folder, order)
        return Scenario(client, order, ArtworkStorage(*folder), fulfillments, read_names=read_names)

    # --- Single calls ---

    def test_it_implements_the_interface(self, client: FulfillmentClient) -> None:
        """It has every method and attribute, of the right type."""
        missing = [name for name in _MEMBERS if not hasattr(client, name)]
        assert not missing, f"the client lacks {missing}; see FulfillmentClient"
        problem = client_problem(client)
        assert problem is None, problem

    def test_pending_orders_are_pending_and_have_unique_ids(self, client: FulfillmentClient) -> None:
        """The contract needs at least two orders."""
        orders = _pending(client)
        assert len(orders) >= 2, f"the contract needs two pending orders, and the list has {len(orders)}"
        others = {order.id: str(order.state) for order in orders if order.state is not OrderState.PENDING}
        assert not others, f"the list has orders that are not pending: {others}"
        repeated = sorted(id_ for id_, times in Counter(order.id for order in orders).items() if times > 1)
        assert not repeated, f"the list has these orders more than once: {repeated}; does it read a page twice?"

    def test_every_pending_order_is_listed(
        self,
        client: FulfillmentClient,
        pending_ids: Callable[[], Collection[str]] | None,
        lacks: Mapping[Capability, str],
    ) -> None:
        """From every page. An order that is not listed is never sent."""
        if pending_ids is None:
            leave_out("pending_ids", lacks)
        expected = set(pending_ids())
        missing = sorted(expected - _ids(_pending(client)))
        assert not missing, f"the list lacks {len(missing)} of {len(expected)} orders: {missing}; read every page"

    def test_pending_orders_can_be_listed_again(
        self, client: FulfillmentClient, own_ids: Callable[[], set[str]]
    ) -> None:
        """Listing has no effect."""
        own = own_ids()
        first, second = _ids(_pending(client)) & own, _ids(_pending(client)) & own
        assert first == second, f"two lists in a row differ in {sorted(first ^ second)}"

    def test_a_listed_order_reads_the_same_by_its_id(
        self, client: FulfillmentClient, own_ids: Callable[[], set[str]]
    ) -> None:
        """Otherwise every order would seem to be edited during the scan, and would never be sent."""
        own = own_ids()
        for order in _pending(client):
            if order.id in own:
                _assert_same_work(order, _read(client, order), "get_order")

    def test_an_order_is_read_as_the_shop_has_it(
        self, client: FulfillmentClient, order: Order, read_order: Callable[[str], Order]
    ) -> None:
        """Otherwise an item is forgotten, or printed in another quantity, or a second approval is never sent."""
        found, expected = _contents(_read(client, order)), _contents(read_order(order.id))
        wrong = [
            *(f"{name} is missing" for name in expected if name not in found),
            *(f"{name} is not in the shop" for name in found if name not in expected),
            *(
                f"{name} is {found[name]!r} and must be {expected[name]!r}"
                for name in expected
                if name in found and found[name] != expected[name]
            ),
        ]
        assert not wrong, f"get_order reads order {order.number!r} in another way than `read_order`: {'; '.join(wrong)}"

    def test_an_unknown_order_is_gone(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, key: str
    ) -> None:
        """Every method raises ``OrderGone``."""
        gone = evolve(order, id="no-such-order")
        with _refused("get_order found no such order", OrderGone):
            client.get_order(gone.id)
        with _refused("fulfill was called with an order that does not exist", OrderGone):
            client.fulfill(gone, artworks, idempotency_key=key)
        if client.attaching is not Attaching.WITH_FULFILL:
            with _refused(f"{_method(client)} was called with an order that does not exist", OrderGone):
                _attach_one(client, gone, artworks, key)

    def test_attaching_leaves_the_order_pending_and_its_work_the_same(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, key: str
    ) -> None:
        """Also after a second call for the same item."""
        _skip_unless_attaching(client)
        _attach(client, order, artworks, key)
        _attach_one(client, order, artworks, key)
        _assert_same_work(order, _read(client, order), _method(client))
        assert order.id in _ids(_pending(client)), f"order {order.number!r} is not listed after {_method(client)}"

    def test_attaching_again_replaces(
        self,
        client: FulfillmentClient,
        order: Order,
        artworks: ArtworkByItem,
        read_names: ReadNames,
        key: str,
        other_key: str,
    ) -> None:
        """Otherwise two files would be sent for one item. One file is replaced, and the others stay."""
        _skip_unless_attaching(client)
        number = required(order)[0].number
        second = {**artworks, number: _renamed(artworks)[number]}
        for files, used in ((artworks, key), (second, other_key)):
            _attach_one(client, order, files, used)
            sent = files if client.attaching is Attaching.PER_ORDER else {number: files[number]}
            assert_artwork(order, names_of(sent), read_names)

    def test_each_item_gets_its_own_artwork(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, read_names: ReadNames, key: str
    ) -> None:
        """Otherwise the wrong file is printed for an item, or none. With every way of attaching."""
        if client.attaching is not Attaching.WITH_FULFILL:
            _attach(client, order, artworks, key)
            assert_artwork(order, names_of(artworks), read_names)
        client.fulfill(order, artworks, idempotency_key=key)
        assert_artwork(order, names_of(artworks), read_names)

    def test_another_order_keeps_its_own_artwork(
        self,
        client: FulfillmentClient,
        order: Order,
        artworks: ArtworkByItem,
        other: tuple[Order, ArtworkByItem],
        read_names: ReadNames,
        key: str,
        other_key: str,
    ) -> None:
        """The items of two orders may have the same numbers, and a scan processes several orders at once."""
        second, seconds = other
        if client.attaching is not Attaching.WITH_FULFILL:
            _attach(client, order, artworks, key)
            _attach(client, second, seconds, other_key)
            assert_artwork(order, names_of(artworks), read_names)
            assert_artwork(second, names_of(seconds), read_names)
        before = stored_names(second, read_names)
        client.fulfill(order, artworks, idempotency_key=key)
        assert_artwork(order, names_of(artworks), read_names)
        _assert_unchanged(second, before, read_names, f"fulfill of order {order.number!r}")

    def test_calls_may_come_from_other_threads(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, key: str
    ) -> None:
        """They do if ``concurrent_calls`` is above 1, each with a copy of the context variables."""
        if concurrent_calls(client) == 1:
            pytest.skip("`concurrent_calls` is 1")
        with ThreadPoolExecutor(max_workers=1) as threads:
            for call in (partial(client.get_order, order.id), partial(_fulfill, client, order, artworks, key)):
                error = threads.submit(copy_context().run, call).exception()
                assert error is None, (
                    f"a call from another thread raised {type(error).__name__} ({error}); set `concurrent_calls` to 1 "
                    "if only one thread may call the client"
                )

    def test_the_url_of_the_last_call_is_stored(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, read_urls: ReadNames, key: str
    ) -> None:
        """Each call has a new URL for the same file. Earlier ones expire before the print service downloads the file.

        The first call names an order that does not exist, so it has no effect.
        """
        stale = {
            number: [evolve(each, url=f"{each.url}&stale") for each in files] for number, files in artworks.items()
        }
        with suppress(OrderGone):
            _fulfill(client, evolve(order, id="no-such-order"), stale, key)
        if client.attaching is not Attaching.WITH_FULFILL:
            _attach(client, order, stale, key)
        _fulfill(client, order, artworks, key)
        for item in required(order):
            urls, stored = [artwork.url for artwork in artworks[item.number]], list(read_urls(order, item))
            shop_has = f"order {order.number!r}, item {item.number!r}: the shop has"
            earlier = {artwork.url for artwork in stale[item.number]}
            assert not earlier.intersection(stored), f"{shop_has} the URL of an earlier call; do not keep such URLs"
            assert stored == urls, f"{shop_has} another URL than that of the call; pass each URL as it is"

    def test_an_unknown_item_is_not_found(
        self,
        client: FulfillmentClient,
        order: Order,
        artworks: ArtworkByItem,
        read_names: ReadNames,
        key: str,
        other_key: str,
    ) -> None:
        """The call raises ``ItemNotFound``. With ``attach_order``, no item has new artwork then."""
        _skip_unless_attaching(client)
        item = required(order)[0]
        stranger = evolve(item, number="no-such-item", id="no-such-item")
        if client.attaching is Attaching.SEPARATE:
            with _refused("attach_artwork was called with an item that the order does not have", ItemNotFound):
                attacher(client).attach_artwork(order, stranger, artworks[item.number], idempotency_key=key)
            return
        _attach(client, order, artworks, key)
        others = _renamed(artworks)
        with _refused("attach_order was called with an item that the order does not have", ItemNotFound):
            order_attacher(client).attach_order(
                evolve(order, items=[*order.items, stranger]),
                {**others, stranger.number: artworks[item.number]},
                idempotency_key=other_key,
            )
        # If a part took effect, the call must raise OutcomeUnknown.
        assert_artwork(order, names_of(artworks), read_names)

    def test_a_fulfilled_order_no_longer_waits_and_the_others_do(
        self,
        client: FulfillmentClient,
        order: Order,
        artworks: ArtworkByItem,
        own_ids: Callable[[], set[str]],
        key: str,
    ) -> None:
        """Its state is fulfilled. If the shop stores a key, it is the key of the call."""
        others = own_ids() - {order.id}
        assert client.get_order(order.id).state is OrderState.PENDING, f"order {order.number!r} is not pending"
        receipt = _fulfill(client, order, artworks, key)
        assert receipt != "", "return None if the shop has no receipts"
        now = _read(client, order)
        assert now.state is OrderState.FULFILLED, (
            f"fulfill returned, and then get_order says that order {order.number!r} is {now.state}; return after the "
            "effect, and read the order from the shop in every call"
        )
        copies = {item.number: item.quantity for item in order.items}
        for item in now.items:
            assert item.quantity == copies.get(item.number, item.quantity), (
                f"fulfill changed the quantity of order {order.number!r}, item {item.number!r}, from "
                f"{copies[item.number]} to {item.quantity}"
            )
        assert now.fulfillment_key in (None, key), (
            f"the key of the call is not that of get_order: {now.fulfillment_key}"
        )
        listed = _ids(_pending(client))
        assert order.id not in listed, f"order {order.number!r} is fulfilled and still listed as pending"
        assert others <= listed, f"these orders are no longer listed after the fulfill of another: {others - listed}"

    def test_an_order_is_found_by_its_number_in_any_state(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, key: str
    ) -> None:
        """For a client with ``find_orders``. Otherwise a file of two orders with one number seems to belong to one."""
        finder = order_finder(client)
        if finder is None:
            pytest.skip("the client has no `find_orders`")
        _assert_same_work(order, _find(finder, order), "find_orders")
        _fulfill(client, order, artworks, key)
        now = _find(finder, order)
        assert now.state is OrderState.FULFILLED, (
            f"order {order.number!r} is fulfilled, and find_orders says that it is {now.state}; read the order from "
            "the shop in every call"
        )

    def test_a_repeated_fulfill_does_what_recovery_says(
        self,
        client: FulfillmentClient,
        order: Order,
        artworks: ArtworkByItem,
        fulfillments: Callable[[Order], int] | None,
        key: str,
    ) -> None:
        """Idempotent: same receipt, no second effect. Queryable: it refuses, because the order is fulfilled."""
        if client.recovery is Recovery.IDEMPOTENT:
            assert fulfillments is not None, "override the fixture `fulfillments`: only the shop knows what it printed"
        if client.recovery is Recovery.NONE:
            pytest.skip("`recovery` is NONE, so a repeat may do anything")
        receipt = _fulfill(client, order, artworks, key)
        _repeat_fulfill(client, order, artworks, receipt, key)
        times = fulfillments(order) if fulfillments else 1
        assert times == 1, f"two calls with one key fulfilled order {order.number!r} {times} times; store the key"

    def test_a_new_process_knows_what_was_fulfilled(
        self,
        client: FulfillmentClient,
        order: Order,
        artworks: ArtworkByItem,
        new_client: Callable[[], FulfillmentClient],
        fulfillments: Callable[[Order], int] | None,
        key: str,
    ) -> None:
        """From the shop. What a client keeps in memory is lost when its process ends, and others do not have it."""
        running = new_client()
        _assert_same_work(order, _read(running, order), "get_order of another process")
        receipt = _fulfill(client, order, artworks, key)
        for other in (running, new_client()):
            state = _read(other, order).state
            assert state is OrderState.FULFILLED, (
                f"order {order.number!r} is fulfilled, and a client of another process says that it is {state}; do not "
                "keep states in memory"
            )
            assert order.id not in _ids(_pending(other)), (
                f"order {order.number!r} is fulfilled, and a client of another process lists it as pending"
            )
            if client.recovery is not Recovery.NONE:
                _repeat_fulfill(other, order, artworks, receipt, key)
        times = fulfillments(order) if fulfillments else 1
        assert times == 1, (
            f"calls of several processes with one key fulfilled order {order.number!r} {times} times; store the key in "
            "the shop"
        )

    def test_another_key_finds_the_order_fulfilled(
        self,
        client: FulfillmentClient,
        order: Order,
        artworks: ArtworkByItem,
        read_names: ReadNames,
        key: str,
        other_key: str,
    ) -> None:
        """A key belongs to one approval of one order, so another key is another call."""
        if client.recovery is Recovery.NONE:
            pytest.skip("`recovery` is NONE, so a repeat may do anything")
        _fulfill(client, order, artworks, key)
        with _refused("fulfill was called with another key, for a fulfilled order", AlreadyFulfilled, NotPending):
            client.fulfill(order, _renamed(artworks), idempotency_key=other_key)
        assert_artwork(order, names_of(artworks), read_names)
        assert client.get_order(order.id).fulfillment_key in (None, key), "a refused call leaves no key"

    def test_the_key_is_not_shown_before_the_effect(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, cancel: Change, key: str
    ) -> None:
        """A key counts as proof that the order was sent. So it is stored together with the effect, or after it."""
        shown = {client.get_order(order.id).fulfillment_key}
        if client.attaching is not Attaching.WITH_FULFILL:
            _attach_one(client, order, artworks, key)
            shown.add(client.get_order(order.id).fulfillment_key)
        cancel(order)
        with _refused("fulfill was called with a cancelled order", NotPending, OrderGone):
            client.fulfill(order, artworks, idempotency_key=key)
        with suppress(OrderGone):
            shown.add(client.get_order(order.id).fulfillment_key)
        assert shown == {None}, "the key is shown although no call had its effect"

    def test_nothing_is_attached_to_a_fulfilled_order(
        self,
        client: FulfillmentClient,
        order: Order,
        artworks: ArtworkByItem,
        read_names: ReadNames,
        key: str,
        other_key: str,
    ) -> None:
        """It may already be printed. The call receives the order as it was read before, when it was pending."""
        _skip_unless_attaching(client)
        _fulfill(client, order, artworks, key)
        with _refused(f"{_method(client)} was called with a fulfilled order", NotPending, AlreadyFulfilled):
            _attach_one(client, order, _renamed(artworks), other_key)
        assert_artwork(order, names_of(artworks), read_names)

    def test_nothing_is_attached_to_a_cancelled_order(
        self, client: FulfillmentClient, order: Order, artworks: ArtworkByItem, cancel: Change, key: str
    ) -> None:
        """The call receives the order as it was read before, when it was pending."""
        _skip_unless_attaching(client)
        cancel(order)
        with _refused(f"{_method(client)} was called with a cancelled order", NotPending, OrderGone):
            _attach_one(client, order, artworks, key)

    def test_a_cancelled_order_is_refused(
        self,
        client: FulfillmentClient,
        order: Order,
        artworks: ArtworkByItem,
        read_names: ReadNames,
        cancel: Change,
        key: str,
    ) -> None:
        """It is not listed, and ``fulfill`` refuses it, although it receives the order as it was before."""
        _assert_same_work(order, _read(client, order), "get_order")
        cancel(order)
        assert order.id not in _ids(_pending(client)), f"order {order.number!r} is cancelled and still listed"
        with suppress(OrderGone):
            state = client.get_order(order.id).state
            assert state in {OrderState.CANCELLED, OrderState.OTHER}, (
                f"order {order.number!r} is cancelled, and get_order says that it is {state}; read the order from the "
                "shop in every call, and map each state that you do not know to OTHER"
            )
        before = stored_names(order, read_names)
        with _refused("fulfill was called with a cancelled order", NotPending, OrderGone):
            client.fulfill(order, artworks, idempotency_key=key)
        _assert_unchanged(order, before, read_names, "a fulfill that was refused")

    # --- Whole scans in which something fails: nothing is sent twice, and nothing is lost ---

    def test_a_scan_fulfills_the_order_once_and_later_scans_do_nothing(self, scenario: Scenario) -> None:
        """Nothing fails."""
        scenario.expect(ItemStatus.FULFILLED)
        scenario.scan_until_settled()
        assert_fulfilled_once(scenario)

    @pytest.mark.parametrize("error", NO_RESPONSE, ids=lambda error: type(error).__name__)
    @before_and_after
    def test_a_fulfill_without_a_response_is_resolved_and_never_sent_twice(
        self, scenario: Scenario, moment: Moment, error: Exception
    ) -> None:
        """Whether or not the call took effect. Without recovery, the order waits for a person."""
        scenario.expect(ItemStatus.UNCERTAIN, fault("client.fulfill", error, moment))
        assert_resolved(scenario, sent=moment == "after")

    @pytest.mark.parametrize("error", [RateLimited("429", retry_after=1.0), Unavailable("503")], ids=str)
    def test_a_fulfill_that_was_refused_temporarily_is_sent_later(self, scenario: Scenario, error: Exception) -> None:
        """After RateLimited, and if the client is idempotent, it is called again in the same scan."""
        is_repeated = isinstance(error, RateLimited) or scenario.client.recovery is Recovery.IDEMPOTENT
        scenario.expect(ItemStatus.FULFILLED if is_repeated else ItemStatus.FAILED, fault("client.fulfill", error))
        scenario.scan_until_settled()
        assert_fulfilled_once(scenario)

    @before_and_after
    def test_an_attachment_without_a_response_is_repeated(self, scenario: Scenario, moment: Moment) -> None:
        """Nothing is sent before every attachment is confirmed."""
        _skip_unless_attaching(scenario.client)
        lost = fault(f"client.{_method(scenario.client)}", NO_RESPONSE[0], moment)
        assert ItemStatus.FULFILLED not in scenario.scan(lost)
        assert scenario.times_fulfilled() == 0
        scenario.scan_until_settled()
        assert_fulfilled_once(scenario)

    @pytest.mark.parametrize("call", ["client.pending_orders", "client.get_order"])
    def test_reads_that_fail_temporarily_are_retried(self, scenario: Scenario, call: str) -> None:
        """Reading is retried in the same scan."""
        scenario.expect(ItemStatus.FULFILLED, fault(call, Unavailable("503")))
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
        self,
        scenario: Scenario,
        reset_client: Callable[[], FulfillmentClient],
        new_order: Callable[[], Order],
        folder: tuple[Any, str],
    ) -> None:
        """Before and after each call of the storage, the client and the ledger."""

        def scan(faults: Faults) -> None:
            _restart(scenario, reset_client, new_order, folder)
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

    def test_a_connection_may_break_after_any_write(
        self,
        scenario: Scenario,
        reset_client: Callable[[], FulfillmentClient],
        new_order: Callable[[], Order],
        folder: tuple[Any, str],
        break_after_write: BreakAfterWrite,
    ) -> None:
        """Also between two writes of one call. Such a call is ``OutcomeUnknown``, because a part took effect."""
        for number in count(1):
            _restart(scenario, reset_client, new_order, folder)
            has_broken = break_after_write(number)
            scenario.scan()
            if not has_broken():
                break
            scenario.scan_until_settled()
            times, order = scenario.times_fulfilled(), scenario.order.number
            assert times <= 1, (
                f"the connection broke after write {number}, and order {order!r} was fulfilled {times} times"
            )
            if scenario.client.recovery is not Recovery.NONE:
                state = scenario.client.get_order(scenario.order.id).state
                assert state is OrderState.FULFILLED, (
                    f"the connection broke after write {number}, and order {order!r} is {state} after later scans"
                )
        assert number > 1, "the connection never broke; does the fixture `break_after_write` count every write?"


_MEMBERS = ("recovery", "attaching", "call_limit", "pending_orders", "get_order", "fulfill")


@contextmanager
def _refused(call: str, *errors: type[Exception]) -> Iterator[None]:
    """Asserts that a call raises one of these errors."""
    needed = " or ".join(error.__name__ for error in errors)
    try:
        yield
    except errors:
        return
    except Exception as error:
        raise AssertionError(f"{call}: it raised {type(error).__name__} ({error}); raise {needed}") from error
    raise AssertionError(f"{call}: it did not raise; raise {needed}")


def _repeat_fulfill(
    client: FulfillmentClient, order: Order, artworks: ArtworkByItem, receipt: str | None, key: str
) -> None:
    """Calls ``fulfill`` again with the same key, and asserts what ``recovery`` says."""
    if client.recovery is Recovery.QUERYABLE:
        with _refused("fulfill was called with a fulfilled order", AlreadyFulfilled, NotPending):
            client.fulfill(order, artworks, idempotency_key=key)
        return
    try:
        again = client.fulfill(order, artworks, idempotency_key=key)
    except AlreadyFulfilled as error:
        raise AssertionError(
            f"a second fulfill with the same key raised AlreadyFulfilled ({error}); return the first receipt, or "
            "declare Recovery.QUERYABLE"
        ) from error
    assert again == receipt, f"a repeated fulfill returned {again!r}, and the first one {receipt!r}"
    assert _read(client, order).state is OrderState.FULFILLED


def _read(client: FulfillmentClient, order: Order) -> Order:
    """The order as it is now. Asserts that the client finds it."""
    try:
        return client.get_order(order.id)
    except OrderGone as error:
        raise AssertionError(
            f"get_order raised OrderGone for order {order.number!r} ({error}); find each order of the shop, in any "
            "state and on any page"
        ) from error


def _artworks(order: Order, make_artwork: MakeArtwork) -> dict[str, list[Artwork]]:
    return {item.number: [make_artwork(order, item, side) for side in item.placements] for item in required(order)}


def _renamed(artworks: ArtworkByItem) -> dict[str, list[Artwork]]:
    """Other files for the same items."""
    return {
        number: [evolve(artwork, name=f"second-{artwork.name}") for artwork in files]
        for number, files in artworks.items()
    }


def _contents(order: Order) -> dict[str, object]:
    """What is printed for an order, by the name of the value."""
    values: dict[str, object] = {"number": order.number, "approval": order.approval, "state": str(order.state)}
    for item in order.items:
        values[f"the quantity of item {item.number!r}"] = item.quantity
        values[f"the list of placements of item {item.number!r}"] = item.placements if item.requires_artwork else ()
    return values


def _assert_unchanged(order: Order, before: object, read_names: ReadNames, call: str) -> None:
    now = stored_names(order, read_names)
    assert now == before, f"{call} changed the artwork of order {order.number!r}: {before} before, {now} now"


def _assert_same_work(order: Order, now: Order, call: str) -> None:
    assert now.same_work(order), (
        f"after {call}, order {order.number!r} has other values than in the list; the library would take it for edited"
    )
    assert now.state is OrderState.PENDING, f"after {call}, order {order.number!r} is {now.state} and no longer pending"


def _restart(
    scenario: Scenario,
    reset_client: Callable[[], FulfillmentClient],
    new_order: Callable[[], Order],
    folder: tuple[Any, str],
) -> None:
    """Starts over with the same order, or with a new one if the client did not reset it."""
    client = reset_client()
    with suppress(OrderGone):
        if client.get_order(scenario.order.id).state is OrderState.PENDING:
            scenario.restart(client)
            return
    files, path = folder
    for name in files.ls(path, detail=False):
        files.rm(name)
    order = new_order()
    upload(files, path, order)
    scenario.restart(client, order)


def _pending(client: FulfillmentClient) -> list[Order]:
    """The pending orders that can be read. Others may belong to somebody else."""
    return [order for order in client.pending_orders() if isinstance(order, Order)]


def _ids(orders: Iterable[Order]) -> set[str]:
    return {order.id for order in orders}


def _skip_unless_attaching(client: FulfillmentClient) -> None:
    if client.attaching is Attaching.WITH_FULFILL:
        pytest.skip("`attaching` is WITH_FULFILL")


def _fulfill(client: FulfillmentClient, order: Order, artworks: ArtworkByItem, key: str) -> str | None:
    if client.attaching is not Attaching.WITH_FULFILL:
        _attach(client, order, artworks, key)
    return client.fulfill(order, artworks, idempotency_key=key)


def _find(finder: OrderFinder, order: Order) -> Order:
    """Finds an order by its number."""
    for found in finder.find_orders([order.number]):
        if isinstance(found, Order) and found.id == order.id:
            return found
    raise AssertionError(
        f"find_orders did not find order {order.number!r} (id {order.id}); find each order of the shop, in any state"
    )


def _method(client: FulfillmentClient) -> str:
    """The method that attaches files."""
    return "attach_order" if client.attaching is Attaching.PER_ORDER else "attach_artwork"


def _attach(client: FulfillmentClient, order: Order, artworks: ArtworkByItem, key: str) -> None:
    """Attaches the artwork of all items, by one call or by one for each."""
    if client.attaching is Attaching.PER_ORDER:
        order_attacher(client).attach_order(order, artworks, idempotency_key=key)
        return
    for item in required(order):
        attacher(client).attach_artwork(order, item, artworks[item.number], idempotency_key=key)


def _attach_one(client: FulfillmentClient, order: Order, artworks: ArtworkByItem, key: str) -> None:
    """Makes one call that attaches files: those of the first item, or of all items."""
    if client.attaching is Attaching.PER_ORDER:
        order_attacher(client).attach_order(order, artworks, idempotency_key=key)
        return
    item = required(order)[0]
    attacher(client).attach_artwork(order, item, artworks[item.number], idempotency_key=key)

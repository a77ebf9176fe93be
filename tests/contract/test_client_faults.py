# ruff: noqa: ARG002 - a client that does nothing still has the arguments of the interface
"""The contract fails for each kind of client that would print an order twice or never."""

import inspect
import uuid

import fsspec
import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.testing import FakeShop, FulfillmentClientContract
from remote_artwork.testing.client import Scenario, example_artwork, upload

ORDER = ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2", placements=["front", "back"])])


class Denying(FakeShop):
    """Fulfills, and then reports the order as pending, so it is sent again."""

    def fulfill(self, order, artworks, *, idempotency_key):
        receipt = super().fulfill(order, artworks, idempotency_key=idempotency_key)
        self.put(evolve(self.orders[order.id], state=ra.OrderState.PENDING))
        return receipt


class Idle(FakeShop):
    """Returns receipts, and does nothing."""

    def fulfill(self, order, artworks, *, idempotency_key):
        return "receipt"


class Hasty(FakeShop):
    """Fulfills when the first file is attached."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        if self.orders[order.id].state is ra.OrderState.PENDING:
            self.fulfill(order, {item.number: artworks}, idempotency_key=idempotency_key)


class Reckless(FakeShop):
    """Fulfills cancelled and deleted orders."""

    def fulfill(self, order, artworks, *, idempotency_key):
        self.put(order)
        return super().fulfill(order, artworks, idempotency_key=idempotency_key)


NOTICED = {
    "test_a_scan_fulfills_the_order_once_and_later_scans_do_nothing": [Denying, Idle],
    "test_a_fulfill_without_a_response_is_resolved_and_never_sent_twice": [Denying, Idle],
    "test_a_fulfill_that_was_refused_temporarily_is_sent_later": [Denying, Idle],
    "test_an_attachment_without_a_response_is_repeated": [Denying, Idle, Hasty],
    "test_reads_that_fail_temporarily_are_retried": [Denying, Idle],
    "test_an_order_cancelled_right_before_it_is_sent_is_not_sent": [Reckless, Idle],
    "test_an_order_deleted_right_before_it_is_sent_is_not_sent": [Reckless, Idle],
    "test_a_process_that_dies_at_fulfill_leaves_the_order_to_the_next": [Denying, Idle],
    "test_a_process_may_die_at_any_call": [Denying, Idle],
}


def test_every_scan_test_of_the_contract_is_listed_here():
    tests = {name: test for name, test in vars(FulfillmentClientContract).items() if name.startswith("test_")}
    assert set(NOTICED) == {name for name, test in tests.items() if "scenario" in inspect.signature(test).parameters}


@pytest.fixture
def folder():
    files, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    files.makedirs(folder)
    upload(files, folder, ORDER)
    yield files, folder
    files.rm(folder, recursive=True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [pytest.param(name, kind, id=f"{kind.__name__}-{name}") for name in NOTICED for kind in NOTICED[name]],
)
def test_the_contract_fails_for_a_client_that_breaks_a_promise(name, kind, folder):
    shop = kind([ORDER])
    available = {
        "scenario": Scenario(shop, ORDER, ra.ArtworkStorage(*folder)),
        "cancel": lambda order: shop.cancel(order.id),
        "delete": lambda order: shop.delete(order.id),
        "reset_client": lambda: kind([ORDER]),
        "moment": "after",
        "error": ra.OutcomeUnknown("no answer") if "without_a_response" in name else ra.RateLimited("429"),
        "call": "client.get_order",
    }
    test = getattr(FulfillmentClientContract(), name)
    needed = inspect.signature(test).parameters
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test(**{argument: available[argument] for argument in needed})


class FirstItem(FakeShop):
    """Attaches every file to the first item."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, order.items[0], artworks, idempotency_key=idempotency_key)


class Dropped(FakeShop):
    """Fulfills without any file."""

    def fulfill(self, order, artworks, *, idempotency_key):
        return super().fulfill(order, {}, idempotency_key=idempotency_key)


class Swapped(FakeShop):
    """Gives the files of each item to another one."""

    def fulfill(self, order, artworks, *, idempotency_key):
        swapped = dict(zip(artworks, reversed(list(artworks.values())), strict=True))
        return super().fulfill(order, swapped, idempotency_key=idempotency_key)


class Turned(FakeShop):
    """Stores the placements of an item in another order."""

    def fulfill(self, order, artworks, *, idempotency_key):
        turned = {number: list(reversed(files)) for number, files in artworks.items()}
        return super().fulfill(order, turned, idempotency_key=idempotency_key)


class Doubling(FakeShop):
    """Prints again with every call, although it promises not to."""

    printed = 0

    def fulfill(self, order, artworks, *, idempotency_key):
        receipt = super().fulfill(order, artworks, idempotency_key=idempotency_key)
        self.printed += 1
        return receipt


class KeyFirst(FakeShop):
    """Stores the key, and then does what was asked, or does not."""

    def fulfill(self, order, artworks, *, idempotency_key):
        self.put(evolve(self.get_order(order.id), fulfillment_key=idempotency_key))
        return super().fulfill(order, artworks, idempotency_key=idempotency_key)


class KeyOfAttaching(FakeShop):
    """Shows the key of an attach call as if it were that of a fulfillment."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        self.put(evolve(self.get_order(order.id), fulfillment_key=idempotency_key))


OWN_ARTWORK = "test_each_item_gets_its_own_artwork"
REPEATED = "test_a_repeated_fulfill_does_what_recovery_says"
NO_EARLY_KEY = "test_the_key_is_not_shown_before_the_effect"
OTHER_KEY_REFUSED = "test_another_key_finds_the_order_fulfilled"


@pytest.mark.parametrize(
    ("name", "kind", "attaching"),
    [
        (OWN_ARTWORK, FirstItem, "separate"),
        (OWN_ARTWORK, Dropped, "with_fulfill"),
        (OWN_ARTWORK, Swapped, "with_fulfill"),
        (OWN_ARTWORK, Turned, "with_fulfill"),
        (REPEATED, Doubling, "with_fulfill"),
        (NO_EARLY_KEY, KeyFirst, "with_fulfill"),
        (NO_EARLY_KEY, KeyOfAttaching, "separate"),
        (OTHER_KEY_REFUSED, KeyFirst, "with_fulfill"),
    ],
)
def test_the_contract_fails_for_a_client_that_prints_the_wrong_thing(name, kind, attaching):
    shop = kind([ORDER], recovery=ra.Recovery.IDEMPOTENT, attaching=ra.Attaching(attaching))
    assert not failures_of(name, FakeShop([ORDER], recovery=shop.recovery, attaching=shop.attaching))
    assert failures_of(name, shop)


def failures_of(name, shop):
    """The error with which one test of the contract fails for this shop; None if it passes."""
    available = {
        "client": shop,
        "order": ORDER,
        "artworks": {
            item.number: [example_artwork(ORDER, item, side) for side in item.placements] for item in ORDER.items
        },
        "read_names": lambda order, item: [artwork.name for artwork in shop.artwork.get((order.id, item.number), ())],
        "cancel": lambda order: shop.cancel(order.id),
        "fulfillments": lambda _order: getattr(shop, "printed", 1),
    }
    test = getattr(FulfillmentClientContract(), name)
    try:
        test(**{argument: available[argument] for argument in inspect.signature(test).parameters})
    except (AssertionError, pytest.fail.Exception) as error:
        return error
    return None

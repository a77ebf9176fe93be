# ruff: noqa: ARG002 - a client that does nothing still has the arguments of the interface
"""The contract fails for each kind of client that would print an order twice or never."""

import inspect
import uuid

import fsspec
import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.testing import FakeShop, FulfillmentClientContract
from remote_artwork.testing.client import Scenario, upload

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

# ruff: noqa: ARG002 - a client that does nothing still has the interface's arguments
"""The whole scans of the client's contract notice each kind of client that would print twice, or never."""

import inspect
import uuid

import fsspec
import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.testing import FakeShop, FulfillmentClientContract
from remote_artwork.testing.client import Trial, WholeScansOfAClient, upload

ORDER = ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2", placements=["front", "back"])])


class Denying(FakeShop):
    """Fulfills, and says afterwards that the order still waits: so it is sent again."""

    def fulfill(self, order, artworks, *, idempotency_key):
        receipt = super().fulfill(order, artworks, idempotency_key=idempotency_key)
        self.put(evolve(self.orders[order.id], state=ra.OrderState.PENDING))
        return receipt


class Idle(FakeShop):
    """Gives receipts, and does nothing."""

    def fulfill(self, order, artworks, *, idempotency_key):
        return "receipt"


class Hasty(FakeShop):
    """Fulfills with the first file."""

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        if self.orders[order.id].state is ra.OrderState.PENDING:
            self.fulfill(order, {item.number: artworks}, idempotency_key=idempotency_key)


class Reckless(FakeShop):
    """Fulfills what was cancelled or deleted."""

    def fulfill(self, order, artworks, *, idempotency_key):
        self.put(order)
        return super().fulfill(order, artworks, idempotency_key=idempotency_key)


NOTICED = {
    "test_a_scan_fulfils_the_order_once_and_the_next_ones_leave_it": [Denying, Idle],
    "test_a_fulfil_without_an_answer_is_settled_and_never_sent_twice": [Denying, Idle],
    "test_a_fulfil_that_was_refused_for_now_is_sent_by_a_later_scan": [Denying, Idle],
    "test_an_attachment_without_an_answer_is_set_again": [Denying, Idle, Hasty],
    "test_questions_that_fail_for_now_are_asked_again": [Denying, Idle],
    "test_an_order_cancelled_right_before_it_is_sent_is_not_sent": [Reckless, Idle],
    "test_an_order_deleted_right_before_it_is_sent_is_not_sent": [Reckless, Idle],
    "test_a_process_that_dies_at_the_fulfil_leaves_it_to_the_next": [Denying, Idle],
    "test_a_process_may_die_at_any_call": [Denying, Idle],
}


def test_each_test_of_the_contract_is_tried_here():
    assert set(NOTICED) == {name for name in vars(WholeScansOfAClient) if name.startswith("test_")}


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
def test_a_client_that_breaks_its_promise_is_noticed(name, kind, folder):
    shop = kind([ORDER])
    given = {
        "trial": Trial(shop, ORDER, ra.ArtworkStorage(*folder)),
        "cancel": lambda order: shop.cancel(order.id),
        "delete": lambda order: shop.forget(order.id),
        "afresh": lambda: kind([ORDER]),
        "moment": "after",
        "error": ra.OutcomeUnknown("no answer") if "without_an_answer" in name else ra.RateLimited("429"),
        "call": "client.get_order",
    }
    test = getattr(FulfillmentClientContract(), name)
    wanted = inspect.signature(test).parameters
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test(**{argument: given[argument] for argument in wanted})

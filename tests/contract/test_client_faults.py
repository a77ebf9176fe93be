# ruff: noqa: ARG002 - a client that does nothing still has the arguments of the interface
"""Every scan of the contract fails for each kind of client that would print an order twice, never, or wrongly."""

import inspect

import pytest
from attrs import evolve

import remote_artwork as ra
from contract_runner import ORDER, failure_of
from remote_artwork.testing import FakeShop, FulfillmentClientContract
from wrong_clients import TwoWrites


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
    "test_a_connection_may_break_after_any_write": [Idle],
}
REFUSED = ra.RateLimited("429")


def test_every_scan_test_of_the_contract_is_listed_here():
    tests = {name: test for name, test in vars(FulfillmentClientContract).items() if name.startswith("test_")}
    assert set(NOTICED) == {name for name, test in tests.items() if "scenario" in inspect.signature(test).parameters}


@pytest.mark.parametrize(
    ("name", "kind"),
    [pytest.param(name, kind, id=f"{kind.__name__}-{name}") for name in NOTICED for kind in NOTICED[name]],
)
def test_the_contract_fails_for_a_client_that_breaks_a_promise(name, kind):
    assert failure_of(name, lambda: kind([ORDER]), **arguments_of(name))


class Emptied(TwoWrites):
    """Fulfills, and loses the artwork of one item. Every single call before it was right."""

    def after_fulfill(self, order):
        self.artwork[order.id, "2"] = ()


class Exchanged(TwoWrites):
    """Fulfills, and exchanges the artwork of two items."""

    def after_fulfill(self, order):
        first, second = (order.id, "1"), (order.id, "2")
        self.artwork[first], self.artwork[second] = self.artwork[second], self.artwork[first]


@pytest.mark.parametrize("attaching", ra.Attaching)
@pytest.mark.parametrize("kind", [Emptied, Exchanged])
@pytest.mark.parametrize("name", [name for name in NOTICED if "is_not_sent" not in name])
def test_every_scan_of_the_contract_compares_the_artwork_of_all_items(name, kind, attaching):
    if "attachment" in name and attaching is ra.Attaching.WITH_FULFILL:
        with pytest.raises(AssertionError, match="was skipped"):
            failure_of(name, lambda: kind([ORDER], attaching=attaching))
        return
    right = failure_of(name, lambda: TwoWrites([ORDER], attaching=attaching), **arguments_of(name))
    wrong = failure_of(name, lambda: kind([ORDER], attaching=attaching), **arguments_of(name))
    assert right is None, right
    assert "the shop has stored the wrong artwork for order '1001'" in str(wrong)


def arguments_of(name):
    return {"error": REFUSED} if "refused_temporarily" in name else {}

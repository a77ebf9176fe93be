"""A fulfill call of one scan, and what another scan, the shop or its list makes of the order meanwhile."""

from datetime import timedelta

import pytest

import remote_artwork as ra
from doubt import LOST, Case, statuses
from remote_artwork.core.lifecycle import ItemState
from remote_artwork.testing import FakeShop, Faults
from shop_files import JPEG

CAN_TELL = [ra.Recovery.IDEMPOTENT, ra.Recovery.QUERYABLE]
MOMENTS = [("client.get_order", 1), ("client.attach_artwork", 1), ("client.get_order", 2), ("client.fulfill", 1)]


class SaysNotPending(FakeShop):
    """Tells by ``NotPending`` alone that an order is done."""

    def fulfill(self, order, artworks, *, idempotency_key):
        try:
            return super().fulfill(order, artworks, idempotency_key=idempotency_key)
        except ra.AlreadyFulfilled as error:
            raise ra.NotPending(str(error)) from error


class BreaksOff(FakeShop):
    """Its list of pending orders ends before the first order when the test says so; keeps what was attached."""

    broken = False
    attached = ()

    def pending_orders(self):
        if self.broken:
            raise ra.Unavailable("the list broke off")
        return super().pending_orders()

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        self.attached += (item,)


@pytest.mark.parametrize("recovery", CAN_TELL, ids=str)
@pytest.mark.parametrize(("call", "number"), MOMENTS)
def test_a_call_that_arrives_while_it_is_repeated_is_never_lost(root, recovery, call, number):
    case, faults = Case(root, recovery, kind=SaysNotPending), Faults()
    case.lose_the_answer(done=False)
    artworks = {"1": case.shop.artwork["1001", "1"]}

    def arrive() -> None:
        case.shop.fulfill(case.shop.orders["1001"], artworks, idempotency_key=case.our_key)

    faults.intercept(call, arrive, number=number, moment="after" if call == "client.get_order" else "before")
    case.scan(faults)
    case.scan()
    assert case.states == {"": "fulfilled"}
    assert list(case.shop.effects.values()) == [1]


def test_a_repeat_whose_file_the_shop_refuses_waits_for_a_newer_one(root):
    case = Case(root, ra.Recovery.QUERYABLE)
    case.lose_the_answer(done=False)
    case.shop.fail_next("attach_artwork", ra.ArtworkRejected("too small"))
    [item] = case.scan()
    assert (item.status, "too small" in item.reason) == ("uncertain", True)
    case.files.pipe(case.path, JPEG + b"newer")
    assert statuses(case.scan()) == ["matched"]
    assert statuses(case.scan()) == ["fulfilled"]


@pytest.mark.parametrize("recovery", CAN_TELL, ids=str)
def test_a_deleted_order_does_not_prove_that_nothing_was_printed(root, recovery):
    case = Case(root, recovery, order=ra.Order("1001", [ra.OrderItem("1")], id="A"))
    case.lose_the_answer(done=True)
    case.shop.delete("A")
    [item] = case.scan()
    assert item.status == "uncertain"
    assert "the shop no longer knows the order" in item.reason
    case.shop.put(ra.Order("1001", [ra.OrderItem("1")], id="B"))
    assert sorted(statuses(case.scan())) == ["conflict", "uncertain"]
    assert list(case.shop.effects.values()) == [1]


def test_what_was_printed_after_another_scan_had_cancelled_the_order_is_not_lost(root):
    case, faults = Case(root, ra.Recovery.QUERYABLE), Faults()

    def another_scan_finds_it_cancelled() -> None:
        case.now += timedelta(hours=1)
        case.edit(state=ra.OrderState.CANCELLED)
        assert statuses(case.scan()) == ["cancelled"]
        case.edit(state=ra.OrderState.PENDING)

    faults.intercept("client.fulfill", another_scan_finds_it_cancelled)
    [item] = case.scan(faults)
    assert (item.status, "receipt-1001" in item.reason) == ("uncertain", True)
    assert case.states == {"": "uncertain"}


def test_a_call_without_an_answer_that_another_scan_has_given_up_is_not_lost(root):
    case, faults = Case(root, ra.Recovery.QUERYABLE), Faults()

    def another_scan_gives_the_call_up() -> None:
        case.now += timedelta(hours=1)
        case.files.pipe(case.path, JPEG + b"newer")
        assert statuses(case.scan()) == ["matched"]

    faults.intercept("client.fulfill", another_scan_gives_the_call_up)
    faults.fail("client.fulfill", LOST, moment="after")
    assert statuses(case.scan(faults)) == ["uncertain"]
    assert case.states == {"": "uncertain"}
    assert statuses(case.scan()) == ["uncertain"], "also once the shop names it no more"


def test_a_scan_that_was_overtaken_before_its_call_leaves_the_order_as_it_is(root):
    case, faults = Case(root, ra.Recovery.QUERYABLE), Faults()
    case.lose_the_answer(done=False)

    def another_scan_gives_the_call_up() -> None:
        case.now += timedelta(hours=1)
        case.files.pipe(case.path, JPEG + b"newer")
        assert statuses(case.scan()) == ["matched"]

    faults.intercept("client.attach_artwork", another_scan_gives_the_call_up, moment="after")
    case.scan(faults)
    assert case.states == {"": "open"}
    assert statuses(case.scan()) == ["fulfilled"]


@pytest.mark.parametrize("recovery", CAN_TELL, ids=str)
def test_a_repeat_is_of_the_order_that_the_shop_names_never_of_what_the_ledger_remembers(root, recovery):
    line = ra.OrderItem("1", id="line 77", quantity=3)
    case = Case(root, recovery, kind=BreaksOff, order=ra.Order("1001", [line]))
    case.lose_the_answer(done=False)
    case.shop.broken = True
    [item] = case.scan()
    assert item.status == "uncertain"
    case.shop.broken = False
    assert statuses(case.scan()) == ["fulfilled"]
    assert {(item.id, item.quantity) for item in case.shop.attached} == {("line 77", 3)}


def test_a_file_replaced_after_an_unanswered_attach_is_reported_until_resolved(root):
    case, faults = Case(root), Faults()
    case.lose_the_answer(done=False)
    faults.fail("client.attach_artwork", LOST)
    assert statuses(case.scan(faults)) == ["uncertain"]
    case.files.pipe(case.path, JPEG + b"newer")
    for _ in range(2):
        [item] = case.scan()
        assert (item.status, "1001_1.jpg was replaced" in item.reason) == ("uncertain", True)
    [record] = case.ledger.find("default")
    assert record.items["1"].state is ItemState.LATE_REPLACEMENT


@pytest.mark.parametrize("recovery", CAN_TELL, ids=str)
def test_an_order_that_is_edited_while_its_call_is_repeated_stays_uncertain(root, recovery):
    case, faults = Case(root, recovery), Faults()
    case.lose_the_answer(done=False)
    edited = [ra.OrderItem("1", quantity=5)]
    faults.intercept("client.attach_artwork", lambda: case.edit(items=edited))
    assert statuses(case.scan(faults)) == ["uncertain"]
    [item] = case.scan()
    assert (item.status, "the order was changed" in item.reason) == ("uncertain", True)


def test_a_call_is_waited_for_as_long_as_the_client_promised_that_made_it(root):
    case = Case(root, ra.Recovery.QUERYABLE)
    case.shop.call_limit = timedelta(hours=3)
    case.lose_the_answer(done=False)
    case.shop.call_limit = timedelta(minutes=1)
    [item] = case.scan()
    assert (item.status, "reads the order again after 3 hours" in item.reason) == ("uncertain", True)
    case.now += timedelta(hours=1)
    assert statuses(case.scan()) == ["fulfilled"]

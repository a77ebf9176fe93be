"""A shop that limits the rate of calls: the order waits for the next scan, and nobody has to act."""

import pytest

import remote_artwork as ra
from doubt import Case, statuses
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

LIMITED = ra.RateLimited("429", retry_after=0.01)


def scan(storage, shop):
    retry = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)
    return ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), retry=retry).scan()


@pytest.mark.parametrize("method", ["fulfill", "attach_artwork", "get_order"])
def test_a_rate_limit_is_no_fault(root, method):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    for _ in range(2):
        shop.fail_next(method, LIMITED)
    report = scan(storage, shop)
    assert [item.code for item in report.items] == ["rate_limited"]
    assert (report.faults, report.exit_code) == ((), 0)


def test_a_repeat_that_is_refused_by_a_rate_limit_needs_nobody(root):
    case = Case(root)
    case.lose_the_answer(done=True)
    case.shop.orders["1001"] = ra.Order("1001", [ra.OrderItem("1")])
    for _ in range(2):
        case.shop.fail_next("fulfill", LIMITED)
    [item] = case.scan()
    assert (item.status, item.code, item.needs_person) == ("uncertain", "retry_rate_limited", False)
    assert case.states == {"": "fulfill_intent"}
    assert statuses(case.scan()) == ["fulfilled"]


def test_a_refusal_does_not_hide_an_outage(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])], recovery=ra.Recovery.IDEMPOTENT)
    shop.fail_next("fulfill", LIMITED)
    shop.fail_next("fulfill", ra.Unavailable("503"))
    report = scan(storage, shop)
    assert ([item.code for item in report.items], report.exit_code) == (["shop_refused"], 3)


def test_a_shop_that_refuses_five_orders_in_a_row_is_a_fault(root):
    numbers = [str(1001 + count) for count in range(7)]
    _, storage = memory_folder(root, *(f"{number}_1.jpg" for number in numbers))
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in numbers], attaching=ra.Attaching.WITH_FULFILL)
    shop.fail_next("fulfill", ra.RateLimited("429", retry_after=36_000.0))
    report = scan(storage, shop)
    assert sorted(item.code for item in report.items) == ["not_tried"] * 6 + ["rate_limited"]
    assert [fault.code for fault in report.faults] == ["shop_not_answering"]
    assert not any(item.needs_person for item in report.items)
    assert report.exit_code == 3


def test_one_order_that_waits_for_a_long_pause_is_no_fault(root):
    _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg")
    orders = [ra.Order(number, [ra.OrderItem("1")]) for number in ("1001", "1002")]
    shop = FakeShop(orders, attaching=ra.Attaching.WITH_FULFILL)
    shop.fail_next("fulfill", ra.RateLimited("429", retry_after=36_000.0))
    report = scan(storage, shop)
    assert sorted(item.code for item in report.items) == ["not_tried", "rate_limited"]
    assert (report.faults, report.exit_code) == ((), 0)

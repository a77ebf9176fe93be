"""Each protection of an order that could be taken away without another test noticing."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.reports import ItemOutcome
from remote_artwork.testing import FakeShop, Faults, FaultyClient
from shop_files import memory_folder

LIMIT = timedelta(minutes=2)
SILENT_PASSES = 100


class Breaking(FakeShop):
    """Its list of pending orders breaks off while ``broken``."""

    broken = False

    def pending_orders(self):
        yield from super().pending_orders()
        if self.broken:
            raise ra.Unavailable("page 2 of the orders: 503")


class Case:
    """One order with its file, and a clock that moves only when the test sets it."""

    def __init__(self, root: str, recovery: ra.Recovery = ra.Recovery.QUERYABLE) -> None:
        _, self.storage = memory_folder(root, "1001_1.jpg")
        self.now = datetime(2026, 5, 1, tzinfo=UTC)
        self.shop = Breaking([ra.Order("1001", [ra.OrderItem("1")])], recovery=recovery, call_limit=LIMIT)
        self.ledger = ra.MemoryLedger(clock=lambda: self.now)

    def scan(self, faults: Faults | None = None) -> list[ItemOutcome]:
        client = FaultyClient(self.shop, faults or Faults())
        retry = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)
        return list(ra.Scanner(self.storage, client, ledger=self.ledger, retry=retry).scan().items)

    def status(self, faults: Faults | None = None) -> str:
        [item] = self.scan(faults)
        return item.status

    def edit(self, **changes) -> None:
        self.shop.put(evolve(self.shop.orders["1001"], **changes))

    def begin_a_call_without_an_answer(self) -> None:
        self.shop.fail_next("fulfill", ra.OutcomeUnknown("time-out"))
        assert self.status() == "uncertain"

    def finish_long_ago(self) -> None:
        assert self.status() == "fulfilled"
        self.now += timedelta(days=91)


def test_a_finished_order_is_deleted_after_a_hundred_scans_that_do_not_list_it(root):
    case = Case(root)
    case.finish_long_ago()
    for _ in range(SILENT_PASSES - 1):
        case.scan()
    assert list(case.ledger.find("default"))
    case.scan()
    assert not list(case.ledger.find("default"))


def test_a_scan_with_an_incomplete_list_does_not_count_toward_deletion(root):
    case = Case(root)
    case.finish_long_ago()
    case.shop.broken = True
    for _ in range(SILENT_PASSES + 1):
        case.scan()
    assert list(case.ledger.find("default"))


def test_an_order_is_held_for_as_long_as_its_call_may_be_in_flight(root):
    case, faults, others = Case(root), Faults(), []

    def another_scan() -> None:
        case.now += LIMIT
        others.extend(case.scan())

    faults.intercept("client.attach_artwork", another_scan)
    assert case.status(faults) == "fulfilled"
    [item] = others
    assert item.status == "matched"
    assert "another scan is processing this order" in item.reason
    assert len(case.shop.calls("fulfill")) == len(case.shop.calls("attach_artwork")) == 1


def test_an_attach_is_not_repeated_once_the_order_was_taken_over(root):
    case, faults = Case(root), Faults()

    def taken_over() -> None:
        case.now += 2 * LIMIT
        case.scan()

    faults.intercept("client.attach_artwork", taken_over)
    faults.fail("client.attach_artwork", ra.Unavailable("503"))
    case.scan(faults)
    assert faults.calls.count("client.attach_artwork") == 1
    assert list(case.shop.effects.values()) == [1]


@pytest.mark.parametrize(
    ("recovery", "attempts"), [(ra.Recovery.IDEMPOTENT, 2), (ra.Recovery.QUERYABLE, 1), (ra.Recovery.NONE, 1)], ids=str
)
def test_fulfill_is_repeated_in_the_same_scan_only_if_it_is_idempotent(root, recovery, attempts):
    case, faults = Case(root, recovery), Faults()
    for number in (1, 2):
        faults.fail("client.fulfill", ra.Unavailable("503"), number=number)
    assert case.status(faults) == "failed"
    assert faults.calls.count("client.fulfill") == attempts


def test_an_order_that_is_no_longer_pending_is_not_given_up_while_its_call_may_be_in_flight(root):
    case = Case(root)
    case.begin_a_call_without_an_answer()
    case.edit(state=ra.OrderState.CANCELLED)
    case.now += LIMIT - timedelta(seconds=1)
    assert case.status() == "uncertain"
    case.now += timedelta(seconds=1)
    assert case.status() == "cancelled"

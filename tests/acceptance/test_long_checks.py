"""A check that takes longer than a lease: the order is sent all the same, once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

import remote_artwork as ra
from remote_artwork.errors import StorageDenied
from remote_artwork.testing import FakeShop, Faults, FaultyClient, FaultyLedger, FaultyStorage
from shop_files import JPEG, memory_folder

LONG = timedelta(minutes=7)


class Shop:
    """One order, a clock, and scanners with a check that the test chooses."""

    def __init__(self, root: str) -> None:
        self.root, self.now = root, datetime(2026, 5, 1, tzinfo=UTC)
        self.files, self.storage = memory_folder(root, "1001_1.jpg")
        self.shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])], call_limit=timedelta(minutes=2))
        self.ledger = ra.MemoryLedger(clock=lambda: self.now)

    def scan(self, check: Callable[[], object], *, faults: Faults | None = None) -> str:
        class Check:
            def check(self, _artwork, _item):
                check()
                return []

        faults = faults or Faults()
        scanner = ra.Scanner(
            FaultyStorage(self.storage, faults),
            FaultyClient(self.shop, faults),
            ledger=FaultyLedger(self.ledger, faults),
            checks=[Check()],
        )
        [item] = scanner.scan().items
        return item.status

    def let_pass(self, time: timedelta) -> None:
        self.now += time


def test_the_lease_is_renewed_during_a_long_check_and_another_scan_leaves_the_order_alone(root):
    case, outcomes = Shop(root), []

    def check() -> None:
        case.let_pass(timedelta(minutes=2))
        outcomes.append(case.scan(lambda: None))

    assert case.scan(check) == "fulfilled"
    assert outcomes == ["matched"]
    assert list(case.shop.effects.values()) == [1]


def test_a_scan_whose_lease_ended_during_its_check_does_not_send_what_another_one_sent(root):
    case, outcomes = Shop(root), []

    def check() -> None:
        case.let_pass(LONG)
        outcomes.append(case.scan(lambda: None))

    outcomes.append(case.scan(check))
    assert outcomes == ["fulfilled", "matched"]
    assert list(case.shop.effects.values()) == [1]


def test_a_file_that_is_replaced_during_its_check_is_checked_again(root):
    case, checks = Shop(root), []

    def check() -> None:
        checks.append(case.now)
        if len(checks) == 1:
            case.files.pipe(f"{root}/1001_1.jpg", JPEG + b"newer")

    assert case.scan(check) == "fulfilled"
    assert len(checks) == 2


@pytest.mark.parametrize("call", ["storage.head", "storage.list"])
def test_an_error_of_the_storage_still_leaves_the_order_unread(root, call):
    case, faults = Shop(root), Faults()
    faults.intercept("ledger.claim", lambda: faults.fail(call, StorageDenied("403")))
    assert case.scan(lambda: None, faults=faults) == "unreadable"
    assert case.scan(lambda: None) == "fulfilled"

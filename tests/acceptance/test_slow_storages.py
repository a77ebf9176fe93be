"""A server that answers each request just within its time limit holds a scan for a limited time."""

import threading

import pytest

import remote_artwork as ra
from remote_artwork.storage import request_time
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

SECONDS = 8.0
NUMBERS = [str(number) for number in range(1001, 1021)]


class Clock:
    """The time of the requests. It moves only while a request runs."""

    def __init__(self) -> None:
        self.now, self.lock = 0.0, threading.Lock()

    def __call__(self) -> float:
        return self.now

    def let_pass(self, seconds: float) -> None:
        with self.lock:
            self.now += seconds


class Slow(ra.ArtworkStorage):
    """Every request takes a while."""

    clock: Clock

    def _attempt(self, function, *, name):
        self.clock.let_pass(SECONDS)
        return super()._attempt(function, name=name)


@pytest.fixture
def storage(root, monkeypatch):
    files, _ = memory_folder(root, *(f"{number}_1.jpg" for number in NUMBERS))
    Slow.clock = Clock()
    monkeypatch.setattr(request_time, "monotonic", Slow.clock)
    return lambda limit: Slow(files, root, files_timeout=limit)


def test_what_is_left_when_the_time_has_passed_waits_for_the_next_scan(storage):
    shop, ledger = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in NUMBERS]), ra.MemoryLedger()
    slow = storage(600.0)
    report = ra.Scanner(slow, shop, ledger=ledger, orders_at_once=1).scan()
    done = report.counts["fulfilled"]
    assert 0 < done < len(NUMBERS)
    assert set(report.counts) == {"fulfilled", "unreadable"}
    assert sum(report.requests.values()) * SECONDS < 700.0
    assert (report.exit_code, report.faults[0].part) == (3, "storage")
    assert "files_timeout" in report.faults[0].message
    while report.counts.get("unreadable"):
        report = ra.Scanner(slow, shop, ledger=ledger, orders_at_once=1).scan()
        assert report.counts.get("fulfilled", 0) > 0
    assert shop.effects.total() == len(NUMBERS)


def test_a_dry_run_that_verifies_is_limited_too(storage):
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in NUMBERS])
    report = ra.Scanner(storage(60.0), shop, ledger=ra.MemoryLedger(), orders_at_once=1).plan(verify=True)
    assert set(report.counts) == {"matched", "unreadable"}
    assert sum(report.requests.values()) * SECONDS < 100.0

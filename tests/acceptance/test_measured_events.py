"""The events about calls, requests and waits: each is measured once, and an observer can relate it to its order."""

import os
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.errors import LedgerUnavailable
from remote_artwork.events import (
    LedgerCalled,
    Measured,
    OrderFinished,
    OrderFulfilled,
    OrderStarted,
    RequestWaited,
    RetryWaited,
    ScanAborted,
    ScanFinished,
    ScanStarted,
    ShopCalled,
    StorageRequested,
)
from remote_artwork.testing import FakeShop
from shop_files import PDF, memory_folder

NUMBERS = [str(number) for number in range(1, 9)]
QUICK = ra.RetryPolicy(sleep=lambda _seconds: None)


class Notes:
    """An observer that keeps everything, and the threads that it was called in."""

    def __init__(self):
        self.events, self.threads = [], set()

    def on_event(self, event):
        self.events.append(event)
        self.threads.add(threading.current_thread())

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def storage(root):
    return memory_folder(root, *(f"{number}_1.pdf" for number in NUMBERS))[1]


def a_shop(**options):
    return FakeShop([ra.Order(number, [ra.OrderItem("1")], id=f"id-{number}") for number in NUMBERS], **options)


def a_scanner(storage, shop, observer, **options):
    return ra.Scanner(storage, shop, **{"ledger": ra.MemoryLedger(), "observer": observer, "retry": QUICK, **options})


@pytest.mark.parametrize(("workers", "calls"), [(1, 1), (4, 1), (4, 4)])
def test_every_call_and_request_is_measured_once_and_in_the_scan_thread(storage, notes, workers, calls):
    shop = a_shop(concurrent_calls=calls)
    report = a_scanner(storage, shop, notes, orders_at_once=workers).scan()
    assert report.counts == {ra.ItemStatus.FULFILLED: len(NUMBERS)}
    kinds = Counter(event.kind for event in notes.of(StorageRequested))
    assert kinds == Counter({kind: count for kind, count in report.requests.items() if count})
    made = Counter((call.name, call.order_id or None) for call in shop.journal)
    assert Counter((event.method, event.order_id) for event in notes.of(ShopCalled)) == made
    assert notes.threads == {threading.current_thread()}
    assert isinstance(notes.events[0], ScanStarted)
    assert isinstance(notes.events[-1], ScanFinished)


@pytest.mark.parametrize("workers", [1, 4])
def test_the_events_of_an_order_arrive_between_its_start_and_its_end(storage, notes, workers):
    a_scanner(storage, a_shop(concurrent_calls=workers), notes, orders_at_once=workers).scan()
    for number in NUMBERS:
        own = [event for event in notes.events if getattr(event, "order_id", None) == f"id-{number}"]
        own = [event for event in own if not isinstance(event, LedgerCalled)]
        started = next(i for i, event in enumerate(own) if isinstance(event, OrderStarted))
        [end] = [i for i, event in enumerate(own) if isinstance(event, OrderFinished)]
        inside = [i for i, event in enumerate(own) if isinstance(event, ShopCalled | OrderFulfilled)]
        assert {started < i < end for i in inside} == {True}
        whole = own[end]
        assert (whole.order_number, whole.statuses) == (number, (ra.ItemStatus.FULFILLED,))
        for event in own[started + 1 : end]:
            if isinstance(event, ShopCalled):
                assert whole.started_at <= event.started_at
                assert event.started_at + timedelta(seconds=event.seconds) <= (
                    whole.started_at + timedelta(seconds=whole.seconds, milliseconds=1)
                )


def test_a_dry_run_with_checks_measures_the_orders_that_it_checks(storage, notes):
    a_scanner(storage, a_shop(), notes, orders_at_once=2).plan(verify=True)
    assert {event.order_number for event in notes.of(OrderFinished)} == set(NUMBERS)
    assert {event.order_id for event in notes.of(StorageRequested) if event.kind == "get"} == {
        f"id-{number}" for number in NUMBERS
    }


def test_a_request_for_a_file_says_which_and_how_many_bytes_were_read(storage, notes):
    a_scanner(storage, a_shop(), notes).scan(orders=["3"])
    reads = [event for event in notes.of(StorageRequested) if event.kind == "get"]
    assert {event.file for event in reads} == {"3_1.pdf"}
    assert sum(event.size for event in reads) == len(PDF)
    assert {event.error for event in reads} == {None}


def test_a_call_that_is_made_again_after_a_wait_is_three_events(storage, notes):
    shop, slept = a_shop(), []
    shop.fail_next("get_order", ra.Unavailable("starting"))
    a_scanner(storage, shop, notes, retry=ra.RetryPolicy(sleep=slept.append)).scan(orders=["1"])
    about = [event for event in notes.events if isinstance(event, RetryWaited | ShopCalled)]
    about = [event for event in about if event.order_id == "id-1"][:3]
    assert [(type(event), event.error) for event in about] == [
        (ShopCalled, "Unavailable"), (RetryWaited, "Unavailable"), (ShopCalled, None),
    ]  # fmt: skip
    wait = about[1]
    assert wait.part == "client"
    assert [wait.seconds] == slept


def test_an_error_of_the_clients_own_code_is_named(storage, notes):
    shop = a_shop()
    shop.fail_next("fulfill", KeyError("receipt"))
    a_scanner(storage, shop, notes).scan(orders=["1"])
    assert [event.error for event in notes.of(ShopCalled) if event.method == "fulfill"] == ["KeyError"]


def test_a_wait_for_the_ledger_says_so(storage, notes, monkeypatch):
    ledger = ra.MemoryLedger()
    failures = [LedgerUnavailable("locked")]
    claim = ledger.claim

    def claim_later(*arguments, **options):
        if failures:
            raise failures.pop()
        return claim(*arguments, **options)

    monkeypatch.setattr(ledger, "claim", claim_later)
    a_scanner(storage, a_shop(), notes, ledger=ledger).scan()
    assert [(event.part, event.error) for event in notes.of(RetryWaited)] == [("ledger", "LedgerUnavailable")]
    assert next(event.error for event in notes.of(LedgerCalled) if event.method == "claim") == "LedgerUnavailable"


def test_a_call_of_the_ledger_says_how_many_orders_share_it(storage, notes):
    a_scanner(storage, a_shop(concurrent_calls=8), notes, orders_at_once=8).scan()
    calls = notes.of(LedgerCalled)
    assert {event.method for event in calls} == {"find", "claim", "advance", "forget"}
    assert sum(event.orders for event in calls if event.method == "claim") == len(NUMBERS)
    assert all(event.orders >= 1 for event in calls if event.method == "advance")
    assert {event.orders for event in calls if event.method in ("find", "forget")} == {0}


def test_a_fulfilled_order_says_when_its_newest_file_was_uploaded(tmp_path, notes):
    now = time.time()
    for number, hours in (("1", 30), ("2", 3)):
        path = tmp_path / f"1_{number}.pdf"
        path.write_bytes(PDF)
        os.utime(path, (now - hours * 3600, now - hours * 3600))
    shop = FakeShop([ra.Order("1", [ra.OrderItem("1"), ra.OrderItem("2")])])
    a_scanner(ra.ArtworkStorage(fsspec.filesystem("file"), str(tmp_path)), shop, notes).scan()
    [fulfilled] = notes.of(OrderFulfilled)
    assert fulfilled.uploaded_at == datetime.fromtimestamp((tmp_path / "1_2.pdf").stat().st_mtime, UTC)


def test_a_scan_that_raises_says_so_once_and_has_no_report(storage, notes):
    shop = a_shop()
    shop.fail_next("pending_orders", ra.ConfigurationError("set the key of the shop"))
    with pytest.raises(ra.ConfigurationError):
        a_scanner(storage, shop, notes).scan()
    [aborted] = notes.of(ScanAborted)
    assert notes.events[-1] is aborted
    assert (aborted.error, aborted.order_id) == ("ConfigurationError", None)
    assert not notes.of(ScanFinished)
    assert [event.error for event in notes.of(ShopCalled)] == ["ConfigurationError"]


def test_scans_of_two_scanners_at_once_measure_only_their_own(root):
    both = threading.Barrier(2, timeout=60)

    class Meeting(FakeShop):
        def pending_orders(self):
            both.wait()
            return super().pending_orders()

    def scan(number, shop, notes):
        folder = memory_folder(f"{root}/{number}", f"{number}_1.pdf")[1]
        a_scanner(folder, shop, notes, tenant=number).scan()

    scans = [(number, Meeting([ra.Order(number, [ra.OrderItem("1")])]), Notes()) for number in ("1", "2")]
    threads = [threading.Thread(target=scan, args=each) for each in scans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, shop, notes in scans:
        measured = notes.of(Measured)
        assert {event.tenant for event in measured} == {number}
        assert {event.order_id for event in measured} <= {number, None}
        assert [event.method for event in measured if isinstance(event, ShopCalled)] == [
            call.name for call in shop.journal
        ]


class Limiter:
    """Lets every request run, and counts how often it was asked."""

    def __init__(self):
        self.asked = 0

    @contextmanager
    def request(self, _endpoint):
        self.asked += 1
        yield

    reserve = request


def test_each_wait_for_a_limiter_is_measured(root, notes):
    files, _ = memory_folder(root, "1_1.pdf", "2_1.pdf")
    limiter = Limiter()
    storage = ra.ArtworkStorage(files, root, limiter=limiter)
    report = a_scanner(storage, a_shop(), notes).scan()
    waits = notes.of(RequestWaited)
    assert len(waits) == limiter.asked > sum(report.requests.values()) > 0
    assert {event.order_id for event in waits} == {None, "id-1", "id-2"}


def test_a_request_outside_of_a_scan_is_counted_and_measured_for_nobody(storage, notes):
    scanner = a_scanner(storage, a_shop(), notes)
    before = storage.requests["head"]
    scanner.storage.stat("1_1.pdf")
    assert storage.requests["head"] == before + 1
    assert notes.events == []

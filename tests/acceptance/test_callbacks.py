"""Code of the host that a scan calls, and that calls the scanner back: it fails at once instead of waiting forever."""

import asyncio
import threading
from concurrent.futures import Future
from contextvars import copy_context

import pytest

import remote_artwork as ra
from remote_artwork.events import OrderFulfilled
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

WORDS = "called from within its own scan"


@pytest.fixture
def storage(root):
    return memory_folder(root, "1001_1.jpg")[1]


def calls_of(scanner):
    """Every method of a scanner that reads the shop, and the same from a thread that copies the context."""
    return {
        "plan": scanner.plan,
        "scan": scanner.scan,
        "explain": lambda: scanner.explain(order="1001"),
        "a task": lambda: asyncio.run(asyncio.to_thread(scanner.plan)),
    }


@pytest.mark.parametrize("call", ["plan", "scan", "explain", "a task"])
def test_an_observer_that_calls_its_scanner_gets_an_error_and_the_scan_continues(storage, call):
    errors = []

    class Observer:
        def on_event(self, event):
            if isinstance(event, OrderFulfilled):
                with pytest.raises(ra.ConfigurationError, match=WORDS) as caught:
                    calls_of(scanner)[call]()
                errors.append(caught.value)

    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), observer=Observer())
    assert [item.status for item in scanner.scan().items] == ["fulfilled"]
    assert len(errors) == 1
    assert scanner.plan().items == ()


@pytest.mark.parametrize("orders_at_once", [1, 4])
def test_a_check_that_calls_its_scanner_rejects_the_file(storage, orders_at_once):
    class Check:
        def check(self, _artwork, _item):
            scanner.plan()

    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), checks=[Check()], orders_at_once=orders_at_once)
    [item] = scanner.scan().items
    assert (item.status, "ConfigurationError" in item.reason) == ("rejected", True)


def test_a_client_that_calls_its_scanner_ends_the_scan(storage):
    class Shop(FakeShop):
        def pending_orders(self):
            return scanner.plan()

    scanner = ra.Scanner(storage, Shop([]), ledger=ra.MemoryLedger())
    with pytest.raises(ra.ConfigurationError, match=WORDS):
        scanner.scan()


def test_work_that_was_started_in_a_callback_may_scan_once_the_scan_has_ended(storage):
    ended, statuses, threads = threading.Event(), [], []

    class Observer:
        def on_event(self, event):
            if isinstance(event, OrderFulfilled):
                later = threading.Thread(target=copy_context().run, args=[plan_later])
                threads.append(later)
                later.start()

    def plan_later():
        ended.wait(60)
        statuses.append(scanner.plan().exit_code)

    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), observer=Observer())
    scanner.scan()
    ended.set()
    threads[-1].join(60)
    assert statuses == [0]


class Later:
    """What an asynchronous library returns instead of a result."""

    def __await__(self):
        yield


async def nothing():
    return None


def yields():
    yield None


async def yields_later():
    yield None


NOT_A_RESULT = {
    "coroutine": nothing,
    "awaitable": Later,
    "generator": yields,
    "asynchronous generator": yields_later,
    "future of a pool": Future,
    "function": lambda: nothing,
}


@pytest.mark.parametrize("answer", NOT_A_RESULT.values(), ids=NOT_A_RESULT)
@pytest.mark.parametrize("attaching", list(ra.Attaching), ids=str)
def test_a_call_that_returns_before_its_work_is_done_is_not_a_success(storage, attaching, answer):
    """Wrapped methods do not look asynchronous when the scanner is made."""

    class Shop(FakeShop):
        def attach_artwork(self, *_arguments, **_options):
            return answer()

        def fulfill(self, *_arguments, **_options):
            return answer()

    shop = Shop([ra.Order("1001", [ra.OrderItem("1")])], attaching=attaching)
    [item] = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan().items
    assert (item.status, "not a result; make it wait" in item.reason) == ("uncertain", True)


FAILURES = [False, 0, -1, 1.0, ra.NotPending("cancelled"), {"error": "cancelled"}, [], b"1", object(), NotImplemented]


@pytest.mark.parametrize("answer", FAILURES, ids=lambda answer: type(answer).__name__)
def test_a_call_that_returns_a_failure_is_not_a_success(storage, answer):
    class Shop(FakeShop):
        def fulfill(self, *_arguments, **_options):
            return answer

    shop = Shop([ra.Order("1001", [ra.OrderItem("1")])])
    [item] = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan().items
    assert (item.status, "raise an error" in item.reason) == ("uncertain", True)


@pytest.mark.parametrize("answer", FAILURES, ids=lambda answer: type(answer).__name__)
def test_files_are_not_attached_if_the_client_returns_a_failure(storage, answer):
    class Shop(FakeShop):
        def attach_artwork(self, *_arguments, **_options):
            return answer

    shop = Shop([ra.Order("1001", [ra.OrderItem("1")])])
    [item] = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan().items
    assert (item.status, item.code) == ("uncertain", "attach_outcome_unknown")
    assert not shop.calls("fulfill")


@pytest.mark.parametrize("answer", [(None, None), ("r-1", "r-1"), (17, "17"), (True, None), ("", None)], ids=repr)
def test_a_receipt_is_text_or_a_positive_number(storage, answer):
    class Shop(FakeShop):
        def fulfill(self, *_arguments, **_options):
            return answer[0]

    shop = Shop([ra.Order("1001", [ra.OrderItem("1")])])
    [item] = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan().items
    assert (item.status, item.receipt) == ("fulfilled", answer[1])


def test_an_asynchronous_generator_of_orders_is_refused(storage):
    class Shop(FakeShop):
        async def pending_orders(self):
            yield ra.Order("1001", [ra.OrderItem("1")])

    with pytest.raises(ra.ConfigurationError, match="pending_orders is an async method"):
        ra.Scanner(storage, Shop([]), ledger=ra.MemoryLedger())

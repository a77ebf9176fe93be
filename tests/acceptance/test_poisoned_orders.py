"""Orders, files and hosts that fail: one that fails for itself stops no other, one that is down is left alone."""

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.errors import StorageUnreachable
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

NUMBERS = [str(number) for number in range(1001, 1021)]
NO_WAITING = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)
PASSES = 20
"""With six of twenty poisoned, one scan in two hundred reaches no other order."""


class PoisonedShop(FakeShop):
    """One of its calls fails with ``error``, always, for some of its orders."""

    poisoned = frozenset()
    call = ""
    error = None

    def _begin(self, call, again=None):
        fault = super()._begin(call, again)
        if call.name == self.call and call.order_id in self.poisoned:
            raise self.error
        return fault


class PoisonedStorage(ra.ArtworkStorage):
    poisoned = frozenset()
    looks = 0

    def stat(self, name):
        if name.partition("_")[0] in self.poisoned:
            self.looks += 1
            raise StorageUnreachable("503 for this key only")
        return super().stat(name)


def shop_with(poisoned, call, error, **promises):
    shop = PoisonedShop([ra.Order(number, [ra.OrderItem("1")]) for number in NUMBERS], **promises)
    shop.poisoned, shop.call, shop.error = frozenset(poisoned), call, error
    return shop


def scan(storage, shop, ledger, *, at_once=None):
    return ra.Scanner(storage, shop, ledger=ledger, retry=NO_WAITING, orders_at_once=at_once).scan()


def sent_in_the_end(storage, shop, *, passes):
    ledger = ra.MemoryLedger()
    for _ in range(passes):
        scan(storage, shop, ledger)
        if len(shop.effects) == len(NUMBERS) - len(shop.poisoned | storage.poisoned):
            break
    return sorted(call.order_id for call in shop.calls("fulfill") if call.effect)


@pytest.fixture
def storage(root):
    return PoisonedStorage(memory_folder(root, *(f"{number}_1.jpg" for number in NUMBERS))[0], root)


FAILURES = [
    ("get_order", ra.Unavailable("500 for this order only")),
    ("attach_artwork", ra.OutcomeUnknown("its file is too big for the host")),
    ("attach_artwork", ra.Unavailable("503 for this order only")),
    ("get_order", ra.AuthenticationFailed("another account's order")),
]


@pytest.mark.parametrize(("call", "error"), FAILURES)
@pytest.mark.parametrize(("poisoned", "passes"), [(1, 1), (4, 1), (5, PASSES), (6, PASSES)])
def test_orders_of_which_the_host_cannot_speak_stop_no_other(storage, call, error, poisoned, passes):
    shop = shop_with(NUMBERS[:poisoned], call, error)
    assert sent_in_the_end(storage, shop, passes=passes) == NUMBERS[poisoned:]


@pytest.mark.parametrize(("poisoned", "passes"), [(1, 1), (4, 1), (5, PASSES), (6, PASSES)])
def test_files_that_cannot_be_read_stop_no_other(storage, poisoned, passes):
    storage.poisoned = frozenset(NUMBERS[:poisoned])
    assert sent_in_the_end(storage, shop_with((), "", None), passes=passes) == NUMBERS[poisoned:]


def test_one_failing_order_is_reported_and_so_is_the_failure_of_the_shop(storage):
    shop = shop_with(["1003"], "get_order", ra.Unavailable("500 for this order only"))
    report = scan(storage, shop, ra.MemoryLedger())
    assert {item.order_number for item in report.items if item.status == "failed"} == {"1003"}
    assert [(fault.part, fault.message) for fault in report.faults] == [("client", "500 for this order only")]
    assert report.exit_code == 3


@pytest.mark.parametrize(("call", "error"), FAILURES)
@pytest.mark.parametrize("at_once", [1, 4])
def test_a_shop_that_is_down_is_called_for_five_orders_and_those_in_hand(storage, call, error, at_once):
    shop = shop_with(NUMBERS, call, error)
    report = scan(storage, shop, ra.MemoryLedger(), at_once=at_once)
    called = {made.order_id for made in shop.calls(call)}
    assert 5 <= len(called) < 5 + at_once
    assert len(shop.calls(call)) <= len(called) * NO_WAITING.attempts
    left = [item for item in report.items if item.order_number not in called]
    in_hand = [item for item in left if item.status == "attached"]
    assert len(in_hand) < at_once
    assert all("not tried, and nothing was sent" in item.reason for item in left if item not in in_hand)
    [fault] = report.faults
    assert (fault.part, report.exit_code) == ("client", 3)
    assert fault.message == f"the shop did not answer for 5 orders in a row: {error}"


def test_orders_that_do_not_get_as_far_as_the_host_do_not_hide_that_it_is_down(storage, root):
    for number in NUMBERS[::2]:
        fsspec.filesystem("memory").pipe(f"{root}/{number}_1.jpg", b"no picture")
    shop = shop_with(NUMBERS, "attach_artwork", ra.Unavailable("503"))
    scan(storage, shop, ra.MemoryLedger(), at_once=1)
    assert len({made.order_id for made in shop.calls("attach_artwork")}) == 5


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_storage_that_goes_down_during_a_scan_is_read_for_five_orders_and_those_in_hand(storage, at_once):
    storage.poisoned = frozenset(NUMBERS)
    report = scan(storage, shop_with((), "", None), ra.MemoryLedger(), at_once=at_once)
    assert 5 <= storage.looks < 5 + at_once
    assert {item.status for item in report.items} == {"unreadable"}
    assert [fault.part for fault in report.faults] == ["storage"]


def test_poisoned_orders_leave_the_others_something_of_the_budget_for_waits(storage):
    class InTwentySeconds(ra.Unavailable):
        retry_after = 20.0

    class BusyOnce(PoisonedShop):
        def attach_artwork(self, order, item, artworks, *, idempotency_key):
            if order.id not in {call.order_id for call in self.calls("attach_artwork")}:
                self.fail_next("attach_artwork", ra.Unavailable("one moment, please"))
            super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)

    shop = BusyOnce([ra.Order(number, [ra.OrderItem("1")]) for number in [*NUMBERS[:4], "1020"]])
    shop.poisoned, shop.call, shop.error = set(NUMBERS[:4]), "attach_artwork", InTwentySeconds()
    waits = []
    patient = ra.RetryPolicy(attempts=9, first_wait=0.1, longest_wait=20, budget=100, sleep=waits.append)
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), retry=patient).scan()
    assert {item.order_number: item.status for item in report.items}["1020"] == "fulfilled"
    assert sum(waits) <= 100

"""Scans with limits that they share: when they wait, and what happens if the limit cannot be read."""

import threading
from contextlib import contextmanager

import fsspec
import pytest
from attrs import define, evolve, field

import remote_artwork as ra
from remote_artwork.fleet import CallBudget, MemoryCallShares, StorageBudget
from remote_artwork.testing import FakeShop
from shop_files import memory_folder


@define(eq=False)
class LoggedLimiter:
    """Lets all calls start, and logs them with those of the shop."""

    shop: FakeShop
    fails_from: int = 1_000
    log: list = field(factory=list)

    def acquire(self, calls, *, tenant, is_needed):
        if len(self.log) >= self.fails_from:
            raise ra.errors.LedgerUnavailable("the ledger is away")
        assert is_needed()
        self.log.append((calls, tenant, len(self.shop.journal)))
        return self

    @contextmanager
    def call(self):
        yield

    def close(self):
        pass


def scanner_with(limiter_of=lambda _shop: None, *, storage_limiter=None, orders=3, **options):
    orders = [ra.Order(f"10{number}", [ra.OrderItem("1")]) for number in range(orders)]
    shop = FakeShop(orders, recovery=ra.Recovery.IDEMPOTENT, attaching=ra.Attaching.WITH_FULFILL, **options)
    fs, _ = memory_folder("/limiters", *(f"{order.number}_1.pdf" for order in orders))
    storage = ra.ArtworkStorage(fs, "/limiters", limiter=storage_limiter)
    limiter = limiter_of(shop)
    return ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), tenant="acme", call_limiter=limiter), shop, limiter


def test_waits_for_a_shared_limit_end_before_an_order_is_read_again():
    scanner, shop, limiter = scanner_with(LoggedLimiter)
    assert {item.status for item in scanner.scan().items} == {"fulfilled"}
    assert [call.name for call in shop.journal] == ["pending_orders", *["get_order", "fulfill"] * 3]
    assert limiter.log == [(1, "acme", 0), (2, "acme", 1), (2, "acme", 3), (2, "acme", 5)]


def test_a_limit_that_cannot_be_read_is_a_fault_of_the_ledger():
    scanner, shop, _ = scanner_with(lambda shop: LoggedLimiter(shop, fails_from=2))
    report = scanner.scan()
    assert [fault.part for fault in report.faults] == ["ledger"]
    assert report.exit_code == 3
    assert sorted(item.status for item in report.items) == ["failed", "failed", "fulfilled"]
    assert [call.name for call in shop.journal] == ["pending_orders", "get_order", "fulfill"]


def test_orders_are_not_listed_while_the_limit_cannot_be_read():
    scanner, shop, _ = scanner_with(lambda shop: LoggedLimiter(shop, fails_from=0))
    report = scanner.scan()
    assert [fault.part for fault in report.faults] == ["ledger"]
    assert shop.journal == []


def test_each_attempt_to_list_the_orders_counts():
    scanner, shop, limiter = scanner_with(LoggedLimiter, orders=0)
    scanner = evolve(scanner, retry=ra.RetryPolicy(sleep=lambda _seconds: None))
    for _ in range(2):
        shop.fail_next("pending_orders", ra.Unavailable("the shop is down"))
    assert scanner.scan().faults == ()
    assert [calls for calls, _, _ in limiter.log] == [1, 1, 1]


class FindingShop(FakeShop):
    def find_orders(self, numbers):
        return [order for order in self.orders.values() if order.number in numbers]


@pytest.mark.parametrize("fails_from", [0, 1_000])
def test_orders_that_are_found_by_number_count_as_one_call(fails_from):
    _, storage = memory_folder("/limiters-by-number", "100_1.pdf")
    shop = FindingShop([ra.Order("100", [ra.OrderItem("1")])], attaching=ra.Attaching.WITH_FULFILL)
    limiter = LoggedLimiter(shop, fails_from)
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), call_limiter=limiter).scan(orders=["100"])
    assert [fault.part for fault in report.faults] == ([] if fails_from else ["ledger"])
    assert [calls for calls, _, _ in limiter.log] == ([1, 2] if fails_from else [])


@pytest.mark.parametrize("concurrent_calls", [1, 4])
def test_a_scan_with_the_smallest_budgets_sends_all_orders(concurrent_calls):
    scanner, _, _ = scanner_with(
        lambda _shop: CallBudget("shop", 1000, MemoryCallShares()),
        storage_limiter=StorageBudget(1).tenant("acme"),
        orders=8,
        concurrent_calls=concurrent_calls,
    )
    assert {item.status for item in scanner.scan().items} == {"fulfilled"}


class MostAtOnce(fsspec.get_filesystem_class("memory")):
    """Counts how many requests run at once."""

    protocol = "memory"
    cachable = False

    def __init__(self):
        super().__init__()
        self.running, self.most, self.lock, self.both = 0, 0, threading.Lock(), threading.Event()

    def info(self, path, **options):
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.both.wait(0.01)  # others may begin meanwhile
        with self.lock:
            self.running -= 1
        return super().info(path, **options)


def test_storages_of_one_budget_do_not_make_more_requests_at_once():
    fs, budget = MostAtOnce(), StorageBudget(2)
    fs.pipe("/in/1.pdf", b"%PDF-1.7\n%%EOF\n")
    storages = [ra.ArtworkStorage(fs, "/in", limiter=budget.tenant(name)) for name in "abcd"]
    threads = [threading.Thread(target=storage.stat, args=["1.pdf"]) for storage in storages for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fs.most <= 2
    assert sum(storage.requests["head"] for storage in storages) == 12


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://prints.nyc3.digitaloceanspaces.com/in/", "https://nyc3.digitaloceanspaces.com"),
        ("s3://prints/in/?region=eu-west-1", "aws/eu-west-1"),
        ("https://shop.blob.core.windows.net/prints/in/", "azure/shop"),
        ("gs://prints/in/", "gcs"),
    ],
)
def test_storages_with_one_endpoint_share_its_budget(url, endpoint):
    asked = []

    class Limiter:
        def reserve(self, endpoint):
            asked.append(endpoint)

    ra.open_storage(url, limiter=Limiter()).reserved_request()
    assert asked == [endpoint]


def test_waits_for_a_storage_end_before_an_order_is_read_again():
    log = []

    class Limiter:
        @contextmanager
        def request(self, _endpoint):
            log.append("request")
            yield

        @contextmanager
        def reserve(self, _endpoint):
            log.append("reserve")
            yield
            log.append("give back")

    class Shop(FakeShop):
        def get_order(self, order_id):
            log.append("get_order")
            return super().get_order(order_id)

        def fulfill(self, order, artworks, *, idempotency_key):
            log.append("fulfill")
            return super().fulfill(order, artworks, idempotency_key=idempotency_key)

    fs, _ = memory_folder("/limiters", "100_1.pdf")
    shop = Shop([ra.Order("100", [ra.OrderItem("1")])], attaching=ra.Attaching.WITH_FULFILL)
    storage = ra.ArtworkStorage(fs, "/limiters", limiter=Limiter())
    assert {item.status for item in ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan().items} == {"fulfilled"}
    begin = log.index("reserve")
    look = log[begin : log.index("fulfill")]
    assert look[0] == "reserve"
    assert look[-1] == "give back"
    assert set(look[1:-1]) == {"request", "get_order"}
    assert "get_order" not in log[:begin]

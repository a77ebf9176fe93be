"""What a scan of 100,000 files costs in requests, counted at the server; and scans of slow and busy servers."""

from __future__ import annotations

import threading

import pytest

import remote_artwork as ra
from canned import COMMAND, Canned
from parts import package
from remote_artwork.core.expected import SearchQuery
from remote_artwork.testing import FakeShop
from servers import free_port, running

pytestmark = pytest.mark.server

N = 100_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    package("s3fs")
    port = free_port()
    with running([*COMMAND, str(port)], port=port, log=tmp_path_factory.mktemp("canned") / "log"):
        yield Canned(port)


@pytest.fixture
def storage(server, local_network):
    """Opens a bucket of so many files."""

    def opened(count):
        url = f"s3+{server.endpoint}/n{count}/in/?provider=minio"
        server.control()
        return ra.open_storage(
            url,
            credentials=ra.Keys("AKTESTKEY", "a-secret-of-tests"),
            network=local_network,
            retry=ra.RetryPolicy(first_wait=0.01),
        )

    return opened


@pytest.fixture
def scan(storage):
    """Makes a scanner for a bucket of ``count`` files and orders of these numbers, each with one file there."""

    def made(numbers, count=N):
        orders = [ra.Order(f"{number:08}", [ra.OrderItem("1")]) for number in numbers]
        return ra.Scanner(storage(count), FakeShop(orders), ledger=ra.MemoryLedger())

    return made


@pytest.mark.parametrize(
    ("numbers", "most"),
    [
        pytest.param(range(N - 1000, N), 12, id="1,000 recent orders"),
        pytest.param(range(0, N, 100), 110, id="1,000 orders evenly spread"),
        pytest.param(range(5000, N, 10_000), 11, id="10 orders"),
    ],
)
def test_requests_follow_the_pending_orders(scan, server, numbers, most):
    report = scan(numbers).plan()
    assert {item.status for item in report.items} == {"matched"}
    assert len(report.items) == len(numbers)
    assert server.control() == {"list": report.requests["list"]}
    assert report.requests["list"] <= most
    assert report.strategy == ("skip-scan",)


def test_as_many_orders_as_files_cost_a_listing_and_a_tenth(server, storage):
    wanted = SearchQuery(basenames=[f"{number:08}_1" for number in range(N)])
    assert sum(len(page.names) for page in storage(N).search(wanted)) == N
    assert server.control()["list"] <= 110


def test_without_an_order_nothing_is_asked(scan, server):
    report = scan([]).plan()
    assert server.control() == {}
    assert report.strategy == ()


def test_some_orders_cost_what_they_alone_cost(scan, server):
    report = scan(range(0, N, 100)).plan(orders=["00000100", "00090000"])
    assert [item.status for item in report.items] == ["matched", "matched"]
    assert server.control() == {"list": 2}


class FindingShop(FakeShop):
    """Finds orders by number."""

    def find_orders(self, numbers):
        return [order for order in self.orders.values() if order.number in numbers]


def test_some_orders_of_a_shop_that_finds_them_cost_a_request_only_if_one_waits(scan, server):
    scanner = scan(range(0, N, 100))
    scanner.client = FindingShop(scanner.client.orders.values())
    stop = threading.Event()
    stop.set()  # nothing is sent; the listing alone is counted
    found = [scanner.scan(orders=[number], stop=stop) for number in ("00000100", "00000101")]
    assert [len(report.items) for report in found] == [1, 0]
    assert [report.requests["list"] for report in found] == [1, 0]
    assert server.control() == {"list": 1}
    assert not scanner.client.journal


def test_of_the_odd_files_that_a_scan_comes_by_the_first_thousand_are_judged(scan):
    report = scan([0, 50_000]).plan()
    assert (report.names_seen, report.coverage) == (2_000, "partial")
    assert report.file_counts == {"early": 1_000}


def test_a_sweep_sees_every_file_by_a_request_a_page(scan, server):
    report = scan([7], 20_000).plan(sweep=True)
    assert (report.names_seen, report.coverage) == (20_000, "full")
    assert server.control() == {"list": 21}  # the last page is full, so one more request shows that it is the last


def test_a_far_storage_is_asked_in_several_key_ranges_at_once(scan, server):
    scanner = scan(range(0, N, 100))
    server.control("delay/50")
    try:
        report = scanner.plan()
        at_once = server.control("most")
    finally:
        server.control("delay/0")
    assert report.counts == {"matched": 1000}
    assert 4 <= at_once <= 32


def test_a_storage_that_refuses_many_parallel_requests_is_still_scanned(scan, server):
    scanner = scan(range(0, N, 100))
    server.control("delay/10")
    server.control("busy/2")
    try:
        report = scanner.plan()
    finally:
        server.control("busy/0")
        server.control("delay/0")
    assert report.counts == {"matched": 1000}
    assert not report.faults

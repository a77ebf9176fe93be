"""A scan of some orders says which of their numbers no pending order has."""

import json

import pytest

import remote_artwork as ra
from remote_artwork.cli.named_orders import find_not_pending
from remote_artwork.errors import LedgerUnavailable
from remote_artwork.reports import UnknownOrder
from remote_artwork.testing import FakeShop, Faults, FaultyClient, FaultyLedger
from shop_files import memory_folder

ORDERS = [ra.Order(number, [ra.OrderItem("1")]) for number in ("1001", "1002")]


@pytest.fixture
def scanner(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    return ra.Scanner(storage, FakeShop([*ORDERS, ra.Order("1003", [])]), ledger=ra.MemoryLedger())


@pytest.mark.parametrize("method", ["plan", "scan"])
def test_unknown_numbers_are_in_the_report_with_the_nearest_pending_one(scanner, method):
    report = getattr(scanner, method)(orders=["#1002", "1001", "1003", "x"])
    assert {item.order_number for item in report.items} == {"1001", "1003"}
    near, far = report.unknown_orders
    assert (near.order_number, near.code, near.suggestion) == ("#1002", "order_number_similar", "1002")
    assert near.reason == "no pending order has the number #1002; did you mean 1002?"
    assert (far.order_number, far.code, far.suggestion) == ("x", "order_number_unknown", None)
    assert report.exit_code == 0


def test_a_scan_of_all_orders_has_no_unknown_number(scanner):
    assert scanner.scan().unknown_orders == ()


def test_an_incomplete_list_proves_nothing(scanner):
    faults = Faults()
    faults.fail("client.pending_orders", ra.Unavailable("503"))
    scanner.client = FaultyClient(scanner.client, faults)
    scanner.retry = ra.RetryPolicy(attempts=1)
    report = scanner.scan(orders=["x"])
    assert (report.unknown_orders, report.exit_code) == ((), 3)


def test_a_saved_report_keeps_them(scanner):
    report = scanner.plan(orders=["#1002", "x"])
    document = json.loads(report.to_json())
    assert [row["reason"] for row in document["unknown_orders"]] == [each.reason for each in report.unknown_orders]
    assert ra.ScanReport.from_dict(document) == report
    assert report.render()["unknown_orders"] == document["unknown_orders"]


def test_merged_reports_keep_the_numbers_that_were_not_looked_up_again(scanner):
    earlier, later = scanner.plan(orders=["7", "8"]), scanner.plan(orders=["8", "9"])
    assert [each.order_number for each in earlier.merged_with(later).unknown_orders] == ["7", "8", "9"]
    assert earlier.merged_with(scanner.plan()).unknown_orders == ()


def test_the_nearest_number():
    assert UnknownOrder.of("1010", ["1001", "9"]).suggestion == "1001"
    assert UnknownOrder.of("1010", []).suggestion is None


def test_changes_say_which_numbers_are_new_resolved_and_still_unknown(scanner):
    first, second = scanner.plan(orders=["7", "8"]), scanner.plan(orders=["8", "9"])
    changes = second.changes_since(first)
    assert [each.order_number for each in changes.new] == ["9"]
    assert [each.order_number for each in changes.still_open] == ["8"]
    assert [each.order_number for each in changes.unknown] == ["7"]
    scanner.client.put(ra.Order("9", [ra.OrderItem("1")]))
    assert [each.order_number for each in scanner.plan(orders=["9"]).changes_since(second).resolved] == ["9"]


def test_the_command_line_says_nothing_if_the_ledger_cannot_be_asked(scanner):
    report = scanner.plan(orders=["x"])
    assert [each.message[:29] for each in find_not_pending(scanner, report)] == ["No pending order has the numb"]
    faults = Faults()
    faults.fail("ledger.find", LedgerUnavailable("locked"))
    scanner.ledger = FaultyLedger(scanner.ledger, faults)
    assert find_not_pending(scanner, report) == []

"""A scan of some orders with a client that finds orders by number: it reads these orders, and not the list."""

from __future__ import annotations

import fsspec
import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.notifications import CreatedObject, MerchantLocation, route
from remote_artwork.testing import FakeShop, Faults, FaultyClient
from shop_files import memory_folder

NO_RETRY = ra.RetryPolicy(attempts=1)


def order(number, *items, order_id=None, **values):
    return ra.Order(number, [ra.OrderItem(item) for item in items or "1"], id=order_id or number, **values)


class FindingShop(FakeShop):
    """Finds orders by number, and counts the calls."""

    extra: tuple = ()

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.asked = []

    def find_orders(self, numbers):
        self.asked.append(sorted(numbers))
        return [*(each for each in self.orders.values() if each.number in numbers), *self.extra]


def scanner_of(root, shop, *names, **options):
    _, storage = memory_folder(root, *names)
    return ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), retry=NO_RETRY, **options)


def outcomes(report):
    return {(item.order_id, item.item_number): (item.status, item.code) for item in report.items}


def names_called(shop):
    return [call.name for call in shop.journal]


def test_some_orders_cost_one_call_in_place_of_the_list(root):
    shop = FindingShop([order("1001"), order("1002"), order("1003")])
    report = scanner_of(root, shop, "1001_1.jpg", "1002_1.jpg").scan(orders=["1001", "1003"])
    assert outcomes(report) == {
        ("1001", "1"): ("fulfilled", "fulfilled"),
        ("1003", "1"): ("missing", "waiting_for_files"),
    }
    assert shop.asked == [["1001", "1003"]]
    assert "pending_orders" not in names_called(shop)
    assert report.orders == ("1001", "1003")
    assert shop.get_order("1002").state is ra.OrderState.PENDING


@pytest.mark.parametrize("state", [None, ra.OrderState.FULFILLED, ra.OrderState.CANCELLED, ra.OrderState.OTHER])
def test_where_no_such_order_waits_the_storage_gets_no_request(root, state):
    shop = FindingShop([order("1002"), *([order("1001", state=state)] if state else [])])
    scanner = scanner_of(root, shop, "1001_1.jpg", "1002_1.jpg")
    report = scanner.scan(orders=["1001"])
    assert (report.items, set(report.requests.values()), report.strategy) == ((), {0}, ())
    assert [each.order_number for each in report.unknown_orders] == ["1001"]
    assert (shop.asked, shop.journal, report.exit_code) == ([["1001"]], [], 0)
    assert scanner.scan(orders=["1002"]).requests["list"]


def test_no_number_is_no_call(root):
    shop = FindingShop([order("1001")])
    report = scanner_of(root, shop, "1001_1.jpg").scan(orders=[])
    assert (report.items, shop.asked, shop.journal) == ((), [], [])


def test_a_pending_order_with_the_same_number_is_a_conflict(root):
    shop = FindingShop([order("1001", order_id="A"), order("1001", order_id="B")])
    report = scanner_of(root, shop, "1001_1.jpg").scan(orders=["1001"])
    assert outcomes(report) == {(key, "1"): ("conflict", "number_not_unique") for key in "AB"}
    assert not shop.effects


def test_an_order_with_the_same_number_that_is_not_pending_is_not_a_conflict(root):
    shop = FindingShop([order("1001"), order("1001", order_id="B", state=ra.OrderState.CANCELLED)])
    report = scanner_of(root, shop, "1001_1.jpg").scan(orders=["1001"])
    assert outcomes(report) == {("1001", "1"): ("fulfilled", "fulfilled")}


def test_an_order_whose_file_another_number_could_have_costs_a_second_call(root):
    shop = FindingShop([order("1003", "1_1"), order("1003_1", "1")])
    scanner = scanner_of(root, shop, "1003_1_1.jpg")
    report = scanner.scan(orders=["1003"])
    assert outcomes(report) == {("1003", "1_1"): ("conflict", "name_not_unique")}
    assert shop.asked == [["1003"], ["1003_1"]]
    shop.put(evolve(shop.get_order("1003_1"), state=ra.OrderState.CANCELLED))
    assert outcomes(scanner.scan(orders=["1003"])) == {("1003", "1_1"): ("fulfilled", "fulfilled")}


@pytest.mark.parametrize(
    ("pattern", "number", "item", "other", "other_item"),
    [
        ("{order_number}_{order_item_number}", "A/1", "1_x", "A/1_1", "x"),
        ("{order_number}{order_item_number}{order_item_position}", "1" * 150, "1" * 50, "1" * 100, "1" * 100),
    ],
    ids=["folder", "many readings"],
)
def test_if_it_cannot_be_said_which_numbers_share_a_name_the_list_is_read(
    root, pattern, number, item, other, other_item
):
    orders = [
        ra.Order(number, [ra.OrderItem(item, position=1)]),
        ra.Order(other, [ra.OrderItem(other_item, position=1)]),
    ]
    shop = FindingShop(orders)
    name = ra.FilenamePattern(pattern).render(orders[0], orders[0].items[0], "default")
    report = scanner_of(root, shop, f"{name}.jpg", pattern=pattern).scan(orders=[number])
    assert outcomes(report) == {(number, item): ("conflict", "name_not_unique")}
    assert shop.calls("pending_orders")
    assert not shop.effects


def test_each_unicode_form_of_a_number_is_asked_for(root):
    shop = FindingShop([order("Ü1"), order("U\u03081", order_id="B")])
    report = scanner_of(root, shop, "Ü1_1.jpg").scan(orders=["Ü1"])
    assert outcomes(report) == {("Ü1", "1"): ("conflict", "number_not_unique")}
    assert shop.asked == [["U\u03081", "Ü1"]]


@pytest.mark.parametrize("uploaded", ["Ü1_1.jpg", "U\u03081_1.jpg"], ids=["composed", "decomposed"])
@pytest.mark.parametrize("number", ["Ü1", "U\u03081"], ids=["composed", "decomposed"])
@pytest.mark.parametrize("kind", [FindingShop, FakeShop])
def test_a_notification_finds_the_order_in_each_unicode_form(root, kind, number, uploaded):
    shop = kind([order(number)])
    scanner = scanner_of(root, shop, uploaded)
    merchant = MerchantLocation(tenant="default", location=ra.Location.parse("s3://prints/"))
    created = CreatedObject(provider="aws", bucket="prints", key=uploaded)
    scanner.scan(orders=route([created], [merchant])["default"])
    assert len(shop.effects) == 1


@pytest.mark.parametrize(
    ("error", "shown"),
    [(ra.Unavailable("503"), "503"), (RuntimeError("a bug"), "a bug"), (ra.AuthenticationFailed("401"), "401")],
)
def test_a_search_that_fails_is_a_fault_and_sends_nothing(root, error, shown):
    shop, faults = FindingShop([order("1001")]), Faults()
    faults.fail("client.find_orders", error)
    report = scanner_of(root, FaultyClient(shop, faults), "1001_1.jpg").scan(orders=["1001"])
    [fault] = report.faults
    assert (fault.part, fault.code, report.exit_code) == ("client", "orders_not_read", 3)
    assert shown in fault.message
    assert (report.items, report.unknown_orders, shop.journal) == ((), (), [])


def test_a_second_call_that_fails_sends_nothing_either(root):
    class SecondFails(FindingShop):
        def find_orders(self, numbers):
            if self.asked:
                raise ra.Unavailable("503")
            return super().find_orders(numbers)

    shop = SecondFails([order("1003", "1_1")])
    report = scanner_of(root, shop, "1003_1_1.jpg").scan(orders=["1003"])
    assert (report.items, report.exit_code, shop.effects) == ((), 3, {})


def test_a_wrong_setting_is_raised(root):
    shop, faults = FindingShop([order("1001")]), Faults()
    faults.fail("client.find_orders", ra.ConfigurationError("no such shop"))
    with pytest.raises(ra.ConfigurationError, match="no such shop"):
        scanner_of(root, FaultyClient(shop, faults), "1001_1.jpg").scan(orders=["1001"])


def test_a_value_that_is_not_an_order_is_a_fault_of_the_client(root):
    shop = FindingShop([order("1001")])
    shop.extra = ({"number": "1001"},)
    report = scanner_of(root, shop, "1001_1.jpg").scan(orders=["1001"])
    assert "find_orders returned dict, not an Order" in report.faults[0].message
    assert not shop.effects


@pytest.mark.parametrize(
    ("number", "promise", "expected"),
    [
        ("1001", False, ("conflict", "number_not_unique")),
        (None, False, ("failed", "unreadable_number")),
        (None, True, ("fulfilled", "fulfilled")),
        ("9", False, ("fulfilled", "fulfilled")),
    ],
)
def test_an_order_that_cannot_be_read_may_be_a_twin(root, number, promise, expected):
    shop = FindingShop([order("1001")])
    shop.numbers_unique = promise
    shop.extra = (ra.UnreadableOrder(id="77", number=number, error="an unexpected format"),)
    found = outcomes(scanner_of(root, shop, "1001_1.jpg").scan(orders=["1001"]))
    assert found["1001", "1"] == expected
    assert found.get(("77", "")) == (("failed", "order_unreadable") if number == "1001" else None)


def test_files_of_other_orders_are_left_to_the_next_scan_of_all_orders(root):
    """Of an order that was not read, nothing true can be said about its file."""
    shop = FindingShop([order("1001"), order("1002")])
    scanner = scanner_of(root, shop, "1002_1.jpg", "1002-1.jpg", "2001_1.jpg", "logo.png")
    fsspec.filesystem("memory").pipe(f"{root}/1001_1.psd", b"8BPS")
    before = scanner.plan()
    report = scanner.scan(orders=["1001"])
    assert report.file_counts == {"unsupported": 1}
    assert (before.coverage, report.coverage) == ("full", "partial")
    merged = before.merged_with(report)
    assert {file.name for file in merged.files} == {file.name for file in before.files}


@pytest.mark.parametrize(
    "read",
    [
        lambda scanner: scanner.scan(),
        lambda scanner: scanner.plan(orders=["1001"]),
        lambda scanner: scanner.scan(orders=["1001"], sweep=True),
        lambda scanner: scanner.scan(orders=[str(number) for number in range(1001, 2002)]),
        lambda scanner: scanner.explain(order="1001"),
    ],
    ids=["all", "plan", "sweep", "many", "explain"],
)
def test_everything_else_reads_the_list(root, read):
    shop = FindingShop([order("1001")])
    read(scanner_of(root, shop, "1001_1.jpg"))
    assert names_called(shop)[0] == "pending_orders"
    assert shop.asked == []


def test_with_a_manifest_the_list_is_read_because_a_row_may_name_any_file(root):
    shop = FindingShop([order("1001"), order("1002")])
    fs, storage = memory_folder(root, "1002_1.jpg")
    fs.pipe(f"{root}/artwork.csv", b"order_number,order_item_number,file\n1001,1,1002_1.jpg\n")
    policy = ra.Policy(manifest="artwork.csv")
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), policy=policy).scan(orders=["1001"])
    assert outcomes(report) == {("1001", "1"): ("conflict", "name_not_unique")}
    assert (shop.asked, shop.effects) == ([], {})


def test_a_call_in_doubt_is_resolved_by_a_scan_of_its_order(root):
    shop = FindingShop([order("1001")], recovery=ra.Recovery.IDEMPOTENT)
    scanner = scanner_of(root, shop, "1001_1.jpg")
    shop.fail_next("fulfill", ra.OutcomeUnknown("no answer"))
    assert outcomes(scanner.scan(orders=["1001"])) == {("1001", "1"): ("uncertain", "outcome_unknown_will_retry")}
    assert outcomes(scanner.scan(orders=["1001"]))["1001", "1"][0] in ("fulfilled", "uncertain")
    assert set(shop.effects.values()) <= {1}
    assert "pending_orders" not in names_called(shop)

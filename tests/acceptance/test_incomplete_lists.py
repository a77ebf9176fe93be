"""A list of pending orders that is incomplete: an order that is not in it may have the number of one that is."""

import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.core.lifecycle import FulfillState
from remote_artwork.testing import FakeShop, Faults, FaultyClient
from shop_files import JPEG, memory_folder

NO_RETRY = ra.RetryPolicy(attempts=1)


def order(number, *items, order_id=None, **values):
    return ra.Order(number, [ra.OrderItem(item) for item in items or "1"], id=order_id or number, **values)


class BreakingShop(FakeShop):
    """Its list names the first ``listed`` orders, then breaks off."""

    listed = 1

    def pending_orders(self):
        yield from list(super().pending_orders())[: self.listed]
        raise ra.Unavailable("page 2 of the orders: 503")


class FindingShop(BreakingShop):
    """Can also find orders by number."""

    asked: tuple[str, ...] = ()

    def find_orders(self, numbers):
        self.asked = tuple(numbers)
        return [each for each in self.orders.values() if each.number in numbers]


class PromisingShop(BreakingShop):
    """Promises that no number is used twice."""

    numbers_unique = True


class ListedShop(FakeShop):
    """Its list of pending orders has exactly these entries."""

    entries: tuple = ()

    def pending_orders(self):
        return [*super().pending_orders(), *self.entries]


def scan(storage, shop, **options):
    return ra.Scanner(storage, FaultyClient(shop, Faults()), ledger=ra.MemoryLedger(), retry=NO_RETRY, **options).scan()


def outcomes(report):
    return {(item.order_id, item.item_number): (item.status, item.code) for item in report.items}


def test_an_incomplete_list_holds_every_order_and_says_why(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = BreakingShop([order("1001", order_id="A"), order("1001", order_id="B")])
    report = scan(storage, shop)
    assert outcomes(report) == {("A", "1"): ("failed", "numbers_not_known")}
    assert (shop.effects, report.exit_code) == ({}, 3)
    assert "page 2" in report.faults[0].message


def test_an_item_of_a_held_order_that_waits_for_its_file_still_says_so(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    report = scan(storage, BreakingShop([order("1001", "1", "2"), order("1002")]))
    assert outcomes(report)["1001", "2"] == ("missing", "waiting_for_files")


@pytest.mark.parametrize("attaching", list(ra.Attaching), ids=str)
def test_a_held_order_is_not_attached_either(root, attaching):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = BreakingShop([order("1001", "1", "2"), order("1002")], attaching=attaching)
    scan(storage, shop, policy=ra.Policy(fulfill="per_item"))
    assert not shop.calls("attach_artwork")


def test_a_promise_that_numbers_are_unique_sends_what_was_received(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = PromisingShop([order("1001"), order("1002")])
    report = scan(storage, shop)
    assert outcomes(report) == {("1001", "1"): ("fulfilled", "fulfilled")}
    assert report.exit_code == 3


def test_unique_numbers_do_not_make_a_name_unique_that_another_number_could_have(root):
    _, storage = memory_folder(root, "1001_1_1.jpg", "1002_1.jpg")
    shop = PromisingShop([order("1001", "1_1"), order("1002"), order("1001_1", "1")])
    shop.listed = 2
    assert outcomes(scan(storage, shop)) == {
        ("1001", "1_1"): ("failed", "numbers_not_known"),
        ("1002", "1"): ("fulfilled", "fulfilled"),
    }


def test_a_shop_that_can_find_orders_sends_those_without_a_twin(root):
    _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg", "1003_1_1.jpg")
    twins = [order("1001", order_id="B"), order("1003_1", "1")]
    shop = FindingShop([order("1001"), order("1002"), order("1003", "1_1"), *twins])
    shop.listed = 3
    found = outcomes(scan(storage, shop))
    assert found["1001", "1"] == ("conflict", "number_not_unique")
    assert found["1002", "1"] == ("fulfilled", "fulfilled")
    assert found["1003", "1_1"] == ("conflict", "name_not_unique")
    assert {"1001", "1002", "1003", "1003_1"} <= set(shop.asked)


def test_an_order_with_the_same_number_that_is_not_pending_is_not_a_conflict(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = FindingShop([order("1001"), order("1001", order_id="B", state=ra.OrderState.CANCELLED)])
    assert outcomes(scan(storage, shop)) == {("1001", "1"): ("fulfilled", "fulfilled")}


def test_a_complete_list_asks_for_nothing_more(root):
    _, storage = memory_folder(root, "1001_1.jpg")

    class Complete(FindingShop):
        def pending_orders(self):
            return FakeShop.pending_orders(self)

    shop = Complete([order("1001")])
    assert outcomes(scan(storage, shop)) == {("1001", "1"): ("fulfilled", "fulfilled")}
    assert shop.asked == ()


@pytest.mark.parametrize("error", [ra.Unavailable("503"), RuntimeError("a bug"), ra.AuthenticationFailed("401")])
def test_a_search_that_fails_holds_every_order(root, error):
    _, storage = memory_folder(root, "1001_1.jpg")

    class Failing(FindingShop):
        def find_orders(self, _numbers):
            raise error

    shop = Failing([order("1001")])
    assert outcomes(scan(storage, shop)) == {("1001", "1"): ("failed", "orders_not_found")}
    assert not shop.effects


@pytest.mark.parametrize("kind", [FindingShop, PromisingShop])
def test_an_order_whose_file_may_have_unknown_claimants_is_held(root, kind):
    fs, storage = memory_folder(root, "1002_1.jpg")
    fs.pipe(f"{root}/A/1_1_x.jpg", JPEG)
    shop = kind([order("A/1", "1_x"), order("1002"), order("A/1_1", "x")])
    shop.listed = 2
    assert outcomes(scan(storage, shop)) == {
        ("A/1", "1_x"): ("failed", "numbers_not_known"),
        ("1002", "1"): ("fulfilled", "fulfilled"),
    }


def test_after_a_search_that_fails_the_promise_of_unique_numbers_still_holds(root):
    _, storage = memory_folder(root, "1001_1.jpg", "1002_1_1.jpg")

    class Failing(PromisingShop):
        listed = 2

        def find_orders(self, _numbers):
            raise ra.Unavailable("503")

    shop = Failing([order("1001"), order("1002", "1_1")])
    assert outcomes(scan(storage, shop)) == {
        ("1001", "1"): ("fulfilled", "fulfilled"),
        ("1002", "1_1"): ("failed", "numbers_not_known"),
    }


@pytest.mark.parametrize("others", [[], ["B"]], ids=["nothing", "another order"])
def test_a_search_that_omits_an_order_of_the_list_holds_every_order(root, others):
    """An index that is behind may omit a twin, too."""
    _, storage = memory_folder(root, "1001_1.jpg")

    class Behind(FindingShop):
        def find_orders(self, numbers):
            return [each for each in super().find_orders(numbers) if each.id in others]

    shop = Behind([order("1001"), order("1001", order_id="B", state=ra.OrderState.CANCELLED)])
    report = scan(storage, shop)
    assert outcomes(report) == {("1001", "1"): ("failed", "orders_not_found")}
    assert "did not return the order '1001'" in report.items[0].reason
    assert not shop.effects


def test_a_call_in_doubt_is_not_repeated_after_a_list_that_broke_off(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop, ledger = BreakingShop([order("1001")], recovery=ra.Recovery.IDEMPOTENT), ra.MemoryLedger()
    shop.fail_next("fulfill", ra.OutcomeUnknown("no answer"))
    whole = FakeShop.pending_orders
    shop.pending_orders = lambda: whole(shop)
    assert [item.status for item in ra.Scanner(storage, shop, ledger=ledger, retry=NO_RETRY).scan().items] == [
        "uncertain"
    ]
    del shop.pending_orders
    [item] = ra.Scanner(storage, shop, ledger=ledger, retry=NO_RETRY).scan().items
    assert (item.status, len(shop.calls("fulfill"))) == ("uncertain", 1)


def test_an_order_that_cannot_be_read_has_an_outcome_and_stops_only_its_twins(root):
    _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg")
    shop = ListedShop([order("1001"), order("1002")])
    shop.entries = (ra.UnreadableOrder(id="77", number="1001", error="its second item has no number"),)
    report = scan(storage, shop)
    assert outcomes(report) == {
        ("77", ""): ("failed", "order_unreadable"),
        ("1001", "1"): ("conflict", "number_not_unique"),
        ("1002", "1"): ("fulfilled", "fulfilled"),
    }
    assert (report.faults, report.exit_code) == ((), 1)


@pytest.mark.parametrize(("id", "number"), [(77, "1001"), ("77", 1001), (77, 1001)])
def test_an_unreadable_order_may_have_numbers_that_are_no_text(root, id, number):  # noqa: A002
    _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg")
    shop = ListedShop([order("1001"), order("1002")])
    shop.entries = (ra.UnreadableOrder(id=id, number=number, error=ValueError("an unexpected format")),)
    found = outcomes(scan(storage, shop))
    assert found["77", ""] == ("failed", "order_unreadable")
    assert found["1001", "1"] == ("conflict", "number_not_unique")
    assert found["1002", "1"] == ("fulfilled", "fulfilled")
    assert ra.UnreadableOrder(id=None, number=None, error="x") == ra.UnreadableOrder(error="x")


@pytest.mark.parametrize(
    ("number", "promise", "sent"), [(None, False, False), (None, True, True), ("", False, True), ("9", False, True)]
)
def test_an_unreadable_order_without_a_known_number_may_be_a_twin_of_any(root, number, promise, sent):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = ListedShop([order("1001")])
    shop.numbers_unique = promise
    shop.entries = (ra.UnreadableOrder(id="77", number=number, error="an unexpected format"),)
    found = outcomes(scan(storage, shop))
    assert found["1001", "1"] == (("fulfilled", "fulfilled") if sent else ("failed", "unreadable_number"))
    assert found["77", ""] == ("failed", "order_unreadable")


def test_a_value_that_is_not_an_order_makes_the_list_incomplete(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = ListedShop([order("1001")])
    shop.entries = ({"number": "1001"},)
    report = scan(storage, shop)
    assert outcomes(report) == {("1001", "1"): ("failed", "numbers_not_known")}
    assert "returned dict, not an Order" in report.faults[0].message


@pytest.mark.parametrize("state", [ra.OrderState.OTHER, ra.OrderState.FULFILLED, ra.OrderState.CANCELLED], ids=str)
def test_an_order_in_the_list_that_is_not_pending_has_an_outcome(root, state):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = ListedShop([order("1001")])
    shop.entries = (order("1002", state=state),)
    found = outcomes(scan(storage, shop))
    assert found == {("1001", "1"): ("fulfilled", "fulfilled"), ("1002", ""): ("cancelled", "listed_but_not_pending")}


def test_an_order_without_items_has_an_outcome_in_scan_plan_and_explain(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = FakeShop([order("1001"), ra.Order("1002", [])])
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger())
    for report in (scanner.plan(), scanner.plan(verify=True), scanner.scan()):
        assert outcomes(report)["1002", ""] == ("not_required", "order_without_items")
        assert "the order lists no items" in report.to_json()
    assert "none of its items" in scanner.explain(order="1002").reason
    assert outcomes(scanner.scan(orders=["1001"])) == {}


def test_an_order_in_which_nothing_needs_artwork_has_outcomes_and_is_left_to_the_shop(root):
    _, storage = memory_folder(root)
    cards = [ra.OrderItem(number, requires_artwork=False) for number in ("1", "2")]
    shop = FakeShop([ra.Order("1002", cards)])
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan()
    assert outcomes(report) == {("1002", number): ("not_required", "no_artwork_needed") for number in ("1", "2")}
    assert (report.exit_code, shop.effects) == (0, {})


def test_an_order_that_lost_its_items_after_a_call_in_doubt_waits_for_a_person(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop, ledger = FakeShop([order("1001")]), ra.MemoryLedger()
    shop.fail_next("fulfill", ra.OutcomeUnknown("no answer"))
    scanner = ra.Scanner(storage, shop, ledger=ledger, retry=NO_RETRY)
    assert [item.status for item in scanner.scan().items] == ["uncertain"]
    shop.put(evolve(shop.orders["1001"], items=()))
    [item] = scanner.scan().items
    assert (item.item_number, item.status, item.code) == ("1", "uncertain", "order_edited_in_doubt")
    assert [record.state for record in ledger.find("default")] == [FulfillState.UNCERTAIN]


def test_a_manifest_may_name_the_file_of_an_order_that_the_list_lacks(root):
    fs, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg")
    fs.pipe(f"{root}/artwork.csv", b"order_number,order_item_number,file\n1001,1,1002_1.jpg\n")
    policy = ra.Policy(manifest="artwork.csv")
    for kind in (FindingShop, PromisingShop, BreakingShop):
        shop = kind([order("1001"), order("1002")])
        assert outcomes(scan(storage, shop, policy=policy)) == {("1001", "1"): ("failed", "numbers_not_known")}
        assert not shop.effects

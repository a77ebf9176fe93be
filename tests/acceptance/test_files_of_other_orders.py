"""A file that was printed for one order is never printed for another, whatever has changed in the meantime."""

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.testing import FakeShop
from shop_files import PDF, memory_folder


class Case:
    """A merchant whose orders, files and pattern change from scan to scan. The clock can be moved."""

    def __init__(self, root, *names, attaching=ra.Attaching.WITH_FULFILL):
        self.now = datetime(2026, 5, 4, 12, tzinfo=UTC)
        self.root = root
        self.files, self.storage = memory_folder(root)
        for name in names:
            self.upload(name)
        self.shop = FakeShop([], attaching=attaching)
        self.ledger = ra.MemoryLedger(clock=lambda: self.now)
        self.pattern = "{order_number}_{order_item_number}"
        self.policy = ra.Policy()

    def upload(self, name, content=PDF):
        self.files.pipe(f"{self.root}/{name}", content)

    def order(self, order_id, number, item="1", **fields):
        self.shop.put(ra.Order(number, [ra.OrderItem(item)], id=order_id, **fields))

    def close(self, order_id, state=ra.OrderState.FULFILLED):
        """A person changes the state of an order in the shop."""
        self.shop.put(evolve(self.shop.get_order(order_id), state=state))

    def scanner(self):
        return ra.Scanner(
            self.storage,
            self.shop,
            ledger=self.ledger,
            pattern=self.pattern,
            policy=self.policy,
            clock=lambda: self.now,
        )

    def scan(self):
        return {item.order_id: item for item in self.scanner().scan().items}

    def code(self, order_id):
        item = self.scan()[order_id]
        return item.code if item.status == "conflict" else str(item.status)

    def forget(self):
        """So much time passes that the ledger forgets the orders that are done."""
        for _ in range(2):
            self.now += timedelta(days=60)
            for _ in range(51):
                self.scan()
        assert not list(self.ledger.find("default"))

    @property
    def sent(self):
        return sum(self.shop.effects.values())


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_number_that_is_used_again_is_the_same_in_every_unicode_form(root, form):
    case = Case(root, "Ä-1001_1.pdf")
    number = unicodedata.normalize(form, "Ä-1001")
    case.order("A", number)
    assert case.code("A") == "fulfilled"
    case.order("B", number)
    assert case.code("B") == "printed_for_other_order"
    assert case.sent == 1


def test_a_file_of_an_order_in_doubt_stays_its_file_when_the_shop_changes_the_number(root):
    case = Case(root, "1001_1.pdf")
    case.order("A", "1001")
    case.shop.fail_next("fulfill", ra.OutcomeUnknown("cut off"), after_effect=True)
    assert case.code("A") == "uncertain"
    case.order("A", "1001-A")
    case.order("B", "1001")
    for _ in range(3):
        case.now += timedelta(minutes=10)
        assert case.code("B") == "may_be_printed_for_other_order"
    assert case.sent == 1


def test_a_file_keeps_its_order_when_the_pattern_changes(root):
    case = Case(root, "7_1.pdf")
    case.pattern = "{order_item_number}_{order_number}"
    case.order("A", "1", item="7")
    assert case.code("A") == "fulfilled"
    case.pattern = "{order_number}_{order_item_number}"
    case.order("B", "7")
    assert case.code("B") == "printed_for_other_order"
    assert case.sent == 1


def test_a_name_with_many_readings_keeps_its_order(root):
    case = Case(root, "shop_de_2026_05_01_1001_2_front.pdf")
    case.pattern = "{order_number}_{order_item_number}_{placement}"
    items = [ra.OrderItem("2", placements=["front"])]
    for order_id, code in (("A", "fulfilled"), ("B", "printed_for_other_order")):
        case.shop.put(ra.Order("shop_de_2026_05_01_1001", items, id=order_id))
        assert case.code(order_id) == code
    assert case.sent == 1


@pytest.mark.parametrize("order_id", ["2027-B", "2026-A"], ids=["new id", "same id"])
def test_a_number_that_starts_anew_each_year_does_not_print_the_file_of_last_year(root, order_id):
    case = Case(root, "0001_1.pdf")
    case.order("2026-A", "0001")
    assert case.code("2026-A") == "fulfilled"
    case.forget()
    case.order(order_id, "0001")
    assert case.code(order_id) == "printed_for_other_order"
    case.upload("0001_1.pdf", PDF + b"% of this year\n")
    assert case.code(order_id) == "fulfilled"


def test_a_second_approval_may_print_the_file_again_after_the_first_was_forgotten(root):
    case = Case(root, "1001_1.pdf")
    case.order("A", "1001", approval="first")
    assert case.code("A") == "fulfilled"
    case.forget()
    case.order("A", "1001", approval="second")
    assert case.code("A") == "fulfilled"


@pytest.mark.parametrize("forgotten", [False, True], ids=["at once", "a year later"])
def test_an_order_that_was_attached_and_then_released_by_hand_keeps_its_file(root, forgotten):
    case = Case(root, "1001_1.pdf", attaching=ra.Attaching.SEPARATE)
    case.policy = ra.Policy(fulfill="per_item")
    case.shop.put(ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")], id="A"))
    assert case.scanner().scan().items[0].status == "attached"
    case.close("A")
    if forgotten:
        case.forget()
    case.order("B", "1001")
    assert case.code("B") == "may_be_printed_for_other_order"
    assert case.sent == 0


def test_an_attached_file_that_was_exchanged_and_then_restored_keeps_its_order(root):
    case = Case(root, "1001_1.pdf", attaching=ra.Attaching.SEPARATE)
    case.policy = ra.Policy(fulfill="per_item")
    case.shop.put(ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")], id="A"))
    case.scan()
    attached = case.files.store[f"{root}/1001_1.pdf"]
    case.upload("1001_1.pdf", b"no PDF")
    assert case.scanner().scan().items[0].status == "rejected"
    case.close("A")  # the shop still has the first file
    case.files.store[f"{root}/1001_1.pdf"] = attached
    case.order("B", "1001")
    assert case.code("B") == "may_be_printed_for_other_order"


def test_a_file_that_is_exchanged_after_the_listing_for_one_of_another_order_is_not_sent(root):
    case = Case(root, "1001_1.pdf")
    case.order("A", "1001")
    assert case.code("A") == "fulfilled"
    path = f"{root}/1001_1.pdf"
    printed = case.files.store[path]
    case.upload("1001_1.pdf", PDF + b"% of order B\n")
    case.order("B", "1001")

    class Restore:
        def check(self, _artwork, _item):
            case.files.store[path] = printed
            return ()

    scanner = evolve(case.scanner(), checks=[Restore()])
    items = {item.order_id: item for item in scanner.scan().items}
    assert (items["B"].status, items["B"].code) == ("settling", "replaced_during_scan")
    items = {item.order_id: item for item in scanner.scan().items}
    assert (items["B"].status, items["B"].code) == ("conflict", "printed_for_other_order")
    assert case.sent == 1


def test_a_storage_that_ignores_case_does_not_print_a_file_again_for_a_number_in_capitals(root):
    case = Case(root, "abc-1_1.pdf")
    case.order("A", "abc-1")
    assert case.code("A") == "fulfilled"
    case.files.store[f"{root}/ABC-1_1.pdf"] = case.files.store.pop(f"{root}/abc-1_1.pdf")
    case.order("B", "ABC-1")
    assert case.code("B") == "printed_for_other_order"


def test_a_file_whose_call_the_shop_refused_can_be_used_for_another_order(root):
    case = Case(root, "1001_1.pdf")
    case.order("A", "1001")
    case.shop.fail_next("fulfill", ra.PaymentRequired("no credit"))
    assert case.code("A") == "failed"
    case.close("A", ra.OrderState.CANCELLED)
    case.order("B", "1001")
    assert case.code("B") == "fulfilled"
    assert case.sent == 1


def test_a_file_that_was_only_checked_can_be_used_for_another_order(root):
    case = Case(root, "1001_1.pdf")
    case.shop.put(ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")], id="A"))
    case.scan()
    case.close("A", ra.OrderState.CANCELLED)
    case.order("B", "1001")
    assert case.code("B") == "fulfilled"


def test_an_explanation_of_a_file_names_the_order_it_was_printed_for(root):
    case = Case(root, "7_1.pdf")
    case.pattern = "{order_item_number}_{order_number}"
    case.order("A", "1", item="7")
    case.scan()
    case.pattern = "{order_number}_{order_item_number}"
    explanation = case.scanner().explain("7_1.pdf")
    assert explanation.code == "file_used_earlier"
    assert explanation.details["order_number"] == "1"
    case.forget()
    assert case.scanner().explain("7_1.pdf").code == "file_used_earlier"


def move(case, folder, pattern):
    """The location's folder changes, and the files stay where they are."""
    case.storage, case.pattern = ra.ArtworkStorage(case.files, folder), pattern


WITHIN, WITH_FOLDER = "{order_number}_{order_item_number}", "in/{order_number}_{order_item_number}"


@pytest.mark.parametrize("order_id", ["A", "B"])
@pytest.mark.parametrize("up", [True, False])
def test_a_file_keeps_its_order_when_the_folder_of_the_location_changes(root, up, order_id):
    case = Case(root, "in/1001_1.pdf")
    before, after = [(f"{root}/in", WITHIN), (root, WITH_FOLDER)][:: 1 if up else -1]
    move(case, *before)
    case.order("A", "1001")
    assert case.code("A") == "fulfilled"
    if order_id == "A":  # the shop uses the id again, too
        case.forget()
    move(case, *after)
    case.order(order_id, "1001")
    assert case.code(order_id) == "printed_for_other_order"
    assert case.sent == 1


def test_an_order_in_doubt_keeps_its_file_when_the_folder_of_the_location_changes(root):
    case = Case(root, "in/1001_1.pdf")
    move(case, f"{root}/in", WITHIN)
    case.order("A", "1001")
    case.shop.fail_next("fulfill", ra.OutcomeUnknown("cut off"))
    assert case.code("A") == "uncertain"
    move(case, root, WITH_FOLDER)
    case.order("A", "1001-A")
    case.order("B", "1001")
    assert case.code("B") == "may_be_printed_for_other_order"
    assert case.sent == 0

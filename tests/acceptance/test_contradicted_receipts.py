"""The shop gave a receipt and names the order pending all the same, or stops naming it: a person has the last word."""

from datetime import timedelta

import pytest
from typer.testing import CliRunner

import remote_artwork as ra
from remote_artwork.cli.ledger import ledger_app
from remote_artwork.core.lifecycle import FulfillState
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

ORDER = ra.Order("1001", [ra.OrderItem("1")])


class Shop(FakeShop):
    """Goes back on an order that it has fulfilled, and forgets that it has."""

    def lose(self) -> None:
        self.put(ORDER)
        self.effects.clear()


class Case:
    """A fulfilled order that the shop has lost."""

    def __init__(self, root: str, home, shop: type[FakeShop] = Shop) -> None:
        self.url = f"sqlite:///{home / 'ledger.db'}"
        self.shop = shop([ORDER], call_limit=timedelta(microseconds=1))
        _, storage = memory_folder(root, "1001_1.jpg")
        self.scanner = ra.Scanner(storage, self.shop, ledger=ra.SqlLedger(self.url))
        assert self.scan() == ("fulfilled", 0)
        self.shop.lose()

    def scan(self) -> tuple[str, int]:
        report = self.scanner.scan()
        [item] = report.items
        return item.status, report.exit_code

    def resolve(self, word: str) -> None:
        answer = CliRunner().invoke(ledger_app, ["resolve", "1001", word, "--ledger", self.url])
        assert answer.exit_code == 0, answer.output

    @property
    def row(self):
        [record] = ra.SqlLedger(self.url).find("default")
        return record.state, record.receipt


@pytest.fixture
def case(root, tmp_path):
    return Case(root, tmp_path)


def test_the_order_is_uncertain_and_its_receipt_is_kept(case):
    [item] = case.scanner.scan().items
    assert item.status == "uncertain"
    assert "(receipt receipt-1001), but the shop still lists it as pending" in item.reason
    assert "ledger resolve 1001" in item.reason
    assert case.row == (FulfillState.UNCERTAIN, "receipt-1001")
    assert case.scan() == ("uncertain", 1)
    assert not case.shop.effects


def test_a_dry_run_says_so_and_writes_nothing(case):
    [item] = case.scanner.plan().items
    assert item.status == "uncertain"
    assert case.row == (FulfillState.FULFILLED, "receipt-1001")


def test_resolving_as_fulfilled_ends_it_although_the_shop_still_lists_it(case):
    case.scan()
    case.resolve("--fulfilled")
    assert case.row == (FulfillState.FULFILLED, "receipt-1001")
    assert [case.scan(), case.scan()] == [("fulfilled", 0)] * 2
    assert not case.shop.effects


def test_resolving_as_not_fulfilled_sends_it_again(case):
    case.scan()
    case.resolve("--not-fulfilled")
    assert case.scan() == ("fulfilled", 0)
    assert list(case.shop.effects.values()) == [1]


class Lagging(FakeShop):
    """Names the order pending in its list, and fulfilled when it is asked for it."""

    def lose(self) -> None:
        self.pending_orders = lambda: [ORDER]


def test_a_list_that_is_older_than_the_order_is_not_a_contradiction(root, tmp_path):
    case = Case(root, tmp_path, Lagging)
    assert case.scan() == ("fulfilled", 0)
    assert case.row == (FulfillState.FULFILLED, "receipt-1001")


def test_a_shop_that_cannot_be_asked_leaves_it_to_the_next_scan(case):
    case.shop.fail_next("get_order", ra.OutcomeUnknown("time-out"))
    assert case.scan()[0] == "uncertain"
    assert case.row == (FulfillState.FULFILLED, "receipt-1001")
    case.scan()
    assert case.row == (FulfillState.UNCERTAIN, "receipt-1001")


def test_an_uncertain_order_is_reported_until_a_person_resolves_it(case):
    case.scan()
    case.shop.delete("1001")
    assert [case.scan(), case.scan()] == [("uncertain", 1)] * 2
    case.resolve("--fulfilled")
    assert not case.scanner.scan().items

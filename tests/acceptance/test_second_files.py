"""A second file that is uploaded after the listing: the order is not sent, because two files are never a choice."""

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from attrs import define, field

import remote_artwork as ra
from remote_artwork.errors import StorageDenied
from remote_artwork.reports import ItemOutcome
from remote_artwork.testing import FakeShop, Faults, FaultyClient, FaultyStorage
from shop_files import JPEG, PDF, PNG, memory_folder

LOST = ra.OutcomeUnknown("no answer")


@define
class TwoOrders:
    """Orders 0999 and 1001 with one file each. Something happens while 0999 is sent, before the turn of 1001."""

    root: str
    number: str = "1001"
    attaching: ra.Attaching = ra.Attaching.WITH_FULFILL
    policy: ra.Policy = field(factory=ra.Policy)
    shop: FakeShop = field(init=False)
    files: object = field(init=False)
    storage: ra.ArtworkStorage = field(init=False)
    ledger: ra.MemoryLedger = field(factory=ra.MemoryLedger)

    def __attrs_post_init__(self) -> None:
        self.files, self.storage = memory_folder(self.root, "0999_1.pdf", f"{self.number}_1.pdf")
        orders = [ra.Order(number, [ra.OrderItem("1")]) for number in ("0999", self.number)]
        self.shop = FakeShop(orders, attaching=self.attaching)

    def upload(self, name: str, content: bytes = PNG) -> None:
        self.files.pipe(f"{self.root}/{name}", content)

    def scan(self, meanwhile: Callable[[], object] = lambda: None, faults: Faults | None = None) -> ItemOutcome:
        """The outcome of the second order."""
        faults = faults or Faults()
        faults.intercept("client.fulfill", meanwhile, moment="after")
        storage, client = FaultyStorage(self.storage, faults), FaultyClient(self.shop, faults)
        items = ra.Scanner(storage, client, ledger=self.ledger, policy=self.policy).scan().items
        [item] = [item for item in items if item.order_number == self.number]
        return item

    @property
    def sent(self) -> bool:
        return self.shop.orders[self.number].state is ra.OrderState.FULFILLED


@pytest.mark.parametrize("attaching", list(ra.Attaching), ids=str)
@pytest.mark.parametrize("name", ["1001_1.png", "1001_1.PDF", "1001_1.jpeg"])
def test_a_second_file_is_a_conflict_and_nothing_is_sent(root, attaching, name):
    case = TwoOrders(root, attaching=attaching)
    item = case.scan(lambda: case.upload(name))
    assert (item.status, item.code) == ("conflict", "several_files")
    assert sorted(item.details["files"]) == sorted(["1001_1.pdf", name])
    assert not case.sent
    assert case.scan().status == "conflict"


def test_the_same_name_in_another_unicode_form_is_a_second_file(root):
    case = TwoOrders(root, number="\u00e4-1")
    item = case.scan(lambda: case.upload(unicodedata.normalize("NFD", "\u00e4-1_1.pdf"), PDF))
    assert (item.status, case.sent) == ("conflict", False)


@pytest.mark.parametrize("name", ["1001_1.txt", "1001_1", "1001_10.pdf", "1001_1.png/readme.txt", "1001_1 (1).pdf"])
def test_a_file_of_another_name_or_format_changes_nothing(root, name):
    case = TwoOrders(root)
    assert case.scan(lambda: case.upload(name)).status == "fulfilled"


def test_a_second_file_that_the_policy_prefers_is_sent_by_the_next_scan(root):
    case = TwoOrders(root, policy=ra.Policy(several_files="prefer:png,pdf"))
    item = case.scan(lambda: case.upload("1001_1.png"))
    assert (item.status, item.code, item.details["files"]) == ("settling", "other_file_arrived", ["1001_1.png"])
    assert case.scan().status == "fulfilled"
    assert [artwork.name for artwork in case.shop.artwork["1001", "1"]] == ["1001_1.png"]


def test_a_second_file_that_the_policy_does_not_prefer_changes_nothing(root):
    case = TwoOrders(root, policy=ra.Policy(several_files="prefer:pdf,png"))
    assert case.scan(lambda: case.upload("1001_1.png")).status == "fulfilled"


def test_two_preferred_files_are_a_conflict(root):
    case = TwoOrders(root, policy=ra.Policy(several_files="prefer:pdf,png"))
    assert case.scan(lambda: case.upload("1001_1.PDF", PDF)).status == "conflict"


def test_a_storage_that_cannot_be_listed_then_leaves_the_order_for_later(root):
    case, faults = TwoOrders(root), Faults()
    denied = StorageDenied("403")
    item = case.scan(lambda: faults.fail("storage.list", denied), faults)
    assert (item.status, case.sent) == ("unreadable", False)
    assert case.scan().status == "fulfilled"


@pytest.mark.parametrize(
    ("recovery", "outcomes"),
    [(ra.Recovery.QUERYABLE, ["matched", "conflict"]), (ra.Recovery.IDEMPOTENT, ["uncertain", "uncertain"])],
)
def test_a_lost_call_is_not_repeated_beside_a_second_file(root, recovery, outcomes):
    now = [datetime(2026, 5, 1, tzinfo=UTC)]
    files, storage = memory_folder(root, "1001_1.pdf")
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])], recovery=recovery)
    ledger = ra.MemoryLedger(clock=lambda: now[0])

    def scan() -> ItemOutcome:
        retry = ra.RetryPolicy(attempts=1)
        [item] = ra.Scanner(storage, shop, ledger=ledger, retry=retry).scan().items
        now[0] += timedelta(hours=1)
        return item

    shop.fail_next("fulfill", LOST)
    assert scan().status == "uncertain"
    files.pipe(f"{root}/1001_1.jpg", JPEG)
    assert [scan().status, scan().status] == outcomes
    assert not shop.effects

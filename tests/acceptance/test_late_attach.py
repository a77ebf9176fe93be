"""An attach call arrives late, of a scanner that was taken over or after a time-out: no older file is printed."""

from datetime import UTC, datetime, timedelta

import pytest

import remote_artwork as ra
from remote_artwork.reports import ItemOutcome
from remote_artwork.testing import FakeShop, Faults, FaultyClient
from shop_files import JPEG, memory_folder

NEWER = JPEG + b"newer"


class Case:
    """An order of two items that are attached as their files come; the file of the second one comes later."""

    def __init__(self, root: str) -> None:
        self.files, self.storage = memory_folder(root, "1001_1.jpg")
        self.root = root
        self.now = datetime(2026, 5, 1, tzinfo=UTC)
        self.shop = FakeShop([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])])
        self.ledger = ra.MemoryLedger(clock=lambda: self.now)

    def scan(self, faults: Faults | None = None) -> dict[str, ItemOutcome]:
        client, policy = FaultyClient(self.shop, faults or Faults()), ra.Policy(fulfill="per_item")
        report = ra.Scanner(self.storage, client, ledger=self.ledger, policy=policy).scan()
        return {item.item_number: item for item in report.items}

    def replace(self) -> None:
        self.files.pipe(f"{self.root}/1001_1.jpg", NEWER)
        self.now += timedelta(hours=1)

    @property
    def held(self) -> str:
        """The version of the first item's file that the shop holds."""
        [artwork] = self.shop.artwork["1001", "1"]
        return artwork.version

    def held_when_sent(self) -> str:
        """The second file comes, and the order goes out."""
        self.now += timedelta(hours=1)
        self.files.pipe(f"{self.root}/1001_2.jpg", JPEG)
        faults, seen = Faults(), []
        faults.intercept("client.fulfill", lambda: seen.append(self.held))
        assert {item.status for item in self.scan(faults).values()} == {"fulfilled"}
        [version] = seen
        return version


@pytest.fixture
def case(root: str) -> Case:
    return Case(root)


@pytest.fixture
def late(case: Case) -> dict[str, ItemOutcome]:
    """What a scanner reports that stopped before it attached, was taken over, and then attached the older file."""

    def taken_over() -> None:
        case.replace()
        assert case.scan()["1"].status == "attached"

    faults = Faults()
    faults.intercept("client.attach_artwork", taken_over)
    return case.scan(faults)


def newest(case: Case) -> str:
    return case.storage.stat("1001_1.jpg").etag


@pytest.mark.usefixtures("late")
def test_what_a_scanner_attached_after_it_was_taken_over_is_set_right_before_the_order_is_sent(case: Case):
    assert case.held != newest(case), "the older file arrived last"
    assert case.held_when_sent() == newest(case)


def test_a_scanner_that_was_taken_over_reports_the_item_that_it_attached(late: dict[str, ItemOutcome]):
    assert late["1"].status == "uncertain"
    assert "attached again before the order is sent" in late["1"].reason
    assert late["2"].status == "missing", "nothing was attached to the item that has no file"


def test_what_a_call_attached_after_its_time_out_is_set_right_before_the_order_is_sent(case: Case):
    case.shop.delay_next("attach_artwork", ra.OutcomeUnknown("time-out"))
    assert case.scan()["1"].status == "uncertain"
    case.replace()
    assert case.scan()["1"].status == "attached"
    case.shop.run_delayed()
    assert case.held != newest(case), "the older file arrived last"
    assert case.held_when_sent() == newest(case)


def test_an_item_that_waits_for_its_siblings_is_attached_once(case: Case):
    for _ in range(3):
        case.scan()
    assert len(case.shop.calls("attach_artwork")) == 1

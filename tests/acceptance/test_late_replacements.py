"""A file is replaced after it was checked: whatever the outcome of the call, the report says so."""

from datetime import UTC, datetime, timedelta

import pytest

import remote_artwork as ra
from remote_artwork.core.lifecycle import FulfillState, ItemState
from remote_artwork.errors import FileGone, LeaseLost, StorageDenied
from remote_artwork.reports import ItemOutcome
from remote_artwork.testing import FakeShop, Faults, FaultyClient, FaultyLedger, FaultyStorage, Killed
from shop_files import JPEG, PNG, memory_folder

NEWER = b"not a picture at all"
LOST = ra.OutcomeUnknown("no answer within the time-out")
MAY_BE_NEWER = "the earlier file is printed, or the newer one, which was not checked"


class Replaced:
    """One order whose file is replaced right before its fulfill call; time passes on demand."""

    def __init__(self, root: str, **promises) -> None:
        self.root, self.now = root, datetime(2026, 5, 1, tzinfo=UTC)
        self.files, self.storage = memory_folder(root, "1001_1.jpg")
        self.shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])], **promises)
        self.ledger = ra.MemoryLedger(clock=lambda: self.now)
        self.faults = Faults()
        self.faults.intercept("client.fulfill", self.replace)

    def replace(self) -> None:
        self.files.pipe(f"{self.root}/1001_1.jpg", NEWER)

    def scan(self, faults: Faults | None = None, **options) -> ra.ScanReport:
        faults = faults or Faults()
        return ra.Scanner(
            FaultyStorage(self.storage, faults),
            FaultyClient(self.shop, faults),
            ledger=FaultyLedger(self.ledger, faults),
        ).scan(**options)

    def item(self, faults: Faults | None = None) -> ItemOutcome:
        [item] = self.scan(faults).items
        return item

    def later(self) -> ItemOutcome:
        self.now += timedelta(hours=1)
        return self.item()

    @property
    def row(self) -> tuple[str, str]:
        [record] = self.ledger.find("default")
        return record.state, record.items["1"].state


@pytest.mark.parametrize("recovery", [ra.Recovery.QUERYABLE, ra.Recovery.IDEMPOTENT])
def test_a_lost_answer_does_not_hide_it(root, recovery):
    case = Replaced(root, recovery=recovery)
    case.faults.fail("client.fulfill", LOST, moment="after")
    first = case.item(case.faults)
    assert (first.status, MAY_BE_NEWER in first.reason) == ("uncertain", True)
    second = case.later()
    assert (second.status, MAY_BE_NEWER in second.reason) == ("late_replacement", True)
    assert case.row == (FulfillState.FULFILLED, ItemState.LATE_REPLACEMENT)


@pytest.mark.parametrize("attaching", list(ra.Attaching), ids=str)
def test_every_scan_reports_a_call_that_a_person_must_resolve(root, attaching):
    case = Replaced(root, recovery=ra.Recovery.NONE, attaching=attaching)
    case.faults.fail("client.fulfill", LOST, moment="after")
    outcomes = [case.item(case.faults), case.later(), case.later()]
    assert [item.status for item in outcomes] == ["uncertain"] * 3
    assert all(MAY_BE_NEWER in item.reason and "ledger resolve" in item.reason for item in outcomes)
    assert case.row == (FulfillState.UNCERTAIN, ItemState.LATE_REPLACEMENT)


@pytest.mark.parametrize("recovery", list(ra.Recovery), ids=str)
def test_a_scan_that_dies_in_its_call_does_not_hide_it(root, recovery):
    case = Replaced(root, recovery=recovery)
    case.faults.intercept("client.fulfill", case.faults.kill, moment="after")
    with pytest.raises(Killed):
        case.scan(case.faults)
    item = case.later()
    assert (item.status, MAY_BE_NEWER in item.reason) == ("late_replacement", True)


def test_a_shop_that_says_it_is_fulfilled_already_does_not_hide_it(root):
    case = Replaced(root)
    case.faults.fail("client.fulfill", ra.AlreadyFulfilled("it is"), moment="after")
    assert case.item(case.faults).status == "late_replacement"


@pytest.mark.parametrize("error", [StorageDenied("403"), FileGone("it is gone")], ids=["denied", "gone"])
def test_a_check_that_fails_after_sending_is_reported(root, error):
    case = Replaced(root)
    case.faults.intercept("client.fulfill", lambda: case.faults.fail("storage.head", error), moment="after")
    item = case.item(case.faults)
    assert item.status == "fulfilled"
    assert "whether 1001_1.jpg was replaced while the order was sent: " in item.reason
    assert item.reason.endswith(str(error))


def test_an_unrecorded_alarm_about_an_uncertain_order_is_still_reported(root):
    case = Replaced(root, recovery=ra.Recovery.NONE)
    case.faults.fail("client.fulfill", LOST)
    case.faults.intercept(
        "client.fulfill",
        lambda: case.faults.intercept("storage.head", lambda: case.faults.fail("ledger.advance", LeaseLost("gone"))),
    )
    item = case.item(case.faults)
    assert (item.status, MAY_BE_NEWER in item.reason) == ("uncertain", True)


def test_an_order_that_was_not_fulfilled_after_all_is_sent_with_the_newer_file_once_that_is_checked(root):
    case = Replaced(root)
    case.faults.fail("client.fulfill", LOST)
    assert case.item(case.faults).status == "uncertain"
    case.files.pipe(f"{root}/1001_1.jpg", JPEG + b"newer")
    assert [case.later().status, case.later().status] == ["matched", "fulfilled"]


def test_a_sweep_sees_a_file_that_was_replaced_after_its_order_was_done(root):
    case = Replaced(root)
    assert case.item().status == "fulfilled"
    assert not case.scan(sweep=True).files
    case.replace()
    [file] = case.scan(sweep=True).files
    assert (file.name, file.status) == ("1001_1.jpg", "superseded")
    assert file.reason.startswith("it was replaced after it was checked for order 1001, which is fulfilled;")


def test_a_second_file_that_comes_beside_a_replaced_one_is_a_conflict(root):
    case = Replaced(root)
    case.faults = Faults()

    def replace_and_add() -> None:
        case.files.pipe(f"{root}/1001_1.jpg", JPEG + b"newer")
        case.files.pipe(f"{root}/1001_1.png", PNG)

    case.faults.intercept("client.attach_artwork", replace_and_add, moment="after")
    assert [case.item(case.faults).status, case.item().status] == ["conflict", "conflict"]
    assert not case.shop.effects

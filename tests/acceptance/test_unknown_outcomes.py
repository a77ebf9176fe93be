"""A fulfill call times out. Whether it was done, was not done, or is done later: the order is sent once."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.errors import StorageDenied
from remote_artwork.testing import FakeShop, Faults, FaultyStorage
from shop_files import PNG, memory_folder

TIMED_OUT = ra.OutcomeUnknown("no answer within the time-out")
LIMIT = timedelta(minutes=2)


class Case:
    """One order, one call without an answer, and a clock that moves only when the test sets it."""

    def __init__(self, root: str, recovery: ra.Recovery, effect: str) -> None:
        self.files, storage = memory_folder(root, "1001_1.jpg")
        self.storage = storage
        self.now = datetime(2026, 5, 1, tzinfo=UTC)
        self.shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])], recovery=recovery, call_limit=LIMIT)
        if effect == "late":
            self.shop.delay_next("fulfill", TIMED_OUT)
        else:
            self.shop.fail_next("fulfill", TIMED_OUT, after_effect=effect == "done")
        self.ledger = ra.MemoryLedger(clock=lambda: self.now)
        self.scanner = ra.Scanner(storage, self.shop, ledger=self.ledger)
        self.effect = effect

    def scan(self) -> str:
        [item] = self.scanner.scan().items
        return item.status

    @property
    def state(self) -> str:
        [record] = self.ledger.find("default")
        return record.state

    def end(self) -> None:
        """What was under way arrives, all time-outs pass, and two more scans look."""
        self.shop.run_delayed()
        self.now += 2 * LIMIT
        for _ in range(2):
            self.scanner.scan()


@pytest.fixture(params=["not done", "done", "late"])
def case(request: pytest.FixtureRequest, root: str, recovery: ra.Recovery) -> Case:
    return Case(root, recovery, request.param)


@pytest.mark.parametrize("recovery", [ra.Recovery.IDEMPOTENT])
def test_an_idempotent_client_is_called_again_at_once_with_the_same_key(case: Case):
    assert case.scan() == "uncertain"
    assert case.scan() == "fulfilled"
    case.end()
    assert len({call.idempotency_key for call in case.shop.calls("fulfill")}) == 1
    assert list(case.shop.effects.values()) == [1]


@pytest.mark.parametrize("recovery", [ra.Recovery.QUERYABLE])
def test_a_queryable_client_is_asked_and_sends_again_only_what_had_no_effect_in_time(case: Case):
    assert case.scan() == "uncertain"
    assert case.scan() == ("fulfilled" if case.effect == "done" else "uncertain")
    assert len(case.shop.calls("fulfill")) == 1, "it may still be under way"
    case.end()
    assert case.state == "fulfilled"
    assert list(case.shop.effects.values()) == [1]


@pytest.mark.parametrize("recovery", [ra.Recovery.NONE])
def test_a_client_that_promises_nothing_waits_for_a_person_whatever_happened(case: Case):
    assert case.scan() == "uncertain"
    case.end()
    assert case.state == "uncertain"
    assert sum(case.shop.effects.values()) == (0 if case.effect == "not done" else 1)
    assert len([call for call in case.shop.calls("fulfill") if not call.effect]) <= 1


@pytest.mark.parametrize("recovery", [ra.Recovery.QUERYABLE])
def test_the_reason_names_the_time_of_the_next_question(root: str, recovery: ra.Recovery):
    case = Case(root, recovery, "not done")
    case.scan()
    [item] = case.scanner.scan().items
    assert "reads the order again after 2 minutes" in item.reason


@pytest.mark.parametrize("change", ["replaced", "deleted"])
@pytest.mark.parametrize("recovery", [ra.Recovery.IDEMPOTENT])
def test_a_call_is_not_repeated_with_another_file(root: str, recovery: ra.Recovery, change: str):
    case = Case(root, recovery, "not done")
    case.scan()
    if change == "replaced":
        case.files.pipe(f"{root}/1001_1.jpg", PNG)
    else:
        case.files.rm(f"{root}/1001_1.jpg")
    assert case.scan() == "uncertain"
    assert len(case.shop.calls("fulfill")) == 1
    assert case.state == "uncertain"


@pytest.mark.parametrize("recovery", [ra.Recovery.IDEMPOTENT])
def test_a_call_is_repeated_later_if_its_file_cannot_be_read(root: str, recovery: ra.Recovery):
    case, faults = Case(root, recovery, "not done"), Faults()
    case.scan()
    case.scanner.storage = FaultyStorage(case.storage, faults)
    faults.fail("storage.head", StorageDenied("403"))
    report = case.scanner.scan()
    assert ([item.status for item in report.items], len(case.shop.calls("fulfill"))) == (["uncertain"], 1)
    assert case.scan() == "fulfilled"


@pytest.mark.parametrize("recovery", [ra.Recovery.IDEMPOTENT])
def test_a_repeated_call_is_waited_for_from_its_own_beginning(root: str, recovery: ra.Recovery):
    case = Case(root, recovery, "not done")
    case.scan()
    case.now += 2 * LIMIT
    case.shop.delay_next("fulfill", TIMED_OUT)
    assert case.scan() == "uncertain"
    case.shop.put(evolve(case.shop.orders["1001"], state=ra.OrderState.OTHER))
    assert case.scan() == "uncertain", "the repeat may still be under way"
    case.shop.put(evolve(case.shop.orders["1001"], state=ra.OrderState.PENDING))
    case.end()
    assert case.state == "fulfilled"
    assert list(case.shop.effects.values()) == [1]

"""A fleet of merchants: who is due, and passes over merchants that work, fail, hang, or are scanned twice."""

import json
import pickle
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from attrs import define, evolve, field, frozen

import remote_artwork as ra
from alert_reports import Inbox
from remote_artwork.alerts import Alerts
from remote_artwork.errors import LedgerUnavailable
from remote_artwork.fleet import (
    MemoryMerchantStore,
    MerchantStore,
    PassRules,
    PassStatus,
    Quarantine,
    SqlMerchantStore,
    batches,
    last_slot,
    scan_merchant,
)
from remote_artwork.runtime import ThreadRuntime
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def order(number: str, **given) -> ra.Order:
    return ra.Order(number, [ra.OrderItem("1")], **given)


@define
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@define
class Fleet:
    """Merchants whose files are in memory. An entry of ``broken`` is called instead of opening the merchant."""

    shops: dict[str, FakeShop]
    ledger: ra.Ledger = field(factory=ra.MemoryLedger)
    broken: dict[str, Callable[[ra.Scanner], ra.Scanner]] = field(factory=dict)
    opened: list[str] = field(factory=list)
    root: str = "/fleet"

    def ids(self) -> Iterator[str]:
        return iter(self.shops)

    def open(self, merchant: str) -> ra.Scanner:
        self.opened.append(merchant)
        _, storage = memory_folder(f"{self.root}/{merchant}")
        scanner = ra.Scanner(
            storage,
            self.shops[merchant],
            ledger=self.ledger,
            tenant=merchant,
            policy=ra.Policy(settle_for=timedelta(microseconds=1)),
            retry=ra.RetryPolicy(sleep=lambda _: None),
        )
        return self.broken[merchant](scanner) if merchant in self.broken else scanner


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemoryMerchantStore:
    return MemoryMerchantStore(clock=clock)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    root = f"/fleet{tmp_path}"
    memory_folder(f"{root}/acme", "1001_1.pdf")
    shop = FakeShop([order("1001"), order("1002", created_at=NOON - timedelta(days=3))])
    return Fleet({"acme": shop, "globex": FakeShop([])}, root=root)


def raising(error: BaseException) -> Callable[[ra.Scanner], ra.Scanner]:
    def open_merchant(_scanner: ra.Scanner) -> ra.Scanner:
        raise error

    return open_merchant


class UnusableShop(FakeShop):
    def pending_orders(self):
        raise ra.Unavailable("the shop is down")


def unusable_shop(scanner: ra.Scanner) -> ra.Scanner:
    return evolve(scanner, client=UnusableShop([]))


def test_a_pass_scans_a_merchant_and_returns_plain_json(fleet: Fleet, store: MerchantStore):
    result = scan_merchant("acme", fleet, store)
    assert (result.status, result.reason, result.stopped_by) == (PassStatus.DONE, "", None)
    assert dict(result.counts) == {"fulfilled": 1, "missing": 1}
    assert result.oldest_pending == NOON - timedelta(days=3)
    assert pickle.loads(pickle.dumps(result)) == result
    document = json.loads(json.dumps(result.to_dict()))
    assert document["oldest_pending"] == "2026-11-26T12:00:00+00:00"
    assert document["requests"]["list"] > 0
    assert document["timings"]["listing"] >= 0
    [state] = store.find(["acme"], with_results=True)
    assert state.result == document
    assert list(fleet.shops["acme"].effects.values()) == [1]


def test_a_merchant_is_scanned_once_in_each_slot(fleet: Fleet, store: MerchantStore, clock: Clock):
    statuses = []
    for minutes in (0, 1, 30, 61, 62):
        clock.now = last_slot("acme", NOON) + timedelta(minutes=minutes)
        statuses.append(scan_merchant("acme", fleet, store).status)
    assert statuses == ["done", "not_due", "not_due", "done", "not_due"]
    assert fleet.opened == ["acme", "acme"]


def test_the_report_of_a_pass_is_passed_on_for_alerts(fleet: Fleet, store: MerchantStore, clock: Clock):
    alerts, inbox = ra.MemoryLedger(), Inbox()
    memory_folder(f"{fleet.root}/acme", "1002_1.pdf", "1002_1.png")
    for minutes in (0, 30, 61):
        clock.now = last_slot("acme", NOON) + timedelta(minutes=minutes)
        scan_merchant("acme", fleet, store, on_report=Alerts(alerts, inbox).send)
    assert inbox.take() == [[("new", "1002")]]


def test_an_error_while_a_report_is_passed_on_is_logged_and_changes_nothing(
    fleet: Fleet, store: MerchantStore, caplog: pytest.LogCaptureFixture
):
    def fail(_report: ra.ScanReport) -> None:
        raise ValueError("no such channel")

    assert scan_merchant("acme", fleet, store, on_report=fail).status is PassStatus.DONE
    [record] = [record for record in caplog.records if record.message == "on_report_raised"]
    assert (record.merchant, record.error) == ("acme", "no such channel")
    assert scan_merchant("acme", fleet, store).status is PassStatus.NOT_DUE


def test_a_pass_without_a_report_passes_nothing_on(fleet: Fleet, store: MerchantStore):
    fleet.broken["acme"] = raising(ra.ConfigurationError("no such bucket"))
    passed_on: list[ra.ScanReport] = []
    assert scan_merchant("acme", fleet, store, on_report=passed_on.append).status is PassStatus.FAILED
    assert passed_on == []


def test_some_orders_are_scanned_outside_of_the_slot(fleet: Fleet, store: MerchantStore):
    first = scan_merchant("acme", fleet, store, orders=["1002"])
    assert (first.status, dict(first.counts)) == (PassStatus.DONE, {"missing": 1})
    assert scan_merchant("acme", fleet, store).status is PassStatus.DONE, "the pass of the slot is still due"
    assert scan_merchant("acme", fleet, store, orders=["1002"]).status is PassStatus.DONE


def test_codes_that_need_a_person_are_counted(fleet: Fleet, store: MerchantStore):
    memory_folder(f"{fleet.root}/acme", "1002_1.pdf", "1002_1.jpg")
    result = scan_merchant("acme", fleet, store)
    assert dict(result.needs_person) == {"several_files": 1}
    [state] = store.find()
    assert state.needs_person == 1


def test_a_merchant_that_another_worker_scans_is_busy(fleet: Fleet, store: MerchantStore):
    seen = []

    def meanwhile(scanner: ra.Scanner) -> ra.Scanner:
        del fleet.broken["acme"]
        seen.append(scan_merchant("acme", fleet, store).status)
        seen.append(list(batches(fleet, store, clock=lambda: NOON)))
        return scanner

    fleet.broken["acme"] = meanwhile
    assert scan_merchant("acme", fleet, store).status is PassStatus.DONE
    assert seen == [PassStatus.BUSY, [["globex"]]]


@pytest.mark.parametrize(
    ("broken", "part", "reason"),
    [
        (
            raising(ra.ConfigurationError("the URL is empty; write one")),
            "settings",
            "the merchant's settings could not be used: the URL is empty; write one",
        ),
        (raising(KeyError("key")), "settings", "the merchant's settings could not be used: KeyError: 'key'"),
        (
            lambda scanner: evolve(scanner, tenant="globex"),
            "settings",
            "the scanner has the tenant globex; create it with the id of the merchant as tenant, acme",
        ),
        (
            lambda scanner: evolve(scanner, storage=ra.ArtworkStorage(fsspec.filesystem("memory"), "/nowhere")),
            "settings",
            "memory:///nowhere: the bucket or folder does not exist",
        ),
        (unusable_shop, "client", "the shop is down"),
    ],
)
def test_a_merchant_that_cannot_be_scanned_is_a_failed_pass(fleet, store, broken, part, reason):
    fleet.broken["acme"] = broken
    result = scan_merchant("acme", fleet, store)
    assert (result.status, result.part) == (PassStatus.FAILED, part)
    assert reason in result.reason
    [state] = store.find(["acme"])
    assert (state.failures, state.because) == (1, result.because)
    assert scan_merchant("globex", fleet, store).status is PassStatus.DONE


def test_a_storage_that_failed_before_is_probed_by_one_request(fleet: Fleet, store: MerchantStore, clock: Clock):
    fleet.broken["acme"] = lambda scanner: evolve(
        scanner, storage=ra.ArtworkStorage(fsspec.filesystem("memory"), "/nowhere")
    )
    first = scan_merchant("acme", fleet, store)
    clock.now += HOUR
    second = scan_merchant("acme", fleet, store)
    assert (second.status, second.part, second.because) == (PassStatus.FAILED, "settings", first.because)
    assert first.counts
    assert not second.counts, "no order was read"


def test_a_secret_in_an_error_of_the_host_is_redacted(fleet: Fleet, store: MerchantStore, caplog):
    secret = "https://host/prints/1001_1.pdf?X-Amz-Signature=c0ffee"
    fleet.broken["acme"] = raising(ValueError(secret))
    result = scan_merchant("acme", fleet, store)
    assert "ValueError" in result.reason
    assert "c0ffee" not in json.dumps(result.to_dict())
    assert "c0ffee" not in caplog.text


def test_a_merchant_that_failed_is_probed_by_one_call_and_leaves_quarantine_with_a_success(
    fleet: Fleet, store: MerchantStore, clock: Clock
):
    scan_merchant("globex", fleet, store)
    calls = []

    class Counted(UnusableShop):
        def pending_orders(self):
            calls.append("pending_orders")
            return super().pending_orders()

    rules = PassRules(quarantine=evolve(PassRules().quarantine, shared_cause=1.0))
    fleet.broken["acme"] = lambda scanner: evolve(scanner, client=Counted([]))
    counts = []
    for hours in range(5):
        clock.now = NOON + hours * HOUR
        calls.clear()
        counts.append((scan_merchant("acme", fleet, store, rules=rules).status.value, len(calls)))
    assert counts == [("failed", 3), ("failed", 1), ("failed", 1), ("failed", 1), ("quarantined", 0)]
    assert scan_merchant("acme", fleet, store, rules=rules, orders=["1001"]).status is PassStatus.QUARANTINED
    assert ["acme"] not in batches(fleet, store, rules=rules, size=1, clock=clock)
    del fleet.broken["acme"]
    clock.now += HOUR
    assert ["acme"] in batches(fleet, store, rules=rules, size=1, clock=clock)
    assert scan_merchant("acme", fleet, store, rules=rules).status is PassStatus.DONE
    [state] = store.find(["acme"])
    assert (state.failures, state.is_quarantined) == (0, False)


@pytest.mark.parametrize(("errors", "status", "part"), [([], "done", None), (["away"] * 9, "failed", "ledger")])
def test_a_probe_waits_for_the_limit_that_scanners_share(
    fleet: Fleet, store: MerchantStore, clock: Clock, errors: list[str], status: str, part: str | None
):
    acquired = []

    class Limiter:
        def acquire(self, calls, **_options):
            acquired.append(calls)
            if errors:
                raise ra.errors.LedgerUnavailable(errors.pop())

    fleet.broken["acme"] = unusable_shop
    scan_merchant("acme", fleet, store)
    clock.now += HOUR
    fleet.broken["acme"] = lambda scanner: evolve(scanner, call_limiter=Limiter())
    result = scan_merchant("acme", fleet, store)
    assert (result.status, result.part) == (status, part)
    assert acquired[:2] == [1, 1]  # the probe, and the list of orders


@frozen
class PassTime(ThreadRuntime):
    """The time of a pass. It passes only when a test adds seconds."""

    passed: list[float] = field(factory=list)

    def monotonic(self) -> float:
        return sum(self.passed)


class SlowShop(FakeShop):
    """A shop whose list of orders takes an hour."""

    def __init__(self, orders: list[ra.Order], time: PassTime) -> None:
        super().__init__(orders)
        self.time = time

    def pending_orders(self) -> list[ra.Order]:
        self.time.passed.append(3600)
        return list(super().pending_orders())


def test_a_pass_ends_at_its_deadline(fleet: Fleet, store: MerchantStore):
    time = PassTime()
    fleet.shops["acme"] = SlowShop([order("1001")], time)
    result = scan_merchant("acme", fleet, store, runtime=time)
    assert (result.status, result.stopped_by) == (PassStatus.DONE, "deadline")
    assert fleet.shops["acme"].effects == {}
    assert scan_merchant("acme", fleet, store).status is PassStatus.NOT_DUE


def test_no_request_to_the_storage_is_sent_after_the_deadline(fleet: Fleet, store: MerchantStore):
    def after_a_request(scanner: ra.Scanner) -> ra.Scanner:
        next(iter(scanner.storage.pages()), None)
        return scanner

    time = PassTime()
    fleet.shops["acme"] = SlowShop([order("1001")], time)
    fleet.broken["acme"] = after_a_request
    result = scan_merchant("acme", fleet, store, deadline=timedelta(microseconds=1), runtime=time)
    assert (result.status, result.part, result.stopped_by) == (PassStatus.FAILED, "storage", "deadline")
    assert "the time for its files has passed" in result.reason
    assert "ask the operator to raise scan_merchant(deadline=…)" in result.reason
    assert fleet.shops["acme"].effects == {}


def test_a_merchant_that_takes_too_long_to_open_is_a_failed_pass(fleet: Fleet, store: MerchantStore):
    time = PassTime()

    def after_an_hour(scanner: ra.Scanner) -> ra.Scanner:
        time.passed.append(3600)
        return scanner

    fleet.broken["acme"] = after_an_hour
    result = scan_merchant("acme", fleet, store, runtime=time)
    assert (result.status, result.part, result.seconds) == (PassStatus.FAILED, "settings", 3600)
    assert "opening the merchant took 3600 seconds, the whole time of a pass" in result.reason
    assert (fleet.shops["acme"].effects, [state.failures for state in store.find()]) == ({}, [1])


def test_a_worker_that_is_to_end_stops_a_pass_which_another_worker_continues(fleet: Fleet, store: MerchantStore):
    stop = threading.Event()

    def stop_now(scanner: ra.Scanner) -> ra.Scanner:
        stop.set()
        return scanner

    fleet.broken["acme"] = stop_now
    result = scan_merchant("acme", fleet, store, stop=stop)
    assert (result.status, result.stopped_by) == (PassStatus.DONE, "stop")
    assert scan_merchant("globex", fleet, store, stop=stop).status is PassStatus.NOT_STARTED
    assert fleet.shops["acme"].effects == {}
    assert fleet.opened == ["acme"]
    del fleet.broken["acme"]
    scan_merchant("acme", fleet, store)  # by another worker, at once
    assert list(fleet.shops["acme"].effects.values()) == [1]


def test_an_interrupt_ends_the_pass_without_a_failure(fleet: Fleet, store: MerchantStore):
    fleet.broken["acme"] = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        scan_merchant("acme", fleet, store)
    [state] = store.find()
    assert (state.owner, state.failures, state.finished_at) == ("", 0, None)


def test_without_its_store_nothing_is_scanned(fleet: Fleet, tmp_path: Path):
    ledger = ra.SqlLedger(f"sqlite:///{tmp_path}/missing.db")
    store = SqlMerchantStore(ledger)
    tmp_path.joinpath("missing.db").mkdir()
    with pytest.raises((LedgerUnavailable, ra.ConfigurationError)):
        scan_merchant("acme", fleet, store)
    assert fleet.opened == []


def test_batches_contain_the_merchants_whose_slot_has_come_the_longest_overdue_first(clock: Clock):
    fleet = Fleet({f"m-{number}": FakeShop([]) for number in range(20)})
    store = MemoryMerchantStore(clock=clock)
    first = list(batches(fleet, store, size=8, clock=clock))
    assert [len(batch) for batch in first] == [8, 8, 4], "merchants that were never scanned are all due"
    due = [merchant for batch in first for merchant in batch]
    assert due == sorted(fleet.ids(), key=lambda merchant: last_slot(merchant, NOON))
    for merchant in due:
        assert scan_merchant(merchant, fleet, store).status is PassStatus.DONE
    assert list(batches(fleet, store, clock=clock)) == []
    scanned = []
    for _ in range(60):
        clock.now += timedelta(minutes=1)
        for merchant in [merchant for batch in batches(fleet, store, clock=clock) for merchant in batch]:
            assert clock.now - last_slot(merchant, clock.now) < timedelta(minutes=1)
            scanned.append(scan_merchant(merchant, fleet, store).merchant)
    assert sorted(scanned) == sorted(fleet.ids())


def test_merchants_are_due_again_after_a_clock_that_was_ahead(fleet: Fleet, store: MerchantStore, clock: Clock):
    clock.now += timedelta(days=365)
    scan_merchant("acme", fleet, store)
    clock.now = NOON
    assert ["acme"] in list(batches(fleet, store, size=1, clock=clock))
    assert scan_merchant("acme", fleet, store).status is PassStatus.DONE
    assert scan_merchant("acme", fleet, store).status is PassStatus.NOT_DUE


@pytest.mark.parametrize("size", [0, 1.5])
def test_batches_have_a_whole_number_of_merchants(fleet: Fleet, store: MerchantStore, size):
    with pytest.raises(ra.ConfigurationError, match="size must be a whole number from 1, not"):
        batches(fleet, store, size=size)


@pytest.mark.parametrize(("merchant", "kind"), [(7, "int"), (None, "NoneType")])
def test_an_id_that_is_not_text_is_a_wrong_setting(store: MerchantStore, merchant, kind: str):
    fleet, message = Fleet({merchant: FakeShop([])}), f"the id of a merchant must be text, not {kind}"
    with pytest.raises(ra.ConfigurationError, match=message):
        batches(fleet, store)
    with pytest.raises(ra.ConfigurationError, match=message):
        scan_merchant(merchant, fleet, store)
    assert store.find() == []


@pytest.mark.parametrize(
    ("deadline", "message"), [(timedelta(0), "must be above zero"), (300, "must be a timedelta, not int")]
)
def test_a_deadline_is_above_zero(fleet: Fleet, store: MerchantStore, deadline, message: str):
    with pytest.raises(ra.ConfigurationError, match=f"deadline {message}"):
        scan_merchant("acme", fleet, store, deadline=deadline)


@pytest.mark.parametrize(
    ("rules", "given", "message"),
    [
        (PassRules, {"every": timedelta(0)}, "PassRules.every must be above zero"),
        (PassRules, {"every": 60}, "PassRules.every must be a timedelta, not int"),
        (PassRules, {"quarantine": None}, "PassRules.quarantine must be a Quarantine, not NoneType"),
        (Quarantine, {"after_failures": 0}, "Quarantine.after_failures must be a whole number from 1, not 0"),
        (Quarantine, {"longest_wait": 2.5}, "Quarantine.longest_wait must be a whole number from 1, not 2.5"),
        (Quarantine, {"shared_cause": 25}, "Quarantine.shared_cause must be a number from 0 to 1, not 25"),
        (Quarantine, {"shared_cause": "1"}, "Quarantine.shared_cause must be a number from 0 to 1, not '1'"),
    ],
)
def test_wrong_rules_are_refused(rules, given, message: str):
    with pytest.raises(ra.ConfigurationError, match=message):
        rules(**given)

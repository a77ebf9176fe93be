"""Every store of the states of merchants keeps them alike: in memory, in SQLite, and in PostgreSQL."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

import remote_artwork as ra
from remote_artwork.core.reasons import reason
from remote_artwork.errors import LedgerError
from remote_artwork.fleet import (
    MemoryMerchantStore,
    MerchantStore,
    PassResult,
    PassRules,
    PassStatus,
    Quarantine,
    SqlMerchantStore,
)

RULES = PassRules()
LEASE = timedelta(minutes=10)
LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DONE = PassResult(
    merchant="acme",
    status=PassStatus.DONE,
    counts={"missing": 3},
    needs_person={"late": 2, "several_files": 1},
    oldest_pending=LONG_AGO,
    seconds=1.5,
)
FAILED = PassResult(
    merchant="acme",
    status=PassStatus.FAILED,
    because=reason("storage_failed", error="no route to \x00 the host"),
    part="storage",
)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], MerchantStore]]:
    """Creates stores on the same states, as several workers do."""
    if request.param == "memory":
        store = MemoryMerchantStore()
        yield lambda: store
        return
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    ledgers: list[ra.SqlLedger] = []

    def create() -> SqlMerchantStore:
        ledgers.append(ra.SqlLedger(url))
        return SqlMerchantStore(ledgers[-1])

    yield create
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def store(new_store: Callable[[], MerchantStore]) -> MerchantStore:
    return new_store()


def start(store: MerchantStore, owner: str = "me", *, lease: timedelta = LEASE, at_slot: bool = True, **given):
    return store.start("acme", owner=owner, lease_for=lease, at_slot=at_slot, **{"rules": RULES, **given})


def scan(store: MerchantStore, result: PassResult, rules: PassRules = RULES):
    _, refusal = start(store, rules=rules)
    assert refusal is None
    return store.finish("acme", result, owner="me", rules=rules)


def test_a_store_that_was_never_written_is_empty(store: MerchantStore):
    assert list(store.find()) == []
    assert store.finish("acme", DONE, owner="me", rules=RULES) is None


def test_another_worker_is_refused_until_the_pass_ends(new_store: Callable[[], MerchantStore]):
    mine, theirs = new_store(), new_store()
    assert start(mine)[1] is None
    assert start(theirs, "them")[1] is PassStatus.BUSY
    assert start(theirs, "them", at_slot=False)[1] is PassStatus.BUSY
    assert theirs.finish("acme", DONE, owner="them", rules=RULES) is None
    assert mine.finish("acme", DONE, owner="me", rules=RULES) is not None
    assert start(theirs, "them")[1] is PassStatus.NOT_DUE
    assert start(theirs, "them", at_slot=False)[1] is None


def test_a_result_is_kept(store: MerchantStore):
    scan(store, DONE)
    [state] = store.find(["acme", "globex"], with_results=True)
    assert (state.failures, state.needs_person, state.oldest_pending) == (0, 3, LONG_AGO)
    assert state.result == DONE.to_dict()
    assert state.started_at <= state.finished_at == state.succeeded_at
    [state] = store.find()
    assert state.result == {}
    assert list(store.find(["globex"])) == []


def test_a_pass_outside_of_the_slots_records_nothing(store: MerchantStore):
    assert start(store, at_slot=False)[1] is None
    state = store.finish("acme", None, owner="me", rules=RULES)
    assert (state.started_at, state.finished_at, state.owner) == (None, None, "")
    assert start(store)[1] is None


def test_three_failures_lead_to_quarantine_and_a_person_ends_it(store: MerchantStore):
    often = PassRules(every=timedelta(microseconds=1), quarantine=Quarantine(shared_cause=1.0))
    for _ in range(3):
        state = scan(store, FAILED, often)
    assert state.is_quarantined
    [state] = store.find()
    assert (state.failures, state.because, state.is_quarantined) == (3, FAILED.because, True)
    assert start(store, at_slot=False, rules=often)[1] is PassStatus.QUARANTINED
    assert store.release(["globex"]) == 0
    assert store.release(["acme"]) == 1
    [state] = store.find()
    assert (state.failures, state.because, state.is_quarantined) == (0, None, False)
    assert start(store)[1] is None, "a released merchant is due at once"
    assert store.release(None) == 0


def test_if_many_merchants_fail_nobody_gets_into_quarantine(store: MerchantStore):
    often = PassRules(every=timedelta(microseconds=1))
    for _ in range(4):
        state = scan(store, FAILED, often)
    assert (state.failures, state.is_quarantined) == (4, False)
    for number in range(4):
        store.start(f"healthy {number}", owner="me", lease_for=LEASE, rules=often)
    assert scan(store, FAILED, often).is_quarantined
    assert store.release(None) == 1


def test_a_lost_pass_counts_as_a_failure_and_is_repeated(new_store: Callable[[], MerchantStore]):
    store = new_store()
    assert start(store, "a worker that was killed", lease=timedelta(0))[1] is None
    state, refusal = start(new_store(), "them")
    assert refusal is None
    assert (state.failures, state.because.code, state.owner) == (1, "merchant_pass_lost", "them")
    assert store.finish("acme", DONE, owner="a worker that was killed", rules=RULES) is None


def test_a_merchant_that_has_left_is_forgotten(store: MerchantStore):
    often = PassRules(every=timedelta(microseconds=1))
    scan(store, FAILED, often)
    store.start("globex", owner="me", lease_for=LEASE, rules=often)
    assert store.forget(["acme", "initech"]) == 1
    assert [state.merchant for state in store.find()] == ["globex"]
    assert store.forget(["acme"]) == 0
    assert scan(store, FAILED, often).failures == 1


def test_of_many_workers_one_scans(new_store: Callable[[], MerchantStore]):
    stores = [new_store() for _ in range(4)]
    barrier = threading.Barrier(len(stores))

    def work(number: int) -> PassStatus | None:
        barrier.wait(60)
        return start(stores[number], f"worker {number}")[1]

    with ThreadPoolExecutor(len(stores)) as pool:
        refusals = list(pool.map(work, range(len(stores))))
    assert sorted(map(str, refusals)) == ["None", "busy", "busy", "busy"]


@pytest.mark.parametrize("column", ["reason", "result"])
def test_a_damaged_row_is_an_error_of_the_ledger(column: str, tmp_path: Path):
    with ra.SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        store = SqlMerchantStore(ledger)
        start(store)
        with ledger.database.engine.begin() as connection:
            connection.execute(text(f"UPDATE remote_artwork_merchant SET {column} = '[damaged'"))
        with pytest.raises(LedgerError, match="the row of the merchant 'acme' cannot be read"):
            store.find(with_results=True)

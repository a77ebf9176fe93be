"""How a fleet is doing: on the command line, as data, and as metrics for Prometheus."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

import remote_artwork as ra
from remote_artwork.cli.app import app
from remote_artwork.core.reasons import reason
from remote_artwork.fleet import (
    FleetStatus,
    MerchantState,
    PassResult,
    PassRules,
    PassStatus,
    Quarantine,
    SqlMerchantStore,
    last_slot,
    prometheus_metrics,
)

NOW = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
OFTEN = PassRules(every=timedelta(microseconds=1), quarantine=Quarantine(shared_cause=1.0))
DONE = PassResult(
    merchant="acme",
    status=PassStatus.DONE,
    counts={"missing": 1, "conflict": 2},
    needs_person={"several_files": 2},
    oldest_pending=datetime.now(UTC) - timedelta(days=2),
)
FAILED = PassResult(
    merchant="globex", status=PassStatus.FAILED, because=reason("storage_failed", error="no route"), part="storage"
)
ON_TIME = MerchantState(merchant="acme", started_at=NOW, finished_at=NOW, succeeded_at=NOW - timedelta(minutes=1))
STATES = [
    evolve(ON_TIME, needs_person=2, oldest_pending=NOW - timedelta(days=1)),
    evolve(ON_TIME, merchant='o"dd\n', started_at=NOW - 2 * HOUR, needs_person=1, oldest_pending=NOW - HOUR),
    evolve(ON_TIME, merchant="failing", failures=1),
    evolve(ON_TIME, merchant="quarantined", failures=4, quarantined_at=NOW, next_probe=NOW + HOUR, succeeded_at=None),
    evolve(ON_TIME, merchant="running", owner="a worker", owned_until=NOW + HOUR),
]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    logger = logging.getLogger("remote_artwork")
    before = logger.handlers[:], logger.level, logger.propagate
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ra.SqlLedger(url) as opened:
        store = SqlMerchantStore(opened)
        record(store, "acme", DONE)
        for _ in range(3):
            record(store, "globex corp", FAILED)
    yield url
    logger.handlers[:], logger.level, logger.propagate = before


def record(store: SqlMerchantStore, merchant: str, result: PassResult) -> None:
    store.start(merchant, owner="me", lease_for=HOUR, rules=OFTEN)
    store.finish(merchant, result, owner="me", rules=OFTEN)


def run(*arguments: str, code: int = 0) -> str:
    ended = CliRunner().invoke(app, ["fleet", *arguments])
    assert ended.exit_code == code, ended.output
    return ended.output


def test_the_status_of_a_fleet_names_the_merchants_that_fail(ledger: str):
    shown = run("status", "--ledger", ledger, code=1)
    assert shown.startswith("2 merchants: 0 being scanned, ")
    assert "need a person: 2 items of 1 merchant; the oldest order has waited 2 days" in shown
    assert "failing: 1, of these in quarantine: 1" in shown
    assert "globex corp  3" in shown
    assert "no route" in shown
    document = json.loads(run("status", "--ledger", ledger, "--json", code=1))
    assert (document["merchants"], document["items_needing_person"], document["quarantined"]) == (2, 2, 1)
    [failing] = document["failing_merchants"]
    assert (failing["merchant"], failing["failures"], failing["code"]) == ("globex corp", 3, "storage_failed")


def test_the_status_of_a_merchant(ledger: str):
    shown = run("status", "--ledger", ledger, "--merchant", "acme")
    assert shown.startswith("Merchant acme\n  last pass: ")
    assert "  items: 1 missing, 2 conflict\n  need a person: 2 several_files\n" in shown
    assert "quarantine" not in shown
    failing = run("status", "--ledger", ledger, "--merchant", "globex corp", code=1)
    assert "  failures in a row: 3\n" in failing
    assert "  why: no route\n" in failing
    assert "run remote-artwork fleet release 'globex corp' with --ledger, or wait for the next pass" in failing
    document = json.loads(run("status", "--ledger", ledger, "--merchant", "acme", "--json"))
    assert document["result"]["counts"] == {"missing": 1, "conflict": 2}
    assert document["next_pass"]


def test_a_merchant_that_is_being_scanned(ledger: str):
    with ra.SqlLedger(ledger) as opened:
        SqlMerchantStore(opened).start("acme", owner="me", lease_for=HOUR, rules=OFTEN)
    assert "next pass: running now" in run("status", "--ledger", ledger, "--merchant", "acme")


@pytest.mark.parametrize("chosen", ["globex corp", "--all"])
def test_a_person_releases_merchants(ledger: str, chosen: str):
    assert "1 merchant released." in run("release", chosen, "--ledger", ledger)
    shown = run("status", "--ledger", ledger)
    assert "failing: 0, of these in quarantine: 0" in shown
    assert "None of these merchants fails." in run("release", chosen, "--ledger", ledger)


def test_a_merchant_that_has_left_is_removed(ledger: str):
    assert "1 merchant removed." in run("forget", "globex corp", "--ledger", ledger)
    assert run("status", "--ledger", ledger).startswith("1 merchant: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status", "--merchant", "nobody"], "the merchant nobody was never scanned"),
        (["release", "nobody"], "the merchant nobody was never scanned"),
        (["forget", "nobody"], "the merchant nobody was never scanned"),
        (["release"], "write the ids of the merchants, or --all"),
        (["release", "acme", "--all"], "write the ids of the merchants, or --all"),
        (["status", "--every", "often"], "--every"),
    ],
)
def test_wrong_options_are_refused(ledger: str, arguments: list[str], message: str):
    assert message in run(*arguments, "--ledger", ledger, code=2)


def test_a_fleet_without_a_ledger_is_refused(tmp_path: Path):
    assert "there is no ledger" in run("status", "--ledger", f"sqlite:///{tmp_path}/none.db", code=2)


def test_the_status_counts_each_merchant_where_it_belongs():
    status = FleetStatus.of(STATES, NOW)
    waited = NOW - last_slot('o"dd\n', NOW)
    assert status == FleetStatus(
        merchants=5,
        running=1,
        due=1,
        longest_due=waited,
        failing=2,
        quarantined=1,
        needing_person=2,
        items_needing_person=3,
        oldest_pending=NOW - timedelta(days=1),
    )
    assert status.to_dict()["oldest_pending"] == "2026-11-28T12:30:00+00:00"
    assert status.to_dict()["longest_due"] == waited.total_seconds()


def test_an_empty_fleet_has_a_status():
    status = FleetStatus.of([], NOW)
    assert (status.merchants, status.longest_due, status.oldest_pending) == (0, None, None)
    assert values(prometheus_metrics([], NOW))["remote_artwork_fleet_merchants", ""] == 0


def values(text: str) -> dict[tuple[str, str], float]:
    """The value of each metric, as Prometheus reads it, by its name and its merchant."""
    return {
        (sample.name, sample.labels.get("merchant", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_reads_the_metrics_of_a_fleet():
    found = values(prometheus_metrics(STATES, NOW))
    assert {name.removeprefix("remote_artwork_fleet_"): value for (name, _), value in found.items()} == {
        "merchants": 5,
        "merchants_running": 1,
        "merchants_due": 1,
        "longest_due_seconds": (NOW - last_slot('o"dd\n', NOW)).total_seconds(),
        "merchants_failing": 2,
        "merchants_quarantined": 1,
        "merchants_needing_person": 2,
        "items_needing_person": 3,
        "oldest_pending_age_seconds": 86400,
    }


def test_prometheus_reads_the_metrics_of_named_merchants():
    found = values(prometheus_metrics(STATES, NOW, merchants=['o"dd\n', "quarantined"]))
    of_merchants = {key: value for key, value in found.items() if key[1]}
    assert {merchant for _, merchant in of_merchants} == {'o"dd\n', "quarantined"}
    assert of_merchants["remote_artwork_merchant_oldest_pending_age_seconds", 'o"dd\n'] == 3600
    assert of_merchants["remote_artwork_merchant_last_success_age_seconds", 'o"dd\n'] == 60
    assert of_merchants["remote_artwork_merchant_quarantined", "quarantined"] == 1
    assert of_merchants["remote_artwork_merchant_failures", "quarantined"] == 4
    assert ("remote_artwork_merchant_last_success_age_seconds", "quarantined") not in of_merchants


def test_a_time_of_a_clock_that_is_ahead_has_the_age_zero():
    state = MerchantState(merchant="ahead", succeeded_at=NOW + timedelta(minutes=1))
    found = values(prometheus_metrics([state], NOW, merchants=["ahead"]))
    assert found["remote_artwork_merchant_last_success_age_seconds", "ahead"] == 0


def test_metrics_need_their_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    with pytest.raises(ra.ConfigurationError, match=r"remote_artwork\[prometheus\]"):
        prometheus_metrics([], NOW)

"""What a ledger costs an order and a pass. Run with: pytest tests/benchmarks/test_ledger.py."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from remote_artwork.core.lifecycle import OrderKey
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing.ledger_words import FULFIL, HOUR, INTEND, SELECT, VERIFY, claim

TOMBSTONES = 200_000
PENDING = [f"id-{number}" for number in range(1000)]

MANY_TOMBSTONES = (
    "INSERT INTO remote_artwork_order (tenant, order_id, approval, order_number, state, reason, epoch, updated_at) "
    f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {TOMBSTONES - 1}) "
    "SELECT 'acme', 'id-' || i, '', i, 'fulfilled', '', 1, (julianday('now') - 2440587.5) * 86400 FROM n"
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    with SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        claim(ledger, OrderKey("acme", "first"))
        yield ledger


@pytest.fixture
def used_ledger(ledger: SqlLedger) -> SqlLedger:
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql(MANY_TOMBSTONES)
    return ledger


def test_one_order_from_claim_to_release(ledger: SqlLedger, benchmark):
    numbers = count()

    def one_order() -> None:
        lease = claim(ledger, OrderKey("acme", f"order-{next(numbers)}"))
        ledger.advance(lease, [SELECT, VERIFY])
        ledger.advance(lease, [INTEND])
        ledger.advance(lease, [FULFIL], release=True)

    benchmark(one_order)


def test_a_claim(ledger: SqlLedger, benchmark):
    numbers = count()
    benchmark(lambda: claim(ledger, OrderKey("acme", f"order-{next(numbers)}")))


def test_finding_a_thousand_pending_orders_among_many(used_ledger: SqlLedger, benchmark):
    assert len(benchmark(used_ledger.find, "acme", order_ids=PENDING)) == len(PENDING)


def test_finding_without_a_trace(used_ledger: SqlLedger, benchmark):
    with SqlLedger(used_ledger._url.render_as_string()) as reader:
        assert len(benchmark(reader.find, "acme", order_ids=PENDING)) == len(PENDING)


@pytest.mark.parametrize("kept", ["young", "old enough but named lately"])
def test_forgetting_nothing_among_many(used_ledger: SqlLedger, benchmark, kept: str):
    age = HOUR if kept == "young" else timedelta(0)
    dropped = benchmark(used_ledger.forget, "acme", still_pending=PENDING, min_age=age, silent_passes=10**9)
    assert dropped == 0

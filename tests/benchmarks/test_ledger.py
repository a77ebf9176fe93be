"""The ledger's cost per order and per scan. Run with: pytest tests/benchmarks/test_ledger.py."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from done_orders import remember_done
from remote_artwork.client import advance_one
from remote_artwork.core.lifecycle import ItemState, ItemStep, OrderKey
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing.ledger import FILES, FULFILLED, HOUR, INTEND, SELECT, VERIFY, claim

ATTACH = ItemStep(item_number="1", before=ItemState.VERIFIED, after=ItemState.ATTACH_INTENT, files=FILES)
ATTACHED = ItemStep(item_number="1", before=ItemState.ATTACH_INTENT, after=ItemState.ATTACHED, files=FILES)
TOMBSTONES = 100_000
PENDING = [str(number) for number in range(1000)]


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlLedger]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    with SqlLedger(url) as ledger:
        claim(ledger, OrderKey("acme", "first"), number="first")
        yield ledger


@pytest.fixture
def used_ledger(ledger: SqlLedger) -> SqlLedger:
    remember_done(ledger, TOMBSTONES, "acme")
    return ledger


def test_one_order_from_claim_to_release(ledger: SqlLedger, benchmark):
    numbers = count()

    def one_order() -> None:
        lease = claim(ledger, OrderKey("acme", f"order-{next(numbers)}"))
        for steps in ([SELECT], [VERIFY], [ATTACH], [ATTACHED], [INTEND], [FULFILLED]):
            advance_one(ledger, lease, steps)
        advance_one(ledger, lease, release=True)

    benchmark(one_order)


def test_a_claim(ledger: SqlLedger, benchmark):
    numbers = count()
    benchmark(lambda: claim(ledger, OrderKey("acme", f"order-{next(numbers)}")))


def test_finding_a_thousand_pending_orders_among_many(used_ledger: SqlLedger, benchmark):
    assert len(benchmark(lambda: list(used_ledger.find("acme", order_ids=PENDING)))) == len(PENDING)


def test_finding_a_hundred_thousand_done_orders_with_their_files(used_ledger: SqlLedger, benchmark):
    numbers = [str(number) for number in range(TOMBSTONES)]
    found = benchmark.pedantic(lambda: list(used_ledger.find("acme", order_numbers=numbers)), rounds=3)
    assert len(found) == TOMBSTONES


def test_finding_without_a_trace(used_ledger: SqlLedger, benchmark):
    with SqlLedger(used_ledger.database.url.render_as_string(hide_password=False)) as reader:
        assert len(benchmark(lambda: list(reader.find("acme", order_ids=PENDING)))) == len(PENDING)


@pytest.mark.parametrize("kept", ["young", "old enough but named lately"])
def test_forgetting_nothing_among_many(used_ledger: SqlLedger, benchmark, kept: str):
    age = HOUR if kept == "young" else timedelta(0)
    dropped = benchmark(used_ledger.forget, "acme", still_pending=PENDING, min_age=age, silent_scans=10**9)
    assert dropped == 0

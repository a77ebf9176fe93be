"""Runs the public contract of alert stores against each ledger."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from remote_artwork.alerts import AlertStore
from remote_artwork.ledgers import MemoryLedger, SqlLedger
from remote_artwork.testing import AlertStoreContract


class TestMemoryLedger(AlertStoreContract):
    @pytest.fixture
    def store(self) -> AlertStore:
        return MemoryLedger()


class TestSqliteLedger(AlertStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[AlertStore]:
        with SqlLedger(tmp_path / "ledger.db") as ledger:
            yield ledger

    @pytest.fixture
    def other_store(self, tmp_path: Path) -> Iterator[AlertStore]:
        with SqlLedger(tmp_path / "ledger.db") as ledger:
            yield ledger


@pytest.mark.server
class TestPostgresqlLedger(AlertStoreContract):
    @pytest.fixture
    def store(self, postgres_url: str) -> Iterator[AlertStore]:
        with SqlLedger(postgres_url) as ledger:
            yield ledger

    @pytest.fixture
    def other_store(self, postgres_url: str) -> Iterator[AlertStore]:
        with SqlLedger(postgres_url) as ledger:
            yield ledger


def test_a_claim_ends_by_the_clock_of_the_ledger():
    now = datetime(2026, 5, 4, tzinfo=UTC)
    ledger = MemoryLedger(clock=lambda: now)
    ledger.write_alerts(ledger.read_alerts("acme", "s3://in/"), "", claim_for=timedelta(minutes=2))
    assert ledger.read_alerts("acme", "s3://in/").is_claimed
    now += timedelta(minutes=2)
    assert not ledger.read_alerts("acme", "s3://in/").is_claimed

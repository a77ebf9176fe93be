"""Runs the public ledger contract against each built-in ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from remote_artwork.ledgers.memory import MemoryLedger
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing import LedgerContract


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def ledger(self) -> MemoryLedger:
        return MemoryLedger()


class TestSqliteLedger(LedgerContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'ledger.db'}"

    @pytest.fixture
    def ledger(self, url: str) -> Iterator[SqlLedger]:
        with SqlLedger(url) as ledger:
            yield ledger

    @pytest.fixture
    def other_ledger(self, url: str) -> Iterator[SqlLedger]:
        with SqlLedger(url) as ledger:
            yield ledger


@pytest.mark.server
class TestPostgresqlLedger(LedgerContract):
    @pytest.fixture
    def ledger(self, postgres_url: str) -> Iterator[SqlLedger]:
        with SqlLedger(postgres_url) as ledger:
            yield ledger

    @pytest.fixture
    def other_ledger(self, postgres_url: str) -> Iterator[SqlLedger]:
        with SqlLedger(postgres_url) as ledger:
            yield ledger

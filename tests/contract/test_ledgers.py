"""Runs the public ledger contract against each built-in ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event

from remote_artwork.ledgers.measured import MeasuredLedger
from remote_artwork.ledgers.memory import MemoryLedger
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing import LedgerContract


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def ledger(self) -> MemoryLedger:
        return MemoryLedger()


class TestMeasuredLedger(LedgerContract):
    @pytest.fixture
    def ledger(self) -> MeasuredLedger:
        return MeasuredLedger(MemoryLedger())


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


class TestSqliteEngineOfAHost(LedgerContract):
    """A host that starts transactions itself, and checks no foreign keys."""

    @pytest.fixture
    def engine(self, tmp_path: Path) -> Iterator[Engine]:
        engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}", connect_args={"timeout": 30})
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        yield engine
        engine.dispose()

    @pytest.fixture
    def ledger(self, engine: Engine) -> SqlLedger:
        return SqlLedger(engine=engine)

    @pytest.fixture
    def other_ledger(self, engine: Engine) -> SqlLedger:
        return SqlLedger(engine=engine)


@pytest.mark.server
class TestPostgresqlEngineOfAHost(LedgerContract):
    """A host whose connections commit each statement, and have another encoding."""

    @pytest.fixture
    def engine(self, postgres_url: str) -> Iterator[Engine]:
        url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
        engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"client_encoding": "latin1"})
        yield engine
        engine.dispose()

    @pytest.fixture
    def ledger(self, engine: Engine) -> SqlLedger:
        return SqlLedger(engine=engine)

    @pytest.fixture
    def other_ledger(self, engine: Engine) -> SqlLedger:
        return SqlLedger(engine=engine)

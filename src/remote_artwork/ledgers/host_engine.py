"""A host's own SQLAlchemy engine for a ledger: what is set for each transaction, and what is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from attrs import frozen
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from remote_artwork.errors import InvalidLedger
from remote_artwork.ledgers.engine import begin_postgresql, begin_sqlite, display_url

_SYNCHRONOUS_FULL = 2
_DURABLE_JOURNALS = frozenset({"wal", "delete", "truncate", "persist"})
_DRIVERS = frozenset({"sqlite+pysqlite", "postgresql+psycopg"})


@frozen(kw_only=True)
class HostEngine:
    """The connections of a host, for transactions of a ledger.

    Args:
        engine: Takes the connections from the host's pool.
        file: The SQLite file; None for PostgreSQL.
        start: Sets what a transaction needs. It is called after the listeners of the host's engine.
    """

    engine: Engine
    file: Path | None
    start: Callable[[Connection], None]


def adopt_engine(engine: Engine, *, timeout: timedelta) -> HostEngine:
    """Create an engine that uses the connections of a host's engine, with transactions of its own.

    The host's engine and its connections stay as they are: what is set ends with each transaction.

    Raises:
        InvalidLedger: The engine is none that a ledger can use, or its SQLite connections do not write durably.
    """
    if not isinstance(engine, Engine):
        raise InvalidLedger(
            f"the engine of a ledger must be a SQLAlchemy Engine, not {type(engine).__name__}; "
            "create it with sqlalchemy.create_engine"
        )
    name = display_url(engine.url)
    driver = f"{engine.dialect.name}+{engine.dialect.driver}"
    if driver not in _DRIVERS or engine.dialect.is_async:
        raise InvalidLedger(
            f"the engine {name} uses {'async calls' if engine.dialect.is_async else driver}, which a ledger does not "
            "support; create a plain engine with sqlite:/// or postgresql+psycopg://"
        )
    if isinstance(engine.pool, StaticPool | SingletonThreadPool):
        raise InvalidLedger(
            f"the engine {name} uses one connection for several users ({type(engine.pool).__name__}), so the ledger "
            "would join their transactions; create the engine with a file and with the default pool"
        )
    if engine.dialect.name == "sqlite":
        own = engine.execution_options(schema_translate_map=None)
        return HostEngine(engine=own, file=_sqlite_file(engine, name), start=partial(_start_sqlite, name=name))
    own = engine.execution_options(isolation_level="READ COMMITTED", schema_translate_map=None, stream_results=False)
    start = partial(begin_postgresql, seconds=timeout.total_seconds(), encoding="UTF8")
    return HostEngine(engine=own, file=None, start=start)


def _sqlite_file(engine: Engine, name: str) -> Path:
    """The file of the engine's connections.

    Raises:
        InvalidLedger: They use no file, or do not write durably.
    """
    try:
        with engine.connect() as connection:
            driver = _driver_connection(connection)
            [file] = [file for _, schema, file in driver.execute("PRAGMA database_list") if schema == "main"]
            if not file:
                raise InvalidLedger(f"the engine {name} uses a database in memory, which is lost; use a file")
            _refuse_volatile(driver, name)
    except SQLAlchemyError as error:
        raise InvalidLedger(f"the engine {name} cannot connect: {error}") from error
    return Path(file)


def _driver_connection(connection: Connection) -> sqlite3.Connection:
    driver: sqlite3.Connection | None = connection.connection.driver_connection
    if driver is None:
        raise TypeError("the connection is closed")
    return driver


def _refuse_volatile(driver: sqlite3.Connection, name: str) -> None:
    """Refuse a connection whose commits may be lost when the machine crashes."""
    [synchronous] = driver.execute("PRAGMA synchronous").fetchone()
    if synchronous < _SYNCHRONOUS_FULL:
        raise InvalidLedger(
            f"the connections of the engine {name} do not write durably, so an order could be sent twice; "
            "set PRAGMA synchronous=FULL on each of them"
        )
    [journal] = driver.execute("PRAGMA journal_mode").fetchone()
    if journal not in _DURABLE_JOURNALS:
        raise InvalidLedger(
            f"the connections of the engine {name} use the journal mode {journal}, so a crash could damage the ledger; "
            "set PRAGMA journal_mode=WAL"
        )


def _start_sqlite(connection: Connection, *, name: str) -> None:
    """Start the ledger's transaction, instead of one that a listener of the host may have started."""
    driver = _driver_connection(connection)
    if driver.in_transaction:
        driver.execute("ROLLBACK")
    _refuse_volatile(driver, name)
    begin_sqlite(connection)

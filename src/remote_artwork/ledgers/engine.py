"""Connections to a ledger's database: its URL, its dialect, its transactions, and the migrations of its tables."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Collection
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Double, Table, Text, bindparam, event, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from remote_artwork.errors import InvalidLedger, LedgerError, MissingExtra
from remote_artwork.ledgers.schema import REVISIONS, VERSION_TABLE, versions
from remote_artwork.ledgers.snapshot import refuse_emptied


class DatabaseNow(FunctionElement[float]):
    """The database's own clock: seconds since 1970, with fractions. Stands still within one statement."""

    type: TypeEngine[float] = Double()
    inherit_cache: bool | None = True


@compiles(DatabaseNow, "sqlite")
def _sqlite_now(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DatabaseNow, "postgresql")
def _postgresql_now(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    # Not now(): that is the start of the transaction, however long it has waited for a lock since.
    return "CAST(extract(epoch FROM statement_timestamp()) AS double precision)"


class _EachText(FunctionElement[str]):
    name = "each_text"
    inherit_cache = True


@compiles(_EachText, "sqlite")
def _sqlite_each(element: _EachText, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_EachText, "postgresql")
def _postgresql_each(element: _EachText, compiler: SQLCompiler, **options: Any) -> str:
    return f"jsonb_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS jsonb))"


def among(column: ColumnElement[str], texts: Collection[str]) -> ColumnElement[bool]:
    """Whether the column holds one of the texts. They travel as one parameter, however many they are."""
    parameter = bindparam(None, json.dumps(list(texts), ensure_ascii=False), type_=Text(), unique=True)
    return column.in_(select(_EachText(parameter).table_valued("value").c.value))


def insert_if_missing(connection: Connection, table: Table, **values: Any) -> bool:
    """Inserts a row unless its primary key is there already.

    Returns:
        Whether it was inserted.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**values).on_conflict_do_nothing()
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


READS: dict[str, Any] = {"remote_artwork_reads": True, "postgresql_readonly": True}
"""Execution options of a transaction that only reads: it waits for no writer."""

Identity = tuple[int, int, int]

_EXAMPLES = "write sqlite:///ledger.db or postgresql://user@host/database"
_POSTGRESQL = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_CARRIED_OVER: list[object] = []


def parse_ledger_url(text: str) -> URL:
    """The URL of a SQLite file (made absolute) or a PostgreSQL database.

    Raises:
        InvalidLedger: It is something else; a text that may hold a password is not repeated.
        MissingExtra: It needs a driver that is not installed.
    """
    if "://" not in text:
        raise InvalidLedger(f"{text!r} is not a ledger URL; for a file write sqlite:///{text or 'ledger.db'}")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise InvalidLedger(f"the ledger URL cannot be understood; {_EXAMPLES}") from None
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise InvalidLedger(
                "a SQLite ledger needs a plain file, as in sqlite:///ledger.db; for tests: MemoryLedger"
            )
        return url.set(drivername="sqlite", database=str(Path(url.database).absolute()))
    if url.drivername in _POSTGRESQL:
        if find_spec("psycopg") is None:
            raise MissingExtra("a PostgreSQL ledger needs psycopg: pip install 'remote_artwork[postgres]'")
        return url.set(drivername="postgresql+psycopg")
    raise InvalidLedger(f"a ledger cannot live in {url.drivername!r}; {_EXAMPLES}")


def shown(url: URL) -> str:
    """The URL without its password and options, for messages."""
    return url.set(query={}).render_as_string(hide_password=True)


def open_engine(url: URL, *, timeout: timedelta) -> Engine:
    """An engine for a parsed URL; connects nowhere yet.

    Args:
        url: From ``parse_ledger_url``.
        timeout: How long to wait for a connection, a lock or a statement.
    """
    seconds = timeout.total_seconds()
    common: dict[str, Any] = {"hide_parameters": True, "pool_timeout": seconds}
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "")
        engine = create_engine(url, connect_args={"timeout": seconds, "isolation_level": None}, **common)
        event.listen(engine, "connect", partial(_set_up_sqlite, file=file, seconds=seconds))
        event.listen(engine, "begin", _begin_sqlite)
    else:
        file = None
        arguments = {} if "connect_timeout" in url.query else {"connect_timeout": max(2, round(seconds))}
        engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, **common)
        event.listen(engine, "begin", partial(_begin_postgresql, seconds=seconds))
    event.listen(engine, "connect", partial(_remember_where, file=file))
    event.listen(engine, "checkout", partial(_refuse_elsewhere, file=file))
    return engine


def identity(file: Path | None) -> Identity | None:
    """Which process this is and which file the name leads to; None when there is no such file.

    Args:
        file: None for a server.
    """
    if file is None:
        return os.getpid(), 0, 0
    try:
        found = file.stat()
    except OSError:
        return None
    return os.getpid(), found.st_dev, found.st_ino


def _remember_where(_connection: Any, entry: ConnectionPoolEntry, *, file: Path | None) -> None:
    entry.info["identity"] = identity(file)


def _refuse_elsewhere(connection: Any, entry: Any, proxy: Any, *, file: Path | None) -> None:
    """Refuses a connection from before a fork, or to a file that was since replaced or deleted."""
    made_in, here = entry.info["identity"], identity(file)
    if made_in == here:
        return
    if made_in and made_in[0] != os.getpid():
        # Closing what the parent process still uses could damage it, so it is never closed here.
        _CARRIED_OVER.append(connection)
        entry.dbapi_connection = proxy.dbapi_connection = None
    raise DisconnectionError("the connection belongs to another process or to a file that was replaced")


def _set_up_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry, *, file: Path, seconds: float) -> None:
    try:
        refuse_emptied(file)
    except LedgerError:
        connection.close()
        raise
    # SQLite itself does not wait while another process switches to the write-ahead log at the same time.
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("remote_artwork_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: Connection, *, seconds: float) -> None:
    # What was committed must outlast a crash of the server, also where somebody has set commits to be faster than that.
    connection.exec_driver_sql(
        f"SELECT set_config('statement_timeout', '{round(seconds * 1000)}', true), "
        "set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), true)"
    )


SCRIPTS = Path(__file__).parent / "migrations"

_ONE_AT_A_TIME = threading.Lock()
_ADVISORY_LOCK = 0x72656D6F7465


def revision_of(connection: Connection, place: str) -> str | None:
    """The revision of the ledger's tables; None where there are none. Only reads.

    Raises:
        InvalidLedger: They were made by a newer release.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.scalar(select(versions.c.version_num))
    if found is not None and found not in REVISIONS:
        raise InvalidLedger(f"{place} was made by a newer release of remote_artwork (schema {found}); update this one")
    return found


def migrate(connection: Connection, place: str, *, to: str = REVISIONS[-1]) -> None:
    """Brings the tables to a revision, all in the connection's transaction, which must be one that writes.

    Safe to call from several processes at once: the transaction is SQLite's write lock, and PostgreSQL is asked for
    a lock of its own.

    Raises:
        InvalidLedger: They were made by a newer release.
    """
    # Alembic keeps its environment in module globals, and is needed by the first scan only.
    with _ONE_AT_A_TIME:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
        if revision_of(connection, place) == to:
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, to)

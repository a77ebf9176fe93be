"""The database behind ``SqlLedger``: parsing its URL, opening connections, SQL that differs by dialect, migrations."""

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
from sqlalchemy.pool import ConnectionPoolEntry, NullPool
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from remote_artwork.errors import InvalidLedger, LedgerError, MissingExtra
from remote_artwork.ledgers.schema import REVISIONS, VERSION_TABLE, versions
from remote_artwork.ledgers.snapshot import check_not_truncated

READS: dict[str, Any] = {"remote_artwork_reads": True, "postgresql_readonly": True}
"""Execution options of a read-only transaction. It does not wait for writers."""

MIGRATIONS = Path(__file__).parent / "migrations"

FileIdentity = tuple[int, int, int]
"""(process id, device, inode). For a server: (process id, 0, 0)."""

_URL_EXAMPLES = "write sqlite:///ledger.db or postgresql://user@host/database"
_POSTGRESQL = frozenset({"postgres", "postgresql", "postgresql+psycopg"})

# Connections that a fork copied from the parent process. They are kept here, because closing one could damage it.
_INHERITED: list[object] = []

# Alembic keeps its environment in module globals, so one thread at a time may use it.
_ALEMBIC_LOCK = threading.Lock()
_ADVISORY_LOCK = 0x72656D6F7465


# --- URL ---


def parse_ledger_url(url_text: str) -> URL:
    """Parses the URL of a SQLite file or of a PostgreSQL database. A relative file path becomes absolute.

    Raises:
        InvalidLedger: The URL is something else. The message never repeats a text that may contain a password.
        MissingExtra: The URL needs a driver that is not installed.
    """
    if "://" not in url_text:
        raise InvalidLedger(f"{url_text!r} is not a ledger URL; for a file write sqlite:///{url_text or 'ledger.db'}")
    try:
        url = make_url(url_text)
    except (ArgumentError, ValueError):
        raise InvalidLedger(f"the ledger URL cannot be parsed; {_URL_EXAMPLES}") from None
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise InvalidLedger(
                "a SQLite ledger needs a plain file; write sqlite:///ledger.db, or use MemoryLedger in tests"
            )
        return url.set(drivername="sqlite", database=str(Path(url.database).absolute()))
    if url.drivername in _POSTGRESQL:
        if find_spec("psycopg") is None:
            raise MissingExtra(
                "a PostgreSQL ledger needs the package psycopg; install it: pip install 'remote_artwork[postgres]'"
            )
        return url.set(drivername="postgresql+psycopg")
    raise InvalidLedger(f"the database {url.drivername!r} is not supported for a ledger; {_URL_EXAMPLES}")


def display_url(url: URL) -> str:
    """The URL for messages: without its password and options."""
    return url.set(query={}).render_as_string(hide_password=True)


# --- Connections ---


def open_engine(url: URL, *, timeout: timedelta) -> Engine:
    """Creates an engine. It does not connect yet.

    Args:
        url: From ``parse_ledger_url``.
        timeout: The longest wait for a connection, a lock or a statement.
    """
    seconds = timeout.total_seconds()
    common: dict[str, Any] = {"hide_parameters": True, "pool_timeout": seconds}
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "")
        engine = create_engine(url, connect_args={"timeout": seconds, "isolation_level": None}, **common)
        event.listen(engine, "connect", partial(_configure_sqlite, file=file, seconds=seconds))
        event.listen(engine, "begin", _begin_sqlite)
    else:
        file = None
        arguments = {} if "connect_timeout" in url.query else {"connect_timeout": max(2, round(seconds))}
        engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, **common)
        event.listen(engine, "begin", partial(_begin_postgresql, seconds=seconds))
    event.listen(engine, "connect", partial(_record_identity, file=file))
    event.listen(engine, "checkout", partial(_check_identity, file=file))
    return engine


def open_immutable(file: Path) -> Engine:
    """Creates an engine for a SQLite file that does not change while it is read.

    SQLite takes no locks and creates no ``-wal`` or ``-shm`` file. The caller must detect changes of the file.
    """
    uri = f"{file.as_uri()}?mode=ro&immutable=1"
    connect = partial(sqlite3.connect, uri, uri=True, isolation_level=None)
    return create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)


def file_identity(file: Path | None) -> FileIdentity | None:
    """Identifies this process and the file at this path. None if the file does not exist.

    Args:
        file: The SQLite file; None for a database server.
    """
    if file is None:
        return os.getpid(), 0, 0
    try:
        status = file.stat()
    except OSError:
        return None
    return os.getpid(), status.st_dev, status.st_ino


def _record_identity(_connection: Any, entry: ConnectionPoolEntry, *, file: Path | None) -> None:
    entry.info["identity"] = file_identity(file)


def _check_identity(connection: Any, entry: Any, proxy: Any, *, file: Path | None) -> None:
    """Refuses a connection that was opened before a fork, or to a file that was later replaced or deleted."""
    opened, current = entry.info["identity"], file_identity(file)
    if opened == current:
        return
    if opened and opened[0] != os.getpid():
        _INHERITED.append(connection)
        entry.dbapi_connection = proxy.dbapi_connection = None
    raise DisconnectionError("the connection belongs to another process, or its file was replaced")


def _configure_sqlite(
    connection: sqlite3.Connection, _entry: ConnectionPoolEntry, *, file: Path, seconds: float
) -> None:
    try:
        check_not_truncated(file)
    except LedgerError:
        connection.close()
        raise
    # While another process switches the file to the write-ahead log, SQLite fails at once instead of waiting.
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
    # A commit must survive a crash of the server, even if the server or the role turns synchronous_commit off.
    connection.exec_driver_sql(
        f"SELECT set_config('statement_timeout', '{round(seconds * 1000)}', true), "
        "set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), true)"
    )


# --- SQL that differs by dialect ---


class DatabaseNow(FunctionElement[float]):
    """The database's clock: seconds since 1970, with fractions. It has one value within one statement."""

    type: TypeEngine[float] = Double()
    inherit_cache: bool | None = True


@compiles(DatabaseNow, "sqlite")
def _sqlite_now(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DatabaseNow, "postgresql")
def _postgresql_now(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    # now() would be the start of the transaction, which may have waited for a lock since.
    return "CAST(extract(epoch FROM statement_timestamp()) AS double precision)"


class _JsonTexts(FunctionElement[str]):
    name = "each_text"
    inherit_cache = True


@compiles(_JsonTexts, "sqlite")
def _sqlite_json_texts(element: _JsonTexts, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_JsonTexts, "postgresql")
def _postgresql_json_texts(element: _JsonTexts, compiler: SQLCompiler, **options: Any) -> str:
    return f"jsonb_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS jsonb))"


def is_one_of(column: ColumnElement[str], texts: Collection[str]) -> ColumnElement[bool]:
    """Whether the column equals one of the texts. All texts are sent as one parameter, so their number is unlimited."""
    parameter = bindparam(None, json.dumps(list(texts), ensure_ascii=False), type_=Text(), unique=True)
    return column.in_(select(_JsonTexts(parameter).table_valued("value").c.value))


def insert_if_missing(connection: Connection, table: Table, **values: Any) -> bool:
    """Inserts a row unless its primary key already exists.

    Returns:
        Whether the row was inserted.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**values).on_conflict_do_nothing()
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


# --- Migrations ---


def read_revision(connection: Connection, url: str) -> str | None:
    """Reads the schema revision of the ledger's tables. None if there are no tables.

    Args:
        connection: An open connection.
        url: The ledger's URL, for messages.

    Raises:
        InvalidLedger: A newer release created the tables.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision = connection.scalar(select(versions.c.version_num))
    if revision is not None and revision not in REVISIONS:
        raise InvalidLedger(
            f"{url} was made by a newer release of remote_artwork (schema {revision}); update remote_artwork here"
        )
    return revision


def migrate(connection: Connection, url: str, *, to: str = REVISIONS[-1]) -> None:
    """Migrates the tables to a revision, in the current transaction of the connection.

    Several processes may call this at the same time. On SQLite the write transaction is the lock; on PostgreSQL
    this function takes an advisory lock.

    Args:
        connection: A connection in a transaction that may write.
        url: The ledger's URL, for messages.
        to: The target revision.

    Raises:
        InvalidLedger: A newer release created the tables.
    """
    with _ALEMBIC_LOCK:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
        if read_revision(connection, url) == to:
            return
        # Imported here because only the first write to a new ledger needs it.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, to)

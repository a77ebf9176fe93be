"""From a ledger's URL to an SQLAlchemy engine that writes durably and one at a time."""

from __future__ import annotations

import os
import sqlite3
import time
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from remote_artwork.errors import InvalidLedger, LedgerError, MissingExtra
from remote_artwork.ledgers.snapshot import refuse_emptied

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

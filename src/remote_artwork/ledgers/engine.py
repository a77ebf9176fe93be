"""SQLite and PostgreSQL for a ledger: the URL, the connections, and the SQL in which the two differ."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Collection
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sqlalchemy import ColumnElement, Double, Table, Text, bindparam, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from remote_artwork.core.lifecycle import replace_unstorable
from remote_artwork.errors import InvalidLedger, LedgerError, MissingExtra
from remote_artwork.ledgers.sqlite_file import SqliteFile
from remote_artwork.locks import ProcessLock

_EXAMPLES = "write sqlite:///ledger.db or postgresql://user@host/database"
_STARTS_LIKE_URL = re.compile(r"[a-z][a-z0-9+]+:/", re.IGNORECASE)
_FILE_NAME = re.compile(r"[\w./-]+\.(?:db|sqlite3?)")
_POSTGRESQL = frozenset({"postgres", "postgresql", "postgresql+psycopg"})


class LedgerUrl(URL):
    """A URL that never shows its password and options, which may contain secrets, too."""

    def __repr__(self) -> str:
        return display_url(self)

    __str__ = __repr__


def parse_ledger_url(address: str | Path) -> URL:
    """Parse the URL of a SQLite file or a PostgreSQL database. The path of a file becomes absolute.

    Raises:
        InvalidLedger: The URL is not one of these. The message does not repeat a text that may contain a password.
        MissingExtra: The URL needs a driver that is not installed.
    """
    if isinstance(address, Path):
        return _sqlite_url(address)
    if not isinstance(address, str):
        raise InvalidLedger(f"give the ledger as text or as a Path, not as {type(address).__name__}; {_EXAMPLES}")
    if "://" not in address:
        file = address if _FILE_NAME.fullmatch(address) else "ledger.db"
        raise InvalidLedger(f"the ledger needs a URL; for a file write sqlite:///{file}")
    scheme, _, rest = address.partition("://")
    if scheme in ("sqlite", "sqlite+pysqlite"):
        return _sqlite_url(_sqlite_path(rest))
    url = _parse(address)
    if url is None:
        raise InvalidLedger(f"the ledger URL cannot be parsed; {_EXAMPLES}")
    if url.drivername in _POSTGRESQL:
        if _splits_password(address, url):
            raise InvalidLedger("the password in the ledger URL contains an '@', which ends a password; write %40")
        if not url.database:
            raise InvalidLedger(
                "the ledger URL names no database, so each user would have another ledger; "
                "write postgresql://user@host/database"
            )
        if find_spec("psycopg") is None:
            raise MissingExtra(
                "a PostgreSQL ledger needs the package psycopg; install it: pip install 'remote_artwork[postgres]'"
            )
        return LedgerUrl._make(_with_password_in_its_place(url.set(drivername="postgresql+psycopg")))
    raise InvalidLedger(f"the database {url.drivername!r} is not supported for a ledger; {_EXAMPLES}")


def _splits_password(address: str, url: URL) -> bool:
    """Whether another part of the URL begins with the rest of a password that contains an ``@``."""
    options = "" if "?" in (url.password or "") else address.partition("?")[2]
    names = [option.partition("=")[0] for option in options.split("&")]
    return any("@" in part for part in (url.host or "", url.database or "", *names))


def _with_password_in_its_place(url: URL) -> URL:
    """The URL with the password from its options moved in front of the host, because only there it is hidden."""
    password = url.query.get("password")
    if not isinstance(password, str):
        return url
    return url.set(password=password).difference_update_query(["password"])


def _sqlite_url(path: Path) -> URL:
    if _STARTS_LIKE_URL.match(str(path)):
        raise InvalidLedger(f"the ledger is another URL instead of a file; give that URL as text; {_EXAMPLES}")
    file = str(path.absolute())
    try:
        file.encode()
    except UnicodeEncodeError:
        raise InvalidLedger("the path of the ledger is not valid UTF-8; rename its file or folder") from None
    return URL.create("sqlite", database=file)


def _sqlite_path(rest: str) -> Path:
    """The path of a SQLite URL, given without its scheme. Not every release of SQLAlchemy decodes it.

    Raises:
        InvalidLedger: It is no plain file.
    """
    file = rest[1:] if rest.startswith("/") else ""
    if not file or file == ":memory:" or file.startswith("file:"):
        raise InvalidLedger(
            "a SQLite ledger needs a plain file; write sqlite:///ledger.db, or use MemoryLedger in tests"
        )
    if "?" in file:
        raise InvalidLedger(
            "the URL of a SQLite ledger has no options, but this one contains a '?'; remove it, or write %3F if it "
            "belongs to the name of the file"
        )
    return Path(unquote(file))


def _parse(text: str) -> URL | None:
    """The parsed URL; None if it is malformed. The error is dropped, because its traceback contains the text."""
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        return None


def display_url(url: URL) -> str:
    """The URL without its password and options, for messages."""
    return url.set(query={}).render_as_string(hide_password=True)


READS: dict[str, Any] = {"remote_artwork_reads": True, "postgresql_readonly": True}
"""Execution options of a transaction that only reads. It does not wait for a writer."""

OPENING = ProcessLock()
"""Held while this process opens a connection to a SQLite ledger, and while it reads one without a trace. Connections of
one process share the index of the log. If a connection opens while the index is open for reading only, it cannot
write."""

_INHERITED: list[object] = []


def open_engine(url: URL, *, timeout: timedelta) -> Engine:
    """Create the engine of a parsed URL. It does not connect yet.

    Args:
        url: From ``parse_ledger_url``.
        timeout: How long to wait for a connection, a lock or a statement.
    """
    seconds = timeout.total_seconds()
    common: dict[str, Any] = {"hide_parameters": True, "pool_timeout": seconds, "pool_size": 4, "max_overflow": 0}
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "")
        engine = create_engine(url, connect_args={"timeout": seconds, "isolation_level": None}, **common)
        event.listen(engine, "connect", partial(_set_up_sqlite, file=SqliteFile(file), seconds=seconds))
        event.listen(engine, "begin", begin_sqlite)
    else:
        file = None
        arguments: dict[str, Any] = {"client_encoding": "utf8"}
        if "connect_timeout" not in url.query:
            arguments["connect_timeout"] = max(2, round(seconds))
        # Some servers or roles have a stricter level by default. With it, writes fail that could wait.
        engine = create_engine(
            url, connect_args=arguments, isolation_level="READ COMMITTED", pool_pre_ping=True, **common
        )
        event.listen(engine, "begin", partial(begin_postgresql, seconds=seconds))
    event.listen(engine, "connect", partial(_record_identity, file=file))
    event.listen(engine, "checkout", partial(_check_identity, file=file))
    return engine


FileIdentity = tuple[int, int, int]
"""A process, and the device and inode of a file."""


def file_identity(file: Path | None) -> FileIdentity | None:
    """This process and the file that the path leads to; None if there is no such file.

    Args:
        file: None for a database server.
    """
    if file is None:
        return os.getpid(), 0, 0
    try:
        found = file.stat()
    except OSError:
        return None
    return os.getpid(), found.st_dev, found.st_ino


def _record_identity(_connection: Any, entry: ConnectionPoolEntry, *, file: Path | None) -> None:
    entry.info["identity"] = file_identity(file)


def _check_identity(connection: Any, entry: Any, proxy: Any, *, file: Path | None) -> None:
    """Refuse a connection that was opened before a fork, or to a file that was replaced or deleted since."""
    opened_for, now = entry.info["identity"], file_identity(file)
    if opened_for == now:
        return
    if opened_for and opened_for[0] != os.getpid():
        # The parent process still uses the connection. Closing it here could damage it, so it is never closed.
        _INHERITED.append(connection)
        entry.dbapi_connection = proxy.dbapi_connection = None
    raise DisconnectionError("the connection belongs to another process, or its file was replaced")


def _set_up_sqlite(
    connection: sqlite3.Connection, _entry: ConnectionPoolEntry, *, file: SqliteFile, seconds: float
) -> None:
    try:
        file.refuse_truncated()
    except LedgerError:
        connection.close()
        raise
    # SQLite reports "busy" at once while another process switches to the write-ahead log. So this loop waits.
    deadline = time.monotonic() + seconds
    while True:
        try:
            with OPENING:
                connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def begin_sqlite(connection: Connection) -> None:
    """Start a transaction. One that writes takes the write lock at once, so it cannot fail later."""
    reads = connection.get_execution_options().get("remote_artwork_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def begin_postgresql(connection: Connection, *, seconds: float, encoding: str = "") -> None:
    """Set what a transaction needs, until its end.

    Args:
        connection: The connection of the transaction.
        seconds: How long to wait for a statement.
        encoding: The encoding of the client, if the connection may have another one.
    """
    settings = f"SELECT set_config('statement_timeout', '{round(seconds * 1000)}', true)"
    if encoding:
        settings += f", set_config('client_encoding', '{encoding}', true)"
    if not connection.get_execution_options().get("remote_artwork_reads", False):
        # A commit must survive a crash of the server, even if synchronous_commit is off for this role.
        settings += (
            ", set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), true)"
        )
    connection.exec_driver_sql(settings)


class DatabaseNow(FunctionElement[float]):
    """The time by the database's clock, in seconds since 1970. It does not change within one statement."""

    type: TypeEngine[float] = Double()
    inherit_cache: bool | None = True


@compiles(DatabaseNow, "sqlite")
def _sqlite_now(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DatabaseNow, "postgresql")
def _postgresql_now(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    # now() is the start of the transaction, which may have waited for a lock since.
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


def is_one_of(column: ColumnElement[str], texts: Collection[str]) -> ColumnElement[bool]:
    """The condition that a column contains one of the texts. They are one parameter, so there may be many.

    A text that no database can store, such as a file name that is not valid Unicode, is in no column.
    """
    storable = [text for text in texts if text == replace_unstorable(text)]
    parameter = bindparam(None, json.dumps(storable, ensure_ascii=False), type_=Text(), unique=True)
    return column.in_(select(_EachText(parameter).table_valued("value").c.value))


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT statement that can have an ON CONFLICT clause."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)

"""Reads a SQLite ledger without a trace: no byte of its files changes, and no file appears beside it.

SQLite offers two ways of its own. With a rollback journal, a read-only connection only sets locks. With a write-ahead
log, a read-only connection uses the log and its index if both exist, and the main file alone ("immutable") if there is
no log. In the other cases SQLite would have to write: it would roll back a transaction that was cut off, or create the
index of a log. Then the files are copied, and the copy is read.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from remote_artwork.errors import InvalidLedger, LedgerUnavailable
from remote_artwork.ledgers.engine import OPENING, READS, begin_sqlite, display_url, open_engine
from remote_artwork.ledgers.errors import folder_missing
from remote_artwork.ledgers.schema import SchemaState, migrate, schema_state
from remote_artwork.ledgers.sqlite_file import FileState, SqliteFile
from remote_artwork.locks import ProcessLock

T = TypeVar("T")

_CLOCK_TICK = timedelta(milliseconds=20)
_PAUSE = 0.02

_NEEDS_TO_WRITE = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})


def _now() -> datetime:
    return datetime.now(UTC)


class _FilesChanged(Exception):
    """A process wrote to the files during the read, so its result may be wrong."""


class _OlderSchema(Exception):
    """The tables were made by an older release."""


class ReadOnlyFile:
    """A SQLite ledger that this process only reads.

    Args:
        url: The URL of the file.
        timeout: How long to wait for a lock, and for files that are being written.
        clock: Returns the time, with a time zone.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        url: URL,
        *,
        timeout: timedelta,
        clock: Callable[[], datetime] = _now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url
        self._file = SqliteFile(Path(url.database or ""))
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self._copying = ProcessLock()
        self._copy: tuple[FileState, SqliteFile, weakref.finalize[..., ReadOnlyFile]] | None = None

    def read(self, query: Callable[[Connection], T], *, empty: T) -> T:
        """Run a query on the ledger as it is at one moment.

        Returns:
            The result of the query; ``empty`` if there is no file, or no ledger in it.

        Raises:
            InvalidLedger: The file is a folder, its folder does not exist, or it is a ledger of a newer release.
            LedgerError: The file was truncated.
            LedgerUnavailable: The file cannot be read, or was written to until the timeout.
        """
        name = self._file.main
        deadline = self._clock() + self._timeout
        try:
            if name.is_dir():
                raise InvalidLedger(f"the ledger {name} is a folder; add a file name to the URL")
            while (state := self._file.state()) is not None:
                if not state.size:
                    self._file.refuse_truncated()
                    break
                try:
                    return self._read(state, query, empty)
                except _FilesChanged:
                    if self._clock() > deadline:
                        raise LedgerUnavailable(
                            f"the ledger {name} changed during every attempt to read it; try again when it is less busy"
                        ) from None
                self._sleep(_PAUSE)
            else:
                if not name.parent.is_dir():
                    raise folder_missing(self._url, name)
        except LedgerUnavailable:
            raise
        except OSError as error:
            raise LedgerUnavailable(
                f"the ledger {name} cannot be read: {error.strerror or error}; "
                "check the file, its permissions and the disk space"
            ) from error
        return empty

    def close(self) -> None:
        """Delete the copy, if there is one."""
        with self._copying:
            self._delete_copy()

    def _delete_copy(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            _, _, delete = copy
            delete()

    def _read(self, state: FileState, query: Callable[[Connection], T], empty: T) -> T:
        if not state.uses_log:
            options = "mode=ro"
        elif state.log is not None and state.has_index:
            options = "mode=ro&readonly_shm=1"
        elif state.has_log or state.has_journal or state.has_index:
            return self._read_copy(state, query, empty)
        else:
            return self._read_immutable(state, query, empty)
        try:
            return self._run(options, query, empty)
        except _OlderSchema:
            return self._read_copy(state, query, empty)
        except DatabaseError as error:
            if not isinstance(error.orig, sqlite3.Error) or error.orig.sqlite_errorcode & 0xFF not in _NEEDS_TO_WRITE:
                raise
            self._verify(state)
            return self._read_copy(state, query, empty)

    def _read_immutable(self, state: FileState, query: Callable[[Connection], T], empty: T) -> T:
        """Read the main file without locks. A process that writes to it meanwhile is noticed afterwards."""
        self._wait_for_tick(state)
        try:
            answer = self._run("mode=ro&immutable=1", query, empty)
        except _OlderSchema:
            return self._read_copy(state, query, empty)
        except Exception:
            self._verify(state)
            raise
        self._verify(state)
        return answer

    def _run(self, options: str, query: Callable[[Connection], T], empty: T) -> T:
        uri = f"file:{quote(str(self._file.main))}?{options}"
        with OPENING, self._connected(uri) as engine:
            return self._query(engine, query, empty)

    @contextmanager
    def _connected(self, uri: str) -> Iterator[Engine]:
        seconds = self._timeout.total_seconds()
        raw = sqlite3.connect(uri, uri=True, timeout=seconds, isolation_level=None, check_same_thread=False)
        engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool, hide_parameters=True)
        event.listen(engine, "begin", begin_sqlite)
        try:
            yield engine
        finally:
            raw.close()

    def _query(self, engine: Engine, query: Callable[[Connection], T], empty: T) -> T:
        with engine.connect().execution_options(**READS) as connection:
            schema = schema_state(connection, display_url(self._url))
            if schema is SchemaState.MISSING:
                return empty
            if schema is SchemaState.OLDER:
                raise _OlderSchema
            return query(connection)

    def _read_copy(self, state: FileState, query: Callable[[Connection], T], empty: T) -> T:
        """Read a copy of the files. It is made once, and used again until the files change."""
        with self._copying:
            if self._copy is None or self._copy[0] != state:
                self._delete_copy()
                self._wait_for_tick(state)
                self._copy = (state, *self._make_copy(state))
            _, copy, _ = self._copy
            engine = open_engine(self._url.set(database=str(copy.main)), timeout=self._timeout)
            try:
                try:
                    return self._query(engine, query, empty)
                except _OlderSchema:
                    with engine.begin() as connection:
                        migrate(connection, display_url(self._url))
                    return self._query(engine, query, empty)
            finally:
                engine.dispose()

    def _make_copy(self, state: FileState) -> tuple[SqliteFile, weakref.finalize[..., ReadOnlyFile]]:
        folder = Path(tempfile.mkdtemp(prefix="remote-artwork-"))
        delete = weakref.finalize(self, _delete_folder, folder, os.getpid())
        copy = SqliteFile(folder / "ledger.db")
        try:
            self._file.copy_to(copy)
            self._verify(state)
        except BaseException:
            delete()
            raise
        return copy, delete

    def _wait_for_tick(self, state: FileState) -> None:
        """Let ``read`` wait until a further write must change the time stamp of the file."""
        now = self._clock().timestamp()
        if abs(now - state.last_change_ns / 1e9) <= _CLOCK_TICK.total_seconds():
            raise _FilesChanged

    def _verify(self, state: FileState) -> None:
        if self._file.state() != state:
            raise _FilesChanged


def _delete_folder(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked process does not own it
        shutil.rmtree(folder, ignore_errors=True)

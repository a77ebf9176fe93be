"""Reads a SQLite ledger without changing its file and without creating a file beside it.

SQLite alone cannot do that. Even a connection with ``mode=ro`` creates ``-wal`` and ``-shm`` files beside a database in
WAL mode. So there are two ways:

- If no log or journal lies beside the file, the file is complete. SQLite opens it as ``immutable``: it takes no locks
  and creates no files. If the file changed during the read, the read is repeated.
- Otherwise the file and its log are copied, and SQLite opens the copy. The copy is reused until the file or its log
  changes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from attrs import frozen

from remote_artwork.errors import InvalidLedger, LedgerError, LedgerUnavailable

Result = TypeVar("Result")

_CHUNK_SIZE = 1 << 20
_DATABASE_HEADER = 100
_LOG_HEADER = 32
_CLOCK_TICK_NS = 20_000_000
_PAUSE = 0.02

_DESCRIPTORS: dict[tuple[int, int], int] = {}
"""(device, inode) → an open descriptor. See ``_open_once``."""


class CopyNeeded(Exception):
    """Raised by a query that cannot use the original file, for example because it must migrate it first."""


@frozen(kw_only=True)
class Clock:
    """The clocks of a reader. Tests pass their own.

    Args:
        since_epoch: Nanoseconds, from the clock that sets the time stamps of files.
        elapsed: Seconds, from a monotonic clock.
        sleep: Waits a number of seconds.
    """

    since_epoch: Callable[[], int] = time.time_ns
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


_CLOCK = Clock()

_FileMark = tuple[int, int, bytes]
"""(size, time of the last change in nanoseconds, header)"""


@frozen
class _FileState:
    """Identifies the content of a database file, its rollback journal and its write-ahead log."""

    database: _FileMark
    journal: _FileMark | None
    log: _FileMark | None

    @classmethod
    def of(cls, file: Path, descriptor: int) -> _FileState:
        status = os.fstat(descriptor)
        return cls(
            (status.st_size, status.st_mtime_ns, os.pread(descriptor, _DATABASE_HEADER, 0)),
            _mark_of(_sibling(file, "-journal")),
            _mark_of(_sibling(file, "-wal")),
        )

    @property
    def is_empty(self) -> bool:
        return not self.database[0]

    @property
    def is_complete(self) -> bool:
        """Whether the database file contains everything that was committed."""
        return self.journal is None and (self.log is None or not self.log[0])

    def has_same_pages(self, other: _FileState) -> bool:
        """Whether no page was written between the two states. A log may have grown: its frames have checksums."""
        logs = [log and log[2] for log in (self.log, other.log)]
        return (self.database, self.journal, logs[0]) == (other.database, other.journal, logs[1])

    def is_older_than_tick(self, now: int, *, with_log: bool = False) -> bool:
        """Whether a later write gets another time stamp. A write within the same clock tick would not."""
        marks = [self.database, *([self.log] if with_log and self.log else [])]
        return all(abs(now - changed_at) > _CLOCK_TICK_NS for _size, changed_at, _header in marks)


@frozen(kw_only=True)
class _Copy:
    """A copy of the database. ``state`` is the state of the original; None if the copy must not be reused."""

    file: Path
    state: _FileState | None
    process: int
    remove: weakref.finalize[..., SnapshotReader]


class SnapshotReader:
    """Runs queries on a SQLite file as it is at one moment. It is thread-safe; queries run one at a time.

    Args:
        file: The SQLite file. It need not exist.
        timeout: How long to retry while the file changes.
        clock: Tests pass their own.
    """

    def __init__(self, file: Path, *, timeout: timedelta, clock: Clock = _CLOCK) -> None:
        self._file = file
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._copy: _Copy | None = None

    def close(self) -> None:
        """Deletes the copy, if there is one. A later read makes a new one."""
        with self._lock:
            self._delete_copy()

    def read(self, *, original: Callable[[Path], Result], copy: Callable[[Path], Result]) -> Result | None:
        """Runs a query. It sees everything that was committed before this call.

        Args:
            original: Runs the query on the original file, opened as immutable. It may run several times.
            copy: Runs the query on a copy of the file. It may write to the copy.

        Returns:
            The result of the query; None if the file is missing or empty.

        Raises:
            InvalidLedger: The file is a folder.
            LedgerError: The file was truncated.
            LedgerUnavailable: The file cannot be read, or it changed during every attempt until the timeout.
        """
        if self._file.is_dir():
            raise InvalidLedger(f"the ledger {self._file} is a folder; add a file name to the URL")
        deadline = self._clock.elapsed() + self._timeout.total_seconds()
        copy_needed = False
        with self._lock:
            while (observed := self._observe()) is not None:
                descriptor, before = observed
                if before.is_complete and not copy_needed:
                    try:
                        results = self._read_original(descriptor, before, original)
                    except CopyNeeded:
                        copy_needed = True
                        continue
                    if results:
                        return results[0]
                elif (file := self._find_or_make_copy(descriptor, before)) is not None:
                    return copy(file)
                if self._clock.elapsed() > deadline:
                    raise LedgerUnavailable(
                        f"the ledger {self._file} changed during every attempt to read it; try again later"
                    )
                self._clock.sleep(_PAUSE)
        return None

    def _read_original(
        self, descriptor: int, before: _FileState, original: Callable[[Path], Result]
    ) -> tuple[Result] | None:
        """Runs the query on the original file. None if the file changed meanwhile, or might change unnoticed."""
        if not before.is_older_than_tick(self._clock.since_epoch()):
            return None
        try:
            result = original(self._file)
        except Exception:
            if self._is_unchanged(descriptor, before):
                raise
            return None
        return (result,) if self._is_unchanged(descriptor, before) else None

    def _observe(self) -> tuple[int, _FileState] | None:
        """A descriptor of the file, and its current state. None if the file is missing or empty."""
        try:
            descriptor = _open_once(self._file)
            if descriptor is None:
                return None
            state = _FileState.of(self._file, descriptor)
        except OSError as error:
            raise self._unreadable(error) from error
        if state.is_empty:
            check_not_truncated(self._file)
            return None
        return descriptor, state

    def _is_unchanged(self, descriptor: int, before: _FileState) -> bool:
        try:
            same_file = _open_once(self._file) == descriptor
            return same_file and _FileState.of(self._file, descriptor).has_same_pages(before)
        except OSError as error:
            raise self._unreadable(error) from error

    def _find_or_make_copy(self, descriptor: int, before: _FileState) -> Path | None:
        """Returns a copy of the file in this state; None if the file changed while it was copied."""
        found = self._copy
        if found and found.state == before and found.process == os.getpid() and found.file.is_file():
            return found.file
        self._delete_copy()
        now = self._clock.since_epoch()
        if not before.is_older_than_tick(now):
            return None
        try:
            folder = Path(tempfile.mkdtemp(prefix="remote-artwork-"))
            copy = _Copy(
                file=folder / "ledger.db",
                state=before if before.is_older_than_tick(now, with_log=True) else None,
                process=os.getpid(),
                remove=weakref.finalize(self, _remove_folder, folder, os.getpid()),
            )
            self._copy = copy
            _copy_descriptor(descriptor, copy.file)
            for suffix in ("-wal", "-journal"):
                with suppress(FileNotFoundError):
                    shutil.copyfile(_sibling(self._file, suffix), _sibling(copy.file, suffix))
        except OSError as error:
            raise self._unreadable(error) from error
        if self._is_unchanged(descriptor, before):
            return copy.file
        self._delete_copy()
        return None

    def _delete_copy(self) -> None:
        if self._copy is not None:
            self._copy.remove()
            self._copy = None

    def _unreadable(self, error: OSError) -> LedgerUnavailable:
        problem = error.strerror or error
        return LedgerUnavailable(
            f"the ledger {self._file} cannot be read: {problem}; check the file, its permissions and the disk space"
        )


def check_not_truncated(file: Path) -> None:
    """Refuses an empty file that has a non-empty log. SQLite would delete the log and start a new database.

    An empty file without a log is a new ledger: ``touch`` creates one, and so does a process that dies before its first
    write.

    Raises:
        LedgerError: The file was truncated.
    """
    log = _sibling(file, "-wal")
    if file.exists() and not file.stat().st_size and log.exists() and log.stat().st_size:
        raise LedgerError(
            f"the ledger {file} was truncated to 0 bytes, but {log.name} beside it was not; restore a backup"
        )


def read_first_bytes(file: Path, count: int) -> bytes:
    """The first bytes of a SQLite file; empty if it cannot be read."""
    try:
        descriptor = _open_once(file)
        return b"" if descriptor is None else os.pread(descriptor, count, 0)
    except OSError:
        return b""


def _open_once(file: Path) -> int | None:
    """Returns a descriptor of the file that is never closed; None if the file does not exist.

    Closing any descriptor of a file drops all POSIX locks of this process on it: also those of other connections to
    the ledger, and of the shop's connections if its tables are in the same file. So each file is opened once.
    """
    try:
        status = file.stat()
        known = _DESCRIPTORS.get((status.st_dev, status.st_ino))
        if known is not None:
            return known
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    status = os.fstat(descriptor)
    return _DESCRIPTORS.setdefault((status.st_dev, status.st_ino), descriptor)


def _copy_descriptor(descriptor: int, copy: Path) -> None:
    with copy.open("wb") as target:
        position = 0
        while chunk := os.pread(descriptor, _CHUNK_SIZE, position):
            target.write(chunk)
            position += len(chunk)


def _remove_folder(folder: Path, process: int) -> None:
    # A forked child inherits the reader, but the copy belongs to its parent.
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _sibling(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def _mark_of(file: Path) -> _FileMark | None:
    try:
        with file.open("rb") as content:
            status = os.fstat(content.fileno())
            return status.st_size, status.st_mtime_ns, content.read(_LOG_HEADER)
    except FileNotFoundError:
        return None

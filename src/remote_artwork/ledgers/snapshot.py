"""A copy of a SQLite ledger as it was at one moment, so that reading leaves no trace beside the file."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from attrs import frozen

from remote_artwork.errors import InvalidLedger, LedgerError, LedgerUnavailable

_PIECE = 1 << 20
_HEADER = 100
_LOG_HEADER = 32
_CLOCK_TICK_NS = 20_000_000
_PAUSE = 0.02


@frozen(kw_only=True)
class Clock:
    """The three clocks of a copy; tests pass their own.

    Args:
        since_epoch: Nanoseconds, of the clock that the time stamps of files are taken from.
        elapsed: Seconds, of a clock that is never set.
        sleep: Waits so many seconds.
    """

    since_epoch: Callable[[], int] = time.time_ns
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


_CLOCK = Clock()

_HELD: dict[tuple[int, int], int] = {}


@frozen
class _Mark:
    """What changes when the pages of a database are written, or its log begins anew."""

    database: tuple[int, int, bytes]
    journal: tuple[int, int, bytes] | None
    log: bytes | None

    @classmethod
    def of(cls, file: Path, descriptor: int) -> _Mark:
        status = os.fstat(descriptor)
        return cls(
            (status.st_size, status.st_mtime_ns, os.pread(descriptor, _HEADER, 0)),
            _journal_mark(_beside(file, "-journal")),
            _head(_beside(file, "-wal")),
        )

    @property
    def size(self) -> int:
        return self.database[0]

    @property
    def written_at(self) -> int:
        return self.database[1]


@contextmanager
def copied(file: Path, *, timeout: timedelta, clock: Clock = _CLOCK) -> Iterator[Path | None]:
    """A copy of a SQLite file as it was at one moment, deleted afterwards; None where the file is missing or empty.

    The copy holds all that was committed before the call. A log that grows meanwhile does no harm, since its frames
    carry check sums; changed pages do, and are waited for.

    Raises:
        InvalidLedger: It is a folder.
        LedgerError: It was emptied.
        LedgerUnavailable: It cannot be read, or its pages changed all through the time-out.
    """
    if file.is_dir():
        raise InvalidLedger(f"the ledger {file} is a folder; add a file name to the URL")
    with tempfile.TemporaryDirectory(prefix="remote-artwork-") as folder:
        copy = Path(folder) / "ledger.db"
        try:
            found = _copy_when_still(file, copy, deadline=clock.elapsed() + timeout.total_seconds(), clock=clock)
        except OSError as error:
            raise LedgerUnavailable(
                f"the ledger {file} cannot be read: {error.strerror or error}; check the file and its permissions"
            ) from error
        yield copy if found else None


def _copy_when_still(file: Path, copy: Path, *, deadline: float, clock: Clock) -> bool:
    while (descriptor := _held(file)) is not None:
        before = _Mark.of(file, descriptor)
        if not before.size:
            check_not_truncated(file)
            return False
        # A page written in the same tick of the file system's clock would not show in the time stamp.
        if abs(clock.since_epoch() - before.written_at) > _CLOCK_TICK_NS:
            _copy_held(descriptor, copy)
            for ending in ("-wal", "-journal"):
                _copy_if_there(_beside(file, ending), _beside(copy, ending))
            if _held(file) == descriptor and _Mark.of(file, descriptor) == before:
                return True
        if clock.elapsed() > deadline:
            raise LedgerUnavailable(
                f"the ledger {file} changed during every attempt to read it; try again when it is less busy"
            )
        clock.sleep(_PAUSE)
    return False


def _held(file: Path) -> int | None:
    """A descriptor of the file that is never closed; None where there is no file.

    Closing any descriptor of a file drops every POSIX lock that the process holds on it: those of other connections
    to the ledger, and of the host's own, if its tables live in the same file. So there is one for each file.
    """
    try:
        status = file.stat()
        known = _HELD.get((status.st_dev, status.st_ino))
        if known is not None:
            return known
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    status = os.fstat(descriptor)
    return _HELD.setdefault((status.st_dev, status.st_ino), descriptor)


def check_not_truncated(file: Path) -> None:
    """Refuses a file without a byte whose log has some, before SQLite would throw the log away and begin anew.

    An empty file alone is what ``touch`` and a process leave that dies before its first write: a new ledger.

    Raises:
        LedgerError: It was a ledger.
    """
    log = _beside(file, "-wal")
    if file.exists() and not file.stat().st_size and log.exists() and log.stat().st_size:
        raise LedgerError(
            f"the ledger {file} was truncated to 0 bytes, but {log.name} beside it was not; restore a backup"
        )


def read_first_bytes(file: Path, count: int) -> bytes:
    """What a SQLite file begins with; nothing where it cannot be read."""
    try:
        descriptor = _held(file)
        return b"" if descriptor is None else os.pread(descriptor, count, 0)
    except OSError:
        return b""


def _copy_held(descriptor: int, copy: Path) -> None:
    with copy.open("wb") as target:
        position = 0
        while piece := os.pread(descriptor, _PIECE, position):
            target.write(piece)
            position += len(piece)


def _copy_if_there(source: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.copyfile(source, copy)


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name + ending)


def _head(file: Path) -> bytes | None:
    try:
        with file.open("rb") as log:
            return log.read(_LOG_HEADER)
    except FileNotFoundError:
        return None


def _journal_mark(file: Path) -> tuple[int, int, bytes] | None:
    try:
        with file.open("rb") as journal:
            status = os.fstat(journal.fileno())
            return status.st_size, status.st_mtime_ns, journal.read(_LOG_HEADER)
    except FileNotFoundError:
        return None

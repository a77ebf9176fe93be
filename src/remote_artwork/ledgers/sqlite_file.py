"""The files of a SQLite database, read without SQLite: their state, their first bytes, and a copy of them."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from remote_artwork.errors import LedgerError

_CHUNK = 1 << 20
_HEADER = 100
_FORMAT = slice(18, 20)
"""The bytes of the header that contain the journal mode: 2 and 2 stand for the write-ahead log."""
_SIDE_FILE_HEADER = 32

_DESCRIPTORS: dict[tuple[int, int], int] = {}


@frozen
class SqliteFile:
    """A SQLite database: its main file, and the side files that SQLite puts beside it.

    If the main file is a symbolic link, SQLite puts the side files beside the target of the link.
    """

    main: Path

    @property
    def log(self) -> Path:
        """The write-ahead log: committed pages that are not in the main file yet."""
        return self._beside("-wal")

    @property
    def index(self) -> Path:
        """The index of the log. It is shared memory and exists while a process uses the database."""
        return self._beside("-shm")

    @property
    def journal(self) -> Path:
        """The rollback journal, used without a write-ahead log."""
        return self._beside("-journal")

    def _beside(self, suffix: str) -> Path:
        return Path(os.path.realpath(self.main) + suffix)

    def state(self) -> FileState | None:
        """The state of the files; None if there is no main file."""
        descriptor = self._descriptor()
        if descriptor is None:
            return None
        status = os.fstat(descriptor)
        return FileState(
            size=status.st_size,
            modified_ns=status.st_mtime_ns,
            header=os.pread(descriptor, _HEADER, 0),
            log=_side_file_state(self.log),
            journal=_side_file_state(self.journal),
            has_index=self.index.exists(),
        )

    def first_bytes(self, count: int) -> bytes:
        """The first bytes of the main file; empty if it cannot be read."""
        try:
            descriptor = self._descriptor()
            return b"" if descriptor is None else os.pread(descriptor, count, 0)
        except OSError:
            return b""

    def refuse_truncated(self) -> None:
        """Refuse an empty main file beside a log that is not empty: SQLite would delete the log and start a new file.

        An empty file without a log is a new ledger: ``touch`` creates one, and so does a process that dies before its
        first write.

        Raises:
            LedgerError: The file was truncated.
        """
        if self.main.exists() and not self.main.stat().st_size and self.log.exists() and self.log.stat().st_size:
            raise LedgerError(
                f"the ledger {self.main} was truncated to 0 bytes, "
                f"but {self.log.name} beside it was not; restore a backup"
            )

    def copy_to(self, copy: SqliteFile) -> None:
        """Copy the main file and the side files that a reader of the copy needs."""
        descriptor = self._descriptor()
        if descriptor is None:
            raise FileNotFoundError(self.main)
        with copy.main.open("wb") as target:
            position = 0
            while chunk := os.pread(descriptor, _CHUNK, position):
                target.write(chunk)
                position += len(chunk)
        for source, target_path in ((self.log, copy.log), (self.journal, copy.journal)):
            target_path.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                shutil.copyfile(source, target_path)

    def _descriptor(self) -> int | None:
        """A descriptor of the main file that is never closed; None if there is no file.

        When a process closes any descriptor of a file, it loses all POSIX locks that it has on the file. This includes
        the locks of other connections: those of a ledger, and those of a shop whose tables are in the same file.
        Therefore one descriptor for each file stays open.
        """
        try:
            status = self.main.stat()
            known = _DESCRIPTORS.get((status.st_dev, status.st_ino))
            if known is not None:
                return known
            descriptor = os.open(self.main, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        status = os.fstat(descriptor)
        return _DESCRIPTORS.setdefault((status.st_dev, status.st_ino), descriptor)


@frozen(kw_only=True)
class FileState:
    """What changes when a process writes to the database. If two states are equal, nothing was written between them.

    A second change within one tick of the file system's clock does not show. So use a state only if ``last_change_ns``
    is some ticks ago.
    """

    size: int
    modified_ns: int
    header: bytes
    log: tuple[int, int, bytes] | None
    journal: tuple[int, int, bytes] | None
    has_index: bool

    @property
    def last_change_ns(self) -> int:
        """The time of the last change of any of the files, in nanoseconds since 1970."""
        return max(self.modified_ns, *(side[1] for side in (self.log, self.journal) if side is not None), 0)

    @property
    def uses_log(self) -> bool:
        """Whether the database has a write-ahead log, or the header is damaged and there is one."""
        return self.header[_FORMAT] == b"\2\2" or self.has_log

    @property
    def has_log(self) -> bool:
        """Whether the log contains something."""
        return self.log is not None and self.log[0] > 0

    @property
    def has_journal(self) -> bool:
        """Whether the rollback journal contains something."""
        return self.journal is not None and self.journal[0] > 0


def _side_file_state(file: Path) -> tuple[int, int, bytes] | None:
    try:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            return status.st_size, status.st_mtime_ns, opened.read(_SIDE_FILE_HEADER)
    except FileNotFoundError:
        return None

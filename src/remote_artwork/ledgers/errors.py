"""The one place that turns errors of a database into errors of a ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from remote_artwork.errors import InvalidLedger, LedgerError, LedgerUnavailable
from remote_artwork.ledgers.engine import shown
from remote_artwork.ledgers.snapshot import first_bytes

_MAGIC = b"SQLite format 3\0"
_OTHER_TABLES = "does not hold a ledger's tables as this release knows them"

_SQLITE_INVALID: Mapping[int, str] = {
    sqlite3.SQLITE_NOTADB: "is not a SQLite database; nothing was written to it",
    sqlite3.SQLITE_ERROR: _OTHER_TABLES,
}
_DAMAGED = "is damaged; bring back a backup of it"
_DAMAGED_CODES = frozenset({sqlite3.SQLITE_CORRUPT, "XX001", "XX002"})
_SQLITE_UNAVAILABLE: Mapping[int, str] = {
    sqlite3.SQLITE_BUSY: "is locked by another process; try again when that has finished",
    sqlite3.SQLITE_LOCKED: "is locked by another process; try again when that has finished",
    sqlite3.SQLITE_FULL: "cannot grow because the disk is full; free some space",
    sqlite3.SQLITE_READONLY: "is read-only; let this process write the file and its folder",
    sqlite3.SQLITE_PERM: "is read-only; let this process write the file and its folder",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
}
_POSTGRESQL_INVALID: Mapping[str, str] = dict.fromkeys(("42P01", "42P07", "42703"), _OTHER_TABLES)
_POSTGRESQL_UNAVAILABLE: Mapping[str, str] = {
    "25006": "is read-only; use the primary server",
    "42501": "may not be used by this user; grant it the right to create and write the remote_artwork tables",
    "53100": "cannot grow because the disk is full; free some space",
    "55P03": "is locked by another process; try again when that has finished",
    "57014": "took too long to answer; try again when less is going on",
}


class DamagedRow(Exception):
    """A row holds what no release has written."""


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Raises every error of the database inside as ``InvalidLedger`` or ``LedgerUnavailable``, the cause chained."""
    try:
        yield
    except DamagedRow as error:
        raise LedgerError(f"the ledger {shown(url)} {_DAMAGED} ({error})") from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        origin = error.orig if isinstance(error, DBAPIError) else error
        raise _as_ledger_error(url, origin) from error


def _as_ledger_error(url: URL, origin: BaseException | None) -> LedgerError | InvalidLedger:
    code: int | str
    if isinstance(origin, sqlite3.Error):
        code = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_INTERNAL) & 0xFF
        if code == sqlite3.SQLITE_CANTOPEN:
            return _cannot_open(url, Path(url.database or ""))
        if code == sqlite3.SQLITE_NOTADB and _was_a_database(Path(url.database or "")):
            return LedgerError(f"the ledger {shown(url)} {_DAMAGED} (its header is destroyed)")
        invalid, unavailable = _SQLITE_INVALID.get(code), _SQLITE_UNAVAILABLE.get(code)
    else:
        code = getattr(origin, "sqlstate", None) or ""
        invalid, unavailable = _POSTGRESQL_INVALID.get(code), _POSTGRESQL_UNAVAILABLE.get(code)
    if code in _DAMAGED_CODES:
        return LedgerError(f"the ledger {shown(url)} {_DAMAGED} ({_said(url, origin)})")
    if invalid:
        return InvalidLedger(f"{shown(url)} {invalid} ({_said(url, origin)})")
    return LedgerUnavailable(f"the ledger {shown(url)} {unavailable or 'cannot be used'} ({_said(url, origin)})")


def _was_a_database(file: Path) -> bool:
    """Whether a file that is no database looks like a lost one: it begins as one does, or with nothing at all."""
    begin = first_bytes(file, len(_MAGIC))
    return begin in (_MAGIC, bytes(len(_MAGIC)))


def _cannot_open(url: URL, file: Path) -> LedgerError | InvalidLedger:
    if file.is_dir():
        return InvalidLedger(f"the ledger {shown(url)} is a folder; name a file in it")
    if not file.parent.is_dir():
        return InvalidLedger(f"the ledger {shown(url)} cannot be created; create the folder {file.parent} first")
    return LedgerUnavailable(
        f"the ledger {shown(url)} cannot be opened; let this process write the file and its folder"
    )


def _said(url: URL, origin: BaseException | None) -> str:
    """What the database said, in one line, surely without the password."""
    text = " ".join(str(origin).split())
    return text.replace(str(url.password), "***") if url.password else text

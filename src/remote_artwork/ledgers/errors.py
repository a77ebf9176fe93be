"""Translates database errors into ledger errors. All translations are in this module."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from remote_artwork.errors import InvalidLedger, LedgerError, LedgerUnavailable
from remote_artwork.ledgers.engine import display_url
from remote_artwork.ledgers.snapshot import read_first_bytes

_MAGIC = b"SQLite format 3\0"
_OTHER_TABLES = "does not contain the ledger tables of this release; check the ledger URL"

_SQLITE_INVALID: Mapping[int, str] = {
    sqlite3.SQLITE_NOTADB: "is not a SQLite database; nothing was written to it; check the ledger URL",
    sqlite3.SQLITE_ERROR: _OTHER_TABLES,
}
_DAMAGED = "is damaged; restore a backup"
_DAMAGED_CODES = frozenset({sqlite3.SQLITE_CORRUPT, "XX001", "XX002"})
_SQLITE_UNAVAILABLE: Mapping[int, str] = {
    sqlite3.SQLITE_BUSY: "is locked by another process; try again when that process has finished",
    sqlite3.SQLITE_LOCKED: "is locked by another process; try again when that process has finished",
    sqlite3.SQLITE_FULL: "cannot grow because the disk is full; free disk space",
    sqlite3.SQLITE_READONLY: "is read-only; give this process write access to the file and its folder",
    sqlite3.SQLITE_PERM: "is read-only; give this process write access to the file and its folder",
    sqlite3.SQLITE_IOERR: "cannot be read or written because of a disk error; check the disk",
}
_POSTGRESQL_INVALID: Mapping[str, str] = dict.fromkeys(("42P01", "42P07", "42703"), _OTHER_TABLES)
_POSTGRESQL_UNAVAILABLE: Mapping[str, str] = {
    "25006": "is read-only; connect to the primary server",
    "42501": "refuses this user; grant the user the rights to create and write the remote_artwork tables",
    "53100": "cannot grow because the disk is full; free disk space",
    "55P03": "is locked by another process; try again when that process has finished",
    "57014": "did not respond within the timeout; try again when the database is less busy",
}


class InvalidRow(Exception):
    """A row contains a value that no release writes."""


@contextmanager
def translate_errors(url: URL) -> Iterator[None]:
    """Translates each database error in the block into a ledger error, with the original as its cause."""
    try:
        yield
    except InvalidRow as error:
        raise LedgerError(f"the ledger {display_url(url)} {_DAMAGED} ({error})") from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        origin = error.orig if isinstance(error, DBAPIError) else error
        raise _ledger_error(url, origin) from error


def _ledger_error(url: URL, origin: BaseException | None) -> LedgerError | InvalidLedger:
    code: int | str
    if isinstance(origin, sqlite3.Error):
        code = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_INTERNAL) & 0xFF
        if code == sqlite3.SQLITE_CANTOPEN:
            return _cannot_open(url, Path(url.database or ""))
        if code == sqlite3.SQLITE_NOTADB and _has_lost_header(Path(url.database or "")):
            return LedgerError(f"the ledger {display_url(url)} {_DAMAGED} (its header is destroyed)")
        invalid, unavailable = _SQLITE_INVALID.get(code), _SQLITE_UNAVAILABLE.get(code)
    else:
        code = getattr(origin, "sqlstate", None) or ""
        invalid, unavailable = _POSTGRESQL_INVALID.get(code), _POSTGRESQL_UNAVAILABLE.get(code)
    if code in _DAMAGED_CODES:
        return LedgerError(f"the ledger {display_url(url)} {_DAMAGED} ({_database_message(url, origin)})")
    if invalid:
        return InvalidLedger(f"{display_url(url)} {invalid} ({_database_message(url, origin)})")
    problem = unavailable or "cannot be used; see the database error"
    return LedgerUnavailable(f"the ledger {display_url(url)} {problem} ({_database_message(url, origin)})")


def _has_lost_header(file: Path) -> bool:
    """Whether a file that SQLite rejects was a database: it starts with SQLite's header, or with zeros only."""
    header = read_first_bytes(file, len(_MAGIC))
    return header in (_MAGIC, bytes(len(_MAGIC)))


def _cannot_open(url: URL, file: Path) -> LedgerError | InvalidLedger:
    if file.is_dir():
        return InvalidLedger(f"the ledger {display_url(url)} is a folder; add a file name to the URL")
    if not file.parent.is_dir():
        return InvalidLedger(f"the ledger {display_url(url)} cannot be created; create the folder {file.parent} first")
    return LedgerUnavailable(
        f"the ledger {display_url(url)} cannot be opened; give this process write access to the file and its folder"
    )


def _database_message(url: URL, origin: BaseException | None) -> str:
    """The message of the database in one line, without the password."""
    text = " ".join(str(origin).split())
    return text.replace(str(url.password), "***") if url.password else text

"""Translates the errors of a database into the errors of a ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError

from remote_artwork.errors import InvalidLedger, LedgerError, LedgerUnavailable, OrderNotStored
from remote_artwork.ledgers.engine import display_url
from remote_artwork.ledgers.sqlite_file import SqliteFile

_SQLITE_MAGIC = b"SQLite format 3\0"

_OTHER_TABLES = "does not contain the ledger tables of this release; check the ledger URL"
_LOCKED = "is locked by another process; try again when that process has finished"
_READ_ONLY = "is read-only; give this process write access to the file and its folder"
_DISK_FULL = "cannot grow because the disk is full; free disk space"
_DAMAGED = "is damaged; restore a backup"

_SQLITE_INVALID: Mapping[int, str] = {
    sqlite3.SQLITE_NOTADB: "is not a SQLite database; nothing was written to it; check the ledger URL",
    sqlite3.SQLITE_ERROR: _OTHER_TABLES,
}
_SQLITE_UNAVAILABLE: Mapping[int, str] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_FULL: _DISK_FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_IOERR: "cannot be used because the disk reports an error; check the disk",
}
_POSTGRESQL_INVALID: Mapping[str, str] = dict.fromkeys(("42P01", "42P07", "42703"), _OTHER_TABLES)
_POSTGRESQL_UNAVAILABLE: Mapping[str, str] = {
    "25006": "is read-only; use the primary server",
    "42501": "refuses this user; allow the user to create and write the remote_artwork tables",
    "53100": _DISK_FULL,
    "55P03": _LOCKED,
    "57014": "did not respond within the timeout; try again when the database is less busy",
}
_NOT_STORED_CLASSES = ("22", "54")
"""Classes of PostgreSQL's errors about a value: it is invalid, or too long for an index."""
_DAMAGED_CODES = frozenset({sqlite3.SQLITE_CORRUPT, "XX001", "XX002"})


class InvalidRow(Exception):
    """A row contains what no release has written."""


@contextmanager
def translate_errors(url: URL) -> Iterator[None]:
    """Raise every error of the database as ``InvalidLedger`` or ``LedgerError``, with its cause."""
    try:
        yield
    except InvalidRow as error:
        raise LedgerError(f"the ledger {display_url(url)} {_DAMAGED} ({error})") from error
    except UnicodeEncodeError as error:
        raise _not_stored(url, f"it contains text that is not valid Unicode: {error.reason}") from _without_frames(
            error
        )
    except (SQLAlchemyError, sqlite3.Error) as error:
        origin = error.orig if isinstance(error, DBAPIError) else error
        # The driver of PostgreSQL refuses some text itself, and its error has no code then.
        refused = _not_stored(url, _text_of(origin, url)) if isinstance(error, DataError) else None
        raise refused or _ledger_error(url, origin) from _without_frames(error)


def _without_frames(error: BaseException) -> BaseException:
    """The error and its causes without what contains the password: their tracebacks, and the driver's connection."""
    links: list[BaseException | None] = [error]
    for link in links:
        if link is not None:
            link.__traceback__ = None
            vars(link).pop("_pgconn", None)  # psycopg has a default for it
            links += [other for other in (link.__cause__, link.__context__) if other not in links]
    return error


def _not_stored(url: URL, why: str) -> OrderNotStored:
    return OrderNotStored(f"the ledger {display_url(url)} cannot store this order ({why}); correct it in the shop")


def _ledger_error(url: URL, origin: BaseException | None) -> LedgerError | InvalidLedger:
    code: int | str
    if isinstance(origin, sqlite3.Error):
        file = SqliteFile(Path(url.database or ""))
        code = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_INTERNAL) & 0xFF
        if code == sqlite3.SQLITE_CANTOPEN:
            return _cannot_open(url, file.main)
        if code == sqlite3.SQLITE_NOTADB and _was_a_database(file):
            return LedgerError(f"the ledger {display_url(url)} {_DAMAGED} (its header is destroyed)")
        invalid, unavailable = _SQLITE_INVALID.get(code), _SQLITE_UNAVAILABLE.get(code)
    else:
        code = getattr(origin, "sqlstate", None) or ""
        invalid, unavailable = _POSTGRESQL_INVALID.get(code), _POSTGRESQL_UNAVAILABLE.get(code)
    if code == sqlite3.SQLITE_TOOBIG or (isinstance(code, str) and code.startswith(_NOT_STORED_CLASSES)):
        return _not_stored(url, _text_of(origin, url))
    if code in _DAMAGED_CODES:
        return LedgerError(f"the ledger {display_url(url)} {_DAMAGED} ({_text_of(origin, url)})")
    if invalid:
        return InvalidLedger(f"the ledger {display_url(url)} {invalid} ({_text_of(origin, url)})")
    what = unavailable or "cannot be used; check that the database runs and accepts this URL"
    return LedgerUnavailable(f"the ledger {display_url(url)} {what} ({_text_of(origin, url)})")


def _was_a_database(file: SqliteFile) -> bool:
    """Whether a file that SQLite does not accept starts like a damaged database: correctly, or with zeros only."""
    return file.first_bytes(len(_SQLITE_MAGIC)) in (_SQLITE_MAGIC, bytes(len(_SQLITE_MAGIC)))


def _cannot_open(url: URL, file: Path) -> LedgerError | InvalidLedger:
    if file.is_dir():
        return InvalidLedger(f"the ledger {display_url(url)} is a folder; add a file name to the URL")
    if not file.parent.is_dir():
        return folder_missing(url, file)
    return LedgerUnavailable(
        f"the ledger {display_url(url)} cannot be opened; give this process write access to the file and its folder"
    )


def folder_missing(url: URL, file: Path) -> InvalidLedger:
    """The error for a ledger whose folder does not exist."""
    return InvalidLedger(f"the ledger {display_url(url)} cannot be created; create the folder {file.parent} first")


def _text_of(error: BaseException | None, url: URL) -> str:
    """The text of the database's error in one line, without the password."""
    text = " ".join(str(error).split())
    return text.replace(str(url.password), "***") if url.password else text

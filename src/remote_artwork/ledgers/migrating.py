"""Creates a ledger's tables and brings them up to date, with the Alembic migrations in this package."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import inspect, select, text
from sqlalchemy.engine import Connection

from remote_artwork.errors import InvalidLedger
from remote_artwork.ledgers.schema import REVISIONS, VERSION_TABLE, versions

SCRIPTS = Path(__file__).parent / "migrations"

_ONE_AT_A_TIME = threading.Lock()
_ADVISORY_LOCK = 0x72656D6F7465


def revision_of(connection: Connection, place: str) -> str | None:
    """The revision of the ledger's tables; None where there are none. Only reads.

    Raises:
        InvalidLedger: They were made by a newer release.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.scalar(select(versions.c.version_num))
    if found is not None and found not in REVISIONS:
        raise InvalidLedger(f"{place} was made by a newer release of remote_artwork (schema {found}); update this one")
    return found


def migrate(connection: Connection, place: str, *, to: str = REVISIONS[-1]) -> None:
    """Brings the tables to a revision, all in the connection's transaction, which must be one that writes.

    Safe to call from several processes at once: the transaction is SQLite's write lock, and PostgreSQL is asked for
    a lock of its own.

    Raises:
        InvalidLedger: They were made by a newer release.
    """
    # Alembic keeps its environment in module globals, and is needed by the first scan only.
    with _ONE_AT_A_TIME:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
        if revision_of(connection, place) == to:
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, to)

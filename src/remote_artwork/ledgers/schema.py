"""The ledger's tables and their migrations. The table prefix avoids conflicts with the tables of a shop."""

from __future__ import annotations

import enum
from pathlib import Path

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import Connection

from remote_artwork.errors import InvalidLedger
from remote_artwork.locks import ProcessLock

metadata: MetaData = MetaData()

orders: Table = Table(
    "remote_artwork_order",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("order_number", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("receipt", Text),
    Column("work", Text, nullable=False, server_default=text("''")),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("settled_by", Text, nullable=False, server_default=text("''")),
    Column("intent_at", Double),
    Column("call_limit", Double),
    Column("updated_at", Double, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", Double),
    Column("epoch", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False, server_default="0"),
    Column("seen_in_scan", BigInteger, nullable=False, server_default="0"),
    Column("seen_at", Double, nullable=False, server_default="0"),
    Column("sent_files", JSON, nullable=False, server_default=text("'[]'")),
    Column("attached_files", JSON, nullable=False, server_default=text("'[]'")),
    Column("review_files", Text, nullable=False, server_default=text("''")),
    Column("accepted_by", Text, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("tenant", "order_id", "approval", name="remote_artwork_order_key"),
    Index("remote_artwork_order_by_number", "tenant", "order_number"),
    Index("remote_artwork_order_by_state", "tenant", "state", "order_id", "approval", unique=True),
    Index("remote_artwork_order_by_age", "tenant", "updated_at"),
)
"""One row for each approval of an order. Times are seconds since 1970 by the database's clock; ``call_limit`` is in
seconds; ``reason`` is JSON or empty. ``version`` grows with every write to the row or to its items.
``seen_in_scan`` and ``seen_at`` are the number and the time of the last scan in which the shop listed the order.

The index by state contains the whole key and is unique. Otherwise SQLite prefers to read all rows of a tenant in key
order instead of sorting the few rows in one state."""

items: Table = Table(
    "remote_artwork_item",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("item_number", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("files", JSON, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("checks", Text, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("tenant", "order_id", "approval", "item_number", name="remote_artwork_item_key"),
    ForeignKeyConstraint(
        ["tenant", "order_id", "approval"],
        ["remote_artwork_order.tenant", "remote_artwork_order.order_id", "remote_artwork_order.approval"],
        name="remote_artwork_item_of_order",
        ondelete="CASCADE",
    ),
    Index(
        "remote_artwork_item_attaching",
        "tenant",
        "order_id",
        "approval",
        sqlite_where=text("state = 'attach_intent'"),
        postgresql_where=text("state = 'attach_intent'"),
    ),
)
"""One row for each item of an order. ``files`` is a list of file records; ``reason`` is JSON or empty. The index finds
the items whose attach call has no known outcome."""

used_files: Table = Table(
    "remote_artwork_used_file",
    metadata,
    Column("id", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("file_key", Text, nullable=False),
    Column("path_key", Text),
    Column("order_id", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("order_number", Text, nullable=False),
    Column("file", JSON, nullable=False),
    Column("attached", Boolean, nullable=False),
    Column("forgotten_state", Text),
    PrimaryKeyConstraint("id", name="remote_artwork_used_file_id"),
    Index("remote_artwork_used_file_by_name", "tenant", "file_key"),
    Index("remote_artwork_used_file_by_path", "tenant", "path_key"),
    Index("remote_artwork_used_file_by_order", "tenant", "order_id", "approval"),
)
"""One row for each file in ``sent_files`` or ``attached_files`` of an order. It is not deleted with its order, so it
has no foreign key. ``id``, ``file_key`` and ``path_key`` are digests: a name can be longer than an entry of an index.
``forgotten_state`` is the last state of an order that was deleted, and NULL while the order has its row."""

scans: Table = Table(
    "remote_artwork_scan",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("scans", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", name="remote_artwork_scan_key"),
)
"""The number of complete scans of each tenant. With it, ``forget`` need not write to the rows that it keeps."""

merchants: Table = Table(
    "remote_artwork_merchant",
    metadata,
    Column("merchant", Text, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("succeeded_at", Double),
    Column("failures", BigInteger, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("quarantined_at", Double),
    Column("next_probe", Double),
    Column("oldest_pending", Double),
    Column("needs_person", BigInteger, nullable=False, server_default="0"),
    Column("result", Text, nullable=False, server_default=text("''")),
    Column("owner", Text, nullable=False, server_default=text("''")),
    Column("owned_until", Double),
    PrimaryKeyConstraint("merchant", name="remote_artwork_merchant_key"),
)
"""One row for each merchant of a fleet. ``reason`` and ``result`` are JSON or empty. ``owner`` is the pass that scans
the merchant, and empty if none does."""

alerts: Table = Table(
    "remote_artwork_alert",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("location_key", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("claimed_until", Double),
    PrimaryKeyConstraint("tenant", "location_key", name="remote_artwork_alert_key"),
)
"""The problems of one location that were reported to its merchant. ``location_key`` is a digest: a URL can be longer
than an entry of an index. ``state`` is JSON. ``claimed_until`` is set while a worker sends a message."""

call_shares: Table = Table(
    "remote_artwork_call_share",
    metadata,
    Column("api", Text, nullable=False),
    Column("holdings", JSON, nullable=False),
    PrimaryKeyConstraint("api", name="remote_artwork_call_share_key"),
)
"""One row for each shop API whose calls are limited. ``holdings`` has a ``Holding`` for each process, by its name."""

REVISIONS = ("0001",)
"""The migrations of this release, oldest first. Any other revision belongs to a newer release."""

VERSION_TABLE = "remote_artwork_version"

versions: Table = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))
"""Alembic's own table. Alembic creates and writes it."""

MIGRATIONS = Path(__file__).parent / "migrations"

_SETTINGS = text(
    "SELECT current_setting('server_encoding'), (SELECT source FROM pg_settings WHERE name = 'search_path')"
)
"""The encoding of the database, and where the search path comes from: ``client`` if the URL contains it."""

_LEDGER_SCHEMAS = text(
    "SELECT namespace.nspname, pg_table_is_visible(class.oid) FROM pg_class AS class "
    "JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace "
    "WHERE class.relname = :table AND class.relkind = 'r' AND class.relpersistence <> 't'"
)
"""Each schema with a ledger, and whether the search path leads to it. A user also finds schemas that it may not use."""

_MIGRATING = ProcessLock()
"""Alembic keeps its environment in module globals, so one thread at a time may use it."""

_ADVISORY_LOCK = 0x72656D6F7465


class SchemaState(enum.Enum):
    """How the tables of a database compare to those of this release."""

    MISSING = "missing"
    OLDER = "older"
    CURRENT = "current"


def schema_state(connection: Connection, ledger: str) -> SchemaState:
    """Compare the tables of a database to those of this release. Writes nothing.

    Raises:
        InvalidLedger: A newer release made the tables, or the database cannot be a ledger.
    """
    if connection.dialect.name == "postgresql":
        has_tables = _find_in_postgresql(connection, ledger)
    else:
        has_tables = inspect(connection).has_table(VERSION_TABLE)
    if not has_tables:
        return SchemaState.MISSING
    found = connection.scalar(select(versions.c.version_num))
    if found is None:
        return SchemaState.MISSING
    if found not in REVISIONS:
        raise InvalidLedger(
            f"the ledger {ledger} was made by a newer release of remote_artwork (schema {found}); "
            "upgrade this installation"
        )
    return SchemaState.CURRENT if found == REVISIONS[-1] else SchemaState.OLDER


def _find_in_postgresql(connection: Connection, ledger: str) -> bool:
    """Whether the database has a ledger in the schema that this user's statements use.

    Raises:
        InvalidLedger: The database cannot store every text. Or it has a ledger in another schema, and the URL names no
            schema: then two users with different search paths would each have their own ledger.
    """
    encoding, source = connection.execute(_SETTINGS).one()
    if encoding != "UTF8":
        raise InvalidLedger(
            f"the ledger {ledger} is in a database with the encoding {encoding}, which cannot store every text; "
            "create a database with the encoding UTF8"
        )
    schemas = connection.execute(_LEDGER_SCHEMAS, {"table": VERSION_TABLE}).all()
    others = sorted(schema for schema, is_used in schemas if not is_used)
    if others and source != "client":
        raise InvalidLedger(
            f"the database of the ledger {ledger} has a ledger in the schema {', '.join(others)}, which is not the "
            "schema of this user; add the schema of your ledger to the URL: ?options=-csearch_path%3DSCHEMA"
        )
    return any(is_used for _, is_used in schemas)


def migrate(connection: Connection, ledger: str) -> None:
    """Create the tables or bring them to this release, within the connection's transaction.

    Several processes may call it at once: SQLite has its write lock, and PostgreSQL takes an advisory lock.

    Raises:
        InvalidLedger: A newer release made the tables.
    """
    with _MIGRATING:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
        if schema_state(connection, ledger) is SchemaState.CURRENT:
            return
        # Alembic is imported here because only the first scan needs it.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, REVISIONS[-1])

"""The ledger's tables after the newest migration. Their prefix separates them from the tables of a shop."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

VERSION_TABLE = "remote_artwork_version"

REVISIONS = ("0001",)
"""All migrations of this release, oldest first. Any other revision belongs to a newer release."""

metadata: MetaData = MetaData()

versions: Table = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))
"""The version table of Alembic, for reading. Alembic creates and writes it."""

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
    Column("reason", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", Double),
    Column("intent_at", Double),
    Column("updated_at", Double, nullable=False),
    Column("named_pass", BigInteger, nullable=False, server_default="0"),
    Column("settled_by", Text, nullable=False, server_default=text("''")),
    Column("call_limit", Double),
    Column("named_at", Double, nullable=False, server_default="0"),
    PrimaryKeyConstraint("tenant", "order_id", "approval", name="remote_artwork_order_key"),
    Index("remote_artwork_order_by_number", "tenant", "order_number"),
    Index("remote_artwork_order_by_state", "tenant", "state", "order_id", "approval", unique=True),
    Index("remote_artwork_order_by_age", "tenant", "updated_at"),
)
"""One row per approval of an order.

Times are seconds since 1970 by the database's clock; ``call_limit`` is in seconds. ``named_pass`` and ``named_at`` are
the number and the time of the last full scan in which the shop listed the order as pending.

The index by state is unique and contains the rest of the key. Otherwise SQLite reads all rows of a tenant in key order
instead of sorting the few rows that have the state."""

items: Table = Table(
    "remote_artwork_item",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("item_number", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("files", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("checks", Text, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("tenant", "order_id", "approval", "item_number", name="remote_artwork_item_key"),
    ForeignKeyConstraint(
        ["tenant", "order_id", "approval"],
        ["remote_artwork_order.tenant", "remote_artwork_order.order_id", "remote_artwork_order.approval"],
        name="remote_artwork_item_of_order",
        ondelete="CASCADE",
    ),
)
"""One row per item of an order. ``files`` is a list of file records."""

passes: Table = Table(
    "remote_artwork_pass",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("passes", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", name="remote_artwork_pass_key"),
)
"""The number of full scans of each tenant. With this counter, ``forget`` updates only the rows of pending orders."""

"""The tables of the desk: orders, their lines, the artwork of each line, and the merchant's storage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

import remote_artwork as ra


def utc_now() -> datetime:
    return datetime.now(UTC)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A time in UTC. SQLite stores no time zone, so this type adds it."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class Base(DeclarativeBase):
    """The base of all tables."""


UNIQUE_IDS = {"sqlite_autoincrement": True}
"""Without this, SQLite reuses the id of a deleted row. Then the id of an order could later mean another order."""


class OrderRow(Base):
    """One order. One transaction writes state and ``fulfillment_key``, so a repeated call has no second effect."""

    __tablename__ = "orders"
    __table_args__ = UNIQUE_IDS
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    customer: Mapped[str]
    state: Mapped[str] = mapped_column(default=ra.OrderState.PENDING.value, index=True)
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    fulfilled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fulfillment_key: Mapped[str | None] = mapped_column(unique=True)
    lines: Mapped[list[LineRow]] = relationship(order_by="LineRow.position", cascade="all, delete-orphan")


class LineRow(Base):
    """One line of an order, and its outcome in the last scan."""

    __tablename__ = "lines"
    __table_args__ = UNIQUE_IDS
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("orders.id"), index=True)
    position: Mapped[int]
    title: Mapped[str]
    quantity: Mapped[int] = mapped_column(default=1)
    status: Mapped[str | None]
    reason: Mapped[str | None]
    needs_person: Mapped[bool] = mapped_column(default=False)
    artwork: Mapped[list[ArtworkRow]] = relationship(order_by="ArtworkRow.id", cascade="all, delete-orphan")


class ArtworkRow(Base):
    """The file for one line. Its URL is not stored: it gives access to the file until it expires."""

    __tablename__ = "artwork"
    id: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[int] = mapped_column(sa.ForeignKey("lines.id"), index=True)
    name: Mapped[str]
    placement: Mapped[str]
    version: Mapped[str]


class StorageRow(Base):
    """The merchant's storage and its keys: at most one row, with the id 1.

    The URL may contain an Azure SAS, so it is as secret as the keys. All three are stored as plain text.
    """

    __tablename__ = "storage"
    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str]
    access_key: Mapped[str | None]
    secret_key: Mapped[str | None]
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    check: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


def connect(url: str) -> sa.Engine:
    """Connect to the database, and create the tables that do not exist."""
    engine = sa.create_engine(url, hide_parameters=True)  # keeps keys out of errors
    Base.metadata.create_all(engine)
    return engine

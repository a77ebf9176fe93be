"""The desk's own tables: orders, their lines, the artwork the lines got, and the storage a merchant chose."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

import remote_artwork as ra


def utc_now() -> datetime:
    return datetime.now(UTC)


class MomentInUtc(sa.types.TypeDecorator[datetime]):
    """A point in time; SQLite keeps no time zone, so it is put back."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class Base(DeclarativeBase):
    """Holds the tables' definitions."""


NEVER_AGAIN = {"sqlite_autoincrement": True}
"""SQLite would give the id of a deleted row to the next one, and an order in hand would become another."""


class OrderRow(Base):
    """One order. ``fulfillment_key`` is written with the state, in one transaction: that makes a repeat harmless."""

    __tablename__ = "orders"
    __table_args__ = NEVER_AGAIN
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    customer: Mapped[str]
    state: Mapped[str] = mapped_column(default=ra.OrderState.PENDING.value, index=True)
    placed_at: Mapped[datetime] = mapped_column(MomentInUtc, default=utc_now)
    fulfilled_at: Mapped[datetime | None] = mapped_column(MomentInUtc)
    fulfillment_key: Mapped[str | None] = mapped_column(unique=True)
    lines: Mapped[list[LineRow]] = relationship(order_by="LineRow.position", cascade="all, delete-orphan")


class LineRow(Base):
    """One line of an order, and what the last scan said of it."""

    __tablename__ = "lines"
    __table_args__ = NEVER_AGAIN
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("orders.id"), index=True)
    position: Mapped[int]
    title: Mapped[str]
    quantity: Mapped[int] = mapped_column(default=1)
    status: Mapped[str | None]
    reason: Mapped[str | None]
    artwork: Mapped[list[ArtworkRow]] = relationship(order_by="ArtworkRow.id", cascade="all, delete-orphan")


class ArtworkRow(Base):
    """Which file goes on a line. Its URL is a secret for as long as it works, so it is not kept here."""

    __tablename__ = "artwork"
    id: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[int] = mapped_column(sa.ForeignKey("lines.id"), index=True)
    name: Mapped[str]
    placement: Mapped[str]
    version: Mapped[str]


class StorageRow(Base):
    """Where the merchant's files are, and what it is opened with: at most one row, with the id 1.

    The URL may hold an Azure SAS, so it is as secret as the keys. All three lie here in plain text.
    """

    __tablename__ = "storage"
    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str]
    access_key: Mapped[str | None]
    secret_key: Mapped[str | None]
    checked_at: Mapped[datetime] = mapped_column(MomentInUtc)
    check: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


def connect(url: str) -> sa.Engine:
    """An engine whose tables are there."""
    engine = sa.create_engine(url, hide_parameters=True)  # an error names no key
    Base.metadata.create_all(engine)
    return engine

"""The orders of all merchants, in one database with an async driver. ``AsyncShop`` is the client of one merchant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import remote_artwork as ra
from remote_artwork.client import ArtworkByItem


class Base(DeclarativeBase):
    """The base of all tables."""

    type_annotation_map = {dict[str, Any]: sa.JSON, list[str]: sa.JSON}  # noqa: RUF012 - SQLAlchemy reads it so


class MerchantRow(Base):
    """A merchant, and where they upload. Keep the keys of real merchants in a secret store."""

    __tablename__ = "merchants"
    id: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str]
    access_key: Mapped[str]
    secret_key: Mapped[str]


class OrderRow(Base):
    """An order of a merchant. One transaction writes its state, key and artwork."""

    __tablename__ = "orders"
    __table_args__ = (sa.Index("orders_by_number", "merchant_id", "number"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_id: Mapped[str] = mapped_column(sa.ForeignKey("merchants.id"))
    number: Mapped[str]
    items: Mapped[list[str]]
    state: Mapped[str] = mapped_column(default=ra.OrderState.PENDING.value)
    fulfillment_key: Mapped[str | None]
    artwork: Mapped[dict[str, Any] | None]


def connect(url: str) -> AsyncEngine:
    """Open the database."""
    return create_async_engine(url, connect_args={"timeout": 30})


@frozen
class AsyncShop:
    """The client of one merchant. All its calls are coroutines, which run on the event loop of the service."""

    engine: AsyncEngine
    merchant_id: str

    recovery = ra.Recovery.IDEMPOTENT
    attaching = ra.Attaching.WITH_FULFILL
    call_limit = timedelta(seconds=60)
    concurrent_calls = 4

    async def pending_orders(self) -> list[ra.Order]:
        return await self._find(OrderRow.state == ra.OrderState.PENDING)

    async def find_orders(self, numbers: Collection[str]) -> list[ra.Order]:
        return await self._find(OrderRow.number.in_(numbers))

    async def get_order(self, order_id: str) -> ra.Order:
        found = await self._find(OrderRow.id == _key(order_id))
        if not found:
            raise ra.OrderGone(f"there is no order with the id {order_id}")
        return found[0]

    async def fulfill(self, order: ra.Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str:
        receipt = f"job-{order.id}"
        files = {number: [artwork.name for artwork in placed] for number, placed in artworks.items()}
        # One statement checks and writes, so only one of two simultaneous calls succeeds.
        send = (
            sa.update(OrderRow)
            .where(OrderRow.id == _key(order.id), OrderRow.merchant_id == self.merchant_id)
            .where(OrderRow.state == ra.OrderState.PENDING)
            .values(state=ra.OrderState.FULFILLED, fulfillment_key=idempotency_key, artwork=files)
            .returning(OrderRow.id)
        )
        async with AsyncSession(self.engine) as session, session.begin():
            if await session.scalar(send) is not None:
                return receipt
        now = await self.get_order(order.id)
        if now.fulfillment_key == idempotency_key:
            return receipt
        if now.state is ra.OrderState.FULFILLED:
            raise ra.AlreadyFulfilled(order.number)
        raise ra.NotPending(order.number)

    async def states(self) -> dict[str, str]:
        """Return the state of each order, by its number. No part of the interface of a client."""
        return {order.number: str(order.state) for order in await self._find()}

    async def _find(self, *where: sa.ColumnElement[bool]) -> list[ra.Order]:
        rows = sa.select(OrderRow).where(OrderRow.merchant_id == self.merchant_id, *where).order_by(OrderRow.id)
        async with _reading(self.engine) as session:
            return [_as_order(row) for row in await session.scalars(rows)]


@asynccontextmanager
async def _reading(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """Open a session to read. The library retries if the database is unavailable."""
    try:
        async with AsyncSession(engine) as session:
            yield session
    except sa.exc.OperationalError as error:
        raise ra.Unavailable("the database of the shop does not respond") from error


def _key(order_id: str) -> int:
    if not order_id.isdecimal():
        raise ra.OrderGone(f"there is no order with the id {order_id}")
    return int(order_id)


def _as_order(row: OrderRow) -> ra.Order:
    return ra.Order(
        row.number,
        [ra.OrderItem(number) for number in row.items],
        id=str(row.id),
        state=ra.OrderState(row.state),
        fulfillment_key=row.fulfillment_key,
    )

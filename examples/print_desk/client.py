"""The ``FulfillmentClient`` of the desk. Its orders are in its own database. Each call is one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.orm import Session

import remote_artwork as ra
from print_desk.database import ArtworkRow, LineRow, OrderRow, utc_now
from remote_artwork.client import ArtworkByItem


@frozen
class DeskClient:
    """Implements ``ra.FulfillmentClient``.

    It is ``IDEMPOTENT``: a transaction that did not commit has no effect, and a committed one stores the idempotency
    key, so a repeated call changes nothing.
    """

    engine: sa.Engine

    recovery = ra.Recovery.IDEMPOTENT
    attaching = ra.Attaching.SEPARATE
    call_limit = timedelta(seconds=30)
    concurrent_calls = 1  # a database in a file has one writer; with a database server, several calls may run at once

    def pending_orders(self) -> Iterable[ra.Order]:
        return self._find(OrderRow.state == ra.OrderState.PENDING)

    def find_orders(self, numbers: Collection[str]) -> Iterable[ra.Order]:
        return self._find(OrderRow.number.in_(numbers))

    def get_order(self, order_id: str) -> ra.Order:
        with self._read_session() as session:
            return _as_order(_order(session, order_id))

    def attach_artwork(
        self, order: ra.Order, item: ra.OrderItem, artworks: Sequence[ra.Artwork], *, idempotency_key: str
    ) -> None:
        with Session(self.engine) as session, session.begin():
            row = _order(session, order.id)
            if row.state != ra.OrderState.PENDING:
                raise ra.NotPending(f"order {row.number} is {row.state}")
            line = next((line for line in row.lines if str(line.id) == item.id), None)
            if line is None:
                raise ra.ItemNotFound(f"order {row.number} has no line {item.number}")
            line.artwork = [ArtworkRow(name=art.name, placement=art.placement, version=art.version) for art in artworks]

    def fulfill(self, order: ra.Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        receipt = f"desk-{order.id}"
        # One statement checks and writes, so only one of two simultaneous calls succeeds.
        mark_fulfilled = (
            sa.update(OrderRow)
            .where(OrderRow.id == _key(order.id), OrderRow.state == ra.OrderState.PENDING)
            .values(state=ra.OrderState.FULFILLED, fulfillment_key=idempotency_key, fulfilled_at=utc_now())
            .returning(OrderRow.id)
        )
        with Session(self.engine) as session, session.begin():
            if session.scalar(mark_fulfilled) is not None:
                return receipt
            row = _order(session, order.id)
            if row.fulfillment_key == idempotency_key:
                return receipt
            if row.state == ra.OrderState.FULFILLED:
                raise ra.AlreadyFulfilled(f"order {row.number} is fulfilled already")
            raise ra.NotPending(f"order {row.number} is {row.state}")

    def _find(self, where: sa.ColumnElement[bool]) -> list[ra.Order]:
        with self._read_session() as session:
            return [_as_order(row) for row in session.scalars(sa.select(OrderRow).where(where).order_by(OrderRow.id))]

    @contextmanager
    def _read_session(self) -> Iterator[Session]:
        """Open a session to read. The library retries if the database is unavailable.

        Writes do not use it: after a failed write, it is unknown whether the write took effect.
        """
        try:
            with Session(self.engine) as session:
                yield session
        except sa.exc.OperationalError as error:
            raise ra.Unavailable("the database of the desk does not respond") from error


def _key(order_id: str) -> int:
    if not order_id.isdecimal():
        raise ra.OrderGone(f"there is no order with the id {order_id}")
    return int(order_id)


def _order(session: Session, order_id: str) -> OrderRow:
    row = session.get(OrderRow, _key(order_id))
    if row is None:
        raise ra.OrderGone(f"there is no order with the id {order_id}")
    return row


def _as_order(row: OrderRow) -> ra.Order:
    return ra.Order(
        row.number,
        [_as_item(line) for line in row.lines],
        id=str(row.id),
        state=ra.OrderState(row.state),
        created_at=row.placed_at,
        fulfillment_key=row.fulfillment_key,
    )


def _as_item(line: LineRow) -> ra.OrderItem:
    return ra.OrderItem(str(line.position), id=str(line.id), position=line.position, quantity=line.quantity)

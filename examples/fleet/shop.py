"""The ``FulfillmentClient`` of one merchant: orders in the platform's database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa
from attrs import frozen

import remote_artwork as ra
from fleet.database import CALLS, ORDERS
from remote_artwork.client import ArtworkByItem

PENDING = ORDERS.c.state == ra.OrderState.PENDING.value


@frozen
class MerchantOrders:
    """Implements ``ra.FulfillmentClient``. Each call is one transaction."""

    engine: sa.Engine
    merchant: str

    recovery = ra.Recovery.QUERYABLE
    attaching = ra.Attaching.WITH_FULFILL
    call_limit = timedelta(seconds=30)
    concurrent_calls = 2
    numbers_unique = True

    def pending_orders(self) -> Iterable[ra.Order]:
        return self._orders(PENDING)

    def find_orders(self, numbers: Collection[str]) -> Iterable[ra.Order]:
        return self._orders(ORDERS.c.number.in_(numbers))

    def get_order(self, order_id: str) -> ra.Order:
        found = self._orders(ORDERS.c.number == order_id)
        if not found:
            raise ra.OrderGone(f"merchant {self.merchant} has no order {order_id}")
        return found[0]

    def fulfill(self, order: ra.Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str:
        call = sa.insert(CALLS).values(merchant=self.merchant, number=order.number).returning(CALLS.c.id)
        waits = (ORDERS.c.merchant == self.merchant) & (ORDERS.c.number == order.number) & PENDING
        values = {"state": ra.OrderState.FULFILLED.value, "fulfillment_key": idempotency_key}
        with self.engine.begin() as connection:
            receipt = f"print-{connection.scalar(call)}"
            updated = connection.execute(sa.update(ORDERS).where(waits).values(values)).rowcount
        if not updated:
            raise ra.NotPending(f"order {order.number} does not wait any more")
        return receipt

    def _orders(self, condition: sa.ColumnElement[bool]) -> list[ra.Order]:
        columns = sa.select(ORDERS.c.number, ORDERS.c.state, ORDERS.c.fulfillment_key)
        with self._reading() as connection:
            rows = connection.execute(columns.where(ORDERS.c.merchant == self.merchant, condition)).all()
        return [
            ra.Order(number, [ra.OrderItem("1")], state=ra.OrderState(state), fulfillment_key=key)
            for number, state, key in rows
        ]

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        """Open a connection to read. The library retries if the database is unavailable."""
        try:
            with self.engine.connect() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            raise ra.Unavailable("the database of the platform does not respond") from error

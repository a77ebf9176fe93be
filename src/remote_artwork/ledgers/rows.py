"""From the ledger's rows to its records, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import attrs
from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.engine import Row

from remote_artwork.core.lifecycle import FileRecord, FulfillState, ItemRecord, ItemState, OrderKey, OrderRecord
from remote_artwork.ledgers.dialects import DatabaseNow
from remote_artwork.ledgers.schema import items, orders

_KEY = ("tenant", "order_id", "approval")
_PLAIN = ("order_number", "state", "receipt", "work", "reason")


def select_records(condition: ColumnElement[bool]) -> Select[Any]:
    """One statement for orders with their items, so that both are seen at one moment; a row an item."""
    beside = and_(*(orders.c[name] == items.c[name] for name in _KEY))
    return (
        select(
            *(orders.c[name] for name in (*_KEY, *_PLAIN, "epoch", "updated_at")),
            (DatabaseNow() - orders.c.intent_at).label("intent_age"),
            items.c.item_number,
            items.c.state.label("item_state"),
            items.c.files,
            items.c.reason.label("item_reason"),
            items.c.checks,
            items.c.expires_at,
        )
        .select_from(orders.outerjoin(items, beside))
        .where(condition)
        .order_by(*(orders.c[name] for name in _KEY), items.c.item_number)
    )


def records(rows: Iterable[Row[Any]]) -> Iterator[tuple[OrderRecord, int]]:
    """The record and the epoch of each order in the rows of ``select_records``."""
    for key, group in groupby(rows, key=lambda row: (row.tenant, row.order_id, row.approval)):
        of_order = list(group)
        first = of_order[0]
        yield _record(OrderKey(*key), first, of_order), first.epoch


def _record(key: OrderKey, row: Row[Any], of_order: Iterable[Row[Any]]) -> OrderRecord:
    return OrderRecord(
        key=key,
        order_number=row.order_number,
        state=FulfillState(row.state),
        items={one.item_number: _item(one) for one in of_order if one.item_number is not None},
        receipt=row.receipt,
        work=row.work,
        reason=row.reason,
        # A clock that was set back must not make an age negative.
        intent_age=None if row.intent_age is None else timedelta(seconds=max(0.0, row.intent_age)),
        updated_at=datetime.fromtimestamp(row.updated_at, UTC),
    )


def _item(row: Row[Any]) -> ItemRecord:
    return ItemRecord(
        item_number=row.item_number,
        state=ItemState(row.item_state),
        files=tuple(FileRecord(**file) for file in row.files),
        reason=row.item_reason,
        checks=row.checks,
        expires_at=None if row.expires_at is None else datetime.fromtimestamp(row.expires_at, UTC),
    )


def as_json(files: Iterable[FileRecord]) -> list[dict[str, Any]]:
    """What the ``files`` column holds."""
    return [attrs.asdict(file) for file in files]


def storable(text: str) -> str:
    """A host's words, with what no database takes replaced: half characters, and NUL for PostgreSQL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")

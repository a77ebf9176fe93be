"""From the ledger's rows to its records, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import attrs
from sqlalchemy import ColumnElement, Select, and_, select

from remote_artwork.core.lifecycle import FileRecord, FulfillState, ItemRecord, ItemState, OrderKey, OrderRecord
from remote_artwork.ledgers.dialects import DatabaseNow
from remote_artwork.ledgers.schema import items, orders

_KEY = ("tenant", "order_id", "approval")
_PLAIN = ("order_number", "state", "receipt", "work", "reason", "settled_by", "call_limit")
_ITEM = len(_KEY) + len(_PLAIN) + 3
"""Where the item's columns begin in a row of ``select_records``: after epoch, time of change and age of the intent."""

_FULFILL_STATES = {str(state): state for state in FulfillState}
_ITEM_STATES = {str(state): state for state in ItemState}


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
        )
        .select_from(orders.outerjoin(items, beside))
        .where(condition)
        .order_by(*(orders.c[name] for name in _KEY), items.c.item_number)
    )


class DamagedRow(Exception):
    """A row holds what no release has written."""


def records(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[OrderRecord, int]]:
    """The record and the epoch of each order in the rows of ``select_records``.

    Raises:
        DamagedRow: One cannot be read.
    """
    try:
        yield from _records(rows)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise DamagedRow(f"a row cannot be read: {type(error).__name__}: {error}") from error


def _records(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[OrderRecord, int]]:
    for key, group in groupby(rows, key=itemgetter(0, 1, 2)):
        of_order = list(group)
        _tenant, _order_id, _approval, *plain, epoch, updated_at, age = of_order[0][:_ITEM]
        number, state, receipt, work, reason, settled_by, call_limit = plain
        record = OrderRecord(
            key=OrderKey(*key),
            order_number=number,
            state=_FULFILL_STATES[state],
            items={row[_ITEM]: _item(*row[_ITEM:]) for row in of_order if row[_ITEM] is not None},
            receipt=receipt,
            work=work,
            reason=reason,
            settled_by=settled_by,
            call_limit=None if call_limit is None else timedelta(seconds=call_limit),
            # A clock that was set back must not make an age negative.
            intent_age=None if age is None else timedelta(seconds=max(0.0, age)),
            updated_at=datetime.fromtimestamp(updated_at, UTC),
        )
        yield record, epoch


def _item(number: str, state: str, files: list[dict[str, Any]], reason: str, checks: str) -> ItemRecord:
    return ItemRecord(
        item_number=number,
        state=_ITEM_STATES[state],
        files=tuple(FileRecord(**file) for file in files),
        reason=reason,
        checks=checks,
    )


def as_json(files: Iterable[FileRecord]) -> list[dict[str, Any]]:
    """What the ``files`` column holds."""
    return [attrs.asdict(file) for file in files]

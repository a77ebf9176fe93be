"""Converts between rows of the ledger's table and the library's records."""

from datetime import datetime, timedelta
from typing import Any

import attrs

from artwork.models import LedgerRow
from remote_artwork.ledgers import FileRecord, FulfillState, ItemRecord, ItemState, OrderKey, OrderRecord
from remote_artwork.reports import Reason


def record_of(row: LedgerRow) -> OrderRecord:
    """Creates the record of a row. The query must annotate the row with ``now``, the database's clock."""
    return OrderRecord(
        key=OrderKey(row.tenant, row.order_id, row.approval),
        order_number=row.order_number,
        state=FulfillState(row.state),
        items={number: _item_of(data) for number, data in row.items.items()},
        receipt=row.receipt,
        work=row.work,
        reason=Reason.from_json(row.reason),
        settled_by=row.settled_by,
        call_limit=row.call_limit,
        intent_age=None if row.intent_at is None else max(row.now - row.intent_at, timedelta(0)),
        updated_at=row.updated_at,
        sent_files=tuple(FileRecord(**file) for file in row.sent_files),
        attached_files=tuple(FileRecord(**file) for file in row.attached_files),
        review_files=row.review_files,
        accepted_by=row.accepted_by,
    )


def fields_of(record: OrderRecord, *, now: datetime) -> dict[str, Any]:
    """The row's fields that store a record."""
    return {
        "state": record.state,
        "items": {number: _item_data(item) for number, item in record.items.items()},
        "receipt": record.receipt,
        "work": record.work,
        "reason": record.reason.to_json() if record.reason else "",
        "settled_by": record.settled_by,
        "call_limit": record.call_limit,
        "intent_at": None if record.intent_age is None else now - record.intent_age,
        "updated_at": now,
        "sent_files": [attrs.asdict(file) for file in record.sent_files],
        "attached_files": [attrs.asdict(file) for file in record.attached_files],
        "review_files": record.review_files,
        "accepted_by": record.accepted_by,
        "unresolved": record.is_unresolved,
    }


def _item_data(item: ItemRecord) -> dict[str, Any]:
    return attrs.asdict(item) | {"reason": item.reason.to_dict() if item.reason else None}


def _item_of(data: dict[str, Any]) -> ItemRecord:
    return ItemRecord(
        **data
        | {
            "state": ItemState(data["state"]),
            "files": tuple(FileRecord(**file) for file in data["files"]),
            "reason": Reason(**data["reason"]) if data["reason"] else None,
        }
    )

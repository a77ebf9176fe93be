"""Converts between the rows of the ledger's tables and the library's records."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from attrs import frozen

from remote_artwork.core.lifecycle import (
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    OrderKey,
    OrderRecord,
    file_key,
)
from remote_artwork.core.reasons import Reason
from remote_artwork.ledgers.errors import InvalidRow

KEY = ("tenant", "order_id", "approval")
ORDER_COLUMNS = (
    *KEY,
    "order_number",
    "state",
    "receipt",
    "work",
    "reason",
    "settled_by",
    "call_limit",
    "updated_at",
    "sent_files",
    "attached_files",
    "review_files",
    "accepted_by",
    "lease_owner",
    "epoch",
    "version",
)
ITEM_COLUMNS = ("item_number", "state", "files", "reason", "checks")
_AGE = len(ORDER_COLUMNS)
_ITEM = _AGE + 1
"""A selected row has the columns of the order, the age of its last intent, and the columns of one item."""

_KEY_OF_ROW = itemgetter(*range(len(KEY)))
_SORTING = itemgetter(*range(len(KEY)), _ITEM)

_FULFILL_STATES = {str(state): state for state in FulfillState}
_ITEM_STATES = {str(state): state for state in ItemState}


@frozen(kw_only=True)
class OrderRow:
    """An order's row with its lease, as it is when its ``version`` is in the database.

    ``SqlLedger`` remembers the rows of its leases, as it last wrote them. This saves a query for each write. The
    version shows whether such a row is still current.
    """

    record: OrderRecord
    owner: str | None
    epoch: int
    version: int


_UNREADABLE = (ArithmeticError, LookupError, TypeError, ValueError)
"""What reading a damaged row raises."""


def _invalid_row(error: Exception, of: str = "") -> InvalidRow:
    return InvalidRow(f"a row{of} cannot be read: {type(error).__name__}: {error}")


def read_rows(selected: list[tuple[Any, ...]]) -> Iterator[OrderRow]:
    """Build the rows of orders, sorted by their keys. ``selected`` has a row for each item, in any sequence.

    Raises:
        InvalidRow: A row cannot be read.
    """
    for _, of_order in groupby(sorted(selected, key=_SORTING), key=_KEY_OF_ROW):
        yield _read_row(list(of_order))


def read_rows_without_items(selected: Iterable[tuple[Any, ...]]) -> list[OrderRow]:
    """Build the rows of orders from ``selected``, which has no columns of items.

    Raises:
        InvalidRow: A row cannot be read.
    """
    return [_read_row([(*row, None)]) for row in selected]


def _read_row(rows: Sequence[tuple[Any, ...]]) -> OrderRow:
    of_order = rows[0]
    try:
        return _order_row(of_order, [row[_ITEM:] for row in rows] if of_order[_ITEM] is not None else ())
    except _UNREADABLE as error:
        raise _invalid_row(error, f" of the order with the id {of_order[1]!r}") from error


def _order_row(columns: Sequence[Any], items: Iterable[Sequence[Any]]) -> OrderRow:
    """Build the row of an order from its columns, the age of its intent, and the columns of its items."""
    tenant, order_id, approval, number, state, receipt, work, reason, settled_by, call_limit, *rest = columns[:_ITEM]
    updated_at, sent_files, attached_files, review_files, accepted_by, owner, epoch, version, age = rest
    record = OrderRecord(
        key=OrderKey(tenant, order_id, approval),
        order_number=number,
        state=_FULFILL_STATES[state],
        items={item[0]: _item(*item) for item in items},
        receipt=receipt,
        work=work,
        reason=Reason.from_json(reason) if reason else None,
        settled_by=settled_by,
        call_limit=None if call_limit is None else timedelta(seconds=call_limit),
        # If the clock was set back, the age must not be negative.
        intent_age=None if age is None else timedelta(seconds=max(0.0, age)),
        updated_at=datetime.fromtimestamp(updated_at, UTC),
        sent_files=read_files(sent_files),
        attached_files=read_files(attached_files),
        review_files=review_files,
        accepted_by=accepted_by,
    )
    return OrderRow(record=record, owner=owner, epoch=epoch, version=version)


def _item(number: str, state: str, files: str, reason: str, checks: str) -> ItemRecord:
    return ItemRecord(
        item_number=number,
        state=_ITEM_STATES[state],
        files=read_files(files),
        reason=Reason.from_json(reason) if reason else None,
        checks=checks,
    )


_DECODER = json.JSONDecoder()


def read_files(text: str) -> tuple[FileRecord, ...]:
    """Read what ``files_text`` wrote."""
    if text == "[]":
        return ()
    files, end = _DECODER.raw_decode(text)  # faster than json.loads, which looks for spaces
    if end != len(text):
        raise ValueError("text follows the files")
    return tuple([FileRecord(**columns) for columns in files])


def read_file(text: str) -> FileRecord:
    """Read what ``file_text`` wrote.

    Raises:
        InvalidRow: The row cannot be read.
    """
    try:
        return FileRecord(**_DECODER.raw_decode(text)[0])
    except _UNREADABLE as error:
        raise _invalid_row(error) from error


def file_text(file: FileRecord) -> str:
    """A file as JSON."""
    return json.dumps(_columns(file))


def files_text(files: Sequence[FileRecord]) -> str:
    """Files as JSON."""
    return json.dumps([_columns(file) for file in files]) if files else "[]"


def _columns(file: FileRecord) -> dict[str, Any]:
    return {
        "placement": file.placement,
        "name": file.name,
        "size": file.size,
        "etag": file.etag,
        "version_id": file.version_id,
        "changed_at": file.changed_at,
        "path_key": file.path_key,
        "sha256": file.sha256,
    }


def reason_text(reason: Reason | None) -> str:
    """A reason as JSON; empty if there is none."""
    return reason.to_json() if reason else ""


def item_columns(key: OrderKey, item: ItemRecord) -> tuple[Any, ...]:
    """The row of an item: its key and ``ITEM_COLUMNS``."""
    return (
        *(key.tenant, key.order_id, key.approval, item.item_number),
        *(str(item.state), files_text(item.files), reason_text(item.reason), item.checks),
    )


USED_FILE_COLUMNS = ("id", "tenant", "file_key", "path_key", "order_id", "approval", "order_number", "file", "attached")

UsedFile = tuple[FileRecord, bool]
"""A file that was printed for an order or may have been, and whether an attach call used it."""


def used_files_of(record: OrderRecord) -> dict[UsedFile, None]:
    """The files that were used for an order, in order."""
    return dict.fromkeys(
        [*((file, False) for file in record.sent_files), *((file, True) for file in record.attached_files)]
    )


def used_file_columns(record: OrderRecord, used: UsedFile) -> tuple[Any, ...]:
    """The row of a file that was used for an order: ``USED_FILE_COLUMNS``."""
    file, attached = used
    return (
        used_file_id(record.key, used),
        record.key.tenant,
        lookup_digest(file_key(file.name)),
        lookup_digest(file.path_key) if file.path_key else None,
        *(record.key.order_id, record.key.approval, record.order_number, file_text(file), attached),
    )


FOUND_FILE_COLUMNS = (*KEY, "order_number", "forgotten_state", "attached", "file")


def read_used_files(selected: Iterable[Sequence[Any]]) -> tuple[set[OrderKey], list[OrderRecord]]:
    """The orders with a row, and the records of forgotten orders, from rows of ``FOUND_FILE_COLUMNS``.

    Raises:
        InvalidRow: A row cannot be read.
    """
    keys: set[OrderKey] = set()
    groups: defaultdict[tuple[OrderKey, str, FulfillState], dict[bool, dict[FileRecord, None]]] = defaultdict(dict)
    try:
        for tenant, order_id, approval, number, state, attached, file in selected:
            key = OrderKey(tenant, order_id, approval)
            if state is None:
                keys.add(key)
            else:
                files = groups[key, number, _FULFILL_STATES[state]].setdefault(bool(attached), {})
                files[FileRecord(**json.loads(file))] = None
    except _UNREADABLE as error:
        raise _invalid_row(error) from error
    return keys, [
        OrderRecord(
            key=key,
            order_number=number,
            state=state,
            sent_files=tuple(files.get(False, ())),
            attached_files=tuple(files.get(True, ())),
            forgotten=True,
        )
        for (key, number, state), files in groups.items()
    ]


def used_file_id(key: OrderKey, used: UsedFile) -> str:
    """The id of the row of a file that was used for an order."""
    file, attached = used
    parts = (key.tenant, key.order_id, key.approval, _columns(file), attached)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def lookup_digest(key: str) -> str:
    """The text under which a file is found by one of its ``lookup_keys``, which can be longer than an index allows."""
    return hashlib.sha256(key.encode()).hexdigest()

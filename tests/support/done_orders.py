"""A ledger that remembers many orders that are done."""

import time
from datetime import timedelta

from sqlalchemy import insert

import remote_artwork as ra
from remote_artwork.core.lifecycle import FileRecord, OrderKey, OrderRecord
from remote_artwork.ledgers.rows import USED_FILE_COLUMNS, used_file_columns
from remote_artwork.ledgers.schema import items, orders, used_files

ROWS_AT_ONCE = 10_000


def remember_done(ledger: ra.SqlLedger, count: int, tenant: str = "default") -> None:
    """Orders ``0`` and so on, with ids of the same names, each fulfilled with one file, ``0_1.jpg`` and so on."""
    ledger.forget(tenant, still_pending=(), min_age=timedelta(hours=1), silent_scans=1)  # makes the tables
    now = time.time()
    with ledger.database.engine.begin() as connection:
        for first in range(0, count, ROWS_AT_ONCE):
            numbers = [str(number) for number in range(first, min(first + ROWS_AT_ONCE, count))]
            common = {"tenant": tenant, "approval": "", "reason": "", "updated_at": now}
            done = {"state": "fulfilled", "epoch": 1, "seen_in_scan": 0, **common}
            connection.execute(
                insert(orders),
                [{"order_id": n, "order_number": n, "sent_files": files_from_items(n), **done} for n in numbers],
            )
            attached = {"item_number": "1", "state": "attached", "checks": "", **common}
            connection.execute(
                insert(items), [{"order_id": n, "files": files_from_items(n), **attached} for n in numbers]
            )
            connection.execute(insert(used_files), [used_file(tenant, n) for n in numbers])


def used_file(tenant: str, number: str) -> dict:
    file = files_from_items(number)[0]
    record = OrderRecord(key=OrderKey(tenant, number), order_number=number)
    columns = used_file_columns(record, (FileRecord(**file), False))
    return dict(zip(USED_FILE_COLUMNS, columns, strict=True)) | {"file": file}


def files_from_items(number: str) -> list[dict]:
    return [{"placement": "default", "name": f"{number}_1.jpg", "size": 1, "etag": "e", "version_id": None}]

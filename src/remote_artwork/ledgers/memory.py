"""A ledger in memory, for tests and trials. Its content is lost when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from attrs import evolve, frozen

from remote_artwork.core.lifecycle import (
    UNRESOLVED_STATES,
    FulfillState,
    Lease,
    OrderKey,
    OrderRecord,
    Step,
    advance_record,
    lease_lost,
)


def _now() -> datetime:
    return datetime.now(UTC)


@frozen(kw_only=True)
class _Row:
    record: OrderRecord
    last_listed_scan: int
    last_listed_at: datetime
    epoch: int = 0
    owner: str | None = None
    lease_until: datetime
    intent_at: datetime | None = None


class MemoryLedger:
    """A ``Ledger`` in the memory of this process. It is thread-safe.

    Do not use it in production: after a restart it is empty, and the library could send an order twice.

    Args:
        clock: Returns the current time with a time zone. Tests pass their own clock.
    """

    def __init__(self, *, clock: Callable[[], datetime] = _now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[OrderKey, _Row] = {}
        self._full_scans: dict[str, int] = {}

    def claim(self, key: OrderKey, *, order_number: str, owner: str, lease_for: timedelta) -> Lease | None:
        """See ``Ledger.claim``."""
        with self._lock:
            now = self._clock()
            row = self._rows.get(key) or _Row(
                record=OrderRecord(key=key, order_number=order_number, updated_at=now),
                last_listed_scan=self._full_scans.get(key.tenant, 0),
                last_listed_at=now,
                lease_until=now,
            )
            if row.owner not in (None, owner) and row.lease_until > now:
                return None
            self._rows[key] = row = evolve(
                row,
                record=evolve(row.record, order_number=order_number),
                owner=owner,
                lease_until=now + lease_for,
                epoch=row.epoch + 1,
            )
            return Lease(record=_record_at(row, now), owner=owner, epoch=row.epoch, lasts=lease_for)

    def advance(self, lease: Lease, steps: Sequence[Step], *, release: bool = False) -> None:
        """See ``Ledger.advance``. An expired lease may still write if no other worker has claimed the order since."""
        with self._lock:
            now = self._clock()
            row = self._rows.get(lease.key)
            if row is None:
                raise lease_lost(lease.key)
            record = advance_record(
                _record_at(row, now),
                steps,
                lease=lease,
                owner=row.owner,
                epoch=row.epoch,
                now=now,
                release=release,
            )
            self._rows[lease.key] = evolve(
                row,
                record=record,
                owner=None if release else lease.owner,
                lease_until=now + lease.lasts,
                intent_at=None if record.intent_age is None else now - record.intent_age,
            )

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        """See ``Ledger.find``. With both ids and numbers, finds orders that match one of the two."""
        ids, numbers = frozenset(order_ids or ()), frozenset(order_numbers or ())
        all_orders = order_ids is None and order_numbers is None
        with self._lock:
            now = self._clock()
            return [
                _record_at(row, now)
                for key, row in self._rows.items()
                if key.tenant == tenant
                and (all_orders or key.order_id in ids or row.record.order_number in numbers)
                and state in (None, row.record.state)
            ]

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_passes: int) -> int:
        """See ``Ledger.forget``. Also keeps orders with an active lease."""
        pending = frozenset(still_pending)
        with self._lock:
            now = self._clock()
            scan_number = self._full_scans[tenant] = self._full_scans.get(tenant, 0) + 1
            rows = {key: row for key, row in self._rows.items() if key.tenant == tenant}
            self._rows.update(
                {
                    key: evolve(row, last_listed_scan=scan_number, last_listed_at=now)
                    for key, row in rows.items()
                    if key.order_id in pending
                }
            )
            expired = [
                key
                for key, row in rows.items()
                if key.order_id not in pending
                and scan_number - row.last_listed_scan >= silent_passes
                and row.last_listed_at <= now - min_age
                and row.record.updated_at is not None
                and row.record.updated_at <= now - min_age
                and row.record.state not in UNRESOLVED_STATES
                and (row.owner is None or row.lease_until <= now)
            ]
            for key in expired:
                del self._rows[key]
            return len(expired)


def _record_at(row: _Row, now: datetime) -> OrderRecord:
    return evolve(row.record, intent_age=None if row.intent_at is None else now - row.intent_at)

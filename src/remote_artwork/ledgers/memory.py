"""A ledger in memory, for tests and dry experiments. It forgets everything when the process ends."""

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
    taken_over,
)


def _now() -> datetime:
    return datetime.now(UTC)


@frozen(kw_only=True)
class _Row:
    record: OrderRecord
    named_pass: int
    named_at: datetime
    epoch: int = 0
    owner: str | None = None
    lease_until: datetime
    intent_at: datetime | None = None


class MemoryLedger:
    """A ``Ledger`` that lives in this process only.

    Never use it where an order must not be printed twice: a restarted process knows nothing of what was sent.
    Any number of threads may call it.

    Args:
        clock: Tells the time, with a time zone; tests pass their own.
    """

    def __init__(self, *, clock: Callable[[], datetime] = _now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[OrderKey, _Row] = {}
        self._passes: dict[str, int] = {}

    def claim(self, key: OrderKey, *, order_number: str, owner: str, lease_for: timedelta) -> Lease | None:
        """See ``Ledger.claim``."""
        with self._lock:
            now = self._clock()
            row = self._rows.get(key) or _Row(
                record=OrderRecord(key=key, order_number=order_number, updated_at=now),
                named_pass=self._passes.get(key.tenant, 0),
                named_at=now,
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
            return Lease(record=_as_of(row, now), owner=owner, epoch=row.epoch, lasts=lease_for)

    def advance(self, lease: Lease, steps: Sequence[Step], *, release: bool = False) -> None:
        """See ``Ledger.advance``. A lease that ended but that nobody took over may still write: its epoch is newest."""
        with self._lock:
            now = self._clock()
            row = self._rows.get(lease.key)
            if row is None:
                raise taken_over(lease.key)
            record = advance_record(
                _as_of(row, now),
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
        """See ``Ledger.find``. Given ids and numbers, an order is found by either."""
        ids, numbers = frozenset(order_ids or ()), frozenset(order_numbers or ())
        everything = order_ids is None and order_numbers is None
        with self._lock:
            now = self._clock()
            return [
                _as_of(row, now)
                for key, row in self._rows.items()
                if key.tenant == tenant
                and (everything or key.order_id in ids or row.record.order_number in numbers)
                and state in (None, row.record.state)
            ]

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_passes: int) -> int:
        """See ``Ledger.forget``. Orders under a running lease stay too."""
        pending = frozenset(still_pending)
        with self._lock:
            now = self._clock()
            this_pass = self._passes[tenant] = self._passes.get(tenant, 0) + 1
            ours = {key: row for key, row in self._rows.items() if key.tenant == tenant}
            self._rows.update(
                {
                    key: evolve(row, named_pass=this_pass, named_at=now)
                    for key, row in ours.items()
                    if key.order_id in pending
                }
            )
            gone = [
                key
                for key, row in ours.items()
                if key.order_id not in pending
                and this_pass - row.named_pass >= silent_passes
                and row.named_at <= now - min_age
                and row.record.updated_at is not None
                and row.record.updated_at <= now - min_age
                and row.record.state not in UNRESOLVED_STATES
                and (row.owner is None or row.lease_until <= now)
            ]
            for key in gone:
                del self._rows[key]
            return len(gone)


def _as_of(row: _Row, now: datetime) -> OrderRecord:
    return evolve(row.record, intent_age=None if row.intent_at is None else now - row.intent_at)

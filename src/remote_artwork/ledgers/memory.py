"""``MemoryLedger``: a ledger in memory, for tests and experiments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from attrs import evolve, frozen

from remote_artwork.core.alerts import AlertRecord
from remote_artwork.core.lifecycle import (
    FileRecord,
    FulfillState,
    Lease,
    LedgerWrite,
    OrderClaim,
    OrderKey,
    OrderRecord,
    apply_write,
    file_key,
    forgotten_record,
    lease_lost,
    lookup_keys,
)
from remote_artwork.errors import LeaseLost, LedgerError
from remote_artwork.locks import ProcessLock

_NEVER = datetime.min.replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)


@frozen(kw_only=True)
class _Row:
    record: OrderRecord
    seen_in_scan: int
    seen_at: datetime
    epoch: int = 0
    owner: str | None = None
    lease_until: datetime
    intent_at: datetime | None = None


class MemoryLedger:
    """A ``Ledger`` and an ``AlertStore`` in the memory of this process. Any number of threads may use it.

    It is lost when the process ends, and then every order is sent again. Use it only in tests and demos.

    Args:
        clock: Returns the time, with a time zone.
    """

    def __init__(self, *, clock: Callable[[], datetime] = _now) -> None:
        self._clock = clock
        self._lock = ProcessLock()
        self._rows: dict[OrderKey, _Row] = {}
        self._forgotten: list[OrderRecord] = []
        self._scans: dict[str, int] = {}
        self._alerts: dict[tuple[str, str], AlertRecord] = {}
        self._claims: dict[tuple[str, str], datetime] = {}

    def claim(
        self, orders: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> list[Lease | LedgerError | None]:
        """See ``Ledger.claim``."""
        with self._lock:
            now = self._clock()
            return [self._claim(order, owner, lease_for, now) for order in orders]

    def _claim(self, order: OrderClaim, owner: str, lease_for: timedelta, now: datetime) -> Lease | None:
        key, number = order.key, order.order_number
        row = self._rows.get(key) or _Row(
            record=OrderRecord(key=key, order_number=number, updated_at=now),
            seen_in_scan=self._scans.get(key.tenant, 0),
            seen_at=now,
            lease_until=now,
        )
        if row.owner not in (None, owner) and row.lease_until > now:
            return None
        self._rows[key] = row = evolve(
            row,
            record=evolve(row.record, order_number=number),
            owner=owner,
            lease_until=now + lease_for,
            epoch=row.epoch + 1,
        )
        return Lease(record=_record(row, now), owner=owner, epoch=row.epoch, duration=lease_for)

    def advance(self, writes: Sequence[LedgerWrite]) -> list[LedgerError | None]:
        """See ``Ledger.advance``. A lease that has ended may still write if no other scanner has claimed the order."""
        with self._lock:
            now = self._clock()
            return [self._advance(write, now) for write in writes]

    def _advance(self, write: LedgerWrite, now: datetime) -> LeaseLost | None:
        row = self._rows.get(write.key)
        if row is None:
            return lease_lost(write.key)
        before = _record(row, now)
        try:
            record = apply_write(before, write, owner=row.owner, epoch=row.epoch)
        except LeaseLost as error:
            return error
        self._rows[write.key] = evolve(
            row,
            record=record if record is before else evolve(record, updated_at=now),
            owner=None if write.release else write.lease.owner,
            lease_until=now + write.lease.duration,
            intent_at=None if record.intent_age is None else now - record.intent_age,
        )
        return None

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        file_names: Collection[str] | None = None,
        unresolved: bool = False,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        """See ``Ledger.find``. It returns the orders that have one of the ids, numbers or files."""
        ids, numbers = frozenset(order_ids or ()), frozenset(order_numbers or ())
        files = frozenset(map(file_key, file_names or ()))
        all_orders = order_ids is None and order_numbers is None and file_names is None and not unresolved
        with self._lock:
            now = self._clock()
            found = [
                _record(row, now)
                for key, row in self._rows.items()
                if all_orders
                or key.order_id in ids
                or row.record.order_number in numbers
                or _has_used_any(row.record, files)
                or (unresolved and row.record.is_unresolved)
            ]
            found += [record for record in self._forgotten if _has_used_any(record, files)]
            return [record for record in found if record.key.tenant == tenant and state in (None, record.state)]

    def find_used_files(self, tenant: str, names: Collection[str]) -> list[FileRecord]:
        """See ``Ledger.find_used_files``."""
        keys = frozenset(map(file_key, names))
        with self._lock:
            records = [*(row.record for row in self._rows.values()), *self._forgotten]
        used = [file for record in records if record.key.tenant == tenant for file in record.used_files]
        return [file for file in used if file_key(file.name) in keys]

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_scans: int) -> int:
        """See ``Ledger.forget``. Orders with a running lease are kept, too."""
        pending = frozenset(still_pending)
        with self._lock:
            now = self._clock()
            this_scan = self._scans[tenant] = self._scans.get(tenant, 0) + 1
            rows = {key: row for key, row in self._rows.items() if key.tenant == tenant}
            self._rows.update(
                {
                    key: evolve(row, seen_in_scan=this_scan, seen_at=now)
                    for key, row in rows.items()
                    if key.order_id in pending
                }
            )
            forgotten = [
                key
                for key, row in rows.items()
                if key.order_id not in pending
                and this_scan - row.seen_in_scan >= silent_scans
                and row.seen_at <= now - min_age
                and row.record.updated_at is not None
                and row.record.updated_at <= now - min_age
                and not row.record.is_unresolved
                and (row.owner is None or row.lease_until <= now)
            ]
            for key in forgotten:
                record = self._rows.pop(key).record
                if record.used_files:
                    self._forgotten.append(forgotten_record(record))
            return len(forgotten)

    def read_alerts(self, tenant: str, location: str) -> AlertRecord:
        """See ``AlertStore.read_alerts``."""
        with self._lock:
            record = self._alerts.get((tenant, location)) or AlertRecord(tenant=tenant, location=location)
            return evolve(record, is_claimed=self._claims.get((tenant, location), _NEVER) > self._clock())

    def write_alerts(
        self, record: AlertRecord, state: str, *, claim_for: timedelta | None = None
    ) -> AlertRecord | None:
        """See ``AlertStore.write_alerts``."""
        key = (record.tenant, record.location)
        with self._lock:
            stored = self._alerts.get(key)
            if record.version != (stored.version if stored else 0):
                return None
            written = evolve(record, state=state, version=record.version + 1, is_claimed=claim_for is not None)
            self._alerts[key] = written
            self._claims[key] = _NEVER if claim_for is None else self._clock() + claim_for
            return written


def _has_used_any(record: OrderRecord, files: frozenset[str]) -> bool:
    return bool(files) and any(not files.isdisjoint(lookup_keys(file)) for file in record.used_files)


def _record(row: _Row, now: datetime) -> OrderRecord:
    return evolve(row.record, intent_age=None if row.intent_at is None else now - row.intent_at)

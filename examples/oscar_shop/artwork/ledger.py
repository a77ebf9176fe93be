"""The ledger of the scans, in the shop's database."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import attrs
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from artwork.models import LedgerRow, UsedFile
from artwork.records import fields_of, record_of
from remote_artwork.errors import LeaseLost, LedgerUnavailable
from remote_artwork.ledgers import (
    UNRESOLVED_STATES,
    FulfillState,
    Lease,
    OrderKey,
    OrderRecord,
    Step,
    apply_steps,
    file_key,
    forgotten_record,
    replace_unstorable,
)

BATCH_SIZE = 500
"""The number of values in one ``IN``. Every database has a limit."""


class DjangoLedger:
    """A ``Ledger`` on Django's ORM.

    Each write is its own transaction. Inside another transaction, which could roll it back, Django refuses the write.
    ``writes`` counts the writes to a row: an update is refused if another process wrote the row after it was read.
    All times come from the database's clock.
    """

    def claim(self, key: OrderKey, *, order_number: str, owner: str, lease_for: timedelta) -> Lease | None:
        free = Q(owner=None) | Q(owner=owner) | Q(lease_until__lte=Now())
        with _durable_transaction():
            LedgerRow.objects.bulk_create(
                [
                    LedgerRow(
                        **attrs.asdict(key),
                        order_number=order_number,
                        state=FulfillState.OPEN,
                        lease_until=Now(),
                        updated_at=Now(),
                        seen_at=Now(),
                    )
                ],
                ignore_conflicts=True,
            )
            granted = _rows(key).filter(free)
            if not granted.update(
                order_number=order_number,
                owner=owner,
                lease_until=Now() + lease_for,
                epoch=F("epoch") + 1,
                writes=F("writes") + 1,
            ):
                return None
            row = _rows(key).get()
            return Lease(record=record_of(row), owner=owner, epoch=row.epoch, duration=lease_for)

    def advance(self, lease: Lease, steps: Sequence[Step], *, release: bool = False) -> None:
        with _durable_transaction():
            row = _rows(lease.key).first()
            if row is None:
                raise LeaseLost(f"order {lease.key.order_id}: the ledger no longer has its row")
            before = record_of(row)
            after = apply_steps(before, steps, lease=lease, owner=row.owner, epoch=row.epoch, release=release)
            changes = {} if after is before else fields_of(after, now=row.now)
            unchanged_row = _rows(lease.key).filter(writes=row.writes)
            if not unchanged_row.update(
                **changes,
                owner=None if release else lease.owner,
                lease_until=Now() + lease.duration,
                writes=F("writes") + 1,
            ):
                raise LeaseLost(f"order {lease.key.order_id}: another scan changed it at the same time")
            if after.used_files != before.used_files:
                row.used_files.all().delete()
                keys = {file_key(file.name) for file in after.used_files}
                UsedFile.objects.bulk_create([UsedFile(row=row, file_key=key) for key in keys])

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        file_names: Collection[str] | None = None,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        rows = LedgerRow.objects.filter(tenant=tenant).annotate(now=Now())
        if state is not None:
            rows = rows.filter(state=state)
        texts = {"order_id": order_ids, "order_number": order_numbers}
        conditions = [
            is_one & Q(forgotten=False)
            for column, values in texts.items()
            for is_one in _is_one_of(column, values or ())
        ]
        conditions += _is_one_of("used_files__file_key", {file_key(name) for name in file_names or ()})
        if order_ids is None and order_numbers is None and file_names is None:
            conditions = [Q(forgotten=False)]
        with _translate_errors():
            found = {row.pk: row for condition in conditions for row in rows.filter(condition)}
        return [forgotten_record(record_of(row)) if row.forgotten else record_of(row) for row in found.values()]

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_scans: int) -> int:
        rows = LedgerRow.objects.filter(tenant=tenant, forgotten=False)
        with _durable_transaction():
            rows.update(silent_scans=F("silent_scans") + 1)
            for is_pending in _is_one_of("order_id", still_pending):
                rows.filter(is_pending).update(silent_scans=0, seen_at=Now())
            forgotten = rows.filter(
                Q(owner=None) | Q(lease_until__lte=Now()),
                silent_scans__gte=max(1, silent_scans),
                updated_at__lte=Now() - min_age,
                seen_at__lte=Now() - min_age,
            ).exclude(state__in=UNRESOLVED_STATES)
            deleted, _ = forgotten.filter(used_files=None).delete()
            return deleted + forgotten.update(forgotten=True, items={})


def _rows(key: OrderKey) -> QuerySet:
    return LedgerRow.objects.filter(**attrs.asdict(key), forgotten=False).annotate(now=Now())


def _is_one_of(column: str, texts: Collection[str]) -> list[Q]:
    """Conditions in batches. Together they match each row whose column equals one of the texts."""
    values = [text for text in texts if text == replace_unstorable(text)]
    return [Q((f"{column}__in", values[start : start + BATCH_SIZE])) for start in range(0, len(values), BATCH_SIZE)]


@contextmanager
def _durable_transaction() -> Iterator[None]:
    with _translate_errors(), transaction.atomic(durable=True):
        yield


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise LedgerUnavailable(
            f"the ledger's table cannot be used ({error}); start the database, or run manage.py migrate"
        ) from error

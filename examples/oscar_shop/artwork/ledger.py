"""The ledger of the scans, in the shop's database."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import attrs
from django.db import DatabaseError, DataError, InterfaceError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from artwork.models import LedgerRow, UsedFile
from artwork.records import fields_of, record_of
from remote_artwork.errors import LeaseLost, LedgerError, LedgerUnavailable, OrderNotStored
from remote_artwork.ledgers import (
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
    lookup_keys,
    replace_unstorable,
)

T = TypeVar("T", OrderClaim, LedgerWrite)
A = TypeVar("A")

BATCH_SIZE = 500
"""The number of values in one ``IN``. Every database has a limit."""


class DjangoLedger:
    """A ``Ledger`` on Django's ORM.

    Each call that writes is one transaction. Inside another transaction, which could roll it back, Django refuses it.
    ``writes`` counts the writes to a row: an update is refused if another process wrote the row after it was read.
    All times come from the database's clock.
    """

    def claim(
        self, orders: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> list[Lease | LedgerError | None]:
        return _answer_each(orders, lambda order: _claim(order, owner, lease_for))

    def advance(self, writes: Sequence[LedgerWrite]) -> list[LedgerError | None]:
        return _answer_each(writes, _advance)

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
        if unresolved:
            conditions.append(Q(unresolved=True, forgotten=False))
        if order_ids is None and order_numbers is None and file_names is None and not unresolved:
            conditions = [Q(forgotten=False)]
        with _translate_errors():
            found = {row.pk: row for condition in conditions for row in rows.filter(condition)}
        return [forgotten_record(record_of(row)) if row.forgotten else record_of(row) for row in found.values()]

    def find_used_files(self, tenant: str, names: Collection[str]) -> list[FileRecord]:
        keys = {file_key(name) for name in names}
        used = (file for record in self.find(tenant, file_names=names) for file in record.used_files)
        return [file for file in used if file_key(file.name) in keys]

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_scans: int) -> int:
        rows = LedgerRow.objects.filter(tenant=tenant, forgotten=False)
        with _durable_transaction():
            rows.update(silent_scans=F("silent_scans") + 1)
            for is_pending in _is_one_of("order_id", still_pending):
                rows.filter(is_pending).update(silent_scans=0, seen_at=Now())
            forgotten = rows.filter(
                Q(owner=None) | Q(lease_until__lte=Now()),
                unresolved=False,
                silent_scans__gte=max(1, silent_scans),
                updated_at__lte=Now() - min_age,
                seen_at__lte=Now() - min_age,
            )
            deleted, _ = forgotten.filter(used_files=None).delete()
            return deleted + forgotten.update(forgotten=True, items={})


def _claim(order: OrderClaim, owner: str, lease_for: timedelta) -> Lease | None:
    new = LedgerRow(
        **attrs.asdict(order.key),
        order_number=order.order_number,
        state=FulfillState.OPEN,
        lease_until=Now(),
        updated_at=Now(),
        seen_at=Now(),
    )
    LedgerRow.objects.bulk_create([new], ignore_conflicts=True)
    free = Q(owner=None) | Q(owner=owner) | Q(lease_until__lte=Now())
    granted = _rows(order.key).filter(free)
    if not granted.update(
        order_number=order.order_number,
        owner=owner,
        lease_until=Now() + lease_for,
        epoch=F("epoch") + 1,
        writes=F("writes") + 1,
    ):
        return None
    row = _rows(order.key).get()
    return Lease(record=record_of(row), owner=owner, epoch=row.epoch, duration=lease_for)


def _advance(write: LedgerWrite) -> None:
    row = _rows(write.key).first()
    if row is None:
        raise LeaseLost(f"order {write.key.order_id}: the ledger no longer has its row")
    before = record_of(row)
    after = apply_write(before, write, owner=row.owner, epoch=row.epoch)
    changes = {} if after is before else fields_of(after, now=row.now)
    unchanged_row = _rows(write.key).filter(writes=row.writes)
    if not unchanged_row.update(
        **changes,
        owner=None if write.release else write.lease.owner,
        lease_until=Now() + write.lease.duration,
        writes=F("writes") + 1,
    ):
        raise LeaseLost(f"order {write.key.order_id}: another scan changed it at the same time")
    if after.used_files != before.used_files:
        row.used_files.all().delete()
        keys = {key for file in after.used_files for key in lookup_keys(file)}
        UsedFile.objects.bulk_create([UsedFile(row=row, file_key=key) for key in keys])


def _answer_each(orders: Sequence[T], write: Callable[[T], A]) -> list[A | LedgerError]:
    """Write each order in one durable transaction. An order that is refused is rolled back to its savepoint.

    All processes lock the rows in the order of their keys, so they never wait for each other.
    """
    answers: dict[int, A | LedgerError] = {}
    if orders:
        with _durable_transaction():
            for number in sorted(range(len(orders)), key=lambda number: orders[number].key):
                try:
                    with transaction.atomic():
                        answers[number] = write(orders[number])
                except LeaseLost as error:
                    answers[number] = error
                except (DataError, ValueError) as error:
                    answers[number] = OrderNotStored(f"the ledger cannot store this order: {error}")
    return [answers[number] for number in range(len(orders))]


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

"""What the scans remember, in the shop's own database."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import attrs
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from artwork.models import LedgerRow
from artwork.records import fields_of, record_of
from remote_artwork.errors import LeaseLost, LedgerUnavailable
from remote_artwork.ledgers import UNRESOLVED_STATES, FulfillState, Lease, OrderKey, OrderRecord, Step, advance_record

PORTION = 500
"""So many values go into one ``IN``: each database has a limit."""


class DjangoLedger:
    """A ``Ledger`` on Django's ORM.

    Each write is a transaction of its own: within another one, which could take it back, Django refuses it. What was
    read is written only if nobody wrote since (``writes`` counts). All times are the database's clock.
    """

    def claim(self, key: OrderKey, *, order_number: str, owner: str, lease_for: timedelta) -> Lease | None:
        free = Q(owner=None) | Q(owner=owner) | Q(lease_until__lte=Now())
        with _committed():
            LedgerRow.objects.bulk_create(
                [
                    LedgerRow(
                        **attrs.asdict(key),
                        order_number=order_number,
                        state=FulfillState.OPEN,
                        lease_until=Now(),
                        updated_at=Now(),
                        named_at=Now(),
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
            return Lease(record=record_of(row), owner=owner, epoch=row.epoch, lasts=lease_for)

    def advance(self, lease: Lease, steps: Sequence[Step], *, release: bool = False) -> None:
        with _committed():
            row = _rows(lease.key).first()
            if row is None:
                raise LeaseLost(f"order {lease.key.order_id}: the ledger has forgotten it")
            record = advance_record(
                record_of(row), steps, lease=lease, owner=row.owner, epoch=row.epoch, now=row.now, release=release
            )
            unchanged = _rows(lease.key).filter(writes=row.writes)
            if not unchanged.update(
                **fields_of(record, now=row.now),
                owner=None if release else lease.owner,
                lease_until=Now() + lease.lasts,
                writes=F("writes") + 1,
            ):
                raise LeaseLost(f"order {lease.key.order_id}: another scan has just written it")

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        rows = LedgerRow.objects.filter(tenant=tenant).annotate(now=Now())
        if state is not None:
            rows = rows.filter(state=state)
        parts = [*_among("order_id", order_ids or ()), *_among("order_number", order_numbers or ())]
        if order_ids is None and order_numbers is None:
            parts = [Q()]
        with _translated():
            found = {row.pk: row for part in parts for row in rows.filter(part)}
        return [record_of(row) for row in found.values()]

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_passes: int) -> int:
        rows = LedgerRow.objects.filter(tenant=tenant)
        with _committed():
            rows.update(silent_passes=F("silent_passes") + 1)
            for named in _among("order_id", still_pending):
                rows.filter(named).update(silent_passes=0, named_at=Now())
            gone, _ = (
                rows.filter(
                    Q(owner=None) | Q(lease_until__lte=Now()),
                    silent_passes__gte=max(1, silent_passes),
                    updated_at__lte=Now() - min_age,
                    named_at__lte=Now() - min_age,
                )
                .exclude(state__in=UNRESOLVED_STATES)
                .delete()
            )
        return gone


def _rows(key: OrderKey) -> QuerySet:
    return LedgerRow.objects.filter(**attrs.asdict(key)).annotate(now=Now())


def _among(column: str, texts: Collection[str]) -> list[Q]:
    """Conditions that together hold for every row whose column is one of the texts."""
    listed = list(texts)
    return [Q((f"{column}__in", listed[start : start + PORTION])) for start in range(0, len(listed), PORTION)]


@contextmanager
def _committed() -> Iterator[None]:
    with _translated(), transaction.atomic(durable=True):
        yield


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise LedgerUnavailable(
            f"the ledger's table cannot be used: start the database, or run manage.py migrate ({error})"
        ) from error

"""A ledger whose calls are measured for the observer of a scan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial

from attrs import frozen

from remote_artwork.activity import Measurement
from remote_artwork.client import Ledger
from remote_artwork.core.events import LedgerCalled
from remote_artwork.core.lifecycle import FileRecord, FulfillState, Lease, LedgerWrite, OrderClaim, OrderRecord
from remote_artwork.errors import LedgerError


@frozen
class MeasuredLedger:
    """Passes every call to a ledger, and measures it.

    Args:
        ledger: The ledger.
    """

    ledger: Ledger

    def claim(
        self, orders: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> Sequence[Lease | LedgerError | None]:
        """See ``Ledger.claim``."""
        with _measure("claim", len(orders)):
            return self.ledger.claim(orders, owner=owner, lease_for=lease_for)

    def advance(self, writes: Sequence[LedgerWrite]) -> Sequence[LedgerError | None]:
        """See ``Ledger.advance``."""
        with _measure("advance", len(writes)):
            return self.ledger.advance(writes)

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        file_names: Collection[str] | None = None,
        unresolved: bool = False,
        state: FulfillState | None = None,
    ) -> Iterator[OrderRecord]:
        """See ``Ledger.find``. The time ends when the last row was read."""
        with _measure("find"):
            rows: Iterable[OrderRecord] = self.ledger.find(
                tenant,
                order_ids=order_ids,
                order_numbers=order_numbers,
                file_names=file_names,
                unresolved=unresolved,
                state=state,
            )
            yield from rows

    def find_used_files(self, tenant: str, names: Collection[str]) -> Iterator[FileRecord]:
        """See ``Ledger.find_used_files``. The time ends when the last file was read."""
        with _measure("find_used_files"):
            yield from self.ledger.find_used_files(tenant, names)

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_scans: int) -> int:
        """See ``Ledger.forget``."""
        with _measure("forget"):
            return self.ledger.forget(tenant, still_pending=still_pending, min_age=min_age, silent_scans=silent_scans)


def _measure(method: str, orders: int = 0) -> Measurement:
    return Measurement(partial(LedgerCalled, method=method, orders=orders))

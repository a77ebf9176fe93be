"""Fulfillment: takes one order at a time through its lifecycle, each step in the ledger before the next begins."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from attrs import define, field

from remote_artwork.core.lifecycle import Lease
from remote_artwork.core.planning import OrderPlan
from remote_artwork.core.report import Fault, ItemOutcome, ItemStatus
from remote_artwork.errors import (
    AuthenticationFailed,
    LeaseLost,
    LedgerError,
    RateLimited,
    RemoteArtworkError,
    StorageUnreachable,
    Unavailable,
)
from remote_artwork.fulfillment.order import bring_forward
from remote_artwork.fulfillment.progress import Progress
from remote_artwork.fulfillment.tools import Tools

log = logging.getLogger(__name__)

_LEASE_BEYOND_CALLS = timedelta(minutes=5)
"""How long an order may be worked on besides waiting for the host."""


@define(kw_only=True)
class Fulfillment:
    """Works on the orders of one pass.

    A part of the house that fails for good is not tried again in the same pass: the remaining orders are reported as
    not tried, and nothing of theirs is touched.

    Args:
        tools: What working on an order takes.
        owner: Who holds the leases.
    """

    tools: Tools
    owner: str
    faults: list[Fault] = field(factory=list)

    def work(self, plan: OrderPlan) -> Sequence[ItemOutcome]:
        """Brings one order as far as it goes; returns one outcome for each of its items. Raises for bugs alone."""
        if self.faults:
            fault = self.faults[-1]
            status = ItemStatus.UNREADABLE if fault.part == "storage" else ItemStatus.FAILED
            return plan.left(status, f"not tried, nothing was sent: {fault.message}")
        try:
            lease = self._claim(plan)
        except LedgerError as error:
            self._fault("ledger", error)
            return plan.left(ItemStatus.FAILED, f"nothing was sent: {error}")
        if lease is None:
            return plan.left(ItemStatus.MATCHED, "another scan is working on this order right now")
        progress = Progress(plan=plan, ledger=self.tools.ledger, lease=lease)
        try:
            self._bring_forward(progress)
        finally:
            self._release(lease)
        return progress.outcomes()

    def _claim(self, plan: OrderPlan) -> Lease | None:
        return self.tools.ledger.claim(
            plan.key,
            order_number=plan.order.number,
            owner=self.owner,
            lease_for=self.tools.client.call_limit + _LEASE_BEYOND_CALLS,
        )

    def _bring_forward(self, progress: Progress) -> None:
        try:
            bring_forward(self.tools, progress)
        except LeaseLost as error:
            progress.set_required(*_unrecorded(progress, error, ItemStatus.MATCHED))
        except LedgerError as error:
            self._fault("ledger", error)
            progress.set_required(*_unrecorded(progress, error, ItemStatus.FAILED))
        for failure in progress.failures:
            if isinstance(failure, StorageUnreachable):
                self._fault("storage", failure)
            elif isinstance(failure, Unavailable | RateLimited | AuthenticationFailed):
                self._fault("client", failure)

    def _release(self, lease: Lease) -> None:
        try:
            self.tools.ledger.advance(lease, (), release=True)
        except LedgerError as error:  # the lease ends by itself; the order's own outcome is what counts
            log.info("lease_not_released", extra={"order_id": lease.key.order_id, "error": str(error)})

    def _fault(self, part: Literal["storage", "client", "ledger"], error: RemoteArtworkError) -> None:
        fault = Fault(part=part, message=str(error))
        if fault not in self.faults:
            self.faults.append(fault)


def _unrecorded(progress: Progress, error: LedgerError, otherwise: ItemStatus) -> tuple[ItemStatus, str]:
    """What to say of an order whose last step the ledger did not take."""
    if progress.calling:
        return (
            ItemStatus.UNCERTAIN,
            f"the order was sent, but its receipt is not recorded ({error}); the next scan settles it",
        )
    return otherwise, f"nothing was sent: {error}"

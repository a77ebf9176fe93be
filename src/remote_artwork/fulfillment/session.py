"""One order during a scan: its lease, its state in the ledger, and the outcomes of its items."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal

from attrs import define, evolve, field, frozen

from remote_artwork.client import FulfillmentClient, Ledger, advance_one
from remote_artwork.core.events import Emit, event_of_step
from remote_artwork.core.lifecycle import (
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    ItemStep,
    Lease,
    OrderStep,
    Step,
)
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.planner import HAS_FILES, ItemPlan, OrderPlan, order_waits
from remote_artwork.core.policy import Policy
from remote_artwork.core.reasons import Reason
from remote_artwork.core.report import Finding, ItemOutcome, ItemStatus
from remote_artwork.core.sending import FulfillCalls
from remote_artwork.errors import LedgerUnavailable, OutcomeUnknown, RemoteArtworkError
from remote_artwork.retry import RetryPolicy
from remote_artwork.scan.checks import CheckPrefetcher, Inspector
from remote_artwork.storage.storage import ArtworkStorage

log: logging.Logger = logging.getLogger(__name__)

Service = Literal["storage", "client"]
"""A service that may be down for the rest of the scan."""


@frozen(kw_only=True)
class Dependencies:
    """What the processing of an order uses.

    Args:
        storage: Where the files are.
        client: The shop.
        ledger: What was started and what is done.
        inspector: Reads which version of a file is current.
        checks: Runs the preflight checks.
        policy: The shop's decisions.
        retry: How temporary errors are retried.
        url_lifetime: How long a signed URL works.
        clock: Returns the time, with a time zone; used only for URLs.
        emit: Receives an event for each step that the ledger has recorded.
        positions_matter: Whether file names hold the items' positions.
    """

    storage: ArtworkStorage
    client: FulfillmentClient
    ledger: Ledger
    inspector: Inspector
    checks: CheckPrefetcher
    policy: Policy
    retry: RetryPolicy
    url_lifetime: timedelta
    clock: Callable[[], datetime]
    emit: Emit
    positions_matter: bool


class Stop(Exception):
    """This scan stops processing the order. The outcomes of its items are set."""


@define(kw_only=True)
class OrderSession:
    """The state of one order during a scan. Every change is written to the ledger first.

    Args:
        plan: What was planned for the order.
        ledger: Where each step is written.
        lease: The right to write.
        retry: How an unavailable ledger is retried.
        emit: Receives an event for each step that the ledger has recorded.
        failures: Errors that may concern more than this order.
        answered: The services that have answered.
        state: The order's state in the ledger.
        rows: The ledger's rows of its items.
        calls: What is known of its ``fulfill`` calls.
        attaching: Number of the item whose attach call was started and has no recorded end.
        unanswered: The error of the shop's last call, when its outcome is unknown.
        receipt: What the shop returned from ``fulfill``.
    """

    plan: OrderPlan
    ledger: Ledger
    lease: Lease
    retry: RetryPolicy
    emit: Emit
    failures: list[RemoteArtworkError] = field(factory=list)
    answered: set[Service] = field(factory=set)
    state: FulfillState = field(init=False)
    rows: dict[str, ItemRecord] = field(init=False)
    calls: FulfillCalls = field(init=False)
    attaching: str | None = None
    unanswered: OutcomeUnknown | None = None
    receipt: str | None = None
    _outcomes: dict[str, ItemOutcome] = field(init=False)
    _one_write_at_a_time: threading.Lock = field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self.adopt_lease(self.lease)
        self._outcomes = {item.number: self.plan.outcome(item) for item in self.plan.items}

    def adopt_lease(self, lease: Lease) -> None:
        """Continue under this lease, from the state in its record."""
        self.lease = lease
        self.state = lease.record.state
        self.calls = FulfillCalls.of(lease.record)
        self.rows = dict(lease.record.items)

    @property
    def required(self) -> list[ItemPlan]:
        """The items that need artwork; all items when none needs any now, but the order was sent with some."""
        return [item for item in self.plan.items if item.item.requires_artwork] or list(self.plan.items)

    def item_step(self, number: str, after: ItemState, *, reason: Reason | None = None, checks: str = "") -> ItemStep:
        """The step of one item from its state, with its files; ``checks`` are the row's unless given."""
        row = self.rows[number]
        return ItemStep(
            item_number=number,
            before=row.state,
            after=after,
            files=row.files,
            reason=reason,
            checks=checks or row.checks,
        )

    def selection(self, number: str, files: Mapping[str, StoredFile]) -> ItemStep:
        """The step of one item to other files, by placement."""
        row = self.rows.get(number)
        records = tuple(FileRecord.of(placement, file) for placement, file in files.items())
        before = row.state if row else None
        return ItemStep(item_number=number, before=before, after=ItemState.SELECTED, files=records)

    def order_step(
        self,
        after: FulfillState,
        *,
        receipt: str | None = None,
        work: str = "",
        reason: Reason | None = None,
        call_limit: timedelta | None = None,
    ) -> OrderStep:
        """The step of the order from its state."""
        return OrderStep(
            before=self.state, after=after, receipt=receipt, work=work, reason=reason, call_limit=call_limit
        )

    @contextmanager
    def renewing_lease(self) -> Iterator[None]:
        """Renew the lease while the block works on files, which may take longer than the lease lasts.

        No call to the shop belongs in such a block: if one never ends, the lease must.
        """
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(self.lease.duration.total_seconds() / 3):
                try:
                    self._write()
                except Exception:
                    log.info("lease_not_renewed", extra={"order_id": self.plan.order.id}, exc_info=True)

        thread = threading.Thread(target=renew, name="remote-artwork-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _write(self, *steps: Step) -> None:
        with self._one_write_at_a_time:
            advance_one(self.ledger, self.lease, steps)

    def advance(self, *steps: Step) -> None:
        """Write the steps, all or none. Without steps, check that this scan still holds the lease.

        Raises:
            LedgerError: The steps do not count as written.
        """
        self.retry.call(lambda: self._write(*steps), on=LedgerUnavailable)
        for step in steps:
            if isinstance(step, OrderStep):
                self.state = step.after
            else:
                self.rows[step.item_number] = step.record
            if event := event_of_step(self.plan, step):
                self.emit(event)

    def set_outcome(
        self,
        number: str,
        status: ItemStatus,
        because: Reason,
        *,
        notes: Sequence[Reason] = (),
        findings: tuple[Finding, ...] = (),
        receipt: str | None = None,
        now: bool = False,
    ) -> None:
        """Set the outcome of one item."""
        before = self._outcomes[number]
        self._outcomes[number] = evolve(
            before,
            status=status,
            because=because,
            notes=tuple(notes),
            findings=findings or before.findings,
            receipt=receipt or before.receipt,
            now=now,
        )

    def append_reason(self, number: str, note: Reason) -> None:
        """Add a reason to the outcome of one item; its status stays."""
        before = self._outcomes[number]
        self._outcomes[number] = evolve(before, notes=(*before.notes, note))

    def set_required(self, status: ItemStatus, because: Reason, *notes: Reason) -> None:
        """Set the outcome of every item that needs artwork."""
        for item in self.required:
            self.set_outcome(item.number, status, because, notes=notes)

    def stop(self, status: ItemStatus, because: Reason, *notes: Reason) -> Stop:
        """Set the outcome of every item that needs artwork, and return the exception to raise."""
        self.set_required(status, because, *notes)
        return Stop()

    def outcomes(self) -> Sequence[ItemOutcome]:
        """One outcome for every item. An item that has its files also says what the order waits for in the end."""
        outcomes = list(self._outcomes.values())
        required = [self._outcomes[item.number] for item in self.required]
        waiting = [(item.item_number, item.status) for item in required if item.status not in HAS_FILES]
        if not self.plan.complete or not waiting:
            return outcomes
        note = order_waits(waiting)
        return [evolve(item, notes=(*item.notes, note)) if item.status in HAS_FILES else item for item in outcomes]

"""Progress: how far one order is, in the ledger first and in memory after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from attrs import define, evolve, field, frozen

from remote_artwork.client import FulfillmentClient, Ledger
from remote_artwork.core.events import Tell, of_step
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
from remote_artwork.core.orders import Order, StoredFile
from remote_artwork.core.planner import HAS_ITS_FILES, ItemPlan, OrderPlan, order_waits
from remote_artwork.core.policy import Policy
from remote_artwork.core.reasons import Reason
from remote_artwork.core.report import Finding, ItemOutcome, ItemStatus
from remote_artwork.errors import LedgerUnavailable, OutcomeUnknown, RemoteArtworkError
from remote_artwork.retry import RetryPolicy
from remote_artwork.scan.checks import CheckPrefetcher, Inspector
from remote_artwork.storage.storage import ArtworkStorage

Part = Literal["storage", "client"]
"""A service that may be unavailable for the rest of the scan."""


@frozen(kw_only=True)
class Dependencies:
    """What working on an order takes.

    Args:
        storage: Where the files are.
        client: The host.
        ledger: What was begun and what is done.
        inspector: Pins files.
        ahead: Checks files.
        policy: The shop's decisions.
        retry: How temporary errors are repeated.
        url_lifetime: How long a signed URL works.
        clock: Tells the time, with a time zone; for the URLs alone.
        tell: Is told of each step that the ledger has.
        positions_matter: Whether file names hold the items' positions.
    """

    storage: ArtworkStorage
    client: FulfillmentClient
    ledger: Ledger
    inspector: Inspector
    ahead: CheckPrefetcher
    policy: Policy
    retry: RetryPolicy
    url_lifetime: timedelta
    clock: Callable[[], datetime]
    tell: Tell
    positions_matter: bool


class Stop(Exception):
    """The order goes no further in this pass; its outcomes are set."""


@define(kw_only=True)
class Progress:
    """How far one order is. Every change is written to the ledger before it is believed.

    Args:
        plan: What was planned for the order.
        ledger: Where each step is written.
        lease: The right to write.
        retry: How a ledger that is out of reach for a moment is asked again.
        tell: Is told of each step that the ledger has.
        failures: Errors that may concern more than this order.
        answered: Which parts have answered.
        state: Where the order is.
        rows: Where its items are.
        attaching: The number of the item whose attach call was begun and is not recorded as ended yet.
        unanswered: What the last call of the host ended with, where nobody knows its outcome.
        receipt: The host's answer to ``fulfill``, from when it came.
        called: Whether a ``fulfill`` of this pass had its effect, or may have had it.
        in_doubt: Whether nobody knows what became of a ``fulfill``, of this pass or an earlier one.
    """

    plan: OrderPlan
    ledger: Ledger
    lease: Lease
    retry: RetryPolicy
    tell: Tell
    failures: list[RemoteArtworkError] = field(factory=list)
    answered: set[Part] = field(factory=set)
    state: FulfillState = field(init=False)
    rows: dict[str, ItemRecord] = field(init=False)
    attaching: str | None = None
    unanswered: OutcomeUnknown | None = None
    receipt: str | None = None
    called: bool = False
    in_doubt: bool = field(init=False)
    _outcomes: dict[str, ItemOutcome] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.hold(self.lease)
        self._outcomes = {item.item.number: self.plan.outcome(item) for item in self.plan.items}

    def hold(self, lease: Lease) -> None:
        """Goes on under this lease, from where its record says that the order is."""
        self.lease = lease
        self.state = lease.record.state
        self.in_doubt = self.state is FulfillState.FULFILL_INTENT
        self.rows = dict(lease.record.items)

    @property
    def required(self) -> list[ItemPlan]:
        """The items that need artwork; all of an order of which none does, once it was sent with some."""
        return [item for item in self.plan.items if item.item.requires_artwork] or list(self.plan.items)

    @property
    def begun(self) -> bool:
        """Whether a ``fulfill`` was ever begun for this approval of the order."""
        return self.lease.record.intent_age is not None

    def fulfiller(self, order: Order | None) -> str:
        """Who fulfilled an order by the shop's word, as a word of the catalog."""
        if order is None or order.fulfillment_key is None:
            return "fulfiller_unknown"
        if order.fulfillment_key == self.plan.key.fulfillment_key:
            return "fulfiller_ours"
        return "fulfiller_other"

    def item_step(self, number: str, after: ItemState, *, reason: Reason | None = None, checks: str = "") -> ItemStep:
        """The step of one item from where it is, with the files it has; ``checks`` are those it has unless told."""
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
        """The step of the order from where it is."""
        return OrderStep(
            before=self.state, after=after, receipt=receipt, work=work, reason=reason, call_limit=call_limit
        )

    def advance(self, *steps: Step) -> None:
        """Writes the steps, all or none; without any, makes sure that the order is still ours.

        Raises:
            LedgerError: They may not be believed.
        """
        self.retry.call(lambda: self.ledger.advance(self.lease, steps), on=LedgerUnavailable)
        for step in steps:
            if isinstance(step, OrderStep):
                self.state = step.after
            else:
                self.rows[step.item_number] = step.record
            if event := of_step(self.plan, step):
                self.tell(event)

    def set_outcome(
        self,
        number: str,
        status: ItemStatus,
        because: Reason,
        *,
        findings: tuple[Finding, ...] = (),
        receipt: str | None = None,
        notes: Sequence[Reason] = (),
        now: bool = False,
    ) -> None:
        """Sets the outcome of one item."""
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
        """Adds a reason to the outcome of one item, whose status stays."""
        before = self._outcomes[number]
        self._outcomes[number] = evolve(before, notes=(*before.notes, note))

    def set_required(self, status: ItemStatus, because: Reason, *notes: Reason) -> None:
        """Sets the outcome of every item that needs artwork."""
        for item in self.required:
            self.set_outcome(item.number, status, because, notes=notes)

    def stop(self, status: ItemStatus, because: Reason, *notes: Reason) -> Stop:
        """Sets the outcome of every item that needs artwork, and returns the exception to raise."""
        self.set_required(status, because, *notes)
        return Stop()

    def outcomes(self) -> Sequence[ItemOutcome]:
        """One outcome for every item of the order; what has its files is told what the order came to wait for."""
        outcomes = list(self._outcomes.values())
        required = [self._outcomes[item.item.number] for item in self.required]
        waiting = [(item.item_number, item.status) for item in required if item.status not in HAS_ITS_FILES]
        if not self.plan.complete or not waiting:
            return outcomes
        note = order_waits(waiting)
        return [evolve(item, notes=(*item.notes, note)) if item.status in HAS_ITS_FILES else item for item in outcomes]

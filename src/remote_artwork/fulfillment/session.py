"""One order during a scan: its lease, its state in the ledger, and the outcomes of its items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from attrs import define, evolve, field, frozen

from remote_artwork.client import FulfillmentClient
from remote_artwork.core.events import Emit, event_of_step
from remote_artwork.core.lifecycle import (
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    ItemStep,
    Lease,
    LedgerWrite,
    OrderStep,
    Step,
)
from remote_artwork.core.orders import Order, StoredFile
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.planner import HAS_FILES, ItemPlan, OrderPlan, order_waits
from remote_artwork.core.policy import Policy
from remote_artwork.core.reasons import Reason
from remote_artwork.core.report import Finding, ItemOutcome, ItemStatus
from remote_artwork.core.sending import FulfillCalls
from remote_artwork.errors import LedgerUnavailable, OutcomeUnknown, RemoteArtworkError
from remote_artwork.fulfillment.client_calls import ClientCalls
from remote_artwork.fulfillment.group_commit import GroupCommit
from remote_artwork.fulfillment.workers import LeaveSlot, Workers
from remote_artwork.retry import RetryPolicy
from remote_artwork.runtime import Condition
from remote_artwork.scan.checks import Inspector
from remote_artwork.scan.manifest import ManifestReader
from remote_artwork.scan.stopwatch import Stopwatch
from remote_artwork.storage.storage import ArtworkStorage

Service = Literal["storage", "client"]
"""A service that may be down for the rest of the scan."""


@frozen(kw_only=True)
class Dependencies:
    """What the processing of an order uses.

    Args:
        storage: Where the files are.
        client: The shop.
        calls: Decides when and in which thread the client is called.
        ledger: What was started and what is done.
        inspector: Reads and checks files.
        workers: The threads of the scan.
        stopwatch: Measures where the time goes.
        policy: The shop's decisions.
        retry: How temporary errors are retried.
        url_lifetime: How long a signed URL works.
        clock: Returns the time, with a time zone; used only for URLs.
        emit: Receives an event for each step that the ledger has recorded.
        pattern: The pattern of the file names.
        manifest: The manifest that the files were found by; None: there is none.
    """

    storage: ArtworkStorage
    client: FulfillmentClient
    calls: ClientCalls
    ledger: GroupCommit
    inspector: Inspector
    workers: Workers
    stopwatch: Stopwatch
    policy: Policy
    retry: RetryPolicy
    url_lifetime: timedelta
    clock: Callable[[], datetime]
    emit: Emit
    pattern: FilenamePattern
    manifest: ManifestReader | None = None


class Stop(Exception):
    """This scan stops processing the order. The outcomes of its items are set."""


class CallNotStarted(Exception):
    """A call was not made, because it would have started too long after its intent was recorded."""


LONGEST_START: Final = 5.0
"""A call starts at most this many seconds after its intent was recorded. Otherwise it is not made."""


@define(kw_only=True, eq=False)
class OrderSession:
    """The state of one order during a scan.

    Args:
        plan: What was planned for the order.
        order: The order as the shop showed it last.
        ledger: Where each step is written.
        lease: The right to write.
        leased_at: The time by the monotonic clock just before the lease was granted or renewed.
        retry: How an unavailable ledger is retried.
        emit: Receives an event for each step that the ledger has recorded.
        monotonic: The monotonic clock.
        failures: Errors that may concern more than this order.
        answered: The services that have answered.
        state: The order's state in the ledger, after the steps that are still to be written.
        accepted_files: The ``files_digest`` that a person accepted, after the steps that are still to be written.
        rows: The ledger's rows of its items, after the steps that are still to be written.
        calls: What is known of its ``fulfill`` calls.
        attaching: Numbers of the items whose attach call was started and has no recorded end.
        unknown_attaches: Numbers of the items for which an attach call, of this scan or an earlier one, may have had
            its effect, and no later call has set their artwork.
        unanswered: The error of the shop's last call, when its outcome is unknown.
        receipt: What the shop returned from ``fulfill``.
        released: Whether the lease was given back.
        failed_method: The method of the client whose last call failed.
        is_begun: Whether a call with an effect was made in this scan.
        is_calling: Whether a call with an effect is made, or about to be.
        leave_slot: Lets the next order begin. Called when the shop has confirmed this one.
    """

    plan: OrderPlan
    ledger: GroupCommit
    lease: Lease
    leased_at: float
    retry: RetryPolicy
    emit: Emit
    monotonic: Callable[[], float]
    failures: list[RemoteArtworkError] = field(factory=list)
    answered: set[Service] = field(factory=set)
    order: Order = field(init=False)
    state: FulfillState = field(init=False)
    accepted_files: str = field(init=False)
    rows: dict[str, ItemRecord] = field(init=False)
    calls: FulfillCalls = field(init=False)
    attaching: set[str] = field(factory=set)
    unknown_attaches: set[str] = field(factory=set, init=False)
    unanswered: OutcomeUnknown | None = None
    receipt: str | None = None
    released: bool = False
    _outcomes: dict[str, ItemOutcome] = field(init=False)
    _deferred: list[Step] = field(factory=list, init=False)
    failed_method: str = field(default="", init=False)
    is_begun: bool = field(default=False, init=False)
    is_calling: bool = field(default=False, init=False)
    leave_slot: LeaveSlot = field(default=lambda: None, init=False)
    _intent_at: float | None = field(default=None, init=False)
    _renewal: Condition = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.order = self.plan.order
        self._renewal = self.ledger.workers.runtime.condition()
        self.adopt_lease(self.lease, self.leased_at)
        self._outcomes = {item.number: self.plan.outcome(item) for item in self.plan.items}

    def adopt_lease(self, lease: Lease, leased_at: float) -> None:
        """Continue under this lease, from the state in its record."""
        self.lease, self.leased_at, self.released = lease, leased_at, False
        self.state = lease.record.state
        self.accepted_files = lease.record.accepted_files
        self.calls = FulfillCalls.of(lease.record)
        self.rows = dict(lease.record.items)
        self.unknown_attaches = {number for number, row in self.rows.items() if row.state is ItemState.ATTACH_INTENT}
        self._deferred = []

    @property
    def required(self) -> list[ItemPlan]:
        """The items that need artwork; all items when none needs any now, but the order was sent with some."""
        return [item for item in self.plan.items if item.item.requires_artwork] or list(self.plan.items)

    @property
    def follows_call(self) -> bool:
        """Whether the order is processed to resolve a call of an earlier scan."""
        return self.state is not FulfillState.OPEN or self.plan.follows_attach

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

    def selection(
        self, number: str, files: Mapping[str, StoredFile], sha256: Mapping[str, str] | None = None
    ) -> ItemStep:
        """The step of one item to other files, by placement. ``sha256`` has those of the files that were read whole."""
        known = sha256 or {}
        row = self.rows.get(number)
        records = tuple(FileRecord.of(placement, file, known.get(placement)) for placement, file in files.items())
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

    # --- Writing ---

    def defer(self, *steps: Step) -> None:
        """Write the steps together with the next ones. For steps that no call depends on."""
        self._follow(steps)
        self._deferred += steps

    def _follow(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, OrderStep):
                self.state = step.after
            elif isinstance(step, ItemStep):
                self.rows[step.item_number] = step.record
            else:
                self.accepted_files = step.files if step.accepted_by else ""

    def advance(self, *steps: Step, release: bool = False) -> None:
        """Write the steps and the deferred ones, all or none. Without steps, check that this scan holds the lease.

        Args:
            steps: Transitions from the present states.
            release: Give the lease back in the same write.

        Raises:
            LedgerError: The steps do not count as written.
        """
        write = LedgerWrite(lease=self.lease, steps=(*self._deferred, *steps), release=release)
        self.retry.call(lambda: self._write(write), on=LedgerUnavailable)
        written, self._deferred = write.steps, []
        self._follow(steps)
        self.released = release
        for step in written:
            if event := event_of_step(self.plan, step):
                self.emit(event)
        self.attaching -= {
            step.item_number
            for step in written
            if isinstance(step, ItemStep) and step.after is not ItemState.ATTACH_INTENT
        }

    def intend(self, *steps: Step) -> None:
        """Write the last steps before a call. The call may start only a short time after.

        Raises:
            LedgerError: The intent is not recorded, or this scan does not hold the lease any more.
        """
        self.begin_call()
        started = self.monotonic()
        self.advance(*steps)
        self._intent_at = started

    def write_deferred(self) -> None:
        """Write what was deferred, if anything was, and give the lease back.

        Raises:
            LedgerError: The steps do not count as written.
        """
        if self._deferred:
            self.advance(release=True)

    def begin_call(self) -> None:
        """A call is about to be made. Returns when no renewal of the lease is under way, and none may start."""
        with self._renewal:
            self.is_calling = True

    def end_call(self, *, succeeded: bool) -> None:
        """A call has ended. Calls that follow a success may start on the same intent, if that is still recent."""
        self.is_calling = False
        if not succeeded:
            self._intent_at = None

    @property
    def may_start_call(self) -> bool:
        """Whether a call may start now: a short time after its intent was recorded, and within the lease."""
        now = self.monotonic()
        recently = self._intent_at is not None and now - self._intent_at <= LONGEST_START
        return recently and now - self.leased_at < self.lease.duration.total_seconds()

    def renew_if_older(self, age: float) -> None:
        """See ``Renewable``. The lease is not renewed during a call: if the call never ends, the lease must."""
        with self._renewal:
            if not self.is_calling and not self.released and self.monotonic() - self.leased_at > age:
                self._write(LedgerWrite(lease=self.lease))

    def _write(self, write: LedgerWrite) -> None:
        before = self.monotonic()
        self.ledger.write(write)
        self.leased_at = before

    # --- Outcomes ---

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

    def set_unfinished(self, status: ItemStatus, because: Reason) -> None:
        """Set the outcome of every item that needs artwork and was not attached in this scan."""
        for item in self.required:
            if not self._outcomes[item.number].now:
                self.set_outcome(item.number, status, because)

    def stop(self, status: ItemStatus, because: Reason, *notes: Reason) -> Stop:
        """Set the outcome of every item that needs artwork, and return the exception to raise."""
        self.set_required(status, because, *notes)
        return Stop()

    def outcomes(self) -> Sequence[ItemOutcome]:
        """One outcome for every item. An item that has its files also says what the order waits for in the end."""
        outcomes = list(self._outcomes.values())
        required = [(planned.item, self._outcomes[planned.number].status) for planned in self.required]
        waiting = [(item, status) for item, status in required if status not in HAS_FILES]
        if not self.plan.complete or not waiting:
            return outcomes
        note = order_waits(waiting)
        return [evolve(item, notes=(*item.notes, note)) if item.status in HAS_FILES else item for item in outcomes]

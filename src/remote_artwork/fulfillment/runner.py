"""One pass through the orders that have work, one after another."""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta

from attrs import define, field

from remote_artwork.core.events import Tell, reported, started
from remote_artwork.core.lifecycle import FulfillState, Lease
from remote_artwork.core.planner import OrderPlan
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import Fault, ItemOutcome, ItemStatus
from remote_artwork.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidLedger,
    LeaseLost,
    LedgerError,
    LedgerUnavailable,
    RateLimited,
    RemoteArtworkError,
    StorageUnreachable,
    Unavailable,
)
from remote_artwork.fulfillment.order import bring_forward, record_late_call
from remote_artwork.fulfillment.session import Dependencies, Part, Progress
from remote_artwork.retry import order_budget

_SUSPECT = 2
"""After so many orders in a row that a part left without an answer, the next ones are drawn from all that wait."""
DOWN = 5
"""After so many it counts as down."""


@define
class Breaker:
    """Counts, for each part, the orders in a row that it left without an answer.

    A part that is down leaves every order without one, so a pass tries five of them. Orders that alone have no answer
    may be many, and stand together in the list. So from the third on they are drawn: as long as some order has an
    answer, each pass has a chance to reach it, whichever orders have none, and nothing need be remembered of them.

    Args:
        draw: How many wait → which of them is next, from 0.
    """

    draw: Callable[[int], int] = random.randrange
    _unanswered: Counter[Part] = field(factory=Counter, init=False)

    def note(self, *, answered: set[Part], failed: set[Part]) -> None:
        """Takes in how the work on one order went.

        Args:
            answered: Parts that answered at least once.
            failed: Parts that left the order without an answer in the end, whatever they answered before.
        """
        for part in answered - failed:
            del self._unanswered[part]
        self._unanswered.update(failed)

    def is_down(self, part: Part) -> bool:
        """Whether the part counts as down for the rest of the pass."""
        return self._unanswered[part] >= DOWN

    def next_of(self, waiting: int) -> int:
        """Which of so many orders that wait is worked on next, from 0."""
        suspect = any(count >= _SUSPECT for count in self._unanswered.values())
        return self.draw(waiting) if suspect else 0


log = logging.getLogger(__name__)

_LEASE_BEYOND_CALLS = timedelta(minutes=1)
"""How long the work between two writes to the ledger may take besides a call of the host; each write renews the lease.
Where it takes longer, another scanner may take the order over, and this one stops before its next call."""


@define(kw_only=True)
class Fulfillment:
    """Works on the orders of one pass.

    One order that fails does not stop the others. A part of the house that is down is not tried again in the same
    pass: the remaining orders are reported as not tried, and nothing of theirs is touched.

    Args:
        tools: What working on an order takes.
        owner: Who holds the leases.
        faults: What could not be used, at least for some orders; one a part.
    """

    tools: Dependencies
    owner: str
    faults: list[Fault] = field(factory=list, init=False)
    _breaker: Breaker = field(factory=Breaker, init=False)
    _down: Fault | None = field(default=None, init=False)

    def next_of(self, waiting: int) -> int:
        """Which of so many orders that wait is to be worked on next, from 0."""
        return self._breaker.next_of(waiting)

    def look_ahead(self, plans: Sequence[OrderPlan]) -> None:
        """Begins to check the files of orders that come next, unless those will not be tried."""
        if self._down is None:
            self.tools.ahead.begin(plans)

    def work(self, plan: OrderPlan) -> Sequence[ItemOutcome]:
        """Brings one order as far as it goes; returns one outcome for each of its items. Raises for bugs alone."""
        if self._down is not None:
            status = ItemStatus.UNREADABLE if self._down.part == "storage" else ItemStatus.FAILED
            return plan.skipped(status, reason("not_tried", error=self._down.message))
        try:
            lease = self._claim(plan)
        except (LedgerError, InvalidLedger) as error:
            self._give_up(Fault.of("ledger", error))
            return plan.skipped(ItemStatus.FAILED, reason("nothing_sent", error=str(error)))
        if lease is None:
            because = reason("held_by_other_scan", free_within=self._lease_for.total_seconds())
            return plan.skipped(ItemStatus.MATCHED, because)
        tools = self.tools
        progress = Progress(plan=plan, ledger=tools.ledger, lease=lease, retry=tools.retry, tell=tools.tell)
        try:
            with order_budget():
                self._bring_forward(tools, progress)
        finally:
            self._release(lease)
        self._notice_silence(progress)
        return progress.outcomes()

    def _claim(self, plan: OrderPlan) -> Lease | None:
        def claim() -> Lease | None:
            return self.tools.ledger.claim(
                plan.key, order_number=plan.order.number, owner=self.owner, lease_for=self._lease_for
            )

        return self.tools.retry.call(claim, on=LedgerUnavailable)

    @property
    def _lease_for(self) -> timedelta:
        return self.tools.client.call_limit + _LEASE_BEYOND_CALLS

    def _bring_forward(self, tools: Dependencies, progress: Progress) -> None:
        try:
            bring_forward(tools, progress)
        except LeaseLost as error:
            _unrecorded(progress, error, ItemStatus.MATCHED)
            if progress.called:
                self._called_too_late(progress)
        except (LedgerError, InvalidLedger) as error:
            self._give_up(Fault.of("ledger", error))
            _unrecorded(progress, error, ItemStatus.FAILED)
        except ConfigurationError as error:
            progress.failures.append(error)
            _unrecorded(progress, error, ItemStatus.FAILED)
        except Exception as error:  # one bad order never stops its siblings
            log.exception("order_failed", extra={"order_id": progress.plan.order.id})
            _unrecorded(progress, error, ItemStatus.FAILED)

    def _called_too_late(self, progress: Progress) -> None:
        """During a call that had its effect, or may have, another scan took the order over; perhaps it gave it up."""
        with suppress(LedgerError, InvalidLedger):
            lease = self._claim(progress.plan)
            if lease is None:
                return
            try:
                record_late_call(self.tools, progress, lease)
            finally:
                self._release(lease)

    def _release(self, lease: Lease) -> None:
        try:
            self.tools.ledger.advance(lease, (), release=True)
        except (
            LedgerError,
            InvalidLedger,
        ) as error:  # the lease ends by itself; the order's own outcome is what counts
            log.info("lease_not_released", extra={"order_id": lease.key.order_id, "error": str(error)})

    def _notice_silence(self, progress: Progress) -> None:
        """Spares the other orders a part that does not answer: each would wait for the whole of its time-outs."""
        failures = {part: failure for failure in reversed(progress.failures) if (part := _part_of(failure))}
        for part, failure in failures.items():
            self._add_fault(Fault.of(part, failure))
        if progress.unanswered:
            failures.setdefault("client", progress.unanswered)
        self._breaker.note(answered=progress.answered, failed=set(failures))
        for part, failure in failures.items():
            if self._breaker.is_down(part):
                code = "shop_not_answering" if part == "client" else "storage_not_answering"
                self._give_up(Fault(part=part, because=reason(code, orders=DOWN, error=str(failure))))

    def _give_up(self, fault: Fault) -> None:
        self.faults = [*(other for other in self.faults if other.part != fault.part), fault]
        self._down = fault

    def _add_fault(self, fault: Fault) -> None:
        if fault.part not in {other.part for other in self.faults}:
            self.faults.append(fault)


def _part_of(failure: RemoteArtworkError) -> Part | None:
    """Which part an error says nothing but bad news of; None where it speaks of one file or one order."""
    if isinstance(failure, StorageUnreachable | ConfigurationError):
        return "storage"
    return "client" if isinstance(failure, Unavailable | RateLimited | AuthenticationFailed) else None


def _unrecorded(progress: Progress, error: Exception, otherwise: ItemStatus) -> None:
    """Sets the outcomes of an order whose work broke off, by what is known to have been done."""
    what = f"{type(error).__name__}: {error}" if not isinstance(error, RemoteArtworkError) else str(error)
    if progress.state in (FulfillState.FULFILLED, FulfillState.UNCERTAIN):
        return  # what became of it is recorded; what broke off came after
    if progress.state is FulfillState.FULFILL_INTENT:
        because = reason("call_not_recorded", error=what, receipt=progress.receipt)
        progress.set_required(ItemStatus.UNCERTAIN, because)
    elif progress.attaching is not None:
        progress.set_outcome(progress.attaching, ItemStatus.UNCERTAIN, reason("attach_not_recorded", error=what))
    else:
        progress.set_required(otherwise, reason("nothing_sent", error=what))


def run_orders(
    plans: Sequence[OrderPlan],
    fulfillment: Fulfillment,
    *,
    limit: int | None,
    stop: threading.Event,
    tell: Tell,
) -> list[ItemOutcome]:
    """Works on the orders that have work, and says of every order what came of it.

    Args:
        plans: All orders of the pass.
        fulfillment: Works on one order.
        limit: Works on so many at the most.
        stop: Once set, no further order is begun.
        tell: Is told which order is worked on, and what came of each.
    """
    with_work = [plan for plan in plans if plan.has_work]
    total = len(with_work) if limit is None else min(limit, len(with_work))
    items: list[ItemOutcome] = []

    def report(plan: OrderPlan, outcomes: Iterable[ItemOutcome]) -> None:
        for outcome in outcomes:
            tell(reported(plan, outcome))
            items.append(outcome)

    for plan in plans:
        if not plan.has_work:
            report(plan, plan.outcomes())
    waiting = with_work[:total]
    for done in range(total):
        plan = waiting.pop(fulfillment.next_of(len(waiting)))
        if stop.is_set():
            report(plan, plan.skipped(ItemStatus.MATCHED, reason("stopped")))
        else:
            fulfillment.look_ahead([plan, *waiting[: fulfillment.tools.ahead.at_once]])
            tell(started(plan, done=done, total=total))
            report(plan, fulfillment.work(plan))
    for plan in with_work[total:]:
        report(plan, plan.skipped(ItemStatus.MATCHED, reason("limit_reached", limit=total)))
    return items

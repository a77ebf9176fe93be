"""Processes the orders of one scan, one after another."""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta

from attrs import define, field

from remote_artwork.client import advance_one, claim_one
from remote_artwork.core.events import Emit, item_reported, order_started
from remote_artwork.core.lifecycle import FulfillState, Lease
from remote_artwork.core.planner import OrderPlan
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import Fault, ItemOutcome, ItemStatus
from remote_artwork.core.text import redact_error
from remote_artwork.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidLedger,
    LeaseLost,
    LedgerError,
    LedgerUnavailable,
    OrderNotStored,
    RateLimited,
    RemoteArtworkError,
    StorageUnreachable,
    Unavailable,
)
from remote_artwork.fulfillment.order import process_order, record_late_call
from remote_artwork.fulfillment.session import Dependencies, OrderSession, Service
from remote_artwork.retry import order_budget
from remote_artwork.storage.request_time import FilesTimeout, limit_time_of_order

log: logging.Logger = logging.getLogger(__name__)

_SUSPECT_AFTER = 2
"""After this many orders in a row without an answer, the next order is chosen at random."""
DOWN_AFTER = 5
"""After this many, the service counts as down for the rest of the scan."""

_LEASE_MARGIN = timedelta(minutes=1)
"""How much longer than the longest call a lease lasts. Each write to the ledger renews it, and so does work on the
files. If a call takes longer, another scan may take over the order, and this one stops before its next call."""


@define
class CircuitBreaker:
    """Counts, for each service, how many orders in a row got no answer.

    If a service is down, no order gets an answer, so a scan stops after five. If only some orders get no answer, they
    may be next to each other in the list. So after two of them, the next order is chosen at random: then every scan has
    a chance to reach the orders that get one.

    Args:
        draw: How many orders wait → the position of the next one, from 0.
    """

    draw: Callable[[int], int] = random.randrange
    _unanswered: Counter[Service] = field(factory=Counter, init=False)

    def record(self, *, answered: set[Service], failed: set[Service]) -> None:
        """Count the answers that one order got.

        Args:
            answered: Services that answered at least once.
            failed: Services that gave no answer in the end, even if they answered before.
        """
        for service in answered - failed:
            del self._unanswered[service]
        self._unanswered.update(failed)

    def is_down(self, service: Service) -> bool:
        """Whether the service counts as down for the rest of the scan."""
        return self._unanswered[service] >= DOWN_AFTER

    def choose_next(self, waiting: int) -> int:
        """The position of the order to process next, among this many that wait."""
        suspect = any(count >= _SUSPECT_AFTER for count in self._unanswered.values())
        return self.draw(waiting) if suspect else 0


@define(kw_only=True)
class OrderRunner:
    """Processes the orders of one scan.

    One order that fails does not stop the others. A service that is down is not tried again in the same scan: the
    remaining orders are reported as not tried, and nothing is written about them.

    Args:
        services: What the processing of an order uses.
        owner: Who holds the leases.
        faults: The services that could not be used, at least for some orders; one fault for each.
    """

    services: Dependencies
    owner: str
    faults: list[Fault] = field(factory=list, init=False)
    _breaker: CircuitBreaker = field(factory=CircuitBreaker, init=False)
    _down: Fault | None = field(default=None, init=False)

    def choose_next(self, waiting: int) -> int:
        """The position of the order to process next, among this many that wait."""
        return self._breaker.choose_next(waiting)

    def prefetch(self, plans: Sequence[OrderPlan]) -> None:
        """Start to check the files of the next orders, unless those will not be tried."""
        if self._down is None:
            self.services.checks.start(plans)

    def process(self, plan: OrderPlan) -> Sequence[ItemOutcome]:
        """Process one order as far as possible. Returns one outcome for each of its items."""
        if self._down is not None:
            status = ItemStatus.UNREADABLE if self._down.part == "storage" else ItemStatus.FAILED
            return plan.skipped(status, reason("not_tried", error=self._down.message))
        with order_budget(), limit_time_of_order():
            return self._process_in_time(plan)

    def _process_in_time(self, plan: OrderPlan) -> Sequence[ItemOutcome]:
        self.services.checks.finish(plan)
        try:
            lease = self._claim(plan)
        except OrderNotStored as error:
            return plan.skipped(ItemStatus.FAILED, reason("nothing_sent", error=str(error)))
        except (LedgerError, InvalidLedger) as error:
            self._give_up(Fault.of("ledger", error))
            return plan.skipped(ItemStatus.FAILED, reason("nothing_sent", error=str(error)))
        if lease is None:
            because = reason("held_by_other_scan", free_within=self._lease_for.total_seconds())
            return plan.skipped(ItemStatus.MATCHED, because)
        services = self.services
        session = OrderSession(plan=plan, ledger=services.ledger, lease=lease, retry=services.retry, emit=services.emit)
        try:
            self._process(services, session)
        finally:
            self._release(lease)
        self._record_answers(session)
        return session.outcomes()

    def _claim(self, plan: OrderPlan) -> Lease | None:
        def claim() -> Lease | None:
            ledger, number = self.services.ledger, plan.order.number
            return claim_one(ledger, plan.key, order_number=number, owner=self.owner, lease_for=self._lease_for)

        return self.services.retry.call(claim, on=LedgerUnavailable)

    @property
    def _lease_for(self) -> timedelta:
        return self.services.client.call_limit + _LEASE_MARGIN

    def _process(self, services: Dependencies, session: OrderSession) -> None:
        try:
            process_order(services, session)
        except LeaseLost as error:
            _report_interruption(session, error, ItemStatus.MATCHED)
            if session.calls.may_have_effect:
                self._record_late_call(session)
        except OrderNotStored as error:
            _report_interruption(session, error, ItemStatus.FAILED)
        except (LedgerError, InvalidLedger) as error:
            self._give_up(Fault.of("ledger", error))
            _report_interruption(session, error, ItemStatus.FAILED)
        except ConfigurationError as error:
            session.failures.append(error)
            _report_interruption(session, error, ItemStatus.FAILED)
        except Exception as error:  # one order that fails never stops the others
            log.exception("order_failed", extra={"order_id": session.plan.order.id}, exc_info=redact_error(error))
            _report_interruption(session, error, ItemStatus.FAILED)

    def _record_late_call(self, session: OrderSession) -> None:
        """The lease was lost during a call that may have had its effect; another scan may have given the call up."""
        with suppress(LedgerError, InvalidLedger):
            lease = self._claim(session.plan)
            if lease is None:
                return
            try:
                record_late_call(self.services, session, lease)
            finally:
                self._release(lease)

    def _release(self, lease: Lease) -> None:
        try:
            advance_one(self.services.ledger, lease, release=True)
        except (LedgerError, InvalidLedger) as error:  # the lease expires; the order's own outcome is what counts
            log.info("lease_not_released", extra={"order_id": lease.key.order_id, "error": str(error)})

    def _record_answers(self, session: OrderSession) -> None:
        """Count the services that did not answer. Use one that is down no more, so that no order waits for it."""
        failures = {service: failure for failure in reversed(session.failures) if (service := _service_of(failure))}
        for service, failure in failures.items():
            self._add_fault(Fault.of(service, failure))
        if session.unanswered:
            failures.setdefault("client", session.unanswered)
        self._breaker.record(answered=session.answered, failed=set(failures))
        for service, failure in failures.items():
            if self._breaker.is_down(service):
                code = "shop_not_answering" if service == "client" else "storage_not_answering"
                because = reason(code, orders=DOWN_AFTER, error=str(failure))
                self._give_up(Fault(part=service, because=because))

    def _give_up(self, fault: Fault) -> None:
        self.faults = [*(other for other in self.faults if other.part != fault.part), fault]
        self._down = fault

    def _add_fault(self, fault: Fault) -> None:
        if fault.part not in {other.part for other in self.faults}:
            self.faults.append(fault)


def _service_of(failure: RemoteArtworkError) -> Service | None:
    """The service that an error says is unusable; None when the error is about one file or one order."""
    if isinstance(failure, StorageUnreachable | FilesTimeout | ConfigurationError):
        return "storage"
    return "client" if isinstance(failure, Unavailable | RateLimited | AuthenticationFailed) else None


def _report_interruption(session: OrderSession, error: Exception, otherwise: ItemStatus) -> None:
    """Set the outcomes of an order whose processing was interrupted. They depend on what was done before."""
    what = str(error) if isinstance(error, RemoteArtworkError) else f"{type(error).__name__}: {error}"
    if session.state in (FulfillState.FULFILLED, FulfillState.UNCERTAIN):
        return  # its outcome is recorded; the interruption came later
    if session.state is FulfillState.FULFILL_INTENT:
        because = reason("call_not_recorded", error=what, receipt=session.receipt)
        session.set_required(ItemStatus.UNCERTAIN, because)
    elif session.attaching is not None:
        session.set_outcome(session.attaching, ItemStatus.UNCERTAIN, reason("attach_not_recorded", error=what))
    else:
        session.set_required(otherwise, reason("nothing_sent", error=what))


def run_orders(
    plans: Sequence[OrderPlan],
    runner: OrderRunner,
    *,
    limit: int | None,
    stop: threading.Event,
    emit: Emit,
) -> list[ItemOutcome]:
    """Process the orders that have work. Returns the outcomes of all orders.

    Args:
        plans: All orders of the scan.
        runner: Processes one order.
        limit: The largest number of orders to process; None: all.
        stop: When set, no further order is started.
        emit: Receives an event when an order starts, and one for each outcome.
    """
    with_work = [plan for plan in plans if plan.has_work]
    total = len(with_work) if limit is None else min(limit, len(with_work))
    items: list[ItemOutcome] = []

    def report(plan: OrderPlan, outcomes: Iterable[ItemOutcome]) -> None:
        for outcome in outcomes:
            emit(item_reported(plan, outcome))
            items.append(outcome)

    for plan in plans:
        if not plan.has_work:
            report(plan, plan.outcomes())
    waiting = with_work[:total]
    for done in range(total):
        plan = waiting.pop(runner.choose_next(len(waiting)))
        if stop.is_set():
            report(plan, plan.skipped(ItemStatus.MATCHED, reason("stopped")))
        else:
            runner.prefetch([plan, *waiting[: runner.services.checks.max_parallel]])
            emit(order_started(plan, done=done, total=total))
            report(plan, runner.process(plan))
    for plan in with_work[total:]:
        report(plan, plan.skipped(ItemStatus.MATCHED, reason("limit_reached", limit=total)))
    return items

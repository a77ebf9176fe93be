"""Processes the orders of one scan, several at once."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial

from attrs import define, field

from remote_artwork.activity import Measurement, of_order
from remote_artwork.core.events import Emit, OrderFinished, item_reported, order_started
from remote_artwork.core.lifecycle import FulfillState, Lease, LedgerWrite, Step
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
    OrderNotStored,
    RateLimited,
    RemoteArtworkError,
    StorageUnreachable,
    Unavailable,
)
from remote_artwork.fulfillment.leases import LeaseRenewer
from remote_artwork.fulfillment.order import process_order, record_late_call
from remote_artwork.fulfillment.order_queue import ClaimedOrder, OrderQueue
from remote_artwork.fulfillment.session import Dependencies, OrderSession, Service
from remote_artwork.fulfillment.workers import LeaveSlot
from remote_artwork.retry import order_budget
from remote_artwork.runtime import Condition
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
    """Counts, for each service and each method of a client, how many orders in a row got no answer.

    If a service is down, no order gets an answer, so a scan stops after five. If only some orders get no answer, they
    may be next to each other in the list. So after two of them, the next order is chosen at random: then every scan has
    a chance to reach the orders that get one.

    Args:
        draw: How many orders wait → the position of the next one, from 0.
    """

    draw: Callable[[int], int] = random.randrange
    _unanswered: Counter[tuple[Service, str]] = field(factory=Counter, init=False)

    def record(self, *, answered: set[Service], failed: set[Service], method: str = "") -> None:
        """Count the answers that one order got.

        Args:
            answered: Services that answered at least once.
            failed: Services that gave no answer in the end, even if they answered before.
            method: The method of the client that got no answer.
        """
        self._unanswered = Counter(
            {key: count for key, count in self._unanswered.items() if key[0] not in answered - failed}
        )
        self._unanswered.update((service, method if service == "client" else "") for service in failed)

    def record_answer(self, method: str) -> None:
        """A method of the client was answered. Other orders are still in hand, so this cannot wait for their end."""
        del self._unanswered["client", method]

    def is_down(self, service: Service) -> bool:
        """Whether the service counts as down for the rest of the scan."""
        return any(count >= DOWN_AFTER for (other, _), count in self._unanswered.items() if other == service)

    def choose_next(self, waiting: int, *, at_random: bool = False) -> int:
        """The position of the order to process next, among this many that wait."""
        suspect = at_random or any(count >= _SUSPECT_AFTER for count in self._unanswered.values())
        return self.draw(waiting) if suspect else 0


@define(kw_only=True, eq=False)
class OrderRunner:
    """Processes the orders of one scan.

    One order that fails does not stop the others. A service that is down is not tried again in the same scan: the
    remaining orders are reported as not tried, and nothing is written about them. Orders that other workers have begun
    by then are finished.

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
    _lock: Condition = field(init=False)
    _renewer: LeaseRenewer = field(init=False)
    _queue: OrderQueue = field(init=False)
    _started: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        workers = self.services.workers
        self._renewer = LeaseRenewer(workers.runtime, self._lease_for)
        self._lock = workers.runtime.condition()
        self._queue = OrderQueue(
            ledger=self.services.ledger,
            owner=self.owner,
            lease_for=self._lease_for,
            retry=self.services.retry,
            runtime=workers.runtime,
            workers=workers.count,
            choose_next=self._choose_next,
            new_session=self._new_session,
        )

    def run(self, plans: Sequence[OrderPlan], report: Callable[[OrderPlan, Iterable[ItemOutcome]], None]) -> None:
        """Process these orders. The scan thread calls ``report`` once for each."""
        self._queue.waiting += plans
        total = len(plans)
        emit = self.services.emit
        self.services.calls.on_answer = self._record_answer

        def process(order: ClaimedOrder, leave_slot: LeaveSlot) -> Sequence[ItemOutcome]:
            if order.session is not None:
                order.session.leave_slot = leave_slot
            with self._lock:
                emit(order_started(order.plan, done=self._started, total=total))
                self._started += 1
            finished = partial(OrderFinished, order_number=order.plan.order.number)
            with of_order(order.plan.order.id), Measurement(finished) as facts:
                outcomes = self._process(order)
                facts["statuses"] = tuple(outcome.status for outcome in outcomes)
            return outcomes

        with self.services.ledger.running(), self._renewer.running(), closing(self.services.calls.gate):
            take = partial(self._queue.take, is_stopped=self._is_stopped)
            try:
                self.services.workers.run(take, process, lambda order, outcomes: report(order.plan, outcomes))
            finally:
                left = self._queue.drain()
                for order in left:
                    if order.session is not None:
                        self._release(order.session)
        for order in left:
            report(order.plan, order.plan.skipped(ItemStatus.MATCHED, reason("stopped")))

    def _is_stopped(self) -> bool:
        return self.services.calls.stop.is_set() or self.services.workers.interrupted

    def _choose_next(self, waiting: int, at_random: bool) -> int:  # noqa: FBT001 - see OrderQueue
        with self._lock:
            return self._breaker.choose_next(waiting, at_random=at_random)

    def _new_session(self, plan: OrderPlan, lease: Lease, leased_at: float) -> OrderSession:
        services = self.services
        session = OrderSession(
            plan=plan,
            ledger=services.ledger,
            lease=lease,
            leased_at=leased_at,
            retry=services.retry,
            emit=services.emit,
            monotonic=services.workers.runtime.monotonic,
        )
        self._renewer.add(session)
        return session

    @property
    def _lease_for(self) -> timedelta:
        return self.services.client.call_limit + _LEASE_MARGIN

    # --- Processing ---

    def _process(self, order: ClaimedOrder) -> Sequence[ItemOutcome]:
        """Process one order as far as possible. Returns one outcome for each of its items."""
        plan, session = order.plan, order.session
        if order.is_done:
            return plan.skipped(ItemStatus.FULFILLED, reason("fulfilled_by_other_scan"))
        if order.error is not None:
            if not isinstance(order.error, OrderNotStored):
                self._give_up(Fault.of("ledger", order.error))
            return plan.skipped(ItemStatus.FAILED, reason("nothing_sent", error=str(order.error)))
        if self._down is not None:
            if session is not None:
                self._release(session)
            status = ItemStatus.UNREADABLE if self._down.part == "storage" else ItemStatus.FAILED
            return plan.skipped(status, reason("not_tried", error=self._down.message))
        if session is None:
            because = reason("held_by_other_scan", free_within=self._lease_for.total_seconds())
            return plan.skipped(ItemStatus.MATCHED, because)
        with order_budget(), limit_time_of_order():
            try:
                replaced = self._process_session(session)
            finally:
                if not session.released:
                    self._release(session)
                self._renewer.remove(session)
            if replaced:
                self._record_replaced(session, replaced)
        self._record_answers(session)
        return session.outcomes()

    def _process_session(self, session: OrderSession) -> Sequence[Step]:
        try:
            return process_order(self.services, session)
        except LeaseLost as error:
            _report_interruption(session, error, ItemStatus.MATCHED)
            session.released = True
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
        return ()

    def _record_late_call(self, session: OrderSession) -> None:
        """The lease was lost during a call that may have had its effect; another scan may have given the call up."""
        with suppress(LedgerError, InvalidLedger):
            if self._claim_again(session):
                record_late_call(self.services, session)

    def _record_replaced(self, session: OrderSession, steps: Sequence[Step]) -> None:
        """Record that files were replaced after they were sent. The outcomes hold it all the same."""
        try:
            if self._claim_again(session):
                session.advance(*steps, release=True)
        except LeaseLost:
            log.info("replacement_not_recorded", extra={"order_id": session.plan.order.id})
        except LedgerError as error:
            self._give_up(Fault.of("ledger", error))

    def _claim_again(self, session: OrderSession) -> bool:
        """Whether this scan has a lease of the order again."""
        [order] = self._queue.claim([session.plan])
        if order.error is not None:
            raise order.error
        if order.session is None:
            return False
        self._renewer.remove(order.session)
        session.adopt_lease(order.session.lease, order.session.leased_at)
        return True

    def _release(self, session: OrderSession) -> None:
        self._renewer.remove(session)
        try:
            self.services.ledger.write(LedgerWrite(lease=session.lease, release=True))
        except (LedgerError, InvalidLedger) as error:  # the lease expires; the order's own outcome is what counts
            log.info("lease_not_released", extra={"order_id": session.plan.order.id, "error": str(error)})

    def _record_answer(self, method: str) -> None:
        with self._lock:
            self._breaker.record_answer(method)

    def _record_answers(self, session: OrderSession) -> None:
        """Count the services that did not answer. Use one that is down no more, so that no order waits for it."""
        failures = {service: failure for failure in reversed(session.failures) if (service := _service_of(failure))}
        with self._lock:
            for failure in session.failures:
                service = _service_of(failure)
                if service and not isinstance(failure, RateLimited):  # the next scan has the calls that it needs
                    self._add_fault(Fault.of(service, failure))
            if session.unanswered:
                failures.setdefault("client", session.unanswered)
            self._breaker.record(answered=session.answered, failed=set(failures), method=session.failed_method)
            down = [(service, failure) for service, failure in failures.items() if self._breaker.is_down(service)]
        for service, failure in down:
            code = "shop_not_answering" if service == "client" else "storage_not_answering"
            because = reason(code, orders=DOWN_AFTER, error=str(failure))
            self._give_up(Fault(part=service, because=because))

    def _give_up(self, fault: Fault) -> None:
        with self._lock:
            self.faults = [*(other for other in self.faults if other.part != fault.part), fault]
            self._down = fault
        self._queue.claims_nothing = True
        if fault.part != "storage":  # orders in hand make no further call
            self.services.calls.down = reason("not_tried", error=fault.message)

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
    elif session.attaching:
        for number in sorted(session.attaching):
            session.set_outcome(number, ItemStatus.UNCERTAIN, reason("attach_not_recorded", error=what))
    else:
        session.set_required(otherwise, reason("nothing_sent", error=what))


def run_orders(plans: Sequence[OrderPlan], runner: OrderRunner, *, limit: int | None, emit: Emit) -> list[ItemOutcome]:
    """Process the orders that have work. Returns the outcomes of all orders.

    Args:
        plans: All orders of the scan.
        runner: Processes the orders.
        limit: The largest number of orders to process; None: all.
        emit: Receives an event for each outcome, in the thread of the scan.
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
    if total:
        runner.run(with_work[:total], report)
    for plan in with_work[total:]:
        report(plan, plan.skipped(ItemStatus.MATCHED, reason("limit_reached", limit=total)))
    return items

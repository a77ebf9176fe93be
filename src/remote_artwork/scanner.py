"""Scanner: one pass over the pending orders and the storage, dry or for real, and passes for ever."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, Protocol

from attrs import Attribute, define, evolve, field

from remote_artwork.client import FulfillmentClient, Ledger, Observer, PreflightCheck, client_problem
from remote_artwork.core.events import (
    Emit,
    Event,
    FileReported,
    FilesListed,
    ItemFound,
    ItemReported,
    ScanFinished,
    ScanStarted,
    checked,
    ignore,
    reported,
    started,
)
from remote_artwork.core.expected import split_extension
from remote_artwork.core.lifecycle import DEFAULT_TENANT, OrderRecord
from remote_artwork.core.pattern import ORDER_ITEM_POSITION, FilenamePattern
from remote_artwork.core.planner import ItemPlan, OrderPlan
from remote_artwork.core.policy import Policy
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import (
    Explanation,
    Fault,
    FileListener,
    FileOutcome,
    FileTally,
    ItemOutcome,
    ItemStatus,
    ScanReport,
    files_from_items,
    sorted_items,
)
from remote_artwork.errors import ConfigurationError, LedgerError, LedgerUnavailable, StorageError
from remote_artwork.fulfillment.runner import OrderRunner, run_orders
from remote_artwork.fulfillment.session import Dependencies
from remote_artwork.preflight.standard import preflight_checks
from remote_artwork.retry import RetryPolicy
from remote_artwork.scan.checks import CheckPrefetcher, Inspector
from remote_artwork.scan.collect import Collected, Collector
from remote_artwork.scan.explain import explain_file, explain_order
from remote_artwork.storage.storage import ArtworkStorage


def parse_pattern(pattern: str | FilenamePattern) -> FilenamePattern:
    """The pattern, read where it is text."""
    return pattern if isinstance(pattern, FilenamePattern) else FilenamePattern(pattern)


def order_filter(orders: Collection[str] | None) -> frozenset[str] | None:
    """Order numbers as a set; None: all."""
    if isinstance(orders, str):
        raise ConfigurationError(f"orders must be a collection of order numbers, for example orders=[{orders!r}]")
    return None if orders is None else frozenset(orders)


def non_empty(_instance: object, _attribute: object, value: str) -> None:
    """Rejects a tenant without a name."""
    if not value.strip():
        raise ConfigurationError("Scanner.tenant must not be empty")


def valid_client(_instance: object, _attribute: object, client: FulfillmentClient) -> None:
    """Rejects a client whose promises are none."""
    if flaw := client_problem(client):
        raise ConfigurationError(flaw)


def positive_int(_instance: object, _attribute: Attribute[Any], value: object) -> None:
    """Rejects a number of threads that is none."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ConfigurationError(f"Scanner.checks_at_once must be a whole number from 1, or None, not {value!r}")


class _HasStorage(Protocol):
    storage: ArtworkStorage


def valid_url_lifetime(scanner: _HasStorage, _attribute: object, wanted: timedelta) -> None:
    """Rejects URLs that would have to outlive what they are signed with."""
    longest = scanner.storage.max_url_lifetime
    if longest is not None and wanted > longest:
        raise ConfigurationError(
            f"Scanner.url_lifetime is {wanted}, and URLs of {scanner.storage.location} live for {longest} at the "
            "longest; make it shorter, or the sessions of a role longer (AssumeRole.duration)"
        )


log: logging.Logger = logging.getLogger(__name__)

_IN_BULK = (FilesListed, ItemFound, ItemReported, FileReported)
"""Told anew in each pass, of whatever waits: for the log of whoever looks for something."""


@define
class EventDispatcher:
    """Tells of one pass. Called by the thread that makes it.

    Args:
        observer: The host's; what it raises is logged once a pass, and stops nothing.
    """

    observer: Observer | None
    _raised: bool = False

    def __call__(self, event: Event) -> None:
        """Tells one event; never raises."""
        level = logging.DEBUG if isinstance(event, _IN_BULK) else logging.INFO
        if log.isEnabledFor(level):
            log.log(level, event.event_name, extra=dict(event.facts()))
        if self.observer is None:
            return
        try:
            self.observer.on_event(event)
        except Exception:
            if not self._raised:
                log.exception("observer_raised", extra={"event": event.event_name})
            self._raised = True


def preview(plans: Sequence[OrderPlan], ahead: CheckPrefetcher | None, *, emit: Emit) -> list[ItemOutcome]:
    """The outcomes of all items, as a dry run reports them.

    Args:
        plans: All orders of the pass.
        ahead: Checks the matched files; None: nobody looks at them.
        emit: Receives what the checks find, and each outcome.
    """
    with_work = [plan for plan in plans if ahead and any(item.status is ItemStatus.MATCHED for item in plan.items)]
    done = {plan.key: number for number, plan in enumerate(with_work)}
    items: list[ItemOutcome] = []
    for plan in plans:
        if ahead is not None and plan.key in done:
            begun = done[plan.key]
            emit(started(plan, done=begun, total=len(with_work)))
            ahead.begin(with_work[begun : begun + 1 + ahead.at_once])
        for item in plan.items:
            if ahead is not None and item.status is ItemStatus.MATCHED:
                outcome = _look(plan, item, ahead, emit)
            else:
                outcome = plan.outcome(item)
            emit(reported(plan, outcome))
            items.append(outcome)
    return items


def _look(order: OrderPlan, plan: ItemPlan, ahead: CheckPrefetcher, emit: Emit) -> ItemOutcome:
    try:
        verdict = ahead.verdict(plan.item, plan.files)
    except StorageError as error:
        return order.outcome(plan, ItemStatus.UNREADABLE, reason("nothing_sent_unreadable", error=str(error)))
    emit(checked(order, plan, verdict.rejection))
    outcome = order.outcome(plan, ItemStatus.REJECTED, verdict.rejection) if verdict.rejection else order.outcome(plan)
    return evolve(outcome, findings=verdict.findings)


def repeat(one_pass: Callable[[], object], *, every: timedelta, stop: threading.Event) -> None:
    """Calls ``one_pass`` at once and then every so often, with up to a tenth of jitter, until ``stop`` is set.

    A pass that raises is logged and the next one runs. Passes never overlap.

    Args:
        one_pass: The work.
        every: From the start of one pass to the start of the next.
        stop: Ends the loop once set. In the main thread SIGTERM sets it.
    """
    with sigterm_sets(stop):
        while not stop.is_set():
            due = monotonic() + every.total_seconds() * random.uniform(1, 1.1)  # noqa: S311 - spreads load, guards nothing
            try:
                one_pass()
            except Exception as error:
                log.exception("pass_failed", extra={"error": str(error)})
            stop.wait(max(0.0, due - monotonic()))


@contextmanager
def sigterm_sets(stop: threading.Event) -> Iterator[None]:
    """Whoever ends the process (SIGTERM) sets ``stop``, for as long as this lasts. Does nothing in other threads."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


HOURLY = timedelta(hours=1)

_REMEMBERED = timedelta(days=90)
_SILENT_PASSES = 100
"""A finished order is forgotten when it is this old, and the host has not named it for this long nor in so many whole
passes. Both, for passes may be a minute apart, or a year."""


@define
class Scanner:
    """Finds the files of the pending orders, checks them, attaches them, and fulfills each order once.

    One scanner is safe to call from several threads: its passes run one after another. Several scanners, in one
    process or in many, may share a ledger: each order is worked on by one of them at a time.

    Args:
        storage: Where the files are.
        client: The host: its orders, and what may be done to them.
        ledger: What was begun and what is done; shared by all scanners of a shop.
        pattern: The expected names, without extension.
        policy: The shop's decisions.
        tenant: Keeps several shops apart in one ledger. All scanners of one shop look at one location.
        checks: Preflight checks; those of ``preflight_checks(policy)`` unless told.
        checks_at_once: Files of how many items are checked at once, each by a thread, ahead of the order in hand. In
            depth each may take 300 MB. Unless told, 8, or in depth as many as there are processors; 1: one by one.
        retry: How temporary errors of the host are repeated.
        url_lifetime: How long a signed URL works; not longer than the storage's credentials can sign for.
        observer: Is told what happens in a pass while it happens.
        clock: Tells the time, with a time zone; for reports, ages and how long URLs still work.
    """

    storage: ArtworkStorage
    client: FulfillmentClient = field(validator=valid_client)
    ledger: Ledger = field(kw_only=True)
    pattern: FilenamePattern = field(factory=FilenamePattern, kw_only=True, converter=parse_pattern)
    policy: Policy = field(factory=Policy, kw_only=True)
    tenant: str = field(default=DEFAULT_TENANT, kw_only=True, validator=non_empty)
    checks: Sequence[PreflightCheck] | None = field(default=None, kw_only=True)
    checks_at_once: int | None = field(default=None, kw_only=True, validator=positive_int)
    retry: RetryPolicy = field(factory=RetryPolicy, kw_only=True)
    url_lifetime: timedelta = field(default=timedelta(hours=24), kw_only=True, validator=valid_url_lifetime)
    observer: Observer | None = field(default=None, kw_only=True)
    clock: Callable[[], datetime] = field(default=partial(datetime.now, UTC), kw_only=True)
    _name: str = field(init=False, factory=lambda: uuid.uuid4().hex[:8])
    _one_at_a_time: threading.Lock = field(init=False, factory=threading.Lock)

    def plan(
        self,
        *,
        verify: bool = False,
        sweep: bool = False,
        orders: Collection[str] | None = None,
        on_file: FileListener | None = None,
    ) -> ScanReport:
        """A dry run: lists and matches, and writes nothing anywhere.

        Args:
            verify: Also reads the matched files and runs the preflight checks.
            sweep: Sees every file of the location, also when no order waits.
            orders: Numbers of the orders to report; all pending ones unless told.
            on_file: Is given every odd file, also beyond the examples the report keeps.

        Raises:
            ConfigurationError: The location does not exist, or orders, pattern or ledger cannot be used.
        """
        with self._one_at_a_time, self.retry.scan_budget():
            started, emit = self.clock(), self._start(dry_run=True)
            survey = self._survey(started, emit, orders=orders, sweep=sweep, on_file=on_file)
            with CheckPrefetcher.of(self._inspector, self.checks_at_once) as ahead:
                items = preview(survey.plans, ahead if verify else None, emit=emit)
            return self._report(survey, started, items, emit, dry_run=True)

    def scan(
        self,
        *,
        sweep: bool = False,
        orders: Collection[str] | None = None,
        limit: int | None = None,
        on_file: FileListener | None = None,
        stop: threading.Event | None = None,
    ) -> ScanReport:
        """One pass: attaches and fulfills whatever is complete.

        Args:
            sweep: Sees every file of the location, also when no order waits.
            orders: Numbers of the orders to work on; unless told all that are pending, or whose call has no known end.
            limit: Works on so many orders at the most, for a first careful scan.
            on_file: Is given every odd file, also beyond the examples the report keeps.
            stop: Once set, no further order is begun.

        Raises:
            ConfigurationError: The location does not exist, or orders, pattern or ledger cannot be used.
        """
        with self._one_at_a_time, self.retry.scan_budget():
            started, emit = self.clock(), self._start(dry_run=False)
            survey = self._survey(started, emit, orders=orders, sweep=sweep, on_file=on_file)
            with CheckPrefetcher.of(self._inspector, self.checks_at_once) as ahead:
                items = self._work(survey, ahead, emit, limit, stop or threading.Event())
            if orders is None and survey.whole and not any(fault.part == "ledger" for fault in survey.faults):
                self._forget(survey)
            return self._report(survey, started, items, emit, dry_run=False)

    def explain(self, name: str | None = None, *, order: str | None = None) -> Explanation:
        """The whole reasoning about one file name, or about one order number. Writes nothing anywhere.

        Raises:
            ConfigurationError: Neither or both were asked for.
        """
        if (name is None) == (order is None):
            raise ConfigurationError("explain takes a file name, or order=NUMBER, and not both")
        with self._one_at_a_time, self.retry.scan_budget():
            seen: list[FileOutcome] = []
            tally = FileTally(lambda file: seen.append(file) if file.name == name else None)
            survey = self._surveyor(ignore).look(self.clock(), orders=None, tally=tally, names=[name] if name else ())
            if name is not None:
                numbers = self.pattern.order_numbers(split_extension(name)[0])
                return explain_file(name, survey, seen, self._remembered(survey, numbers), self.pattern)
            return explain_order(str(order), survey, self._remembered(survey, {str(order)}))

    def _remembered(self, survey: Collected, numbers: Collection[str]) -> list[OrderRecord]:
        if not numbers or any(fault.part == "ledger" for fault in survey.faults):
            return []
        return list(self.ledger.find(self.tenant, order_numbers=numbers))

    def run_forever(
        self,
        *,
        every: timedelta = HOURLY,
        stop: threading.Event | None = None,
        on_report: Callable[[ScanReport], None] | None = None,
    ) -> None:
        """Scans at once and then every so often, with up to a tenth of jitter, until ``stop`` is set.

        A pass that fails is logged, and the next one runs. Passes never overlap: one that takes longer than ``every``
        is followed by the next. In the main thread SIGTERM sets ``stop``, so that the order in hand is finished first.

        Args:
            every: From the start of one pass to the start of the next.
            stop: Ends the loop once set.
            on_report: Is given each pass's report.

        Raises:
            ConfigurationError: ``every`` is not above zero.
        """
        if every <= timedelta(0):
            raise ConfigurationError(f"every must be above zero, not {every}")
        stop = stop or threading.Event()

        def one_pass() -> None:
            report = self.scan(stop=stop)
            if on_report is not None:
                on_report(report)

        repeat(one_pass, every=every, stop=stop)

    def _start(self, *, dry_run: bool) -> Emit:
        emit = EventDispatcher(self.observer)
        emit(ScanStarted(tenant=self.tenant, location=self.storage.location, dry_run=dry_run))
        return emit

    def _survey(
        self,
        started: datetime,
        emit: Emit,
        *,
        orders: Collection[str] | None,
        sweep: bool,
        on_file: FileListener | None,
    ) -> Collected:
        def listen(file: FileOutcome) -> None:
            if on_file is not None:
                on_file(file)
            emit(FileReported(tenant=self.tenant, outcome=file))

        return self._surveyor(emit).look(started, orders=order_filter(orders), tally=FileTally(listen), sweep=sweep)

    def _surveyor(self, emit: Emit) -> Collector:
        return Collector(
            storage=self.storage,
            client=self.client,
            ledger=self.ledger,
            pattern=self.pattern,
            policy=self.policy,
            tenant=self.tenant,
            retry=self.retry,
            inspector=self._inspector,
            emit=emit,
        )

    @property
    def _inspector(self) -> Inspector:
        return Inspector(self.storage, preflight_checks(self.policy) if self.checks is None else self.checks)

    def _work(
        self, survey: Collected, ahead: CheckPrefetcher, emit: Emit, limit: int | None, stop: threading.Event
    ) -> list[ItemOutcome]:
        services = Dependencies(
            storage=self.storage,
            client=self.client,
            ledger=self.ledger,
            inspector=ahead.inspector,
            checks=ahead,
            policy=self.policy,
            retry=self.retry,
            url_lifetime=self.url_lifetime,
            clock=self.clock,
            emit=emit,
            positions_matter=self.pattern.uses(ORDER_ITEM_POSITION),
        )
        owner = f"{socket.gethostname()}:{os.getpid()}:{self._name}"  # its own after a fork
        runner = OrderRunner(services=services, owner=owner)
        items = run_orders(survey.plans, runner, limit=limit, stop=stop, emit=emit)
        survey.faults.extend(runner.faults)
        return items

    def _forget(self, survey: Collected) -> None:
        pending = {plan.order.id for plan in survey.plans}
        forget = partial(self.ledger.forget, self.tenant, min_age=_REMEMBERED, silent_passes=_SILENT_PASSES)
        try:
            self.retry.call(partial(forget, still_pending=pending), on=LedgerUnavailable)
        except LedgerError as error:
            survey.faults.append(Fault.of("ledger", error))

    def _report(
        self, survey: Collected, started: datetime, items: Sequence[ItemOutcome], emit: Emit, *, dry_run: bool
    ) -> ScanReport:
        for file in files_from_items(items):
            survey.tally.add(file)
        requests = survey.requests_since(self.storage)
        report = ScanReport(
            dry_run=dry_run,
            tenant=self.tenant,
            location=self.storage.location,
            started_at=started,
            finished_at=self.clock(),
            items=sorted_items(items),
            files=survey.tally.examples(),
            file_counts=dict(survey.tally.counts),
            coverage=survey.coverage,
            names_seen=survey.names_seen,
            requests=requests,
            strategy=survey.strategy,
            monthly_cost=self.storage.monthly_cost(requests) if dry_run else None,
            faults=tuple(survey.faults),
        )
        emit(ScanFinished(tenant=self.tenant, report=report))
        return report

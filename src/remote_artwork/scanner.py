"""The ``Scanner``: plan a scan, run it once, explain a file, or run scans for ever."""

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
    ignore,
    item_checked,
    item_reported,
    order_started,
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
from remote_artwork.preflight.checks import preflight_checks
from remote_artwork.retry import RetryPolicy
from remote_artwork.scan.checks import CheckPrefetcher, Inspector
from remote_artwork.scan.collect import Collected, Collector
from remote_artwork.scan.explain import explain_file, explain_order
from remote_artwork.storage.storage import ArtworkStorage


def parse_pattern(pattern: str | FilenamePattern) -> FilenamePattern:
    """A pattern from its text."""
    return pattern if isinstance(pattern, FilenamePattern) else FilenamePattern(pattern)


def order_filter(orders: Collection[str] | None) -> frozenset[str] | None:
    """Order numbers as a set; None means all orders."""
    if isinstance(orders, str):
        raise ConfigurationError(f"orders must be a collection of order numbers, for example orders=[{orders!r}]")
    return None if orders is None else frozenset(orders)


def non_empty(_instance: object, _attribute: object, value: str) -> None:
    """Reject an empty tenant."""
    if not value.strip():
        raise ConfigurationError("Scanner.tenant must not be empty")


def valid_client(_instance: object, _attribute: object, client: FulfillmentClient) -> None:
    """Reject a client whose promises have the wrong type."""
    if flaw := client_problem(client):
        raise ConfigurationError(flaw)


def positive_int(_instance: object, _attribute: Attribute[Any], value: object) -> None:
    """Reject anything but a whole number above zero, or None."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ConfigurationError(f"Scanner.checks_at_once must be a whole number from 1, or None, not {value!r}")


class _HasStorage(Protocol):
    storage: ArtworkStorage


def valid_url_lifetime(scanner: _HasStorage, _attribute: object, wanted: timedelta) -> None:
    """Reject URLs that would have to work longer than the credentials that sign them."""
    longest = scanner.storage.max_url_lifetime
    if longest is not None and wanted > longest:
        raise ConfigurationError(
            f"Scanner.url_lifetime is {wanted}, and URLs of {scanner.storage.location} live for {longest} at the "
            "longest; make it shorter, or the sessions of a role longer (AssumeRole.duration)"
        )


log: logging.Logger = logging.getLogger(__name__)

_BULK_EVENTS = (FilesListed, ItemFound, ItemReported, FileReported)
"""Events that every scan repeats for everything that waits; they are logged at DEBUG level."""


@define
class EventDispatcher:
    """Sends the events of one scan to the log and to the observer, from the thread that runs the scan.

    Args:
        observer: The shop's observer. An exception that it raises is logged once in a scan, and stops nothing.
    """

    observer: Observer | None
    _raised: bool = False

    def __call__(self, event: Event) -> None:
        """Send one event; never raises."""
        level = logging.DEBUG if isinstance(event, _BULK_EVENTS) else logging.INFO
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


def preview(plans: Sequence[OrderPlan], prefetcher: CheckPrefetcher | None, *, emit: Emit) -> list[ItemOutcome]:
    """The outcomes of all items, as a dry run reports them.

    Args:
        plans: All orders of the scan.
        prefetcher: Checks the matched files. None skips the checks.
        emit: Receives what the checks find, and each outcome.
    """
    with_work = [plan for plan in plans if prefetcher and any(item.status is ItemStatus.MATCHED for item in plan.items)]
    done = {plan.key: number for number, plan in enumerate(with_work)}
    items: list[ItemOutcome] = []
    for plan in plans:
        if prefetcher is not None and plan.key in done:
            begun = done[plan.key]
            emit(order_started(plan, done=begun, total=len(with_work)))
            prefetcher.start(with_work[begun : begun + 1 + prefetcher.max_parallel])
        for item in plan.items:
            if prefetcher is not None and item.status is ItemStatus.MATCHED:
                outcome = _check_item(plan, item, prefetcher, emit)
            else:
                outcome = plan.outcome(item)
            emit(item_reported(plan, outcome))
            items.append(outcome)
    return items


def _check_item(order: OrderPlan, plan: ItemPlan, prefetcher: CheckPrefetcher, emit: Emit) -> ItemOutcome:
    try:
        result = prefetcher.check_files(plan.item, plan.files)
    except StorageError as error:
        return order.outcome(plan, ItemStatus.UNREADABLE, reason("nothing_sent_unreadable", error=str(error)))
    emit(item_checked(order, plan, result.rejection))
    outcome = order.outcome(plan, ItemStatus.REJECTED, result.rejection) if result.rejection else order.outcome(plan)
    return evolve(outcome, findings=result.findings)


def repeat(run_scan: Callable[[], object], *, every: timedelta, stop: threading.Event) -> None:
    """Call ``run_scan`` now and then at a fixed interval, with up to a tenth of jitter, until ``stop`` is set.

    A scan that raises is logged, and the next one runs. Scans never overlap.

    Args:
        run_scan: Runs one scan.
        every: The time from the start of one scan to the start of the next.
        stop: Ends the loop when set. In the main thread SIGTERM sets it.
    """
    with sigterm_sets(stop):
        while not stop.is_set():
            due = monotonic() + every.total_seconds() * random.uniform(1, 1.1)  # noqa: S311 - spreads load, guards nothing
            try:
                run_scan()
            except Exception as error:
                log.exception("pass_failed", extra={"error": str(error)})
            stop.wait(max(0.0, due - monotonic()))


@contextmanager
def sigterm_sets(stop: threading.Event) -> Iterator[None]:
    """While the context lasts, SIGTERM sets ``stop``. Does nothing outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


HOURLY = timedelta(hours=1)

_REMEMBER_FOR = timedelta(days=90)
_UNLISTED_SCANS = 100
"""A finished order is forgotten when it is this old and the shop has not listed it for this long, nor in this many
complete scans. Both are needed, because scans may be a minute or a year apart."""


@define
class Scanner:
    """Finds the files of the pending orders, checks them, attaches them, and fulfills each order once.

    A scanner may be called from several threads: its scans run one after another. Several scanners, in one process or
    in many, may share a ledger: each order is processed by one of them at a time.

    Args:
        storage: Where the files are.
        client: The shop's client.
        ledger: The record of what was started and what is done; shared by all scanners of a shop.
        pattern: The pattern of the file names, without extension.
        policy: The shop's decisions.
        tenant: Separates several shops in one ledger. All scanners of one shop use one location.
        checks: Preflight checks; by default those of ``preflight_checks(policy)``.
        checks_at_once: How many items are checked at the same time, each in a thread, before their order is processed.
            A deep check may take 300 MB of memory. By default 8, or for deep checks the number of processors; 1 checks
            one item after another.
        retry: How temporary errors of the shop and the storage are retried.
        url_lifetime: How long a signed URL works; not longer than the storage's credentials can sign for.
        observer: Receives the events of a scan while it runs.
        clock: Returns the time, with a time zone; used for reports, ages and the lifetime of URLs.
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
        """A dry run: list and match. Nothing is written anywhere.

        Args:
            verify: Also read the matched files and run the preflight checks.
            sweep: List every file of the location, also when no order is pending.
            orders: Numbers of the orders to report; by default all pending ones.
            on_file: Receives every unmatched file, also those beyond the examples that the report keeps.

        Raises:
            ConfigurationError: The location does not exist, or orders, pattern or ledger cannot be used.
        """
        with self._one_at_a_time, self.retry.scan_budget():
            started, emit = self.clock(), self._start(dry_run=True)
            collected = self._collect(started, emit, orders=orders, sweep=sweep, on_file=on_file)
            with CheckPrefetcher.of(self._inspector, self.checks_at_once) as prefetcher:
                items = preview(collected.plans, prefetcher if verify else None, emit=emit)
            return self._report(collected, started, items, emit, dry_run=True)

    def scan(
        self,
        *,
        sweep: bool = False,
        orders: Collection[str] | None = None,
        limit: int | None = None,
        on_file: FileListener | None = None,
        stop: threading.Event | None = None,
    ) -> ScanReport:
        """Scan once: attach and fulfill every order that is complete.

        Args:
            sweep: List every file of the location, also when no order is pending.
            orders: Numbers of the orders to process; by default all pending ones, and those with an unresolved call.
            limit: Process at most this many orders, for a first careful scan.
            on_file: Receives every unmatched file, also those beyond the examples that the report keeps.
            stop: When set, no further order is started.

        Raises:
            ConfigurationError: The location does not exist, or orders, pattern or ledger cannot be used.
        """
        with self._one_at_a_time, self.retry.scan_budget():
            started, emit = self.clock(), self._start(dry_run=False)
            collected = self._collect(started, emit, orders=orders, sweep=sweep, on_file=on_file)
            with CheckPrefetcher.of(self._inspector, self.checks_at_once) as prefetcher:
                items = self._work(collected, prefetcher, emit, limit, stop or threading.Event())
            if (
                orders is None
                and collected.orders_complete
                and not any(fault.part == "ledger" for fault in collected.faults)
            ):
                self._forget(collected)
            return self._report(collected, started, items, emit, dry_run=False)

    def explain(self, name: str | None = None, *, order: str | None = None) -> Explanation:
        """Explain why one file, or one order, has its status. Nothing is written anywhere.

        Raises:
            ConfigurationError: Neither or both were given.
        """
        if (name is None) == (order is None):
            raise ConfigurationError("explain takes a file name, or order=NUMBER, and not both")
        with self._one_at_a_time, self.retry.scan_budget():
            seen: list[FileOutcome] = []
            tally = FileTally(lambda file: seen.append(file) if file.name == name else None)
            collected = self._collector(ignore).collect(
                self.clock(), orders=None, tally=tally, names=[name] if name else ()
            )
            if name is not None:
                numbers = self.pattern.order_numbers(split_extension(name)[0])
                return explain_file(name, collected, seen, self._remembered(collected, numbers), self.pattern)
            return explain_order(str(order), collected, self._remembered(collected, {str(order)}))

    def _remembered(self, collected: Collected, numbers: Collection[str]) -> list[OrderRecord]:
        if not numbers or any(fault.part == "ledger" for fault in collected.faults):
            return []
        return list(self.ledger.find(self.tenant, order_numbers=numbers))

    def run_forever(
        self,
        *,
        every: timedelta = HOURLY,
        stop: threading.Event | None = None,
        on_report: Callable[[ScanReport], None] | None = None,
    ) -> None:
        """Scan now and then at a fixed interval, with up to a tenth of jitter, until ``stop`` is set.

        A scan that fails is logged, and the next one runs. Scans never overlap: a scan that takes longer than ``every``
        is followed by the next one at once. In the main thread SIGTERM sets ``stop``: the current order is finished.

        Args:
            every: The time from the start of one scan to the start of the next.
            stop: Ends the loop when set.
            on_report: Receives the report of each scan.

        Raises:
            ConfigurationError: ``every`` is not above zero.
        """
        if every <= timedelta(0):
            raise ConfigurationError(f"every must be above zero, not {every}")
        stop = stop or threading.Event()

        def run_scan() -> None:
            report = self.scan(stop=stop)
            if on_report is not None:
                on_report(report)

        repeat(run_scan, every=every, stop=stop)

    def _start(self, *, dry_run: bool) -> Emit:
        emit = EventDispatcher(self.observer)
        emit(ScanStarted(tenant=self.tenant, location=self.storage.location, dry_run=dry_run))
        return emit

    def _collect(
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

        return self._collector(emit).collect(started, orders=order_filter(orders), tally=FileTally(listen), sweep=sweep)

    def _collector(self, emit: Emit) -> Collector:
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
        self, collected: Collected, prefetcher: CheckPrefetcher, emit: Emit, limit: int | None, stop: threading.Event
    ) -> list[ItemOutcome]:
        services = Dependencies(
            storage=self.storage,
            client=self.client,
            ledger=self.ledger,
            inspector=prefetcher.inspector,
            checks=prefetcher,
            policy=self.policy,
            retry=self.retry,
            url_lifetime=self.url_lifetime,
            clock=self.clock,
            emit=emit,
            positions_matter=self.pattern.uses(ORDER_ITEM_POSITION),
        )
        owner = f"{socket.gethostname()}:{os.getpid()}:{self._name}"  # its own after a fork
        runner = OrderRunner(services=services, owner=owner)
        items = run_orders(collected.plans, runner, limit=limit, stop=stop, emit=emit)
        collected.faults.extend(runner.faults)
        return items

    def _forget(self, collected: Collected) -> None:
        pending = {plan.order.id for plan in collected.plans}
        forget = partial(self.ledger.forget, self.tenant, min_age=_REMEMBER_FOR, silent_passes=_UNLISTED_SCANS)
        try:
            self.retry.call(partial(forget, still_pending=pending), on=LedgerUnavailable)
        except LedgerError as error:
            collected.faults.append(Fault.of("ledger", error))

    def _report(
        self, collected: Collected, started: datetime, items: Sequence[ItemOutcome], emit: Emit, *, dry_run: bool
    ) -> ScanReport:
        for file in files_from_items(items):
            collected.tally.add(file)
        requests = collected.requests_since(self.storage)
        report = ScanReport(
            dry_run=dry_run,
            tenant=self.tenant,
            location=self.storage.location,
            started_at=started,
            finished_at=self.clock(),
            items=sorted_items(items),
            files=collected.tally.examples(),
            file_counts=dict(collected.tally.counts),
            coverage=collected.coverage,
            names_seen=collected.names_seen,
            requests=requests,
            strategy=collected.strategy,
            monthly_cost=self.storage.monthly_cost(requests) if dry_run else None,
            faults=tuple(collected.faults),
        )
        emit(ScanFinished(tenant=self.tenant, report=report))
        return report

"""The ``Scanner``: runs scans and dry runs, once or on a schedule, and explains a file or an order."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import threading
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, Protocol

from attrs import Attribute, define, evolve, field, frozen
from attrs.validators import optional

from remote_artwork.activity import Measurement, Recorder, of_order, recording
from remote_artwork.client import (
    CallLimiter,
    FulfillmentClient,
    Ledger,
    Observer,
    PreflightCheck,
    calls_per_second,
    client_problem,
    concurrent_calls,
)
from remote_artwork.core.cures import SESSION_DURATION, URL_LIFETIME
from remote_artwork.core.events import (
    Emit,
    Event,
    FileReported,
    FilesListed,
    ItemFound,
    ItemReported,
    LedgerCalled,
    OrderFinished,
    RequestWaited,
    ScanAborted,
    ScanFinished,
    ScanStarted,
    ShopCalled,
    StorageRequested,
    ignore,
    item_checked,
    item_reported,
    order_started,
)
from remote_artwork.core.expected import split_extension
from remote_artwork.core.lifecycle import DEFAULT_TENANT, OrderRecord
from remote_artwork.core.orders import is_positive_int
from remote_artwork.core.pattern import FilenamePattern, as_pattern
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
from remote_artwork.core.settings import of_type, require, setting
from remote_artwork.core.text import redact_error, redact_signatures
from remote_artwork.errors import (
    ConfigurationError,
    ExitCode,
    LedgerError,
    LedgerUnavailable,
    StorageError,
)
from remote_artwork.fulfillment.client_calls import ClientCalls
from remote_artwork.fulfillment.gate import ConcurrencyLimit, ShopGate
from remote_artwork.fulfillment.group_commit import GroupCommit
from remote_artwork.fulfillment.review import accept_files
from remote_artwork.fulfillment.runner import OrderRunner, run_orders
from remote_artwork.fulfillment.session import Dependencies
from remote_artwork.fulfillment.workers import Workers
from remote_artwork.ledgers.measured import MeasuredLedger
from remote_artwork.preflight.checks import preflight_checks
from remote_artwork.preflight.signature import SignatureCheck
from remote_artwork.retry import RetryPolicy
from remote_artwork.runtime import THREADS, Runtime
from remote_artwork.scan.checks import Inspector
from remote_artwork.scan.collect import Collected, Collector
from remote_artwork.scan.explain import explain_file, explain_order
from remote_artwork.scan.manifest import ManifestReader
from remote_artwork.scan.stopwatch import Stopwatch
from remote_artwork.storage.storage import ArtworkStorage

log: logging.Logger = logging.getLogger(__name__)

_FORGET_AFTER = timedelta(days=90)
_FORGET_AFTER_SCANS = 100
"""The ledger forgets a finished order that the shop has not listed for this long, and for this many complete scans.
Both are needed, because scans may be a minute or a year apart."""
_FORGET_EVERY = timedelta(hours=1)
"""A scanner records a complete scan in the ledger this often at most. Other scans with nothing to do write nothing."""

_MOST_ORDERS_AT_ONCE = 16
"""More workers cost memory, and shops rarely answer faster."""

_BULK_EVENTS = (
    FilesListed,
    ItemFound,
    ItemReported,
    FileReported,
    StorageRequested,
    RequestWaited,
    ShopCalled,
    LedgerCalled,
    OrderFinished,
)
"""Events that every scan repeats for each waiting item, each file, and each call. They are logged at DEBUG level."""


# --- Validators of the scanner's settings ---


def _has(method: str) -> Callable[[object], bool]:
    """Whether a value is an object, not a class, with a method."""
    return lambda value: not isinstance(value, type) and callable(getattr(value, method, None))


def _are_checks(checks: object) -> bool:
    return checks is None or (isinstance(checks, Sequence) and all(map(_has("check"), checks)))


def _valid_client(_scanner: object, _attribute: object, client: FulfillmentClient) -> None:
    if problem := client_problem(client):
        raise ConfigurationError(problem)


def _non_empty(_scanner: object, _attribute: object, value: str) -> None:
    if not value.strip():
        raise ConfigurationError("Scanner.tenant must not be empty")


def _positive_int_or_none(_scanner: object, _attribute: Attribute[Any], value: object) -> None:
    if value is not None and not is_positive_int(value):
        raise ConfigurationError(f"Scanner.orders_at_once must be a whole number from 1, or None, not {value!r}")


class _HasStorage(Protocol):
    storage: ArtworkStorage


def _valid_url_lifetime(scanner: _HasStorage, _attribute: object, lifetime: timedelta) -> None:
    longest = scanner.storage.max_url_lifetime
    if longest is not None and lifetime > longest:
        raise ConfigurationError(
            f"{URL_LIFETIME} is {lifetime}, but URLs of {scanner.storage.location} work for at most {longest}; "
            f"set a shorter lifetime, or let the sessions of a role last longer ({SESSION_DURATION})"
        )


def _can_make_urls(_scanner: object, _attribute: object, storage: ArtworkStorage) -> None:
    storage.check_urls()


# --- The scanner ---


@frozen(kw_only=True)
class _Run:
    """One running scan or dry run.

    Args:
        dry_run: Whether it is a dry run.
        started_at: When it started.
        orders: The numbers of the orders it is limited to; None: all pending orders.
        emit: Receives its events.
        tally: Counts its unmatched files.
        stopwatch: Measures where its time goes.
        requests_before: The storage's request counts at its start.
    """

    dry_run: bool
    started_at: datetime
    orders: Collection[str] | None
    emit: EventDispatcher
    tally: FileTally
    stopwatch: Stopwatch
    requests_before: Mapping[str, int]


@frozen
class _Turn:
    """Lets one scan of a scanner run at a time, in one process."""

    lock: threading.Lock = field(factory=threading.Lock)
    process: int = field(factory=os.getpid)


@define(eq=False)
class _Running:
    """A scan that runs, or has ended."""

    scanner: Scanner
    is_active: bool = True


_running: ContextVar[tuple[_Running, ...]] = ContextVar("remote_artwork_running_scans", default=())
"""The scans in whose callbacks this code runs. Threads of a scan run in a copy of its context."""


@define
class Scanner:
    """Finds the files of the pending orders, checks them, attaches them, and fulfills each order once.

    Several threads may use one scanner: its scans run one after another. Several scanners, in one process or in many,
    may share a ledger: only one of them works on an order at a time.

    Args:
        storage: The location of the files.
        client: Access to the shop.
        ledger: Stores what was started and what is done. All scanners of a shop share it.
        pattern: The pattern of the file names, without extension. One without ``{order_number}`` needs a policy with
            ``reuse=True``.
        policy: The shop's decisions.
        tenant: Separates several shops in one ledger. All scanners of one tenant use the same location.
        checks: The preflight checks; by default those of ``preflight_checks(policy)``.
        orders_at_once: How many orders are processed at the same time, at most. By default 16. With deep checks or
            your own checks, it is the number of processors, because a deep check may take 300 MB of memory. An order
            that the shop has confirmed does not count any more. With 1, orders follow one another in the thread of the
            scan.
        retry: How temporary errors of the shop and the ledger are retried. A storage has a policy of its own. The
            budget of this policy covers all waits of a scan, also those for the storage.
        url_lifetime: How long a signed URL works. At most as long as the storage's credentials can sign for.
        observer: Receives the events of a scan while it runs.
        call_limiter: Limits the calls of all scanners that use the same shop API; None: no such limit.
        clock: Returns the current time with a time zone, for reports, the age of files and the lifetime of URLs.
        runtime: Starts threads and waits. For simulations.
    """

    storage: ArtworkStorage = field(
        validator=[of_type(ArtworkStorage, "an ArtworkStorage; open_storage(url) opens one"), _can_make_urls]
    )
    client: FulfillmentClient = field(
        validator=[setting(_has("get_order"), "an object with the methods of FulfillmentClient"), _valid_client]
    )
    ledger: Ledger = field(kw_only=True, validator=setting(_has("claim"), "a ledger, for example SqlLedger(url)"))
    pattern: FilenamePattern = field(factory=FilenamePattern, kw_only=True, converter=as_pattern)
    policy: Policy = field(factory=Policy, kw_only=True, validator=of_type(Policy))
    tenant: str = field(default=DEFAULT_TENANT, kw_only=True, validator=[of_type(str, "text"), _non_empty])
    checks: Sequence[PreflightCheck] | None = field(
        default=None, kw_only=True, validator=setting(_are_checks, "a list of objects with a method check, or None")
    )
    orders_at_once: int | None = field(default=None, kw_only=True, validator=_positive_int_or_none)
    retry: RetryPolicy = field(factory=RetryPolicy, kw_only=True, validator=of_type(RetryPolicy))
    url_lifetime: timedelta = field(
        default=timedelta(hours=24), kw_only=True, validator=[of_type(timedelta), _valid_url_lifetime]
    )
    observer: Observer | None = field(
        default=None, kw_only=True, validator=optional(setting(_has("on_event"), "an object with a method on_event"))
    )
    call_limiter: CallLimiter | None = field(default=None, kw_only=True)
    clock: Callable[[], datetime] = field(
        default=partial(datetime.now, UTC),
        kw_only=True,
        validator=setting(callable, "a function that returns the time"),
    )
    runtime: Runtime = field(default=THREADS, kw_only=True, repr=False)
    _name: str = field(init=False, factory=lambda: uuid.uuid4().hex[:8])
    _turn: _Turn = field(init=False, factory=_Turn)
    _forgot_at: float | None = field(init=False, default=None, eq=False, repr=False)
    _manifest: ManifestReader | None = field(init=False, default=None, eq=False, repr=False)
    _call_limit: ConcurrencyLimit | None = field(init=False, default=None, eq=False, repr=False)
    """What the last scan learned about the shop. The next one starts with it."""

    def __attrs_post_init__(self) -> None:
        self.policy.require_pattern(self.pattern)

    def plan(
        self,
        *,
        verify: bool = False,
        sweep: bool = False,
        orders: Collection[str] | None = None,
        on_file: FileListener | None = None,
    ) -> ScanReport:
        """Do a dry run: list and match the files, and report what a scan would do. Nothing is written.

        Args:
            verify: Also read the matched files and run the preflight checks.
            sweep: List every file of the location, even if no order is pending.
            orders: The numbers of the orders to report; by default all pending ones.
            on_file: Receives every unmatched file. The report keeps only the first 1,000 of each status.

        Raises:
            ConfigurationError: Orders, pattern or ledger cannot be used.
        """
        _check_callbacks(on_file=on_file)
        selected = _order_numbers(orders)
        with self._run(dry_run=True, orders=selected, on_file=on_file) as run:
            collected = self._collect(run, sweep=sweep)
            workers = self._workers(collected.plans if verify else ())
            with self.storage.limited_file_time(), run.stopwatch.measure("processing"):
                items = preview(
                    collected.plans,
                    self._inspector if verify else None,
                    workers,
                    run.stopwatch,
                    policy=self.policy,
                    now=run.started_at,
                    emit=run.emit,
                )
            return self._finish(run, collected, items, faults=collected.faults, orders_at_once=workers.count)

    def scan(
        self,
        *,
        sweep: bool = False,
        orders: Collection[str] | None = None,
        limit: int | None = None,
        on_file: FileListener | None = None,
        stop: threading.Event | None = None,
    ) -> ScanReport:
        """Scan once: attach the files of every complete order, and fulfill it.

        Args:
            sweep: List every file of the location, even if no order is pending.
            orders: The numbers of the orders to process; by default all pending ones, and those with an unresolved
                call. With a client that has ``find_orders``, the scan reads only these orders, and does not report
                other files. This does not apply to a sweep, a manifest, or more than 1,000 numbers.
            limit: Process at most this many orders, for a first careful scan.
            on_file: Receives every unmatched file. The report keeps only the first 1,000 of each status.
            stop: When set, no further order is started. Orders for which nothing was attached or sent yet are left.

        Raises:
            ConfigurationError: Orders, pattern or ledger cannot be used.
        """
        _check_callbacks(on_file=on_file, stop=stop)
        require("limit", limit, lambda value: value is None or is_positive_int(value), "a whole number from 1, or None")
        selected = _order_numbers(orders)
        with self._run(dry_run=False, orders=selected, on_file=on_file) as run:
            collected = self._collect(run, sweep=sweep)
            workers = self._workers([plan for plan in collected.plans if plan.has_work][:limit])
            with self.storage.limited_file_time(), run.stopwatch.measure("processing"):
                runner = self._runner(run, workers, stop or threading.Event())
                items = run_orders(collected.plans, runner, limit=limit, emit=run.emit)
            faults = [*collected.faults, *runner.faults]
            if (
                run.orders is None
                and collected.orders_complete
                and not (_has_ledger_fault(faults) or _has_wrong_setting(faults))
            ):
                faults += self._forget(collected)
            return self._finish(run, collected, items, faults=faults, orders_at_once=workers.count)

    def explain(self, name: str | None = None, *, order: str | None = None) -> Explanation:
        """Explain why one file, or one order, has its status. Nothing is written.

        Args:
            name: The name of a file, relative to the location.
            order: The number of an order.

        Raises:
            ConfigurationError: Neither or both were given, or the name is empty.
        """
        if (name is None) == (order is None):
            raise ConfigurationError("explain takes a file name, or order=NUMBER, and not both")
        require("the name of the file", name or "", lambda value: isinstance(value, str), "text")
        require("order", order or "", lambda value: isinstance(value, str), "the number of an order, as text")
        if name == "":
            raise ConfigurationError("the name of the file is empty; write it as it is in the storage")
        with self._alone(), self.retry.scan_budget():
            same_name: list[FileOutcome] = []
            tally = FileTally(lambda file: same_name.append(file) if file.name == name else None)
            collected = self._collector(ignore, Stopwatch(self.runtime.monotonic)).collect(
                self.clock(), orders=None, tally=tally, names=[name] if name else ()
            )
            if name is not None:
                numbers = self.pattern.order_numbers(split_extension(name)[0])
                # Very many orders may have used a file that is reused, and none of them says anything about it now.
                used = () if self.pattern.is_reusable else (name,)
                rows = self._find_rows(collected, numbers, names=used) if numbers or used else []
                return explain_file(name, collected, same_name, rows, self.pattern)
            rows = self._find_rows(collected, {str(order)})
            return explain_order(str(order), collected, rows, policy=self.policy, now=self.clock())

    def accept(self, order_id: str, *, files: str, by: str) -> None:
        """Accept the files of an order that is ``awaiting_review``. The next scan sends it with exactly these files.

        If a file was replaced since, the next scan asks again.

        Args:
            order_id: The shop's id of the order.
            files: The digest that the report shows: ``digest`` in the ``details`` of its items.
            by: The person who accepts the files.

        Raises:
            ConfigurationError: The order does not wait for a review, these are not its files, or a scan processes it.
            LedgerError: The acceptance was not recorded.
        """

        def record() -> None:
            records = list(self.ledger.find(self.tenant, order_ids=[order_id]))
            accept_files(self.ledger, records, order=order_id, files=files, by=by)

        self.retry.call(record, on=LedgerUnavailable)

    def run_forever(
        self,
        *,
        every: timedelta = timedelta(hours=1),
        stop: threading.Event | None = None,
        on_report: Callable[[ScanReport], object] | None = None,
    ) -> None:
        """Scan at a fixed interval, with up to a tenth of jitter, until ``stop`` is set. The first scan starts at once.

        A scan that fails is logged, and the next one runs. Scans never overlap: after a scan that took longer than
        ``every``, the next one starts at once. In the main thread, SIGTERM sets ``stop``, and the orders in
        progress are finished.

        Args:
            every: The time from the start of one scan to the start of the next.
            stop: Ends the loop when set.
            on_report: Receives the report of each scan.

        Raises:
            ConfigurationError: ``every`` is not above zero.
        """
        require("every", every, lambda value: isinstance(value, timedelta), "a timedelta")
        if every <= timedelta(0):
            raise ConfigurationError(f"every must be above zero, not {every}")
        stop = stop or threading.Event()

        def run_scan() -> None:
            report = self.scan(stop=stop)
            if on_report is not None:
                on_report(report)

        repeat(run_scan, every=every, stop=stop)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other thread runs a scan of this scanner, and keep the others waiting.

        Raises:
            ConfigurationError: A callback of a running scan, such as an observer or a check, started another one.
                Waiting for the first scan would never end.
        """
        if self._turn.process != os.getpid():  # the fork may have copied a lock that nobody will release
            self._turn = _Turn()
        if any(run.scanner is self and run.is_active for run in _running.get()):
            raise ConfigurationError(
                "this scanner was called from within its own scan; let callbacks return first, for example by putting "
                "the work on a queue"
            )
        with self._turn.lock:
            run = _Running(self)
            token = _running.set((*_running.get(), run))
            try:
                yield
            finally:
                run.is_active = False
                _running.reset(token)

    @contextmanager
    def _run(self, *, dry_run: bool, orders: Collection[str] | None, on_file: FileListener | None) -> Iterator[_Run]:
        """Run one scan or dry run, while no other thread runs one."""
        with self._alone(), self.retry.scan_budget():
            run = self._start(dry_run=dry_run, orders=orders, on_file=on_file)
            started = self.runtime.monotonic()
            recorder = Recorder(
                tenant=self.tenant,
                record=run.emit.later,
                started_at=run.started_at,
                monotonic=self.runtime.monotonic,
            )
            try:
                with recording(recorder if run.emit.is_heard(StorageRequested) else None):
                    yield run
            except BaseException as error:
                run.emit(
                    ScanAborted(
                        tenant=self.tenant,
                        order_id=None,
                        started_at=run.started_at,
                        seconds=self.runtime.monotonic() - started,
                        error=type(error).__name__,
                    )
                )
                raise

    def _start(self, *, dry_run: bool, orders: Collection[str] | None, on_file: FileListener | None) -> _Run:
        emit = EventDispatcher(self.observer)

        def listen(file: FileOutcome) -> None:
            if on_file is not None:
                on_file(file)
            emit(FileReported(tenant=self.tenant, outcome=file))

        run = _Run(
            dry_run=dry_run,
            started_at=self.clock(),
            orders=orders,
            emit=emit,
            tally=FileTally(listen),
            stopwatch=Stopwatch(self.runtime.monotonic),
            requests_before=self.storage.requests,
        )
        emit(
            ScanStarted(tenant=self.tenant, location=self.storage.location, dry_run=dry_run, started_at=run.started_at)
        )
        return run

    def _collect(self, run: _Run, *, sweep: bool) -> Collected:
        return self._collector(run.emit, run.stopwatch).collect(
            run.started_at,
            orders=run.orders,
            tally=run.tally,
            sweep=sweep,
            by_number=not (run.dry_run or sweep),
        )

    def _collector(self, emit: Emit, stopwatch: Stopwatch) -> Collector:
        return Collector(
            storage=self.storage,
            client=self.client,
            ledger=MeasuredLedger(self.ledger),
            pattern=self.pattern,
            policy=self.policy,
            tenant=self.tenant,
            retry=self.retry,
            call_limiter=self.call_limiter,
            inspector=self._inspector,
            stopwatch=stopwatch,
            emit=emit,
            manifest=self._manifest_reader(),
        )

    def _manifest_reader(self) -> ManifestReader | None:
        if self._manifest is None and self.policy.manifest is not None:
            self._manifest = ManifestReader(self.storage, self.policy.manifest)
        return self._manifest

    @property
    def _inspector(self) -> Inspector:
        return Inspector(self.storage, preflight_checks(self.policy) if self.checks is None else self.checks)

    def _workers(self, plans: Sequence[OrderPlan]) -> Workers:
        """Workers for these orders. A storage that only one thread may read gets one."""
        only_signatures = all(isinstance(check, SignatureCheck) for check in self._inspector.checks)
        default = _MOST_ORDERS_AT_ONCE if only_signatures else min(os.cpu_count() or 1, _MOST_ORDERS_AT_ONCE)
        count = min(self.orders_at_once or default, len(plans)) if self.storage.concurrent_reads else 1
        return Workers(self.runtime, max(1, count))

    def _runner(self, run: _Run, workers: Workers, stop: threading.Event) -> OrderRunner:
        at_once = concurrent_calls(self.client)
        if self._call_limit is None or self._call_limit.most != at_once:
            self._call_limit = ConcurrencyLimit(at_once)
        gate = ShopGate(
            self.runtime,
            at_once,
            calls_per_second(self.client),
            self._call_limit,
            limiter=self.call_limiter,
            tenant=self.tenant,
        )
        workers.on_interrupt(gate.close)
        services = Dependencies(
            storage=self.storage,
            client=self.client,
            calls=ClientCalls(
                gate,
                workers,
                run.stopwatch,
                in_scan_thread=at_once == 1,
                stop=stop,
                longest_pause=self.retry.longest_wait,
            ),
            ledger=GroupCommit(MeasuredLedger(self.ledger), workers, run.stopwatch),
            inspector=self._inspector,
            workers=workers,
            stopwatch=run.stopwatch,
            policy=self.policy,
            retry=self.retry,
            url_lifetime=self.url_lifetime,
            clock=self.clock,
            emit=run.emit.through(workers.post),
            pattern=self.pattern,
            manifest=self._manifest,
        )
        # With the process id, because a forked process must not act as the owner of its parent's leases.
        return OrderRunner(services=services, owner=f"{socket.gethostname()}:{os.getpid()}:{self._name}")

    def _find_rows(
        self, collected: Collected, numbers: Collection[str], *, names: Collection[str] = ()
    ) -> list[OrderRecord]:
        """The ledger rows of these order numbers and file names; none if the ledger could not be read before."""
        if _has_ledger_fault(collected.faults):
            return []
        return list(self.ledger.find(self.tenant, order_numbers=numbers, file_names=names))

    def _forget(self, collected: Collected) -> list[Fault]:
        """Let the ledger forget old orders, if it is time for that. Returns the fault if it could not."""
        now = self.runtime.monotonic()
        if self._forgot_at is not None and now - self._forgot_at < _FORGET_EVERY.total_seconds():
            return []
        forget = partial(
            MeasuredLedger(self.ledger).forget,
            self.tenant,
            still_pending={*collected.pending_ids, *(plan.order.id for plan in collected.plans)},
            min_age=_FORGET_AFTER,
            silent_scans=_FORGET_AFTER_SCANS,
        )
        try:
            self.retry.call(forget, on=LedgerUnavailable)
        except LedgerError as error:
            return [Fault.of("ledger", error)]
        self._forgot_at = now
        return []

    def _finish(
        self,
        run: _Run,
        collected: Collected,
        items: Sequence[ItemOutcome],
        *,
        faults: Sequence[Fault],
        orders_at_once: int,
    ) -> ScanReport:
        for outcome in collected.other_outcomes:
            run.emit(ItemReported(tenant=self.tenant, outcome=outcome))
        for file in files_from_items(items):
            run.tally.add(file)
        before, after = run.requests_before, self.storage.requests
        requests = {kind: count - before.get(kind, 0) for kind, count in after.items()}
        report = ScanReport(
            dry_run=run.dry_run,
            tenant=self.tenant,
            location=self.storage.location,
            started_at=run.started_at,
            finished_at=self.clock(),
            items=sorted_items([*items, *collected.other_outcomes]),
            files=run.tally.examples(),
            file_counts=dict(run.tally.counts),
            coverage=collected.coverage,
            names_seen=collected.names_seen,
            requests=requests,
            strategy=collected.strategy,
            monthly_cost=self.storage.monthly_cost(requests) if run.dry_run else None,
            faults=tuple(faults),
            orders=None if run.orders is None else tuple(sorted(run.orders)),
            unknown_orders=collected.unknown_orders,
            timings=run.stopwatch.timings(orders_at_once=orders_at_once),
        )
        run.emit(ScanFinished(tenant=self.tenant, report=report))
        return report


def _order_numbers(orders: Collection[str] | None) -> frozenset[str] | None:
    """The order numbers of the caller as a set; None means all orders."""
    if isinstance(orders, str):
        raise ConfigurationError(f"orders must be a collection of order numbers, for example orders=[{orders!r}]")
    if orders is None:
        return None
    require("orders", orders, lambda value: isinstance(value, Collection), "a collection of order numbers")
    for number in orders:
        require("a number in orders", number, lambda value: isinstance(value, str), "text")
    return frozenset(orders)


def _check_callbacks(*, on_file: object = None, stop: object = None) -> None:
    """Refuse what would fail in the middle of a scan."""
    require("on_file", on_file, lambda value: value is None or callable(value), "a function, or None")
    require("stop", stop, lambda value: value is None or _has("is_set")(value), "a threading.Event, or None")


def _has_ledger_fault(faults: Sequence[Fault]) -> bool:
    return any(fault.part == "ledger" for fault in faults)


def _has_wrong_setting(faults: Sequence[Fault]) -> bool:
    """Whether an operator must correct a setting. Until then, nothing is written anywhere."""
    return any(fault.exit_code is ExitCode.WRONG_SETTING for fault in faults)


# --- Dry run ---


def preview(
    plans: Sequence[OrderPlan],
    inspector: Inspector | None,
    workers: Workers,
    stopwatch: Stopwatch,
    *,
    policy: Policy,
    now: datetime,
    emit: EventDispatcher,
) -> list[ItemOutcome]:
    """The outcomes of all items, as a dry run reports them.

    Args:
        plans: All orders of the dry run.
        inspector: Checks the matched files; None skips the checks.
        workers: Check the files of several orders at once.
        stopwatch: Measures reading and checking.
        policy: The shop's policy.
        now: The time of the dry run.
        emit: Receives an event for each order and item that is checked, and for each outcome.
    """
    items: list[ItemOutcome] = []

    def report(plan: OrderPlan, outcomes: Sequence[ItemOutcome]) -> None:
        for outcome in plan.before_review(outcomes, policy, now):
            emit(item_reported(plan, outcome))
            items.append(outcome)

    to_check = [plan for plan in plans if inspector and any(_is_checked(item) for item in plan.items)]
    keys = {plan.key for plan in to_check}
    for plan in plans:
        if plan.key not in keys:
            report(plan, plan.outcomes())
    waiting = iter(enumerate(to_check))
    one_at_a_time = threading.Lock()

    def take() -> tuple[int, OrderPlan] | None:
        with one_at_a_time:
            return next(waiting, None)

    post = emit.through(workers.post)

    def check(job: tuple[int, OrderPlan]) -> list[ItemOutcome]:
        done, plan = job
        post(order_started(plan, done=done, total=len(to_check)))
        finished = partial(OrderFinished, order_number=plan.order.number)
        with of_order(plan.order.id), Measurement(finished) as facts:
            outcomes = [_check_item(plan, item, inspector, stopwatch, post) for item in plan.items]
            facts["statuses"] = tuple(outcome.status for outcome in outcomes)
        return outcomes

    workers.run(take, lambda job, _leave_slot: check(job), lambda job, outcomes: report(job[1], outcomes))
    return items


def _check_item(
    order: OrderPlan, plan: ItemPlan, inspector: Inspector | None, stopwatch: Stopwatch, emit: Emit
) -> ItemOutcome:
    if inspector is None or not _is_checked(plan):
        return order.outcome(plan)
    try:
        result = inspector.check_files(plan.item, plan.files or plan.sides, stopwatch=stopwatch)
    except StorageError as error:
        return order.outcome(plan, ItemStatus.UNREADABLE, reason("nothing_sent_unreadable", error=str(error)))
    emit(item_checked(order, plan, result.rejection))
    if result.rejection and plan.sides:
        plan = plan.with_bad_sides(ItemStatus.REJECTED, result.rejection)
    elif result.rejection:
        plan = evolve(plan, status=ItemStatus.REJECTED, because=result.rejection, notes=())
    return evolve(order.outcome(plan), findings=result.findings)


def _is_checked(plan: ItemPlan) -> bool:
    """Whether a dry run that verifies checks the files of an item: all of them, or those that are there."""
    return plan.status is ItemStatus.MATCHED or plan.has_unchecked_sides


# --- Events ---


@define(eq=False)
class EventDispatcher:
    """Sends the events of one scan to the log and to the observer, from the thread that runs the scan.

    Every thread of the scan may add an event. They are sent in the order in which they were added.

    Args:
        observer: The shop's observer. An exception that it raises is logged once for each scan and stops nothing.
    """

    observer: Observer | None
    _waiting: deque[Event] = field(factory=deque, init=False)
    _thread: int = field(factory=threading.get_ident, init=False)
    _is_sending: bool = field(default=False, init=False)
    _raised: bool = field(default=False, init=False)

    def is_heard(self, kind: type[Event]) -> bool:
        """Whether anything receives events of this kind."""
        return self.observer is not None or log.isEnabledFor(_level_of(kind))

    def through(self, post: Callable[[Callable[[], object]], None]) -> Emit:
        """What workers call instead.

        Args:
            post: Lets the thread of the scan run a function. An event that nobody receives does not wake it.
        """

        def emit(event: Event) -> None:
            if self.is_heard(type(event)):
                self.later(event)
                post(self._send_waiting)

        return emit

    def later(self, event: Event) -> None:
        """Send the event before the next one of the scan's own thread. For any thread; never raises."""
        self._waiting.append(event)

    def __call__(self, event: Event) -> None:
        """Send one event, after those that wait; never raises. For the thread of the scan."""
        self.later(event)
        self._send_waiting()

    def _send_waiting(self) -> None:
        if self._is_sending or threading.get_ident() != self._thread:
            return
        self._is_sending = True
        try:
            while self._waiting:
                self._send(self._waiting.popleft())
        finally:
            self._is_sending = False

    def _send(self, event: Event) -> None:
        level = _level_of(type(event))
        if log.isEnabledFor(level):
            log.log(level, event.event_name, extra=dict(event.facts()))
        if self.observer is None:
            return
        try:
            self.observer.on_event(event)
        except Exception as error:
            if not self._raised:
                log.exception("observer_raised", extra={"event": event.event_name}, exc_info=redact_error(error))
            self._raised = True


def _level_of(kind: type[Event]) -> int:
    return logging.DEBUG if issubclass(kind, _BULK_EVENTS) else logging.INFO


# --- Schedule ---


def repeat(run_scan: Callable[[], object], *, every: timedelta, stop: threading.Event) -> None:
    """Call ``run_scan`` at a fixed interval, with up to a tenth of jitter, until ``stop`` is set.

    A scan that raises is logged, and the next one runs.

    Args:
        run_scan: Runs one scan.
        every: The time from the start of one scan to the start of the next.
        stop: Ends the loop when set. In the main thread, SIGTERM sets it.
    """
    with sigterm_sets(stop):
        while not stop.is_set():
            due = monotonic() + every.total_seconds() * random.uniform(1, 1.1)  # noqa: S311 - spreads load, guards nothing
            try:
                run_scan()
            except Exception as error:
                log.exception(
                    "scan_failed", extra={"error": redact_signatures(str(error))}, exc_info=redact_error(error)
                )
            stop.wait(max(0.0, due - monotonic()))


@contextmanager
def sigterm_sets(stop: threading.Event) -> Iterator[None]:
    """Let SIGTERM set ``stop`` inside this context. Has no effect outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

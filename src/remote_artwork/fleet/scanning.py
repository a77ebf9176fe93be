"""``batches`` and ``scan_merchant``: which merchants are due, and one pass over one merchant."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from remote_artwork.client import limited_call
from remote_artwork.core.cures import PASS_DEADLINE
from remote_artwork.core.orders import is_positive_int
from remote_artwork.core.report import Fault, ScanReport
from remote_artwork.core.text import redact_error, redact_signatures
from remote_artwork.errors import ClientError, ConfigurationError, LedgerError, LedgerUnavailable, RemoteArtworkError
from remote_artwork.fleet.merchants import Merchants
from remote_artwork.fleet.passes import (
    PassResult,
    PassStatus,
    StoppedBy,
    result_of_error,
    result_of_fault,
    result_of_report,
    result_of_tenant,
)
from remote_artwork.fleet.slots import in_groups, last_slot, require_duration, require_id, utc_now
from remote_artwork.fleet.state import MerchantState
from remote_artwork.fleet.store import MerchantStore, PassRules
from remote_artwork.retry import RetryPolicy, no_retries
from remote_artwork.runtime import THREADS, Runtime
from remote_artwork.scanner import Scanner
from remote_artwork.storage.request_time import limit_time_of_scan

__all__ = ["batches", "scan_merchant"]

log: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")

_DEADLINE = timedelta(minutes=5)
_LEASE_IN_DEADLINES = 2
"""A pass may take longer than its deadline: orders in progress are finished."""

_DEFAULT_RULES = PassRules()


def batches(
    merchants: Merchants,
    store: MerchantStore,
    *,
    size: int = 50,
    rules: PassRules = _DEFAULT_RULES,
    clock: Callable[[], datetime] = utc_now,
) -> Iterator[list[str]]:
    """The ids of the merchants that are due now, in groups for the tasks of a queue. The longest overdue are first.

    Call it once a minute, from one process. A merchant stays due until a worker has started its pass. So let the
    message of a batch expire after a minute: what was not started is in the next batches again. A message that is
    delivered twice does no harm.

    After a pause, all merchants are due. The workers then scan them as fast as they can, and the next passes are at
    their slots again.

    Args:
        merchants: Those of the host.
        store: Their states.
        size: How many merchants a group has at most.
        rules: Those of the fleet.
        clock: Returns the time, with a time zone.

    Raises:
        ConfigurationError: ``size`` is not a whole number from 1, or an id is not text.
        LedgerError: The store could not be read.
    """
    if not is_positive_int(size):
        raise ConfigurationError(f"size must be a whole number from 1, not {size!r}")
    now = clock()
    states = {state.merchant: state for state in store.find()}
    due = [
        merchant
        for merchant in merchants.ids()
        if (states.get(merchant) or MerchantState(merchant=merchant)).refusal(now, rules.every) is None
    ]
    due.sort(key=lambda merchant: last_slot(merchant, now, rules.every))
    return in_groups(due, size)


def scan_merchant(  # noqa: PLR0913 - options of one pass, each with a default
    merchant: str,
    merchants: Merchants,
    store: MerchantStore,
    *,
    orders: Collection[str] | None = None,
    deadline: timedelta = _DEADLINE,
    rules: PassRules = _DEFAULT_RULES,
    stop: threading.Event | None = None,
    on_report: Callable[[ScanReport], object] | None = None,
    runtime: Runtime = THREADS,
) -> PassResult:
    """Scan one merchant once, if the merchant is due. One task of a queue calls it for each merchant of its batch.

    It may be called again at any time, also after a crash: a merchant is scanned once in each slot, by one worker at a
    time, and each order is sent once. A merchant whose settings, storage or shop cannot be used is a ``failed`` result.

    After ``deadline`` no further order is started, and no further request to the storage is sent. Your client and
    ``Merchants.open`` are never interrupted: let their requests time out. If ``open`` needs all of this time, the pass
    is ``failed``.

    Args:
        merchant: The id.
        merchants: Those of the host.
        store: Their states.
        orders: Only orders with these numbers, for example after an upload. The pass may then run outside of the slot,
            and its result is not recorded. By default all pending orders, once in each slot.
        deadline: How long the pass may take.
        rules: Those of the fleet.
        stop: Ends the pass after the orders in progress when set, for example when the worker is to end. If it is set
            before, the pass is ``not_started``. In both cases the merchant is due at once.
        on_report: Receives the report of the scan, if there was one, for example ``Alerts.send``. If it raises, that is
            logged and changes nothing.
        runtime: Measures the time. For simulations.

    Raises:
        LedgerError: The store could not be used. The task may be repeated.
        ConfigurationError: The id is not text, or ``deadline`` is not a duration above zero.
    """
    require_id(merchant)
    require_duration("deadline", deadline)
    if stop is not None and stop.is_set():
        return PassResult(merchant=merchant, status=PassStatus.NOT_STARTED)
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    state, refusal = _repeat(
        lambda: store.start(
            merchant, owner=owner, lease_for=_LEASE_IN_DEADLINES * deadline, rules=rules, at_slot=orders is None
        )
    )
    if refusal is not None:
        return PassResult(merchant=merchant, status=refusal)
    try:
        end = _Deadline(deadline, stop, runtime)
        result, report = _scan(merchant, merchants, orders=orders, end=end, probe_first=state.failures > 0)
        if report is not None and on_report is not None:
            _pass_on(merchant, report, on_report)
    except BaseException:  # the worker is interrupted, which is not the merchant's fault
        with suppress(Exception):
            store.finish(merchant, None, owner=owner, rules=rules)
        raise
    _repeat(lambda: store.finish(merchant, result if orders is None else None, owner=owner, rules=rules))
    return result


class _Deadline(threading.Event):
    """An event that counts as set when the time of a pass is over, or when another event is set."""

    def __init__(self, after: timedelta, stop: threading.Event | None, runtime: Runtime) -> None:
        super().__init__()
        self._runtime = runtime
        self._started = runtime.monotonic()
        self.limit = after.total_seconds()
        self._stop = stop

    @property
    def elapsed(self) -> float:
        """Seconds since the pass started."""
        return self._runtime.monotonic() - self._started

    @property
    def reached(self) -> StoppedBy | None:
        """What ends the pass now; None if nothing does."""
        if self._stop is not None and self._stop.is_set():
            return "stop"
        return "deadline" if self.elapsed >= self.limit else None

    def is_set(self) -> bool:
        return super().is_set() or self.reached is not None


def _scan(
    merchant: str, merchants: Merchants, *, orders: Collection[str] | None, end: _Deadline, probe_first: bool
) -> tuple[PassResult, ScanReport | None]:
    """One pass over a merchant, with its report. Only what is not an error, such as an interrupt, is raised."""
    code = "merchant_not_opened"
    try:
        with limit_time_of_scan(end.limit, cure=PASS_DEADLINE):
            scanner = merchants.open(merchant)
            if end.elapsed >= end.limit:  # otherwise a merchant that is never scanned would be done each time
                raise TimeoutError(f"opening the merchant took {end.elapsed:.0f} seconds, the whole time of a pass")
            if scanner.tenant != merchant:
                return result_of_tenant(merchant, scanner.tenant, seconds=end.elapsed), None
            code = "merchant_not_scanned"
            if probe_first and (fault := _probe(scanner)):
                return result_of_fault(merchant, fault, seconds=end.elapsed), None
            report = scanner.scan(orders=orders, stop=end)
    except Exception as error:  # the host's own code may raise anything
        log.warning(
            code,
            extra={"merchant": merchant, "error": redact_signatures(str(error))},
            exc_info=None if isinstance(error, ConfigurationError) else redact_error(error),
        )
        return result_of_error(merchant, code, error, seconds=end.elapsed), None
    return result_of_report(merchant, report, seconds=end.elapsed, stopped_by=end.reached), report


def _pass_on(merchant: str, report: ScanReport, on_report: Callable[[ScanReport], object]) -> None:
    try:
        on_report(report)
    except Exception as error:  # the host's own code may raise anything
        log.warning(
            "on_report_raised",
            extra={"merchant": merchant, "error": redact_signatures(str(error))},
            exc_info=redact_error(error),
        )


def _probe(scanner: Scanner) -> Fault | None:
    """Try the storage and the shop once, without retries, so that a merchant that failed before costs little.

    Returns:
        What still cannot be used; None if the merchant can be scanned again.
    """
    with no_retries():
        try:
            next(iter(scanner.storage.pages()), None)
        except RemoteArtworkError as error:
            return Fault.of("storage", error)
        try:
            with limited_call(scanner.call_limiter, tenant=scanner.tenant):
                next(iter(scanner.client.pending_orders()), None)
        except ClientError as error:
            return Fault.of("client", error)
        except LedgerError:
            return None  # the scan says it, and it does not count against the merchant
    return None


def _repeat(call: Callable[[], T]) -> T:
    return RetryPolicy().call(call, on=LedgerUnavailable)

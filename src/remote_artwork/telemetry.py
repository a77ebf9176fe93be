"""``Telemetry``: an observer that turns scans into OpenTelemetry spans and metrics. Needs the extra ``otel``.

It uses the API of OpenTelemetry only. The application chooses the SDK and where spans and metrics are sent.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import define, field, frozen

from remote_artwork.core.events import (
    Event,
    ItemReported,
    LedgerCalled,
    Measured,
    OrderFinished,
    OrderFulfilled,
    RequestWaited,
    RetryWaited,
    ScanAborted,
    ScanFinished,
    ScanStarted,
    ShopCalled,
    StorageRequested,
)
from remote_artwork.core.report import ItemStatus, ScanReport
from remote_artwork.errors import MissingExtra
from remote_artwork.locks import ProcessLock

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
    from opentelemetry.trace import Span, Tracer, TracerProvider

__all__ = ["Telemetry"]

Attributes = dict[str, str | int | bool | list[str]]

_NAME = "remote_artwork"
_TENANT = f"{_NAME}.tenant"
_ERROR = "error.type"

_NOT_DONE = frozenset({ItemStatus.FAILED, ItemStatus.UNREADABLE, ItemStatus.UNCERTAIN})
"""Statuses of items that make the span of an order an error."""

_CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_PASS_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_LAG_SECONDS = (10, 60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400, 259200, 604800)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Telemetry:
    """An ``Observer`` that makes a span of each pass, order, call and request, and counts them in metrics.

    The span of a pass is a child of the span that is current where ``scan()`` is called. It is current itself during
    the scan, so spans that your client makes are its children.

    One object serves all scanners of a process, from any thread. Metrics never name an order, and nothing names a file
    or a URL, unless ``names_in_spans`` allows it.

    Args:
        tracer_provider: Makes the spans; by default the global one.
        meter_provider: Makes the metrics; by default the global one.
        tenant_label: Whether metrics have the attribute ``remote_artwork.tenant``. Each tenant then has its own time
            series. Without it, counts are sums over the tenants, and ages are those of the oldest. Spans always have
            the attribute.
        names_in_spans: Whether spans name the location and the files.
        gauges: Whether metrics show the state after the last pass: items by status, and ages. Set it to False if a
            tenant's passes run in several processes, because each of them knows only its own.
        database: The system of the ledger as ``db.system.name`` names it, for example ``postgresql``. It is an
            attribute of the spans of the ledger.
        clock: Returns the time, with a time zone.

    Raises:
        MissingExtra: The API of OpenTelemetry is not installed.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        tenant_label: bool = False,
        names_in_spans: bool = False,
        gauges: bool = True,
        database: str | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        try:
            from opentelemetry.metrics import get_meter
            from opentelemetry.trace import get_tracer
        except ImportError as error:
            raise MissingExtra("Telemetry needs opentelemetry-api: pip install 'remote_artwork[otel]'") from error
        library = version("remote_artwork")
        self._spans = _Spans(get_tracer(_NAME, library, tracer_provider), with_names=names_in_spans, database=database)
        meter = get_meter(_NAME, library, meter_provider)
        self._metrics = _Metrics(meter, tenant_label=tenant_label, clock=clock)
        if gauges:
            self._metrics.add_gauges(meter)

    def on_event(self, event: Event) -> None:
        """See ``Observer``."""
        self._spans.on_event(event)
        self._metrics.on_event(event)

    def forget(self, tenant: str) -> None:
        """Leave a tenant out of the gauges from now on, because it is not scanned any more."""
        self._metrics.forget(tenant)


# --- Spans ---


@define(eq=False)
class _Pass:
    """The span of a running scan, and what was measured for orders that are not finished."""

    span: Span
    context: Context
    token: Token[Context]
    server: _Server
    waiting: defaultdict[str, list[Measured]] = field(factory=lambda: defaultdict(list))


class _Spans:
    """Makes the spans. A thread runs one scan at a time, except for scans that callbacks of a scan run."""

    def __init__(self, tracer: Tracer, *, with_names: bool, database: str | None) -> None:
        self._tracer = tracer
        self._with_names = with_names
        self._database = database
        self._of_thread = threading.local()

    def on_event(self, event: Event) -> None:
        passes: list[_Pass] = self._of_thread.__dict__.setdefault("passes", [])
        if isinstance(event, ScanStarted):
            passes.append(self._start(event))
        elif passes and isinstance(event, ScanFinished | ScanAborted):
            self._end(passes.pop(), event)
        elif passes and isinstance(event, Measured) and passes[-1].span.is_recording():
            self._add(passes[-1], event)

    def _start(self, event: ScanStarted) -> _Pass:
        from opentelemetry.context import attach
        from opentelemetry.trace import set_span_in_context

        attributes: Attributes = {_TENANT: event.tenant, f"{_NAME}.dry_run": event.dry_run}
        if self._with_names:
            attributes[f"{_NAME}.location"] = event.location
        name = "plan" if event.dry_run else "scan"
        span = self._tracer.start_span(name, attributes=attributes, start_time=_nanoseconds(event.started_at))
        context = set_span_in_context(span)
        return _Pass(span, context, attach(context), _Server.of(event.location))

    def _end(self, current: _Pass, event: ScanFinished | ScanAborted) -> None:
        from opentelemetry.context import detach

        for events in current.waiting.values():
            for each in events:
                self._add_call(current, current.span, current.context, each)
        detach(current.token)
        span = current.span
        if isinstance(event, ScanFinished):
            report = event.report
            span.set_attributes(
                {
                    f"{_NAME}.items": len(report.items),
                    f"{_NAME}.needs_person": sum(item.needs_person for item in report.items),
                    f"{_NAME}.coverage": report.coverage,
                    f"{_NAME}.exit_code": int(report.exit_code),
                }
            )
            if report.faults:
                _mark_error(span, report.faults[0].code)
            span.end(_nanoseconds(report.finished_at))
        else:
            _mark_error(span, event.error)
            span.end(_end_of(event))

    def _add(self, current: _Pass, event: Measured) -> None:
        if isinstance(event, OrderFinished):
            self._add_order(current, event)
        elif event.order_id is None:
            self._add_call(current, current.span, current.context, event)
        else:
            current.waiting[event.order_id].append(event)

    def _add_order(self, current: _Pass, event: OrderFinished) -> None:
        from opentelemetry.trace import set_span_in_context

        attributes: Attributes = {
            f"{_NAME}.order.number": event.order_number,
            f"{_NAME}.order.id": str(event.order_id),
            f"{_NAME}.order.statuses": sorted(set(event.statuses)),
        }
        span = self._tracer.start_span(
            "order", current.context, attributes=attributes, start_time=_nanoseconds(event.started_at)
        )
        context = set_span_in_context(span, current.context)
        for each in current.waiting.pop(str(event.order_id), ()):
            self._add_call(current, span, context, each)
        error = next(iter(sorted(_NOT_DONE.intersection(event.statuses))), None)
        _mark_error(span, event.error or error)
        span.end(_end_of(event))

    def _add_call(self, current: _Pass, parent: Span, context: Context, event: Measured) -> None:
        from opentelemetry.trace import SpanKind

        if isinstance(event, RetryWaited):
            attributes = {f"{_NAME}.part": event.part, f"{_NAME}.wait": event.seconds, _ERROR: str(event.error)}
            parent.add_event("retry", attributes, _nanoseconds(event.started_at))
            return
        name, kind, described = self._describe(event, current.server)
        span = self._tracer.start_span(
            name,
            context,
            kind=SpanKind.CLIENT if kind else SpanKind.INTERNAL,
            attributes=described,
            start_time=_nanoseconds(event.started_at),
        )
        _mark_error(span, event.error)
        span.end(_end_of(event))

    def _describe(self, event: Measured, server: _Server) -> tuple[str, bool, Attributes]:
        """The name of a span, whether it calls another system, and its attributes."""
        match event:
            case StorageRequested():
                attributes: Attributes = {f"{_NAME}.request.kind": event.kind, **server.attributes(event)}
                if self._with_names and event.file is not None:
                    attributes[f"{_NAME}.file"] = event.file
                return f"storage {event.kind}", bool(server.scheme), attributes
            case LedgerCalled():
                attributes = {"db.operation.name": event.method}
                if self._database:
                    attributes["db.system.name"] = self._database
                if event.orders > 1:
                    attributes["db.operation.batch.size"] = event.orders
                return f"ledger {event.method}", bool(self._database), attributes
            case ShopCalled():
                return f"shop {event.method}", True, {f"{_NAME}.shop.method": event.method}
            case _:  # a request that waited
                return "storage wait", False, {}


@frozen
class _Server:
    """The server that a canonical location names, as the semantic conventions for HTTP describe it.

    Args:
        scheme: ``https`` or ``http``; empty if the storage is not used through HTTP.
        address: Its host; empty if the location does not name it.
        port: Its port, if the location names one.
        has_head: Whether files are looked up by HEAD. Otherwise by GET.
    """

    scheme: str = ""
    address: str = ""
    port: int | None = None
    has_head: bool = False

    @classmethod
    def of(cls, location: str) -> _Server:
        """The server of a location."""
        kind, _, rest = location.partition("://")
        if kind == "s3":
            return cls("https", has_head=True)
        if kind == "gs":
            return cls("https", "storage.googleapis.com")
        if kind == "az":
            host = rest.partition("@")[2].partition("/")[0]
            return cls("https", host if "." in host else f"{host}.blob.core.windows.net", has_head=True)
        family, plus, scheme = kind.rpartition("+")
        if scheme not in ("http", "https"):
            return cls()
        parts = urlsplit(f"{scheme}://{rest}")
        return cls(scheme, parts.hostname or "", parts.port, has_head=bool(plus) and family == "s3")

    def attributes(self, request: StorageRequested) -> Attributes:
        """The attributes of one request. ``url.full`` is missing, because it contains the key."""
        if not self.scheme:
            return {}
        method = "HEAD" if request.kind == "head" and self.has_head else "GET"
        attributes: Attributes = {"http.request.method": method, "url.scheme": self.scheme}
        if self.address:
            attributes["server.address"] = self.address
        if self.port is not None:
            attributes["server.port"] = self.port
        if request.size:
            attributes["http.response.body.size"] = request.size
        return attributes


def _mark_error(span: Span, error: str | None) -> None:
    from opentelemetry.trace import StatusCode

    if error is not None:
        span.set_attribute(_ERROR, error)
        span.set_status(StatusCode.ERROR)


def _nanoseconds(time: datetime) -> int:
    seconds = int(time.replace(microsecond=0).timestamp())
    return (seconds * 1_000_000 + time.microsecond) * 1_000


def _end_of(event: Measured) -> int:
    return _nanoseconds(event.started_at) + int(event.seconds * 1e9)


# --- Metrics ---


@frozen(kw_only=True)
class _State:
    """What the last scan of a tenant found.

    Args:
        items: Status and code → how many items have them.
        needs_person: How many items need a person.
        oldest: When the oldest order that waits was created; None if it is not known.
    """

    items: Mapping[tuple[str, str], int]
    needs_person: int
    oldest: datetime | None


class _Metrics:
    """Counts and measures. A dry run counts its calls and requests, and nothing else."""

    def __init__(self, meter: Meter, *, tenant_label: bool, clock: Callable[[], datetime]) -> None:
        self._tenant_label = tenant_label
        self._clock = clock
        self._lock = ProcessLock()
        self._states: dict[str, _State] = {}
        self._complete_at: dict[str, datetime] = {}

        def histogram(name: str, bounds: Iterable[float], description: str) -> Callable[[float, Attributes], None]:
            return meter.create_histogram(
                f"{_NAME}.{name}", "s", description, explicit_bucket_boundaries_advisory=list(bounds)
            ).record

        def counter(name: str, unit: str, description: str) -> Callable[[float, Attributes], None]:
            return meter.create_counter(f"{_NAME}.{name}", unit, description).add

        self._pass = histogram("pass.duration", _PASS_SECONDS, "Duration of scans and dry runs")
        self._shop_call = histogram("shop.call.duration", _CALL_SECONDS, "Duration of calls to the shop")
        self._request = histogram("storage.request.duration", _CALL_SECONDS, "Duration of requests to the storage")
        self._ledger_call = histogram("ledger.call.duration", _CALL_SECONDS, "Duration of transactions of the ledger")
        self._lag = histogram("fulfillment.lag", _LAG_SECONDS, "Time from the upload of a file to the fulfilled order")
        self._fulfilled = counter("orders.fulfilled", "{order}", "Orders that were fulfilled")
        self._outcomes = counter("outcomes", "{item}", "Items whose status a scan changed")
        self._read = counter("storage.read", "By", "Bytes that were read from files")
        self._retries = counter("retries", "{retry}", "Calls that were made again after an error")
        self._waits = counter("wait.time", "s", "Time that was spent on waiting")

    def on_event(self, event: Event) -> None:
        labels = self._labels(event.tenant)
        match event:
            case ScanAborted():
                self._pass(event.seconds, {**labels, "result": "aborted"})
            case Measured():
                self._count_call(event, labels)
            case OrderFulfilled():
                self._fulfilled(1, labels)
                if event.uploaded_at is not None:
                    self._lag(max(0.0, (self._clock() - event.uploaded_at).total_seconds()), labels)
            case ItemReported(outcome=outcome) if outcome.now:
                self._outcomes(1, {**labels, "status": str(outcome.status), "code": outcome.code})
            case ScanStarted() if not event.dry_run:
                with self._lock:
                    self._complete_at.setdefault(event.tenant, event.started_at)
            case ScanFinished():
                self._finish(event.report, labels)
            case _:
                pass

    def _count_call(self, event: Measured, labels: Attributes) -> None:
        error: Attributes = {} if event.error is None else {_ERROR: event.error}
        match event:
            case StorageRequested():
                self._request(event.seconds, {**labels, "kind": event.kind, **error})
                if event.size:
                    self._read(event.size, labels)
            case ShopCalled():
                self._shop_call(event.seconds, {**labels, "method": event.method, **error})
            case LedgerCalled():
                self._ledger_call(event.seconds, {**labels, "method": event.method, **error})
            case RetryWaited():
                self._retries(1, {**labels, "part": event.part, **error})
                self._waits(event.seconds, {**labels, "cause": f"retry_{event.part}"})
            case RequestWaited():
                self._waits(event.seconds, {**labels, "cause": "storage_limit"})
            case _:
                pass

    def _finish(self, report: ScanReport, labels: Attributes) -> None:
        result = "dry_run" if report.dry_run else "fault" if report.faults else "complete"
        self._pass((report.finished_at - report.started_at).total_seconds(), {**labels, "result": result})
        if report.timings.shop_queue:
            self._waits(report.timings.shop_queue, {**labels, "cause": "shop_queue"})
        if report.dry_run or report.orders is not None:
            return
        state = _State(
            items=Counter((str(item.status), item.code) for item in report.items),
            needs_person=sum(item.needs_person for item in report.items),
            oldest=report.oldest_pending,
        )
        with self._lock:
            if not report.faults:
                self._complete_at[report.tenant] = report.finished_at
            if not any(fault.part == "client" for fault in report.faults):  # the list of orders is complete
                self._states[report.tenant] = state

    def _labels(self, tenant: str) -> Attributes:
        return {_TENANT: tenant} if self._tenant_label else {}

    # --- Gauges ---

    def forget(self, tenant: str) -> None:
        with self._lock:
            self._states.pop(tenant, None)
            self._complete_at.pop(tenant, None)

    def add_gauges(self, meter: Meter) -> None:
        """Add the metrics about the state after the last pass."""
        for name, unit, observe, description in (
            ("items", "{item}", self._observe_items, "Items of the last scan"),
            ("items_needing_person", "{item}", self._observe_needs_person, "Items of the last scan that need a person"),
            ("oldest_pending.age", "s", self._observe_oldest, "Age of the oldest order that waits"),
            ("last_success.age", "s", self._observe_last_success, "Time since the last scan without a fault"),
        ):
            meter.create_observable_gauge(f"{_NAME}.{name}", [observe], unit, description)

    def _observe_items(self, _options: CallbackOptions) -> list[Observation]:
        counts: Counter[tuple[str, str, str]] = Counter()
        for tenant, state in self._snapshot():
            for (status, code), count in state.items.items():
                counts[tenant, status, code] += count
        return [
            _observation(count, {**self._labels(tenant), "status": status, "code": code})
            for (tenant, status, code), count in counts.items()
        ]

    def _observe_needs_person(self, _options: CallbackOptions) -> list[Observation]:
        counts: Counter[str] = Counter()
        for tenant, state in self._snapshot():
            counts[tenant] += state.needs_person
        return [_observation(count, self._labels(tenant)) for tenant, count in counts.items()]

    def _observe_oldest(self, _options: CallbackOptions) -> list[Observation]:
        return self._ages((tenant, state.oldest) for tenant, state in self._snapshot() if state.oldest)

    def _observe_last_success(self, _options: CallbackOptions) -> list[Observation]:
        with self._lock:
            times = [(self._group(tenant), time) for tenant, time in self._complete_at.items()]
        return self._ages(times)

    def _snapshot(self) -> list[tuple[str, _State]]:
        with self._lock:
            return [(self._group(tenant), state) for tenant, state in self._states.items()]

    def _group(self, tenant: str) -> str:
        return tenant if self._tenant_label else ""

    def _ages(self, times: Iterable[tuple[str, datetime]]) -> list[Observation]:
        """The age of the oldest time of each tenant, or of all of them."""
        oldest: dict[str, datetime] = {}
        for tenant, time in times:
            oldest[tenant] = min(time, oldest.get(tenant, time))
        now = self._clock()
        return [
            _observation(max(0.0, (now - time).total_seconds()), self._labels(tenant))
            for tenant, time in oldest.items()
        ]


def _observation(value: float, labels: Attributes) -> Observation:
    from opentelemetry.metrics import Observation

    return Observation(value, labels)

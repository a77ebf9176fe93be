"""Spans and metrics, from single events and from whole scans."""

import asyncio
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

import remote_artwork as ra
from reasons import because
from remote_artwork import events
from remote_artwork.core.report import Fault, ItemOutcome, ScanReport, Timings
from remote_artwork.errors import MissingExtra
from remote_artwork.telemetry import Telemetry
from remote_artwork.testing import FakeShop
from shop_files import PDF, memory_folder

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
QUICK = ra.RetryPolicy(sleep=lambda _seconds: None)
LABELS = {"status", "code", "kind", "method", "part", "cause", "result", "error.type", "remote_artwork.tenant"}


class Recorded:
    """A telemetry observer, and what it made."""

    def __init__(self, *, sampler=None, **options):
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        provider = TracerProvider(sampler=sampler)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("host")
        self.observer = Telemetry(
            tracer_provider=provider, meter_provider=MeterProvider([self.reader]), **{"clock": lambda: NOW, **options}
        )

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def named(self, name):
        return [span for span in self.spans if span.name == name]

    def children(self, parent):
        return [span for span in self.spans if span.parent and span.parent.span_id == parent.context.span_id]

    @property
    def points(self):
        """Metric → its data points."""
        data = self.reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return {metric.name: list(metric.data.data_points) for scope in scopes for metric in scope.metrics}

    def values(self, name):
        """Labels → value of a counter or gauge, or count of a histogram."""
        return {
            frozenset(point.attributes.items()): getattr(point, "value", None)
            if hasattr(point, "value")
            else point.count
            for point in self.points.get(f"remote_artwork.{name}", ())
        }


@pytest.fixture
def recorded():
    return Recorded()


def labels(**pairs):
    return frozenset({name.replace("__", "."): value for name, value in pairs.items()}.items())


def scan(observer, root, numbers=("1", "2"), *, missing=(), **options):
    _, storage = memory_folder(root, *(f"{number}_1.pdf" for number in numbers))
    orders = [ra.Order(number, [ra.OrderItem("1")], id=f"id-{number}") for number in (*numbers, *missing)]
    shop = options.pop("shop", None) or FakeShop(orders, concurrent_calls=options.pop("calls", 1))
    scanner = ra.Scanner(
        storage, shop, **{"ledger": ra.MemoryLedger(), "observer": observer, "retry": QUICK, **options}
    )
    return scanner.scan()


# --- Spans of whole scans ---


@pytest.mark.parametrize(("workers", "calls"), [(1, 1), (4, 4)])
def test_the_spans_of_a_scan_are_a_tree_below_the_span_of_the_caller(recorded, root, workers, calls):
    with recorded.tracer.start_as_current_span("request"):
        scan(recorded.observer, root, list("12345"), orders_at_once=workers, calls=calls)
        assert trace.get_current_span().name == "request"
    [request], [whole] = recorded.named("request"), recorded.named("scan")
    assert recorded.children(request) == [whole]
    orders = recorded.named("order")
    assert {span.attributes["remote_artwork.order.number"] for span in orders} == set("12345")
    assert {span.parent.span_id for span in orders} == {whole.context.span_id}
    for order in orders:
        inside = recorded.children(order)
        names = [span.name for span in inside]
        assert names.count("shop get_order") == 2  # before each of the two calls
        assert names.count("shop attach_artwork") == 1
        assert names.count("shop fulfill") == 1
        assert "storage get" in names
        assert all(order.start_time <= span.start_time <= span.end_time for span in inside)
        assert order.end_time <= whole.end_time + 1_000_000
    above = {span.name for span in recorded.children(whole)}
    assert {"shop pending_orders", "storage list", "ledger find", "order"} <= above
    assert {span.context.trace_id for span in recorded.spans} == {request.context.trace_id}


def test_a_span_of_the_client_is_inside_the_scan(recorded, root):
    class Instrumented(FakeShop):
        def fulfill(self, order, artworks, *, idempotency_key):
            with recorded.tracer.start_as_current_span("POST"):
                return super().fulfill(order, artworks, idempotency_key=idempotency_key)

    shop = Instrumented([ra.Order("1", [ra.OrderItem("1")])], concurrent_calls=4)
    scan(recorded.observer, root, ["1"], shop=shop, orders_at_once=4)
    [post], [whole] = recorded.named("POST"), recorded.named("scan")
    assert post.parent.span_id == whole.context.span_id


def test_an_async_host_is_the_parent_too(recorded, root):
    _, storage = memory_folder(root, "1_1.pdf")
    shop = FakeShop([ra.Order("1", [ra.OrderItem("1")])])
    scanner = ra.AsyncScanner(storage, shop, ledger=ra.MemoryLedger(), observer=recorded.observer)

    async def handle(name):
        with recorded.tracer.start_as_current_span(name):
            await scanner.scan()

    async def both():
        await asyncio.gather(handle("first"), handle("second"))

    asyncio.run(both())
    for name in ("first", "second"):
        [request] = recorded.named(name)
        assert [span.name for span in recorded.children(request)] == ["scan"]


def test_scans_at_once_do_not_mix(recorded, root):
    both = threading.Barrier(2, timeout=60)

    class Meeting(FakeShop):
        def get_order(self, order_id):
            both.wait()
            return super().get_order(order_id)

    def run(tenant):
        shop = Meeting([ra.Order(tenant, [ra.OrderItem("1")])])
        scan(recorded.observer, f"{root}/{tenant}", [tenant], shop=shop, tenant=tenant)

    threads = [threading.Thread(target=run, args=[tenant]) for tenant in ("1", "2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for whole in recorded.named("scan"):
        [order] = [span for span in recorded.children(whole) if span.name == "order"]
        assert order.attributes["remote_artwork.order.number"] == whole.attributes["remote_artwork.tenant"]
        assert len([span for span in recorded.children(order) if span.name.startswith("shop")]) == 4


def test_a_scan_that_a_callback_of_another_scan_runs_is_its_child(recorded, root):
    def scan_other(_file):
        scan(recorded.observer, f"{root}/other", ["7"], tenant="inner")

    _, storage = memory_folder(root, "1_1.pdf", "notes.pdf")
    shop = FakeShop([ra.Order("1", [ra.OrderItem("1")])])
    ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), tenant="outer", observer=recorded.observer).scan(
        sweep=True, on_file=scan_other
    )
    inner, outer = recorded.named("scan")
    assert (inner.attributes["remote_artwork.tenant"], outer.attributes["remote_artwork.tenant"]) == ("inner", "outer")
    assert inner.parent.span_id == outer.context.span_id
    assert len(recorded.named("order")) == 2


def test_nothing_names_a_file_or_a_url(recorded, root):
    secret = f"{root}/secret-folder"
    scan(recorded.observer, secret, ["1"], pattern="{order_number}_{order_item_number}", missing=["2"])
    written = [span.to_json() for span in recorded.spans]
    written += [str(point.attributes) for points in recorded.points.values() for point in points]
    assert written
    assert not [text for text in written if "secret-folder" in text or ".pdf" in text or "://" in text]


def test_an_operator_may_allow_names_in_spans(root):
    recorded = Recorded(names_in_spans=True)
    scan(recorded.observer, root, ["1"])
    [whole] = recorded.named("scan")
    assert whole.attributes["remote_artwork.location"] == f"memory://{root}"
    assert {span.attributes["remote_artwork.file"] for span in recorded.named("storage get")} == {"1_1.pdf"}
    assert not [point for points in recorded.points.values() for point in points if ".pdf" in str(point.attributes)]


def test_an_error_is_named_and_a_retry_is_an_event_of_the_order(recorded, root):
    shop = FakeShop([ra.Order("1", [ra.OrderItem("1")])])
    shop.fail_next("get_order", ra.Unavailable("starting"))
    scan(recorded.observer, root, ["1"], shop=shop)
    first, second, _third = recorded.named("shop get_order")
    assert (first.status.status_code, first.attributes["error.type"]) == (StatusCode.ERROR, "Unavailable")
    assert (second.status.status_code, second.kind) == (StatusCode.UNSET, SpanKind.CLIENT)
    [order] = recorded.named("order")
    assert order.status.status_code is StatusCode.UNSET
    [retry] = order.events
    seconds = retry.attributes["remote_artwork.wait"]
    assert (retry.name, retry.attributes["error.type"]) == ("retry", "Unavailable")
    assert retry.attributes["remote_artwork.part"] == "client"
    assert recorded.values("retries") == {labels(part="client", error__type="Unavailable"): 1}
    assert recorded.values("wait.time")[labels(cause="retry_client")] == pytest.approx(seconds)


def test_an_order_that_failed_is_an_error_and_so_is_a_scan_with_a_fault(recorded, root):
    shop = FakeShop([ra.Order("1", [ra.OrderItem("1")])])
    for _ in range(3):
        shop.fail_next("get_order", ra.Unavailable("down"))
    report = scan(recorded.observer, root, ["1"], shop=shop)
    assert report.faults
    [order], [whole] = recorded.named("order"), recorded.named("scan")
    assert (order.status.status_code, order.attributes["error.type"]) == (StatusCode.ERROR, "failed")
    assert (whole.status.status_code, whole.attributes["error.type"]) == (StatusCode.ERROR, "client_failed")
    assert whole.attributes["remote_artwork.exit_code"] == 3
    assert recorded.values("pass.duration") == {labels(result="fault"): 1}


def test_an_aborted_scan_ends_its_span_and_leaves_the_callers_span_current(recorded, root):
    shop = FakeShop([ra.Order("1", [ra.OrderItem("1")])])
    shop.fail_next("pending_orders", ra.ConfigurationError("set the key"))
    with recorded.tracer.start_as_current_span("request"):
        with pytest.raises(ra.ConfigurationError):
            scan(recorded.observer, root, ["1"], shop=shop)
        assert trace.get_current_span().name == "request"
    [whole] = recorded.named("scan")
    assert (whole.status.status_code, whole.attributes["error.type"]) == (StatusCode.ERROR, "ConfigurationError")
    assert recorded.values("pass.duration") == {labels(result="aborted"): 1}


def test_a_trace_that_is_not_sampled_has_no_spans_but_metrics(root):
    recorded = Recorded(sampler=ALWAYS_OFF)
    scan(recorded.observer, root)
    assert recorded.spans == ()
    assert recorded.values("orders.fulfilled") == {labels(): 2}


def test_without_an_sdk_a_scan_runs_as_always(root):
    assert scan(Telemetry(), root).counts == {ra.ItemStatus.FULFILLED: 2}


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)
    with pytest.raises(MissingExtra, match=r"pip install 'remote_artwork\[otel\]'"):
        Telemetry()


# --- Spans of single events ---


def send(recorded, *middle, location="memory:///x"):
    started = events.ScanStarted(tenant="t", location=location, dry_run=False, started_at=NOW)
    ended = events.ScanAborted(tenant="t", order_id=None, started_at=NOW, seconds=2.0, error="KeyboardInterrupt")
    for event in (started, *middle, ended):
        recorded.observer.on_event(event)


def measured(event, *, order_id=None, error=None, seconds=0.5, **fields):
    return event(tenant="t", order_id=order_id, started_at=NOW, seconds=seconds, error=error, **fields)


@pytest.mark.parametrize(
    ("location", "kind", "expected"),
    [
        ("s3+https://s3.wasabisys.com/bkt/in/", "head", ("HEAD", "https", "s3.wasabisys.com", None)),
        ("s3+http://127.0.0.1:9000/bkt/in/?provider=minio", "list", ("GET", "http", "127.0.0.1", 9000)),
        ("s3://bkt/in/?region=eu-west-1", "head", ("HEAD", "https", None, None)),
        ("gs://bkt/in/", "head", ("GET", "https", "storage.googleapis.com", None)),
        ("az://prints@acme/in/", "head", ("HEAD", "https", "acme.blob.core.windows.net", None)),
        ("az://prints@a.blob.core.chinacloudapi.cn/in/", "get", ("GET", "https", "a.blob.core.chinacloudapi.cn", None)),
        ("https://prints.example/in/", "head", ("GET", "https", "prints.example", None)),
        ("web+https://bkt.s3.amazonaws.com/in/", "get", ("GET", "https", "bkt.s3.amazonaws.com", None)),
        ("file:///srv/prints", "get", (None, None, None, None)),
        ("sftp://host/in", "get", (None, None, None, None)),
    ],
)  # fmt: skip
def test_a_request_has_the_attributes_of_http_without_its_url(recorded, location, kind, expected):
    send(recorded, measured(events.StorageRequested, kind=kind, file="a.pdf", size=7), location=location)
    [span] = recorded.named(f"storage {kind}")
    names = ("http.request.method", "url.scheme", "server.address", "server.port")
    assert tuple(span.attributes.get(name) for name in names) == expected
    assert span.kind is (SpanKind.CLIENT if expected[0] else SpanKind.INTERNAL)
    assert span.attributes.get("http.response.body.size") == (7 if expected[0] else None)
    assert span.attributes["remote_artwork.request.kind"] == kind
    assert span.end_time - span.start_time == 500_000_000


def test_a_canonical_location_is_one_that_the_spans_understand(recorded):
    for url in (
        "https://prints.s3.eu-west-1.amazonaws.com/in/",
        "https://bkt.nyc3.digitaloceanspaces.com/in",
        "gs://bkt/in",
        "https://acme.blob.core.windows.net/prints/in",
        "https://prints.example/in/",
    ):
        location = str(ra.Location.parse(url))
        send(recorded, measured(events.StorageRequested, kind="get", file=None), location=location)
    assert {span.attributes["url.scheme"] for span in recorded.named("storage get")} == {"https"}
    assert len(recorded.named("storage get")) == 5


def test_a_transaction_has_the_attributes_of_a_database():
    recorded = Recorded(database="postgresql")
    send(
        recorded,
        measured(events.LedgerCalled, method="advance", orders=4),
        measured(events.LedgerCalled, method="claim", orders=1),
    )
    [advance], [claim] = recorded.named("ledger advance"), recorded.named("ledger claim")
    assert dict(advance.attributes) == {
        "db.system.name": "postgresql", "db.operation.name": "advance", "db.operation.batch.size": 4,
    }  # fmt: skip
    assert "db.operation.batch.size" not in claim.attributes
    assert {advance.kind, claim.kind} == {SpanKind.CLIENT}


def test_what_was_measured_for_an_order_that_did_not_finish_is_not_lost(recorded):
    send(recorded, measured(events.ShopCalled, method="fulfill", order_id="9", error="KeyboardInterrupt"))
    [call], [whole] = recorded.named("shop fulfill"), recorded.named("scan")
    assert call.parent.span_id == whole.context.span_id
    assert whole.end_time - whole.start_time == 2_000_000_000


def test_an_event_without_a_scan_makes_no_span_and_raises_nothing(recorded):
    recorded.observer.on_event(measured(events.ShopCalled, method="get_order"))
    recorded.observer.on_event(measured(events.ScanAborted, error="KeyError"))
    assert recorded.spans == ()


def test_a_wait_for_a_limiter_is_a_span_and_a_wait(recorded):
    send(recorded, measured(events.RequestWaited, seconds=1.5))
    [span] = recorded.named("storage wait")
    assert (span.kind, span.end_time - span.start_time) == (SpanKind.INTERNAL, 1_500_000_000)
    assert recorded.values("wait.time") == {labels(cause="storage_limit"): 1.5}


# --- Metrics ---


def test_the_metrics_of_a_scan(recorded, root):
    report = scan(recorded.observer, root, missing=["3"])
    assert recorded.values("outcomes") == {labels(status="fulfilled", code="fulfilled"): 2}
    assert recorded.values("orders.fulfilled") == {labels(): 2}
    assert recorded.values("storage.read") == {labels(): 2 * len(PDF)}
    requests = recorded.values("storage.request.duration")
    assert requests == {labels(kind=kind): count for kind, count in report.requests.items() if count}
    calls = recorded.values("shop.call.duration")
    assert calls == {
        labels(method="pending_orders"): 1, labels(method="get_order"): 4, labels(method="attach_artwork"): 2,
        labels(method="fulfill"): 2,
    }  # fmt: skip
    assert labels(method="advance") in recorded.values("ledger.call.duration")
    assert recorded.values("pass.duration") == {labels(result="complete"): 1}
    items = recorded.values("items")
    assert items == {
        labels(status="fulfilled", code="fulfilled"): 2,
        labels(status="missing", code="waiting_for_files"): 1,
    }
    assert recorded.values("items_needing_person") == {labels(): 0}


@pytest.mark.parametrize("tenant_label", [False, True])
def test_no_metric_has_a_label_that_names_an_order(root, tenant_label):
    recorded = Recorded(tenant_label=tenant_label)
    shop = FakeShop([ra.Order("1", [ra.OrderItem("1")])])
    shop.fail_next("get_order", ra.Unavailable("down"))
    scan(recorded.observer, root, ["1"], shop=shop)
    found = {name for points in recorded.points.values() for point in points for name in point.attributes}
    assert found <= (LABELS if tenant_label else LABELS - {"remote_artwork.tenant"})
    assert ("remote_artwork.tenant" in found) is tenant_label


def test_the_lag_is_the_time_since_the_upload(recorded):
    fulfilled = events.OrderFulfilled(
        tenant="t", order_number="1", order_id="1", receipt=None, uploaded_at=NOW - timedelta(minutes=5)
    )
    recorded.observer.on_event(fulfilled)
    recorded.observer.on_event(events.OrderFulfilled(tenant="t", order_number="2", order_id="2", receipt=None))
    [point] = recorded.points["remote_artwork.fulfillment.lag"]
    assert (point.count, point.sum) == (1, 300.0)
    assert recorded.values("orders.fulfilled") == {labels(): 2}


def a_report(tenant="t", *, items=(), at=NOW, faults=(), orders=None, dry_run=False):
    return ScanReport(
        dry_run=dry_run, tenant=tenant, location="memory://", started_at=at - timedelta(seconds=3), finished_at=at,
        items=tuple(items), faults=tuple(faults), orders=orders,
    )  # fmt: skip


def an_item(status=ra.ItemStatus.MISSING, *, days=1):
    ordered_at = None if days is None else NOW - timedelta(days=days)
    return ItemOutcome(
        order_number="1", item_number="1", order_id="1", status=status, because=because("r"), ordered_at=ordered_at
    )


def finish(recorded, report):
    recorded.observer.on_event(
        events.ScanStarted(
            tenant=report.tenant, location=report.location, dry_run=report.dry_run, started_at=report.started_at
        )
    )
    recorded.observer.on_event(events.ScanFinished(tenant=report.tenant, report=report))


def test_ages_are_those_of_the_oldest_of_all_tenants(recorded):
    finish(recorded, a_report("a", items=[an_item(days=1)], at=NOW - timedelta(minutes=10)))
    finish(recorded, a_report("b", items=[an_item(days=3), an_item(days=None)], at=NOW - timedelta(minutes=40)))
    finish(recorded, a_report("c", items=[an_item(ra.ItemStatus.CANCELLED, days=9)], at=NOW))
    assert recorded.values("oldest_pending.age") == {labels(): 3 * 86400}
    assert recorded.values("last_success.age") == {labels(): 2400}
    assert sum(recorded.values("items").values()) == 4


def test_with_a_tenant_label_each_tenant_has_its_own_series():
    recorded = Recorded(tenant_label=True)
    finish(recorded, a_report("a", items=[an_item(ra.ItemStatus.REJECTED)], at=NOW - timedelta(minutes=10)))
    finish(recorded, a_report("b", items=[an_item(days=3)]))
    a, b = (frozenset({("remote_artwork.tenant", tenant)}) for tenant in "ab")
    assert recorded.values("oldest_pending.age") == {a: 86400, b: 3 * 86400}
    assert recorded.values("last_success.age") == {a: 600, b: 0}
    assert recorded.values("items_needing_person") == {a: 1, b: 0}


@pytest.mark.parametrize(
    "later",
    [
        a_report(orders=("1",)),
        a_report(dry_run=True),
        a_report(faults=[Fault.of("client", "the shop is down")]),
    ],
    ids=["some orders", "a dry run", "an incomplete list"],
)
def test_a_scan_that_did_not_see_every_order_leaves_the_state_as_it_was(recorded, later):
    finish(recorded, a_report(items=[an_item(ra.ItemStatus.REJECTED)], at=NOW - timedelta(hours=1)))
    before = {
        name: recorded.values(name)
        for name in ("items", "items_needing_person", "oldest_pending.age", "last_success.age")
    }
    assert before["last_success.age"] == {labels(): 3600}
    finish(recorded, later)
    assert {name: recorded.values(name) for name in before} == before


def test_a_scan_without_its_storage_shows_its_items_but_is_not_complete(recorded):
    failed = a_report(items=[an_item()], faults=[Fault.of("storage", "down")], at=NOW - timedelta(minutes=5))
    finish(recorded, failed)
    assert recorded.values("items") == {labels(status="missing", code=an_item().code): 1}
    assert recorded.values("last_success.age") == {labels(): 303}
    finish(recorded, a_report(items=[an_item()], faults=[Fault.of("storage", "down")]))
    assert recorded.values("last_success.age") == {labels(): 303}


def test_a_tenant_that_is_not_scanned_any_more_can_be_forgotten(recorded):
    finish(recorded, a_report("a", items=[an_item(days=9)], at=NOW - timedelta(days=2)))
    finish(recorded, a_report("b", items=[an_item(days=3)], at=NOW - timedelta(minutes=1)))
    recorded.observer.forget("a")
    recorded.observer.forget("never seen")
    assert recorded.values("last_success.age") == {labels(): 60}
    assert recorded.values("oldest_pending.age") == {labels(): 3 * 86400}
    assert sum(recorded.values("items").values()) == 1


def test_a_worker_of_a_fleet_has_no_gauges(root):
    recorded = Recorded(gauges=False)
    scan(recorded.observer, root, missing=["3"])
    assert {"remote_artwork.items", "remote_artwork.last_success.age"}.isdisjoint(recorded.points)
    assert recorded.values("orders.fulfilled") == {labels(): 2}


def test_time_in_the_queue_of_the_shop_is_waited(recorded):
    finish(recorded, evolve(a_report(), timings=Timings(shop_queue=4.5)))
    assert recorded.values("wait.time") == {labels(cause="shop_queue"): 4.5}

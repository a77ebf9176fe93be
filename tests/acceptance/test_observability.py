"""The dashboard, the alerts and the guide name the metrics, labels and values that the code makes."""

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY

import remote_artwork as ra
from parts import program
from remote_artwork import errors
from remote_artwork.events import LedgerCalled, StorageRequested
from remote_artwork.telemetry import Telemetry
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "observability"
GUIDE = ROOT.joinpath("docs", "how-to", "observe.md").read_text(encoding="utf-8")
ALERTS = EXAMPLE.joinpath("alerts.yml").read_text(encoding="utf-8")
PANELS = json.loads(EXAMPLE.joinpath("dashboard.json").read_text(encoding="utf-8"))["panels"]
QUERIES = "\n".join(target["expr"] for panel in PANELS for target in panel["targets"])
PREFIX = "made"
NOW = datetime.now(UTC)
METRIC = re.compile(r"\b(?!remote_artwork_tenant\b)remote_artwork_\w+")


@pytest.fixture
def samples(root):
    """The samples of a scan with every kind of event, as Prometheus receives them: name → kind and labels."""
    provider = MeterProvider([PrometheusMetricReader(prefix=PREFIX)])  # another test may use the same registry
    telemetry = Telemetry(meter_provider=provider, tenant_label=True)
    orders = [ra.Order(number, [ra.OrderItem("1")], created_at=NOW) for number in ("1", "2")]
    shop = FakeShop(orders)
    shop.fail_next("get_order", ra.Unavailable("starting"))
    retry = ra.RetryPolicy(sleep=lambda _seconds: None)
    _, storage = memory_folder(root, "1_1.pdf")
    ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), observer=telemetry, retry=retry).scan()
    failed = {"tenant": "default", "order_id": None, "started_at": NOW, "seconds": 1.0}
    telemetry.on_event(StorageRequested(kind="list", file=None, error="StorageDenied", **failed))
    telemetry.on_event(LedgerCalled(method="claim", error="LedgerUnavailable", **failed))
    found = {}
    for family in REGISTRY.collect():
        for sample in family.samples:
            if sample.name.startswith(f"{PREFIX}_remote_artwork") and not sample.name.endswith("_created"):
                name = sample.name.removeprefix(f"{PREFIX}_")
                found.setdefault(name, (family.type, set()))[1].update(sample.labels)
    provider.shutdown()
    return found


def metrics(names):
    """The metrics of these samples. Those of a histogram are one."""
    return {re.sub("_(bucket|count|sum)$", "", name) for name in names}


@pytest.mark.parametrize("text", [ALERTS, QUERIES], ids=["alerts", "dashboard"])
def test_queries_name_metrics_that_exist(samples, text):
    used = set(METRIC.findall(text))
    assert used
    assert used - samples.keys() == set()


def test_the_dashboard_shows_every_metric(samples):
    assert metrics(METRIC.findall(QUERIES)) == metrics(samples)


def test_queries_name_labels_that_exist(samples):
    for line in [*QUERIES.splitlines(), *ALERTS.splitlines()]:
        used = METRIC.findall(line)
        known = set().union(*(samples[name][1] for name in used)) if used else set()
        grouped = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", line) for label in group.split(",")}
        matched = set(re.findall(r"[{ ](\w+)(?:=~|!~|!=|=)\"", line)) if used else set()
        assert grouped | matched <= known, line


def test_alerts_name_statuses_and_errors_that_exist():
    statuses = re.findall(r'status="(\w+)"', ALERTS)
    assert statuses
    assert set(statuses) <= set(ra.ItemStatus)
    classes = {name for group in re.findall(r'error_type[=!]~"([^"]+)"', ALERTS) for name in group.split("|")}
    assert classes
    assert classes <= set(errors.__all__)


def test_the_guide_lists_exactly_the_metrics_that_exist(samples):
    listed = re.findall(r"^\| `(remote_artwork\.[\w.]+)` \| (\w+)(?:, (\w+))?", GUIDE, re.MULTILINE)
    units = {"s": "_seconds", "bytes": "_bytes", "": ""}
    in_prometheus = {
        (name.replace(".", "_") + units[unit] + "_total" * (kind == "counter"), kind) for name, kind, unit in listed
    }
    made = {(name, kind) for name, (kind, _) in samples.items()}
    assert in_prometheus == {(re.sub("_(bucket|count|sum)$", "", name), kind) for name, kind in made}


def test_the_guide_lists_the_labels_of_each_metric(samples):
    rows = re.findall(r"^\| `(remote_artwork\.[\w.]+)` \| [^|]+\| ([^|]*)\|", GUIDE, re.MULTILINE)
    assert len(rows) == len(metrics(samples))
    for name, listed in rows:
        labels = {
            label
            for sample, (_, labels) in samples.items()
            if sample.startswith(name.replace(".", "_"))
            for label in labels
        }
        own = {label for label in labels if not label.startswith("otel_")} - {"le", "remote_artwork_tenant"}
        assert own == {label.strip("` ").replace(".", "_") for label in listed.split(",") if label.strip()}, name


def test_the_guide_lists_every_alert():
    assert set(re.findall(r"`(RemoteArtwork\w+)`", GUIDE)) == set(re.findall(r"- alert: (\w+)", ALERTS))


@pytest.mark.parametrize("command", ["check rules alerts.yml", "test rules alerts_test.yml"])
def test_prometheus_accepts_the_alerts(command):
    done = subprocess.run(
        [program("promtool"), *command.split()], cwd=EXAMPLE, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested():
    tests = EXAMPLE.joinpath("alerts_test.yml").read_text(encoding="utf-8")
    fired = set(re.findall(r"alertname: (\w+)\n +exp_alerts", tests))
    assert fired == set(re.findall(r"- alert: (\w+)", ALERTS))

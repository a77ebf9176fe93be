"""The Python files of examples/schedule, each in a process of its own."""

import shutil
import signal
import sys
from pathlib import Path

import pytest

from command_line import Shop, started, wait_until
from parts import package
from shop_files import OF, uploaded

FILES = Path(__file__).parents[2] / "examples" / "schedule"


@pytest.fixture
def shop(tmp_path):
    """A shop of two orders, in a folder that also holds the files of the page."""
    shop = Shop(tmp_path / "shop", "1001_1.jpg", "1002_1.png")
    shutil.copytree(FILES, shop.home, dirs_exist_ok=True)
    return shop


def fulfilled(shop) -> bool:
    return set(shop.statuses().values()) == {"fulfilled"}


def python(shop, *arguments, **environment):
    """A process of the shop's own, in its folder, with warnings as errors."""
    own = {"LOCATION": shop.artwork.as_uri(), **environment}
    return started(sys.executable, "-W", "error", *arguments, cwd=shop.home, **own)


@pytest.mark.parametrize("name", ["with_apscheduler", "forever"])
def test_a_running_process_scans_at_once_and_ends_on_sigterm(shop, name):
    package("apscheduler")
    with python(shop, f"{name}.py") as process:
        assert wait_until(lambda: fulfilled(shop) or process.poll() is not None)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "", "")
    assert fulfilled(shop)


@pytest.mark.parametrize("name", ["with_apscheduler", "forever"])
def test_it_logs_items_that_need_a_person(shop, name):
    package("apscheduler")
    uploaded(shop.artwork / "1001_1.jpg", b"no picture")
    with python(shop, f"{name}.py") as process:
        assert "order 1001, item 1: rejected" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


CELERY = """
import time
from datetime import timedelta

from celery.beat import Scheduler
from celery.contrib.testing.worker import start_worker

import celery_app

beat = Scheduler(celery_app.app)
assert beat.schedule["hourly"].schedule.is_due(beat.schedule["hourly"].last_run_at).next <= 3600
beat.schedule["hourly"].last_run_at -= timedelta(hours=2)
beat.tick()
with start_worker(celery_app.app, perform_ping_check=False):
    input()  # until the test has seen what it waits for
print("ended")
"""


CELERY_UPLOAD = """
from celery.contrib.testing.worker import start_worker

import celery_app

stored = {"bucket": {"name": "prints"}, "object": {"key": "incoming/1002_1.png"}}
celery_app.uploaded.delay({"Records": [{"eventName": "ObjectCreated:Put", "s3": stored}]})
with start_worker(celery_app.app, perform_ping_check=False):
    input()
"""


def test_a_message_about_an_upload_queues_a_scan_of_its_order(shop):
    package("celery")
    own = {"LOCATION": shop.artwork.as_uri(), "BROKER": "memory://"}
    expected = {"1001": "pending_approval", "1002": "fulfilled"}
    with started(sys.executable, "-c", CELERY_UPLOAD, cwd=shop.home, **own) as process:
        assert wait_until(lambda: shop.statuses() == expected or process.poll() is not None)
        _, errors = process.communicate("\n", timeout=60)
    assert shop.statuses() == expected, errors


def test_celery_beat_sends_a_scan_and_a_worker_runs_it(shop):
    package("celery")
    own = {"LOCATION": shop.artwork.as_uri(), "BROKER": "memory://"}
    with started(sys.executable, "-c", CELERY, cwd=shop.home, **own) as process:
        assert wait_until(lambda: fulfilled(shop) or process.poll() is not None)
        output, errors = process.communicate("\n", timeout=60)
    assert fulfilled(shop), errors
    assert output.strip().endswith("ended"), errors


def test_an_event_about_an_upload_scans_only_its_order(shop):
    (shop.artwork / "a file+more.pdf").write_bytes(OF["pdf"])
    keys = ("incoming/1002_1.png", "incoming/a+file%2Bmore.pdf", "elsewhere/1001_1.jpg")
    stored = [{"bucket": {"name": "prints"}, "object": {"key": key}} for key in keys]
    records = [{"eventName": "ObjectCreated:Put", "s3": each} for each in stored]
    script = f"import from_events; from_events.handle({{'Records': {records!r}}})"
    with python(shop, "-c", script) as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "", "")
    assert shop.statuses() == {"1001": "pending_approval", "1002": "fulfilled"}

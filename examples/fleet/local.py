"""The whole example on this machine: sample merchants, servers, and Celery."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import sqlalchemy as sa
from attrs import frozen

from fleet import sample, servers
from fleet.database import CALLS, ORDERS, engine

EXAMPLES = Path(__file__).parents[1]


@frozen
class LocalFleet:
    """A running fleet.

    Args:
        folder: Its logs and its files.
        redis: The broker.
        worker: Celery's main process. Its child processes scan.
        beat: Celery beat.
    """

    folder: Path
    redis: servers.Redis
    worker: servers.Process
    beat: servers.Process

    def supervise(self) -> None:
        """Start Celery's processes again if they have ended, as systemd or Kubernetes would."""
        for process in (self.worker, self.beat):
            if process.has_ended:
                process.start()

    def scanning_processes(self) -> list[int]:
        """Return the ids of the processes that scan."""
        children = Path(f"/proc/{self.worker.pid}/task/{self.worker.pid}/children").read_text().split()
        return [int(child) for child in children if "State:\tZ" not in Path(f"/proc/{child}/status").read_text()]

    def kill_worker(self) -> int:
        """Kill one of the processes that scan, as the kernel does when memory runs out. Returns its id."""
        victim = self.scanning_processes()[0]
        os.kill(victim, signal.SIGKILL)
        return victim

    def counts(self) -> tuple[int, int, int]:
        """Return how many orders are fulfilled, how many calls fulfilled them, and how many orders those calls name."""
        fulfilled = sa.select(sa.func.count()).where(ORDERS.c.state == "fulfilled").scalar_subquery()
        calls = sa.select(sa.func.count()).select_from(CALLS).scalar_subquery()
        named = sa.select(CALLS.c.merchant, CALLS.c.number).distinct().subquery()
        orders = sa.select(sa.func.count()).select_from(named).scalar_subquery()
        with engine().connect() as connection:
            row = connection.execute(sa.select(fulfilled, calls, orders)).one()
        return int(row[0]), int(row[1]), int(row[2])


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Give this process and those that it starts the settings of the fleet."""
    os.environ.update(settings)
    engine.cache_clear()
    try:
        yield
    finally:
        engine().dispose()
        for name in settings:
            del os.environ[name]


@contextmanager
def running(
    *, merchants: int, orders: int, workers: int, every: float, tick: float, database: str = ""
) -> Iterator[LocalFleet]:
    """Create sample data, start servers, workers and beat; at the end, stop all of them.

    Args:
        merchants: How many merchants.
        orders: Orders of each merchant.
        workers: Worker processes.
        every: Seconds from one pass over a merchant to the next.
        tick: Seconds between two ticks.
        database: The URL of an empty PostgreSQL database; by default, a server is started.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-")))
        url = database or stack.enter_context(servers.postgresql())
        endpoint, buckets = stack.enter_context(servers.s3(folder, merchants=merchants))
        redis = stack.enter_context(servers.redis(folder))
        settings = {
            "FLEET_DATABASE": url,
            "FLEET_BROKER": redis.url,
            "FLEET_EVERY": str(every),
            "FLEET_TICK": str(tick),
            "FLEET_ALLOW_PRIVATE": "1",
        }
        stack.enter_context(_environment(settings))
        sample.create(engine(), buckets, endpoint, merchants=merchants, orders=orders)
        celery = [sys.executable, "-m", "celery", "--workdir", str(EXAMPLES), "-A", "fleet.celery_app"]
        files = [f"--schedule={folder / 'schedule'}", f"--pidfile={folder / 'beat.pid'}"]
        worker = servers.Process(
            [*celery, "worker", f"--concurrency={workers}", "--loglevel=INFO"], folder / "worker.log", {}
        )
        beat = servers.Process([*celery, "beat", *files], folder / "beat.log", {})
        for process in (worker, beat):
            process.start()
            stack.callback(process.stop)
        yield LocalFleet(folder, redis, worker, beat)

"""Measures ``examples/async_fastapi`` with 500 merchants, and the time from an upload to Ceph to a fulfilled order.

    python tests/benchmarks/async_merchants.py FOLDER

writes the tables ``throughput_async.md`` and ``throughput_uploads.md``. The hour of the merchants is one minute here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import uvicorn

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests" / "support")]

import sqlalchemy as sa  # noqa: E402
from sqlalchemy.orm import Session  # noqa: E402

from async_fastapi.app import Settings, create_app  # noqa: E402
from async_fastapi.demo import LOCAL, upload  # noqa: E402
from async_fastapi.local_s3 import free_port  # noqa: E402
from async_fastapi.shop import Base, MerchantRow, OrderRow  # noqa: E402
from ceph_server import KEYS, running_ceph  # noqa: E402
from notification_endpoint import subscribe  # noqa: E402
from servers import S3Server  # noqa: E402
from shop_files import JPEG  # noqa: E402

MERCHANTS = 500
HOURS = 3
MINUTE = 60.0
UPLOADS = 20
PATIENCE = 600.0


def wait_until(holds: Callable[[], object], every: float = 0.02) -> float:
    """Wait, and return the time when it holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            sys.exit("it took too long")
        time.sleep(every)
    return time.monotonic()


class Process:
    """CPU time and memory of a process."""

    def __init__(self, pid: int) -> None:
        self._home = Path(f"/proc/{pid}")

    @property
    def cpu(self) -> float:
        """Seconds."""
        fields = self._home.joinpath("stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """MiB."""
        [line] = [line for line in self._home.joinpath("status").read_text().splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) / 1024


def is_fulfilled(database: Path, merchant: str, number: str) -> bool:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30) as connection:
        where = "merchant_id = ? AND number = ?"
        [(state,)] = connection.execute(f"SELECT state FROM orders WHERE {where}", (merchant, number)).fetchall()
    connection.close()
    return bool(state == "fulfilled")


def measure_uploads(send: Callable[[str], None], database: Path, merchants: list[str]) -> list[float]:
    """Seconds from the end of each upload to the fulfilled order."""
    found = []
    for merchant in merchants:
        send(f"{merchant}/1002_1.jpg")
        begin = time.monotonic()
        found.append(wait_until(lambda merchant=merchant: is_fulfilled(database, merchant, "1002")) - begin)
    return found


# --- 500 merchants ---


@contextmanager
def running_demo(home: Path) -> Iterator[tuple[httpx.Client, int, str]]:
    """Run the demo. Yields a client of the service, its process id, and the URL of its S3 server."""
    port = free_port()
    command = [sys.executable, "-m", "async_fastapi.demo", "--merchants", str(MERCHANTS), "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "examples")}
    environment |= {"MERCHANTS_HOME": str(home), "MERCHANTS_EVERY": str(MINUTE)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            endpoint = process.stdout.readline().split()[-1].removesuffix("/prints/")
            yield httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE), process.pid, endpoint
        finally:
            process.send_signal(signal.SIGTERM)


def measure_merchants(home: Path) -> list[tuple[str, str]]:
    with running_demo(home) as (service, pid, endpoint):
        process = Process(pid)

        def states() -> list[dict[str, str]]:
            try:
                found: list[dict[str, str]] = service.get("/merchants").json()
            except httpx.TransportError:  # not started yet
                found = []
            return found

        wait_until(states)
        begin, cpu = time.monotonic(), process.cpu
        first = wait_until(lambda: sum(bool(state["succeeded_at"]) for state in states()) == MERCHANTS, 0.5) - begin
        first_cpu = process.cpu - cpu
        time.sleep(MINUTE)  # the minute of the first pass ends
        memory, cpu = process.memory, process.cpu
        time.sleep(HOURS * MINUTE)
        idle_cpu = (process.cpu - cpu) / HOURS
        late = sum(state["finished_at"] != state["succeeded_at"] for state in states())
        chosen = [f"m-{number:04}" for number in range(1, MERCHANTS, MERCHANTS // UPLOADS)][:UPLOADS]
        seconds = measure_uploads(lambda key: upload(endpoint, {key: JPEG}), home / "shop.db", chosen)
        return [
            ("First pass: each merchant has an order with its file", f"{first:.0f} s"),
            ("CPU time of the first pass, per merchant", f"{first_cpu / MERCHANTS * 1000:.0f} ms"),
            ("CPU time of a pass that finds nothing new, per merchant", f"{idle_cpu / MERCHANTS * 1000:.0f} ms"),
            ("Merchants whose last pass failed", f"{late}"),
            ("Memory after the first pass", f"{memory:.0f} MiB"),
            (f"Memory {HOURS} passes later", f"{process.memory:.0f} MiB"),
            ("From an upload to the fulfilled order, meanwhile: median", f"{statistics.median(seconds):.1f} s"),
            (f"The slowest of {len(seconds)} uploads", f"{max(seconds):.1f} s"),
        ]


# --- Ceph ---


@contextmanager
def running_service(settings: Settings, port: int) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=port, log_level="warning"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join()


def measure_ceph(home: Path) -> list[tuple[str, str]]:
    secret = "a-secret-of-the-measurement"
    merchants = [f"m-{number:02}" for number in range(UPLOADS)]
    home.mkdir()
    with ExitStack() as stack:
        ceph = S3Server(stack.enter_context(running_ceph(home)), KEYS)
        engine = sa.create_engine(f"sqlite:///{home / 'shop.db'}")
        Base.metadata.create_all(engine)
        with Session(engine) as session, session.begin():
            for merchant in merchants:
                url = ceph.url("prints", merchant).replace("minio", "s3")
                session.add(MerchantRow(id=merchant, url=url, access_key=KEYS.access_key, secret_key=KEYS.secret_key))
                session.add(OrderRow(merchant_id=merchant, number="1002", items=["1"]))
        engine.dispose()
        port = free_port()
        subscribe(ceph, "prints", f"http://127.0.0.1:{port}/notifications/ceph", secret)
        settings = Settings(home=home, notification_secret=secret, every=timedelta(days=1), network=LOCAL)
        stack.enter_context(running_service(settings, port))
        service = httpx.Client(base_url=f"http://127.0.0.1:{port}")
        wait_until(lambda: sum(bool(state["succeeded_at"]) for state in service.get("/merchants").json()) == UPLOADS)
        seconds = measure_uploads(lambda key: ceph.put("prints", key, JPEG) and None, home / "shop.db", merchants)
    return [
        ("From an upload to the fulfilled order: median", f"{statistics.median(seconds):.1f} s"),
        (f"The slowest of {len(seconds)} uploads", f"{max(seconds):.1f} s"),
    ]


def write(path: Path, rows: list[tuple[str, str]]) -> None:
    lines = ["| | Measured |", "|---|--:|", *(f"| {what} | {figure} |" for what, figure in rows)]
    print("\n".join(lines), flush=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as home:
        write(folder / "throughput_uploads.md", measure_ceph(Path(home, "ceph")))
        write(folder / "throughput_async.md", measure_merchants(Path(home, "merchants")))


if __name__ == "__main__":
    main()

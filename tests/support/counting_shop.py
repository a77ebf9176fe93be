"""A shop API on loopback that counts the requests of several scanner processes, and those processes.

``python counting_shop.py SETTINGS`` is one scanner process; see ``worker``.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
from attrs import define, field

import remote_artwork as ra
from remote_artwork.fleet import CallBudget, SqlCallShares
from remote_artwork.testing import FakeShop


@define(eq=False)
class CountingShop:
    """Counts requests.

    Args:
        latency: Seconds that an answer takes.
        url: Where it listens.
        counted: When each request arrived, by the monotonic clock.
        paths: How often each path was requested.
    """

    latency: float = 0.0
    url: str = field(default="", init=False)
    counted: list[float] = field(factory=list, init=False)
    paths: Counter[str] = field(factory=Counter, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    @contextmanager
    def running(self) -> Iterator[CountingShop]:
        """Listen until the end of the block."""
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                with shop._lock:
                    shop.counted.append(time.monotonic())
                    shop.paths[self.path] += 1
                time.sleep(shop.latency)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        server = Server(("127.0.0.1", 0), Handler)
        self.url = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def most_in(self, seconds: float) -> int:
        """The most requests that arrived in any interval of this length."""
        times = sorted(self.counted)
        return max(bisect_left(times, at + seconds) - index for index, at in enumerate(times))


class CountedClient(FakeShop):
    """Sends one request for each call. The orders themselves are in this process."""

    address = ""
    _connections = threading.local()

    def pending_orders(self) -> list[ra.Order]:
        """See ``FakeShop``."""
        self._send("pending_orders")
        return list(super().pending_orders())

    def get_order(self, order_id: str) -> ra.Order:
        """See ``FakeShop``."""
        self._send("get_order")
        return super().get_order(order_id)

    def fulfill(self, order: ra.Order, artworks: ra.client.ArtworkByItem, *, idempotency_key: str) -> str | None:
        """See ``FakeShop``."""
        self._send(f"fulfill/{idempotency_key}")
        return super().fulfill(order, artworks, idempotency_key=idempotency_key)

    def _send(self, path: str) -> None:
        connection = getattr(self._connections, "open", None)
        if connection is None:
            connection = self._connections.open = HTTPConnection(self.address, timeout=60)
        connection.request("POST", f"/{path}")
        connection.getresponse().read()


def worker(settings: dict[str, object]) -> dict[str, object]:
    """Scan once, with orders that all have their file, and a shared call budget.

    Args:
        settings: ``ledger`` (URL), ``shop`` (address), ``tenant``, ``orders`` (how many), ``rate``,
            ``arrives_within``, ``at_once``.

    Returns:
        How many orders were fulfilled, the faults, and how often a share was leased.
    """
    count, tenant = int(str(settings["orders"])), str(settings["tenant"])
    uploads = fsspec.filesystem("memory")
    orders = [ra.Order(f"{tenant}-{number}", [ra.OrderItem("1")]) for number in range(count)]
    for order in orders:
        uploads.pipe(f"/in/{order.number}_1.pdf", b"%PDF-1.7\n%%EOF\n")
    at_once = int(str(settings["at_once"]))
    client = CountedClient(
        orders, recovery=ra.Recovery.IDEMPOTENT, attaching=ra.Attaching.WITH_FULFILL, concurrent_calls=at_once
    )
    client.address = str(settings["shop"])
    with ra.SqlLedger(str(settings["ledger"])) as ledger:
        shares = _Counted(SqlCallShares(ledger))
        budget = CallBudget(
            "shop", float(str(settings["rate"])), shares, arrives_within=float(str(settings["arrives_within"]))
        )
        scanner = ra.Scanner(
            ra.ArtworkStorage(uploads, "/in"),
            client,
            ledger=ledger,
            tenant=tenant,
            orders_at_once=at_once,
            call_limiter=budget,
        )
        with closing(budget):
            report = scanner.scan()
    statuses = Counter(str(item.status) for item in report.items)
    faults = [fault.message for fault in report.faults]
    return {"statuses": statuses, "faults": faults, "leases": shares.leases}


@define
class _Counted:
    """Counts the leases of shares."""

    shares: SqlCallShares
    leases: int = 0

    def lease(self, api, demand):
        self.leases += 1
        return self.shares.lease(api, demand)


def command(settings: dict[str, object]) -> list[str]:
    """The command that runs ``worker`` in a process of its own. It prints the result as JSON."""
    return [sys.executable, str(Path(__file__).resolve()), json.dumps(settings)]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(worker(json.loads(sys.argv[1]))))

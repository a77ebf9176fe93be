"""This library and what a user would write instead, on the same storage and shop. One per process.

``throughput_contenders.py NAME SETTING`` runs one contender once and prints what it measured as JSON; SETTING is JSON
with the fields of ``Setting``. Every order has one item with one picture, and two calls of the shop: reading the order,
and sending it. The first order warms the contender up and is not measured.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
from attrs import frozen

KEY, SECRET = "AKTESTKEY", "a-secret-of-tests"
BUCKET, FOLDER = "p{}", "in/"

Run = Callable[[list[str]], object]
"""Processes the orders with these numbers."""


@frozen
class Setting:
    """What one run is about."""

    orders: int
    at_once: int = 32
    storage: str = ""
    """URL of the S3 server."""
    shop: str = ""
    """URL of the shop."""
    ledger: str = "sqlite"
    """``sqlite``, or the URL of a PostgreSQL database."""
    core: int | None = None
    """The only processor that the process may use."""
    seconds: float | None = None
    """After so long, no further order is begun."""
    waits: bool = False
    """Whether to say that all is ready, and to start when a line is read."""

    @property
    def numbers(self) -> list[str]:
        return [f"{number:08d}" for number in range(self.orders)]

    @property
    def bucket(self) -> str:
        return BUCKET.format(self.orders)


class TooManyCalls(Exception):
    """The shop answered 429."""


class Shop:
    """The HTTP API of a shop, through one pool of connections."""

    def __init__(self, setting: Setting) -> None:
        limits = httpx.Limits(max_connections=setting.at_once, max_keepalive_connections=setting.at_once)
        self._http = httpx.Client(base_url=setting.shop, limits=limits, timeout=60.0, trust_env=False)

    def read(self, number: str) -> Mapping[str, object]:
        """The order as it is now."""
        return self._answer(self._http.get(f"/orders/{number}"))

    def send(self, number: str, url: str) -> str:
        """Fulfill the order. Returns the receipt."""
        body = {"files": [{"line": "1", "url": url}]}
        answer = self._http.post(f"/orders/{number}/fulfillments", json=body, headers={"Idempotency-Key": number})
        return str(self._answer(answer)["receipt"])

    def _answer(self, answer: httpx.Response) -> Mapping[str, object]:
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise TooManyCalls(answer.headers.get("Retry-After"))
        return answer.raise_for_status().json()


class ShopInMemory:
    """A shop that answers at once, in this process."""

    def read(self, number: str) -> Mapping[str, object]:
        """The order as it is now."""
        return {"id": number, "number": number, "lines": [{"number": "1", "quantity": 1}]}

    def send(self, number: str, url: str) -> str:
        """Fulfill the order. Returns the receipt."""
        assert url
        return f"receipt-{number}"


class Commits:
    """Counts the transactions of SQLAlchemy that change rows."""

    def __init__(self) -> None:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        self._counter, self.count = itertools.count(1), 0
        event.listen(Engine, "before_cursor_execute", self._execute)
        event.listen(Engine, "commit", self._commit)
        event.listen(Engine, "rollback", lambda connection: connection.info.pop("writes", None))

    def _execute(self, connection, _cursor, statement, *_: object) -> None:
        if statement.lstrip().partition(" ")[0].upper() in ("INSERT", "UPDATE", "DELETE", "WITH"):
            connection.info["writes"] = True

    def _commit(self, connection) -> None:
        if connection.info.pop("writes", False):
            self.count = next(self._counter)


class Claims:
    """A ledger that counts claims that other processes make useless, and the time they take."""

    def __init__(self, ledger) -> None:
        self._ledger = ledger
        self.asked = self.refused = self.done = 0
        self.seconds = self.lost = 0.0
        self.find, self.forget = ledger.find, ledger.forget

    def claim(self, orders, *, owner: str, lease_for: timedelta):
        """Of every claim, count the orders that another process holds or has fulfilled."""
        began = time.monotonic()
        answers = self._ledger.claim(orders, owner=owner, lease_for=lease_for)
        seconds = time.monotonic() - began
        refused = sum(answer is None for answer in answers)
        done = sum(getattr(answer, "record", None) is not None and _is_done(answer.record) for answer in answers)
        self.asked += len(orders)
        self.refused += refused
        self.done += done
        self.seconds += seconds
        self.lost += seconds * (refused + done) / len(orders)
        return answers

    def advance(self, writes):
        """Of every write, count the time in which leases of orders that are done already are given back."""
        began = time.monotonic()
        answers = self._ledger.advance(writes)
        useless = sum(write.release and not write.steps for write in writes)
        self.lost += (time.monotonic() - began) * useless / len(writes)
        return answers


def _is_done(record) -> bool:
    return record.state.value == "fulfilled"


def remote_artwork(setting: Setting, folder: Path, shop: Shop | ShopInMemory, *, in_memory: bool = False) -> Run:
    """This library."""
    import remote_artwork as ra

    class Client:
        recovery = ra.Recovery.IDEMPOTENT
        attaching = ra.Attaching.WITH_FULFILL
        call_limit = timedelta(minutes=2)
        concurrent_calls = setting.at_once
        pending: tuple[str, ...] = ()

        def pending_orders(self) -> Iterator[ra.Order]:
            return (ra.Order(number, [ra.OrderItem("1")]) for number in self.pending)

        def get_order(self, order_id):
            try:
                order = shop.read(order_id)
            except TooManyCalls as error:
                raise ra.RateLimited("429", retry_after=str(error)) from error
            return ra.Order(str(order["id"]), [ra.OrderItem(line["number"]) for line in order["lines"]])

        def fulfill(self, order, artworks, *, idempotency_key):  # noqa: ARG002 - the number of the order is one
            [[artwork]] = artworks.values()
            try:
                return shop.send(order.id, artwork.url)
            except TooManyCalls as error:
                raise ra.RateLimited("429", retry_after=str(error)) from error

    if in_memory:
        storage = _in_memory(setting)
    else:
        network = ra.NetworkPolicy(allow_private=True, allow_http=True)
        url = f"s3+{setting.storage}/{setting.bucket}/{FOLDER}?provider=minio"
        storage = ra.open_storage(url, credentials=ra.Keys(KEY, SECRET), network=network)
    ledger = ra.SqlLedger(f"sqlite:///{folder / 'ledger.db'}" if setting.ledger == "sqlite" else setting.ledger)
    claims, client = Claims(ledger), Client()
    scanner = ra.Scanner(
        storage, client, ledger=claims if setting.waits else ledger, orders_at_once=setting.at_once, tenant="bench"
    )

    def run(numbers: list[str]) -> dict[str, object]:
        client.pending = tuple(numbers)
        stop = threading.Event()
        if setting.seconds is not None:
            threading.Timer(setting.seconds, stop.set).start()
        report = scanner.scan(stop=stop)
        counts = {name: getattr(claims, name) for name in ("asked", "refused", "done", "seconds", "lost")}
        return {"timings": report.timings.to_dict(), "claims": counts}

    return run


def _in_memory(setting: Setting):
    import fsspec

    import remote_artwork as ra

    sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
    from canned_s3 import picture

    files = fsspec.filesystem("memory")
    files.pipe({f"/{FOLDER}{number}_1.png": picture() for number in setting.numbers})
    return ra.ArtworkStorage(files, f"/{FOLDER}")


def in_memory(setting: Setting, folder: Path, _: Shop) -> Run:
    """This library with files and shop in the memory of the process: all that remains is its own work."""
    return remote_artwork(setting, folder, ShopInMemory(), in_memory=True)


def _s3(setting: Setting):
    import boto3
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"}, max_pool_connections=max(10, setting.at_once))
    return boto3.client(
        "s3",
        endpoint_url=setting.storage,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=config,
    )


def _files(client, setting: Setting, numbers: list[str]) -> dict[str, str]:
    """The key of the file of each order."""
    pending, found = set(numbers), {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=setting.bucket, Prefix=FOLDER):
        for entry in page.get("Contents", ()):
            number = entry["Key"].removeprefix(FOLDER).partition("_")[0]
            if number in pending:
                found[number] = entry["Key"]
    return found


def boto3_threads(setting: Setting, folder: Path, shop: Shop) -> Run:
    """A boto3 paginator, threads, and a SQLite file with two commits an order. Nothing else is guaranteed."""
    client, bucket = _s3(setting), setting.bucket
    database = sqlite3.connect(folder / "done.db", check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE done (number TEXT PRIMARY KEY, state TEXT, receipt TEXT)")
    lock = threading.Lock()

    def record(number: str, state: str, receipt: str | None) -> None:
        with lock:
            database.execute(
                "INSERT INTO done VALUES (?, ?, ?) ON CONFLICT (number) DO UPDATE SET state = ?2, receipt = ?3",
                (number, state, receipt),
            )

    def process(number: str, key: str) -> None:
        picture = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        if not picture.startswith(b"\x89PNG"):
            return
        url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=86400)
        if shop.read(number)["state"] != "pending":
            return
        record(number, "sending", None)
        record(number, "sent", shop.send(number, url))

    def run(numbers: list[str]) -> dict[str, object]:
        found = _files(client, setting, numbers)
        with ThreadPoolExecutor(setting.at_once) as pool:
            for each in [pool.submit(process, *item) for item in found.items()]:
                each.result()
        return {"commits": 2 * len(found)}

    return run


def dbos(setting: Setting, folder: Path, shop: Shop) -> Run:
    """A DBOS workflow with three steps for each order, on a queue, in SQLite."""
    from dbos import DBOS

    client, bucket = _s3(setting), setting.bucket
    database = f"sqlite:///{folder / 'dbos.db'}"
    DBOS(config={"name": "benchmark", "system_database_url": database, "log_level": "ERROR"})

    @DBOS.step()
    def has_picture(key: str) -> bool:
        return client.get_object(Bucket=bucket, Key=key)["Body"].read().startswith(b"\x89PNG")

    @DBOS.step()
    def is_pending(number: str) -> bool:
        return shop.read(number)["state"] == "pending"

    @DBOS.step()
    def send(number: str, url: str) -> str:
        return shop.send(number, url)

    @DBOS.workflow()
    def process(number: str, key: str) -> str | None:
        if not has_picture(key) or not is_pending(number):
            return None
        url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=86400)
        return send(number, url)

    DBOS.launch()
    queue = DBOS.register_queue("orders", worker_concurrency=setting.at_once)

    def run(numbers: list[str]) -> None:
        for handle in [queue.enqueue(process, *item) for item in _files(client, setting, numbers).items()]:
            handle.get_result()

    return run


CONTENDERS: Mapping[str, Callable[[Setting, Path, Shop], Run]] = {
    "remote_artwork": remote_artwork,
    "boto3, threads, SQLite": boto3_threads,
    "DBOS, SQLite": dbos,
    "remote_artwork in memory": in_memory,
}


def _count(url: str) -> dict[str, int]:
    """What a server counted since the last time; nothing if there is none."""
    return httpx.get(f"{url}/-/count", trust_env=False).json() if url else {}


def measure(name: str, setting: Setting, folder: Path) -> dict[str, object]:
    """Run one contender once."""
    if setting.core is not None:
        os.sched_setaffinity(0, {setting.core})
    commits = Commits()
    run = CONTENDERS[name](setting, folder, Shop(setting))
    first, *others = setting.numbers
    if setting.waits:  # several processes share the orders
        others = setting.numbers
        print("ready", flush=True)
        sys.stdin.readline()
    elif setting.seconds is None:
        run([first])
        _count(setting.storage), _count(setting.shop)
    commits.count, before = 0, commits.count
    commits._counter = itertools.count(1)
    wall, cpu = time.perf_counter(), time.process_time()
    details = run(others) or {}
    measured = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "orders": len(others)}
    measured |= {"commits": commits.count, "warm_commits": before, **details}
    if not setting.waits:
        measured |= {
            "storage": _count(setting.storage),
            "shop": _count(setting.shop) if setting.seconds is None else {},
        }
    measured["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return measured


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(sys.argv[1], Setting(**json.loads(sys.argv[2])), Path(folder))), flush=True)
        os._exit(0)  # DBOS leaves threads behind

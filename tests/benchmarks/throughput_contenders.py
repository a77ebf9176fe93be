"""This library and what a user would write instead, on the same storage and shop. One per process.

``throughput_contenders.py NAME ENDPOINT ORDERS AT_ONCE SHOP_MS LEDGER`` prints what it measured as JSON.
Every order has one item with one picture. The shop is two calls: reading the order, and sending it.
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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from attrs import frozen

KEY, SECRET = "AKTESTKEY", "a-secret-of-tests"
BUCKET, FOLDER = "p{}", "in/"


@frozen
class Setting:
    """What one run is about."""

    endpoint: str
    orders: int
    at_once: int
    shop_seconds: float
    ledger: str
    """``sqlite``, or the URL of a PostgreSQL database."""
    folder: Path

    @property
    def numbers(self) -> list[str]:
        return [f"{number:08d}" for number in range(self.orders)]


class Shop:
    """A shop that answers after a fixed time, and counts its calls."""

    def __init__(self, setting: Setting) -> None:
        self.seconds, self.calls, self.sent = setting.shop_seconds, itertools.count(), []

    def call(self) -> None:
        next(self.calls)
        time.sleep(self.seconds)

    def read(self, number: str) -> str:
        self.call()
        return number

    def send(self, number: str, url: str) -> str:
        assert url
        self.call()
        self.sent.append(number)
        return f"receipt-{number}"


def remote_artwork(setting: Setting, shop: Shop) -> tuple[Callable[[], object], Callable[[], int]]:
    """This library."""
    import remote_artwork as ra

    network = ra.NetworkPolicy(allow_private=True, allow_http=True)
    url = f"s3+{setting.endpoint}/{BUCKET.format(setting.orders)}/{FOLDER}?provider=minio"
    storage = ra.open_storage(url, credentials=ra.Keys(KEY, SECRET), network=network)
    orders = {number: ra.Order(number, [ra.OrderItem("1")]) for number in setting.numbers}

    class Client:
        recovery = ra.Recovery.IDEMPOTENT
        attaching = ra.Attaching.WITH_FULFILL
        call_limit = timedelta(minutes=2)
        concurrent_calls = setting.at_once

        def pending_orders(self):
            return list(orders.values())

        def get_order(self, order_id):
            return orders[shop.read(order_id)]

        def fulfill(self, order, artworks, *, idempotency_key):  # noqa: ARG002 - the shop of the benchmark needs none
            [[artwork]] = artworks.values()
            return shop.send(order.id, artwork.url)

    local = setting.ledger == "sqlite"
    ledger = ra.SqlLedger(f"sqlite:///{setting.folder / 'ledger.db'}" if local else setting.ledger)
    commits = counted_commits(ledger)
    scanner = ra.Scanner(storage, Client(), ledger=ledger, orders_at_once=setting.at_once)
    ledger.find("default")
    return scanner.scan, commits


def counted_commits(ledger) -> Callable[[], int]:
    """Count the transactions that write."""
    from sqlalchemy import event

    counter, counted = itertools.count(), [0]

    def commit(connection) -> None:
        if not connection.get_execution_options().get("remote_artwork_reads", False):
            counted[0] = next(counter) + 1

    event.listen(ledger._engine, "commit", commit)
    return lambda: counted[0]


def boto3_threads(setting: Setting, shop: Shop) -> tuple[Callable[[], object], Callable[[], int]]:
    """A boto3 paginator, threads, and a SQLite file with two commits an order. Nothing else is guaranteed."""
    import boto3
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"}, max_pool_connections=setting.at_once)
    client = boto3.client(
        "s3",
        endpoint_url=setting.endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=config,
    )
    bucket = BUCKET.format(setting.orders)
    database = sqlite3.connect(setting.folder / "done.db", check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE done (number TEXT PRIMARY KEY, state TEXT, receipt TEXT)")
    lock, commits = threading.Lock(), itertools.count()

    def record(number: str, state: str, receipt: str | None) -> None:
        with lock:
            database.execute(
                "INSERT INTO done VALUES (?, ?, ?) ON CONFLICT (number) DO UPDATE SET state = ?2, receipt = ?3",
                (number, state, receipt),
            )
            next(commits)

    def process(number: str, key: str) -> None:
        picture = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        if not picture.startswith(b"\x89PNG"):
            return
        url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=86400)
        order = shop.read(number)
        record(order, "sending", None)
        record(order, "sent", shop.send(order, url))

    def run() -> None:
        pending, found = set(setting.numbers), {}
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=FOLDER):
            for entry in page.get("Contents", ()):
                number = entry["Key"].removeprefix(FOLDER).partition("_")[0]
                if number in pending:
                    found[number] = entry["Key"]
        with ThreadPoolExecutor(setting.at_once) as pool:
            for each in [pool.submit(process, *item) for item in found.items()]:
                each.result()

    return run, lambda: next(commits)


def dbos(  # noqa: C901 - one script, as a user writes it
    setting: Setting, shop: Shop
) -> tuple[Callable[[], object], Callable[[], int]]:
    """A DBOS workflow with three steps for each order, on a queue, in SQLite."""
    import logging

    import boto3
    from botocore.config import Config
    from dbos import DBOS, Queue

    config = Config(s3={"addressing_style": "path"}, max_pool_connections=max(10, setting.at_once))
    client = boto3.client(
        "s3",
        endpoint_url=setting.endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=config,
    )
    bucket = BUCKET.format(setting.orders)
    database = f"sqlite:///{setting.folder / 'dbos.db'}"
    DBOS(config={"name": "benchmark", "system_database_url": database, "log_level": "ERROR", "run_admin_server": False})
    logging.getLogger("dbos").setLevel(logging.ERROR)

    @DBOS.step()
    def look(key: str) -> bool:
        return client.get_object(Bucket=bucket, Key=key)["Body"].read().startswith(b"\x89PNG")

    @DBOS.step()
    def read(number: str) -> str:
        return shop.read(number)

    @DBOS.step()
    def send(number: str, url: str) -> str:
        return shop.send(number, url)

    @DBOS.workflow()
    def process(number: str, key: str) -> str | None:
        if not look(key):
            return None
        url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=86400)
        return send(read(number), url)

    queue = Queue("orders", concurrency=setting.at_once)
    DBOS.launch()

    def run() -> None:
        pending, found = set(setting.numbers), {}
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=FOLDER):
            for entry in page.get("Contents", ()):
                number = entry["Key"].removeprefix(FOLDER).partition("_")[0]
                if number in pending:
                    found[number] = entry["Key"]
        for handle in [queue.enqueue(process, *item) for item in found.items()]:
            handle.get_result()

    return run, lambda: 0


CONTENDERS = {
    "remote_artwork": remote_artwork,
    "boto3, threads, SQLite": boto3_threads,
    "DBOS, SQLite": dbos,
}


def measure(name: str, setting: Setting) -> dict[str, float]:
    """Run one contender once."""
    shop = Shop(setting)
    run, commits = CONTENDERS[name](setting, shop)
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    measured = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    assert sorted(shop.sent) == setting.numbers, "every order is sent once"
    measured |= {"commits": commits(), "calls": next(shop.calls)}
    measured["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if hasattr(result, "timings"):
        measured["timings"] = result.timings.to_dict()
    return measured


if __name__ == "__main__":
    name, endpoint, orders, at_once, shop_ms, ledger = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(endpoint, int(orders), int(at_once), int(shop_ms) / 1000, ledger, Path(folder))
        print(json.dumps(measure(name, setting)), flush=True)
        os._exit(0)  # DBOS leaves threads behind

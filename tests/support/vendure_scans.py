"""Scans of a Vendure shop in processes of their own, with files on an S3 server."""

from __future__ import annotations

import random
import time
import urllib.request
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

import remote_artwork as ra
from crash_processes import ENDED, FRESH, Diary
from remote_artwork.testing.scenario import PDF, required
from servers import S3Server
from vendure_server import VendureShop, printed_client


@frozen
class Place:
    """Where the scanners of several processes meet. Plain data."""

    shop_url: str
    storage_url: str
    access_key: str
    secret_key: str
    network: ra.NetworkPolicy
    ledger_url: str
    at_once: int

    def scan(self, diary: Diary | None = None) -> ra.ScanReport:
        """One scan by this process. The diary says which methods of the client were called."""
        client = printed_client(self.shop_url)
        if diary is not None:
            for method in ("get_order", "fulfill"):
                setattr(client, method, _noted(getattr(client, method), diary))
        keys = ra.Keys(self.access_key, self.secret_key)  # which cannot be sent to another process
        storage = ra.open_storage(self.storage_url, credentials=keys, network=self.network)
        with ra.SqlLedger(self.ledger_url) as ledger:
            return ra.Scanner(storage, client, ledger=ledger, orders_at_once=self.at_once).scan()


def _noted(method: Any, diary: Diary) -> Any:
    def call(*arguments: Any, **options: Any) -> Any:
        diary.append(method.__name__)
        answer = method(*arguments, **options)
        diary.append(f"after-{method.__name__}")
        return answer

    return call


def scan_with_diary(place: Place, file: Path) -> None:
    """The whole work of a process that may be killed."""
    diary = Diary(file)
    place.scan(diary)
    diary.append(ENDED)


def start_scan(place: Place, file: Path) -> Any:
    """Start a scan in a process of its own."""
    process = FRESH.Process(target=scan_with_diary, args=[place, file])
    process.start()
    return process


@define
class Customers:
    """Orders that were placed by the checkout, and the file of each line.

    Args:
        shop: The shop.
        server: Holds the files.
        bucket: The bucket for them, which is created.
        seed: Decides what is ordered.
    """

    shop: VendureShop
    server: S3Server
    bucket: str
    seed: int
    files: dict[tuple[str, str], tuple[str, bytes]] = field(factory=dict)
    _random: random.Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.server.create_bucket(self.bucket)
        self.shop.cancel_pending()

    def place(self, network: ra.NetworkPolicy, ledger_url: str, *, at_once: int) -> Place:
        """Where scanners of these orders meet."""
        keys = self.server.keys
        storage_url = self.server.url(self.bucket, "in")
        return Place(
            self.shop.url, storage_url, str(keys.access_key), str(keys.secret_key), network, ledger_url, at_once
        )

    @property
    def order_ids(self) -> set[str]:
        """All orders."""
        return {order_id for order_id, _ in self.files}

    def place_orders(self, number: int) -> None:
        """Place orders with 1 to 3 printed lines, some of them gift-wrapped, and upload a different file for each."""
        for _ in range(number):
            quantities = [self._random.randint(1, 3) for _ in range(self._random.randint(1, 3))]
            self.shop.place_order(*quantities, wrapped=self._random.random() < 0.2)
        for order in printed_client(self.shop.url).pending_orders():
            for item in required(order):
                if (order.id, item.id) not in self.files:
                    name = f"{order.number}_{item.number}.pdf"
                    content = PDF.replace(b" " * 20, f"{len(self.files):020}".encode(), 1)
                    self.files[order.id, item.id] = name, content
                    self.server.put(self.bucket, f"in/{name}", content)

    def check(self) -> None:
        """Assert by the shop's database that each order was released once, with the right file for each line."""
        assert self.shop.pending_ids() == set()
        releases = {order_id: self.shop.releases(order_id) for order_id in self.order_ids}
        assert set(releases.values()) == {1}, releases
        for (order_id, line_id), (name, content) in self.files.items():
            [file] = self.shop.released_files(order_id, line_id)
            assert file["name"] == name
            with urllib.request.urlopen(file["url"], timeout=60) as response:
                assert response.read() == content


def wait_until(probe: Any, seconds: float) -> bool:
    """Whether the condition became true in this time."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True

"""Scanners in processes of their own, over one ledger; the host and its journal live in the test's process."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

import attrs
import fsspec

import remote_artwork as ra
from remote_artwork.testing import FakeShop, Faults, FaultyClient, FaultyLedger, FaultyStorage
from shop_files import JPEG, uploaded

FRESH = multiprocessing.get_context("forkserver")
"""Children are forked from a process that has imported everything and done nothing."""
FRESH.set_forkserver_preload(["__main__", "crash_processes"])

STOPPED = "stopped"
ENDED = "ended"


class ShopServer:
    """Answers the calls of other processes with a shop of this one's."""

    def __init__(self, shop: FakeShop) -> None:
        self.shop = shop
        self.stopped = threading.Event()
        self._listener = Listener(backlog=64)
        self.address = self._listener.address
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                threading.Thread(target=self._serve, args=[self._listener.accept()], daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with suppress(EOFError, ConnectionError), connection:  # the scanner is done, or dead
            while True:
                name, arguments, options = connection.recv()
                if name == STOPPED:
                    self.stopped.set()
                    connection.send((True, None))
                    continue
                try:
                    answer = True, getattr(self.shop, name)(*arguments, **options)
                except ra.ClientError as error:
                    answer = False, error
                connection.send(answer)

    def close(self) -> None:
        self._listener.close()


class RemoteShop:
    """The client of a ``ShopServer``."""

    attaching = ra.Attaching.SEPARATE
    call_limit = timedelta(minutes=2)

    def __init__(self, address: str, recovery: ra.Recovery) -> None:
        self.recovery = recovery
        self._connection = Client(address)

    def call(self, name, *arguments, **options):
        self._connection.send((name, arguments, options))
        good, answer = self._connection.recv()
        if not good:
            raise answer
        return answer

    def pending_orders(self):
        return self.call("pending_orders")

    def get_order(self, order_id):
        return self.call("get_order", order_id)

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        self.call("attach_artwork", order, item, artworks, idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        return self.call("fulfill", order, artworks, idempotency_key=idempotency_key)


@attrs.frozen
class Place:
    """Where scanners of several processes meet: files, host and ledger."""

    folder: Path
    ledger_url: str
    address: str
    recovery: ra.Recovery
    at_once: int = 1

    def scan(self, watch: Callable[[Faults, RemoteShop], object] | None = None) -> None:
        """One pass by a scanner of this process; ``watch`` may set up faults before it begins."""
        faults, shop = Faults(), RemoteShop(self.address, self.recovery)
        storage = ra.ArtworkStorage(fsspec.filesystem("file"), str(self.folder))
        with ra.SqlLedger(self.ledger_url) as ledger:
            scanner = ra.Scanner(
                FaultyStorage(storage, faults, concurrent_reads=self.at_once > 1),
                FaultyClient(shop, faults),
                ledger=FaultyLedger(ledger, faults),
                orders_at_once=self.at_once,
            )
            if watch is not None:
                watch(faults, shop)
            scanner.scan()


class Diary(list[str]):
    """Calls that are also in a file, each before it is made, so that they outlive the process."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def append(self, call: str) -> None:
        super().append(call)
        with self._file.open("a") as diary:
            diary.write(f"{call}\n")


def scan_and_tell(place: Place, file: Path) -> None:
    def watch(faults: Faults, _shop: RemoteShop) -> None:
        faults.calls = diary

    diary = Diary(file)
    place.scan(watch)
    diary.append(ENDED)


def calls_in(file: Path) -> list[str]:
    """The calls in a diary so far."""
    return file.read_text().split() if file.exists() else []


def scan_together(place: Place, barrier) -> None:
    place.scan(lambda _faults, _shop: barrier.wait(60))


def scan_and_stop_before_the_call(place: Place) -> None:
    def watch(faults: Faults, shop: RemoteShop) -> None:
        def stop() -> None:
            shop.call(STOPPED)
            os.kill(os.getpid(), signal.SIGSTOP)

        faults.intercept("client.fulfill", stop)

    place.scan(watch)


@contextmanager
def place_of(
    folder: Path,
    ledger_url: str,
    numbers: list[str],
    recovery: ra.Recovery = ra.Recovery.QUERYABLE,
    *,
    at_once: int = 1,
) -> Iterator[tuple[Place, ShopServer]]:
    """A shop with a pending order, and its file, for each number."""
    server = ShopServer(FakeShop([], recovery=recovery))
    place = Place(folder, ledger_url, server.address, recovery, at_once)
    for number in numbers:
        add_order(server.shop, folder, number)
    yield place, server
    server.close()


def add_order(shop: FakeShop, folder: Path, number: str) -> None:
    uploaded(folder / f"{number}_1.jpg", JPEG)
    shop.put(ra.Order(number, [ra.OrderItem("1")]))

"""When each merchant is scanned: once an hour, at a fixed place in the hour, and when a notification comes."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Collection
from concurrent.futures import Executor
from contextlib import suppress
from itertools import chain

from attrs import define, field

import remote_artwork as ra
from async_fastapi.merchants import Merchants
from remote_artwork.fleet import MerchantStore, PassResult, PassRules, PassStatus, batches, scan_merchant
from remote_artwork.notifications import CreatedObject, HintQueue, Router

log = logging.getLogger("async_fastapi")


@define(kw_only=True)
class Scans:
    """Scans all merchants. Every method runs on the event loop.

    Args:
        merchants: The merchants.
        store: What the last pass over each merchant has found.
        threads: Run the passes.
        at_once: How many merchants are scanned at the same time. The others have neither a thread nor a scanner.
        rules: How often a merchant is scanned.
    """

    merchants: Merchants
    store: MerchantStore
    threads: Executor
    at_once: int = 16
    rules: PassRules = field(factory=PassRules)
    _queue: HintQueue = field(factory=HintQueue, init=False)
    _hinted: asyncio.Event = field(factory=asyncio.Event, init=False)
    _router: Router = field(factory=lambda: Router([]), init=False)
    _requested: dict[str, frozenset[str] | None] = field(factory=dict, init=False)
    """Merchant → the orders of its next pass; None: all."""
    _running: dict[str, asyncio.Task[None]] = field(factory=dict, init=False)
    _loops: list[asyncio.Task[None]] = field(factory=list, init=False)
    _free: asyncio.Semaphore = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.at_once)

    def start(self) -> None:
        """Start to scan."""
        self._loops = [asyncio.create_task(self._run_schedule()), asyncio.create_task(self._run_hints())]

    async def stop(self) -> None:
        """Start no further order, and wait for the orders in progress."""
        tasks = [*self._loops, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def notify(self, objects: Collection[CreatedObject]) -> None:
        """Scan the orders that may wait for these objects, soon."""
        self._queue.add(self._router.route(objects))
        self._hinted.set()

    def request(self, merchant: str, orders: frozenset[str] | None = None) -> None:
        """Scan a merchant as soon as a thread is free. Requests that wait become one.

        Args:
            merchant: The id.
            orders: The numbers of the orders; None: all, if the place of the merchant in the hour has come.
        """
        before = self._requested.get(merchant, frozenset())
        self._requested[merchant] = None if orders is None or before is None else before | orders
        if merchant not in self._running:
            self._running[merchant] = asyncio.create_task(self._run_requested(merchant))

    async def _run_schedule(self) -> None:
        """Request the merchants that are due, 60 times an hour."""
        while True:
            try:
                await self.merchants.refresh()
                self._router = Router(self.merchants.locations())
                due = await asyncio.to_thread(batches, self.merchants, self.store, rules=self.rules)
            except Exception:  # for example, a database does not respond
                log.exception("the merchants could not be read")
            else:
                for merchant in chain.from_iterable(due):
                    self.request(merchant)
            await asyncio.sleep(self.rules.every.total_seconds() / 60)

    async def _run_hints(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hinted.wait(), self._queue.seconds_until_due())
            self._hinted.clear()
            for merchant, numbers in self._queue.take().items():
                self.request(merchant, numbers)

    async def _run_requested(self, merchant: str) -> None:
        try:
            while merchant in self._requested:
                async with self._free:
                    await self._scan(merchant, self._requested.pop(merchant))
        finally:
            del self._running[merchant]

    async def _scan(self, merchant: str, orders: frozenset[str] | None) -> None:
        def run_pass(stop: threading.Event) -> PassResult:
            return scan_merchant(merchant, self.merchants, self.store, orders=orders, rules=self.rules, stop=stop)

        try:
            result = await ra.AsyncScanner.run(run_pass, pool=self.threads)
        except ra.RemoteArtworkError:  # the store does not respond; the merchant stays due
            log.exception("merchant %s", merchant)
            return
        if result.status is PassStatus.BUSY and orders is not None:  # another process scans this merchant
            self._queue.add({merchant: orders})
            self._hinted.set()

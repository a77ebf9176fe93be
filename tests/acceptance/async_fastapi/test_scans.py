"""When the example scans each merchant, with a storage and shops in memory."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import fsspec
import pytest

import remote_artwork as ra
from parts import package
from remote_artwork.errors import LedgerUnavailable
from remote_artwork.fleet import MemoryMerchantStore, PassRules
from remote_artwork.notifications import CreatedObject, MerchantLocation
from remote_artwork.testing import FakeShop
from shop_files import PDF

package("aiosqlite")

from async_fastapi.scans import Scans  # noqa: E402 - it needs the package

PATIENCE = 60.0


class Shop(FakeShop):
    """Finds orders by number, and remembers which."""

    asked = ()

    def find_orders(self, numbers):
        self.asked = (*self.asked, tuple(sorted(numbers)))
        return [order for order in self.orders.values() if order.number in numbers]


class Merchants:
    """Merchants in memory."""

    def __init__(self, *ids):
        self.fs = fsspec.filesystem("memory")
        self.fs.store.clear()
        self.shops = {merchant: Shop([ra.Order(n, [ra.OrderItem("1")]) for n in ("1001", "1002")]) for merchant in ids}
        self.ledger = ra.MemoryLedger()
        self.opened, self.failures = [], []
        self.may_open = threading.Event()
        self.may_open.set()
        for merchant in ids:
            self.fs.pipe(f"/{merchant}/1001_1.pdf", PDF)

    async def refresh(self):
        if self.failures:
            raise self.failures.pop()

    def ids(self):
        return list(self.shops)

    def locations(self):
        location = "s3://prints/{}/"
        return [MerchantLocation(tenant=each, location=ra.Location.parse(location.format(each))) for each in self.shops]

    def open(self, merchant):
        self.opened.append(merchant)
        assert self.may_open.wait(PATIENCE)
        storage = ra.ArtworkStorage(self.fs, f"/{merchant}")
        return ra.AsyncScanner(storage, self.shops[merchant], ledger=self.ledger, tenant=merchant).scanner


async def until(holds):
    for _ in range(int(PATIENCE / 0.01)):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen")


def run(main, merchants, *, at_once=4, every=timedelta(hours=1)):
    """Scan while ``main`` runs."""

    async def whole():
        with ThreadPoolExecutor(at_once) as threads:
            store, rules = MemoryMerchantStore(), PassRules(every=every)
            scans = Scans(merchants=merchants, store=store, threads=threads, at_once=at_once, rules=rules)
            scans.start()
            try:
                await main(scans)
            finally:
                await scans.stop()

    asyncio.run(whole())


def first_pass_is_over(scans):
    states = list(scans.store.find())
    return len(states) == len(scans.merchants.shops) and all(state.finished_at for state in states)


def created(merchant, name):
    return CreatedObject(provider="aws", bucket="prints", key=f"{merchant}/{name}")


def test_every_merchant_is_scanned_once_in_each_period():
    merchants = Merchants(*(f"m-{number}" for number in range(12)))

    async def main(scans):
        await until(lambda: all(len(shop.calls("pending_orders")) > 2 for shop in merchants.shops.values()))
        await until(lambda: not scans._running)

    run(main, merchants, every=timedelta(seconds=1))
    assert all(set(shop.effects.values()) == {1} for shop in merchants.shops.values())


def test_the_schedule_goes_on_after_the_merchants_could_not_be_read():
    merchants = Merchants("a")
    merchants.failures.append(LedgerUnavailable("down"))

    async def main(_scans):
        await until(lambda: merchants.shops["a"].effects)

    run(main, merchants, every=timedelta(seconds=1))
    assert merchants.failures == []


def test_hints_of_one_merchant_become_one_pass_over_their_orders():
    merchants = Merchants("a", "b")
    shop = merchants.shops["a"]

    async def main(scans):
        await until(lambda: first_pass_is_over(scans))
        merchants.fs.pipe("/a/1002_1.pdf", PDF)
        for name in ("1002_1.pdf", "1002_1.pdf", "1001_1.pdf", "logo.pdf"):
            scans.notify([created("a", name), created("elsewhere", name)])
        await until(lambda: len(shop.effects) == 2)
        await until(lambda: not scans._running)

    run(main, merchants)
    assert shop.asked == (("1001", "1002"),)
    assert set(shop.effects.values()) == {1}
    assert len(shop.calls("pending_orders")) == 1
    assert sorted(merchants.opened) == ["a", "a", "b"]


def test_requests_that_wait_become_one():
    merchants = Merchants("a")
    merchants.may_open.clear()

    async def main(scans):
        await until(lambda: merchants.opened)  # the pass of the hour
        for number in ("1001", "1002", "1001"):
            scans.request("a", frozenset({number}))
        merchants.may_open.set()
        await until(lambda: not scans._running)

    run(main, merchants)
    assert merchants.shops["a"].asked == (("1001", "1002"),)
    assert merchants.opened == ["a", "a"]


def test_a_hint_waits_while_another_process_scans_the_merchant():
    merchants = Merchants("a")

    async def main(scans):
        await until(lambda: first_pass_is_over(scans))
        rules = scans.rules
        scans.store.start("a", owner="another", lease_for=timedelta(hours=1), rules=rules, at_slot=False)
        scans.request("a", frozenset({"1002"}))
        await until(lambda: scans._queue.seconds_until_due() is not None)
        assert merchants.opened == ["a"]
        scans.store.finish("a", None, owner="another", rules=rules)
        await until(lambda: merchants.shops["a"].asked)

    run(main, merchants)
    assert merchants.shops["a"].asked == (("1002",),)


def test_only_so_many_merchants_are_open_at_once():
    merchants = Merchants(*(f"m-{number}" for number in range(10)))
    merchants.may_open.clear()

    async def main(scans):
        await until(lambda: len(merchants.opened) == 3)
        await asyncio.sleep(0.05)
        assert len(merchants.opened) == 3
        merchants.may_open.set()
        await until(lambda: first_pass_is_over(scans))

    run(main, merchants, at_once=3)


def test_a_stop_lets_the_order_in_progress_end_and_starts_no_other():
    merchants = Merchants("a")
    shop = merchants.shops["a"]
    merchants.fs.pipe("/a/1002_1.pdf", PDF)
    begun, may_end = threading.Event(), threading.Event()
    fulfill = shop.fulfill

    def slow(*arguments, **options):
        begun.set()
        assert may_end.wait(PATIENCE)
        return fulfill(*arguments, **options)

    shop.fulfill = slow

    async def main(scans):
        await until(begun.is_set)
        stopping = asyncio.create_task(scans.stop())
        await asyncio.sleep(0.05)
        assert not stopping.done()
        may_end.set()
        await stopping
        [state] = scans.store.find()
        assert not state.owner

    run(main, merchants)
    assert set(shop.effects.values()) == {1}

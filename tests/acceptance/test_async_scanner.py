"""``AsyncScanner``: scans that an event loop awaits, with plain and with async clients."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import fsspec
import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.testing import FakeShop
from shop_files import PDF

PATIENCE = 60.0


class AsyncShop:
    """A shop whose methods are coroutines."""

    recovery = ra.Recovery.QUERYABLE
    attaching = ra.Attaching.SEPARATE
    call_limit = timedelta(minutes=2)

    def __init__(self, shop, *, concurrent_calls=1):
        self.shop = shop
        self.concurrent_calls = concurrent_calls
        self.threads = set()

    async def _call(self, method, *arguments, **options):
        self.threads.add(threading.get_ident())
        await asyncio.sleep(0)
        return method(*arguments, **options)

    async def pending_orders(self):
        return list(await self._call(self.shop.pending_orders))

    async def get_order(self, order_id):
        return await self._call(self.shop.get_order, order_id)

    async def attach_artwork(self, order, item, artworks, *, idempotency_key):
        await self._call(self.shop.attach_artwork, order, item, artworks, idempotency_key=idempotency_key)

    async def fulfill(self, order, artworks, *, idempotency_key):
        return await self._call(self.shop.fulfill, order, artworks, idempotency_key=idempotency_key)


class Streaming(AsyncShop):
    """Its list is an asynchronous generator."""

    async def pending_orders(self):
        for order in list(self.shop.pending_orders()):
            await asyncio.sleep(0)
            yield order


class PlainList(AsyncShop):
    """Some of its methods are plain ones."""

    def pending_orders(self):
        return self.shop.pending_orders()


class Later:
    """An awaitable that is no coroutine."""

    def __init__(self, coroutine):
        self.coroutine = coroutine

    def __await__(self):
        return self.coroutine.__await__()


class Pages:
    """An asynchronous iterable that is no generator."""

    def __init__(self, orders):
        self.orders = iter(orders)

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return next(self.orders)
        except StopIteration:
            raise StopAsyncIteration from None


class Method:
    """A callable object without a name, as some decorators return."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments, **options):
        return self.function(*arguments, **options)


class Decorated(AsyncShop):
    """Its methods are callable objects, and return other awaitables and iterables than coroutines and generators."""

    def __init__(self, shop, *, concurrent_calls=1):
        super().__init__(shop, concurrent_calls=concurrent_calls)
        plain = super()
        self.get_order = Method(plain.get_order)
        self.fulfill = Method(lambda *arguments, **options: Later(plain.fulfill(*arguments, **options)))

    async def pending_orders(self):
        return Pages(list(self.shop.pending_orders()))


@pytest.fixture
def shop():
    return FakeShop([ra.Order(str(number), [ra.OrderItem("1")]) for number in range(1001, 1021)])


@pytest.fixture
def storage():
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    for number in range(1001, 1021):
        fs.pipe(f"/in/{number}_1.pdf", PDF)
    return ra.ArtworkStorage(fs, "/in")


def scanner_of(storage, client, **options):
    return ra.AsyncScanner(storage, client, ledger=ra.MemoryLedger(), **options)


def statuses(report):
    return {str(item.status) for item in report.items}


@pytest.mark.parametrize("calls", [1, 8])
@pytest.mark.parametrize("kind", [AsyncShop, Streaming, PlainList, Decorated])
def test_coroutines_of_a_client_run_on_the_loop(storage, shop, kind, calls):
    client = kind(shop, concurrent_calls=calls)

    async def main():
        report = await scanner_of(storage, client).scan()
        return report, threading.get_ident()

    report, loop_thread = asyncio.run(main())
    assert statuses(report) == {"fulfilled"}
    assert client.threads == {loop_thread}
    assert len(report.items) == len(shop.effects) == 20


def test_a_plain_client_runs_in_the_thread_of_the_scan(storage, shop):
    async def main():
        scanner = scanner_of(storage, shop)
        plan = await scanner.plan()
        explanation = await scanner.explain(order="1001")
        report = await scanner.scan(orders=["1001"])
        return plan, explanation, report

    plan, explanation, report = asyncio.run(main())
    assert statuses(plan) == {"matched"}
    assert explanation.code == "order_complete"
    assert statuses(report) == {"fulfilled"}


def test_the_loop_is_free_while_a_scan_runs(storage, shop):
    class Slow(AsyncShop):
        async def get_order(self, order_id):
            await released.wait()
            return await super().get_order(order_id)

    async def main():
        nonlocal released
        released = asyncio.Event()
        task = asyncio.create_task(scanner_of(storage, Slow(shop)).scan(limit=1))
        turns = 0
        while not shop.calls("pending_orders"):
            await asyncio.sleep(0.01)
            turns += 1
        released.set()
        return await asyncio.wait_for(task, PATIENCE)

    released = None
    assert "fulfilled" in statuses(asyncio.run(main()))


def test_context_variables_reach_the_client(storage, shop):
    request_id = contextvars.ContextVar("request_id", default="none")
    seen = set()

    class Sees(AsyncShop):
        async def get_order(self, order_id):
            seen.add(request_id.get())
            return await super().get_order(order_id)

    async def main():
        request_id.set("r-1")
        await scanner_of(storage, Sees(shop, concurrent_calls=4)).scan()

    asyncio.run(main())
    assert seen == {"r-1"}


def test_a_cancelled_scan_finishes_the_orders_in_progress(storage, shop):
    class Waits(AsyncShop):
        async def fulfill(self, order, artworks, *, idempotency_key):
            begun.set()
            await may_end.wait()
            return await super().fulfill(order, artworks, idempotency_key=idempotency_key)

    async def main():
        nonlocal begun, may_end
        begun, may_end = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(scanner_of(storage, Waits(shop), orders_at_once=1).scan())
        await asyncio.wait_for(begun.wait(), PATIENCE)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE)

    begun = may_end = None
    asyncio.run(main())
    assert len(shop.effects) == 1
    assert set(shop.effects.values()) == {1}


def test_a_cancelled_scan_that_waits_for_a_thread_never_starts(storage, shop):
    blocked = threading.Event()

    async def main():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(blocked.wait, PATIENCE)
            task = asyncio.create_task(scanner_of(storage, shop, pool=pool).scan())
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            blocked.set()

    asyncio.run(main())
    assert shop.journal == []


def test_the_pool_limits_how_many_scans_run_at_once(storage, shop):
    running, most = 0, 0

    class Counts(AsyncShop):
        async def pending_orders(self):
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1
            return []

    async def main():
        with ThreadPoolExecutor(3) as pool:
            scanners = [scanner_of(storage, Counts(shop), pool=pool) for _ in range(12)]
            await asyncio.gather(*(scanner.scan() for scanner in scanners))

    asyncio.run(main())
    assert 1 < most <= 3


def test_errors_of_coroutines_are_those_of_the_client(storage, shop):
    class Refuses(AsyncShop):
        async def fulfill(self, *_, **__):
            raise ra.PaymentRequired("no credit")

    report = asyncio.run(scanner_of(storage, Refuses(shop)).scan())
    assert {item.code for item in report.items} == {"payment_required"}


def test_a_call_that_takes_longer_than_the_call_limit_is_cancelled_and_has_an_unknown_outcome(storage, shop):
    cancelled = []

    class Hangs(AsyncShop):
        call_limit = timedelta(seconds=0.2)

        async def fulfill(self, order, *_, **__):
            try:
                await asyncio.sleep(PATIENCE)
            except asyncio.CancelledError:
                cancelled.append(order.number)
                raise

    report = asyncio.run(scanner_of(storage, Hangs(shop), orders_at_once=1).scan(orders=["1001"]))
    [item] = report.items
    assert (item.status, cancelled) == ("uncertain", ["1001"])
    assert "call_limit" in item.reason


def test_settings_are_refused_as_by_a_scanner(storage, shop):
    class Undeclared(AsyncShop):
        recovery = None

    with pytest.raises(ra.ConfigurationError, match=r"Undeclared\.recovery"):
        scanner_of(storage, Undeclared(shop))
    with pytest.raises(TypeError):
        scanner_of(storage, AsyncShop(shop), no_such_option=1)


def test_two_loops_may_use_one_scanner(storage, shop):
    scanner = scanner_of(storage, AsyncShop(shop))
    assert statuses(asyncio.run(scanner.scan(orders=["1001"]))) == {"fulfilled"}
    shop.put(evolve(shop.get_order("1002"), approval="again"))
    assert statuses(asyncio.run(scanner.scan(orders=["1002"]))) == {"fulfilled"}


def test_an_async_client_without_a_loop_is_unavailable_and_not_called(storage, shop):
    scanner = scanner_of(storage, AsyncShop(shop))
    report = scanner.scanner.scan()
    [fault] = report.faults
    assert "await the methods of AsyncScanner" in str(fault.because.details)
    assert report.exit_code == 3
    assert not shop.effects


@pytest.mark.parametrize("method", ["pending_orders", "get_order"])
def test_a_loop_that_stops_and_is_not_closed_does_not_keep_the_thread(storage, shop, method):
    begun = threading.Event()

    class Hangs(AsyncShop):
        call_limit = timedelta(seconds=2)

    async def hang(*_):
        begun.set()
        await asyncio.sleep(PATIENCE)

    client = Hangs(shop)
    setattr(client, method, hang)
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as pool:
        task = loop.create_task(scanner_of(storage, client, pool=pool, orders_at_once=1).scan(orders=["1001"]))
        while not begun.is_set():
            loop.run_until_complete(asyncio.sleep(0.01))
        # The loop stays stopped until the thread of the scan has ended.
        pool.shutdown(wait=True)
    report = loop.run_until_complete(task)
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert "the event loop stopped during the call" in report.to_json()
    assert not shop.effects


def test_a_list_may_take_longer_than_the_call_limit(storage, shop):
    class Slow(AsyncShop):
        call_limit = timedelta(seconds=0.05)

        async def pending_orders(self):
            await asyncio.sleep(0.3)
            return list(self.shop.pending_orders())

    report = asyncio.run(scanner_of(storage, Slow(shop)).plan())
    assert statuses(report) == {"matched"}

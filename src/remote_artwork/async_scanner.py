"""``AsyncScanner``: a ``Scanner`` for services that run on an event loop, also with an async client.

A scan runs in a thread. The coroutines of an async client run on the loop that awaits the scan.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterable, Awaitable, Callable, Collection
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoResultInTime
from contextvars import ContextVar
from functools import cache, partial, wraps
from inspect import iscoroutine
from typing import Any, TypeVar

from remote_artwork.client import FulfillmentClient, Ledger
from remote_artwork.core.report import Explanation, FileListener, ScanReport
from remote_artwork.core.settings import require
from remote_artwork.errors import OutcomeUnknown, Unavailable
from remote_artwork.scanner import Scanner
from remote_artwork.storage.storage import ArtworkStorage

__all__ = ["AsyncScanner"]

T = TypeVar("T")

_SCANS_AT_ONCE = 16
"""Scans that run at once in the pool that all scanners share by default."""

_DECLARATIONS = ("recovery", "attaching", "call_limit", "concurrent_calls", "calls_per_second", "numbers_unique")
_LISTS = ("pending_orders", "find_orders")
_METHODS = (*_LISTS, "get_order", "attach_artwork", "attach_order", "fulfill")

_loop: ContextVar[asyncio.AbstractEventLoop] = ContextVar("remote_artwork_loop")
"""The loop that awaits the running scan. Threads of a scan run in a copy of its context."""


@cache
def _shared_pool() -> Executor:
    return ThreadPoolExecutor(_SCANS_AT_ONCE, thread_name_prefix="remote_artwork_scan")


class AsyncScanner:
    """Runs the scans of a ``Scanner`` in a thread, so that the event loop stays free.

    Methods of the client may be ``async``: they run on the loop that awaits the scan. So may ``pending_orders`` as an
    asynchronous generator. Other methods run in the thread of the scan.

    Args:
        storage: See ``Scanner``.
        client: See ``Scanner``. Its methods may be ``async``.
        ledger: See ``Scanner``.
        pool: The threads for scans. The size of the pool limits how many scans run at once. By default, all scanners
            share 16 threads.
        options: Further options of ``Scanner``.

    Raises:
        ConfigurationError: As ``Scanner``.
    """

    def __init__(
        self,
        storage: ArtworkStorage,
        client: object,
        *,
        ledger: Ledger,
        pool: Executor | None = None,
        **options: Any,
    ) -> None:
        require(
            "AsyncScanner.pool", pool, lambda value: value is None or hasattr(value, "submit"), "an Executor, or None"
        )
        self.scanner: Scanner = Scanner(storage, _waiting_client(client), ledger=ledger, **options)
        self._pool = pool

    async def scan(
        self,
        *,
        sweep: bool = False,
        orders: Collection[str] | None = None,
        limit: int | None = None,
        on_file: FileListener | None = None,
    ) -> ScanReport:
        """Scan once. See ``Scanner.scan``.

        If the task is cancelled, no further order is started, and this method waits for the orders in progress before
        it raises ``CancelledError``. A second cancellation ends the wait, and the orders are finished in their thread.
        """
        scan = partial(self.scanner.scan, sweep=sweep, orders=orders, limit=limit, on_file=on_file)
        return await self.run(lambda stop: scan(stop=stop), pool=self._pool)

    async def plan(
        self,
        *,
        verify: bool = False,
        sweep: bool = False,
        orders: Collection[str] | None = None,
        on_file: FileListener | None = None,
    ) -> ScanReport:
        """Do a dry run. See ``Scanner.plan``. If the task is cancelled, its thread still finishes the dry run."""
        return await self._run(partial(self.scanner.plan, verify=verify, sweep=sweep, orders=orders, on_file=on_file))

    async def explain(self, name: str | None = None, *, order: str | None = None) -> Explanation:
        """Explain one file, or one order. See ``Scanner.explain``."""
        return await self._run(partial(self.scanner.explain, name, order=order))

    async def accept(self, order_id: str, *, files: str, by: str) -> None:
        """Accept the files of an order. See ``Scanner.accept``."""
        await self._run(partial(self.scanner.accept, order_id, files=files, by=by))

    @staticmethod
    async def run(function: Callable[[threading.Event], T], *, pool: Executor | None = None) -> T:
        """Run a function in a thread. In it, the ``scanner`` of each ``AsyncScanner`` can be used as any other.

        It is for functions that use scanners, such as ``fleet.scan_merchant``. Async clients run on the loop that
        awaits this method.

        Args:
            function: Receives an event, and passes it on as ``stop``. A cancellation of the task sets the event, and
                then waits until the function has returned.
            pool: The threads. By default the 16 threads that all scanners share.
        """
        stop = threading.Event()
        running, result = _submit(partial(function, stop), pool)
        try:
            return await asyncio.shield(result)
        except asyncio.CancelledError:
            if not running.cancel():
                stop.set()
                await asyncio.wait([result])
            raise

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.shield(_submit(function, self._pool)[1])


def _submit(function: Callable[[], T], pool: Executor | None) -> tuple[Future[T], asyncio.Future[T]]:
    """Run a function in a thread whose calls of async clients run on the running loop."""
    context = contextvars.copy_context()
    context.run(_loop.set, asyncio.get_running_loop())
    running = (pool or _shared_pool()).submit(context.run, function)
    return running, asyncio.wrap_future(running)


def _waiting_client(client: object) -> FulfillmentClient:
    """The client with methods that wait for their coroutines. It has the same declarations, and the same name."""
    members = {name: getattr(client, name) for name in _DECLARATIONS if hasattr(client, name)}
    members |= {
        name: staticmethod(_waiting(name, method, client))
        for name in _METHODS
        if (method := getattr(client, name, None)) is not None
    }
    waiting: FulfillmentClient = type(type(client).__name__, (), members)()
    return waiting


def _waiting(name: str, method: Callable[..., Any], client: Any) -> Callable[..., Any]:
    """The method, which returns what its awaitable or asynchronous iterable returns."""

    @wraps(method)
    def call(*arguments: Any, **options: Any) -> Any:
        result = method(*arguments, **options)
        if isinstance(result, Awaitable | AsyncIterable):
            # A list may have many pages. Everything else takes at most the call limit of the client.
            return _wait_for(result, client.call_limit.total_seconds(), is_limited=name not in _LISTS)
        return result

    # wraps() marks it as the function that it wraps, which inspect would follow to an async one.
    del call.__wrapped__
    return call


async def _collect(result: Any) -> Any:
    """The result of an awaitable; the members of an asynchronous iterable, also of one that was awaited."""
    if isinstance(result, Awaitable):
        result = await result
    return [member async for member in result] if isinstance(result, AsyncIterable) else result


def _wait_for(result: Any, seconds: float, *, is_limited: bool) -> Any:
    """Await what a method returned on the loop of the scan, and wait for it.

    Args:
        result: What the method returned.
        seconds: The call limit of the client.
        is_limited: Whether the call ends after this time. If not, it ends then only if the loop was stopped.

    Raises:
        OutcomeUnknown: It took longer than the client allows, or the loop was stopped meanwhile. It is cancelled.
        Unavailable: There is no such loop, or it was closed. Nothing was run.
    """
    loop = _loop.get(None)
    if loop is None or loop.is_closed():
        if iscoroutine(result):
            result.close()
        raise Unavailable("no event loop runs the async client; await the methods of AsyncScanner until they return")
    running = asyncio.run_coroutine_threadsafe(_collect(result), loop)
    while True:
        try:
            return running.result(seconds)
        except NoResultInTime:
            if not is_limited and loop.is_running() and not running.done():
                continue
            if not running.cancel():
                return running.result()  # it ended at the last moment, or the error is its own
            raise OutcomeUnknown(
                "the call took longer than the call_limit of the client, and was cancelled"
                if loop.is_running()
                else "the event loop stopped during the call; keep it running until the scan ends"
            ) from None

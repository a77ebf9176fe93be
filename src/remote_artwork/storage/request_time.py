"""How long the requests about the files of one scan may take, all together.

A server that answers each request just within its time limit would otherwise delay a scan for hours. Only the time in
which at least one request runs counts. Requests that run at the same time count once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

from attrs import define, field

from remote_artwork.core.cures import FILES_TIMEOUT, Cure
from remote_artwork.errors import StorageMisbehaved

_ORDER_SHARE = 0.5
"""The share of a scan's remaining time that one order may use. It leaves something for the orders after it."""


class FilesTimeout(StorageMisbehaved):
    """The time for the files of this scan, or of one order in it, has passed. No request was made."""


@define
class RequestTime:
    """The time that requests may take. Thread-safe.

    Args:
        limit: Seconds.
        parent: The larger limit that this one is a part of; every request counts against both.
        cure: Which setting allows more.
    """

    limit: float
    parent: RequestTime | None = None
    cure: Cure = FILES_TIMEOUT
    _spent: float = field(default=0.0, init=False)
    _running: int = field(default=0, init=False)
    _since: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False, eq=False)

    @property
    def remaining(self) -> float:
        """Seconds that are left, here and in every parent."""
        return self._own if self.parent is None else min(self._own, self.parent.remaining)

    @property
    def _own(self) -> float:
        with self._lock:
            running = monotonic() - self._since if self._running else 0.0
            return self.limit - self._spent - running

    @property
    def used_up(self) -> RequestTime | None:
        """The outermost limit, of this one and its parents, that leaves no time; None if all do."""
        outer = None if self.parent is None else self.parent.used_up
        return outer or (self if self._own <= 0 else None)

    def start(self) -> None:
        """A request starts."""
        if self.parent is not None:
            self.parent.start()
        with self._lock:
            if self._running == 0:
                self._since = monotonic()
            self._running += 1

    def end(self) -> None:
        """A request has ended."""
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self._spent += monotonic() - self._since
        if self.parent is not None:
            self.parent.end()


_time: ContextVar[RequestTime | None] = ContextVar("remote_artwork_request_time", default=None)


@contextmanager
def limit_time_of_scan(seconds: float, *, cure: Cure = FILES_TIMEOUT) -> Iterator[None]:
    """Limit the requests of all storages in this block, and of threads that run in a copy of its context.

    A limit within another one counts against both.

    Args:
        seconds: The time that requests may take.
        cure: Which setting allows more.
    """
    token = _time.set(RequestTime(seconds, _time.get(), cure))
    try:
        yield
    finally:
        _time.reset(token)


@contextmanager
def limit_time_of_order() -> Iterator[None]:
    """Limit the requests in this block to a share of what the scan has left. Outside a scan there is no limit."""
    scan = _time.get()
    token = _time.set(None if scan is None else RequestTime(scan.remaining * _ORDER_SHARE, scan))
    try:
        yield
    finally:
        _time.reset(token)


@contextmanager
def measure_request() -> Iterator[None]:
    """Count the time of one request.

    Raises:
        FilesTimeout: No time is left; make no request.
    """
    time = _time.get()
    if time is None:
        yield
        return
    if (used_up := time.used_up) is not None:
        raise FilesTimeout(
            "the storage responds so slowly that the time for its files has passed, and the next scan tries again; ask "
            f"the operator to raise {used_up.cure}"
        )
    time.start()
    try:
        yield
    finally:
        time.end()

"""Group commit: writes of several orders that are ready at one moment share one durable transaction of the ledger."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from typing import TypeVar

from attrs import define, field, frozen

from remote_artwork.client import Ledger
from remote_artwork.core.lifecycle import Lease, LedgerWrite, OrderClaim, OrderKey, OrderRecord
from remote_artwork.errors import LedgerError
from remote_artwork.fulfillment.workers import Result, Workers
from remote_artwork.runtime import Condition
from remote_artwork.scan.stopwatch import Stopwatch

T = TypeVar("T")

_LARGEST_GROUP = 100
_SECONDS_FOR_EACH_WORKER = 0.0003
"""How far apart transactions start, for each worker: a short wait lets more writes share one."""


@frozen(eq=False)
class _Write:
    write: LedgerWrite
    written: Result[None]

    @property
    def key(self) -> OrderKey:
        return self.write.lease.key


@define(eq=False)
class GroupCommit:
    """Claims and writes of all workers of a scan, made by one thread. With one worker, the worker makes them itself.

    Args:
        ledger: Where they are stored.
        workers: The workers of the scan.
        stopwatch: Measures the writes and the waiting for them.
    """

    ledger: Ledger
    workers: Workers
    stopwatch: Stopwatch
    _changed: Condition = field(init=False)
    _queue: deque[_Write | Callable[[], object]] = field(factory=deque, init=False)
    _closed: bool = field(default=False, init=False)
    _started_at: float = field(default=float("-inf"), init=False)
    _is_collecting: bool = field(default=False, init=False)
    """Whether the thread waits for more writes until a certain time."""

    def __attrs_post_init__(self) -> None:
        self._changed = self.workers.runtime.condition()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve the workers during the block."""
        if self.workers.count == 1:
            yield
            return
        serve = partial(copy_context().run, self._serve)
        thread = self.workers.runtime.spawn(serve, name="remote-artwork-ledger")
        try:
            yield
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            thread.join()

    def claim(
        self, orders: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> Sequence[Lease | LedgerError | None]:
        """See ``Ledger.claim``."""

        def claim() -> Sequence[Lease | LedgerError | None]:
            return self.ledger.claim(orders, owner=owner, lease_for=lease_for)

        return self._run(claim)

    def find(self, tenant: str, order_ids: Sequence[str]) -> Sequence[OrderRecord]:
        """See ``Ledger.find``."""
        return self._run(lambda: list(self.ledger.find(tenant, order_ids=order_ids)))

    def _run(self, function: Callable[[], T]) -> T:
        """Let the thread of the ledger run a function."""
        with self.stopwatch.measure("ledger"):
            if self.workers.count == 1:
                return function()
            result: Result[T] = Result(self.workers.runtime.condition())
            self._put([lambda: result.run(function)])
            return result.get()

    def write(self, *writes: LedgerWrite) -> None:
        """Make the writes, in any transactions. Returns when all of them are durable.

        Raises:
            LedgerError: One of them was refused, or may not be written. The others may be.
        """
        with self.stopwatch.measure("ledger"):
            self._write(writes)

    def _write(self, writes: Sequence[LedgerWrite]) -> None:
        if self.workers.count == 1:
            _raise_first(self.ledger.advance(writes))
            return
        waiting = [_Write(write, Result(self.workers.runtime.condition())) for write in writes]
        self._put(waiting)
        for each in waiting:
            each.written.get()

    def _put(self, requests: Sequence[_Write | Callable[[], object]]) -> None:
        with self._changed:
            self._queue.extend(requests)
            if not self._is_collecting or len(self._queue) >= self.workers.count:
                self._changed.notify_all()

    def _serve(self) -> None:
        while (group := self._next_group()) is not None:
            if callable(group):
                group()
            else:
                self._commit(group)

    def _next_group(self) -> Sequence[_Write] | Callable[[], object] | None:
        """The next request: a claim, or a group of writes. None if there will be no more."""
        runtime = self.workers.runtime
        with self._changed:
            while not self._queue:
                if self._closed:
                    return None
                self._changed.wait()
            first = self._queue[0]
            if not isinstance(first, _Write):
                self._queue.popleft()
                return first
            start = self._started_at + _SECONDS_FOR_EACH_WORKER * self.workers.count
            self._is_collecting = True
            while len(self._queue) < self.workers.count and (left := start - runtime.monotonic()) > 0:
                self._changed.wait(left)
            self._is_collecting = False
            self._started_at = runtime.monotonic()
            return self._take_group()

    def _take_group(self) -> Sequence[_Write]:
        """The first writes of the queue; at most one of each lease, in order."""
        group: dict[OrderKey, _Write] = {}
        rest: deque[_Write | Callable[[], object]] = deque()
        while self._queue and len(group) < _LARGEST_GROUP:
            request = self._queue.popleft()
            if isinstance(request, _Write) and request.key not in group:
                group[request.key] = request
            else:
                rest.append(request)
        self._queue.extendleft(reversed(rest))
        return list(group.values())

    def _commit(self, group: Sequence[_Write]) -> None:
        try:
            answers = self.ledger.advance([each.write for each in group])
        except BaseException as error:  # noqa: BLE001 - raised by the threads that wait
            for each in group:
                each.written.run(partial(_raise, copy.copy(error)))
            return
        for each, answer in zip(group, answers, strict=True):
            each.written.run(partial(_raise_first, [answer]))


def _raise(error: BaseException) -> None:
    raise error


def _raise_first(answers: Sequence[LedgerError | None]) -> None:
    for answer in answers:
        if answer is not None:
            raise answer

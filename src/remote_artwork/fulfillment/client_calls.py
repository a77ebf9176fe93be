"""When, and in which thread, the client of a shop is called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TypeVar

from attrs import define

from remote_artwork.client import CallPermit
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import RateLimited
from remote_artwork.fulfillment.gate import GateClosed, ShopGate
from remote_artwork.fulfillment.workers import Interrupted, Workers
from remote_artwork.retry import as_caller
from remote_artwork.scan.stopwatch import Stopwatch

T = TypeVar("T")

_permit: ContextVar[CallPermit | None] = ContextVar("remote_artwork_call_permit", default=None)
"""The permit of the turn in whose block this code runs."""


class NotTried(Exception):
    """The call was not made: the shop has not answered for a while, or the scan is to stop."""

    def __init__(self, status: ItemStatus, because: Reason) -> None:
        super().__init__(because.render())
        self.status: ItemStatus = status
        self.because: Reason = because


@define(eq=False)
class ClientCalls:
    """The calls of a scan to one client.

    Args:
        gate: Limits how many calls run at once, and how many start per second.
        workers: The threads of the scan.
        stopwatch: Measures the calls and the waiting for them.
        in_scan_thread: Whether every call is made by the thread that called ``scan()``.
        longest_pause: Seconds. Orders are not tried while the shop asks for a longer pause.
        stop: When set, no order is begun any more.
        on_answer: Called with the method of each call that succeeded.
        down: Why no further call is made in this scan; None while calls are made.
    """

    gate: ShopGate
    workers: Workers
    stopwatch: Stopwatch
    in_scan_thread: bool
    stop: threading.Event
    longest_pause: float
    down: Reason | None = None
    on_answer: Callable[[str], object] = lambda _method: None

    @contextmanager
    def turn(self, calls: int = 1, *, is_begun: bool) -> Iterator[None]:
        """Wait until so many calls may be made, one after another, and make them in the block.

        Args:
            calls: How many.
            is_begun: Whether a call with an effect was made for the order in this scan. Such an order is finished.

        Raises:
            NotTried: No further call is made in this scan, or none for this order.
            Interrupted: The scan ends.
            LedgerError: The limit that several scanners share could not be read. No call was made.
        """
        asked = self.stopwatch.monotonic()
        with ExitStack() as stack:
            try:
                permit = stack.enter_context(self.gate.turn(calls, longest_pause=self.longest_pause))
            except GateClosed as error:
                raise Interrupted from error
            except RateLimited as error:  # no call was made for this order, so it is no refusal of one
                raise NotTried(ItemStatus.FAILED, reason("not_tried", error=str(error))) from error
            self.stopwatch.add("shop_queue", self.stopwatch.monotonic() - asked)
            if self.down is not None:
                raise NotTried(ItemStatus.FAILED, self.down)
            if self.stop.is_set() and not is_begun:
                raise NotTried(ItemStatus.MATCHED, reason("stopped"))
            token = _permit.set(permit)
            try:
                yield
            finally:
                _permit.reset(token)

    def make(self, call: Callable[[], T], *, method: str) -> T:
        """Make one call of a method of the client, within a turn."""
        asked = self.stopwatch.monotonic()
        permit = _permit.get()

        def measured() -> T:
            started = self.stopwatch.monotonic()
            self.stopwatch.add("shop_queue", started - asked)
            try:
                with nullcontext() if permit is None else permit.call():
                    answer = call()
            except RateLimited as error:
                self.gate.refused(error.retry_after)
                raise
            finally:
                seconds = self.stopwatch.monotonic() - started
                self.stopwatch.add("shop", seconds)
            self.gate.succeeded(seconds, method)
            self.on_answer(method)
            return answer

        return self.workers.in_scan_thread(as_caller(measured)) if self.in_scan_thread else measured()

"""Retries: one policy per call path, one budget per scan.

Calls can be nested: a scan lists the orders of a shop, and the client of that shop sends several requests for one list.
The innermost policy retries, because it repeats the least. When it gives up, the policies around it do not start over,
so a refused request is sent ``attempts`` times and never ``attempts`` squared.

All waits of one scan, for the shop, the storage and the ledger, draw on one ``Budget``. It travels in a context
variable, because the storage and the client exist before the scan and may serve several scans at once.

Only this module imports tenacity.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import ParamSpec, TypeVar

import tenacity
from attrs import define, field, frozen

from remote_artwork.activity import record_wait
from remote_artwork.core.events import RetryWaited
from remote_artwork.core.report import Part
from remote_artwork.errors import LedgerError, RemoteArtworkError, StorageError

__all__ = ["RetryPolicy"]

P = ParamSpec("P")
T = TypeVar("T")

ORDER_SHARE = 0.2
"""The share of a scan's remaining budget that one order may use. It leaves something for the orders after it."""


@define
class Budget:
    """Seconds that may still be spent on waits between attempts. Thread-safe.

    Args:
        seconds: What is left.
        parent: The budget that this one is a part of; every wait counts against both.
    """

    seconds: float
    parent: Budget | None = None
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False, eq=False)

    def spend(self, seconds: float) -> bool:
        """Deducts a wait, here and from every parent, if it fits in all of them. Returns whether it does."""
        with self._lock:
            if seconds > self.seconds or not (self.parent is None or self.parent.spend(seconds)):
                return False
            self.seconds -= seconds
            return True


@define
class _Call:
    """One running ``RetryPolicy.call``.

    Args:
        exhausted: Weak reference to the error that a policy inside this call gave up on.
    """

    exhausted: weakref.ref[RemoteArtworkError] | None = None

    def is_exhausted(self, error: BaseException | None) -> bool:
        """Whether a policy inside gave up on this error, or on one that it was raised from."""
        given_up = self.exhausted() if self.exhausted is not None else None
        while error is not None and given_up is not None:
            if error is given_up:
                return True
            error = error.__cause__
        return False


_budget: ContextVar[Budget | None] = ContextVar("remote_artwork_retry_budget", default=None)
_call: ContextVar[_Call | None] = ContextVar("remote_artwork_retry_call", default=None)


@contextmanager
def _spending(budget: Budget | None) -> Iterator[None]:
    token = _budget.set(budget)
    try:
        yield
    finally:
        _budget.reset(token)


@contextmanager
def order_budget() -> Iterator[None]:
    """Limits the waits in this block to ``ORDER_SHARE`` of what the scan has left. Outside a scan there is no limit."""
    scan = _budget.get()
    with _spending(None if scan is None else Budget(scan.seconds * ORDER_SHARE, scan)):
        yield


@contextmanager
def no_retries() -> Iterator[None]:
    """Lets no policy wait in this block, so that each call is made once."""
    with _spending(Budget(0.0)):
        yield


def share_budget(function: Callable[P, T]) -> Callable[P, T]:
    """Returns ``function`` bound to a copy of the caller's context, with its budget, for use in other threads."""
    context = copy_context()

    def bound(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(function, *args, **kwargs)

    return bound


def as_caller(function: Callable[[], T]) -> Callable[[], T]:
    """Returns ``function`` with the caller's budget and retries, for another thread that keeps its other context."""
    budget, call = _budget.get(), _call.get()

    def bound() -> T:
        outer = _call.set(call)
        try:
            with _spending(budget):
                return function()
        finally:
            _call.reset(outer)

    return bound


@frozen(kw_only=True)
class RetryPolicy:
    """Repeats a call that failed with a temporary error, after an exponential wait with jitter.

    Args:
        attempts: The maximum number of times a call is made.
        first_wait: The wait before the second attempt is random, up to this many seconds. The bound doubles for each
            further attempt.
        longest_wait: The longest single wait in seconds. A call is not repeated if the error asks for a longer one.
        budget: The maximum sum of all waits of one scan, in seconds. One order may use a fifth of what is
            left. A call is not repeated if its wait exceeds the budget.
        sleep: Waits for a number of seconds; tests pass their own.
    """

    attempts: int = 3
    first_wait: float = 0.5
    longest_wait: float = 20.0
    budget: float = 300.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    @contextmanager
    def scan_budget(self) -> Iterator[None]:
        """Gives the block one new budget for all waits of all policies, including those of the storage and the client.

        Other threads share the budget if they run in a copy of the context, or call through ``share_budget``.
        """
        with _spending(Budget(self.budget)):
            yield

    def call(
        self, function: Callable[[], T], *, on: type[RemoteArtworkError] | tuple[type[RemoteArtworkError], ...]
    ) -> T:
        """Calls ``function`` until it succeeds, fails permanently, or may not be repeated.

        It is not repeated once the attempts or the budget are used up, nor after an error that another policy inside
        ``function`` gave up on. A policy with one attempt never retries, so it leaves that decision to the policy
        around it.

        Args:
            function: Takes no argument. Must be safe to repeat after an error of ``on``.
            on: The errors to retry. Of these, only temporary ones are retried.

        Raises:
            RemoteArtworkError: The last error, unchanged.
        """
        outer, current = _call.get(), _Call()
        token = _call.set(current)
        try:
            try:
                return function()
            except on as error:
                return self._repeat(function, error, current, on)
        except on as error:
            if outer is not None and self.attempts > 1:
                outer.exhausted = weakref.ref(error)
            raise
        finally:
            _call.reset(token)

    def _repeat(
        self,
        function: Callable[[], T],
        first: RemoteArtworkError,
        current: _Call,
        on: type[RemoteArtworkError] | tuple[type[RemoteArtworkError], ...],
    ) -> T:
        """Repeat a call after its first attempt has failed. Most calls succeed, and need nothing of this."""
        budget, failures = _budget.get(), [first]
        backoff = tenacity.wait_random_exponential(multiplier=self.first_wait, max=self.longest_wait)

        def is_retryable(error: BaseException) -> bool:
            requested = getattr(error, "retry_after", None) or 0.0
            temporary = isinstance(error, on) and error.temporary and requested <= self.longest_wait
            return temporary and not current.is_exhausted(error)

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return max(backoff(state), getattr(error, "retry_after", None) or 0.0)

        def stop(state: tenacity.RetryCallState) -> bool:
            return state.attempt_number >= self.attempts or not (budget is None or budget.spend(state.upcoming_sleep))

        def before_sleep(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if error is not None and isinstance(error.__cause__, RemoteArtworkError):
                error = error.__cause__  # it only says during which step this error was raised
            record_wait(partial(RetryWaited, part=_part_of(error)), seconds=state.upcoming_sleep, error=error)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_retryable),
            stop=stop,
            wait=wait,
            sleep=self.sleep,
            before_sleep=before_sleep,
            reraise=True,
        )

        def attempt() -> T:
            if failures:
                raise failures.pop()
            return function()

        return retrying(attempt)


def _part_of(error: BaseException | None) -> Part:
    """What an error comes from."""
    if isinstance(error, StorageError):
        return "storage"
    return "ledger" if isinstance(error, LedgerError) else "client"

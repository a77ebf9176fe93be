"""The one retry policy. Nothing else in the house repeats a call, and nothing else imports tenacity."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import tenacity
from attrs import define, evolve, field, frozen

from remote_artwork.errors import RemoteArtworkError

__all__ = ["RetryPolicy"]

T = TypeVar("T")


_SHARE = 0.2
"""How much of what a pass has left for waits one order may use: whatever it takes, some is left for the next."""


@define
class _Purse:
    seconds: float
    """How long may still be waited."""
    part_of: _Purse | None = None

    def take(self, seconds: float) -> None:
        self.seconds -= seconds
        if self.part_of is not None:
            self.part_of.take(seconds)


@frozen(kw_only=True)
class RetryPolicy:
    """Repeats a call that failed with a named temporary error, after an exponential wait with jitter.

    Args:
        attempts: How often a call is made at the most.
        first_wait: Seconds the wait before the second attempt is drawn from, from 0 up; doubled for each further one.
        longest_wait: Seconds no wait exceeds; whoever asks for more is not asked again in this pass.
        budget: Seconds that the orders of one pass may wait together; one order, a fifth of what is left. A call whose
            wait would exceed that is not repeated.
        sleep: Waits so many seconds; tests pass their own.
    """

    attempts: int = 3
    first_wait: float = 0.5
    longest_wait: float = 20.0
    budget: float = 300.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    _purse: _Purse | None = field(default=None, repr=False, eq=False)

    def for_one_pass(self) -> RetryPolicy:
        """The same policy with a fresh budget; without one, waits are not added up."""
        return evolve(self, purse=_Purse(self.budget))

    def for_one_order(self) -> RetryPolicy:
        """The same policy for one order of a pass; those that come after it will have something left of the budget."""
        if self._purse is None:
            return self
        return evolve(self, purse=_Purse(self._purse.seconds * _SHARE, self._purse))

    def call(
        self, function: Callable[[], T], *, on: type[RemoteArtworkError] | tuple[type[RemoteArtworkError], ...]
    ) -> T:
        """Calls ``function`` until it succeeds, fails for good, or the attempts are used up.

        Args:
            function: Takes no argument; must be safe to repeat after an error of ``on``.
            on: The errors to retry; of these, only temporary ones are.

        Raises:
            RemoteArtworkError: The last error, unchanged.
        """
        backoff = tenacity.wait_random_exponential(multiplier=self.first_wait, max=self.longest_wait)

        def worth_it(error: BaseException) -> bool:
            asked = getattr(error, "retry_after", None) or 0.0
            return isinstance(error, on) and error.temporary and asked <= self.longest_wait

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return max(backoff(state), getattr(error, "retry_after", None) or 0.0)

        def enough(state: tenacity.RetryCallState) -> bool:
            spent = self._purse is not None and state.upcoming_sleep > self._purse.seconds
            return spent or state.attempt_number >= self.attempts

        def sleep(seconds: float) -> None:
            if self._purse is not None:
                self._purse.take(seconds)
            self.sleep(seconds)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_it),
            stop=enough,
            wait=wait,
            sleep=sleep,
            reraise=True,
        )
        return retrying(function)

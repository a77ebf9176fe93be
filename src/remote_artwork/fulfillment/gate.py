"""When the calls of a client may start: how many at once, and how many per second, for all workers of a scanner.

Two rules learn from the answers of the shop:

- ``ConcurrencyLimit`` decides how many calls run at once. It grows until answers get slower, as TCP Vegas does.
- ``CallRate`` decides how many calls start per second. A shop that refuses calls (HTTP 429) is asked a little less
  often than it accepted calls, and then again more often, as TCP CUBIC (RFC 9438) does.

``ShopGate`` applies both: it lets workers in one after another, in the order in which they came. If several scanners
share a limit, a worker then also waits for its ``CallLimiter``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from attrs import define, field

from remote_artwork.client import CallLimiter, CallPermit
from remote_artwork.errors import RateLimited
from remote_artwork.runtime import Condition, Runtime

__all__ = ["CallRate", "ConcurrencyLimit", "GateClosed", "ShopGate"]

START = 4
"""Calls at once in the beginning."""
_SAMPLE = 32
"""Answers whose mean time says how long the calls of a method usually take."""
_RECENT = 8
"""Answers whose mean time says how long calls take now."""
_TOLERANCE = 1.25
"""Answers that take this many times the usual time show no queue yet."""
_CLEARLY_SLOWER = 1.5
"""Answers that take this many times the usual time end the fast growth."""
_MOST_RATIO = 4.0
"""A single answer counts as at most this many times the usual time."""
_SHORTEST = 0.001
"""Seconds. Differences between shorter answers say nothing about the shop."""
_MEASURE_AFTER = 500
"""After this many slow answers in a row, the usual time is measured again. With few calls at once, that costs nothing,
and happens after ``_SAMPLE`` answers. Each time that it is still about the same, it is measured half as often."""
_MOST_PATIENCE = 16_000
"""Slow answers after which it is measured in any case."""
_STEADY = 64
"""Answers in the usual time, with as many calls at once as allowed, that end the fast growth."""

_WINDOW = 20.0
"""Seconds before a refusal in which accepted calls are counted; longer if these are fewer than ``_SAMPLE`` calls."""
_SHORTEST_WINDOW = 1.0
"""Shops count calls per second, or in longer intervals."""
_DECREASE = 0.1
"""The share by which the rate is decreased after a refusal. After several in a row, it is decreased to what the shop
accepted on average, with the time of the refusals."""
_RECOVERY = 30.0
"""Seconds after a refusal until the rate is again what it was, if ``_SAMPLE`` calls or more were counted."""
_SHORTEST_RECOVERY = 2.0
"""Seconds after a refusal until the rate is again what it was, if hardly any calls were counted."""
_SLOWEST = 0.01
"""Calls per second that are always tried."""
_CATCH_UP = 0.05
"""Seconds that calls which started late may be made up for. It does not add up to a burst."""
_FIRST_PAUSE = 1.0
"""Seconds. The pause doubles with each further refusal, up to ``_LONGEST_PAUSE``."""
_LONGEST_PAUSE = 60.0
_LONGEST_STEP = 1.0
"""Seconds after which a wait for a learned rate is computed again, because the rate grows meanwhile."""
_LONGEST_WAIT = 3600.0
"""Seconds of one wait of the runtime. A longer wait is divided."""


class GateClosed(Exception):
    """The gate was closed; no further call starts."""


@define
class _Times:
    """How long the calls of one method take.

    Args:
        mean: The mean time of about the last ``_SAMPLE`` answers.
        usual: The first mean, or a lower one since.
        settled: Whether ``usual`` no longer becomes longer.
    """

    count: int = 0
    mean: float = 0.0
    usual: float = math.inf
    settled: bool = False

    def ratio(self, seconds: float) -> float | None:
        """How many times the usual time a call took; None as long as there is no usual time."""
        seconds = max(seconds, _SHORTEST)
        self.count += 1
        self.mean += (seconds - self.mean) / min(self.count, _SAMPLE)
        if self.count < START:
            return None
        self.settled = self.settled or self.count > _SAMPLE
        self.usual = min(self.usual, self.mean) if self.settled else self.mean
        return min(seconds / self.usual, _MOST_RATIO)


@define
class ConcurrencyLimit:
    """How many calls may run at once.

    It starts with ``START`` and grows by one for each answer, until answers get clearly slower. Then it changes slowly:
    it grows by one for each round of answers, and is decreased by the number of calls that wait inside the shop. That
    number is estimated from how much slower than usual the answers are.

    What is usual is measured with ``START`` calls at once: in the beginning, when slow answers end the fast growth, and
    from time to time while answers are slow, because a shop can become slower for other reasons.

    Args:
        most: The hard limit.
    """

    most: int
    _value: float = field(init=False)
    _times: dict[str, _Times] = field(factory=dict, init=False)
    _ratio: float = field(default=1.0, init=False)
    _deviation: float = field(default=0.0, init=False)
    _fast: bool = field(default=True, init=False)
    _valid_from: float | None = field(default=-math.inf, init=False)
    _slow_answers: int = field(default=0, init=False)
    _before: float | None = field(default=None, init=False)
    _measured: int = field(default=0, init=False)
    _steady: int = field(default=0, init=False)
    _patience: int = field(default=_MEASURE_AFTER, init=False)
    _usual_before: Mapping[str, float] = field(factory=dict, init=False)
    """The usual times before they are measured again."""

    def __attrs_post_init__(self) -> None:
        self._value = float(min(self.most, START))

    @property
    def value(self) -> int:
        """The limit now."""
        return max(1, int(self._value + 1e-6))

    def answered(self, method: str, seconds: float, now: float, *, running: int, waiting: bool) -> None:
        """Learn from one answer.

        Args:
            method: The method of the client. Each has its own usual time.
            seconds: How long the call took.
            now: The monotonic time.
            running: How many turns run.
            waiting: Whether turns wait.
        """
        if self.most == 1:
            return
        if self._valid_from is None and running <= START:
            self._valid_from = now
        if self._valid_from is None or now - seconds < self._valid_from:
            return  # the call began under another limit
        ratio = self._times.setdefault(method, _Times()).ratio(seconds)
        if self._before is not None:
            self._end_measuring()
        elif ratio is not None:
            self._deviation += (abs(ratio - self._ratio) - self._deviation) / _RECENT
            self._ratio += (ratio - self._ratio) / _RECENT
            self._adapt(used=waiting or running >= self.value)

    def _adapt(self, *, used: bool) -> None:
        slowdown = self._ratio - self._deviation / 2.0  # two standard errors, because times differ by chance
        gradient = 1.0 if slowdown <= _TOLERANCE else _TOLERANCE / slowdown
        change = 1.0 / self._value - (1.0 - gradient)
        if self._fast and slowdown > _CLEARLY_SLOWER:
            self._fast = False
            self._value = max(1.0, self._value * gradient)
            self._begin_measuring()
            return
        if self._fast:
            self._value += used
        elif change < 0 or used:
            self._value += change
        self._value = min(max(self._value, 1.0), float(self.most))
        self._steady = self._steady + 1 if gradient == 1.0 and self._value == self.most else 0
        self._fast = self._fast and self._steady < _STEADY
        self._slow_answers = self._slow_answers + 1 if gradient < 1.0 else 0
        if self._slow_answers >= (self._patience if self._value > START else _SAMPLE):
            self._begin_measuring()

    def _begin_measuring(self) -> None:
        self._before, self._value = self._value, min(self._value, float(START))
        self._usual_before = {method: times.usual for method, times in self._times.items()}
        self._times.clear()
        self._ratio, self._deviation = 1.0, 0.0
        self._measured, self._slow_answers, self._valid_from = 0, 0, None

    def _end_measuring(self) -> None:
        self._measured += 1
        if self._before is not None and self._measured >= 2 * _RECENT:
            self._value, self._before = self._before, None
            for times in self._times.values():
                times.settled = True
            same = all(
                times.usual <= _TOLERANCE * self._usual_before.get(method, 0.0) for method, times in self._times.items()
            )
            self._patience = min(2 * self._patience, _MOST_PATIENCE) if same else _MEASURE_AFTER


@define
class CallRate:
    """How many calls may start per second. No limit as long as none is declared and the shop refuses none.

    After a refusal the rate is a little lower than the one that the shop accepted, and much lower after several
    refusals in a row. It returns to the accepted rate, remains near it for a while, and then grows faster and faster
    until the shop refuses a call again.

    Args:
        declared: The rate that the client declares.
    """

    declared: float | None = None
    _accepted: deque[float] = field(factory=deque, init=False)
    """When calls of the last seconds were accepted."""
    _ceiling: float | None = field(default=None, init=False)
    _recovery: float = field(default=_RECOVERY, init=False)
    """Seconds until the rate is again what it was. Shorter if few calls were counted."""
    _decrease: float = field(default=_DECREASE, init=False)
    """The share of the ceiling by which the rate was decreased."""
    _paused_until: float = field(default=-math.inf, init=False)
    _spaced_from: float = field(default=-math.inf, init=False)
    """Since when the last calls fill the rate."""
    _last_calls: int = field(default=0, init=False)
    """How many calls started last."""
    _asked: bool = field(default=False, init=False)
    """Whether a call started since the last refusal."""
    _failures: int = field(default=0, init=False)
    """Refusals since the last accepted call."""
    _began: float = field(default=-math.inf, init=False)
    """Since when accepted calls are counted."""
    _refused_at: float = field(default=-math.inf, init=False)
    _first_refused_at: float = field(default=-math.inf, init=False)
    """When the first of the refusals in a row came."""
    _to_learn: bool = field(default=False, init=False)
    """Whether the rate is to be learned from the last refusal."""
    _rate_before: float | None = field(default=None, init=False)
    """The rate at the first of the refusals in a row."""

    def calls_per_second(self, now: float) -> float | None:
        """The rate now; None: no limit."""
        if self._ceiling is None:
            return self.declared
        progress = max(0.0, now - self._paused_until) / self._recovery - 1.0
        change = _DECREASE if progress > 0 else self._decrease
        learned = self._ceiling * (1.0 + change * progress**3)
        return learned if self.declared is None else min(self.declared, learned)

    def delay(self, now: float) -> float:
        """Seconds until the next call may start; zero: now."""
        pause = self.pause(now)
        if pause == 0 and self._to_learn:
            self._learn()
        return max(0.0, self._next(now) - now, pause)

    def _next(self, now: float) -> float:
        """When the next call may start, by the rate now. It becomes earlier while the rate grows."""
        rate = self.calls_per_second(now)
        return -math.inf if rate is None else self._spaced_from + self._last_calls / rate

    def pause(self, now: float) -> float:
        """Seconds until the pause after a refusal ends."""
        return max(0.0, self._paused_until - now)

    def started(self, calls: int, now: float) -> None:
        """So many calls start now."""
        if not self._last_calls:
            self._began = now
        following, rate = self._next(now), self.calls_per_second(now)
        is_late = rate is not None and following > now - 1.0 / rate  # else no turn waited
        self._spaced_from = max(following, now - _CATCH_UP) if is_late else now
        self._asked, self._last_calls = True, calls

    def accepted(self, now: float) -> None:
        """The shop accepted a call."""
        self._failures = 0
        self._accepted.append(now)
        while len(self._accepted) > _SAMPLE and self._accepted[0] < now - 2 * _WINDOW:
            self._accepted.popleft()

    def refused(self, retry_after: float | None, now: float) -> None:
        """The shop refused a call. Refusals of calls that started before the first refusal count as one.

        Args:
            retry_after: The pause in seconds that the shop asks for.
            now: The monotonic time.
        """
        requested = retry_after if retry_after is not None and retry_after > 0 else 0.0
        if not self._asked or self.pause(now):
            self._paused_until = max(self._paused_until, now + requested)
            return
        if not self._failures:  # else nothing was accepted since: the time in which calls are counted becomes longer
            recent = self._accepted[-_SAMPLE] if len(self._accepted) >= _SAMPLE else -math.inf
            self._began = max(self._began, min(now - _WINDOW, recent), self._refused_at)
            self._rate_before, self._first_refused_at = self.calls_per_second(now), now
        growing = min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._paused_until = now + max(requested, _FIRST_PAUSE if requested and not self._failures else growing)
        self._failures += 1
        self._refused_at, self._asked, self._to_learn = now, False, True

    def _learn(self) -> None:
        """Set the rate to the one that the shop accepted before the last refusal.

        This happens after the pause: by then, the calls that ran beside the refused one have their answers.
        """
        count = max(1, sum(at > self._began for at in self._accepted))
        accepted = count / max(self._first_refused_at - self._began, _SHORTEST_WINDOW)
        average = max(_SLOWEST, count / max(self._refused_at - self._began, _SHORTEST_WINDOW))
        self._ceiling = max(_SLOWEST, accepted if self._rate_before is None else min(self._rate_before, accepted))
        self._decrease = max(_DECREASE, 1.0 - average / self._ceiling)
        self._recovery = max(_RECOVERY * min(count / _SAMPLE, 1.0), _SHORTEST_RECOVERY)
        self._to_learn = False


@define(eq=False)
class _Ticket:
    """One turn: it waits, then it runs.

    Args:
        calls: How many calls it makes.
        longest_pause: The longest pause after a refusal that it waits for.
    """

    calls: int
    longest_pause: float
    runs: bool = False
    awake: bool = True
    """Whether its worker will look again without being woken."""
    woken: bool = False
    condition: Condition | None = None


@define(eq=False)
class ShopGate:
    """Lets the calls of all workers of one scanner start. Thread-safe.

    Args:
        runtime: Clock and conditions.
        concurrent_calls: The most turns that run at once.
        calls_per_second: The rate that the client declares; None: learned if the shop refuses calls.
        limit: What was learned before, about the same number of calls; None: nothing.
        limiter: The limit that this scanner shares with others; None: it shares none.
        tenant: The tenant of this scanner, for the limiter.
        waited: Seconds that all workers together waited here.
    """

    runtime: Runtime
    concurrent_calls: int
    calls_per_second: float | None = None
    limit: ConcurrencyLimit | None = None
    limiter: CallLimiter | None = None
    tenant: str = ""
    waited: float = field(default=0.0, init=False)
    _lock: Condition = field(init=False, repr=False)
    _limit: ConcurrencyLimit = field(init=False)
    _rate: CallRate = field(init=False)
    _running: int = field(default=0, init=False)
    _queue: deque[_Ticket] = field(factory=deque, init=False, repr=False)
    _closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._lock = self.runtime.condition()
        self._limit = self.limit or ConcurrencyLimit(self.concurrent_calls)
        self._rate = CallRate(self.calls_per_second)

    @contextmanager
    def turn(self, calls: int = 1, *, longest_pause: float = math.inf) -> Iterator[CallPermit | None]:
        """Waits until the block may make so many calls. A block must not wait for another turn.

        The block makes each call within ``CallPermit.call``, if it receives a permit.

        Args:
            calls: How many calls the block makes. All of them are within the rate, so the block never waits.
            longest_pause: Seconds. A longer pause after a refusal is not waited for.

        Raises:
            RateLimited: The shop asked for a pause that is longer than ``longest_pause``. The block did not run.
            GateClosed: The gate is closed. The block did not run.
            LedgerError: The limit that several scanners share could not be read. The block did not run.
        """
        ticket = _Ticket(calls, longest_pause)
        try:
            with self._waiting(ticket) as permit:
                yield permit
        finally:
            self._leave(ticket)

    @contextmanager
    def _waiting(self, ticket: _Ticket) -> Iterator[CallPermit | None]:
        """Wait for this gate, and then for the shared limit. If the shop asks for a pause meanwhile, begin again."""
        self._wait(ticket)
        permit = self._acquire(ticket)
        while self.limiter is not None and not self._is_open():
            if permit is not None:
                permit.close()
            self._wait(ticket, again=True)
            permit = self._acquire(ticket)
        try:
            yield permit
        finally:
            if permit is not None:
                permit.close()

    def _acquire(self, ticket: _Ticket) -> CallPermit | None:
        if self.limiter is None:
            return None
        began = self.runtime.monotonic()
        permit = self.limiter.acquire(ticket.calls, tenant=self.tenant, is_needed=self._is_open)
        with self._lock:
            self.waited += self.runtime.monotonic() - began
        return permit

    def _is_open(self) -> bool:
        """Whether a turn that this gate has let in may start now. Takes no lock, because a ``CallLimiter`` calls it."""
        return not self._closed and not self._rate.pause(self.runtime.monotonic())

    def succeeded(self, seconds: float, method: str = "") -> None:
        """The shop answered a call, and did not refuse it because of too many calls.

        Args:
            seconds: How long the call took.
            method: The method of the client. Methods that take different times are told apart by it.
        """
        with self._lock:
            now = self.runtime.monotonic()
            self._rate.accepted(now)
            self._limit.answered(method, seconds, now, running=self._running, waiting=bool(self._queue))
            self._start_waiting()

    def refused(self, retry_after: float | None = None) -> None:
        """The shop refused a call because of too many calls. All workers pause.

        Args:
            retry_after: The pause in seconds that the shop asks for; None: chosen.
        """
        with self._lock:
            self._rate.refused(retry_after, self.runtime.monotonic())
            self._wake_all()

    def close(self) -> None:
        """Ends every wait, now and later, with ``GateClosed``. Turns that run are not affected."""
        with self._lock:
            self._closed = True
            self._wake_all()

    def _wait(self, ticket: _Ticket, *, again: bool = False) -> None:
        began = self.runtime.monotonic()
        with self._lock:
            if again:  # as the first, because it was let in before
                self._running -= 1
                ticket.runs, ticket.awake, ticket.woken = False, True, False
                self._queue.appendleft(ticket)
            else:
                self._queue.append(ticket)
        while True:
            with self._lock:
                self._start_waiting()
                now = self.runtime.monotonic()
                if ticket.runs:
                    self.waited += now - began
                    return
                self._check(ticket, now)
                timeout = None
                if self._queue[0] is ticket and self._running < self._limit.value:
                    pause = max(self._rate.pause(now), _LONGEST_STEP)
                    timeout = min(self._rate.delay(now), pause, _LONGEST_WAIT)
                ticket.awake = timeout is not None
                condition = ticket.condition = ticket.condition or self.runtime.condition()
            with condition:
                if not ticket.woken:
                    condition.wait(timeout)
                ticket.woken = False

    def _check(self, ticket: _Ticket, now: float) -> None:
        if self._closed:
            raise GateClosed
        pause = self._rate.pause(now)
        if pause > ticket.longest_pause:
            raise RateLimited(
                f"the shop asked for a pause, of which {pause:.0f} s remain; scan again after it", retry_after=pause
            )

    def _leave(self, ticket: _Ticket) -> None:
        with self._lock:
            if ticket.runs:
                self._running -= 1
            elif ticket in self._queue:
                self._queue.remove(ticket)
            self._start_waiting()

    def _start_waiting(self) -> None:
        """Let waiting turns start, as far as the rules allow it."""
        while self._queue and self._running < self._limit.value and not self._closed:
            ticket = self._queue[0]
            now = self.runtime.monotonic()
            if self._rate.delay(now) > 0:
                if not ticket.awake:
                    self._wake(ticket)  # it waits with a timeout from now on
                return
            self._queue.popleft()
            self._running += 1
            self._rate.started(ticket.calls, now)
            ticket.runs = True
            self._wake(ticket)

    def _wake_all(self) -> None:
        for ticket in self._queue:
            self._wake(ticket)

    def _wake(self, ticket: _Ticket) -> None:
        ticket.awake = True
        if ticket.condition is not None:
            with ticket.condition:
                ticket.woken = True
                ticket.condition.notify_all()

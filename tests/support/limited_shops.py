"""Shops with limits, under a virtual clock: how many calls they allow, and how long they take when they have many."""

import random as randomness
from collections import deque
from collections.abc import Callable

from attrs import define, field

from remote_artwork.fulfillment.gate import ConcurrencyLimit, ShopGate
from simulation.scheduler import Chooser, Process, Scheduler, SimulatedRuntime

Limit = Callable[[float], float | None]
"""The time of a call → None if it is served; if not, in how many seconds the next call may be."""


def unlimited(_now: float) -> None:
    """Serves every call."""


@define
class FixedWindow:
    """Serves so many calls in each interval. The intervals begin at fixed times."""

    calls: int
    interval: float = 1.0
    phase: float = 0.0
    _window: int = -1
    _count: int = 0

    def __call__(self, now: float) -> float | None:
        """See ``Limit``."""
        window = int((now + self.phase) // self.interval)
        if window != self._window:
            self._window, self._count = window, 0
        self._count += 1
        return None if self._count <= self.calls else (window + 1) * self.interval - self.phase - now


@define
class SlidingWindow:
    """Serves so many calls in any interval."""

    calls: int
    interval: float = 1.0
    _served: deque[float] = field(factory=deque)

    def __call__(self, now: float) -> float | None:
        """See ``Limit``."""
        while self._served and self._served[0] <= now - self.interval:
            self._served.popleft()
        if len(self._served) >= self.calls:
            return self._served[0] + self.interval - now
        self._served.append(now)
        return None


@define
class TokenBucket:
    """Adds tokens at a constant rate; each call takes one. A leaky bucket that counts calls is the same."""

    rate: float
    capacity: float
    _tokens: float = field(init=False)
    _at: float = 0.0

    def __attrs_post_init__(self) -> None:
        self._tokens = self.capacity

    def __call__(self, now: float) -> float | None:
        """See ``Limit``."""
        self._tokens = min(self.capacity, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1.0 - 1e-9:
            return (1.0 - self._tokens) / self.rate
        self._tokens -= 1.0
        return None


@define
class EveryThirdRefused:
    """Refuses every third call in any case, and what another limit refuses."""

    limit: Limit
    _asked: int = 0

    def __call__(self, now: float) -> float | None:
        """See ``Limit``."""
        self._asked += 1
        wait = self.limit(now)
        return 1.0 if wait is None and self._asked % 3 == 0 else wait


@define(eq=False)
class LimitedShop:
    """Serves calls, and records what it was asked.

    Args:
        runtime: The clock.
        limit: Which calls it refuses.
        latency: How many calls run → the duration of a call that starts now.
        says_when: Whether a refusal says when to try again.
    """

    runtime: SimulatedRuntime
    limit: Limit
    latency: Callable[[int], float]
    says_when: bool = False
    asked: list[float] = field(factory=list)
    refused: list[float] = field(factory=list)
    served: list[tuple[float, float]] = field(factory=list)
    """When each call that was served began and ended."""
    running: int = 0
    most: int = 0
    reached: dict[int, int] = field(factory=dict)
    """How many calls ran → how many had been asked for when so many ran first."""

    def call(self, gate: ShopGate) -> bool:
        """One call, as a client makes it. Returns False if the shop refuses it."""
        began = self.runtime.monotonic()
        self.asked.append(began)
        wait = self.limit(began)
        if wait is not None:
            self.refused.append(began)
            self.runtime.sleep(0.02)
            gate.refused(wait if self.says_when else None)
            return False
        self.running += 1
        self.most = max(self.most, self.running)
        self.reached.setdefault(self.running, len(self.asked))
        self.runtime.sleep(self.latency(self.running))
        self.running -= 1
        self.served.append((began, self.runtime.monotonic()))
        gate.succeeded(self.runtime.monotonic() - began)
        return True

    def asked_per_second(self, begin: float, end: float) -> float:
        """The mean number of calls per second in an interval."""
        return sum(begin <= at < end for at in self.asked) / (end - begin)

    def served_per_second(self, begin: float, end: float) -> float:
        """The mean number of calls per second that were answered in an interval."""
        return sum(begin <= at < end for _, at in self.served) / (end - begin)

    def mean_running(self, begin: float, end: float) -> float:
        """How many calls ran at once in an interval, on average."""
        return sum(max(0.0, min(end, stop) - max(begin, start)) for start, stop in self.served) / (end - begin)


def first(ready: list, _current: object) -> object:
    """Tasks run in the order in which they became ready."""
    return ready[0]


@define(eq=False)
class Workers:
    """Workers that make calls all the time, each in turns, until the time is over.

    Args:
        limit: What the shop allows.
        latency: How many calls run → how long a call takes.
        count: How many workers there are.
        concurrent_calls: What the client declares.
        calls_per_second: What the client declares.
        calls: How many calls one turn makes.
        says_when: Whether a refusal says when to try again.
        think: Seconds between two turns of a worker.
        limit_before: What another gate has learned about the shop.
        choose: Decides which worker goes on.
    """

    limit: Limit = unlimited
    latency: Callable[[int], float] = field(default=lambda _running: 0.1)
    count: int = 32
    concurrent_calls: int = 32
    calls_per_second: float | None = None
    calls: int = 1
    says_when: bool = False
    think: Callable[[], float] = field(default=lambda: 0.0)
    choose: Chooser = first
    limit_before: ConcurrencyLimit | None = None
    scheduler: Scheduler = field(init=False)
    runtime: SimulatedRuntime = field(init=False)
    shop: LimitedShop = field(init=False)
    gate: ShopGate = field(init=False)
    turns: dict[int, int] = field(factory=dict, init=False)
    limits: list[tuple[float, int]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.scheduler = Scheduler(self.choose, most_switches=10_000_000)
        self.runtime = SimulatedRuntime(self.scheduler, Process("scanner"))
        self.shop = LimitedShop(self.runtime, self.limit, self.latency, self.says_when)
        self.gate = ShopGate(self.runtime, self.concurrent_calls, self.calls_per_second, self.limit_before)

    def work(self, *, until: float) -> "Workers":
        """Run all workers until this time."""
        for number in range(self.count):
            self.turns[number] = 0
            self.runtime.spawn(lambda number=number: self._work(number, until), name=f"worker {number}")
        self.scheduler.run()
        return self

    def _work(self, number: int, until: float) -> None:
        while self.runtime.monotonic() < until:
            with self.gate.turn(self.calls):
                self.turns[number] += 1
                for _ in range(self.calls):
                    if not self.shop.call(self.gate):
                        break
            if seconds := self.think():
                self.runtime.sleep(seconds)


def constant(seconds: float) -> Callable[[int], float]:
    """Each call takes the same time, however many run."""
    return lambda _running: seconds


def jittered(seconds: float, spread: float, seed: int = 1) -> Callable[[int], float]:
    """Each call takes between ``1 - spread`` and ``1 + spread`` times this long."""
    draw = randomness.Random(seed)
    return lambda _running: seconds * draw.uniform(1.0 - spread, 1.0 + spread)


def serves_at_once(capacity: int, seconds: float, *, thrash: float = 0.0, seed: int = 1) -> Callable[[int], float]:
    """A shop that works on so many calls at once. More calls take longer, and even more so if it thrashes."""
    draw = randomness.Random(seed)

    def latency(running: int) -> float:
        load = max(1.0, running / capacity)
        return seconds * load * (1.0 + thrash * max(0, running - capacity)) * draw.uniform(0.8, 1.2)

    return latency

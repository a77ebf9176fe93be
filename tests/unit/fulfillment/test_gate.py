"""``ShopGate``: how many calls run at once, how many start per second, and who waits, under a virtual clock."""

import threading
from bisect import bisect_right
from itertools import pairwise
from random import Random

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from limited_shops import (
    EveryThirdRefused,
    FixedWindow,
    SlidingWindow,
    TokenBucket,
    Workers,
    constant,
    first,
    jittered,
    serves_at_once,
    unlimited,
)
from remote_artwork.errors import RateLimited
from remote_artwork.fulfillment.gate import GateClosed, ShopGate
from remote_artwork.runtime import THREADS
from simulation.scheduler import Process, Scheduler, SimulatedRuntime

SHOPS_WITH_TWO_CALLS_PER_SECOND = {
    "one-second windows": lambda: FixedWindow(2),
    "any second": lambda: SlidingWindow(2),
    "a small bucket": lambda: TokenBucket(2, 2),
    "a large bucket": lambda: TokenBucket(2, 40),
}


class Stage:
    """A gate and tasks, under a virtual clock."""

    def __init__(self, concurrent_calls, calls_per_second=None, choose=first):
        self.scheduler = Scheduler(choose)
        self.runtime = SimulatedRuntime(self.scheduler, Process("scanner"))
        self.gate = ShopGate(self.runtime, concurrent_calls, calls_per_second)
        self.log = []
        self.tasks = []

    def task(self, function):
        """A task; its errors fail the test."""
        self.tasks.append(self.runtime.spawn(function, name=f"task {len(self.tasks)}"))

    def turn(self, name, *, seconds=1.0, **options):
        """A turn that takes so long. Logs its beginning, or why it did not begin."""
        try:
            with self.gate.turn(**options):
                self.log.append((name, round(self.runtime.monotonic(), 6)))
                self.runtime.sleep(seconds)
        except (RateLimited, GateClosed) as error:
            self.log.append((name, type(error), round(self.runtime.monotonic(), 6)))

    def run(self):
        """Run all tasks."""
        self.scheduler.run()
        for task in self.tasks:
            if task.task.error is not None:
                raise task.task.error
        return self.log


def test_turns_start_in_the_order_in_which_they_were_asked_for():
    stage = Stage(1)
    for name in "abcd":
        stage.task(lambda name=name: stage.turn(name))
    assert stage.run() == [("a", 0), ("b", 1), ("c", 2), ("d", 3)]


def test_a_gate_works_with_one_thread():
    stage = Stage(1, calls_per_second=2.0)
    stage.task(lambda: [stage.turn(name, seconds=0) for name in "abc"])
    assert stage.run() == [("a", 0), ("b", 0.5), ("c", 1)]


def test_a_turn_that_fails_gives_its_place_to_the_next():
    stage = Stage(1)

    def fail():
        with pytest.raises(KeyError), stage.gate.turn():
            raise KeyError("the call failed")

    stage.task(fail)
    stage.task(lambda: stage.turn("b"))
    assert stage.run() == [("b", 0)]


def test_a_turn_of_several_calls_never_waits_inside():
    stage = Stage(4, calls_per_second=2.0)
    for name in "abc":
        stage.task(lambda name=name: stage.turn(name, calls=2))
    assert stage.run() == [("a", 0), ("b", 1), ("c", 2)]


def test_a_refusal_pauses_all_workers():
    stage = Stage(2)

    def refused():
        with stage.gate.turn():
            stage.gate.refused(5.0)

    stage.task(refused)
    for name in "ab":
        stage.task(lambda name=name: (stage.runtime.sleep(1.0), stage.turn(name, seconds=0)))
    (_, started), (_, second) = stage.run()
    assert started == 5.0
    assert second > 5.0
    assert stage.gate.waited == pytest.approx(4.0 + second - 1.0)


def test_a_pause_that_is_too_long_is_not_waited_for():
    stage = Stage(1)

    def refused():
        with stage.gate.turn():
            stage.runtime.sleep(1.0)
            stage.gate.refused(3600.0)

    stage.task(refused)
    stage.task(lambda: stage.turn("waits already", longest_pause=20.0))
    stage.task(lambda: (stage.runtime.sleep(2.0), stage.turn("comes later", longest_pause=20.0)))
    stage.task(lambda: stage.turn("has time"))
    assert stage.run() == [
        ("waits already", RateLimited, 1.0),
        ("comes later", RateLimited, 2.0),
        ("has time", 3601.0),
    ]


@pytest.mark.parametrize("retry_after", [None, 0.0, -5.0, float("nan")])
def test_a_refusal_without_a_usable_pause_pauses_for_a_moment(retry_after):
    stage = Stage(1)

    def refused():
        with stage.gate.turn():
            stage.gate.refused(retry_after)
        stage.turn("again")

    stage.task(refused)
    [(_, started)] = stage.run()
    assert 1.0 <= started <= 1.2


def test_pauses_grow_while_the_shop_refuses_everything():
    stage = Stage(1)

    def refused():
        for number in range(8):
            stage.turn(number, seconds=0)
            stage.gate.refused(None)

    stage.task(refused)
    starts = [at for _, at in stage.run()]
    pauses = [round(after - before, 6) for before, after in pairwise(starts)]
    shortest = [1, 2, 4, 8, 16, 32, 60]
    assert all(least <= pause <= 1.3 * least for pause, least in zip(pauses, shortest, strict=True)), pauses


def test_refusals_of_calls_that_ran_at_the_same_time_count_once():
    stage = Stage(4)

    def refused():
        with stage.gate.turn():
            stage.runtime.sleep(0.1)
            stage.gate.refused(None)
        stage.turn("again", seconds=0)

    for _ in range(4):
        stage.task(refused)
    assert 1.1 <= stage.run()[0][1] <= 1.3  # else the pause would be 8 s


def test_a_closed_gate_ends_all_waits():
    stage = Stage(1)
    for name in "abc":
        stage.task(lambda name=name: stage.turn(name, seconds=10.0))
    stage.task(lambda: (stage.runtime.sleep(1.0), stage.gate.close()))
    stage.task(lambda: (stage.runtime.sleep(2.0), stage.turn("d")))
    assert stage.run() == [("a", 0), ("b", GateClosed, 1), ("c", GateClosed, 1), ("d", GateClosed, 2)]


def test_a_shop_that_does_not_get_slower_gets_all_calls_at_once_soon():
    shop = Workers(latency=constant(0.1)).work(until=2.0).shop
    assert shop.most == 32
    assert shop.reached[32] <= 32 + 60


@pytest.mark.parametrize("capacity", [4, 6, 8])
def test_a_shop_that_gets_slower_gets_about_as_many_calls_as_it_serves(capacity):
    shop = Workers(latency=serves_at_once(capacity, 0.1, thrash=0.03)).work(until=60.0).shop
    assert capacity <= shop.mean_running(20.0, 60.0) <= 1.25 * capacity + 2
    assert shop.served_per_second(20.0, 60.0) >= 0.9 * 10 * capacity


@pytest.mark.parametrize("spread", [0.2, 0.5, 0.8])
def test_times_that_differ_by_chance_do_not_count_as_slower(spread):
    shop = Workers(latency=jittered(0.1, spread)).work(until=60.0).shop
    assert shop.mean_running(20.0, 60.0) >= 28


def test_a_shop_that_became_slower_for_another_reason_still_gets_many_calls():
    workers = Workers()
    workers.shop.latency = lambda _running: 0.1 if workers.runtime.monotonic() < 20.0 else 0.25
    assert workers.work(until=120.0).shop.mean_running(80.0, 120.0) >= 28


@pytest.mark.parametrize("latency", [0.0, 0.00001])
def test_calls_that_take_no_time_are_not_slower_than_others(latency):
    workers = Workers(latency=lambda running: latency * running, think=lambda: 0.001).work(until=0.5)
    assert workers.shop.served_per_second(0.0, 0.5) > 1000


def test_a_gate_starts_with_as_many_calls_as_were_learned_before():
    learned = Workers(latency=constant(0.1)).work(until=2.0).gate
    next_scan = Workers(latency=constant(0.1), limit_before=learned._limit).work(until=0.05).shop
    assert next_scan.most == 32


def test_a_slow_client_does_not_have_its_shop_measured_again_and_again():
    """With 32 calls at once, each takes 1.4 times as long, because the processor of the client is busy."""
    shop = Workers(latency=lambda running: 0.1 + 0.04 * running / 32).work(until=120.0).shop
    assert shop.mean_running(60.0, 120.0) >= 30


def test_one_call_at_once_stays_one():
    assert Workers(concurrent_calls=1).work(until=60.0).shop.most == 1


@pytest.mark.parametrize("calls", [1, 2])
def test_a_declared_rate_is_kept(calls):
    workers = Workers(calls_per_second=2.0, calls=calls).work(until=600.0)
    assert workers.shop.asked_per_second(0.0, 600.0) == pytest.approx(2.0, rel=0.05)
    assert all(workers.shop.asked_per_second(at, at + 10.0) <= 2.2 for at in range(590))


@pytest.mark.parametrize("says_when", [False, True])
@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("limit", SHOPS_WITH_TWO_CALLS_PER_SECOND.values(), ids=SHOPS_WITH_TWO_CALLS_PER_SECOND)
def test_a_rate_that_is_not_declared_is_learned(limit, calls, says_when):
    workers = Workers(limit=limit(), calls=calls, says_when=says_when, latency=jittered(0.1, 0.3))
    shop = workers.work(until=600.0).shop
    assert 1.8 <= shop.served_per_second(60.0, 600.0) <= 2.05
    assert shop.asked_per_second(60.0, 600.0) <= 2.2
    assert len(shop.refused) <= 60
    assert sum(at >= 60.0 for at in shop.refused) <= 0.025 * len(shop.asked)


@pytest.mark.parametrize("calls", [1, 2])
def test_a_shop_that_refuses_every_third_call_is_not_asked_more_than_its_limit(calls):
    shop = Workers(limit=EveryThirdRefused(FixedWindow(2)), calls=calls).work(until=600.0).shop
    assert all(shop.asked_per_second(at, at + 60.0) <= 2.0 for at in range(60, 540))
    assert shop.served_per_second(60.0, 600.0) > 0.05


def test_one_refusal_does_not_slow_a_fast_shop_for_long():
    answers = iter([None, None, None, 0.5])
    shop = Workers(limit=lambda _now: next(answers, None), latency=constant(0.3)).work(until=60.0).shop
    assert len(shop.refused) == 1
    assert shop.served_per_second(40.0, 60.0) > 90


@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize(("ends", "by"), [(35.0, 100.0), (60.0, 120.0), (150.0, 240.0)])
def test_a_shop_that_refused_everything_for_a_while_has_its_rate_again_soon(ends, by, calls):
    limit = FixedWindow(10)
    shop = Workers(limit=lambda now: 1.0 if 30.0 <= now < ends else limit(now), calls=calls).work(until=by + 60.0).shop
    assert shop.served_per_second(by, by + 60.0) >= 8.0
    assert len(shop.refused) <= 60


def test_refusals_in_a_row_do_not_make_the_rate_low_for_long():
    limit, asked = FixedWindow(10), iter(range(10_000))
    shop = Workers(limit=lambda now: 1.0 if 50 < next(asked) <= 53 else limit(now)).work(until=120.0).shop
    assert shop.served_per_second(60.0, 120.0) >= 8.0


def test_a_limit_that_becomes_lower_is_learned_and_one_that_becomes_higher_too():
    high, low = FixedWindow(20), FixedWindow(2)
    shop = Workers(limit=lambda now: (low if 60 <= now < 180 else high)(now)).work(until=420.0).shop
    assert shop.served_per_second(20.0, 60.0) >= 18
    assert 1.8 <= shop.asked_per_second(80.0, 180.0) <= 2.2
    assert shop.served_per_second(360.0, 420.0) >= 16
    assert len(shop.refused) <= 60


@given(
    count=st.integers(1, 12),
    concurrent_calls=st.integers(1, 12),
    calls_per_second=st.none() | st.floats(0.5, 50.0),
    calls=st.integers(1, 4),
    allowed=st.none() | st.integers(1, 20),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_no_limit_is_exceeded_and_nobody_starves(count, concurrent_calls, calls_per_second, calls, allowed, seed):
    draw = Random(seed)
    workers = Workers(
        limit=unlimited if allowed is None else FixedWindow(allowed),
        latency=jittered(0.1, 0.9, seed),
        count=count,
        concurrent_calls=concurrent_calls,
        calls_per_second=calls_per_second,
        calls=calls,
        choose=lambda ready, _current: draw.choice(ready),
    ).work(until=30.0)
    assert workers.shop.most <= concurrent_calls
    assert max(workers.turns.values()) - min(workers.turns.values()) <= 1 + max(workers.turns.values()) // 3
    assert min(workers.turns.values()) > 0
    if calls_per_second is not None:
        asked = workers.shop.asked
        for length in (1.0, 10.0):
            most = max(bisect_right(asked, at + length) - index for index, at in enumerate(asked))
            assert most <= calls_per_second * 1.1 * length + 2 * calls


@given(seed=st.integers(0, 10_000), count=st.integers(2, 12), concurrent_calls=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_a_gate_that_is_closed_at_any_moment_lets_nobody_wait(seed, count, concurrent_calls):
    draw = Random(seed)
    stage = Stage(concurrent_calls, choose=lambda ready, _current: draw.choice(ready))

    def work(name):
        for number in range(5):
            stage.turn((name, number), seconds=draw.choice((0.0, 0.1)))
            if draw.random() < 0.2:
                stage.gate.refused(draw.choice((None, 0.5, 3600.0)))

    for name in range(count):
        stage.task(lambda name=name: work(name))
    stage.task(lambda: (stage.runtime.sleep(draw.choice((0.0, 0.1, 2.0))), stage.gate.close()))
    assert len(stage.run()) == 5 * count  # each turn ran, or was refused: else the scheduler finds a deadlock
    assert stage.runtime.monotonic() < 60.0


@define(eq=False)
class Limiter:
    """A shared limit that lets turns start at given times. Records what it was asked."""

    runtime: object
    opens_at: float = 0.0
    log: list = field(factory=list)

    def acquire(self, calls, *, tenant, is_needed):
        while self.runtime.monotonic() < self.opens_at and is_needed():
            self.runtime.sleep(0.25)
        if not is_needed():
            return None
        self.log.append(("acquired", calls, tenant, self.runtime.monotonic()))
        return self

    def close(self):
        self.log.append(("closed", self.runtime.monotonic()))


def test_a_turn_waits_for_the_limit_that_scanners_share():
    stage = Stage(1)
    stage.gate.limiter, stage.gate.tenant = Limiter(stage.runtime, opens_at=3.0), "acme"
    stage.task(lambda: stage.turn("a", calls=2))
    assert stage.run() == [("a", 3.0)]
    assert stage.gate.limiter.log == [("acquired", 2, "acme", 3.0), ("closed", 4.0)]
    assert stage.gate.waited == 3.0


def test_a_pause_that_begins_during_the_wait_for_the_shared_limit_is_waited_for():
    stage = Stage(2)
    stage.gate.limiter = Limiter(stage.runtime, opens_at=3.0)
    stage.task(lambda: stage.turn("a"))
    stage.task(lambda: (stage.runtime.sleep(1.0), stage.gate.refused(10.0)))
    [(_, started)] = stage.run()
    assert started >= 11.0
    assert [entry[0] for entry in stage.gate.limiter.log] == ["acquired", "closed"]


def test_a_permit_is_given_back_if_a_pause_begins_at_the_same_moment():
    stage = Stage(2)

    class RefusedMeanwhile(Limiter):
        def acquire(self, calls, *, tenant, is_needed):
            permit = super().acquire(calls, tenant=tenant, is_needed=is_needed)
            if len(self.log) == 1:
                stage.gate.refused(10.0)
            return permit

    stage.gate.limiter = RefusedMeanwhile(stage.runtime)
    stage.task(lambda: stage.turn("a"))
    [(_, started)] = stage.run()
    assert started >= 10.0
    assert [entry[0] for entry in stage.gate.limiter.log] == ["acquired", "closed", "acquired", "closed"]


def test_a_thread_begins_again_when_the_shop_asks_for_a_pause_meanwhile():
    gate, answers = ShopGate(THREADS, 1), iter([None, "permit", "permit"])

    class Permit:
        def close(self):
            closed.append(1)

    class RefusedMeanwhile:
        def acquire(self, _calls, *, is_needed, **_options):
            answer = next(answers)
            if len(asked) < 2:
                gate.refused(0.01)
            asked.append(is_needed())
            return answer and Permit()

    closed, asked, gate.limiter = [], [], RefusedMeanwhile()
    with gate.turn():
        pass
    assert asked == [False, False, True]
    assert len(closed) == 2


def test_a_gate_that_is_closed_ends_the_wait_for_the_shared_limit():
    stage = Stage(1)
    stage.gate.limiter = Limiter(stage.runtime, opens_at=1000.0)
    stage.task(lambda: stage.turn("a"))
    stage.task(lambda: stage.turn("b"))
    stage.task(lambda: (stage.runtime.sleep(1.1), stage.gate.close()))
    assert stage.run() == [("b", GateClosed, 1.1), ("a", GateClosed, 1.25)]


def test_many_threads_of_the_operating_system_take_turns():
    gate, lock, running, most, done = ShopGate(THREADS, 6), threading.Lock(), 0, 0, []

    def work(name):
        nonlocal running, most
        for _ in range(200):
            with gate.turn():
                with lock:
                    running += 1
                    most = max(most, running)
                gate.succeeded(0.01)
                with lock:
                    running -= 1
        done.append(name)

    tasks = [THREADS.spawn(lambda name=name: work(name), name=f"gate {name}") for name in range(24)]
    for task in tasks:
        task.join()
    assert sorted(done) == list(range(24))
    assert most <= 6

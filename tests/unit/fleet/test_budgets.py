"""Budgets that scanners share, under a virtual clock."""

import os
import threading
import time
from bisect import bisect_left
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from random import Random

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from limited_shops import first
from remote_artwork.errors import ConfigurationError, InvalidLedger, LedgerUnavailable
from remote_artwork.fleet import CallBudget, MemoryCallShares, StorageBudget
from remote_artwork.retry import RetryPolicy
from remote_artwork.runtime import THREADS
from simulation.scheduler import Process, Scheduler, SimulatedRuntime

ENDPOINT = "https://storage.example"


class Stage:
    """Tasks of several processes, under a virtual clock."""

    def __init__(self, choose=first):
        self.scheduler = Scheduler(choose, most_switches=5_000_000)
        self.runtime = self.process("first")
        self.tasks = []

    def process(self, name):
        return SimulatedRuntime(self.scheduler, Process(name))

    def task(self, function, runtime=None):
        """A task; its errors fail the test."""
        self.tasks.append((runtime or self.runtime).spawn(function, name=f"task {len(self.tasks)}"))

    def run(self):
        self.scheduler.run()
        for task in self.tasks:
            if task.task.error is not None:
                raise task.task.error


# --- Requests at a storage endpoint ---


class Requests:
    """Makes requests of tenants, and records who ran when."""

    def __init__(self, in_flight):
        self.stage = Stage()
        self.budget = StorageBudget(in_flight, runtime=self.stage.runtime)
        self.running, self.most, self.log = Counter(), Counter(), []

    def request(self, tenant, *, seconds=1.0, endpoint=ENDPOINT):
        with self.budget.tenant(tenant).request(endpoint):
            self.running[endpoint] += 1
            self.most[endpoint] = max(self.most[endpoint], self.running[endpoint])
            self.log.append((tenant, round(self.stage.runtime.monotonic(), 6)))
            self.stage.runtime.sleep(seconds)
            self.running[endpoint] -= 1

    def run(self):
        self.stage.run()
        return self.log


def test_no_more_requests_run_at_once_than_the_budget_allows():
    requests = Requests(3)
    for tenant in "abcdefg":
        requests.stage.task(lambda tenant=tenant: requests.request(tenant))
    assert [at for _, at in requests.run()] == [0, 0, 0, 1, 1, 1, 2]
    assert requests.most == {ENDPOINT: 3}


def test_each_endpoint_has_its_own_budget():
    requests = Requests(1)
    for endpoint in (ENDPOINT, "https://other.example"):
        requests.stage.task(lambda endpoint=endpoint: requests.request("a", endpoint=endpoint))
    assert [at for _, at in requests.run()] == [0, 0]


def test_a_tenant_with_many_requests_does_not_delay_the_others():
    requests = Requests(2)
    for _ in range(10):
        requests.stage.task(lambda: requests.request("large"))
    requests.stage.task(lambda: (requests.stage.runtime.sleep(0.5), requests.request("small")))
    assert ("small", 0.5) in requests.run() or ("small", 1.0) in requests.log


def test_requests_that_hang_leave_places_for_other_tenants():
    requests = Requests(4)
    for _ in range(10):
        requests.stage.task(lambda: requests.request("hanging", seconds=1000.0))
    for _ in range(5):
        requests.stage.task(lambda: (requests.stage.runtime.sleep(0.5), requests.request("healthy")))
    assert [at for tenant, at in requests.run() if tenant == "healthy"] == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_requests_that_fail_give_back_their_place():
    requests = Requests(1)

    def fail():
        with pytest.raises(KeyError), requests.budget.tenant("a").request(ENDPOINT):
            raise KeyError

    requests.stage.task(fail)
    requests.stage.task(lambda: requests.request("b"))
    assert requests.run() == [("b", 0)]


def test_requests_of_a_reservation_do_not_wait_for_others():
    requests = Requests(2)

    def look():
        with requests.budget.tenant("look").reserve(ENDPOINT):
            requests.stage.runtime.sleep(2.0)
            for _ in range(2):
                requests.request("look", seconds=0.25)
            requests.request("elsewhere", endpoint="https://other.example", seconds=0.0)

    requests.stage.task(look)
    for _ in range(5):
        requests.stage.task(lambda: requests.request("other"))
    log = requests.run()
    assert [at for tenant, at in log if tenant == "look"] == [2.0, 2.25]
    assert [at for tenant, at in log if tenant == "other"] == [0, 1, 2, 2.5, 3]
    assert ("elsewhere", 2.5) in log


def test_two_requests_of_one_reservation_run_one_after_another_or_in_free_places():
    stage_free, stage_full = Requests(2), Requests(1)
    for requests in (stage_free, stage_full):
        stage = requests.stage

        def look(requests=requests, stage=stage):
            with requests.budget.tenant("look").reserve(ENDPOINT):
                context = copy_context()
                beside = stage.runtime.spawn(lambda: context.run(requests.request, "look"), name="beside")
                requests.request("look")
                beside.join()

        stage.task(look)
    assert [at for _, at in stage_free.run()] == [0, 0]
    assert [at for _, at in stage_full.run()] == [0, 1]


def test_a_request_that_outlives_its_reservation_keeps_the_place():
    requests = Requests(1)

    def look():
        with requests.budget.tenant("look").reserve(ENDPOINT):
            context = copy_context()

            def look_beside():
                for _ in range(2):
                    context.run(requests.request, "look", seconds=2.0)

            requests.stage.task(look_beside)
            requests.stage.runtime.sleep(1.0)

    requests.stage.task(look)
    requests.stage.task(lambda: requests.request("other"))
    assert requests.run() == [("look", 0), ("other", 2.0), ("look", 3.0)]
    assert requests.most == {ENDPOINT: 1}


@pytest.mark.parametrize("in_flight", [0, -1, 1.5, True, None])
def test_a_storage_budget_is_a_whole_number(in_flight):
    with pytest.raises(ConfigurationError, match=r"StorageBudget\.in_flight must be a whole number from 1"):
        StorageBudget(in_flight)


@given(
    in_flight=st.integers(1, 6),
    requests=st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.0, 2.0), st.floats(0.0, 2.0)), max_size=25),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_every_request_runs_and_never_more_than_allowed(in_flight, requests, seed):
    made = Requests(in_flight)
    draw = Random(seed)
    made.stage.scheduler.choose = lambda ready, _current: draw.choice(ready)
    for tenant, after, seconds in requests:
        made.stage.task(
            lambda tenant=tenant, after=after, seconds=seconds: (
                made.stage.runtime.sleep(after),
                made.request(tenant, seconds=seconds),
            )
        )
    assert len(made.run()) == len(requests)
    assert made.most[ENDPOINT] <= in_flight


# --- Calls per second of a shop API ---


@define(eq=False)
class Callers:
    """Processes whose workers make calls of one API all the time."""

    calls_per_second: float
    latency: float = 0.02
    draw: Random = field(factory=lambda: Random(1))
    stage: Stage = field(factory=Stage)
    counted: list = field(factory=list)
    """When the shop counted each call, and for which tenant."""
    shares: object = None

    def __attrs_post_init__(self):
        self.shares = self.shares or MemoryCallShares(runtime=self.stage.runtime)

    def process(self, tenants, *, workers=4, calls=2, until=30.0, begins=0.0, latency=None, arrives_within=0.1):
        runtime = self.stage.process(f"process {tenants}")
        budget = CallBudget(
            "shop",
            self.calls_per_second,
            self.shares,
            runtime=runtime,
            retry=RetryPolicy(sleep=runtime.sleep),
            arrives_within=arrives_within,
        )
        for tenant in tenants:
            for _ in range(workers):
                self.stage.task(
                    lambda tenant=tenant: self._work(budget, tenant, calls, begins, until, latency or self.latency),
                    runtime,
                )
        return budget

    def _work(self, budget, tenant, calls, begins, until, latency):
        runtime = budget.runtime
        runtime.sleep(begins)
        while runtime.monotonic() < until:
            permit = budget.acquire(calls, tenant=tenant, is_needed=lambda: True)
            for _ in range(calls):
                with permit.call():
                    on_the_way = self.draw.uniform(0.0, min(latency, 0.1))
                    runtime.sleep(on_the_way)
                    self.counted.append((runtime.monotonic(), tenant))
                    runtime.sleep(latency - on_the_way)
            permit.close()

    def run(self):
        self.stage.run()
        self.counted.sort()
        return self

    def per_second(self, begin, end, tenants=None):
        return sum(begin <= at < end and (tenants is None or who in tenants) for at, who in self.counted) / (
            end - begin
        )

    def most_in(self, seconds):
        """The most calls that the shop counted in any interval of this length."""
        times = [at for at, _ in self.counted]
        return max(bisect_left(times, at + seconds - 1e-9) - index for index, at in enumerate(times))


@pytest.mark.parametrize("rate", [2, 5, 10, 40])
@pytest.mark.parametrize("processes", ["a", "ab", "abc"])
def test_no_second_has_more_calls_than_the_limit_and_almost_as_many_are_made(processes, rate):
    callers = Callers(rate)
    for tenant in processes:
        callers.process(tenant, workers=16)
    callers.run()
    assert callers.most_in(1.0) <= rate
    turns = rate // 2 * 2 / rate  # with an odd rate, one place is not enough for a turn of two calls
    enough = 0.9 * turns if rate >= 2 * len(processes) else 0.6  # else the processes take turns
    assert callers.per_second(5.0, 30.0) >= enough * rate


def test_slow_answers_do_not_reduce_the_calls_much():
    callers = Callers(20, latency=1.5)
    for tenant in "ab":
        callers.process(tenant, workers=40, calls=1)
    callers.run()
    assert callers.most_in(1.0) <= 20
    assert callers.per_second(5.0, 30.0) >= 0.9 * 20


@pytest.mark.parametrize(("rate", "calls"), [(0.5, 1), (0.5, 2), (1, 2), (2.5, 1)])
def test_a_rate_with_a_fraction_or_below_one_turn_is_kept_on_average(rate, calls):
    callers = Callers(rate)
    callers.process("a", calls=calls, until=120.0)
    callers.run()
    assert 0.8 * rate <= callers.per_second(0.0, 120.0) <= rate * 1.02 + calls / 120


def test_each_tenant_gets_the_same_wherever_it_is():
    callers = Callers(24)
    callers.process("abc", workers=8)
    callers.process("d", workers=20)
    callers.run()
    each = [callers.per_second(5.0, 30.0, tenant) for tenant in "abcd"]
    assert min(each) >= 0.8 * max(each)


def test_a_process_that_begins_later_gets_its_share_soon_and_one_that_ends_leaves_its_own():
    callers = Callers(20)
    callers.process("a", until=60.0, workers=12)
    callers.process("b", begins=20.0, until=40.0, workers=12)
    callers.run()
    assert callers.most_in(1.0) <= 20
    assert callers.per_second(22.0, 40.0, "b") >= 0.85 * 10
    assert callers.per_second(43.0, 60.0, "a") >= 0.9 * 20


def test_the_share_of_a_killed_process_is_free_after_seconds():
    callers = Callers(20)
    killed = callers.process("a", until=60.0, workers=12)
    callers.process("b", until=40.0, workers=12)
    callers.stage.task(
        lambda: (callers.stage.runtime.sleep(20.0), callers.stage.scheduler.kill(killed.runtime.process))
    )
    callers.run()
    assert callers.most_in(1.0) <= 20
    assert callers.per_second(24.0, 40.0, "b") >= 0.9 * 20


def test_the_share_of_a_closed_budget_is_free_as_soon_as_its_calls_are():
    stage = Stage()
    shares = MemoryCallShares(runtime=stage.runtime)
    first, second = (CallBudget("shop", 4, shares, runtime=stage.runtime) for _ in range(2))
    started = []

    def end():
        permit = first.acquire(1, tenant="a", is_needed=lambda: True)
        with permit.call():
            pass
        permit.close()
        first.close()

    def begin():
        stage.runtime.sleep(0.1)
        for _ in range(4):
            permit = second.acquire(1, tenant="b", is_needed=lambda: True)
            started.append(round(stage.scheduler.now, 1))
            with permit.call():
                pass

    stage.task(end)
    stage.task(begin)
    stage.run()
    assert started == [0.1, 0.1, 0.1, 1.1]


def test_few_calls_cost_few_leases():
    callers = Callers(20, shares=CountedShares())
    callers.shares.shares = MemoryCallShares(runtime=callers.stage.runtime)
    callers.process("a", workers=1, until=20.0)
    callers.run()
    assert callers.shares.leases <= 2 * 20 + 4


def test_calls_that_were_not_made_are_given_back():
    callers = Callers(2)
    budget = CallBudget("shop", 2, callers.shares, runtime=callers.stage.runtime)
    started = []

    def order_that_changed():
        for _ in range(5):
            budget.acquire(2, tenant="a", is_needed=lambda: True).close()
        started.append(callers.stage.runtime.monotonic())

    callers.stage.task(order_that_changed)
    callers.stage.run()
    assert started == [0.0]


def test_a_call_that_is_no_longer_needed_stops_waiting():
    stage = Stage()
    budget = CallBudget("shop", 1, MemoryCallShares(runtime=stage.runtime), runtime=stage.runtime)
    answers, needed = [], [True]

    def keep():
        permit = budget.acquire(1, tenant="a", is_needed=lambda: True)
        stage.runtime.sleep(10.0)
        permit.close()

    stage.task(keep)
    stage.task(
        lambda: answers.append((budget.acquire(1, tenant="a", is_needed=lambda: needed[0]), stage.scheduler.now))
    )
    stage.task(lambda: (stage.runtime.sleep(3.0), needed.clear(), needed.append(False)))
    stage.run()
    [(permit, at)] = answers
    assert permit is None
    assert 3.0 <= at <= 3.6


@define
class CountedShares:
    """Counts the leases, and fails on demand."""

    shares: object = None
    errors: list = field(factory=list)
    leases: int = 0

    def lease(self, api, demand):
        self.leases += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.shares.lease(api, demand)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (LedgerUnavailable("the ledger is away"), "the ledger is away"),
        (InvalidLedger("the ledger is not one"), "the ledger is not one"),
        (ConnectionError("refused"), r"the calls of shop could not be divided \(ConnectionError: refused\)"),
    ],
)
def test_all_waiting_calls_get_the_error_of_the_store_and_later_ones_try_again(error, expected):
    stage = Stage()
    shares = CountedShares(MemoryCallShares(runtime=stage.runtime), [error] * 3)
    budget = CallBudget("shop", 2, shares, runtime=stage.runtime, retry=RetryPolicy(sleep=stage.runtime.sleep))
    kinds = type(error) if isinstance(error, InvalidLedger) else LedgerUnavailable
    errors = []

    def call():
        with pytest.raises(kinds, match=expected):
            budget.acquire(2, tenant="a", is_needed=lambda: True)
        errors.append(error)
        shares.errors.clear()
        stage.runtime.sleep(0.1)
        budget.acquire(2, tenant="a", is_needed=lambda: True).close()

    for _ in range(3):
        stage.task(call)
    stage.run()
    assert len(errors) == 3


def test_a_store_that_is_away_for_a_moment_is_asked_again():
    stage = Stage()
    shares = CountedShares(MemoryCallShares(runtime=stage.runtime), [LedgerUnavailable("away")])
    budget = CallBudget("shop", 2, shares, runtime=stage.runtime, retry=RetryPolicy(sleep=stage.runtime.sleep))
    stage.task(lambda: budget.acquire(1, tenant="a", is_needed=lambda: True).close())
    stage.run()
    assert shares.leases >= 2


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan"), "10", True])
def test_a_call_budget_is_a_number_above_zero(rate):
    with pytest.raises(ConfigurationError, match=r"CallBudget\.calls_per_second must be a number above zero"):
        CallBudget("shop", rate, MemoryCallShares())


# --- With threads of the operating system ---


def in_threads(*functions):
    """Run the functions, each in a thread of its own, to their end."""
    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result() for future in [pool.submit(function) for function in functions]]


def make_turn(budget, calls=2):
    permit = budget.acquire(calls, tenant="a", is_needed=lambda: True)
    for _ in range(calls):
        with permit.call():
            pass
    permit.close()


def test_threads_share_a_budget():
    budget, done = CallBudget("shop", 1000, MemoryCallShares()), []

    def work():
        for _ in range(20):
            make_turn(budget)
        done.append(1)

    in_threads(*[work] * 8)
    assert len(done) == 8


def test_a_thread_waits_for_a_place_or_until_its_call_is_not_needed():
    budget = CallBudget("shop", 1, MemoryCallShares())
    permit = budget.acquire(1, tenant="a", is_needed=lambda: True)
    assert budget.acquire(1, tenant="a", is_needed=lambda: False) is None
    checks = iter([True, False])
    assert budget.acquire(1, tenant="a", is_needed=lambda: next(checks)) is None
    permit.close()
    make_turn(budget, calls=1)
    budget.close()


@pytest.mark.parametrize(
    "error", [LedgerUnavailable("the ledger is away"), InvalidLedger("the ledger is not one"), OSError("refused")]
)
def test_threads_get_the_error_of_the_store(error):
    shares = CountedShares(MemoryCallShares(), [error, error])
    budget = CallBudget("shop", 100, shares, retry=RetryPolicy(attempts=1))
    for _ in range(2):
        with pytest.raises((LedgerUnavailable, InvalidLedger), match=r"away|is not one|refused"):
            make_turn(budget)
    make_turn(budget)


def test_a_budget_closes_while_the_store_is_away():
    shares = CountedShares(MemoryCallShares(), [LedgerUnavailable("away")])
    CallBudget("shop", 100, shares).close()
    assert shares.leases == 1


class Interrupted(BaseException):
    """As KeyboardInterrupt, which can come at any moment of a wait."""


@define(eq=False)
class InterruptedConditions:
    """A runtime with real threads, whose conditions end a wait with ``Interrupted`` once it was woken."""

    armed: bool = False

    def condition(self):
        condition, wait = threading.Condition(threading.Lock()), None

        def wait_and_raise(timeout=None):
            wait(timeout)
            if self.armed and threading.current_thread() is threading.main_thread():
                self.armed = False
                raise Interrupted

        wait, condition.wait = condition.wait, wait_and_raise
        return condition

    def monotonic(self):
        return THREADS.monotonic()

    def spawn(self, function, *, name):
        return THREADS.spawn(function, name=name)


def test_an_interrupted_wait_for_a_call_gives_back_its_place():
    runtime = InterruptedConditions()
    budget = CallBudget("shop", 2, MemoryCallShares(), runtime=runtime)
    runtime.armed = True
    with pytest.raises(Interrupted):
        make_turn(budget)
    make_turn(budget)


def test_an_interrupted_wait_for_a_request_gives_back_its_place():
    runtime = InterruptedConditions()
    budget, entered = StorageBudget(1, runtime=runtime), threading.Event()

    def hold():
        with budget.tenant("a").request(ENDPOINT):
            entered.set()
            while not budget._endpoints[ENDPOINT].queue:
                time.sleep(0.001)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    runtime.armed = True
    with pytest.raises(Interrupted), budget.tenant("b").request(ENDPOINT):
        pass
    thread.join()
    with budget.tenant("b").request(ENDPOINT):
        pass


def test_threads_share_the_places_of_an_endpoint_and_of_a_reservation():
    budget, other = StorageBudget(1), StorageBudget(1)
    done = []

    def look():
        tenant = budget.tenant("a")
        with tenant.reserve(ENDPOINT):
            context = copy_context()

            def request():
                with tenant.request(ENDPOINT), other.tenant("a").request(ENDPOINT):
                    time.sleep(0.01)
                    done.append("look")

            in_threads(*[lambda: context.copy().run(request)] * 2)

    def request():
        with budget.tenant("b").request(ENDPOINT):
            done.append("other")

    in_threads(look, request, request, request)
    assert Counter(done) == {"look": 2, "other": 3}


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_process_has_budgets_of_its_own():
    calls, requests = CallBudget("shop", 5, MemoryCallShares()), StorageBudget(1)
    calls.acquire(1, tenant="a", is_needed=lambda: True)
    with requests.tenant("a").request(ENDPOINT):
        child = os.fork()
        if child == 0:  # pragma: no cover - coverage of the child is not recorded
            code = 1
            try:
                with requests.tenant("a").request("https://other.example"):
                    calls.acquire(4, tenant="a", is_needed=lambda: True)
                    code = 0
            finally:
                os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

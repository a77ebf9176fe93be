"""The scheduler of the simulation: tasks, locks, and a clock that moves only when all wait."""

import random
from functools import partial

import pytest

from simulation.scheduler import Deadlock, Endless, Killed, Process, Scheduler, SimulatedRuntime, Task


def first(ready: list[Task], current: Task | None) -> Task:
    return current or ready[0]


def at_random(seed: int):
    draw = random.Random(seed)
    return lambda ready, _current: draw.choice(ready)


def run(*functions, choose=first) -> Scheduler:
    scheduler, process = Scheduler(choose), Process("p")
    runtime = SimulatedRuntime(scheduler, process)
    for number, function in enumerate(functions):
        scheduler.spawn(process, str(number), partial(function, runtime))
    scheduler.run()
    return scheduler


def test_time_passes_only_when_every_task_waits():
    seen = []

    def sleep(seconds: float, runtime: SimulatedRuntime) -> None:
        runtime.sleep(seconds)
        seen.append((seconds, runtime.monotonic()))

    run(partial(sleep, 5.0), partial(sleep, 2.0), partial(sleep, 5.0))
    assert seen == [(2.0, 2.0), (5.0, 5.0), (5.0, 5.0)]


@pytest.mark.parametrize("seed", range(20))
def test_a_condition_lets_one_task_in_at_a_time(seed):
    inside, entered = [], []

    def enter(number: int, condition, runtime: SimulatedRuntime) -> None:
        with condition:
            inside.append(number)
            runtime.scheduler.switch_point()
            assert inside == [number]
            inside.clear()
            entered.append(number)

    scheduler, process = Scheduler(at_random(seed)), Process("p")
    runtime = SimulatedRuntime(scheduler, process)
    condition = runtime.condition()
    tasks = [scheduler.spawn(process, str(i), partial(enter, i, condition, runtime)) for i in range(4)]
    scheduler.run()
    assert [task.error for task in tasks] == [None] * 4
    assert sorted(entered) == [0, 1, 2, 3]


def test_a_wait_ends_by_a_notification_or_by_its_time():
    answers = []
    scheduler, process = Scheduler(first), Process("p")
    runtime = SimulatedRuntime(scheduler, process)
    condition = runtime.condition()

    def wait(timeout: float | None) -> None:
        with condition:
            answers.append((timeout, condition.wait(timeout), runtime.monotonic()))

    def notify() -> None:
        runtime.sleep(3.0)
        with condition:
            condition.notify_all()

    for timeout in (None, 1.0, 10.0):
        scheduler.spawn(process, "wait", partial(wait, timeout))
    scheduler.spawn(process, "notify", notify)
    scheduler.run()
    assert sorted(answers, key=str) == [(1.0, False, 1.0), (10.0, True, 3.0), (None, True, 3.0)]


def test_tasks_that_wait_for_each_other_are_reported():
    def wait(runtime: SimulatedRuntime) -> None:
        with runtime.condition() as condition:
            condition.wait()

    with pytest.raises(Deadlock, match="p/0"):
        run(wait)


def test_a_condition_entered_twice_is_reported():
    def enter_twice(runtime: SimulatedRuntime) -> None:
        condition = runtime.condition()
        with condition, condition:
            pass

    with pytest.raises(AssertionError, match="enters a condition that it holds"):
        run(enter_twice)


def test_a_run_that_does_not_end_is_reported():
    def spin(runtime: SimulatedRuntime) -> None:
        while True:
            runtime.scheduler.switch_point()

    with pytest.raises(Endless):
        run(spin)


def test_a_process_that_dies_does_nothing_more():
    done = []
    scheduler, dying, living = Scheduler(first), Process("dying"), Process("living")
    runtime = SimulatedRuntime(scheduler, dying)

    def work() -> None:
        try:
            runtime.sleep(100.0)
            done.append("never")
        finally:
            with pytest.raises(Killed):
                scheduler.switch_point()

    def die() -> None:
        runtime.sleep(1.0)
        scheduler.kill(dying)
        done.append("never")

    def live() -> None:
        scheduler.wait(5.0)
        done.append("living")

    task = scheduler.spawn(dying, "work", work)
    scheduler.spawn(dying, "die", die)
    scheduler.spawn(living, "live", live)
    scheduler.run()
    assert done == ["living"]
    assert task.done
    assert not dying.tasks


def test_a_task_can_be_joined():
    order = []

    def parent(runtime: SimulatedRuntime) -> None:
        child = runtime.spawn(lambda: (runtime.sleep(2.0), order.append("child")), name="child")
        child.join()
        child.join()
        order.append("parent")

    run(parent)
    assert order == ["child", "parent"]

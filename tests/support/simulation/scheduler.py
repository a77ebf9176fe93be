"""A cooperative scheduler with a virtual clock. Each task is a greenlet, so one real thread runs all of them.

A task runs until it reaches a switch point. There the scheduler chooses which task goes on. Time passes only when every
task waits.
"""

import heapq
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from attrs import define, field
from greenlet import getcurrent, greenlet

MAX_SWITCHES = 100_000
"""Switch points of one run after which it counts as endless."""


class Killed(BaseException):
    """The process of this task has died. No ``except Exception`` of the library catches it."""


class Deadlock(AssertionError):
    """Every task waits, and none of them for the clock."""


class Endless(AssertionError):
    """The run reached more switch points than any run should."""


class Chooser(Protocol):
    """Decides which task goes on."""

    def __call__(self, ready: "list[Task]", current: "Task | None") -> "Task":
        """One of the ready tasks. ``current``: the one that is at a switch point; None if it waits, or has ended."""


@define(eq=False)
class Process:
    """A process of the simulation: its tasks die together.

    Args:
        name: Its name in traces.
        monotonic_offset: What its monotonic clock shows at time zero.
        wall_skew: Seconds by which its wall clock is wrong.
    """

    name: str
    monotonic_offset: float = 0.0
    wall_skew: float = 0.0
    dead: bool = False
    tasks: "list[Task]" = field(factory=list, repr=False)


@define(eq=False)
class Task:
    """One thread of a process."""

    process: Process
    name: str
    number: int
    greenlet: Any = field(repr=False)
    wakes: int = field(default=0, repr=False)
    """Counts the ends of its waits, so an alarm for an earlier wait is ignored."""
    timed_out: bool = field(default=False, repr=False)
    is_ready: bool = field(default=True, repr=False)
    done: bool = False
    error: BaseException | None = field(default=None, repr=False)
    joining: "list[Task]" = field(factory=list, repr=False)


@define(eq=False)
class Scheduler:
    """Runs tasks until all have ended.

    Args:
        choose: Decides which task goes on.
        now: Seconds since the start of the run.
        most_switches: Switch points after which the run counts as endless.
    """

    choose: Chooser
    only_requests: bool = False
    """Tasks are not interleaved at locks, only at requests and where they wait."""
    now: float = 0.0
    most_switches: int = MAX_SWITCHES
    switches: int = 0
    current: Task | None = None
    _ready: list[Task] = field(factory=list)
    _alarms: list[tuple[float, int, int, Task]] = field(factory=list)
    _blocked: int = 0
    _tasks: int = 0
    _processes: list[Process] = field(factory=list)
    _failure: BaseException | None = None
    _hub: Any = field(factory=getcurrent)

    def spawn(self, process: Process, name: str, function: Callable[[], object]) -> Task:
        """Create a task that runs a function."""

        def run() -> None:
            try:
                if not process.dead:
                    function()
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001 - the run reports it
                task.error = error
            task.done = True
            self._ready.remove(task)
            process.tasks.remove(task)
            for other in task.joining:
                self.wake(other)

        self._tasks += 1
        if process not in self._processes:
            self._processes.append(process)
        task = Task(process, name, self._tasks, greenlet(run, self._hub))
        process.tasks.append(task)
        self._ready.append(task)
        return task

    def run(self) -> None:
        """Run until every task has ended.

        Raises:
            Deadlock: The tasks that are left wait for each other.
            Endless: The tasks do not end.
        """
        self._hub = getcurrent()
        # A tracer, such as that of coverage, keeps one stack of calls per thread: with greenlets it would never shrink.
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            self._run_tasks()
        finally:
            sys.settrace(tracer)
        if self._failure is not None:
            raise self._failure

    def _run_tasks(self) -> None:
        while True:
            if self._ready:
                self.current = self.choose(self._ready, None)
                self.current.greenlet.switch()
                self.current = None
            elif not self._advance_clock():
                if not self._blocked:
                    break
                waiting = [f"{task.process.name}/{task.name}" for each in self._processes for task in each.tasks]
                self.fail(Deadlock(f"these tasks wait, and nothing will wake them: {', '.join(waiting)}"))

    def fail(self, failure: BaseException) -> None:
        """End the run with this failure: every process dies."""
        self._failure = self._failure or failure
        for process in self._processes:
            process.dead = True
            for task in list(process.tasks):
                self.wake(task)
        if self.current is not None:
            raise Killed

    def _advance_clock(self) -> bool:
        woken = False
        while self._alarms and not (woken and self._alarms[0][0] > self.now):
            at, _, wakes, task = heapq.heappop(self._alarms)
            if task.done or task.is_ready or task.wakes != wakes:
                continue
            self.now = max(self.now, at)
            task.timed_out = True
            self.wake(task)
            woken = True
        return woken

    def switch_point(self) -> None:
        """Let another task go on, or none.

        Raises:
            Killed: The process of this task died meanwhile.
        """
        task = self.current
        if task.process.dead:
            raise Killed
        self._count()
        if len(self._ready) == 1:
            return
        chosen = self.choose(self._ready, task)
        if chosen is not task:
            self.current = chosen
            chosen.greenlet.switch()
            self._resume(task)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until another task calls ``wake``, or the time has passed. Returns False if it has.

        Raises:
            Killed: The process of this task died.
        """
        task = self.current
        if task.process.dead:
            raise Killed
        self._count()
        task.wakes += 1
        task.timed_out = False
        if seconds is not None:
            heapq.heappush(self._alarms, (self.now + seconds, self.switches, task.wakes, task))
        self._ready.remove(task)
        task.is_ready = False
        self._blocked += 1
        if self._ready:
            self.current = chosen = self.choose(self._ready, None)
            chosen.greenlet.switch()
        else:
            self._hub.switch()
        self._resume(task)
        return not task.timed_out

    def wake(self, task: Task) -> None:
        """End the wait of a task."""
        if not task.is_ready and not task.done:
            task.is_ready = True
            self._blocked -= 1
            self._ready.append(task)

    def kill(self, process: Process) -> None:
        """End a process: none of its tasks does anything more. If the current task belongs to it, raise ``Killed``."""
        process.dead = True
        for task in list(process.tasks):
            self.wake(task)
        if self.current is not None and self.current.process is process:
            raise Killed

    def _resume(self, task: Task) -> None:
        self.current = task
        if task.process.dead:
            raise Killed

    def _count(self) -> None:
        self.switches += 1
        if self.switches > self.most_switches:
            self.fail(Endless(f"the run has not ended after {self.most_switches} switch points, at {self.now:.0f} s"))


@define(eq=False)
class SimulatedRuntime:
    """A ``Runtime`` whose threads are tasks of one process, and whose clock is the scheduler's."""

    scheduler: Scheduler
    process: Process

    def monotonic(self) -> float:
        """See ``Runtime``."""
        return self.scheduler.now + self.process.monotonic_offset

    def sleep(self, seconds: float) -> None:
        """See ``Runtime``."""
        self.scheduler.wait(max(0.0, seconds))

    def condition(self) -> "SimulatedCondition":
        """See ``Runtime``."""
        return SimulatedCondition(self.scheduler)

    def spawn(self, function: Callable[[], object], *, name: str) -> "SimulatedTask":
        """See ``Runtime``."""
        return SimulatedTask(self.scheduler, self.scheduler.spawn(self.process, name, function))


@define(eq=False)
class SimulatedTask:
    """A ``Task`` of the library's runtime."""

    scheduler: Scheduler
    task: Task

    def join(self) -> None:
        """See ``Task``."""
        while not self.task.done:
            self.task.joining.append(self.scheduler.current)
            self.scheduler.wait()


@define(eq=False)
class SimulatedCondition:
    """A ``Condition``: a lock that is not reentrant, and a wait for changes. Each use is a switch point."""

    scheduler: Scheduler
    _holder: Task | None = None
    _entering: list[Task] = field(factory=list)
    _waiting: list[Task] = field(factory=list)

    def __enter__(self) -> Self:
        """See ``Condition``."""
        self._switch_point()
        self._acquire()
        return self

    def _acquire(self) -> None:
        task = self.scheduler.current
        if self._holder is task:
            self.scheduler.fail(AssertionError(f"{task.process.name}/{task.name} enters a condition that it holds"))
        while self._holder is not None:
            self._entering.append(task)
            self.scheduler.wait()
        self._holder = task

    def _release(self) -> None:
        task = self.scheduler.current
        if self._holder is not task:
            self.scheduler.fail(AssertionError(f"{task.process.name}/{task.name} leaves a condition it does not hold"))
        self._holder = None
        entering, self._entering = self._entering, []
        for other in entering:
            self.scheduler.wake(other)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """See ``Condition``."""
        if self.scheduler.current.process.dead:
            return
        self._release()
        self._switch_point()

    def _switch_point(self) -> None:
        if not self.scheduler.only_requests:
            self.scheduler.switch_point()

    def wait(self, timeout: float | None = None) -> bool:
        """See ``Condition``."""
        task = self.scheduler.current
        self._release()
        self._waiting.append(task)
        answered = self.scheduler.wait(timeout)
        if task in self._waiting:
            self._waiting.remove(task)
        self._acquire()
        return answered

    def notify_all(self) -> None:
        """See ``Condition``."""
        if self._holder is not self.scheduler.current:
            self.scheduler.fail(AssertionError("notify_all was called without the lock of its condition"))
        waiting, self._waiting = self._waiting, []
        for task in waiting:
            self.scheduler.wake(task)

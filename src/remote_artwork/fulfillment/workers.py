"""Worker threads for the orders of a scan, and what they leave to the thread that called ``scan()``.

That thread is the *scan thread*. It delivers all events to the observer, and makes the client's calls if the client
allows one call at a time: database connections and context variables of a shop often belong to one thread.
With one worker there is no other thread: the scan thread does everything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any, Generic, TypeVar, cast

from attrs import define, field

from remote_artwork.runtime import Condition, Runtime, Task

T = TypeVar("T")
J = TypeVar("J")

LeaveSlot = Callable[[], None]
"""Lets the next job start beside the rest of this one."""


class Interrupted(BaseException):
    """The scan ends: an exception that is no error, such as Ctrl-C, was raised in one of its threads.

    It passes through every ``except Exception``. What it interrupts is not recorded, as when the process dies.
    """


@define(eq=False)
class Result(Generic[T]):
    """The result of a function that another thread runs."""

    _changed: Condition
    _done: bool = False
    _value: T | None = None
    _error: BaseException | None = None

    def run(self, function: Callable[[], T]) -> BaseException | None:
        """Run the function and keep its result, or what it raises, which is also returned."""
        value: T | None = None
        error: BaseException | None = None
        try:
            value = function()
        except BaseException as raised:  # noqa: BLE001 - raised again by ``get``
            error = raised
        with self._changed:
            self._value, self._error, self._done = value, error, True
            self._changed.notify_all()
        return error

    def abandon(self) -> None:
        """Nobody will run the function."""
        with self._changed:
            if not self._done:
                self._error, self._done = Interrupted(), True
                self._changed.notify_all()

    def get(self) -> T:
        """Wait for the result and return it, or raise what the function raised."""
        with self._changed:
            while not self._done:
                self._changed.wait()
        if self._error is not None:
            raise self._error
        return cast("T", self._value)


@define(eq=False)
class Workers:
    """Processes jobs in several threads. One object serves one call of ``run``.

    Each job holds a slot. It may leave the slot early: then the next job starts in another thread, beside the rest of
    this one. So each slot has at most one job that runs in it, and one that has left it.

    Args:
        runtime: Starts the threads.
        count: How many slots there are. With 1, all jobs run in the calling thread, one after another.
    """

    runtime: Runtime
    count: int
    _changed: Condition = field(init=False)
    _inbox: deque[Callable[[], object]] = field(factory=deque, init=False)
    _running: int = field(default=0, init=False)
    _without_slot: int = field(default=0, init=False)
    _interruption: BaseException | None = field(default=None, init=False)
    _pending: set[Result[Any]] = field(factory=set, init=False)
    _listeners: list[Callable[[], object]] = field(factory=list, init=False)
    _threads: ThreadPool = field(init=False)
    _helpers: ThreadPool = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._changed = self.runtime.condition()
        self._threads = ThreadPool(self.runtime, "remote-artwork-order")
        self._helpers = ThreadPool(self.runtime, "remote-artwork-beside")

    @property
    def interrupted(self) -> bool:
        """Whether the scan ends now, and nothing more may be started."""
        return self._interruption is not None

    def run(
        self, take: Callable[[], J | None], process: Callable[[J, LeaveSlot], T], done: Callable[[J, T], None]
    ) -> None:
        """Process jobs until there are no more, and serve the workers meanwhile.

        Args:
            take: Returns the next job; None if there are no more. Called by workers.
            process: Processes one job. Called by workers. It may call its second argument once, to leave its slot.
            done: Receives each job and its result. Called by the scan thread.

        Raises:
            BaseException: What ended the scan early: whatever a job, an event or a call raised.
        """
        try:
            if self.count == 1:
                while (job := take()) is not None:
                    done(job, process(job, lambda: None))
            else:
                self._run_threads(take, process, done)
        finally:
            self._threads.stop()
            self._helpers.close()

    def post(self, function: Callable[[], object]) -> None:
        """Let the scan thread run a function, after those that were posted before."""
        if self.count == 1:
            function()
            return
        with self._changed:
            self._inbox.append(function)
            self._changed.notify_all()

    def in_scan_thread(self, function: Callable[[], T]) -> T:
        """Let the scan thread run a function, and return its result.

        Raises:
            Interrupted: The scan ends; the function did not run.
        """
        if self.count == 1:
            return function()
        result: Result[T] = Result(self.runtime.condition())
        with self._changed:
            if self._interruption is not None:
                raise Interrupted
            self._pending.add(result)

        def run() -> None:
            with self._changed:
                self._pending.discard(result)
            error = result.run(function)
            if error is not None and not isinstance(error, Exception):
                self.interrupt(error)

        self.post(run)
        return result.get()

    def beside(self, function: Callable[[], T]) -> Result[T]:
        """Start a function in a thread of its own, with the caller's context variables."""
        return self._helpers.start(function)

    def interrupt(self, error: BaseException) -> None:
        """End the scan: nothing more is started, and ``run`` raises the error."""
        with self._changed:
            if self._interruption is None:
                self._interruption = error
            pending, self._pending = self._pending, set()
            self._changed.notify_all()
        for result in pending:
            result.abandon()
        for listener in self._listeners:
            listener()

    def on_interrupt(self, listener: Callable[[], object]) -> None:
        """Call this function when the scan ends early."""
        self._listeners.append(listener)

    def _run_threads(
        self, take: Callable[[], J | None], process: Callable[[J, LeaveSlot], T], done: Callable[[J, T], None]
    ) -> None:
        context = copy_context()

        def start() -> None:
            # Each worker has the scan's context variables, and its own changes to them.
            context.copy().run(self._threads.start, work)

        def work() -> None:
            slot = _Slot(partial(self._start_beside, start))
            try:
                while slot.is_held and not self.interrupted and (job := take()) is not None:
                    self._post_done(done, job, process(job, slot.leave))
            except BaseException as error:  # noqa: BLE001 - raised by the scan thread
                self.interrupt(error)
            finally:
                with self._changed:
                    self._running -= 1
                    self._without_slot -= not slot.is_held
                    if not self._running:
                        self._changed.notify_all()

        self._running = self.count
        for _ in range(self.count):
            start()
        while (function := self._next_function()) is not None:
            try:
                function()
            except BaseException as error:  # noqa: BLE001 - raised below, when the workers have ended
                self.interrupt(error)
        self._threads.close()
        if self._interruption is not None:
            raise self._interruption

    def _start_beside(self, start: Callable[[], None]) -> bool:
        """Start a worker in the slot of another. Returns False, and starts none, if as many jobs run without a slot."""
        with self._changed:
            if self._without_slot == self.count:
                return False
            self._without_slot += 1
            self._running += 1
        start()
        return True

    def _post_done(self, done: Callable[[J, T], None], job: J, result: T) -> None:
        self.post(lambda: done(job, result))

    def _next_function(self) -> Callable[[], object] | None:
        """The next function for the scan thread; None if all workers have ended and nothing is left to do."""
        while True:
            try:
                with self._changed:
                    while not self._inbox and self._running:
                        self._changed.wait()
                    return self._inbox.popleft() if self._inbox else None
            except KeyboardInterrupt as error:  # the workers finish their calls first, unless it comes again
                if self.interrupted:
                    raise
                self.interrupt(error)


@define(eq=False)
class _Slot:
    """The right of a worker to take the next job.

    Args:
        start_next: Starts another worker that has this right. Returns whether it did.
    """

    _start_next: Callable[[], bool]
    is_held: bool = True

    def leave(self) -> None:
        """Let another worker take the next job now."""
        self.is_held = self.is_held and not self._start_next()


@define(eq=False)
class ThreadPool:
    """Threads that are kept for functions which run beside others. There is always one for the next function.

    Args:
        runtime: Starts the threads.
        name: The beginning of their names.
    """

    runtime: Runtime
    name: str
    _changed: Condition = field(init=False)
    _idle: list[_PoolThread] = field(factory=list, init=False)
    _closed: bool = field(default=False, init=False)
    _tasks: list[Task] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._changed = self.runtime.condition()

    def start(self, function: Callable[[], T]) -> Result[T]:
        """Run a function in an idle thread, or in a new one."""
        result: Result[T] = Result(self.runtime.condition())
        job = partial(copy_context().run, result.run, function)
        with self._changed:
            thread = self._idle.pop() if self._idle else None
            if thread is None:
                serve = partial(self._serve, _PoolThread(self.runtime.condition(), job))
                self._tasks.append(self.runtime.spawn(serve, name=f"{self.name}-{len(self._tasks)}"))
        if thread is not None:
            thread.give(job)
        return result

    def stop(self) -> None:
        """Let the threads end, each after its function."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
        for thread in idle:
            thread.give(None)

    def close(self) -> None:
        """Wait until the threads have ended."""
        self.stop()
        for task in self._tasks:
            task.join()

    def _serve(self, thread: _PoolThread) -> None:
        while (job := thread.take()) is not None:
            job()
            with self._changed:
                if self._closed:
                    return
                self._idle.append(thread)


@define(eq=False)
class _PoolThread:
    """One thread, and its next job. It is woken alone: to wake all idle threads for one job would cost more than it."""

    _changed: Condition
    _job: Callable[[], object] | None
    _is_given: bool = True

    def give(self, job: Callable[[], object] | None) -> None:
        """Let the thread run a job; None: let it end."""
        with self._changed:
            self._job, self._is_given = job, True
            self._changed.notify_all()

    def take(self) -> Callable[[], object] | None:
        """Wait for the next job."""
        with self._changed:
            while not self._is_given:
                self._changed.wait()
            self._is_given = False
            return self._job

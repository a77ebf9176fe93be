"""Threads, waiting, and the monotonic clock, behind one interface.

The code of a scan starts threads and waits through it, so that a simulation can replace the scheduler and the clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from attrs import frozen

__all__ = ["THREADS", "Condition", "Runtime", "Task", "ThreadRuntime"]


class Condition(Protocol):
    """A lock with a wait for changes, as ``threading.Condition``. It need not be reentrant."""

    def __enter__(self) -> object:
        """Acquire the lock."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> object:
        """Release the lock."""

    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock, wait for ``notify_all``, and acquire the lock again.

        Args:
            timeout: Seconds to wait at most; None: no limit.

        Returns:
            False if the time has passed.
        """

    def notify_all(self) -> None:
        """Wake all that wait."""


class Task(Protocol):
    """A function that runs in a thread of its own."""

    def join(self) -> None:
        """Wait until the function has returned."""


class Runtime(Protocol):
    """What a scan needs to run several orders at once."""

    def monotonic(self) -> float:
        """Seconds on a clock that is never set."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def condition(self) -> Condition:
        """A new condition with its own lock."""

    def spawn(self, function: Callable[[], object], *, name: str) -> Task:
        """Run a function in a new thread. The function handles its own errors."""


@frozen
class ThreadRuntime:
    """Threads and clock of the operating system."""

    def monotonic(self) -> float:
        """See ``Runtime``."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See ``Runtime``."""
        time.sleep(seconds)

    def condition(self) -> Condition:
        """See ``Runtime``."""
        return threading.Condition(threading.Lock())

    def spawn(self, function: Callable[[], object], *, name: str) -> Task:
        """See ``Runtime``."""
        thread = threading.Thread(target=function, name=name, daemon=True)
        thread.start()
        return thread


THREADS: Runtime = ThreadRuntime()
"""The runtime of every scan, unless another is given."""

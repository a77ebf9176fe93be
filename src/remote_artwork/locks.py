"""A lock between the threads of one process that a fork cannot leave locked for good."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType

__all__ = ["ProcessLock"]

_locks: weakref.WeakSet[ProcessLock] = weakref.WeakSet()


class ProcessLock:
    """A lock as ``threading.Lock``, unlocked in the child after a fork.

    A fork copies only the thread that forks. A plain lock that another thread holds at that moment would stay locked in
    the child, because the thread that would release it does not exist there.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._lock.locked():  # not if the block itself forked, in the child
            self._lock.release()

    def unlock(self) -> None:
        """Use a new lock, which nobody holds."""
        self._lock = threading.Lock()

    @staticmethod
    def unlock_all() -> None:
        """Replace every lock. Only for the child after a fork, while it has one thread."""
        for lock in _locks:
            lock.unlock()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=ProcessLock.unlock_all)

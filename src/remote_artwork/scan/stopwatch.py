"""Measures where the time of a scan goes."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import define, field

from remote_artwork.core.report import Timings


@define(eq=False)
class Stopwatch:
    """Adds up seconds by what they were spent on. Thread-safe.

    Args:
        monotonic: The monotonic clock.
    """

    monotonic: Callable[[], float]
    _seconds: defaultdict[str, float] = field(factory=lambda: defaultdict(float), init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    @contextmanager
    def measure(self, part: str) -> Iterator[None]:
        """Count the time of the block as time of this field of ``Timings``."""
        start = self.monotonic()
        try:
            yield
        finally:
            self.add(part, self.monotonic() - start)

    def add(self, part: str, seconds: float) -> None:
        """Count this time; it may be negative, to count it as time of another field."""
        with self._lock:
            self._seconds[part] += seconds

    def timings(self, *, orders_at_once: int) -> Timings:
        """What was measured."""
        return Timings(orders_at_once=orders_at_once, **self._seconds)

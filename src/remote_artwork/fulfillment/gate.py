"""How many calls to one shop run at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from remote_artwork.runtime import Condition, Runtime


@define(eq=False)
class ShopGate:
    """Lets as many calls run at once as the client allows.

    Args:
        runtime: Waits.
        concurrent_calls: How many calls may run at once.
        calls_per_second: How many calls may start per second; None: no limit is known.
    """

    runtime: Runtime
    concurrent_calls: int
    calls_per_second: float | None = None
    waited: float = field(default=0.0, init=False)
    _changed: Condition = field(init=False)
    _running: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._changed = self.runtime.condition()

    @contextmanager
    def turn(self, calls: int = 1) -> Iterator[None]:  # noqa: ARG002 - counts once there is a rate
        """Wait for a slot, and hold it during the block."""
        before = self.runtime.monotonic()
        with self._changed:
            while self._running >= self.concurrent_calls:
                self._changed.wait()
            self._running += 1
            self.waited += self.runtime.monotonic() - before
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def succeeded(self, seconds: float) -> None:
        """One call was answered, after so long."""

    def refused(self, retry_after: float | None) -> None:
        """The shop refused a call for now."""

    def close(self) -> None:
        """Nobody waits any more."""

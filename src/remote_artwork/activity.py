"""What a scan measures for its observer: each call to the shop, the storage and the ledger, and each wait.

The ``Recorder`` of a scan travels in a context variable, because storages and clients exist before the scan and may
serve several scans at once. Without a recorder, nothing is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from types import TracebackType

from attrs import define, field, frozen

from remote_artwork.core.events import Emit, Measured

MakeEvent = Callable[..., Measured]
"""Makes an event from the fields of ``Measured``, and from the facts of a ``Measurement``."""


@frozen(kw_only=True, eq=False)
class Recorder:
    """Receives what one scan measures, from all its threads.

    Args:
        tenant: The tenant of the scan.
        record: Receives the events.
        started_at: When the scan started.
        monotonic: The monotonic clock.
    """

    tenant: str
    record: Emit
    started_at: datetime
    monotonic: Callable[[], float]
    _started: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_started", self.monotonic())

    def time_of(self, reading: float) -> datetime:
        """The time of a reading of the monotonic clock. Times of one scan are never out of order."""
        return self.started_at + timedelta(seconds=reading - self._started)


_recorder: ContextVar[Recorder | None] = ContextVar("remote_artwork_recorder", default=None)
_order_id: ContextVar[str | None] = ContextVar("remote_artwork_order_id", default=None)


@contextmanager
def recording(recorder: Recorder | None) -> Iterator[None]:
    """Measure the block, and threads that run in a copy of its context, for this recorder; None: measure nothing."""
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)


@contextmanager
def of_order(order_id: str) -> Iterator[None]:
    """Whatever is measured in this block belongs to this order."""
    token = _order_id.set(order_id)
    try:
        yield
    finally:
        _order_id.reset(token)


@define(eq=False)
class Measurement:
    """Measures the block of a ``with`` statement. The block may run in another thread than the one that made this.

    Args:
        make: Makes the event.
        facts: Further fields of the event, which the block may add.
    """

    make: MakeEvent
    facts: dict[str, object] = field(factory=dict, init=False)
    _recorder: Recorder | None = field(init=False)
    _order_id: str | None = field(init=False)
    _started: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._recorder = _recorder.get()
        self._order_id = _order_id.get()

    def __enter__(self) -> dict[str, object]:
        """Start the clock. Returns ``facts``."""
        if self._recorder is not None:
            self._started = self._recorder.monotonic()
        return self.facts

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Record the event."""
        recorder = self._recorder
        if recorder is None:
            return
        event = self.make(
            tenant=recorder.tenant,
            order_id=self._order_id,
            started_at=recorder.time_of(self._started),
            seconds=recorder.monotonic() - self._started,
            error=None if kind is None else kind.__name__,
            **self.facts,
        )
        recorder.record(event)


def record_wait(make: MakeEvent, *, seconds: float, error: BaseException | None) -> None:
    """Record a wait that begins now.

    Args:
        make: Makes the event.
        seconds: How long it will take.
        error: What it follows.
    """
    recorder = _recorder.get()
    if recorder is None:
        return
    event = make(
        tenant=recorder.tenant,
        order_id=_order_id.get(),
        started_at=recorder.time_of(recorder.monotonic()),
        seconds=seconds,
        error=None if error is None else type(error).__name__,
    )
    recorder.record(event)

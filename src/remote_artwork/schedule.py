"""Schedule: a pass at once and then every so often, until told to stop."""

from __future__ import annotations

import logging
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic

log = logging.getLogger(__name__)


def repeat(one_pass: Callable[[], object], *, every: timedelta, stop: threading.Event) -> None:
    """Calls ``one_pass`` at once and then every so often, with up to a tenth of jitter, until ``stop`` is set.

    A pass that raises is logged and the next one runs. Passes never overlap.

    Args:
        one_pass: The work.
        every: From the start of one pass to the start of the next.
        stop: Ends the loop once set. In the main thread SIGTERM sets it.
    """
    with sigterm_sets(stop):
        while not stop.is_set():
            due = monotonic() + every.total_seconds() * random.uniform(1, 1.1)  # noqa: S311 - spreads load, guards nothing
            try:
                one_pass()
            except Exception as error:
                log.exception("pass_failed", extra={"error": str(error)})
            stop.wait(max(0.0, due - monotonic()))


@contextmanager
def sigterm_sets(stop: threading.Event) -> Iterator[None]:
    """Whoever ends the process (SIGTERM) sets ``stop``, for as long as this lasts. Does nothing in other threads."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

"""Telling: every event of a pass goes to the log and to the host's observer."""

from __future__ import annotations

import logging

from attrs import define

from remote_artwork.core.events import Event, FileReported, FilesListed, ItemFound, ItemReported
from remote_artwork.interfaces import Observer

log = logging.getLogger(__name__)

_IN_BULK = (FilesListed, ItemFound, ItemReported, FileReported)
"""Told anew in each pass, of whatever waits: for the log of whoever looks for something."""


@define
class Teller:
    """Tells of one pass. Called by the thread that makes it.

    Args:
        observer: The host's; what it raises is logged once a pass, and stops nothing.
    """

    observer: Observer | None
    _raised: bool = False

    def __call__(self, event: Event) -> None:
        """Tells one event; never raises."""
        level = logging.DEBUG if isinstance(event, _IN_BULK) else logging.INFO
        if log.isEnabledFor(level):
            log.log(level, event.event_name, extra=dict(event.facts()))
        if self.observer is None:
            return
        try:
            self.observer.on_event(event)
        except Exception:
            if not self._raised:
                log.exception("observer_raised", extra={"event": event.event_name})
            self._raised = True

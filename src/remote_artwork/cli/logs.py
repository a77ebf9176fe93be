"""Logs on the error stream, one readable line each."""

from __future__ import annotations

import logging

from remote_artwork.core.visible import visible

_SHOWN = ("tenant", "order_number", "item_number", "files", "receipt", "reason", "exit_code")
"""Of what an event of a pass tells."""


class _OneLine(logging.Formatter):
    """The event's name, what it is about, and the error it speaks of; a traceback only when asked for."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record) if self._tracebacks else f"{self.formatTime(record)} {record.getMessage()}"
        about = [
            f"{fact}={visible(str(getattr(record, fact)))}"
            for fact in _SHOWN
            if getattr(record, fact, None) is not None
        ]
        error = getattr(record, "error", None)
        return " ".join([f"{line}: {error}" if error else line, *about])


def log_to_stderr(*, verbose: bool) -> None:
    """Shows this library's warnings, or with ``verbose`` all it does, with tracebacks."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine(tracebacks=verbose))
    logger = logging.getLogger("remote_artwork")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.propagate = False

"""Logs on the error stream, one readable line each."""

from __future__ import annotations

import logging


class _OneLine(logging.Formatter):
    """The event's name and the error it speaks of; a traceback only when asked for."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record) if self._tracebacks else f"{self.formatTime(record)} {record.getMessage()}"
        error = getattr(record, "error", None)
        return f"{line}: {error}" if error else line


def log_to_stderr(*, verbose: bool) -> None:
    """Shows this library's warnings, or with ``verbose`` all it does, with tracebacks."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine(tracebacks=verbose))
    logger = logging.getLogger("remote_artwork")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.propagate = False

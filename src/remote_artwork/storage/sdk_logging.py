"""Keep requests out of the SDKs' debug logs, which would contain signatures, tokens and signed URLs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_SDKS = frozenset(
    {"adlfs", "aiobotocore", "aiohttp", "azure", "botocore", "fsspec", "gcsfs", "google", "requests", "s3fs", "urllib3"}
)

_suppressed: ContextVar[bool] = ContextVar("remote_artwork_request", default=False)
"""Whether a request of this library is running. Threads and tasks that work on the request inherit it."""


class _DebugFilter(logging.Filter):
    """Drops debug records of requests that this library makes. Other uses of the same SDK still log."""

    seen = 0

    def install(self) -> None:
        """Attach the filter to every existing SDK logger: loggers do not inherit filters, and SDKs add loggers late."""
        names = logging.root.manager.loggerDict
        if len(names) == self.seen:
            return
        self.seen = len(names)
        for name in list(names):
            if name.partition(".")[0] in _SDKS:
                logging.getLogger(name).addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.INFO or not _suppressed.get()


_FILTER = _DebugFilter()


@contextmanager
def suppress_sdk_debug() -> Iterator[None]:
    """Suppress the SDKs' debug logs for everything that runs in this block."""
    _FILTER.install()
    token = _suppressed.set(True)
    try:
        yield
    finally:
        _suppressed.reset(token)

"""Keeps back what other libraries write for debugging about our requests: it holds signatures and session tokens.

A filter sits on their loggers and drops what is below ``INFO``, only while one of our requests runs and only for that
request. What the host does with the same libraries is logged as before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_TALKATIVE = frozenset(
    {"adlfs", "aiobotocore", "aiohttp", "azure", "botocore", "fsspec", "gcsfs", "google", "requests", "s3fs", "urllib3"}
)
_ours: ContextVar[bool] = ContextVar("remote_artwork_request", default=False)
"""Whether a request of ours runs. It goes with the request to the threads and tasks that work on it."""


class _NotOurs(logging.Filter):
    known = 0

    def install(self) -> None:
        """Sits down on every logger there is. A filter is not inherited, and SDKs load parts of themselves late."""
        names = logging.root.manager.loggerDict
        if len(names) == self.known:
            return
        self.known = len(names)
        for name in list(names):
            if name.partition(".")[0] in _TALKATIVE:
                logging.getLogger(name).addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.INFO or not _ours.get()


_FILTER = _NotOurs()


@contextmanager
def quietly() -> Iterator[None]:
    """Nothing that the block does is in another library's log for debugging."""
    _FILTER.install()
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)

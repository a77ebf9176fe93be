"""One file a protocol. Each knows how its protocol connects, lists, stats, reads and makes URLs; nothing else does.

A module here offers ``connect(location, credentials, network)``, which gives a file system, and a ``Pager`` around a
file system, whoever made it. To add a protocol, add its file and its row below. Counting, retries and the translation
of errors are not a pager's business: every request to the storage goes through ``ask``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, Protocol, TypeVar

from fsspec import AbstractFileSystem

from remote_artwork.core.model import StoredFile

T = TypeVar("T")
RequestKind = Literal["list", "head", "get"]

_MODULES: Mapping[str, str] = {
    "abfs": "azure",
    "azure": "azure",
    "file": "generic",
    "gcs": "gcs",
    "memory": "generic",
    "s3": "s3",
}
"""A location's or a file system's protocol → the module here that serves it."""


class Ask(Protocol):
    """Makes one request: counts it, translates its errors, repeats it while that may help."""

    def __call__(self, kind: RequestKind, request: Callable[[], T], /) -> T:
        """What ``request`` returns."""


class Pager(Protocol):
    """One location through one protocol. Names are relative to the location's folder; thread-safe.

    A pager may also have ``locate``, called once before all else where it is no None: it makes one request and returns
    the location's whole name. And ``longest_url``, the ``timedelta`` that signed URLs can live at the longest.
    """

    def pages(self, ask: Ask) -> Iterator[Sequence[tuple[str, Mapping[str, Any]]]]:
        """Every file below the folder, in pages of (name, the client's own entry). A name may be impossible."""

    def head(self, name: str) -> Mapping[str, Any]:
        """The client's own description of one file, by one request."""

    def get(self, file: StoredFile, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end`` (exclusive) of these very bytes, by one request.

        Raises:
            FileGone: The file was replaced.
        """

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """Where a host downloads the file, and until when; None: as long as the file is there. Asks nobody."""


def serves(protocol: str) -> bool:
    """Whether a location of this fsspec protocol can be opened."""
    return protocol in _MODULES


def module_for(protocol: str) -> ModuleType:
    """The module that serves an fsspec protocol; the generic one for a file system that was handed in."""
    return import_module(f"{__name__}.{_MODULES.get(protocol, 'generic')}")


def protocols_of(fs: AbstractFileSystem) -> tuple[str, ...]:
    """The names a file system goes by; fsspec gives a word or several."""
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def pager_for(fs: AbstractFileSystem, root: str, *, call_timeout: float) -> Pager:
    """The pager for a file system, by its own protocol. ``root`` is in the file system's own spelling."""
    module = module_for(next((protocol for protocol in protocols_of(fs) if protocol in _MODULES), ""))
    pager: Pager = module.Pager(fs, root, call_timeout=call_timeout)
    return pager

"""ArtworkStorage: one folder of one storage, whoever runs it. The only door to files for the rest of the house."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import NoReturn, TypeVar

from attrs import evolve
from fsspec import AbstractFileSystem

from remote_artwork.core.awaited import Wanted
from remote_artwork.core.matching import Page
from remote_artwork.core.model import DEFAULT_PLACEMENT, MEDIA_TYPES, Artwork, StoredFile
from remote_artwork.errors import ConfigurationError, FileGone, RemoteArtworkError, StorageUnreachable
from remote_artwork.interfaces import ArtworkReader
from remote_artwork.retry import RetryPolicy
from remote_artwork.storage.foreign import stored_file, translate
from remote_artwork.storage.inside import Inside
from remote_artwork.storage.kept_causes import stand_in
from remote_artwork.storage.location import Location
from remote_artwork.storage.names import LONGEST_NAME, all_plain, is_impossible
from remote_artwork.storage.pagers import (
    Ask,
    Found,
    Locator,
    Prober,
    RequestKind,
    Searcher,
    Signer,
    TimeIsUp,
    names_of,
    pager_for,
    protocols_of,
    serves,
)
from remote_artwork.storage.providers import provider_named
from remote_artwork.storage.quiet import quietly
from remote_artwork.storage.reading import PiecewiseReader

T = TypeVar("T")

_APPEAR_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})
"""Protocols that show a file only once all of it is there."""

_HOURS_A_MONTH = 730


class ArtworkStorage:
    """The files below one folder. May be used from several threads, and for as long as the process lives.

    Args:
        fs: Any fsspec file system that is not asynchronous.
        root: The folder in the file system's own spelling: ``bucket/incoming``, ``/srv/prints``.
        location: What reports call this place; made of ``fs`` and ``root`` unless given. Holds no secret.
        retry: How often a request is repeated while the storage cannot be reached.
        call_timeout: Seconds one request may take altogether, where the client can be held to it.
        listing_timeout: Seconds that one look through the location may take; after them it makes no request.

    Raises:
        ConfigurationError: The file system is asynchronous, or the root names no folder.

    Attributes:
        location: What reports call this place.
        appear_whole: Whether a file is seen only once all of it is there; not so in local or web folders, or over SFTP.
        reads_at_once: Whether several threads may read at once; of a file system that is not known, that is not known.
    """

    def __init__(
        self,
        fs: AbstractFileSystem,
        root: str,
        *,
        location: Location | str | None = None,
        retry: RetryPolicy | None = None,
        call_timeout: float = 60.0,
        listing_timeout: float = 3600.0,
    ) -> None:
        if getattr(fs, "asynchronous", False):
            raise ConfigurationError("this file system was made for coroutines; make it without asynchronous=True")
        path = str(fs._strip_protocol(root))  # noqa: SLF001 - fsspec offers no other way to its own spelling of a path
        self.location = str(location or f"{protocols_of(fs)[0]}://{path}")
        self._provider = location.provider if isinstance(location, Location) else None
        self.appear_whole = not _APPEAR_WHOLE.isdisjoint(protocols_of(fs))
        self.reads_at_once = any(map(serves, protocols_of(fs)))
        self._retry = retry or RetryPolicy()
        self._pager = pager_for(fs, path, call_timeout=call_timeout)
        self._listing_timeout = listing_timeout
        self._locate = self._pager.locate if isinstance(self._pager, Locator) else None
        self._requests: Counter[RequestKind] = Counter()
        self._lock = threading.Lock()
        self._locating = threading.Lock()

    def __repr__(self) -> str:
        return f"ArtworkStorage({self.location!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a storage holds credentials and connections, so it is not pickled; open it where it is used")

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests made so far by kind, repeats included: ``list``, ``head``, ``get``."""
        with self._lock:
            return {kind: self._requests[kind] for kind in ("list", "head", "get")}

    def monthly_cost(self, requests: Mapping[str, int]) -> float | None:
        """US dollars that so many requests, by kind, cost a month when they are made every hour.

        Returns:
            By the provider's list price; None where that is not known.
        """
        row = provider_named(self._provider) if self._provider else None
        prices = {"list": row and row.list_price, "head": row and row.get_price, "get": row and row.get_price}
        costs = []
        for kind, count in requests.items():
            price = prices[kind]
            if count and price is None:
                return None
            costs.append(count * (price or 0.0) / 1000)
        return sum(costs) * _HOURS_A_MONTH if row and row.list_price is not None else None

    @property
    def longest_url(self) -> timedelta | None:
        """The longest that a signed URL can live here; None: nothing is known that limits it. Asks nobody."""
        return self._pager.longest_url if isinstance(self._pager, Signer) else None

    @property
    def inside(self) -> Inside:
        """Only for this package itself, such as for a check; it may change at any time."""
        return Inside(pager=self._pager, ask=self._ask, attempt=self._translated)

    def pages(self) -> Iterator[Page]:
        """Every file below the folder, page by page, in no order. Markers of folders and impossible names are left out.

        Raises:
            LocationNotFound: The bucket or folder does not exist.
            StorageError: A page could not be had; what was not listed is unknown, not missing.
        """
        with self._located():
            for entries in self._pager.pages(self._ask_in_time()):
                yield self._page(Found(entries=entries, way="listing"))

    def search(self, wanted: Wanted) -> Iterator[Page]:
        """Every wanted file that is there, page by page, in no order; as many others as come by are among them.

        A storage that can be listed only is listed. The pages tell of which names nothing could be known.

        Raises:
            LocationNotFound: The bucket or folder does not exist.
            StorageError: The search broke off; what was not found by then is unknown, not missing.
        """
        if not isinstance(self._pager, Searcher):
            yield from self.pages()
            yield self._page(Found(whole=True, way="listing"))
            return
        possible = evolve(wanted, names=[name for name in wanted.names if not is_impossible(name)])
        with self._located():
            for found in self._pager.search(possible, self._ask_in_time()):
                yield self._page(found)

    def _page(self, found: Found) -> Page:
        entries, names = found.entries, names_of(found.entries)
        if not all_plain(names):
            entries = [entry for entry in entries if not is_impossible(entry[0])]
            names = [name for name, _ in entries]

        def file(place: int) -> StoredFile:
            try:
                return stored_file(*entries[place])
            except Exception:  # noqa: BLE001 - once more, with all the care that takes its time
                return self._translated(lambda: stored_file(*entries[place]), name=names[place])

        return Page(
            names,
            file,
            unknown=found.unknown,
            caveat=found.caveat,
            whole=found.whole,
            way=found.way,
        )

    def outlook(self) -> str | None:
        """For a location without a listing, what can be told of files that are not there; None for every other.

        Raises:
            StorageError: Nothing can be told, or the storage could not be asked.
        """
        return self._pager.outlook(self._ask) if isinstance(self._pager, Prober) else None

    def stat(self, name: str) -> StoredFile:
        """One file as it is now, with its version where the storage keeps versions.

        Raises:
            FileGone: It is not there.
            StorageError: It could not be looked up.
        """
        return stored_file(name, self._ask("head", partial(self._pager.head, _checked(name)), name=name))

    def reader(self, file: StoredFile) -> ArtworkReader:
        """Reads these very bytes: the version the file names, else only as long as its ETag is the same."""
        _checked(file.name)

        def fetch(start: int, end: int) -> bytes:
            return self._ask("get", partial(self._pager.get, file, start, end), name=file.name)

        return PiecewiseReader(file, fetch)

    def url(self, file: StoredFile, *, expires_in: timedelta) -> tuple[str, datetime | None]:
        """Where a host downloads the file. Signed with the location's credentials; asks the storage nothing.

        Before that a role may need a new session, and a bucket whose region the URL left out is looked for, once.

        Returns:
            The URL, pinned to the file's version where it is signed, and until when it works; None: while the file is
            there. A public bucket gives a plain URL, a local folder ``file://``, memory ``memory://``.

        Raises:
            ConfigurationError: The storage has no such URLs, or none that live that long.
        """
        _checked(file.name)
        self._be_located()
        return self._translated(partial(self._pager.url, file, expires_in), name=file.name)

    def artwork(self, file: StoredFile, placement: str = DEFAULT_PLACEMENT, *, expires_in: timedelta) -> Artwork:
        """A print file with a URL, as a host receives it. Its extension is one of ``MEDIA_TYPES``."""
        url, expires_at = self.url(file, expires_in=expires_in)
        return Artwork(
            name=file.name,
            url=url,
            expires_at=expires_at,
            placement=placement,
            media_type=MEDIA_TYPES[file.extension],
            size=file.size,
            version=file.version,
            last_modified=file.last_modified,
        )

    def _ask_in_time(self) -> Ask:
        """As ``_ask``, for one look that begins now and has to end."""
        return partial(self._ask, until=monotonic() + self._listing_timeout)

    def _ask(
        self, kind: RequestKind, request: Callable[[], T], /, *, name: str | None = None, until: float = math.inf
    ) -> T:
        """One request: counted, its errors translated, repeated while the storage cannot be reached."""
        self._be_located()
        return self._counted(kind, request, name=name, until=until)

    def _be_located(self) -> None:
        """Finds out, before anything is signed, what the URL left out of where the bucket lies; once."""
        with self._locating:
            if self._locate is not None:
                self.location = self._counted("head", self._locate, name=None)
                self._locate = None

    def _counted(self, kind: RequestKind, request: Callable[[], T], *, name: str | None, until: float = math.inf) -> T:
        def once() -> T:
            if monotonic() > until:
                raise TimeIsUp(
                    f"looking for files has no end after {self._listing_timeout:g} seconds; "
                    "use a folder with fewer files, or have the operator raise NetworkPolicy(listing_timeout=…)"
                )
            with self._lock:
                self._requests[kind] += 1
            return self._translated(request, name=name)

        return self._retry.call(once, on=StorageUnreachable)

    @contextmanager
    def _located(self) -> Iterator[None]:
        """Names the place in an error that is no single request's, such as that a listing goes round in circles."""
        try:
            yield
        except RemoteArtworkError as error:
            if str(error).startswith(f"{self.location}: "):
                raise
            raise translate(error, where=self.location) from error

    def _translated(self, function: Callable[[], T], *, name: str | None) -> T:
        try:
            with quietly():
                return function()
        except Exception as error:  # noqa: BLE001 - whatever another library raises
            told, cause = translate(error, where=self.location, name=name), stand_in(error)
        # Not while the error is handled: it would become the new one's context, with all that it holds.
        raise told from cause


def _checked(name: str) -> str:
    if is_impossible(name):
        raise FileGone(f"{name[:LONGEST_NAME]!r} is no name that a file of a storage location may have")
    return name

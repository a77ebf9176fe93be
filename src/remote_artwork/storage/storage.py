"""Opening a storage by its URL."""

from __future__ import annotations

import logging
import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import NoReturn, Protocol, TypeVar
from weakref import WeakValueDictionary

from attrs import evolve, frozen
from fsspec import AbstractFileSystem

from remote_artwork.client import ArtworkReader
from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import DEFAULT_PLACEMENT, MEDIA_TYPES, Artwork, StoredFile
from remote_artwork.errors import ConfigurationError, FileGone, InvalidLocation, RemoteArtworkError, StorageUnreachable
from remote_artwork.http import NetworkPolicy, with_operator_note
from remote_artwork.retry import RetryPolicy, share_budget
from remote_artwork.storage.backends.base import (
    LOCAL,
    LONGEST_NAME,
    Backend,
    Found,
    ListingTimeout,
    Locator,
    Prober,
    Requester,
    RequestKind,
    Searcher,
    Signer,
    all_valid_keys,
    backend_for,
    is_invalid_key,
    module_for,
    names_of,
    protocols_of,
    serves,
)
from remote_artwork.storage.credentials import Ambient, Anonymous, Credentials, SasToken
from remote_artwork.storage.errors import from_exception, sanitized_cause, stored_file
from remote_artwork.storage.location import Location, parse_with_secret
from remote_artwork.storage.provider_table import provider_named
from remote_artwork.storage.reader import PiecewiseReader
from remote_artwork.storage.url_syntax import refused

T = TypeVar("T")


class Attempt(Protocol):
    """Makes one request that is neither counted nor repeated; its errors become the storage's own."""

    def __call__(self, function: Callable[[], T], *, name: str | None) -> T:
        """What ``function`` returns. ``name`` is the file that it is about; None: it is about the folder."""


@frozen(kw_only=True)
class Internals:
    """What a storage is made of, for what scans do without.

    Args:
        backend: It may have abilities that a storage does not offer.
        send: Makes one of the storage's own requests, counted and repeated.
        attempt: Makes any other.
    """

    backend: Backend
    send: Requester
    attempt: Attempt


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
        self.concurrent_reads = any(map(serves, protocols_of(fs)))
        self._retry = retry or RetryPolicy()
        self._pager = backend_for(fs, path, call_timeout=call_timeout)
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
    def max_url_lifetime(self) -> timedelta | None:
        """The longest that a signed URL can live here; None: nothing is known that limits it. Asks nobody."""
        return self._pager.max_url_lifetime if isinstance(self._pager, Signer) else None

    @property
    def internals(self) -> Internals:
        """Only for this package itself, such as for a check; it may change at any time."""
        return Internals(backend=self._pager, send=self._ask, attempt=self._translated)

    def pages(self) -> Iterator[Page]:
        """Every file below the folder, page by page, in no order. Markers of folders and impossible names are left out.

        Raises:
            LocationNotFound: The bucket or folder does not exist.
            StorageError: A page could not be had; what was not listed is unknown, not missing.
        """
        with self._located():
            for entries in self._pager.pages(self._ask_in_time()):
                yield self._page(Found(entries=entries, way="listing"))

    def search(self, wanted: SearchQuery) -> Iterator[Page]:
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
        possible = evolve(wanted, names=[name for name in wanted.names if not is_invalid_key(name)])
        with self._located():
            for found in self._pager.search(possible, self._ask_in_time()):
                yield self._page(found)

    def _page(self, found: Found) -> Page:
        entries, names = found.entries, names_of(found.entries)
        if not all_valid_keys(names):
            entries = [entry for entry in entries if not is_invalid_key(entry[0])]
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
            complete=found.whole,
            strategy=found.way,
        )

    def probe_capability(self) -> str | None:
        """For a location without a listing, what can be told of files that are not there; None for every other.

        Raises:
            StorageError: Nothing can be told, or the storage could not be asked.
        """
        return self._pager.probe_capability(self._ask) if isinstance(self._pager, Prober) else None

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

    def _ask_in_time(self) -> Requester:
        """As ``_ask``, for one look that begins now and has to end."""
        return share_budget(partial(self._ask, until=monotonic() + self._listing_timeout))

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
                raise ListingTimeout(
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
            raise from_exception(error, where=self.location) from error

    def _translated(self, function: Callable[[], T], *, name: str | None) -> T:
        try:
            with suppress_sdk_debug():
                return function()
        except Exception as error:  # noqa: BLE001 - whatever another library raises
            told, cause = from_exception(error, where=self.location, name=name), sanitized_cause(error)
        # Not while the error is handled: it would become the new one's context, with all that it holds.
        raise told from cause


def _checked(name: str) -> str:
    if is_invalid_key(name):
        raise FileGone(f"{name[:LONGEST_NAME]!r} is no name that a file of a storage location may have")
    return name


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
def suppress_sdk_debug() -> Iterator[None]:
    """Nothing that the block does is in another library's log for debugging."""
    _FILTER.install()
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)


_in_use: WeakValueDictionary[Hashable, AbstractFileSystem] = WeakValueDictionary()
"""One is kept as long as a storage uses it: nothing is decided by it but how much memory a process needs."""

_lock = threading.Lock()


def shared(
    connect: Callable[[Location, Credentials, NetworkPolicy], AbstractFileSystem],
    location: Location,
    credentials: Credentials,
    network: NetworkPolicy,
) -> AbstractFileSystem:
    """The file system of whoever is at the same place with the same credentials and network policy, or a new one.

    After a fork everything is made anew, because a child cannot use its parent's connections. What the machine's own
    credentials are may change at any time, so nobody shares them.
    """
    if isinstance(credentials, Ambient):
        return connect(location, credentials, network)
    # Where a URL of S3 leaves the region to be found out, it is the bucket's own.
    bucket = location.bucket if location.protocol == "s3" and location.region is None else ""
    place = (location.provider, location.protocol, location.endpoint, location.region, location.style, location.account)
    key = (os.getpid(), *place, bucket, type(credentials), credentials, network)
    with _lock:
        fs = _in_use.get(key)
    if fs is not None:
        return fs
    # Takes seconds where an SDK is imported first, and nobody else shall wait for it.
    made = connect(location, credentials, network)
    with _lock:
        return _in_use.setdefault(key, made)


def open_storage(
    url: str | Location,
    *,
    credentials: Credentials | None = None,
    network: NetworkPolicy | None = None,
    provider: str | None = None,
    retry: RetryPolicy | None = None,
) -> ArtworkStorage:
    """The storage that a URL names. Connects when it is first used, not here.

    Args:
        url: As a merchant pastes it, or a parsed ``Location``.
        credentials: ``Anonymous()`` unless given or, as an Azure SAS, part of the URL; never taken from this machine's
            environment.
        network: What only an operator may allow; nothing private, nothing unencrypted and no folder of this machine
            unless given.
        provider: Who runs the storage, where the host name does not tell. For URLs only.
        retry: How often a request is repeated.

    Raises:
        InvalidLocation: The URL cannot be understood, or is refused; or it holds a SAS, and credentials were given.
        MissingExtra: The protocol's package is not installed.
    """
    location, credentials = resolve_location(url, credentials, provider)
    network = network or NetworkPolicy()
    if not serves(location.protocol):
        raise InvalidLocation(
            f"{location}: {location.protocol} cannot be opened by URL in this release; "
            "open it with fsspec and hand it over: ArtworkStorage(file_system, folder)"
        )
    if location.protocol in LOCAL and not network.allow_local:
        raise with_operator_note(
            InvalidLocation(f"{location} is a folder of this machine, where no URL may lead; use the URL of a bucket"),
            "NetworkPolicy(allow_local=True)",
        )
    with suppress_sdk_debug():
        fs = shared(module_for(location.protocol).connect, location, credentials, network)
    return ArtworkStorage(
        fs,
        location.root,
        location=location,
        retry=retry,
        call_timeout=network.call_timeout,
        listing_timeout=network.listing_timeout,
    )


def resolve_location(
    url: str | Location, credentials: Credentials | None = None, provider: str | None = None
) -> tuple[Location, Credentials]:
    """What ``open_storage`` makes of a URL: where it leads, and what it is opened with.

    Raises:
        InvalidLocation: The URL cannot be understood, or is refused; or it holds a SAS, and others were given.
    """
    location, sas = (url, None) if isinstance(url, Location) else parse_with_secret(url, provider)
    if sas is None:
        return location, credentials or Anonymous()
    if credentials is None:
        return location, SasToken(sas)
    # The same SAS, given on its own, says whether it may be handed on.
    if isinstance(credentials, SasToken) and credentials.token == sas:
        return location, credentials
    raise refused("it holds a SAS, and other credentials were given", "take out what follows the '?', or give none")

"""A storage location: list, search, look up and read its files, and make their URLs.

``ArtworkStorage`` is the interface for the rest of the library. A backend (``backends``) knows the protocol. The
storage adds what is the same for all: validation of keys, the count of requests, retries, the time limit of a listing,
and errors of this library. ``open_storage`` opens one by URL.
"""

from __future__ import annotations

import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import NoReturn, Protocol, TypeVar
from weakref import WeakValueDictionary

from attrs import evolve, frozen
from fsspec import AbstractFileSystem

from remote_artwork.activity import Measurement
from remote_artwork.client import RequestLimiter
from remote_artwork.core.cures import LISTING_TIMEOUT, OTHER_STORAGE
from remote_artwork.core.events import RequestWaited, StorageRequested
from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.lifecycle import path_key
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import DEFAULT_PLACEMENT, MEDIA_TYPES, Artwork, StoredFile
from remote_artwork.core.reasons import Reason
from remote_artwork.core.settings import require
from remote_artwork.errors import ConfigurationError, FileGone, InvalidLocation, RemoteArtworkError, StorageUnreachable
from remote_artwork.http import NetworkPolicy, with_operator_note
from remote_artwork.locks import ProcessLock
from remote_artwork.retry import RetryPolicy, share_budget
from remote_artwork.storage.backends.base import (
    LOCAL,
    Backend,
    Capability,
    Describing,
    ListingTimeout,
    Probeable,
    RegionResolver,
    Requester,
    RequestKind,
    Searcher,
    Signer,
    UrlChecker,
    backend_for,
    connect,
    is_supported,
    protocols_of,
)
from remote_artwork.storage.backends.fsspec import bypass_wrappers
from remote_artwork.storage.credentials import Ambient, Anonymous, Credentials, SasToken
from remote_artwork.storage.errors import from_exception, sanitized_cause
from remote_artwork.storage.key_validation import MAX_KEY_LENGTH, all_valid_keys, is_invalid_key, why_unusable
from remote_artwork.storage.location import Location, parse_with_sas
from remote_artwork.storage.provider_table import PROVIDERS
from remote_artwork.storage.reader import FilePart, PinnedFile, RangeReader
from remote_artwork.storage.request_time import limit_time_of_scan, measure_request
from remote_artwork.storage.sdk_logging import suppress_sdk_debug
from remote_artwork.storage.url_syntax import invalid_url

T = TypeVar("T")

_APPEAR_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})
"""Protocols that show a file only once it is complete."""

_HOURS_PER_MONTH = 730


class Attempt(Protocol):
    """Makes one request that is neither counted nor retried; translates its errors."""

    def __call__(self, function: Callable[[], T], *, name: str | None) -> T:
        """Return what ``function`` returns. ``name``: the file it concerns; None: it concerns the folder."""


@frozen(kw_only=True)
class Internals:
    """The parts of a storage, for ``check``.

    Args:
        backend: May offer more than a storage does.
        send: Makes one of the storage's own requests: counted and retried.
        attempt: Makes any other request.
    """

    backend: Backend
    send: Requester
    attempt: Attempt


class ArtworkStorage:
    """The files below one folder. Thread-safe; one instance can serve as long as the process runs.

    After a fork, a storage of ``open_storage`` connects again in the child. One with a file system of your own raises
    ``ConfigurationError`` there, unless the files are on this machine.

    Args:
        fs: Any fsspec file system that is not asynchronous. Caches of fsspec in front of it are not used.
        root: The folder, as the file system spells it: ``bucket/incoming``, ``/srv/prints``.
        location: The location's name in reports, without secrets; by default made from ``fs`` and ``root``.
        retry: How often a request is retried while the storage is unreachable.
        call_timeout: Seconds that one request may take. Local folders have no limit.
        listing_timeout: Seconds that one listing or search may take; it makes no request after them.
        files_timeout: Seconds that the requests about single files may take in one scan, all together.
        limiter: Limits how many requests run at once, together with other storages; None: no such limit.

    Raises:
        ConfigurationError: The file system is asynchronous or keeps copies of files, or the root names no folder.

    Attributes:
        location: The location's name in reports.
        appear_whole: Whether a file appears only once it is complete. False for local and web folders and for SFTP.
        concurrent_reads: Whether several threads may read at the same time. False if the protocol is not one that
            ``open_storage`` opens.
    """

    def __init__(  # noqa: PLR0913 - all but the first two are options
        self,
        fs: AbstractFileSystem,
        root: str,
        *,
        location: Location | str | None = None,
        retry: RetryPolicy | None = None,
        call_timeout: float = 60.0,
        listing_timeout: float = 3600.0,
        files_timeout: float = 3600.0,
        limiter: RequestLimiter | None = None,
    ) -> None:
        require(
            "ArtworkStorage.fs",
            fs,
            lambda value: callable(getattr(value, "_strip_protocol", None)),
            "an fsspec file system; open_storage(url) opens a URL",
        )
        require("ArtworkStorage.root", root, lambda value: isinstance(value, str), "the path of a folder, as text")
        fs, root = bypass_wrappers(fs, root)
        if getattr(fs, "asynchronous", False):
            raise ConfigurationError("this file system is asynchronous; make it without asynchronous=True")
        path = str(fs._strip_protocol(root))  # noqa: SLF001 - fsspec has no public way to normalize a path
        self.location: str = str(location or f"{protocols_of(fs)[0]}://{path}")
        self._parsed_location = location if isinstance(location, Location) else None
        self.appear_whole: bool = not _APPEAR_WHOLE.isdisjoint(protocols_of(fs))
        self.concurrent_reads: bool = any(map(is_supported, protocols_of(fs)))
        self._retry = retry or RetryPolicy()
        self._fs, self._path, self._call_timeout = fs, path, call_timeout
        self._reopen: Callable[[], AbstractFileSystem] | None = None
        self._connect()
        self._listing_timeout = listing_timeout
        self._files_timeout = files_timeout
        self._limiter = limiter
        self._endpoint = _endpoint_name(location) if isinstance(location, Location) else protocols_of(fs)[0]
        self._requests: Counter[RequestKind] = Counter()

    def _connect(self) -> None:
        self._connected = backend_for(self._fs, self._path, call_timeout=self._call_timeout)
        self._count_lock, self._region_lock = threading.Lock(), threading.Lock()
        self._region_resolver = self._connected if isinstance(self._connected, RegionResolver) else None
        self._lists_tell_all = isinstance(self._connected, Describing) and self._connected.lists_tell_all
        self._pid = os.getpid()

    @property
    def _backend(self) -> Backend:
        """The backend of this process. A child cannot use the connections that its parent opened before a fork."""
        if self._pid != os.getpid():
            self._connect_again()
        return self._connected

    def _connect_again(self) -> None:
        if self._reopen is not None:
            self._fs = self._reopen()
        elif LOCAL.isdisjoint(protocols_of(self._fs)):
            raise ConfigurationError(
                f"{self.location}: this storage was opened before the process forked, and a child process cannot "
                "use its connections; open it in each process, after the fork"
            )
        self._connect()

    def __repr__(self) -> str:
        return f"ArtworkStorage({self.location!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a storage has credentials and connections, so it cannot be pickled; open it where it is used")

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests made so far, including retries, by kind: ``list``, ``head``, ``get``."""
        with self._count_lock:
            return {kind: self._requests[kind] for kind in ("list", "head", "get")}

    def monthly_cost(self, requests: Mapping[str, int]) -> float | None:
        """US dollars per month for these requests, by kind, if they are made every hour.

        Returns:
            By the provider's list price; None if it is not known.
        """
        row = PROVIDERS.get(self._parsed_location.provider) if self._parsed_location else None
        prices = {"list": row and row.list_price, "head": row and row.get_price, "get": row and row.get_price}
        costs = []
        for kind, count in requests.items():
            price = prices[kind]
            if count and price is None:
                return None
            costs.append(count * (price or 0.0) / 1000)
        return sum(costs) * _HOURS_PER_MONTH if row and row.list_price is not None else None

    @property
    def max_url_lifetime(self) -> timedelta | None:
        """The longest lifetime of a signed URL; None if no limit is known. Makes no request."""
        return self._backend.max_url_lifetime if isinstance(self._backend, Signer) else None

    def check_urls(self) -> None:
        """Check that URLs can be made for the files. A file system that the user made signs one; nothing is requested.

        Raises:
            ConfigurationError: The storage can never make one.
        """
        if isinstance(self._backend, UrlChecker):
            self._attempt(self._backend.check_urls, name=None)

    @property
    def lists_tell_all(self) -> bool:
        """Whether ``siblings`` describes files as ``stat`` does, and as they are at that moment.

        True for Google Cloud Storage and Azure: their listings are strongly consistent, and the files of ``siblings``
        are judged as ``stat`` judges them. A file whose description does not differ needs no ``stat``. Azure does not
        list version ids; there, the ETag is that of the version.
        """
        return self._lists_tell_all

    @property
    def internals(self) -> Internals:
        """For this library only; may change at any time."""
        return Internals(backend=self._backend, send=self._send, attempt=self._attempt)

    def pages(self) -> Iterator[Page]:
        """Every file below the folder, in pages, in any order, without folder markers and invalid keys.

        Raises:
            LocationNotFound: The bucket or folder does not exist.
            StorageError: A page could not be fetched. Files that were not listed are unknown, not missing.
        """
        with self._locating_errors():
            for page in self._backend.pages(self._send_within_time_limit()):
                yield self._checked(page)

    def search(self, query: SearchQuery) -> Iterator[Page]:
        """Every expected file that exists, in pages, in any order. The pages may contain other files, too.

        A storage that cannot be searched is listed. The pages also say for which names the result is unknown.

        Raises:
            LocationNotFound: The bucket or folder does not exist.
            StorageError: The search ended early. Files that were not found by then are unknown, not missing.
        """
        if not isinstance(self._backend, Searcher):
            yield from self.pages()
            yield Page(complete=True, strategy="listing")
            return
        valid = evolve(query, names=[name for name in query.names if not is_invalid_key(name)])
        with self._locating_errors():
            for page in self._backend.search(valid, self._send_within_time_limit()):
                yield self._checked(page)

    def limited_file_time(self) -> AbstractContextManager[None]:
        """Limit the time of all requests in the block to ``files_timeout``. For what a scan does after its listing."""
        return limit_time_of_scan(self._files_timeout)

    def reserved_request(self) -> AbstractContextManager[None]:
        """Wait until the limiter lets a request run. Those in the block do not wait for other storages then."""
        return nullcontext() if self._limiter is None else _measured_wait(self._limiter.reserve(self._endpoint))

    def siblings(self, basenames: Collection[str]) -> Iterator[Page]:
        """Every file that has one of these basenames now, with any extension. The pages may contain other files, too.

        Looks at the storage as it is at this moment, and costs about one request for each basename; in a web folder
        one for each name that the file may have. See ``lists_tell_all``.

        Raises:
            StorageError: The storage could not be listed. It is not known then which other files there are. Raised by
                ``Page.file``: the file cannot be used, for the reason that ``stat`` would give.
        """
        valid = [basename for basename in sorted(basenames) if not is_invalid_key(basename)]
        with self._locating_errors():
            for page in self._backend.siblings(valid, self._send_within_time_limit()):
                yield self._checked(page)

    def _checked(self, page: Page) -> Page:
        """The page with invalid keys as unusable ones, and with errors about its files translated."""
        unusable: dict[str, Reason] = {}
        if all_valid_keys(page.names):
            positions, names = None, page.names
        else:
            positions = [i for i, name in enumerate(page.names) if not is_invalid_key(name)]
            names = [page.names[i] for i in positions]
            unusable = {name: because for name in page.names if (because := why_unusable(name)) is not None}

        def file(i: int) -> StoredFile:
            position = i if positions is None else positions[i]
            try:
                found = page.file(position)
            except Exception:  # noqa: BLE001 - repeated with the translation, which is slow
                found = self._attempt(lambda: page.file(position), name=names[i])
            return self._with_path(found)

        return evolve(page, names=names, file=file, unusable=unusable)

    def probe_capability(self) -> Capability | None:
        """For a location without a listing, what its server says about missing files; None for every other.

        Raises:
            StorageError: Missing files cannot be detected, or the storage could not be used.
        """
        if not isinstance(self._backend, Probeable):
            return None
        with self._locating_errors():
            return self._backend.probe_capability(self._send)

    def stat(self, name: str) -> StoredFile:
        """One file as it is now, with its version if the storage keeps versions.

        Raises:
            FileGone: The file does not exist.
            StorageError: The file could not be looked up.
        """
        return self._with_path(self._send("head", partial(self._backend.head, _valid_key(name)), name=name))

    def _with_path(self, file: StoredFile) -> StoredFile:
        return evolve(file, path_key=path_key(f"{self._path.rstrip('/')}/{file.name}"))

    def reader(self, file: StoredFile) -> RangeReader:
        """A reader for one version of a file: its version id, or only as long as its ETag is the same.

        A file of ``stat`` is read as that version. A file of a listing is read as the version that the storage has at
        the first read; ``RangeReader.pinned`` returns it, in most storages without a request of its own.

        If a read says that the file was replaced, the file is looked up. Then the error says whether it is gone, was
        replaced, or is still the same, so that the storage contradicts itself.
        """
        _valid_key(file.name)
        return RangeReader(self._pinned_file(file))

    def check_replaced(self, file: StoredFile) -> None:
        """Check that a file was replaced indeed, after ``stat`` described another version than was read.

        Costs one GET if the storage keeps no versions; none otherwise.

        Raises:
            StorageMisbehaved: It can still be read as it was, so lookups and reads have different change tokens.
            StorageError: It could not be read.
        """
        self._pinned_file(file).check_replaced()

    def _pinned_file(self, file: StoredFile) -> PinnedFile:
        return PinnedFile(file, self.stat, partial(self._fetch, file.name))

    def _fetch(self, name: str, file: StoredFile, start: int, end: int) -> FilePart:
        return self._send("get", partial(self._backend.get, file, start, end), name=name)

    def url(self, file: StoredFile, *, expires_in: timedelta) -> tuple[str, datetime | None]:
        """A URL from which a shop downloads the file, signed with the location's credentials.

        Makes no request to the storage, with two exceptions: a role may need a new session first, and a bucket whose
        region the URL left out is looked up once.

        Returns:
            The URL, and when it expires; None if it never does. A signed URL names the file's version. A public bucket
            gives an unsigned URL, a local folder ``file://``, memory ``memory://``.

        Raises:
            ConfigurationError: The storage cannot make URLs, or none with that lifetime.
        """
        _valid_key(file.name)
        self._resolve_region()
        return self._attempt(partial(self._backend.url, file, expires_in), name=file.name)

    def artwork(self, file: StoredFile, placement: str = DEFAULT_PLACEMENT, *, expires_in: timedelta) -> Artwork:
        """A print file with its URL, as a shop receives it. Its extension is one of ``MEDIA_TYPES``."""
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

    def _send_within_time_limit(self) -> Requester:
        """``_send`` for one listing or search that starts now."""
        return share_budget(partial(self._send, deadline=monotonic() + self._listing_timeout))

    def _send(
        self, kind: RequestKind, request: Callable[[], T], /, *, name: str | None = None, deadline: float = math.inf
    ) -> T:
        """Make one request: count it, translate its errors, retry it while the storage is unreachable."""
        self._resolve_region()
        return self._send_counted(kind, request, name=name, deadline=deadline)

    def _resolve_region(self) -> None:
        """Before the first signature, find the bucket's region if the URL left it out. One request, once."""
        if self._pid != os.getpid():
            self._connect_again()
        backend = self._region_resolver
        if backend is None or not backend.needs_region():
            return
        with self._region_lock:
            if backend.needs_region():
                region = self._send_counted("head", backend.resolve_region, name=None)
                if self._parsed_location is not None:
                    self._parsed_location = evolve(self._parsed_location, region=region)
                    self.location = str(self._parsed_location)

    def _send_counted(
        self, kind: RequestKind, request: Callable[[], T], *, name: str | None, deadline: float = math.inf
    ) -> T:
        def limited() -> T:
            if self._limiter is None:
                return once()
            with _measured_wait(self._limiter.request(self._endpoint)):
                return once()

        def once() -> T:
            if monotonic() > deadline:
                raise ListingTimeout(
                    f"the listing was stopped after {self._listing_timeout:g} seconds, before its end; if the folder "
                    f"has many files, use one with fewer, or raise {LISTING_TIMEOUT}; if it has few, the storage is "
                    "too slow, or its listing never ends: ask its operator"
                )
            with measure_request():
                with self._count_lock:
                    self._requests[kind] += 1
                with Measurement(partial(StorageRequested, kind=kind, file=name)) as facts:
                    response = self._attempt(request, name=name)
                    if isinstance(response, FilePart):
                        facts["size"] = len(response.content)
                    return response

        return self._retry.call(limited, on=StorageUnreachable)

    def _attempt(self, function: Callable[[], T], *, name: str | None) -> T:
        """Call ``function`` without the SDKs' debug logs, and translate its errors."""
        try:
            with suppress_sdk_debug():
                return function()
        except Exception as error:  # noqa: BLE001 - another library may raise anything
            translated, cause = from_exception(error, where=self.location, name=name), sanitized_cause(error)
        # Raised outside the except block: inside, the original error would become the context, with all its text.
        raise translated from cause

    @contextmanager
    def _locating_errors(self) -> Iterator[None]:
        """Name the location in errors that no single request raised, such as a listing that repeats a page."""
        try:
            yield
        except RemoteArtworkError as error:
            if error.location is not None:
                raise
            raise from_exception(error, where=self.location) from error


def _endpoint_name(location: Location) -> str:
    """What receives the requests, for a limiter."""
    return location.endpoint or "/".join(filter(None, (location.provider, location.account or location.region)))


@contextmanager
def _measured_wait(limit: AbstractContextManager[None]) -> Iterator[None]:
    """Enter the context of a limiter, and measure how long that takes."""
    with ExitStack() as stack:
        with Measurement(RequestWaited):
            stack.enter_context(limit)
        yield


def _valid_key(name: str) -> str:
    if is_invalid_key(name):
        raise FileGone(f"{name[:MAX_KEY_LENGTH]!r} is not a valid file name in a storage location; rename the file")
    return name


def open_storage(
    url: str | Location,
    *,
    credentials: Credentials | None = None,
    network: NetworkPolicy | None = None,
    provider: str | None = None,
    retry: RetryPolicy | None = None,
    limiter: RequestLimiter | None = None,
) -> ArtworkStorage:
    """Open the storage that a URL names. It connects with the first request, not here.

    Args:
        url: As a merchant pastes it, or a parsed ``Location``.
        credentials: By default those in the URL (an Azure SAS), otherwise ``Anonymous()``; never from this machine's
            environment.
        network: What an operator allows. By default no private addresses, no plain http, no folders of this machine.
        provider: The provider's id, if the host name does not show it. Only for a URL.
        retry: How often a request is retried.
        limiter: Limits how many requests run at once, together with other storages of this process; None: no such
            limit. See ``remote_artwork.fleet.StorageBudget``.

    Raises:
        InvalidLocation: The URL is not understood or not allowed, or it contains a SAS and ``credentials`` are given,
            too.
        MissingExtra: The protocol's package is not installed.
    """
    location, credentials = resolve_location(url, credentials, provider)
    network = network or NetworkPolicy()
    require("network", network, lambda value: isinstance(value, NetworkPolicy), "a NetworkPolicy")
    if not is_supported(location.protocol):
        raise InvalidLocation(
            f"{location}: a URL of the protocol {location.protocol} cannot be opened; {OTHER_STORAGE}"
        )
    if location.protocol in LOCAL and not network.allow_local:
        raise with_operator_note(
            InvalidLocation(f"{location} is a folder of this machine, which is not allowed; use the URL of a bucket"),
            "NetworkPolicy(allow_local=True)",
        )
    with suppress_sdk_debug():
        fs = shared_fs(location, credentials, network)
    storage = ArtworkStorage(
        fs,
        location.root,
        location=location,
        retry=retry,
        call_timeout=network.call_timeout,
        listing_timeout=network.listing_timeout,
        files_timeout=network.files_timeout,
        limiter=limiter,
    )
    storage._reopen = partial(shared_fs, location, credentials, network)  # noqa: SLF001 - of the same module
    return storage


def resolve_location(
    url: str | Location, credentials: Credentials | None = None, provider: str | None = None
) -> tuple[Location, Credentials]:
    """The location and the credentials of a URL, as ``open_storage`` uses them.

    Raises:
        InvalidLocation: The URL is not understood or not allowed, or it contains a SAS and other credentials are given.
    """
    location, sas = (url, None) if isinstance(url, Location) else parse_with_sas(url, provider)
    if sas is None:
        return location, credentials or Anonymous()
    if credentials is None:
        return location, SasToken(sas)
    # The same SAS given separately says whether it may be shared.
    if isinstance(credentials, SasToken) and credentials.token == sas:
        return location, credentials
    raise invalid_url(
        "it contains a SAS, and other credentials were given, too", "remove the part after '?', or give none"
    )


_file_systems: WeakValueDictionary[Hashable, AbstractFileSystem] = WeakValueDictionary()
"""The file systems in use. Sharing them saves memory and changes nothing else."""

_lock = ProcessLock()


def shared_fs(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """The file system of a storage in use with the same endpoint, credentials and network policy, or a new one.

    After a fork every file system is new, because a child cannot use its parent's connections. ``Ambient`` credentials
    may change at any time, so they are not shared.
    """
    if isinstance(credentials, Ambient):
        return connect(location, credentials, network)
    # If the URL of an S3 bucket leaves the region out, the file system later signs for that bucket's region.
    bucket = location.bucket if location.protocol == "s3" and location.region is None else ""
    place = (location.provider, location.protocol, location.endpoint, location.region, location.style, location.account)
    key = (os.getpid(), *place, bucket, type(credentials), credentials, network)
    with _lock:
        fs = _file_systems.get(key)
    if fs is not None:
        return fs
    # Outside the lock, because importing an SDK takes seconds.
    made = connect(location, credentials, network)
    with _lock:
        return _file_systems.setdefault(key, made)

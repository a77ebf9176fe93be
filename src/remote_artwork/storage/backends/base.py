"""What a storage backend is, and which module serves which protocol.

A backend serves one protocol. Its module offers two things:

- ``connect(location, credentials, network)`` makes an fsspec file system that uses these credentials only, and connects
  only where the network policy allows it.
- ``Backend(fs, root, call_timeout=…)`` lists, looks up, reads and makes URLs for one folder of such a file system, or
  of one that the user made.

To add a protocol, add its module here and its row to ``_MODULES``. A backend makes each request through the
``Requester`` it receives, which counts, retries and translates errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from attrs import frozen
from fsspec import AbstractFileSystem
from fsspec.asyn import mirror_sync_methods

from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import MissingExtra, StorageMisbehaved
from remote_artwork.http import NetworkPolicy
from remote_artwork.storage.credentials import Credentials
from remote_artwork.storage.location import Location
from remote_artwork.storage.reader import FilePart

T = TypeVar("T")
RequestKind = Literal["list", "head", "get"]


class ListingTimeout(StorageMisbehaved):
    """The time limit of this listing or search has passed. Every further request of it fails with the same error."""


class Requester(Protocol):
    """Makes one request to the storage: counts it, retries it, translates its errors."""

    def __call__(self, kind: RequestKind, request: Callable[[], T], /, *, name: str | None = None) -> T:
        """Return what ``request`` returns. ``name``: the file it concerns; None: it concerns the folder.

        Raises:
            ListingTimeout: The time limit has passed; no request was made.
            StorageError: The request failed.
        """


class Backend(Protocol):
    """One location, through one protocol. Names are relative to the location's folder. Thread-safe."""

    def pages(self, send: Requester) -> Iterator[Page]:
        """Every file below the folder. The pages may contain invalid keys."""

    def siblings(self, basenames: Sequence[str], send: Requester) -> Iterator[Page]:
        """The files that have one of these basenames now, with any extension. The pages may contain other files, too.

        Its cost does not depend on how many files the folder has, where the protocol allows that.
        """

    def head(self, name: str) -> StoredFile:
        """Look up one file, with one request."""

    def get(self, file: StoredFile, start: int, end: int) -> FilePart:
        """Read bytes ``start`` to ``end`` (exclusive) of a file, with one request.

        Where the protocol allows it, the response describes the file as ``head`` does, and the same code judges it. The
        reader compares that description with ``file``.

        Args:
            file: The file. If its ``version_id`` is given, exactly this version is read, otherwise the current one.
            start: The first byte.
            end: The end.

        Raises:
            FileGone: The version no longer exists.
        """

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """A URL from which a shop downloads the file, and when it expires (None: never).

        Makes no request, unless credentials must be renewed first.
        """


@runtime_checkable
class Searcher(Protocol):
    """A backend that can find expected files without listing everything."""

    def search(self, query: SearchQuery, send: Requester) -> Iterator[Page]:
        """Every expected file that exists, in any order. The pages may contain other files, too."""


@frozen
class Capability:
    """How a location without a listing shows missing files.

    Args:
        description: What the server's responses to random names say, for a person.
        caution: Whether a scan may often not know if a file exists.
    """

    description: str
    caution: bool = False


@runtime_checkable
class Probeable(Protocol):
    """A ``Searcher`` whose location may have no listing: it then requests each expected name."""

    def probe_capability(self, send: Requester) -> Capability | None:
        """What the server's responses say about missing files; None if the location can be listed.

        Raises:
            StorageMisbehaved: Missing files cannot be detected.
        """


@runtime_checkable
class RegionResolver(Protocol):
    """A backend whose URL may leave out the bucket's region."""

    def needs_region(self) -> bool:
        """Whether the region is still unknown."""

    def resolve_region(self) -> str:
        """Find the region with one request, and use it from now on."""


@runtime_checkable
class UrlChecker(Protocol):
    """A backend that knows before a scan whether it can make URLs."""

    def check_urls(self) -> None:
        """Raise ``ConfigurationError`` if no URL can ever be made for a file."""


@runtime_checkable
class Signer(Protocol):
    """A backend whose signed URLs have a maximum lifetime."""

    @property
    def max_url_lifetime(self) -> timedelta:
        """The longest lifetime of a signed URL. Makes no request."""


@runtime_checkable
class Describing(Protocol):
    """A backend that knows whether its listings describe files as completely as ``head`` does.

    Attributes:
        lists_tell_all: As ``ArtworkStorage.lists_tell_all``.
    """

    lists_tell_all: bool


@runtime_checkable
class Resumable(Protocol):
    """A backend that can start a listing after a name."""

    def names_after(self, name: str, send: Requester) -> Sequence[str]:
        """One page of the names after ``name``."""


@runtime_checkable
class Writable(Protocol):
    """A backend that can write, if the credentials allow it."""

    def write(self, name: str, content: bytes) -> None:
        """Write a small file. Replaces an existing one."""

    def delete(self, name: str) -> None:
        """Delete a file."""


_MODULES: Mapping[str, str] = {
    "abfs": "azure",
    "azure": "azure",
    "file": "fsspec",
    "gcs": "gcs",
    "http": "web",
    "https": "web",
    "memory": "fsspec",
    "s3": "s3",
}
"""fsspec protocol → the module of this package that serves it, which is also the name of the extra it needs."""

LOCAL = frozenset({"file", "memory"})
"""Protocols that reach this machine itself. The network policy does not see them."""


def is_supported(protocol: str) -> bool:
    """Whether a location of this fsspec protocol can be opened by URL."""
    return protocol in _MODULES


def connect(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """Make the file system of a location. Makes no request.

    Raises:
        ConfigurationError: The protocol does not support these credentials.
        InvalidLocation: The network policy does not allow the endpoint.
        MissingExtra: The protocol's package is not installed.
    """
    name = _MODULES[location.protocol]
    try:
        fs: AbstractFileSystem = _module(name).connect(location, credentials, network)
    except ImportError as error:
        raise MissingExtra(
            f"{location}: a package for this storage is not installed; run: pip install 'remote_artwork[{name}]'"
        ) from error
    return fs


def backend_for(fs: AbstractFileSystem, root: str, *, call_timeout: float) -> Backend:
    """The backend for a file system, chosen by its protocol; the generic one if the protocol is not known.

    Args:
        fs: A file system that ``connect`` or the user made.
        root: The folder, as the file system spells it.
        call_timeout: Seconds that one request may take.
    """
    name = next((_MODULES[protocol] for protocol in protocols_of(fs) if protocol in _MODULES), "fsspec")
    backend: Backend = _module(name).Backend(fs, root, call_timeout=call_timeout)
    return backend


def _module(name: str) -> ModuleType:
    return import_module(f"{__package__}.{name}")


def protocols_of(fs: AbstractFileSystem) -> tuple[str, ...]:
    """The protocol names of a file system. fsspec allows one or several."""
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def isolated_fs(fs_class: type[AbstractFileSystem], **options: Any) -> AbstractFileSystem:
    """Make a file system with exactly these options, independent of this machine's fsspec configuration.

    Calling the class would add options from that configuration, also options that no constructor names, and would keep
    the instance in fsspec's cache.
    """
    fs = type.__call__(fs_class, **options)
    # The other steps of fsspec's own call. Its token stands for the options; here it stands for this one instance.
    fs._fs_token_ = uuid4().hex
    fs.storage_args = ()
    fs.storage_options = {}
    if fs.async_impl and fs.mirror_sync_methods:
        mirror_sync_methods(fs)
    return fs


MAX_SIGNATURE_LIFETIME = timedelta(days=7)
"""The longest lifetime that the signature protocol of S3 and Google Cloud Storage allows."""


def expiry_of(url: str, vendor: str) -> datetime:
    """When a signed URL expires, according to its own parameters.

    Args:
        url: The signed URL.
        vendor: The vendor name in its parameters: ``Amz`` or ``Goog``.
    """
    query = parse_qs(urlsplit(url).query)
    if "Expires" in query:  # signed with version 2, as s3fs does for an endpoint without a region
        return datetime.fromtimestamp(int(query["Expires"][0]), UTC)
    signed_at = datetime.strptime(query[f"X-{vendor}-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed_at + timedelta(seconds=int(query[f"X-{vendor}-Expires"][0]))

"""One file a protocol. Each knows how its protocol connects, lists, stats, reads and makes URLs; nothing else does.

A module here offers ``connect(location, credentials, network)``, which gives a file system, and a ``Backend`` around a
file system, whoever made it. To add a protocol, add its file and its row below. Counting, retries and the translation
of errors are not a pager's business: every request to the storage goes through ``ask``.

A location is looked through in the way its pager has. Each can list everything, or says that it cannot; one that is a
``Searcher`` too finds the wanted files with less, or at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, Protocol, TypeVar, overload, runtime_checkable
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from attrs import field, frozen
from fsspec import AbstractFileSystem
from fsspec.asyn import mirror_sync_methods

from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import StorageMisbehaved

# Control characters, lone surrogates, line and paragraph separators: nobody means them, and logs break on them.
_UNPRINTABLE = r"\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029"

UNPRINTABLE = re.compile(f"[{_UNPRINTABLE}]")
"""What neither the name of a file may hold, nor the URL of its folder."""

_IMPOSSIBLE = re.compile(
    rf"""
      ^ (?: / | $ )                  # outside of the folder, or the folder itself
    | / $                            # a marker for a folder
    | (?: ^ | / ) \.\.? (?: / | $ )  # would lead elsewhere when joined to a path
    | [\\{_UNPRINTABLE}]
    """,
    re.VERBOSE,
)

LONGEST_NAME = 1024
"""Characters of a file's name; no provider takes a longer one."""

_SUSPICIOUS = ("\n/", "/\n", "\n\n", "\n.", "/.", "\\")


def is_invalid_key(name: str) -> bool:
    """Whether a name leads out of its folder, is the folder itself, is too long, or holds what no name may."""
    return len(name) > LONGEST_NAME or _IMPOSSIBLE.search(name) is not None


def all_valid_keys(names: Sequence[str]) -> bool:
    """Whether not one of a page's names can be impossible. Quick, because it looks at all of them together."""
    if max(map(len, names), default=0) > LONGEST_NAME:
        return False
    lines = "\n".join(("", *names, ""))
    return "".join(names).isprintable() and not any(text in lines for text in _SUSPICIOUS)


def isolated_fs(kind: type[AbstractFileSystem], **options: Any) -> AbstractFileSystem:
    """A new file system of this kind, made with these options and no others.

    Calling the kind would mix in what this machine's configuration says of its protocol: also options that another
    release of its package adds, and such as no constructor names. Nor is it kept among fsspec's instances.
    """
    fs = type.__call__(kind, **options)
    # What fsspec's own way of calling does besides. Its token stands for options, here for this one file system.
    fs._fs_token_ = uuid4().hex
    fs.storage_args = ()
    fs.storage_options = {}
    if fs.async_impl and fs.mirror_sync_methods:
        mirror_sync_methods(fs)
    return fs


MAX_SIGNATURE_LIFETIME = timedelta(days=7)
"""The limit of the signature protocol itself."""


def expiry_of(url: str, vendor: str) -> datetime:
    """When a signed URL stops working, by what stands in it.

    Args:
        url: As it was signed.
        vendor: What its parameters are called after: ``Amz`` or ``Goog``.
    """
    query = parse_qs(urlsplit(url).query)
    signed_at = datetime.strptime(query[f"X-{vendor}-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed_at + timedelta(seconds=int(query[f"X-{vendor}-Expires"][0]))


T = TypeVar("T")
RequestKind = Literal["list", "head", "get"]
Entry = Mapping[str, Any]
"""The client's own description of a file."""
Entries = Sequence[tuple[str, Entry]]
"""Files by their names, each with its description."""

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
"""A location's or a file system's protocol → the module here that serves it."""

LOCAL = frozenset({"file", "memory"})
"""The protocols that reach this machine itself, which the guard of the network does not see."""


class ListingTimeout(StorageMisbehaved):
    """A look through a location has taken as long as it may; whatever else it asks for is refused as well."""


class Requester(Protocol):
    """Makes one request: counts it, translates its errors, repeats it while that may help."""

    def __call__(self, kind: RequestKind, request: Callable[[], T], /, *, name: str | None = None) -> T:
        """What ``request`` returns. ``name`` is the file that it is about; without one, it is about the folder.

        Raises:
            TimeIsUp: No more may be asked in this look.
            StorageError: What became of the request.
        """


class LazyEntries(Sequence[tuple[str, Entry]]):
    """Entries of which few are looked at: a description is made when it is asked for.

    Args:
        names: All names.
        describe: Makes the description of ``names[i]``.
    """

    def __init__(self, names: Sequence[str], describe: Callable[[int], Entry]) -> None:
        self.names = names
        self._describe = describe

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> tuple[str, Entry]: ...
    @overload
    def __getitem__(self, place: slice) -> LazyEntries: ...
    def __getitem__(self, place: int | slice) -> tuple[str, Entry] | LazyEntries:
        """One entry, or the entries of a slice, which begins at the first."""
        if isinstance(place, slice):
            return LazyEntries(self.names[: place.stop], self._describe)
        return self.names[place], self._describe(place)


def names_of(entries: Entries) -> Sequence[str]:
    """All names, without making a single description."""
    return entries.names if isinstance(entries, LazyEntries) else [name for name, _ in entries]


@frozen(kw_only=True)
class Found:
    """A part of what a ``Searcher`` finds.

    Args:
        entries: Files, as in a page of ``Pager.pages``.
        unknown: Names of which nobody knows whether they are there → why.
        caveat: What should be said with each missing file.
        whole: Whether with this part every file of the location has been seen.
        way: How it was found, in a word.
    """

    entries: Entries = ()
    unknown: Mapping[str, str] = field(factory=dict)
    caveat: str = ""
    whole: bool = False
    way: str = ""


@runtime_checkable
class Searcher(Protocol):
    """What a ``Backend`` is besides, where wanted files are found without a listing of everything."""

    def search(self, wanted: SearchQuery, ask: Requester) -> Iterator[Found]:
        """Every wanted file that is there, in parts and in no order; others that were come by may be among them."""


@runtime_checkable
class Prober(Protocol):
    """What a ``Searcher`` is besides, whose location may have no listing: names are asked for one by one."""

    def probe_capability(self, ask: Requester) -> str | None:
        """What can be told of names that are not there; None where there is a listing.

        Raises:
            StorageMisbehaved: Nothing can be told.
        """


@runtime_checkable
class Locator(Protocol):
    """What a ``Backend`` is besides, whose URL may leave out a part of where the location lies."""

    @property
    def locate(self) -> Callable[[], str] | None:
        """Makes one request and returns the location's whole name; called once, before all else. None: it is known."""


@runtime_checkable
class Signer(Protocol):
    """What a ``Backend`` is besides, whose signed URLs cannot live for ever."""

    @property
    def max_url_lifetime(self) -> timedelta:
        """The longest that one can live. Asks nobody."""


class Backend(Protocol):
    """One location through one protocol. Names are relative to the location's folder; thread-safe."""

    def pages(self, ask: Requester) -> Iterator[Entries]:
        """Every file below the folder. A name may be impossible."""

    def head(self, name: str) -> Mapping[str, Any]:
        """The client's own description of one file, by one request."""

    def get(self, file: StoredFile, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end`` (exclusive) of these very bytes, by one request.

        Raises:
            FileGone: The file was replaced.
        """

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """Where a host downloads the file, and until when; None: as long as the file is there.

        Asks nobody, unless credentials have to be renewed for it.
        """


def serves(protocol: str) -> bool:
    """Whether a location of this fsspec protocol can be opened."""
    return protocol in _MODULES


def module_for(protocol: str) -> ModuleType:
    """The module that serves an fsspec protocol; the generic one for a file system that was handed in."""
    return import_module(f"{__package__}.{_MODULES.get(protocol, 'fsspec')}")


def protocols_of(fs: AbstractFileSystem) -> tuple[str, ...]:
    """The names a file system goes by; fsspec gives a word or several."""
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def backend_for(fs: AbstractFileSystem, root: str, *, call_timeout: float) -> Backend:
    """The pager for a file system, by its own protocol. ``root`` is in the file system's own spelling."""
    module = module_for(next((protocol for protocol in protocols_of(fs) if protocol in _MODULES), ""))
    pager: Backend = module.Backend(fs, root, call_timeout=call_timeout)
    return pager

"""The backend for public folders of web servers.

Some folders have a listing in S3's form. In all others the backend requests each expected name (probing). Two things
decide what a response proves:

- A missing file: HTTP 404 or 410. HTTP 403 counts as missing only if the server also responds with 403 to a random
  name (``NameProbe.status_of_random_name``).
- An existing file: ``file_from_response``, unless the server also reports a random name as existing.

fsspec's HTTP file system provides the session. Its own calls read an outage as a missing file, read whole files for a
part of one, and follow redirects, so requests are made here.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlencode, urlsplit

from attrs import define, field
from fsspec import AbstractFileSystem

from remote_artwork.core.expected import SearchQuery, split_extension
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import MEDIA_TYPES, StoredFile
from remote_artwork.core.reasons import reason
from remote_artwork.core.skip_scan import CycleDetector
from remote_artwork.core.text import spellings
from remote_artwork.errors import (
    ConfigurationError,
    FileGone,
    StorageDenied,
    StorageError,
    StorageMisbehaved,
    StorageUnreachable,
)
from remote_artwork.http import (
    MAX_RESPONSE_BYTES,
    NetworkPolicy,
    Response,
    check_complexity,
    open_session,
    run_sync,
)
from remote_artwork.storage.backends.base import ListingTimeout, Requester, RequestKind, isolated_fs
from remote_artwork.storage.backends.xml import fields_in, parse_listing, parse_size
from remote_artwork.storage.credentials import Anonymous, Credentials
from remote_artwork.storage.errors import HttpStatusError, from_exception, is_busy
from remote_artwork.storage.location import Location
from remote_artwork.storage.metadata import change_token, stored_file
from remote_artwork.storage.url_syntax import percent_encode

if TYPE_CHECKING:
    from aiohttp import ClientResponse

T = TypeVar("T")

MAX_SKIPPED = 64 * 1024**2
"""Bytes that are read and dropped at most, from a server that ignores Range requests and sends whole files."""

_NO_HEAD = (403, 405, 501)
"""Responses of servers that do not support HEAD. Servers also use the first one for a file that is not public."""


def connect(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """An HTTP file system that connects only where ``network`` allows it, without credentials."""
    network.check_endpoint(location.endpoint)
    if not isinstance(credentials, Anonymous):
        raise ConfigurationError(f"{location}: a public web folder takes no credentials; leave them out")
    import aiohttp
    from fsspec.implementations.http import HTTPFileSystem

    async def make_session(*, loop: asyncio.AbstractEventLoop) -> aiohttp.ClientSession:
        del loop  # the running one
        return await open_session(network, auto_decompress=False)

    return isolated_fs(
        HTTPFileSystem,
        simple_links=False,
        block_size=None,
        same_scheme=True,
        size_policy=None,
        cache_type="none",
        cache_options=None,
        client_kwargs={},
        get_client=make_session,
        encoded=True,
        asynchronous=False,
        use_listings_cache=False,
    )


class Backend:
    """One folder of one web server."""

    def __init__(self, fs: AbstractFileSystem, root: str, *, call_timeout: float) -> None:
        self._fs = fs
        self._folder = f"{root.rstrip('/')}/"
        self._call_timeout = call_timeout
        self._supports_head = True

    def pages(self, send: Requester) -> Iterator[Page]:
        """The folder's own listing, if it has one in S3's form."""
        first = send("list", self._list)
        if first is None:
            raise ConfigurationError(
                "this web folder has no listing, so its files cannot all be found; "
                "scan without sweep, which requests the files of pending orders only"
            )
        yield from self._pages(first, send)

    def search(self, query: SearchQuery, send: Requester) -> Iterator[Page]:
        """Read the folder's listing if it has one, otherwise request each expected name."""
        first = send("list", self._list)
        if first is None:
            yield from self._probe(send).run(query)
            return
        yield from self._pages(first, send)
        yield Page(complete=True, strategy="listing")

    def siblings(self, basenames: Sequence[str], send: Requester) -> Iterator[Page]:
        """Request each name that such a file can have; a listing may be long, or older than the files."""
        return self._probe(send).run(SearchQuery(basenames=basenames))

    def _pages(self, page: Page, send: Requester) -> Iterator[Page]:
        cycle = CycleDetector()
        yield page
        while page.next_token:
            if cycle.seen(page.next_token):
                raise StorageMisbehaved("the server's listing repeats a page, so it never ends; check the URL")
            following = send("list", partial(self._list, page.next_token))
            if following is None:
                raise StorageMisbehaved("the server's listing breaks off after a page; check the URL")
            page = following
            yield page

    def _list(self, query: str = "") -> Page | None:
        """One page of the folder's listing, by default the first; None if there is no listing."""
        return self._wait(fetch_listing, self._folder, query)

    def probe_capability(self, send: Requester) -> str | None:
        """What the server's response to a random name says about missing files; None if the folder has a listing."""
        if send("list", self._list) is not None:
            return None
        status = self._probe(send).status_of_random_name("jpg")
        start = "the folder has no listing, so each expected name is requested;"
        if status in (404, 410):
            return f"{start} for a missing file the server responds with HTTP {status}, as it should"
        if status == 403:
            return f"{start} {CAVEAT.render()}"
        if 300 <= status < 400:
            raise StorageMisbehaved(
                f"the server redirects (HTTP {status}), and redirects are not followed; "
                "use the address to which it redirects"
            )
        raise StorageMisbehaved(
            f"the folder has no listing, and the server responds with HTTP {status} for a missing file, "
            "so missing files cannot be detected; make the server respond with 404"
        )

    def _probe(self, send: Requester) -> NameProbe:
        return NameProbe(self._folder, partial(self._request_name, send=send))

    def _request_name(self, name: str, *, send: Requester) -> Response:
        """The server's response for one name, by HEAD or, if the server does not support it, by GET of one byte."""
        url = self._folder + percent_encode(name)
        if self._supports_head:
            response = send("head", lambda: self._wait(exchange, "HEAD", url), name=name)
            if response.status not in _NO_HEAD:
                return response
            self._supports_head = False
        first_byte = {"Range": "bytes=0-0"}
        return send("head", lambda: self._wait(exchange, "GET", url, headers=first_byte), name=name)

    def head(self, name: str) -> StoredFile:
        """One HEAD, or one GET of one byte if the server has refused a HEAD before."""
        return file_from_response(name, self._request_name(name, send=_call_directly))

    def get(self, file: StoredFile, start: int, end: int) -> bytes:
        """One ranged GET. The response's own headers must describe the same version of the file."""

        async def read_part(response: ClientResponse) -> bytes:
            answer = _answer(response)
            now = file_from_response(file.name, answer)
            if (now.etag, now.size) != (file.etag, file.size):
                raise FileGone("the file was replaced since the scan read its metadata; scan again")
            partial_content = answer.status == HTTPStatus.PARTIAL_CONTENT
            if partial_content and _range_start(answer) != start:
                raise StorageMisbehaved("the server sends another part of the file than requested; check the URL")
            skip = 0 if partial_content else start
            if skip > MAX_SKIPPED:
                raise StorageMisbehaved(
                    f"the server ignores Range requests, so files above {MAX_SKIPPED // 1024**2} MiB cannot be "
                    "checked; make the server support Range requests"
                )
            return await read_slice(response, skip=skip, length=end - start)

        headers = {"Range": f"bytes={start}-{end - 1}"}
        return self._wait(
            exchange, "GET", self._folder + percent_encode(file.name), headers=headers, read=read_part
        ).body

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """The file's own URL, which does not expire and pins no version."""
        del expires_in
        return self._folder + percent_encode(file.name), None

    def _wait(self, request: Callable[..., Awaitable[T]], *arguments: str, **options: Any) -> T:
        return run_sync(self._fs.loop, request, self._fs, *arguments, timeout=self._call_timeout, **options)


def _call_directly(_kind: RequestKind, request: Callable[[], T], /, *, name: str | None = None) -> T:
    """A ``Requester`` for a call whose caller already counts, retries and translates."""
    del name
    return request()


# One request

Read = Callable[["ClientResponse"], Awaitable[bytes]]
"""Reads what is needed of a body. The rest is never read."""


async def exchange(
    fs: Any, method: str, url: str, *, headers: Mapping[str, str] | None = None, read: Read | None = None
) -> Response:
    """One request, without retries and redirects. Without ``read``, the body is not read.

    Raises:
        HttpStatusError: The server is busy or broken.
    """
    from yarl import URL  # a dependency of aiohttp

    session = await fs.set_session()
    async with session.request(
        method,
        URL(url, encoded=True),
        headers={"Accept-Encoding": "identity", **(headers or {})},
        allow_redirects=False,
    ) as response:
        if is_busy(response.status):
            raise HttpStatusError(response.status, headers=response.headers)
        return _answer(response, b"" if read is None else await read(response))


def _answer(response: ClientResponse, body: bytes = b"") -> Response:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(status=response.status, headers=headers, body=body)


async def read_slice(response: ClientResponse, *, skip: int = 0, length: int) -> bytes:
    """``length`` bytes of a body after ``skip`` bytes that are dropped; fewer if the body ends."""
    while skip and (dropped := await response.content.read(skip)):
        skip -= len(dropped)
    content = bytearray()
    while len(content) < length and (more := await response.content.read(length - len(content))):
        content += more
    return bytes(content)


# What a response says about one file

_NUMBER = r"[0-9]{1,18}"  # a longer one is nonsense, and Python refuses to convert it
_CONTENT_LENGTH = re.compile(_NUMBER)
_CONTENT_RANGE = re.compile(rf"bytes (?:(?P<start>{_NUMBER})-[0-9]+|\*)/(?P<size>{_NUMBER})", re.IGNORECASE)
_WEB_PAGES = ("text/html", "application/xhtml+xml")


def file_from_response(name: str, response: Response) -> StoredFile:
    """Make a ``StoredFile`` from the response to a HEAD, or to a GET of the file or a part of it.

    Raises:
        FileGone: The file does not exist.
        StorageError: The response does not describe a file, or one whose replacement would not be noticed.
    """
    size = _file_size(response)
    if response.status not in (200, 206) and not (response.status == 416 and size == 0):
        raise _status_error(name, response.status)
    headers = response.headers
    if headers.get("content-type", "").partition(";")[0].strip().lower() in _WEB_PAGES:
        raise StorageMisbehaved(f"{name!r}: the server sends a web page instead of the file; check the URL")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise StorageMisbehaved(
            f"{name!r}: the server compresses the file although that was not requested; turn that off in the server"
        )
    if size is None:
        raise StorageMisbehaved(
            f"{name!r}: the server does not report the file's size; make it send the header Content-Length"
        )
    modified = headers.get("last-modified", "")
    token = change_token(etag=headers.get("etag"), modified=modified, size=size)
    if token is None:
        raise StorageMisbehaved(
            f"{name!r}: the server sends neither an ETag that identifies the content nor a Last-Modified that can be "
            "read, so a replaced file would not be noticed; make it send one of these headers"
        )
    return stored_file(name, size=size, etag=token, last_modified=modified)


def _file_size(response: Response) -> int | None:
    """Bytes of the whole file; None if the response does not say."""
    if response.status in (206, 416):
        match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        return int(match["size"]) if match else None
    length = response.headers.get("content-length", "")
    return int(length) if _CONTENT_LENGTH.fullmatch(length) else None


def _range_start(response: Response) -> int | None:
    """Where the body starts within the file; None if the response does not say."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    return int(match["start"]) if match and match["start"] else None


def _status_error(name: str, status: int) -> StorageError:
    if status in (404, 410):
        return FileGone(f"{name!r}: the file does not exist (HTTP {status})")
    if status in (412, 416):
        return FileGone(f"{name!r}: the file was replaced since the scan read its metadata (HTTP {status})")
    if status in (401, 403, 407):
        return StorageDenied(f"{name!r}: the server refuses access (HTTP {status}); make the file public")
    if 300 <= status < 400:
        return StorageMisbehaved(
            f"{name!r}: the server redirects (HTTP {status}), and redirects are not followed; "
            "use the address of the files themselves"
        )
    return StorageMisbehaved(f"{name!r}: the server's response does not describe a file (HTTP {status}); check the URL")


# A listing in S3's form

_START = 1024
"""Bytes of a body that contain the root element, if it is a listing."""


async def fetch_listing(fs: Any, folder: str, query: str) -> Page | None:
    """Fetch one page of a folder's listing, with one GET.

    Args:
        fs: An HTTP file system.
        folder: The folder's URL, ending in ``/``.
        query: The previous page's ``next_token``; empty for the first page.

    Returns:
        The page, whose ``next_token`` is the query of the next one. None if the response is not a listing, or is a
        first page that cannot be read: the backend can still request the folder's files by name.

    Raises:
        StorageMisbehaved: A further page cannot be read.
    """
    try:
        response = await exchange(fs, "GET", f"{folder}?{query}" if query else folder, read=_read_listing_only)
        return read_listing(response.body, folder=unquote(urlsplit(folder).path)) if response.body else None
    except StorageMisbehaved:
        if query:
            raise
        return None


async def _read_listing_only(response: ClientResponse) -> bytes:
    """The body if it may be a listing; otherwise only its start is read, and nothing returned."""
    start = await read_slice(response, length=_START) if response.status == HTTPStatus.OK else b""
    if b"<ListBucketResult" not in start:
        return b""
    rest = await read_slice(response, length=MAX_RESPONSE_BYTES)
    if len(rest) == MAX_RESPONSE_BYTES:
        raise StorageMisbehaved(
            f"a page of the folder's listing is larger than {MAX_RESPONSE_BYTES // 1024**2} MiB; check the URL"
        )
    return start + rest


def read_listing(document: bytes, *, folder: str) -> Page:
    """Read one page of a listing.

    Args:
        document: The body.
        folder: The decoded path of the folder that was requested, ending in ``/``.

    Returns:
        Names below the folder; a name is empty if the key belongs to another folder.

    Raises:
        StorageMisbehaved: The document is not a listing, or not of this folder.
    """
    check_complexity(document)
    root, keys, fields_of = parse_listing(document, file="Contents", name="Key", size="Size")
    if root.tag.rpartition("}")[2] != "ListBucketResult":
        raise StorageMisbehaved("the folder's listing is not in the form of S3; check the URL")
    described = fields_in(root)
    prefix = described.get("Prefix", "")
    if prefix and not folder.endswith(f"/{prefix}"):
        raise StorageMisbehaved("the server lists another folder than the one requested; check the URL")
    names = [key[len(prefix) :] if key.startswith(prefix) else "" for key in keys]
    files = [_listed_file(name, fields_of(i)) for i, name in enumerate(names)]
    next_query = None
    if described.get("IsTruncated") == "true":
        token = described.get("NextContinuationToken")
        marker = described.get("NextMarker") or (keys[-1] if keys else "")
        if not token and not marker:
            raise StorageMisbehaved(
                "the server cuts its listing short without a token for the next page; check the URL"
            )
        next_query = urlencode({"list-type": "2", "continuation-token": token} if token else {"marker": marker})
    return Page(names, files.__getitem__, next_query, strategy="listing")


def _listed_file(name: str, fields: Mapping[str, str]) -> StoredFile:
    size = parse_size(fields.get("Size", ""))
    if size is None:
        raise StorageMisbehaved("the server lists a file without its size; check the URL")
    modified = fields.get("LastModified")
    # A listing may do without a token. Before anything is compared or sent, the file is looked up.
    token = change_token(etag=fields.get("ETag"), modified=modified, size=size) or f"listed-{size}"
    return stored_file(name, size=size, etag=token, last_modified=modified, listed=True)


# Probing: one request per expected name

MAX_CONCURRENT_PROBES = 16
"""Files whose names are requested at the same time."""

MAX_UNREACHABLE = 3
"""Files without a response, after which the whole server counts as unreachable."""

CAVEAT = reason("private_looks_missing")
"""Added to the reason of each missing file if the server responds with HTTP 403 to a random name."""

_BATCH = 512
_EXISTS = (200, 206)
_EXTENSIONS = (*MEDIA_TYPES, *(extension.upper() for extension in MEDIA_TYPES))


def names_of(stem: str) -> list[str]:
    """The names that a file may have: as given, in NFC and in NFD, with each extension in lower and upper case."""
    return [f"{form}.{extension}" for form in sorted(spellings(stem)) for extension in _EXTENSIONS]


class EveryNameExists(StorageMisbehaved):
    """The server reports a random name as existing, so missing files cannot be detected."""


class _Forbidden(StorageDenied):
    """A clear response for one file, which says nothing about the others."""


@define
class NameProbe:
    """One search that requests expected names: many files at the same time, the names of one file in turn.

    Args:
        folder: The folder's URL, for messages.
        request: Requests one name; raises if there is no response.
    """

    folder: str
    request: Callable[[str], Response]
    _random_names: dict[str, int] = field(factory=dict)
    _unreachable: int = 0
    _unclear: list[StorageError] = field(factory=list)
    _fatal: StorageError | None = None
    _lock: threading.Lock = field(factory=threading.Lock)

    def run(self, query: SearchQuery) -> Iterator[Page]:
        """The expected files that exist, in batches.

        Raises:
            StorageError: The server is unreachable, reports every name as existing, or gave no clear response at all.
        """
        files = {stem: names_of(stem) for stem in query.basenames}
        known = {name for names in files.values() for name in names}
        files |= {name: [name] for name in query.names if name not in known}
        by_case = Counter(stem.casefold() for stem in query.basenames)
        todo = iter(files.items())
        with ThreadPoolExecutor(MAX_CONCURRENT_PROBES, thread_name_prefix="web-probe") as pool:
            while batch := list(islice(todo, _BATCH)):
                unique = [by_case[stem.casefold()] < 2 for stem, _ in batch]
                results = list(pool.map(self._find, (names for _, names in batch), unique))
                if self._fatal is not None:
                    raise self._fatal
                found = [file for files, _ in results for file in files]
                yield Page(
                    [file.name for file in found],
                    found.__getitem__,
                    unknown={name: problem for _, unknown in results for name, problem in unknown.items()},
                    caveat=CAVEAT if 403 in self._random_names.values() else None,
                    strategy="probing",
                )
        if files and len(self._unclear) == len(files):
            raise self._unclear[0]

    def status_of_random_name(self, extension: str) -> int:
        """The server's status for a name with this extension that cannot exist. Requested once."""
        with self._lock:
            if extension not in self._random_names:
                self._random_names[extension] = self.request(f"{secrets.token_hex(16)}.{extension}").status
            return self._random_names[extension]

    def _find(self, names: Sequence[str], unique: bool) -> tuple[list[StoredFile], dict[str, str]]:  # noqa: FBT001 - for map
        """Those of one file's names that exist; or the first name without a clear response, and the problem."""
        hits: dict[str, StoredFile] = {}
        name = names[0]
        try:
            for name in names:
                if (file := self._probe(name)) is not None:
                    hits[name] = file
            for name in list(hits):
                self._drop_same_file(name, hits, unique=unique)
        except StorageError as error:
            self._record(error)
            return [], {name: str(error)}
        return list(hits.values()), {}

    def _probe(self, name: str) -> StoredFile | None:
        if self._fatal is not None:
            raise self._fatal
        response = self.request(name)
        extension = split_extension(name)[1]
        if response.status in (404, 410):
            return None
        if response.status == 403:
            if self.status_of_random_name(extension) == 403:
                return None
            raise _Forbidden(
                f"the server refuses {name!r} (HTTP 403), so it is not known whether the file exists; "
                "make the file public, or delete it"
            )
        if response.status in _EXISTS and self.status_of_random_name(extension) in _EXISTS:
            raise EveryNameExists(
                f"the server reports a random name ending in .{extension} as existing (HTTP 200), "
                "so missing files cannot be detected; make the server respond with 404 for missing files"
            )
        try:
            return file_from_response(name, response)
        except StorageError as error:
            raise from_exception(error, where=self.folder, name=name) from error

    def _drop_same_file(self, name: str, hits: dict[str, StoredFile], *, unique: bool) -> None:
        """Drop the upper-case extension of a hit if the server ignores case, so that both are one file."""
        stem, extension = split_extension(name)
        upper = f"{stem}.{extension.upper()}"
        mixed = f"{stem}.{extension[:1].lower()}{extension[1:].upper()}"  # unlikely to exist: jPG
        if name == upper or upper not in hits or self.request(mixed).status not in _EXISTS:
            return
        if not unique:
            raise StorageMisbehaved(
                "the server ignores upper and lower case, and several orders expect "
                f"{stem!r} in different case; give these orders different numbers"
            )
        del hits[upper]

    def _record(self, error: StorageError) -> None:
        with self._lock:
            if not isinstance(error, _Forbidden):
                self._unclear.append(error)
            self._unreachable += isinstance(error, StorageUnreachable)
            if isinstance(error, EveryNameExists | ListingTimeout) or self._unreachable > MAX_UNREACHABLE:
                self._fatal = self._fatal or error

"""The backend for public folders of web servers.

Some folders have a listing in S3's form (``web_listing``). In all others the backend requests each expected name
(``web_probing``). Every question about a file is a GET of its first byte, never a HEAD: servers exist whose response to
HEAD says 404, or length 0, for a file that is there, and the shop downloads with GET. ``web_files`` decides what a
response says about a file, ``web_requests`` what a cache in front of the server may hide.

fsspec's HTTP file system provides the session. Its own calls report an outage as a missing file, read a whole file to
return a part of it, and follow redirects, so requests are made here.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from fsspec import AbstractFileSystem

from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import CycleDetector
from remote_artwork.errors import ConfigurationError, FileGone, FileReplaced, StorageError, StorageMisbehaved
from remote_artwork.http import NetworkPolicy, Response, open_session, run_sync
from remote_artwork.storage.backends.base import Capability, Requester, RequestKind, isolated_fs
from remote_artwork.storage.backends.web_files import file_from_response, file_size, range_start
from remote_artwork.storage.backends.web_listing import ListedPage, fetch_listing
from remote_artwork.storage.backends.web_probing import ABSENT, EXISTS, Challenged, NameProbe, check_random_names
from remote_artwork.storage.backends.web_requests import (
    CachedResponse,
    cache_age,
    describe_age,
    exchange,
    passed_cache,
    past_caches,
    read_slice,
    response_of,
)
from remote_artwork.storage.credentials import Anonymous, Credentials
from remote_artwork.storage.location import Location
from remote_artwork.storage.reader import FilePart
from remote_artwork.storage.url_syntax import percent_encode

if TYPE_CHECKING:
    from aiohttp import ClientResponse

T = TypeVar("T")

MAX_SKIPPED = 64 * 1024**2
"""Bytes that are read and dropped at most, from a server that ignores Range requests and sends whole files."""

MAX_CACHE_AGE = 60.0
"""Up to this age in seconds, a response about an existing file counts as current, if a cache answers every request."""

_REMEMBERED_FOR = 900.0
"""For this many seconds, a lookup accepts a response of a cache that says what the server itself said before."""

_MAX_REMEMBERED = 10_000


_WITNESSES = 2
"""Files of the last search that are requested again if one of them is missing later."""

_CHALLENGES = {"cf-mitigated": ("challenge",), "x-amzn-waf-action": ("challenge", "captcha")}
"""Headers with which a firewall marks its own page."""


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
        self._remembered: dict[str, tuple[float, StoredFile | None]] = {}
        self._witnesses: list[str] = []
        self._lock = threading.Lock()

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
        try:
            first = send("list", self._list)
        except CachedResponse:
            first = None
        if first is None:
            self._witnesses = []
            for page in self._probe(send).run(query):
                self._witnesses += page.names[: _WITNESSES - len(self._witnesses)]
                yield page
            return
        yield from self._pages(first, send)
        yield Page(complete=True, strategy="listing")

    def siblings(self, basenames: Sequence[str], send: Requester) -> Iterator[Page]:
        """Request each name that such a file can have; a listing may be long, or older than the files."""
        return self._probe(send, seen_before=True).run(SearchQuery(basenames=basenames))

    def _pages(self, listed: ListedPage, send: Requester) -> Iterator[Page]:
        cycle = CycleDetector()
        known_size = None
        while True:
            page = listed.page
            yield page
            query = listed.query_after(known_size)
            if query is None:
                return
            if cycle.seen(query):
                raise StorageMisbehaved("the server's listing repeats a page, so it never ends; check the URL")
            following = send("list", partial(self._list, query))
            if page.next_token is None and (following is None or set(following.page.names) <= set(page.names)):
                return  # it was the last page, as the server said
            if following is None:
                raise StorageMisbehaved("the server's listing breaks off after a page; check the URL")
            known_size, listed = len(page.names), following

    def _list(self, query: str = "") -> ListedPage | None:
        """One page of the folder's listing, by default the first; None if there is no listing."""
        return self._wait(fetch_listing, self._folder, query)

    def probe_capability(self, send: Requester) -> Capability | None:
        """What the server's responses to random names say about missing files; None if the folder has a listing."""
        try:
            if send("list", self._list) is not None:
                return None
        except CachedResponse:
            pass  # a search requests each name, too
        return check_random_names(partial(self._request_name, send=send))

    def _probe(self, send: Requester, *, seen_before: bool = False) -> NameProbe:
        return NameProbe(self._folder, partial(self._request_name, send=send, seen_before=seen_before))

    def _request_name(self, name: str, *, send: Requester, seen_before: bool = False) -> Response:
        """The server's response for one name. A response of a cache is compared with one past caches.

        Args:
            name: The name.
            send: Makes the requests.
            seen_before: Accept from a cache what the server itself said before.

        Raises:
            CachedResponse: A cache in front of the server responds, and hides what the server has now.
            Challenged: A firewall responds.
        """
        url = self._folder + percent_encode(name)
        response = self._get_start(url, name, send)
        exists = response.status in EXISTS
        if not exists and response.status not in (403, *ABSENT):
            return response
        age = cache_age(response)
        if not age:
            self._remember(name, response)
            return response
        direct = self._get_start(past_caches(url), name, send)
        if cache_age(direct):
            current = exists and age <= MAX_CACHE_AGE
            if current or (seen_before and (age <= MAX_CACHE_AGE or self._is_remembered(name, response))):
                return response
        elif not exists and direct.status == response.status:
            return direct
        elif exists and direct.status in EXISTS and _file(name, direct) == _file(name, response):
            return response
        raise CachedResponse(
            f"{name!r}: a cache in front of the server sends {describe_age(age)}, so it is not known which file is "
            "there now; clear the cache, and exclude the folder from it"
        )

    def _remember(self, name: str, response: Response) -> None:
        """Keep what the server itself said, if there is a cache that may repeat it without an age."""
        if not passed_cache(response):
            return
        try:
            file = _file(name, response)
        except StorageError:
            return  # the caller judges it
        now = monotonic()
        with self._lock:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered = {
                    each: (at, kept) for each, (at, kept) in self._remembered.items() if now - at <= _REMEMBERED_FOR
                }
            self._remembered[name] = now, file

    def _is_remembered(self, name: str, response: Response) -> bool:
        with self._lock:
            at, file = self._remembered.get(name, (-math.inf, None))
        return monotonic() - at <= _REMEMBERED_FOR and file == _file(name, response)

    def _get_start(self, url: str, name: str, send: Requester) -> Response:
        """A GET of the first byte. If that does not show the size, a GET of the file whose content is not read."""
        first_byte = {"Range": "bytes=0-0"}
        response = send("head", lambda: self._wait(exchange, "GET", url, headers=first_byte), name=name)
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or (
            response.status in EXISTS and file_size(response) is None
        ):
            response = send("head", lambda: self._wait(exchange, "GET", url), name=name)
        if any(response.headers.get(header, "").lower() in values for header, values in _CHALLENGES.items()):
            raise Challenged(
                f"a firewall in front of the server requests a browser (HTTP {response.status}); "
                "allow this machine's address there, or switch the challenge off for this folder"
            )
        return response

    def head(self, name: str) -> StoredFile:
        """One GET of one byte, and more only if a cache responds, or the file is empty or missing."""
        try:
            return file_from_response(name, self._request_name(name, send=_call_directly, seen_before=True))
        except FileReplaced:
            raise
        except FileGone:
            self._check_witness(name)
            raise

    def _check_witness(self, name: str) -> None:
        """Raise ``StorageMisbehaved`` if another file that the last search found is missing now, too.

        A merchant rarely deletes two files in the middle of a scan. A firewall that responds with 404 hides all.
        """
        other = next((witness for witness in self._witnesses if witness != name), None)
        if (
            other is not None
            and self._get_start(self._folder + percent_encode(other), other, _call_directly).status in ABSENT
        ):
            raise StorageMisbehaved(
                f"{name!r}: the server sent this file and {other!r}, and now reports both as missing; scan again, and "
                "check whether a firewall limits the number of requests"
            )

    def get(self, file: StoredFile, start: int, end: int) -> FilePart:
        """One ranged GET. The response describes the current version of the file, unless it comes from a cache."""

        async def read_part(response: ClientResponse) -> bytes:
            answer = response_of(response)
            now = file_from_response(file.name, answer)
            # What a cache sends is not the current version, so it must be the one that was described before.
            any_version = file.listed and not cache_age(answer)
            if now.size != file.size or not (any_version or now.etag == file.etag):
                raise FileReplaced("the file was replaced since the scan read its metadata; scan again")
            partial_content = answer.status == HTTPStatus.PARTIAL_CONTENT
            if partial_content and range_start(answer) != start:
                raise StorageMisbehaved("the server sends another part of the file than requested; check the URL")
            skip = 0 if partial_content else start
            if skip > MAX_SKIPPED:
                raise StorageMisbehaved(
                    f"the server ignores Range requests, so files above {MAX_SKIPPED // 1024**2} MiB cannot be "
                    "checked; make the server support Range requests"
                )
            return await read_slice(response, skip=skip, length=end - start)

        headers = {"Range": f"bytes={start}-{end - 1}"}
        url = self._folder + percent_encode(file.name)
        try:
            answer = self._wait(exchange, "GET", url, headers=headers, read=read_part)
        except FileReplaced:
            raise
        except FileGone:
            self._check_witness(file.name)
            raise
        if cache_age(answer):
            return FilePart(content=answer.body)
        self._remember(file.name, answer)
        return FilePart(content=answer.body, file=file_from_response(file.name, answer))

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """The file's own URL, which does not expire and pins no version."""
        del expires_in
        return self._folder + percent_encode(file.name), None

    def _wait(self, request: Callable[..., Awaitable[T]], *arguments: str, **options: Any) -> T:
        return run_sync(self._fs.loop, request, self._fs, *arguments, timeout=self._call_timeout, **options)


def _file(name: str, response: Response) -> StoredFile | None:
    """The file that a response describes; None if it says that there is none."""
    return file_from_response(name, response) if response.status in EXISTS else None


def _call_directly(_kind: RequestKind, request: Callable[[], T], /, *, name: str | None = None) -> T:
    """A ``Requester`` for a call whose caller already counts, retries and translates."""
    del name
    return request()

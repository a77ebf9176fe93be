"""Public folders of web servers. Few can be listed; in the others each wanted name is asked for.

fsspec's HTTP file system gives the session. Requests are made here: its own calls take an outage for a missing file,
read whole files for a part of one, and follow redirects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from fsspec import AbstractFileSystem

from remote_artwork.core.awaited import Wanted
from remote_artwork.core.circles import Circle
from remote_artwork.core.model import StoredFile
from remote_artwork.errors import ConfigurationError, FileGone, MissingExtra, StorageMisbehaved
from remote_artwork.storage.credentials import Anonymous, Credentials
from remote_artwork.storage.foreign import stored_file
from remote_artwork.storage.location import Location
from remote_artwork.storage.network import NetworkPolicy
from remote_artwork.storage.pagers import Ask, Entries, Found, RequestKind
from remote_artwork.storage.pagers.web_answers import described
from remote_artwork.storage.pagers.web_listing import Listing, fetch_listing
from remote_artwork.storage.pagers.web_probing import CAVEAT, Probing
from remote_artwork.storage.pagers.web_transport import Answer, answer_of, exchange, read_slice
from remote_artwork.storage.url_text import encoded
from remote_artwork.storage.waiting import wait_for

if TYPE_CHECKING:
    from aiohttp import ClientResponse

MOST_SKIPPED = 64 * 1024**2
"""Bytes that are read and dropped at the most, of a server that sends whole files where a part was asked for."""

_NO_HEAD = (403, 405, 501)
"""What servers answer that do not take HEAD. The first one of them also stands for a file that may not be read."""

T = TypeVar("T")


def connect(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """An HTTP file system that is guarded; a public folder takes no credentials."""
    network.check_endpoint(location.endpoint)
    if not isinstance(credentials, Anonymous):
        raise ConfigurationError(f"{location}: a public web folder takes no credentials; leave them out")
    try:
        from remote_artwork.storage.pagers.web_client import guarded_http
    except ImportError as error:
        raise MissingExtra(f"{location} needs aiohttp: pip install 'remote_artwork[web]'") from error
    return guarded_http(network)


class Pager:
    """One folder of one web server."""

    def __init__(self, fs: AbstractFileSystem, root: str, *, call_timeout: float) -> None:
        self._fs = fs
        self._folder = f"{root.rstrip('/')}/"
        self._call_timeout = call_timeout
        self._takes_head = True

    def pages(self, ask: Ask) -> Iterator[Entries]:
        """What the folder's own listing names, where it has one of S3's form."""
        listing = ask("list", self._list)
        if listing is None:
            raise ConfigurationError(
                f"{self._folder} is a web folder without a listing, so nobody can see all of its files; "
                "look for the files of pending orders alone, without a sweep"
            )
        yield from self._pages(listing, ask)

    def search(self, wanted: Wanted, ask: Ask) -> Iterator[Found]:
        """By the folder's listing where it has one, else name by name."""
        listing = ask("list", self._list)
        if listing is None:
            yield from self._probing(ask).run(wanted)
            return
        for entries in self._pages(listing, ask):
            yield Found(entries=entries, way="listing")
        yield Found(whole=True, way="listing")

    def outlook(self, ask: Ask) -> str | None:
        """What this server's answers tell, tried with a name that is not there; None where it can be listed."""
        if ask("list", self._list) is not None:
            return None
        status = self._probing(ask).canary("jpg")
        begin = "it cannot be listed, so each expected name is asked for;"
        if status in (404, 410):
            return f"{begin} a name that is not there is answered by HTTP {status}, as it should be"
        if status == 403:
            return f"{begin} {CAVEAT}"
        if 300 <= status < 400:
            raise StorageMisbehaved(
                f"{self._folder} redirects (HTTP {status}), and redirects are not followed; use the address it leads to"
            )
        raise StorageMisbehaved(
            f"{self._folder} cannot be listed, and answers HTTP {status} for a name that is not there, so nobody "
            "can tell which files are missing; have it answer 404"
        )

    def _probing(self, ask: Ask) -> Probing:
        return Probing(where=self._folder, look=partial(self._look, ask=ask), describe=described)

    def _pages(self, listing: Listing, ask: Ask) -> Iterator[Entries]:
        circle = Circle()
        yield listing.entries
        while query := listing.following:
            if circle.closes_with(query):
                raise StorageMisbehaved(f"{self._folder}: the server lists in a circle: it repeats a page's marker")
            following = ask("list", partial(self._list, query))
            if following is None:
                raise StorageMisbehaved(f"{self._folder}: the server's listing broke off after a page")
            listing = following
            yield listing.entries

    def _list(self, query: str = "") -> Listing | None:
        """A page of the folder's listing, the first one unless told; None where there is none."""
        return self._wait(fetch_listing, self._folder, query)

    def _look(self, name: str, *, ask: Ask) -> Answer:
        """What the server says of one name, whatever it is; busy servers are errors."""
        url = self._folder + encoded(name)
        if self._takes_head:
            answer = ask("head", lambda: self._wait(exchange, "HEAD", url), name=name)
            if answer.status not in _NO_HEAD:
                return answer
            self._takes_head = False
        first_byte = {"Range": "bytes=0-0"}
        return ask("head", lambda: self._wait(exchange, "GET", url, headers=first_byte), name=name)

    def head(self, name: str) -> Mapping[str, Any]:
        """One HEAD, or one GET of a byte where the server has refused that."""
        return described(name, self._look(name, ask=_at_once))

    def get(self, file: StoredFile, start: int, end: int) -> bytes:
        """One ranged GET, whose own description has to be the file's. Of a whole file no more is read than needed."""

        async def part(response: ClientResponse) -> bytes:
            answer = answer_of(response)
            now = stored_file(file.name, described(file.name, answer))
            if (now.etag, now.size) != (file.etag, file.size):
                raise FileGone("the file was replaced since it was looked at")
            if answer.status == 206 and answer.range_start != start:
                raise StorageMisbehaved("the server sends another part of the file than it was asked for")
            skip = 0 if answer.status == 206 else start
            if skip > MOST_SKIPPED:
                raise StorageMisbehaved(
                    f"the server does not send parts of files, so files above {MOST_SKIPPED // 1024**2} MiB "
                    "cannot be checked; have it answer Range requests"
                )
            return await read_slice(response, skip=skip, length=end - start)

        asked = {"Range": f"bytes={start}-{end - 1}"}
        return self._wait(exchange, "GET", self._folder + encoded(file.name), headers=asked, read=part).content

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """The plain URL, which works as long as the file is there, and pins no version."""
        del expires_in
        return self._folder + encoded(file.name), None

    def _wait(self, request: Callable[..., Awaitable[T]], *arguments: str, **options: Any) -> T:
        return wait_for(self._fs.loop, request, self._fs, *arguments, timeout=self._call_timeout, **options)


def _at_once(_kind: RequestKind, request: Callable[[], T], /, *, name: str | None = None) -> T:
    """Asks without counting, translating and repeating, all of which the caller does."""
    del name
    return request()

"""Public folders of web servers. Few can be listed; in the others each wanted name is asked for.

fsspec's HTTP file system gives the session. Requests are made here: its own calls take an outage for a missing file,
read whole files for a part of one, and follow redirects.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
import unicodedata
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlencode, urlsplit

from attrs import define, field, frozen
from fsspec import AbstractFileSystem

from remote_artwork.core.expected import SearchQuery, split_extension
from remote_artwork.core.orders import MEDIA_TYPES, StoredFile
from remote_artwork.core.skip_scan import CycleDetector
from remote_artwork.errors import (
    ConfigurationError,
    FileGone,
    MissingExtra,
    StorageDenied,
    StorageError,
    StorageMisbehaved,
    StorageUnreachable,
)
from remote_artwork.http import MAX_RESPONSE_BYTES, NetworkPolicy, check_complexity, run_sync, session_options
from remote_artwork.storage.backends.base import Entries, Found, ListingTimeout, Requester, RequestKind, isolated_fs
from remote_artwork.storage.backends.xml import number_in, read_xml, texts_in
from remote_artwork.storage.credentials import Anonymous, Credentials
from remote_artwork.storage.errors import HttpStatusError, from_exception, is_busy, stored_file
from remote_artwork.storage.location import Location
from remote_artwork.storage.url_syntax import encoded

if TYPE_CHECKING:
    from aiohttp import ClientResponse

T = TypeVar("T")

WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
"""A figure that an answer may tell; a longer one is nonsense, and Python would refuse to read it."""

_CONTENT_RANGE = re.compile(
    rf"bytes (?:(?P<start>{WHOLE_NUMBER.pattern})-[0-9]+|\*)/(?P<size>{WHOLE_NUMBER.pattern})", re.IGNORECASE
)

Reader = Callable[["ClientResponse"], Awaitable[bytes]]
"""Takes from a body what is wanted; what it leaves is never read."""


@frozen(kw_only=True)
class Answer:
    """What a server said.

    Args:
        status: Of HTTP.
        headers: By their names in lower case.
        content: As much of the body as was read.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def range_start(self) -> int | None:
        """Where the body begins within the file; None where the answer does not say."""
        match = _CONTENT_RANGE.fullmatch(self.headers.get("content-range", ""))
        return int(match["start"]) if match and match["start"] else None

    @property
    def file_size(self) -> int | None:
        """Bytes of the whole file; None where the answer does not say."""
        if self.status in (206, 416):
            match = _CONTENT_RANGE.fullmatch(self.headers.get("content-range", ""))
            return int(match["size"]) if match else None
        length = self.headers.get("content-length", "")
        return int(length) if WHOLE_NUMBER.fullmatch(length) else None


async def exchange(
    fs: Any, method: str, url: str, *, headers: Mapping[str, str] | None = None, read: Reader | None = None
) -> Answer:
    """One request, not repeated and not redirected; without ``read``, nothing of the body is read.

    Raises:
        HttpStatusError: The server is busy or broken.
    """
    from yarl import URL  # comes with aiohttp

    session = await fs.set_session()
    async with session.request(
        method,
        URL(url, encoded=True),
        headers={"Accept-Encoding": "identity", **(headers or {})},
        allow_redirects=False,
    ) as response:
        if is_busy(response.status):
            raise HttpStatusError(response.status, headers=response.headers)
        return answer_of(response, b"" if read is None else await read(response))


def answer_of(response: ClientResponse, content: bytes = b"") -> Answer:
    """Status and headers, and what was read of the body."""
    told = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status, headers=told, content=content)


async def read_slice(response: ClientResponse, *, skip: int = 0, length: int) -> bytes:
    """So many bytes of a body, after so many that are dropped; fewer where it ends."""
    while skip and (dropped := await response.content.read(skip)):
        skip -= len(dropped)
    content = bytearray()
    while len(content) < length and (more := await response.content.read(length - len(content))):
        content += more
    return bytes(content)


_WEB_PAGES = ("text/html", "application/xhtml+xml")


def described(name: str, answer: Answer) -> Mapping[str, Any]:
    """A file as ``stored_file`` reads it, its version included: a strong ETag, or else time and size.

    A weak ETag may stay when bytes change, so it counts only together with time and size.

    Args:
        name: The file's name.
        answer: Of a HEAD, or of a GET for a part or the whole of it.

    Raises:
        FileGone: It is not there.
        StorageError: The answer is none of a file, or one that could be replaced without notice.
    """
    if answer.status not in (200, 206) and not (answer.status == 416 and answer.file_size == 0):
        raise _refusal(name, answer.status)
    told = answer.headers
    if told.get("content-type", "").partition(";")[0].strip().lower() in _WEB_PAGES:
        raise StorageMisbehaved(f"{name!r}: the server sends a web page in the place of a file; check the URL")
    if told.get("content-encoding", "identity").lower() != "identity":
        raise StorageMisbehaved(f"{name!r}: the server compresses the file unasked; have it send the file as it is")
    etag, modified, size = told.get("etag", ""), told.get("last-modified", ""), answer.file_size
    if size is None:
        raise StorageMisbehaved(f"{name!r}: the server does not tell how large the file is (Content-Length)")
    if not etag and not modified:
        raise StorageMisbehaved(
            f"{name!r}: the server sends neither an ETag nor Last-Modified, so nobody would notice when the file is "
            "replaced; have it send one of them"
        )
    if etag.startswith("W/"):
        opaque = etag[2:].strip('"')
        etag = f"{opaque}-{modified}-{size}"
    return {"size": size, "Last-Modified": modified or None, "ETag": etag or None}


def _refusal(name: str, status: int) -> StorageError:
    if status in (404, 410):
        return FileGone(f"{name!r}: the file is not there (HTTP {status})")
    if status in (412, 416):
        return FileGone(f"{name!r}: the file was replaced since it was looked at (HTTP {status})")
    if status in (401, 403, 407):
        return StorageDenied(f"{name!r}: the server refuses access (HTTP {status}); let everybody read the file")
    if 300 <= status < 400:
        return StorageMisbehaved(
            f"{name!r}: the server redirects (HTTP {status}), and redirects are not followed; "
            "use the address at which the files themselves lie"
        )
    return StorageMisbehaved(f"{name!r}: the server's answer is none of a file (HTTP {status}); check the URL")


if TYPE_CHECKING:
    from aiohttp import ClientResponse

_BEGIN = 1024
"""Bytes in which the root element stands, if it is a listing."""


@frozen(kw_only=True)
class Listing:
    """One page of a listing.

    Args:
        entries: By their names below the folder; a name is empty where the key is not below it.
        following: The query of the next page; empty after the last one.
    """

    entries: Entries
    following: str


async def fetch_listing(fs: Any, folder: str, query: str) -> Listing | None:
    """One page of a folder's listing, by one GET.

    Args:
        fs: An HTTP file system.
        folder: The folder's URL, ending in ``/``.
        query: As the page before said; empty for the first page.

    Returns:
        The page; None where the server answers with anything else, or with a first page that cannot be read: then
        the folder's files can still be asked for by name.

    Raises:
        StorageMisbehaved: A further page cannot be read.
    """
    try:
        answer = await exchange(fs, "GET", f"{folder}?{query}" if query else folder, read=_listing_only)
        return read_listing(answer.content, folder=unquote(urlsplit(folder).path)) if answer.content else None
    except StorageMisbehaved:
        if query:
            raise
        return None


async def _listing_only(response: ClientResponse) -> bytes:
    """The body if it may be a listing; of any other page no more than its begin is read, and nothing kept."""
    begin = await read_slice(response, length=_BEGIN) if response.status == HTTPStatus.OK else b""
    if b"<ListBucketResult" not in begin:
        return b""
    rest = await read_slice(response, length=MAX_RESPONSE_BYTES)
    if len(rest) == MAX_RESPONSE_BYTES:
        raise StorageMisbehaved(f"the folder's listing is larger than {MAX_RESPONSE_BYTES // 1024**2} MiB a page")
    return begin + rest


def read_listing(document: bytes, *, folder: str) -> Listing:
    """One page of a listing.

    Args:
        document: As it came.
        folder: The decoded path of the folder that was asked for, ending in ``/``.

    Raises:
        StorageMisbehaved: It is none, or none of this folder.
    """
    check_complexity(document)
    page = read_xml(document, file="Contents", name="Key", size="Size")
    if page.root.tag.rpartition("}")[2] != "ListBucketResult":
        raise StorageMisbehaved("the folder's listing is none of S3")
    told = texts_in(page.root)
    prefix = told.get("Prefix", "")
    if prefix and not folder.endswith(f"/{prefix}"):
        raise StorageMisbehaved("the server lists another folder than it was asked for")
    entries = [
        (key[len(prefix) :] if key.startswith(prefix) else "", _entry(page.fields(place)))
        for place, key in enumerate(page.names)
    ]
    following = ""
    if told.get("IsTruncated") == "true":
        token = told.get("NextContinuationToken")
        marker = told.get("NextMarker") or (page.names[-1] if page.names else "")
        if not token and not marker:
            raise StorageMisbehaved("the server cuts its listing short without saying how to go on")
        following = urlencode({"list-type": "2", "continuation-token": token} if token else {"marker": marker})
    return Listing(entries=entries, following=following)


def _entry(told: Mapping[str, str]) -> Mapping[str, Any]:
    size = number_in(told.get("Size", ""))
    if size is None:
        raise StorageMisbehaved("the server lists a file without its size")
    return {"Size": size, **{name: told[name] for name in ("ETag", "LastModified") if told.get(name)}}


AT_ONCE = 16
"""Files that are looked for at the same time."""

PATIENCE = 3
"""Files that may be out of reach before the whole server counts as out of reach."""

CAVEAT = (
    "the server answers HTTP 403 for every name that is not there, so a file that not everybody may read looks the same"
)

_BATCH = 512
_THERE = (200, 206)
_EXTENSIONS = (*MEDIA_TYPES, *(extension.upper() for extension in MEDIA_TYPES))

Look = Callable[[str], Answer]
Describe = Callable[[str, Answer], Mapping[str, Any]]


class AnswersEverything(StorageMisbehaved):
    """A server that has a file for every name, so that nothing can be told from its answers."""


def spellings(stem: str) -> list[str]:
    """The names that a file of this stem may have: as given, in NFC and in NFD, each extension also in capitals."""
    forms = dict.fromkeys((*(unicodedata.normalize(form, stem) for form in ("NFC", "NFD")), stem))
    return [f"{form}.{extension}" for form in forms for extension in _EXTENSIONS]


@define
class Probing:
    """One look for wanted names. Files are looked for at the same time, the names of one file one after another.

    Args:
        where: The folder's URL, for messages.
        look: Asks for one name; raises where no answer came.
        describe: The entry of a file that is there; raises where the answer is none of a file.
    """

    where: str
    look: Look
    describe: Describe
    _canaries: dict[str, int] = field(factory=dict)
    _out_of_reach: int = 0
    _unclear: list[StorageError] = field(factory=list)
    _given_up: StorageError | None = None
    _lock: threading.Lock = field(factory=threading.Lock)

    def run(self, wanted: SearchQuery) -> Iterator[Found]:
        """What is there of ``wanted``, in parts.

        Raises:
            StorageError: The server is out of reach, has a file for every name, or said nothing clear of any.
        """
        files = {stem: spellings(stem) for stem in wanted.stems}
        known = {name for names in files.values() for name in names}
        files |= {name: [name] for name in wanted.names if name not in known}
        twins = Counter(stem.casefold() for stem in wanted.stems)
        todo = iter(files.items())
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="web-probing") as pool:
            while batch := list(islice(todo, _BATCH)):
                alone = [twins[stem.casefold()] < 2 for stem, _ in batch]
                results = list(pool.map(self._find, (names for _, names in batch), alone))
                if self._given_up is not None:
                    raise self._given_up
                yield Found(
                    entries=[hit for result in results for hit in result.entries],
                    unknown={name: why for result in results for name, why in result.unknown.items()},
                    caveat=CAVEAT if 403 in self._canaries.values() else "",
                    way="probing",
                )
        if files and len(self._unclear) == len(files):
            raise self._unclear[0]

    def canary(self, extension: str) -> int:
        """The status that the server gives for a name with this extension that nobody gave a file."""
        with self._lock:
            if extension not in self._canaries:
                self._canaries[extension] = self.look(f"{secrets.token_hex(16)}.{extension}").status
            return self._canaries[extension]

    def _find(self, names: Sequence[str], alone: bool) -> Found:  # noqa: FBT001 - for map
        """Those of one file's names that are there; nothing is known of it once one of them gets no clear answer."""
        hits: dict[str, Mapping[str, Any]] = {}
        name = names[0]
        try:
            for name in names:
                if (entry := self._probe(name)) is not None:
                    hits[name] = entry
            for name in list(hits):
                self._fold(name, hits, alone=alone)
        except StorageError as error:
            self._note(error)
            return Found(unknown={name: str(error)})
        return Found(entries=list(hits.items()))

    def _probe(self, name: str) -> Mapping[str, Any] | None:
        if self._given_up is not None:
            raise self._given_up
        answer = self.look(name)
        extension = split_extension(name)[1]
        if answer.status in (404, 410):
            return None
        if answer.status == 403:
            if self.canary(extension) == 403:
                return None
            raise _Forbidden(
                f"the server refuses {name!r} (HTTP 403), which does not prove that it is not there; "
                "let everybody read the file, or delete it"
            )
        if answer.status in _THERE and self.canary(extension) in _THERE:
            raise AnswersEverything(
                f"{self.where}: it answers HTTP 200 for every name that ends in .{extension}, also for one that "
                "nobody gave a file, so nothing can be told; have it answer 404 for what is not there"
            )
        try:
            return self.describe(name, answer)
        except StorageError as error:
            raise from_exception(error, where=self.where, name=name) from error

    def _fold(self, name: str, hits: dict[str, Mapping[str, Any]], *, alone: bool) -> None:
        """Drops the capital spelling of a hit where the server does not tell capitals from small letters."""
        stem, extension = split_extension(name)
        capital = f"{stem}.{extension.upper()}"
        third = f"{stem}.{extension[:1].lower()}{extension[1:].upper()}"  # as nobody spells it: jPG
        if name == capital or capital not in hits or self.look(third).status not in _THERE:
            return
        if not alone:
            raise StorageMisbehaved(
                f"{self.where}: the server takes capitals for small letters, and {stem!r} is awaited twice but for "
                "those; give the orders numbers that differ in more"
            )
        del hits[capital]

    def _note(self, error: StorageError) -> None:
        with self._lock:
            if not isinstance(error, _Forbidden):
                self._unclear.append(error)
            self._out_of_reach += isinstance(error, StorageUnreachable)
            if isinstance(error, AnswersEverything | ListingTimeout) or self._out_of_reach > PATIENCE:
                self._given_up = self._given_up or error


class _Forbidden(StorageDenied):
    """A definite answer about one file, which says nothing of the others."""


if TYPE_CHECKING:
    from aiohttp import ClientResponse

MOST_SKIPPED = 64 * 1024**2
"""Bytes that are read and dropped at the most, of a server that sends whole files where a part was asked for."""

_NO_HEAD = (403, 405, 501)
"""What servers answer that do not take HEAD. The first one of them also stands for a file that may not be read."""


def connect(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """An HTTP file system that is guarded; a public folder takes no credentials."""
    network.check_endpoint(location.endpoint)
    if not isinstance(credentials, Anonymous):
        raise ConfigurationError(f"{location}: a public web folder takes no credentials; leave them out")
    try:
        import aiohttp
        from fsspec.implementations.http import HTTPFileSystem
    except ImportError as error:
        raise MissingExtra(f"{location} needs aiohttp: pip install 'remote_artwork[web]'") from error

    async def client(*, loop: asyncio.AbstractEventLoop) -> aiohttp.ClientSession:
        del loop  # the running one
        return aiohttp.ClientSession(**await session_options(network), auto_decompress=False)

    return isolated_fs(
        HTTPFileSystem,
        simple_links=False,
        block_size=None,
        same_scheme=True,
        size_policy=None,
        cache_type="none",
        cache_options=None,
        client_kwargs={},
        get_client=client,
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
        self._takes_head = True

    def pages(self, ask: Requester) -> Iterator[Entries]:
        """What the folder's own listing names, where it has one of S3's form."""
        listing = ask("list", self._list)
        if listing is None:
            raise ConfigurationError(
                f"{self._folder} is a web folder without a listing, so nobody can see all of its files; "
                "look for the files of pending orders alone, without a sweep"
            )
        yield from self._pages(listing, ask)

    def search(self, wanted: SearchQuery, ask: Requester) -> Iterator[Found]:
        """By the folder's listing where it has one, else name by name."""
        listing = ask("list", self._list)
        if listing is None:
            yield from self._probing(ask).run(wanted)
            return
        for entries in self._pages(listing, ask):
            yield Found(entries=entries, way="listing")
        yield Found(whole=True, way="listing")

    def probe_capability(self, ask: Requester) -> str | None:
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

    def _probing(self, ask: Requester) -> Probing:
        return Probing(where=self._folder, look=partial(self._look, ask=ask), describe=described)

    def _pages(self, listing: Listing, ask: Requester) -> Iterator[Entries]:
        circle = CycleDetector()
        yield listing.entries
        while query := listing.following:
            if circle.seen(query):
                raise StorageMisbehaved(f"{self._folder}: the server lists in a circle: it repeats a page's marker")
            following = ask("list", partial(self._list, query))
            if following is None:
                raise StorageMisbehaved(f"{self._folder}: the server's listing broke off after a page")
            listing = following
            yield listing.entries

    def _list(self, query: str = "") -> Listing | None:
        """A page of the folder's listing, the first one unless told; None where there is none."""
        return self._wait(fetch_listing, self._folder, query)

    def _look(self, name: str, *, ask: Requester) -> Answer:
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
        return run_sync(self._fs.loop, request, self._fs, *arguments, timeout=self._call_timeout, **options)


def _at_once(_kind: RequestKind, request: Callable[[], T], /, *, name: str | None = None) -> T:
    """Asks without counting, translating and repeating, all of which the caller does."""
    del name
    return request()

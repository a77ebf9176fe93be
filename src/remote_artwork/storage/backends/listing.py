"""List and search a storage that returns its keys in pages, with several requests at once where that saves time.

``core.skip_scan`` decides which page comes next. The backend of the protocol fetches one page. This module runs the
requests and chooses the strategy of a search: ``skip-scan``, ``listing`` or ``prefixes``.

Every search starts with the first page of the whole listing. In a small folder, this page has every file. In a larger
one, it shows whether the listing is sorted, on which a skip-scan relies. A search that finds a contradiction continues
with a slower strategy that needs fewer assumptions. If there is none, it raises ``StorageMisbehaved``.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from copy import copy
from functools import partial
from itertools import chain
from typing import Protocol

from attrs import define, evolve, field, frozen

from remote_artwork.core.expected import SearchQuery, split_extension
from remote_artwork.core.matching import Page, partition_names
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import (
    BrokenListing,
    FullListing,
    KeyRange,
    ListingCursor,
    ListingOrder,
    Request,
    is_sorted_after,
    search_targets,
)
from remote_artwork.core.text import nfc, spellings
from remote_artwork.errors import FileGone, StorageMisbehaved, StorageUnreachable
from remote_artwork.storage.backends.base import ListingTimeout, Requester

MAX_CONCURRENT = 32
"""Concurrent requests of one listing or search: enough to hide the latency of a distant storage."""


class PageSource(Protocol):
    """A backend that lists keys in pages."""

    folder: str
    """The prefix of all keys: empty, or with a slash at its end."""

    def page(self, request: Request) -> Page | Question:
        """Fetch one page, with one request. The page has a ``next_token`` unless the listing ends with it."""

    def head(self, name: str) -> StoredFile:
        """Look up one file, with one request."""


class JudgingSource(Protocol):
    """A backend whose listings describe files as completely as its lookups."""

    def page(self, request: Request, *, judged: bool = False) -> Page | Question:
        """As ``PageSource.page``. If ``judged``, ``Page.file`` raises the errors of ``head`` for a file that cannot be
        used.
        """

    def head(self, name: str) -> StoredFile:
        """Look up one file, with one request."""


@define
class JudgedSource:
    """A ``PageSource`` for such a backend. ``Page.file`` raises the errors of ``head`` for an unusable file."""

    folder: str
    source: JudgingSource

    def page(self, request: Request) -> Page | Question:
        """Fetch one page, with one request."""
        return self.source.page(request, judged=True)

    def head(self, name: str) -> StoredFile:
        """Look up one file, with one request."""
        return self.source.head(name)


@define
class Lister:
    """Lists and searches one folder, and remembers whether its storage lists in order.

    Args:
        in_order: Whether pages are sorted and can start after a given name. Becomes False once a page shows otherwise.
    """

    in_order: bool = True

    def pages(self, source: PageSource, send: Requester) -> Iterator[Page]:
        """Every file below the folder."""
        _, first, others = _list_folder(source, send)
        for page in chain([first], others):
            yield evolve(page, strategy="listing")

    def names_after(self, source: PageSource, name: str, send: Requester) -> Sequence[str]:
        """One page of the names after this one."""
        return _fetch_page(Request(after=name), source, send).names

    def search(self, source: PageSource, query: SearchQuery, send: Requester) -> Iterator[Page]:
        """The expected files and their neighbors. No file is returned twice."""
        basenames = {nfc(basename) for basename in query.basenames}
        for name in query.names:
            if nfc(split_extension(name)[0]) not in basenames:
                yield from _look_up(source, name, send)
        if not query.basenames:
            return
        listing, first, others = _list_folder(source, send)
        if not first.names and listing.request is not None:
            first = next(others)  # an empty page proves nothing; a listing that does not end is an error here
        once = _OncePerName(basenames)
        if self.in_order and listing.request is not None:
            try:
                for page in self._skip_scan(source, query.basenames, first, send):
                    yield once.of(page)
                return
            except (_UnsortedPage, BrokenListing, KeysOutsideFolder):
                self.in_order = False
        for page in _search_unsorted(source, query.basenames, listing, chain([first], others), send):
            yield once.of(page)

    def siblings(self, source: PageSource, basenames: Sequence[str], send: Requester) -> Iterator[Page]:
        """The files that have one of these basenames: one request for each. Does not depend on the listing's order."""
        cursors = [FullListing(prefix) for prefix in _prefixes(basenames)]
        fetch = _fetch if len(cursors) > 1 else _fetch_in_turn
        for page in fetch(cursors, source, send):
            yield evolve(page, strategy="prefixes")

    def _skip_scan(self, source: PageSource, basenames: Sequence[str], first: Page, send: Requester) -> Iterator[Page]:
        """Find the expected names, after the first page of the listing.

        Raises:
            _UnsortedPage: The storage does not list in order, or too few names were listed to know.
        """
        if not is_sorted_after(first.names, ""):
            raise _UnsortedPage
        order = ListingOrder()
        order.add_page(first.names)
        targets = KeyRange(search_targets(basenames), order=order)
        own = targets.add_first_page(first.names, first.next_token)
        witness = first.names[-1] if first.names else ""
        yield evolve(_last_names(first, len(own)), strategy="skip-scan")
        for page in _fetch([targets], source, send):
            witness = page.names[-1] if page.names else witness
            yield evolve(page, strategy="skip-scan")
        if not order.is_proven:
            raise _UnsortedPage
        prefixes = [f"{target}." for target in targets.open_targets()]
        for page in _fetch_prefixes(prefixes, witness, source, send):
            yield evolve(page, strategy="prefixes")


def _search_unsorted(
    source: PageSource, basenames: Sequence[str], listing: FullListing, pages: Iterator[Page], send: Requester
) -> Iterator[Page]:
    """List everything; after as many pages as there are prefixes to list, list each prefix instead.

    It is not known beforehand which is cheaper. This costs at most twice as much as the cheaper one. Prefixes also
    help where the listing does not lead to its end.

    ``listing`` is the listing of the whole folder, ``pages`` are its pages.
    """
    prefixes = _prefixes(basenames)
    witness = ""
    try:
        for number, page in enumerate(pages, 1):
            witness = page.names[-1] if page.names else witness
            yield evolve(page, complete=listing.request is None, strategy="listing")
            if number >= len(prefixes):
                break
    except BrokenListing:
        if not witness:
            raise
    if listing.request is not None:
        for page in _fetch_prefixes(prefixes, witness, source, send):
            yield evolve(page, strategy="prefixes")


def _fetch_prefixes(prefixes: Sequence[str], witness: str, source: PageSource, send: Requester) -> Iterator[Page]:
    """The files with each prefix, if the storage can list by prefix.

    ``witness`` is a listed name. Its own prefix must find it, too; otherwise nothing is known about the others.

    Raises:
        StorageMisbehaved: It was not found.
    """
    if not prefixes:
        return
    if witness:
        pages = _fetch([FullListing(witness[:-1])], source, send)
        if not any(witness in page.names for page in pages):
            raise StorageMisbehaved(
                f"the storage lists {witness!r}, but leaves it out when it is asked for names with this beginning, "
                "so it is not known which files exist; scan again, or use another address of this storage"
            )
    yield from _fetch([FullListing(prefix) for prefix in prefixes], source, send)


@define
class _OncePerName:
    """Leaves out names that an earlier page of the same search had. Keeps eight bytes per name.

    Args:
        basenames: The expected basenames, in NFC. For their files, the names themselves are compared.
    """

    basenames: Collection[str]
    _hashes: array[int] = field(factory=lambda: array("q"))
    _known: frozenset[int] = frozenset()
    _expected: set[str] = field(factory=set)
    _strategy: str = ""

    def of(self, page: Page) -> Page:
        """The page without repeated names."""
        if self._strategy not in ("", page.strategy):  # only another strategy lists a name again
            self._known = frozenset(self._hashes)
        self._strategy = page.strategy
        self._hashes.extend(map(hash, page.names))
        expected = {page.names[i] for i in partition_names(page.names, self.basenames)[0]}
        repeated = expected & self._expected
        self._expected |= expected
        if self._known.isdisjoint(map(hash, page.names)):
            return page
        return _some_names(
            page,
            [
                i
                for i, name in enumerate(page.names)
                if (name not in repeated if name in expected else hash(name) not in self._known)
            ],
        )


def _some_names(page: Page, positions: Sequence[int]) -> Page:
    return evolve(page, names=[page.names[i] for i in positions], file=lambda i: page.file(positions[i]))


def _last_names(page: Page, count: int) -> Page:
    skipped = len(page.names) - count
    return evolve(page, names=page.names[skipped:], file=lambda i: page.file(i + skipped)) if skipped else page


def _list_folder(source: PageSource, send: Requester) -> tuple[FullListing, Page, Iterator[Page]]:
    """Start a listing. Returns it, its first page, and its other pages, which are requested when they are read.

    The folder's own name may be spelled in another Unicode form than in the URL: macOS uploads names in NFD.

    Raises:
        StorageMisbehaved: There are files in both forms of the folder.
    """
    given = source.folder
    twins = []
    for form in sorted(set(spellings(given)) - {given}):
        twin = copy(source)
        twin.folder = form
        if _fetch_page(Request(), twin, send).names:
            twins.append(form)
    listing = FullListing()
    pages = _fetch([listing], source, send)
    first = next(pages)
    if not twins:
        return listing, first, pages
    if first.names or len(twins) > 1:
        raise StorageMisbehaved(
            f"there are two folders {given!r}, whose names look the same but are spelled in different Unicode forms "
            "(NFC and NFD); move all files into one of them"
        )
    source.folder = twins[0]
    listing = FullListing()
    pages = _fetch([listing], source, send)
    return listing, next(pages), pages


def _prefixes(basenames: Sequence[str]) -> list[str]:
    """The beginnings of the names that files with these basenames have, in each spelling."""
    return sorted({f"{spelling}." for basename in basenames for spelling in spellings(basename)})


def _look_up(source: PageSource, name: str, send: Requester) -> Iterator[Page]:
    try:
        file = send("head", partial(source.head, name), name=name)
    except FileGone:
        return
    yield Page([name], lambda _: file)


class _UnsortedPage(Exception):
    """A page is not sorted, or does not start where it should; or the order is not proven."""


class KeysOutsideFolder(StorageMisbehaved):
    """A page has keys that do not start with the folder for which it was requested."""


@frozen
class Question:
    """What a backend must know to read a response. It is answered, then the request is made again.

    Args:
        names: The names to look up.
        learn: Receives the first of them that exists; None if none does.
    """

    names: Sequence[str]
    learn: Callable[[str | None], None]


_MAX_QUESTIONS = 3
"""Per request. Each answer is remembered, so more of them mean that the storage contradicts itself."""


def _fetch(cursors: Sequence[ListingCursor], source: PageSource, send: Requester) -> Iterator[Page]:
    """Fetch the pages of all cursors. A caller that stops after the first page has caused one request only."""
    with ThreadPoolExecutor(MAX_CONCURRENT) as pool:
        fetcher = _PageFetcher(lambda request: pool.submit(_fetch_page, request, source, send), list(reversed(cursors)))
        fetcher.start()
        first = True
        while fetcher.running:
            for future in wait(fetcher.running, return_when=FIRST_COMPLETED).done:
                page = fetcher.finish(future)
                if not first:
                    fetcher.start()
                first = False
                yield page
            fetcher.start()


def _fetch_in_turn(cursors: Sequence[ListingCursor], source: PageSource, send: Requester) -> Iterator[Page]:
    """Fetch the pages of all cursors in this thread. Starting others takes longer than the usual one page."""
    fetcher = _PageFetcher(partial(_fetch_now, source=source, send=send), list(cursors), limit=1)
    fetcher.start()
    while fetcher.running:
        yield fetcher.finish(next(iter(fetcher.running)))
        fetcher.start()


def _fetch_now(request: Request, *, source: PageSource, send: Requester) -> Future[Page]:
    """The finished future of a request that runs in this thread."""
    future: Future[Page] = Future()
    try:
        future.set_result(_fetch_page(request, source, send))
    except Exception as error:  # noqa: BLE001 - raised where the page is taken
        future.set_exception(error)
    return future


def _fetch_page(request: Request, source: PageSource, send: Requester) -> Page:
    for _ in range(_MAX_QUESTIONS):
        page = send("list", partial(source.page, request))
        if isinstance(page, Page):
            break
        page.learn(next((name for name in page.names if _exists(source, name, send)), None))
    else:
        raise StorageMisbehaved("the storage answers the same request in different ways; scan again")
    if not all(name.startswith(request.prefix) for name in page.names):
        raise StorageMisbehaved(
            f"the storage was asked for names that start with {request.prefix!r} and lists others, "
            "so it is not known which files exist; use another address of this storage"
        )
    return page


def _exists(source: PageSource, name: str, send: Requester) -> bool:
    try:
        send("head", partial(source.head, name), name=name)
    except FileGone:
        return False
    return True


@define
class _PageFetcher:
    """The running requests. On throttling, drops to one request at a time, then increases with each success.

    Args:
        submit: Starts a request for a page.
        waiting: The cursors with no running request; the last one is next.
    """

    submit: Callable[[Request], Future[Page]]
    waiting: list[ListingCursor]
    running: dict[Future[Page], tuple[ListingCursor, Request, int]] = field(factory=dict)
    limit: int = MAX_CONCURRENT

    def start(self) -> None:
        """Start as many requests as the limit allows."""
        while self.waiting and len(self.running) < self.limit:
            cursor = self.waiting.pop()
            if (request := cursor.request) is not None:
                self.running[self.submit(request)] = cursor, request, self.limit

    def finish(self, future: Future[Page]) -> Page:
        """Take one response. Raises the request's error if the listing cannot continue without it."""
        cursor, request, limit = self.running.pop(future)
        try:
            page = future.result()
        except StorageUnreachable:
            if limit == 1 or not (self.running or self.waiting):
                raise
            self.limit = 1
            self.waiting.append(cursor)
            return Page()
        except (ListingTimeout, KeysOutsideFolder):
            raise
        except StorageMisbehaved:
            if not (isinstance(cursor, FullListing) and request.token is not None and cursor.resume()):
                raise
            self.waiting.append(cursor)
            return Page()
        if isinstance(cursor, KeyRange) and not is_sorted_after(page.names, request.after):
            raise _UnsortedPage
        if isinstance(cursor, KeyRange):
            cursor.order.add_page(page.names, "" if request.token else request.after)
        own = cursor.add_page(page.names, page.next_token)
        self.limit = min(self.limit + 1, MAX_CONCURRENT)
        # More cursors than concurrent requests would cost requests and save no time.
        if len(self.running) + len(self.waiting) + 1 < MAX_CONCURRENT and (other_half := cursor.split()):
            self.waiting.append(other_half)
        self.waiting.append(cursor)
        return page if own == len(page.names) else evolve(page, names=page.names[:own])


def page_below(
    folder: str, keys: Sequence[str], file: Callable[[int, str], StoredFile], next_token: str | None
) -> Page:
    """A page of whole keys as a page of names below a folder.

    Args:
        folder: The folder's prefix: empty, or with a slash at its end. Its own marker is left out.
        keys: Whole keys, as the storage lists them.
        file: Makes the ``StoredFile`` of ``keys[i]``, given ``i`` and its name below the folder.
        next_token: As ``Page.next_token``.

    Raises:
        KeysOutsideFolder: A key does not start with the folder's prefix.
    """
    start = len(folder)
    outside = next((key for key in keys if not key.startswith(folder)), None)
    if outside is not None:
        raise KeysOutsideFolder(
            f"the storage was asked for the folder {folder!r} and lists {outside[:200]!r}, which is outside it, "
            "so it is not known which files exist; use another address of this storage, or a folder with a plain name"
        )
    if folder not in keys:
        names = list(keys) if not folder else [key[start:] for key in keys]
        return Page(names, lambda i: file(i, names[i]), next_token)
    positions = [i for i, key in enumerate(keys) if key != folder]
    names = [keys[i][start:] for i in positions]
    return Page(names, lambda i: file(positions[i], names[i]), next_token)


_PAGE_SIZE_UNIT = 50
"""Servers return 50, 100, 1,000 or so keys per page. A count that cannot be a page size costs no further request."""


def is_full_page(count: int, known: int | None, declared: int | None) -> bool:
    """Whether a page may be full, although the storage says that it is the last one.

    Some servers say that a full page is the last one, although more keys follow.

    Args:
        count: The number of its keys.
        known: The size of the pages before it; None: there were none.
        declared: The most keys that a page can have, as the storage says.
    """
    if known is not None:
        return 0 < known <= count
    return count > 0 and (count == declared or count % _PAGE_SIZE_UNIT == 0)

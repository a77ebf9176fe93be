"""List and search a storage that returns its keys in pages, with several requests at once where that saves time.

``core.skip_scan`` decides which page comes next. The backend of the protocol fetches one page. This module runs the
requests and chooses the strategy of a search: ``skip-scan``, ``listing`` or ``prefixes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Protocol

from attrs import define, evolve, field

from remote_artwork.core.expected import SearchQuery, split_extension
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import FullListing, KeyRange, ListingCursor, Request, is_sorted_after, search_targets
from remote_artwork.core.text import nfc, spellings
from remote_artwork.errors import FileGone, StorageMisbehaved, StorageUnreachable
from remote_artwork.storage.backends.base import ListingTimeout, Requester

MAX_CONCURRENT = 32
"""Concurrent requests of one listing or search: enough to hide the latency of a distant storage."""


class PageSource(Protocol):
    """A backend that lists keys in pages."""

    def page(self, request: Request) -> Page:
        """Fetch one page, with one request. The page has a ``next_token`` unless the listing ends with it."""

    def head(self, name: str) -> StoredFile:
        """Look up one file, with one request."""


@define
class Lister:
    """Lists and searches one folder, and remembers whether its storage lists in order.

    Args:
        in_order: Whether pages are sorted and can start after a given name. Becomes False once a page shows otherwise.
    """

    in_order: bool = True

    def pages(self, source: PageSource, send: Requester) -> Iterator[Page]:
        """Every file below the folder."""
        for page in _fetch([FullListing()], source, send):
            yield evolve(page, strategy="listing")

    def search(self, source: PageSource, query: SearchQuery, send: Requester) -> Iterator[Page]:
        """The expected files and their neighbors. A storage whose order breaks late may return some files twice."""
        basenames = {nfc(basename) for basename in query.basenames}
        for name in query.names:
            if nfc(split_extension(name)[0]) not in basenames:
                yield from _look_up(source, name, send)
        if self.in_order:
            try:
                for page in _fetch([KeyRange(search_targets(query.basenames))], source, send):
                    yield evolve(page, strategy="skip-scan")
                return
            except _UnsortedPage:
                self.in_order = False
        yield from self._search_unsorted(source, query.basenames, send)

    def siblings(self, source: PageSource, basenames: Sequence[str], send: Requester) -> Iterator[Page]:
        """The files that have one of these basenames: one request for each. Does not depend on the listing's order."""
        for page in _fetch([FullListing(prefix) for prefix in _prefixes(basenames)], source, send):
            yield evolve(page, strategy="prefixes")

    def _search_unsorted(self, source: PageSource, basenames: Sequence[str], send: Requester) -> Iterator[Page]:
        """List everything; after as many pages as there are prefixes to list, list each prefix instead.

        It is not known beforehand which is cheaper. This costs at most twice as much as the cheaper one.
        """
        prefixes = _prefixes(basenames)
        listing = FullListing()
        if prefixes:
            for number, page in enumerate(_fetch([listing], source, send), 1):
                yield evolve(page, complete=listing.request is None, strategy="listing")
                if number >= len(prefixes):
                    break
        if listing.request is not None:
            for page in _fetch([FullListing(prefix) for prefix in prefixes], source, send):
                yield evolve(page, strategy="prefixes")


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
    """A page is not sorted, or does not start where it should."""


def _fetch(cursors: Sequence[ListingCursor], source: PageSource, send: Requester) -> Iterator[Page]:
    """Fetch the pages of all cursors. A caller that stops after the first page has caused one request only."""
    with ThreadPoolExecutor(MAX_CONCURRENT) as pool:
        fetcher = _PageFetcher(
            lambda request: pool.submit(send, "list", partial(source.page, request)), list(reversed(cursors))
        )
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
        except ListingTimeout:
            raise
        except StorageMisbehaved:
            if not (isinstance(cursor, FullListing) and request.token is not None and cursor.resume()):
                raise
            self.waiting.append(cursor)
            return Page()
        if isinstance(cursor, KeyRange) and not is_sorted_after(page.names, request.after):
            raise _UnsortedPage
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
        folder: The folder's prefix: empty, or with a slash at its end. Its own marker and other folders' keys are
            left out.
        keys: Whole keys, as the storage lists them.
        file: Makes the ``StoredFile`` of ``keys[i]``, given ``i`` and its name below the folder.
        next_token: As ``Page.next_token``.
    """
    start = len(folder)
    # In a sorted page, everything between the smallest and the largest key shares their prefix.
    if keys and min(keys).startswith(folder) and max(keys).startswith(folder) and folder not in keys:
        names = [key[start:] for key in keys]
        return Page(names, lambda i: file(i, names[i]), next_token)
    positions = [i for i, key in enumerate(keys) if key.startswith(folder) and key != folder]
    names = [keys[i][start:] for i in positions]
    return Page(names, lambda i: file(positions[i], names[i]), next_token)


def names_below(folder: str, keys: Sequence[str]) -> Sequence[str]:
    """Whole keys as names below a folder, without its marker. A key of another folder becomes ``""``."""
    return [key.removeprefix(folder) if key.startswith(folder) else "" for key in keys if key != folder]

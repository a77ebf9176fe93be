"""Looking through a storage that lists page by page: in several courses at once where that pays.

What a page is, the pager of a protocol knows. Which one is next, ``core.skipscan`` knows. Here they are fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Protocol

from attrs import define, field, frozen

from remote_artwork.core.expected import SearchQuery, canonical, split_extension
from remote_artwork.core.skip_scan import FullListing, KeyRange, ListingCursor, Request, in_order, spellings, targets_of
from remote_artwork.errors import FileGone, StorageMisbehaved, StorageUnreachable
from remote_artwork.storage.backends.base import Entries, Entry, Found, LazyEntries, ListingTimeout, Requester, names_of

MAX_CONCURRENT = 32
"""Requests under way for one look at the most: enough to hide the latency of a far storage."""


@frozen
class Listed:
    """The answer to a request for a page.

    Args:
        entries: Files below the folder, in the storage's order.
        following: The token of what follows, empty where the storage names none; None where the listing ends.
    """

    entries: Entries
    following: str | None


def below(folder: str, keys: Sequence[str], describe: Callable[[int], Entry]) -> Entries:
    """Whole keys as names below the folder. Those that are not below it, and the folder's own marker, are left out."""
    begin = len(folder)
    if keys and min(keys).startswith(folder) and max(keys).startswith(folder) and folder not in keys:
        return LazyEntries([key[begin:] for key in keys], describe)  # all that sorts between these two is below it, too
    return [(key[begin:], describe(i)) for i, key in enumerate(keys) if key.startswith(folder) and key != folder]


def names_from(folder: str, keys: Sequence[str]) -> Sequence[str]:
    """Whole keys as names below the folder, ``""`` for each that is not below it; its own marker is left out."""
    return [key.removeprefix(folder) if key.startswith(folder) else "" for key in keys if key != folder]


class _OutOfOrder(Exception):
    """A page is not sorted, or does not begin where it was to begin."""


class Source(Protocol):
    """A pager of a storage that lists page by page."""

    def page(self, request: Request) -> Listed:
        """Makes one request for a page."""

    def head(self, name: str) -> Entry:
        """Describes one file by one request, as ``Pager.head`` does."""


@define
class Lister:
    """Looks through one folder, and remembers how its storage keeps to its protocol.

    Args:
        skips: Whether pages are sorted and begin after a name that is given; False once the answers show otherwise.
    """

    skips: bool = True

    def pages(self, source: Source, ask: Requester) -> Iterator[Entries]:
        """Every file below the folder, in pages."""
        return _run([FullListing()], source.page, ask)

    def search(self, source: Source, wanted: SearchQuery, ask: Requester) -> Iterator[Found]:
        """The wanted files and their neighbors. Of a storage that shows its disorder late, some come twice."""
        stems = {canonical(stem) for stem in wanted.stems}
        for name in wanted.names:
            if canonical(split_extension(name)[0]) not in stems:
                yield Found(entries=_look_up(source, name, ask))
        if self.skips:
            try:
                for entries in _run([KeyRange(targets_of(wanted.stems))], source.page, ask):
                    yield Found(entries=entries, way="skip-scan")
                return
            except _OutOfOrder:
                self.skips = False
        yield from self._search_unsorted(source, wanted.stems, ask)

    def _search_unsorted(self, source: Source, stems: Sequence[str], ask: Requester) -> Iterator[Found]:
        """Lists everything, and once that has cost as much as asking for each name would, asks for each name.

        So it costs at most twice what the better of the two ways costs, of which nobody knows beforehand.
        """
        prefixes = sorted(f"{spelling}." for stem in stems for spelling in spellings(stem))
        walk = FullListing()
        if prefixes:
            for number, entries in enumerate(_run([walk], source.page, ask), 1):
                yield Found(entries=entries, whole=walk.request is None, way="listing")
                if number >= len(prefixes):
                    break
        if walk.request is not None:
            for entries in _run([FullListing(prefix) for prefix in prefixes], source.page, ask):
                yield Found(entries=entries, way="prefixes")


def _look_up(source: Source, name: str, ask: Requester) -> Entries:
    try:
        return [(name, ask("head", partial(source.head, name), name=name))]
    except FileGone:
        return []


def _run(courses: Sequence[ListingCursor], page: Callable[[Request], Listed], ask: Requester) -> Iterator[Entries]:
    """Follows all courses to their ends; whoever wants one page only causes one request."""
    with ThreadPoolExecutor(MAX_CONCURRENT) as pool:
        pages = _Pages(lambda request: pool.submit(ask, "list", partial(page, request)), list(reversed(courses)))
        pages.start()
        first = True
        while pages.running:
            for future in wait(pages.running, return_when=FIRST_COMPLETED).done:
                entries = pages.ended(future)
                if not first:
                    pages.start()
                first = False
                yield entries
            pages.start()


@define
class _Pages:
    """Requests under way. Where the storage is overcharged there is one at a time, and then by and by more again."""

    submit: Callable[[Request], Future[Listed]]
    waiting: list[ListingCursor]
    running: dict[Future[Listed], tuple[ListingCursor, Request, int]] = field(factory=dict)
    most: int = MAX_CONCURRENT

    def start(self) -> None:
        """Makes as many requests as there may be."""
        while self.waiting and len(self.running) < self.most:
            course = self.waiting.pop()
            if (request := course.request) is not None:
                self.running[self.submit(request)] = course, request, self.most

    def ended(self, future: Future[Listed]) -> Entries:
        """Takes one answer. Raises what ended the request, where there is no other way to go on."""
        course, request, most = self.running.pop(future)
        try:
            listed = future.result()
        except StorageUnreachable:
            if most == 1 or not (self.running or self.waiting):
                raise
            self.most = 1
            self.waiting.append(course)
            return ()
        except ListingTimeout:
            raise
        except StorageMisbehaved:
            if not (isinstance(course, FullListing) and request.token is not None and course.resume()):
                raise
            self.waiting.append(course)
            return ()
        names = names_of(listed.entries)
        if isinstance(course, KeyRange) and not in_order(names, request.after):
            raise _OutOfOrder
        own = course.take(names, listed.following)
        self.most = min(self.most + 1, MAX_CONCURRENT)
        # More courses than may be followed at once would cost requests and save no time.
        if len(self.running) + len(self.waiting) + 1 < MAX_CONCURRENT and (farther := course.split()):
            self.waiting.append(farther)
        self.waiting.append(course)
        return listed.entries[:own]

"""Lists that come in pages, and change while they are read.

A list of pending orders gets shorter while it is read, because orders are fulfilled. A page that starts at a number of
orders then skips some. That is dangerous: a skipped order may have the same number as one that is sent. Each function
here yields every record once, and raises ``Unavailable`` if it cannot read the list completely. Nothing is sent then.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from attrs import define, field, frozen

from remote_artwork.errors import Unavailable

Record = Mapping[str, Any]
"""One order of a list, as the shop sends it."""

Key = Callable[[Record], Any]
"""Returns the id of a record."""

_by_id: Key = itemgetter("id")

MAX_PAGES = 10_000
"""The most pages of one list."""

_MAX_READINGS = 5
"""How often a list with page numbers is read, until a reading finds nothing new."""

_IDLE_PAGES = 10
"""The most pages in a row without a new record, in addition to two for each page that had one."""


@frozen
class Page:
    """One page of a list.

    Args:
        records: The orders as the shop sends them.
        next: The cursor of the next page; None on the last page.
        total: The number of records of the whole list; None if the shop does not say it.
    """

    records: Sequence[Record]
    next: Any = None
    total: int | None = None


_NO_RECORDS = Page(())


def parse_connection(connection: Mapping[str, Any]) -> Page:
    """Returns the page of a GraphQL connection with ``nodes`` or ``edges``, and ``pageInfo``.

    Raises:
        Unavailable: It is not a connection, or it has a next page without a cursor.
    """
    try:
        info = connection["pageInfo"]
        nodes = connection["nodes"] if "nodes" in connection else [edge["node"] for edge in connection["edges"]]
        cursor = info["endCursor"] if info["hasNextPage"] else None
    except (LookupError, TypeError) as error:
        raise Unavailable(f"the shop sent a list without {error}; select nodes and pageInfo") from error
    if info["hasNextPage"] and not cursor:
        raise Unavailable("the shop sent a page with a next page, but without its cursor; scan again")
    return Page(nodes, next=cursor)


def iter_by_cursor(fetch: Callable[[Any], Page], *, key: Key = _by_id, max_pages: int = MAX_PAGES) -> Iterator[Record]:
    """Yields the records of all pages. Each page names the next one, by a cursor or by a link (``ShopApi.next_path``).

    Args:
        fetch: Receives the cursor of a page, None for the first one, and returns the page.
        key: Returns the id of a record.
        max_pages: The most pages that are read.

    Raises:
        Unavailable: A page leads back to an earlier one, or there are too many pages.
    """
    reader, cursors = _Reader(key, max_pages), {None}
    cursor: Any = None
    while True:
        page = fetch(cursor)
        yield from reader.new_records(page)
        cursor = page.next
        if cursor is None:
            return
        if cursor in cursors:
            raise Unavailable("the shop's list leads back to a page that was read already; scan again later")
        cursors.add(cursor)


def iter_by_offset(
    fetch: Callable[[int], Page], *, size: int, key: Key = _by_id, max_pages: int = MAX_PAGES
) -> Iterator[Record]:
    """Yields the records of all pages. A request says how many records the page leaves out.

    Each page begins with the last record of the page before. If it does not, records before it have left the list: an
    earlier page is read, until one begins with a known record, and further pages overlap more. No record is skipped if
    the shop sorts the list by something that does not change: request the oldest first, by id or by creation.

    Without ``Page.total``, a request after the last record finds the end. A short page does not, because some shops
    send shorter pages than requested.

    Args:
        fetch: Receives the number of records to leave out, and returns the page after them.
        size: The number of records that ``fetch`` requests, at least 2.
        key: Returns the id of a record.
        max_pages: The most pages that are read.

    Raises:
        Unavailable: The list changes faster than it can be read, the shop repeats a page, or there are too many pages.
        ValueError: ``size`` is below 2.
    """
    if size < 2:
        raise ValueError("size must be at least 2: each page begins with the last record of the page before")
    reader = _Reader(key, max_pages)
    offset, overlap, expected = 0, 1, 1
    while True:
        page = fetch(offset)
        if offset and not reader.begins_with_known(page):
            offset, overlap, expected = max(0, offset - size), min(2 * overlap, size // 2), 1
            continue
        new = reader.new_records(page)
        yield from new
        length, end = len(page.records), offset + len(page.records)
        if length <= 1 or (not new and length <= expected):
            return
        if page.total is not None and length < size and end >= page.total:
            return
        expected = min(overlap, length // 2)
        offset = end - expected


def iter_by_number(
    fetch: Callable[[int], Page], *, first: int = 1, key: Key = _by_id, max_pages: int = MAX_PAGES
) -> Iterator[Record]:
    """Yields the records of all pages. A request has the number of the page. Prefer another function.

    Records that leave the list move others to an earlier page, and nothing shows it. So the list is read again, until
    one reading finds nothing new. One that ``Page.total`` shows to fit into the first page is read once.

    Args:
        fetch: Receives the number of a page, and returns the page; one without records after the last one.
        first: The number of the first page.
        key: Returns the id of a record.
        max_pages: The most pages that are read, in all readings together.

    Raises:
        Unavailable: The list changes faster than it can be read, the shop repeats a page, or there are too many pages.
    """
    reader = _Reader(key, max_pages)
    for _ in range(_MAX_READINGS):
        known, last = len(reader.seen), _NO_RECORDS
        for number in itertools.count(first):
            page = fetch(number)
            if page.records and reader.ids(page.records) == reader.ids(last.records):
                raise Unavailable("the shop sends one page under two numbers; check that it knows page numbers")
            yield from reader.new_records(page)
            if number == first and page.total is not None and page.total <= len(page.records):
                return
            if not page.records:
                break
            last = page
        if len(reader.seen) == known:
            return
    raise Unavailable("the shop's list changes faster than it can be read; scan again later")


def iter_since(
    fetch: Callable[[Any], Sequence[Record]], *, key: Key = _by_id, max_pages: int = MAX_PAGES
) -> Iterator[Record]:
    """Yields the records of all pages. A request has the last id of the page before, and returns higher ones.

    No record is skipped, whatever leaves the list.

    Args:
        fetch: Receives an id, None for the first page. Returns the records with higher ids, the lowest first; none
            after the last one.
        key: Returns the id of a record, as a number if the shop sorts ids as numbers.
        max_pages: The most pages that are read.

    Raises:
        Unavailable: The records are not sorted by id, the shop repeats a page, or there are too many pages.
    """
    reader = _Reader(key, max_pages)
    last: Any = None
    while True:
        records = fetch(last)
        ids = [*([] if last is None else [last]), *reader.ids(records)]
        if not _is_ascending(ids):
            raise Unavailable("the shop's list is not sorted by id, or repeats a page; check the query of the list")
        yield from reader.new_records(Page(records))
        if not records:
            return
        last = ids[-1]


def _is_ascending(ids: Sequence[Any]) -> bool:
    try:
        return all(before < after for before, after in itertools.pairwise(ids))
    except TypeError:  # a number and a text
        return False


@define
class _Reader:
    """The records of one list that are known, and how many pages are left."""

    key: Key
    pages_left: int
    seen: set[Any] = field(factory=set)
    useful: int = 0
    idle: int = 0

    def ids(self, records: Sequence[Record]) -> list[Any]:
        """The ids of the records.

        Raises:
            Unavailable: One has no id.
        """
        try:
            return [self.key(record) for record in records]
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise Unavailable(
                f"the shop's list has a record without a valid id ({type(error).__name__}: {error}); "
                "check the query of the list, or pass `key` to say where the id is"
            ) from error

    def begins_with_known(self, page: Page) -> bool:
        """Whether nothing lies between this page and the records that are known. Counts the page if not."""
        if page.records and self.ids(page.records[:1])[0] in self.seen:
            return True
        self._count(is_useful=False)
        return False

    def new_records(self, page: Page) -> list[Record]:
        """The records of the page that were not returned before. Counts the page.

        Raises:
            Unavailable: There are too many pages, or too many without anything new.
        """
        new = []
        for record, record_id in zip(page.records, self.ids(page.records), strict=True):
            if record_id not in self.seen:
                self.seen.add(record_id)
                new.append(record)
        self._count(is_useful=bool(new))
        return new

    def _count(self, *, is_useful: bool) -> None:
        self.pages_left -= 1
        if self.pages_left < 0:
            raise Unavailable("the shop's list has too many pages; check the query of the list, or raise max_pages")
        self.useful, self.idle = (self.useful + 1, 0) if is_useful else (self.useful, self.idle + 1)
        if self.idle > _IDLE_PAGES + 2 * self.useful:
            raise Unavailable(
                "the shop's list changes faster than it can be read, or repeats its pages; scan again later"
            )

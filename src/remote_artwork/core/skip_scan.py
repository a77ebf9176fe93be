"""Which page of a listing to ask for next, when it is known what is looked for. No I/O.

Skip-scan: the files of one awaited stem lie together in a sorted listing. So a page is asked for from the first stem
that is still open; every stem that the page reaches beyond is settled, found or not; and the next page begins at the
next open stem, however many names lie between. Where awaited names are sparse a page settles what a request for one
order would have settled, and where they are dense it settles hundreds.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence

from attrs import define, field, frozen

from remote_artwork.errors import StorageMisbehaved


class CycleDetector:
    """Notices that the marks of a listing's pages repeat, however long the circle is, and keeps two marks only.

    Richard Brent's way: a mark is kept for twice as many pages as the one before it. The other one is the last: a page
    that names itself as the next one is noticed before it is asked for again.
    """

    def __init__(self) -> None:
        self._kept: str | None = None
        self._last: str | None = None
        self._age = 0
        self._lifetime = 1

    def seen(self, mark: str) -> bool:
        """Whether this mark of a next page was seen before. Tells within three times the circle's length."""
        if mark in (self._kept, self._last):
            return True
        self._last = mark
        self._age += 1
        if self._age >= self._lifetime:
            self._kept, self._age, self._lifetime = mark, 0, 2 * self._lifetime
        return False


_PAGES_A_RANGE = 10
"""A key range is divided only where each half has so many pages to expect: so ranges cost a tenth of them at most."""


@frozen(kw_only=True)
class Request:
    """One page to ask for.

    Args:
        prefix: Only names that begin so.
        after: Only names above this one, in the order of their UTF-8 bytes; empty: from the first name.
        token: Where an earlier answer said that the listing goes on; where it is given, ``after`` says nothing.
    """

    prefix: str = ""
    after: str = ""
    token: str | None = None


def spellings(stem: str) -> Collection[str]:
    """The forms in which a storage may keep one name: as it is given, composed (NFC) and decomposed (NFD)."""
    if stem.isascii():
        return (stem,)
    return {stem, unicodedata.normalize("NFC", stem), unicodedata.normalize("NFD", stem)}


def key_upper_bound(stem: str) -> str:
    """Where the stretch ends in which the files of a stem may lie; it begins after the stem itself.

    It holds all that begins with the stem and goes on below ``/``: the stem's own files, all of which go on with a
    dot, and such neighbors as ``1001_1 (1).png`` and ``1001_1-copy.png``.
    """
    return f"{stem}/"


def targets_of(stems: Iterable[str]) -> list[str]:
    """All spellings of these stems, sorted; those are left out whose stretch lies within that of another one."""
    targets: list[str] = []
    end = ""
    for stem in sorted(form for given in stems for form in spellings(given)):
        # The stretch of 1001_1-2 lies in that of 1001_1; no two of them just overlap.
        if stem >= end:
            targets.append(stem)
            end = key_upper_bound(stem)
    return targets


def in_order(names: Sequence[str], after: str) -> bool:
    """Whether a page keeps its promise: sorted, and above the name it was to begin after."""
    return not names or (names[0] > after and names == sorted(names))


@define
class KeyRange:
    """A part of the names, scanned from the first target to the last: ask for ``request``, ``take`` the answer.

    Args:
        targets: The stems that are looked for, as ``targets_of`` gives them.
        end: Names above this one belong to the range that follows; None: it is the last.
    """

    targets: Sequence[str]
    end: str | None = None
    _open: int = field(default=0, init=False)
    _pages: int = field(default=0, init=False)
    _last: str = field(default="", init=False)
    _token: str | None = field(default=None, init=False)
    _circle: CycleDetector = field(factory=CycleDetector, init=False)

    @property
    def request(self) -> Request | None:
        """The next page to ask for; None once every target is settled."""
        if self._open == len(self.targets):
            return None
        return Request(after=max(self.targets[self._open], self._last), token=self._token)

    def take(self, names: Sequence[str], following: str | None) -> int:
        """Settles what one answer settles.

        Args:
            names: The answer's names, in order, all above the request's ``after``.
            following: The answer's token, empty where it gives none; None where the listing ends.

        Returns:
            How many of the names belong to this range; the others, at the end, to the next one.

        Raises:
            StorageMisbehaved: The answer names nothing, and does not say how to go on.
        """
        self._pages += 1
        self._token = None
        if following is None:
            self._open = len(self.targets)
        elif names:
            self._last = names[-1]
            while self._open < len(self.targets) and key_upper_bound(self.targets[self._open]) <= self._last:
                self._open += 1
        elif following and not self._circle.seen(following):
            self._token = following
        else:
            raise StorageMisbehaved(_CIRCLE)
        return len(names) if self.end is None else bisect_right(names, self.end)

    def split(self) -> KeyRange | None:
        """Gives the farther half of what is left away, where that saves time and costs little.

        Returns:
            The new range; None where, going by the pages of this one, each half would have less than ten to expect.
        """
        left = len(self.targets) - self._open
        if not self._pages or left * self._pages < 2 * _PAGES_A_RANGE * max(self._open, 1):
            return None
        middle = self._open + left // 2
        farther = KeyRange(self.targets[middle:], self.end)
        self.targets, self.end = self.targets[self._open : middle], self.targets[middle]
        self._open, self._pages = 0, 0
        return farther


@define
class FullListing:
    """All names with a prefix, in whatever order, by the storage's own tokens."""

    prefix: str = ""
    _request: Request | None = field(init=False)
    _last: str = field(default="", init=False)
    _sorted: bool = field(default=True, init=False)
    _circle: CycleDetector = field(factory=CycleDetector, init=False)

    def __attrs_post_init__(self) -> None:
        self._request = Request(prefix=self.prefix)

    @property
    def request(self) -> Request | None:
        """The next page to ask for; None once the listing has ended."""
        return self._request

    def take(self, names: Sequence[str], following: str | None) -> int:
        """Goes on to the next page; arguments and errors as those of ``KeyRange.take``. All names belong to a walk."""
        if self._request is not None and self._request.after and not in_order(names, self._request.after):
            raise StorageMisbehaved(_CIRCLE)
        self._sorted = self._sorted and in_order(names, self._last)
        self._last = names[-1] if names else self._last
        if following is None:
            self._request = None
        elif following and not self._circle.seen(following):
            self._request = Request(prefix=self.prefix, token=following)
        elif not self.resume():
            raise StorageMisbehaved(_CIRCLE)
        return len(names)

    def resume(self) -> bool:
        """Leaves a token that leads nowhere, and goes on behind the last name; False where that cannot be done."""
        if not (self._last and self._sorted):
            return False
        self._request = Request(prefix=self.prefix, after=self._last)
        return True

    def split(self) -> None:
        """Tokens lead from page to page: nothing can be given away."""


_CIRCLE = "the storage lists in a circle: it repeats a page, or does not say how to go on"

ListingCursor = KeyRange | FullListing

"""What is asked for page by page. A walk can only be followed; a key range can be divided."""

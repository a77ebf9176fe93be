"""Decide which page of a sorted listing to request next, when the names to find are known. No I/O.

The files of one expected name lie together in a sorted listing. A request therefore starts at the first expected name
that is still open. Every name below the last key of the page is done, whether it was found or not. The next request
starts at the next open name, and skips all keys between. Where expected names are sparse, a page costs as much as a
lookup of one name. Where they are dense, one page covers hundreds.

This is right only for a listing that is sorted by UTF-8 bytes. ``ListingOrder`` collects what the pages prove about the
sort order. If a name's files could still follow in another possible sort order, ``KeyRange.doubtful`` lists the name.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from attrs import define, field, frozen

from remote_artwork.core.text import spellings
from remote_artwork.errors import StorageMisbehaved


class CycleDetector:
    """Detects that the page tokens of a listing repeat. Keeps only two tokens, however long the cycle is.

    Uses Brent's algorithm: one token is kept, and replaced after twice as many pages each time. The previous token is
    kept too, so that a page that links to itself is detected before it is requested again.
    """

    def __init__(self) -> None:
        self._kept: str | None = None
        self._previous: str | None = None
        self._age = 0
        self._lifetime = 1

    def seen(self, token: str) -> bool:
        """Whether the token was seen before. Detects a cycle within three times its length."""
        if token in (self._kept, self._previous):
            return True
        self._previous = token
        self._age += 1
        if self._age >= self._lifetime:
            self._kept, self._age, self._lifetime = token, 0, 2 * self._lifetime
        return False


_MIN_PAGES_PER_RANGE = 10
"""A range is split only if each half is expected to need this many pages. Splitting then costs at most 10 %."""


@frozen(kw_only=True)
class Request:
    """A page to request.

    Args:
        prefix: Only names with this prefix.
        after: Only names above this one, in the order of their UTF-8 bytes; empty: from the first name.
        token: The token of an earlier page. If there is one, ``after`` is ignored.
    """

    prefix: str = ""
    after: str = ""
    token: str | None = None


def key_upper_bound(basename: str) -> str:
    """Exclusive upper bound of the keys to list for a basename. The lower bound is the basename itself.

    The range contains every name that continues the basename with a character below ``/``: the files with this
    basename, which continue with a dot, and near misses such as ``1001_1 (1).png`` and ``1001_1-copy.png``.
    """
    return f"{basename}/"


def search_targets(basenames: Iterable[str]) -> list[str]:
    """All spellings of the basenames, sorted, without those whose key range lies within that of another one."""
    targets: list[str] = []
    bound = ""
    for basename in sorted(form for given in basenames for form in spellings(given)):
        # The range of 1001_1-2 lies within that of 1001_1. Ranges never overlap in part.
        if basename >= bound:
            targets.append(basename)
            bound = key_upper_bound(basename)
    return targets


def is_sorted_after(names: Sequence[str], after: str) -> bool:
    """Whether the names of a page are sorted, differ, and are above the name after which it should start."""
    return not names or (names[0] > after and names == sorted(names) and len(set(names)) == len(names))


def _mark_folders(mark: str) -> Callable[[str], str]:
    """The sort key of a storage that walks through folders: it lists subfolders before the files, or after them."""
    return lambda name: "".join(f"{mark}{folder}\0" for folder in name.split("/")[:-1]) + name.rpartition("/")[2]


_OTHER_ORDERS: Sequence[tuple[re.Pattern[str], Callable[[str], str | bytes]]] = (
    # A tree: a folder's files come where the folder's name sorts, before "folder-1".
    (re.compile("/"), lambda name: name.replace("/", "\0")),
    # Walks through folders: folders before files, and files before folders.
    (re.compile("/"), _mark_folders("\0")),
    (re.compile("/"), _mark_folders("\U0010ffff")),
    # Without regard to case, as the file systems of Windows and macOS sort.
    (re.compile("[^\0-@\\[-\x7f]"), str.casefold),
    # By UTF-16 code units, as Java and Windows sort.
    (re.compile("[\ue000-\uffff\U00010000-\U0010ffff]"), lambda name: name.encode("utf-16-be", "surrogatepass")),
)
"""Other sort orders that a storage may use. For each: which names it may sort differently, and its sort key."""

_MIN_SORTED_PAIRS = 15
"""How many pairs of neighboring names must be sorted before the sort order counts as proven. A storage that lists in
random order passes once in 2**15 if each page has two names, and practically never if the pages are longer."""


@define
class ListingOrder:
    """What the pages of one search prove about the sort order of a listing. Add only sorted pages."""

    _sorted_pairs: int = field(default=0, init=False)
    _possible: set[int] = field(factory=lambda: set(range(len(_OTHER_ORDERS))), init=False)

    @property
    def is_proven(self) -> bool:
        """Whether enough names were listed in the order of their bytes."""
        return self._sorted_pairs >= _MIN_SORTED_PAIRS

    def add_page(self, names: Sequence[str], after: str = "") -> None:
        """Count a page, and rule out the other orders in which it is not sorted.

        Args:
            names: The names of the page.
            after: The name after which the page was requested to start; empty: at the first name.
        """
        self._sorted_pairs += max(len(names) - 1, 0)
        for number in tuple(self._possible):
            matters, key = _OTHER_ORDERS[number]
            if any(map(matters.search, names)):
                keys = [key(name) for name in ((after, *names) if after else names)]
                if keys != sorted(keys):
                    self._possible.discard(number)

    def covers(self, start: str, target: str, last: str | None) -> bool:
        """Whether a listing from ``start`` to ``last`` contains the target's files, in every possible sort order.

        Args:
            start: The name after which the listing started; empty: at the first name.
            target: The basename. It lies between the two in the order of bytes.
            last: The last name; None: the listing reached its end.
        """
        return all(self._covers(number, start, target, last) for number in self._possible)

    @staticmethod
    def _covers(number: int, start: str, target: str, last: str | None) -> bool:
        matters, key = _OTHER_ORDERS[number]
        if not any(map(matters.search, (start, target, last or ""))):
            return True
        first, end = key(target), key(f"{target}.\uffff")
        # Both keys have the type of this order.
        return not (start and first < key(start)) and (last is None or end < key(last))  # type: ignore[operator]


class BrokenListing(StorageMisbehaved):
    """The pages of a listing do not lead to its end."""


@define
class KeyRange:
    """A range of keys, searched from the first target to the last. Request ``request``, then ``add_page``.

    Args:
        targets: The basenames to find, as ``search_targets`` returns them.
        end: The last name of the range; None: the range is the last one.
        order: What is known about the order of the listing; shared by the ranges of one search.
        doubtful: Targets that are done if names are sorted by bytes, but may not be in another sort order. Each with
            the name after which the listing started, and the last name listed.
    """

    targets: Sequence[str]
    end: str | None = None
    order: ListingOrder = field(factory=ListingOrder)
    doubtful: list[tuple[str, str, str | None]] = field(factory=list)
    _start: str = field(default="", init=False)
    _done: int = field(default=0, init=False)
    _pages: int = field(default=0, init=False)
    _last: str = field(default="", init=False)
    _token: str | None = field(default=None, init=False)
    _cycles: CycleDetector = field(factory=CycleDetector, init=False)

    @property
    def request(self) -> Request | None:
        """The next page to request; None when every target is done."""
        if self._done == len(self.targets):
            return None
        return Request(after=max(self.targets[self._done], self._last), token=self._token)

    def open_targets(self) -> list[str]:
        """The targets whose files may be elsewhere in the listing, because the storage may use another sort order."""
        return [target for target, start, last in self.doubtful if not self.order.covers(start, target, last)]

    def add_first_page(self, names: Sequence[str], next_token: str | None) -> Sequence[str]:
        """Use the first page of the whole listing, which started at its first name.

        Returns:
            The names that can belong to targets or are their neighbors: those above the first target.
        """
        own = names[bisect_right(names, self.targets[0]) :]
        if own:
            self._start, self._last = "", self.targets[0]
            self._add_page(own, next_token)
        return own

    def add_page(self, names: Sequence[str], next_token: str | None) -> int:
        """Mark the targets that a page covers as done.

        Args:
            names: The names of the page, sorted, all above the request's ``after``.
            next_token: As ``Page.next_token``.

        Returns:
            The number of names that belong to this range. The others, at the end, belong to the next range.

        Raises:
            BrokenListing: The page is empty and has no usable token.
        """
        request = self.request
        if request is not None and request.after != self._last:
            self._start = request.after
        return self._add_page(names, next_token)

    def _add_page(self, names: Sequence[str], next_token: str | None) -> int:
        self._pages += 1
        self._token = None
        if next_token is None:
            self._pass_targets(None)
        elif names:
            self._last = names[-1]
            self._pass_targets(self._last)
        elif next_token and not self._cycles.seen(next_token):
            self._token = next_token
        else:
            raise BrokenListing(_CYCLE)
        return len(names) if self.end is None else bisect_right(names, self.end)

    def _pass_targets(self, last: str | None) -> None:
        while self._done < len(self.targets):
            target = self.targets[self._done]
            if last is not None and key_upper_bound(target) > last:
                break
            if not self.order.covers(self._start, target, last):
                self.doubtful.append((target, self._start, last))
            self._done += 1

    def split(self) -> KeyRange | None:
        """Split off the upper half of the open targets, if that saves time and costs few requests.

        Returns:
            The new range; None if each half would need fewer than ten pages, judged by the pages so far.
        """
        remaining = len(self.targets) - self._done
        if not self._pages or remaining * self._pages < 2 * _MIN_PAGES_PER_RANGE * max(self._done, 1):
            return None
        middle = self._done + remaining // 2
        upper = KeyRange(self.targets[middle:], self.end, self.order, self.doubtful)
        self.targets, self.end = self.targets[self._done : middle], self.targets[middle]
        self._done, self._pages = 0, 0
        return upper


@define
class FullListing:
    """All names with a prefix, in any order, linked by the storage's own tokens."""

    prefix: str = ""
    _request: Request | None = field(init=False)
    _last: str = field(default="", init=False)
    _sorted: bool = field(default=True, init=False)
    _page: Sequence[str] = field(default=(), init=False)
    _cycles: CycleDetector = field(factory=CycleDetector, init=False)

    def __attrs_post_init__(self) -> None:
        self._request = Request(prefix=self.prefix)

    @property
    def request(self) -> Request | None:
        """The next page to request; None at the end of the listing."""
        return self._request

    def add_page(self, names: Sequence[str], next_token: str | None) -> int:
        """Continue with the next page. Arguments and errors as for ``KeyRange.add_page``; every name belongs to it."""
        if self._request is not None and self._request.after:
            # In a listing that is not sorted, another page may follow too, but never the same one.
            follows = is_sorted_after(names, self._request.after) if self._sorted else set(names).isdisjoint(self._page)
            if not follows:
                raise BrokenListing(_CYCLE)
        self._sorted = self._sorted and is_sorted_after(names, self._last)
        self._last, self._page = (names[-1], names) if names else (self._last, self._page)
        if next_token is None:
            self._request = None
        elif next_token and not self._cycles.seen(next_token):
            self._request = Request(prefix=self.prefix, token=next_token)
        elif not self.resume(ends_full=next_token == "" and bool(names)):
            raise BrokenListing(_CYCLE)
        return len(names)

    def resume(self, *, ends_full: bool = False) -> bool:
        """Drop an unusable token and continue after the last name; False if the listing is not sorted.

        Args:
            ends_full: The storage gave no token, so this is the only way to learn whether more files follow.
        """
        if not (self._last and (self._sorted or ends_full)):
            return False
        self._request = Request(prefix=self.prefix, after=self._last)
        return True

    def split(self) -> None:
        """Nothing can be split off, because each page is linked from the previous one."""


_CYCLE = "the storage's listing does not end: it repeats a page, or does not link to the next one"

ListingCursor = KeyRange | FullListing
"""What is requested page by page. A full listing is sequential; a key range can be split."""

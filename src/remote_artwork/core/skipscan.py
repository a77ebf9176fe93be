"""Skip-scan: which page of a sorted listing to ask for next, when it is known what is looked for. No I/O.

The files of one awaited stem lie together in a sorted listing. So a page is asked for from the first stem that is
still open; every stem that the page reaches beyond is settled, found or not; and the next page begins at the next open
stem, however many names lie between. With names in front of it that are no nearer than a page, each page settles what
a request of its own would have settled, and where awaited names are dense it settles hundreds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from attrs import define, field, frozen

_PAGES_A_RANGE = 10
"""A key range is divided only where each half has so many pages to expect: so ranges cost a tenth of them at most."""


@frozen
class Request:
    """One page to ask for.

    Args:
        after: Only names above this one, in the order of their UTF-8 bytes; empty: from the first name.
        token: Where an earlier answer said that the listing goes on; None: the place follows from ``after``.
    """

    after: str = ""
    token: str | None = None


@frozen
class Target:
    """A stretch of names in which awaited files may lie: ``after`` < name < ``before``.

    For a stem it is all that begins with the stem and goes on below ``/``: its own files, all of which go on with a
    dot, and such neighbours as ``1001_1 (1).png`` and ``1001_1-copy.png``.
    """

    after: str
    before: str


def spellings(stem: str) -> set[str]:
    """The forms in which a storage may keep one name: as it is given, composed (NFC) and decomposed (NFD)."""
    if stem.isascii():
        return {stem}
    return {stem, unicodedata.normalize("NFC", stem), unicodedata.normalize("NFD", stem)}


def targets_of(stems: Iterable[str]) -> list[Target]:
    """The stretches of all spellings of these stems: sorted, and with no name in two of them."""
    spelled = {spelling for stem in stems for spelling in spellings(stem)}
    targets: list[Target] = []
    for stem in sorted(spelled):
        # One stretch may lie within another, as that of 1001_1-2 does in that of 1001_1; they never just overlap.
        if not targets or stem >= targets[-1].before:
            targets.append(Target(stem, f"{stem}/"))
    return targets


def in_order(names: Sequence[str], after: str) -> bool:
    """Whether a page keeps its promise: sorted, and above the name it was to begin after."""
    return not names or (names[0] > after and list(names) == sorted(names))


@define
class KeyRange:
    """A part of the names, scanned from the first target to the last: ask for ``request``, ``take`` the answer.

    Args:
        targets: What is looked for: sorted, and with no name in two of them.
        end: Names above this one belong to the range that follows; None: it is the last.
    """

    targets: Sequence[Target]
    end: str | None = None
    _open: int = field(default=0, init=False)
    _pages: int = field(default=0, init=False)
    _last: str = field(default="", init=False)
    _token: str | None = field(default=None, init=False)

    @property
    def request(self) -> Request | None:
        """The next page to ask for; None once every target is settled."""
        if self._open == len(self.targets):
            return None
        return Request(max(self.targets[self._open].after, self._last), self._token)

    def take(self, names: Sequence[str], following: str | None) -> Sequence[str]:
        """Settles what one answer settles.

        Args:
            names: The answer's names, in order, all above the request's ``after``.
            following: The answer's token; None where the listing ends.

        Returns:
            Those of the names that belong to this range.
        """
        self._pages += 1
        if following is None:
            self._open = len(self.targets)
        elif names:
            self._last = names[-1]
            while self._open < len(self.targets) and self.targets[self._open].before <= self._last:
                self._open += 1
        # Only where an answer names nothing, and yet not the end, does its token tell more than the last name.
        self._token = None if names else following
        if self.end is None or not names or names[-1] <= self.end:
            return names
        return [name for name in names if name <= self.end]

    def split(self) -> KeyRange | None:
        """Gives the farther half of what is left away, where that saves time and costs little.

        Returns:
            The new range; None where, going by the pages of this one, each half would have less than ten to expect.
        """
        left = len(self.targets) - self._open
        if not self._pages or left * self._pages < 2 * _PAGES_A_RANGE * max(self._open, 1) or left < 2:
            return None
        middle = self._open + left // 2
        farther = KeyRange(self.targets[middle:], self.end)
        self.targets, self.end = self.targets[self._open : middle], self.targets[middle].after
        self._open, self._pages = 0, 0
        return farther

"""Listings that go round in a circle."""

from __future__ import annotations


class Circle:
    """Notices that the marks of a listing's pages repeat, however long the circle is, and keeps two marks only.

    Richard Brent's way: a mark is kept for twice as many pages as the one before it. The other one is the last: a page
    that names itself as the next one is noticed before it is asked for again.
    """

    def __init__(self) -> None:
        self._kept: str | None = None
        self._last: str | None = None
        self._age = 0
        self._lifetime = 1

    def closes_with(self, mark: str) -> bool:
        """Whether this mark of a next page was seen before. Tells within three times the circle's length."""
        if mark in (self._kept, self._last):
            return True
        self._last = mark
        self._age += 1
        if self._age >= self._lifetime:
            self._kept, self._age, self._lifetime = mark, 0, 2 * self._lifetime
        return False

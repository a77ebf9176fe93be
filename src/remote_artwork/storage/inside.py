"""The one way into an ``ArtworkStorage`` for the rest of this room. No promise to anybody outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from attrs import frozen

from remote_artwork.storage.pagers import Ask, Pager

T = TypeVar("T")


class Attempt(Protocol):
    """Makes one request that is neither counted nor repeated; its errors become the storage's own."""

    def __call__(self, function: Callable[[], T], *, name: str | None) -> T:
        """What ``function`` returns. ``name`` is the file that it is about; None: it is about the folder."""


@frozen(kw_only=True)
class Inside:
    """What a storage is made of, for what scans do without.

    Args:
        pager: It may have abilities that a storage does not offer.
        ask: Makes one of the storage's own requests, counted and repeated.
        attempt: Makes any other.
    """

    pager: Pager
    ask: Ask
    attempt: Attempt

"""Matching: the names of a listing × the awaited names.

Names are plain text until one hits; only then is a ``StoredFile`` built.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence

from attrs import define, field, frozen

from remote_artwork.core.expected import ExpectedFile, ExpectedFiles, ItemKey, canonical, split_extension
from remote_artwork.core.orders import MEDIA_TYPES, StoredFile
from remote_artwork.core.reasons import Reason
from remote_artwork.errors import StorageMisbehaved


def _no_file(position: int) -> StoredFile:
    raise IndexError(f"the page has no name at {position}")


@frozen
class Page:
    """One page of what a storage found, by a listing or by a search. The only type for such a page.

    Args:
        names: Keys relative to the location's folder, as the storage spells them.
        file: Builds the ``StoredFile`` of ``names[i]`` from the page; raises ``StorageMisbehaved`` if the page does
            not describe that file properly.
        next_token: The storage's token for the next page. ``""``: more pages follow, but the storage gave no token.
            None: this is the last page, or the pages are not linked by tokens.
        unknown: Name → why the storage could not say whether the file exists. None of them is in ``names``.
        caveat: What to add to the reason of each missing file. The last page that has one counts.
        complete: Whether every file of the location has been seen once this page is read.
        strategy: How the page was found: ``listing``, ``skip-scan``, ``prefixes`` or ``probing``.
    """

    names: Sequence[str] = ()
    file: Callable[[int], StoredFile] = _no_file
    next_token: str | None = None
    unknown: Mapping[str, str] = field(factory=dict)
    caveat: Reason | None = None
    complete: bool = False
    strategy: str = ""


def split_hits(names: Sequence[str], stems: Mapping[str, object]) -> tuple[list[int], list[str]]:
    """Parts one page's names into positions of hits and names that hit nothing.

    Args:
        names: Names with their extensions.
        stems: The awaited stems, in NFC.

    Returns:
        Positions in ``names`` whose stem is awaited, and all other names. Any extension will do, if it is one:
        ``1001_1.d/x`` lies in a folder and has none.
    """
    hits: list[int] = []
    misses: list[str] = []
    miss, hit = misses.append, hits.append
    for position, name in enumerate(names):
        stem = name.rpartition(".")[0]
        awaited = stem in stems or (not name.isascii() and unicodedata.normalize("NFC", stem) in stems)
        if awaited and "/" not in name[len(stem) :]:
            hit(position)
        else:
            miss(name)
    return hits, misses


@define
class Matches:
    """What has been found so far for the awaited names, page by page, in any order.

    Args:
        awaited: What is awaited.
        found: Item → placement → name → file.
        unknown: Stem in NFC → names of which nobody knows whether they are there → why.
        contested: Names that several items expect.
        unsupported: Names that are awaited, in a format that is not printed.
        names_seen: Of all files.
        caveat: What to add to the reason of each missing file.
        whole: Whether every file of the location has been seen.
        ways: How files were looked for, in words, in the order in which that was tried.
    """

    awaited: ExpectedFiles
    found: dict[ItemKey, dict[str, dict[str, StoredFile]]] = field(factory=dict)
    unknown: dict[str, dict[str, str]] = field(factory=dict)
    ambiguous: list[tuple[str, tuple[ExpectedFile, ...]]] = field(factory=list)
    unsupported: list[tuple[str, ExpectedFile]] = field(factory=list)
    names_seen: int = 0
    caveat: Reason | None = None
    whole: bool = False
    ways: dict[str, None] = field(factory=dict)

    def take(self, page: Page) -> list[str]:
        """Keeps the hits of one page; returns the names that hit nothing."""
        self.names_seen += len(page.names)
        self.caveat = page.caveat or self.caveat
        self.whole = self.whole or page.complete
        if page.strategy:
            self.ways[page.strategy] = None
        for name, reason in page.unknown.items():
            self.unknown.setdefault(canonical(split_extension(name)[0]), {})[name] = reason
        hits, misses = split_hits(page.names, self.awaited.slots)
        for position in hits:
            self._keep(page, position)
        if not self.awaited.ambiguous:
            return misses
        disputed, misses_left = split_hits(misses, self.awaited.ambiguous)
        for position in disputed:
            stem = unicodedata.normalize("NFC", misses[position].rpartition(".")[0])
            self.ambiguous.append((misses[position], self.awaited.ambiguous[stem]))
        return misses_left

    def files_of(self, key: ItemKey, placement: str) -> tuple[StoredFile, ...]:
        """The files found for one placement of one item, by name."""
        by_name = self.found.get(key, {}).get(placement, {})
        return tuple(by_name[name] for name in sorted(by_name))

    def _keep(self, page: Page, position: int) -> None:
        name = page.names[position]
        stem, _, extension = name.rpartition(".")
        slot = self.awaited.slots[unicodedata.normalize("NFC", stem)]
        if extension.lower() not in MEDIA_TYPES:
            self.unsupported.append((name, slot))
            return
        try:
            file = page.file(position)
        except StorageMisbehaved as error:  # of this one file alone
            self.unknown.setdefault(canonical(stem), {})[name] = str(error)
            return
        by_placement = self.found.setdefault(slot.key, {})
        by_placement.setdefault(slot.placement, {})[name] = file

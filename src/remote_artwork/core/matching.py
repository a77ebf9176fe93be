"""Match listed names with expected files, page by page.

Names stay plain text until one matches. Only then is a ``StoredFile`` made.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence

from attrs import define, field, frozen

from remote_artwork.core.expected import ExpectedFile, ExpectedFiles, ItemKey, split_extension
from remote_artwork.core.orders import MEDIA_TYPES, StoredFile
from remote_artwork.core.reasons import Reason
from remote_artwork.core.text import nfc
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
        unusable: Key of a file that cannot be used → why. None of them is in ``names``.
        caveat: What to add to the reason of each missing file. The last page that has one counts.
        complete: Whether every file of the location has been seen once this page is read.
        strategy: How the page was found: ``listing``, ``skip-scan``, ``prefixes`` or ``probing``.
    """

    names: Sequence[str] = ()
    file: Callable[[int], StoredFile] = _no_file
    next_token: str | None = None
    unknown: Mapping[str, str] = field(factory=dict)
    unusable: Mapping[str, Reason] = field(factory=dict)
    caveat: Reason | None = None
    complete: bool = False
    strategy: str = ""


def partition_names(names: Sequence[str], basenames: Container[str]) -> tuple[list[int], list[str]]:
    """Separate the names of one page that match from those that do not.

    Args:
        names: Names with their extensions.
        basenames: The expected basenames, in NFC.

    Returns:
        The positions in ``names`` that match, and all other names. Any extension matches, but there must be one:
        ``1001_1.d/x`` is in a folder and has none.
    """
    matching: list[int] = []
    others: list[str] = []
    add_other, add_match = others.append, matching.append
    for position, name in enumerate(names):
        basename = name.rpartition(".")[0]
        expected = basename in basenames or (not name.isascii() and nfc(basename) in basenames)
        if expected and "/" not in name[len(basename) :]:
            add_match(position)
        else:
            add_other(name)
    return matching, others


@define
class Matches:
    """The files found so far. Pages may arrive in any order.

    Args:
        expected: The expected files.
        found: Item → placement → name → file.
        unknown: Basename in NFC → name → why it is not known whether the file exists.
        ambiguous: Names that several items expect, with those expected files.
        unsupported: Names that match, in a format that is not printed.
        misnamed: Basename in NFC → names of files that are near misses of it, and the names that they should have. It
            is complete once all files are classified.
        names_seen: The number of files listed.
        caveat: What to add to the reason of each missing file.
        complete: Whether every file of the location has been seen.
        strategies: How the files were found, in the order in which the strategies were used.
    """

    expected: ExpectedFiles
    found: dict[ItemKey, dict[str, dict[str, StoredFile]]] = field(factory=dict)
    unknown: dict[str, dict[str, str]] = field(factory=dict)
    ambiguous: list[tuple[str, tuple[ExpectedFile, ...]]] = field(factory=list)
    unsupported: list[str] = field(factory=list)
    misnamed: dict[str, dict[str, str]] = field(factory=dict)
    names_seen: int = 0
    caveat: Reason | None = None
    complete: bool = False
    strategies: dict[str, None] = field(factory=dict)

    def add_page(self, page: Page) -> list[str]:
        """Keep the matches of one page, and return the names that do not match."""
        self.names_seen += len(page.names)
        self.caveat = page.caveat or self.caveat
        self.complete = self.complete or page.complete
        if page.strategy:
            self.strategies[page.strategy] = None
        for name, error in page.unknown.items():
            self.add_unknown(name, error)
        matching, others = partition_names(page.names, self.expected.by_basename)
        for position in matching:
            self._add_match(page, position)
        if not self.expected.ambiguous:
            return others
        ambiguous, unmatched = partition_names(others, self.expected.ambiguous)
        for position in ambiguous:
            name = others[position]
            self.ambiguous.append((name, self.expected.ambiguous[nfc(split_extension(name)[0])]))
        return unmatched

    @property
    def saw_only_neighbors(self) -> bool:
        """Whether only the parts of a listing with expected names were read. Misnamed files may be elsewhere."""
        return not self.complete and not {"skip-scan", "prefixes"}.isdisjoint(self.strategies)

    def files_for(self, key: ItemKey, placement: str) -> tuple[StoredFile, ...]:
        """The files found for one placement of one item, sorted by name."""
        by_name = self.found.get(key, {}).get(placement, {})
        return tuple(by_name[name] for name in sorted(by_name))

    def _add_match(self, page: Page, position: int) -> None:
        name = page.names[position]
        basename, extension = split_extension(name)
        if extension.lower() not in MEDIA_TYPES:
            self.unsupported.append(name)
            return
        try:
            file = page.file(position)
        except StorageMisbehaved as error:  # concerns this file only
            self.add_unknown(name, str(error))
            return
        for expected in self.expected.prints_of(nfc(basename)):
            self.found.setdefault(expected.key, {}).setdefault(expected.placement, {})[name] = file

    def add_unknown(self, name: str, error: str) -> None:
        """Record that it is not known whether the file exists, or which one it is."""
        self.unknown.setdefault(nfc(split_extension(name)[0]), {})[name] = error

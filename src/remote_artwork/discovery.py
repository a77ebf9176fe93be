"""Discovery: looks through the storage, keeps what is awaited, and tallies what is odd."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress

from attrs import define, field

from remote_artwork.core.awaited import Wanted
from remote_artwork.core.events import FilesListed, Tell, tell_nobody
from remote_artwork.core.lifecycle import FulfillState, OrderRecord
from remote_artwork.core.matching import Matches, Page
from remote_artwork.core.model import StoredFile
from remote_artwork.core.oddities import Oddities, unsupported
from remote_artwork.core.report import FileOutcome, FileStatus, FileTally
from remote_artwork.errors import StorageError, StorageMisbehaved
from remote_artwork.interfaces import Ledger
from remote_artwork.storage.storage import ArtworkStorage

_JUDGED_AT_ONCE = 34_000
"""Odd names are looked up in the ledger in batches; their pages, with so many names, are kept until then."""

_JUDGED_BY_THE_WAY = 1_000
"""Of the odd names that a skip-scan comes by, so many are judged. To judge one takes longer than to list it."""


@define
class Discovery:
    """One look through a storage location.

    Args:
        storage: Where to look.
        wanted: What to look for; None: every file of the location is to be seen.
        matches: Takes what is awaited.
        oddities: Judges the rest.
        tally: Counts the rest.
        ledger: Knows which odd files belong to orders that are done.
        tenant: Whose ledger rows are looked at.
        tell: Is told how many names were listed.
    """

    storage: ArtworkStorage
    wanted: Wanted | None
    matches: Matches
    oddities: Oddities
    tally: FileTally
    ledger: Ledger
    tenant: str
    tell: Tell = tell_nobody
    _misses: list[str] = field(factory=list)
    _pages: list[Page] = field(factory=list)
    _near: list[FileOutcome] = field(factory=list)
    _come_by: int = 0

    def run(self) -> StorageError | None:
        """Goes through every page.

        Returns:
            The error that broke the look off, after which nothing is known of any file; None when all was seen.

        Raises:
            LocationNotFound: The bucket or folder does not exist.
            LedgerError: The ledger could not be read.
        """
        pages = self.storage.pages() if self.wanted is None else self.storage.search(self.wanted)
        try:
            for page in pages:
                misses = self.matches.take(page)
                if page.way == "skip-scan":
                    misses = misses[: _JUDGED_BY_THE_WAY - self._come_by]
                    self._come_by += len(misses)
                self._misses += misses
                if misses:
                    self._pages.append(page)
                if sum(len(kept.names) for kept in self._pages) >= _JUDGED_AT_ONCE:
                    self._judge()
                if page.names:
                    self.tell(FilesListed(tenant=self.tenant, count=len(page.names)))
        except StorageError as error:
            return error
        finally:
            self._judge()
        self.matches.whole = self.matches.whole or self.wanted is None
        self._settle()
        return None

    def _judge(self) -> None:
        names, self._misses = self._misses, []
        pages, self._pages = self._pages, []
        known = self._known({number for name in names for number in self.oddities.order_numbers(name)})
        listed = _listed(pages, known)
        for name in names:
            outcome = self.oddities.judge(name, known, listed.get(name))
            if outcome is None:
                continue
            if outcome.suggestion is not None:
                self._near.append(outcome)
            else:
                self.tally.add(outcome)

    def _known(self, numbers: set[str]) -> Mapping[str, list[OrderRecord]]:
        by_number: defaultdict[str, list[OrderRecord]] = defaultdict(list)
        if numbers:
            for record in self.ledger.find(self.tenant, order_numbers=numbers):
                by_number[record.order_number].append(record)
        return by_number

    def _settle(self) -> None:
        """Judges what could not be judged before every name had been seen."""
        served = {(key, placement) for key, sides in self.matches.found.items() for placement in sides}
        for outcome in self._near:
            self.tally.add(self.oddities.settle(outcome, served))
        for name, _slot in self.matches.unsupported:
            self.tally.add(unsupported(name))
        for name, slots in self.matches.contested:
            refusal = next(
                self.matches.awaited.refusals[slot.key] for slot in slots if slot.key in self.matches.awaited.refusals
            )
            self.tally.add(FileOutcome(name=name, status=FileStatus.AMBIGUOUS, reason=refusal.reason))


def _listed(pages: Iterable[Page], known: Mapping[str, Iterable[OrderRecord]]) -> dict[str, StoredFile]:
    """The listed files under names that fulfilled orders were printed with. No others are built: that costs time."""
    printed = {
        file.name
        for records in known.values()
        for record in records
        if record.state is FulfillState.FULFILLED
        for row in record.items.values()
        for file in row.files
    }
    listed = {}
    for page in pages if printed else ():
        for place, name in enumerate(page.names):
            if name in printed:
                with suppress(StorageMisbehaved):  # then nothing is said of this one
                    listed[name] = page.file(place)
    return listed

"""The file side of an order: which bytes were chosen, whether they pass, and whether they are still the same."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from remote_artwork.core.awaited import Wanted, canonical, split_extension
from remote_artwork.core.lifecycle import CHECKED, FileRecord, ItemState
from remote_artwork.core.model import MEDIA_TYPES, Artwork, StoredFile
from remote_artwork.core.planning import ItemPlan
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import FileGone, StorageError
from remote_artwork.fulfillment.progress import Progress
from remote_artwork.fulfillment.tools import Tools


@frozen
class Files:
    """The file side of one order."""

    tools: Tools
    progress: Progress

    def verify(self, plan: ItemPlan) -> bool:
        """Whether the item's files are checked, now or in an earlier pass; else its outcome says why not."""
        number = plan.item.number
        row = self.progress.rows.get(number)
        checks = self.tools.inspector.digest(plan.item)
        if row and row.state in CHECKED and row.checks == checks and row.describes(plan.files):
            return True
        try:
            files = self.tools.inspector.pin(plan.files)
            self.progress.answered.add("storage")
            self.progress.advance(self.progress.selection(number, files))
            verdict = self.tools.ahead.verdict(plan.item, files)
        except FileGone as error:
            self.progress.set(number, ItemStatus.MISSING, f"{error}; it was there a moment ago")
            return False
        except StorageError as error:
            self.progress.failures.append(error)
            self.progress.set(number, ItemStatus.UNREADABLE, f"{error}; nothing was sent")
            return False
        if verdict.rejection:
            rejected = self.progress.item_step(number, ItemState.REJECTED, reason=verdict.rejection, checks=checks)
            self.progress.advance(rejected)
            self.progress.set(number, ItemStatus.REJECTED, verdict.rejection, findings=verdict.findings, now=True)
            return False
        self.progress.advance(self.progress.item_step(number, ItemState.VERIFIED, checks=checks))
        if verdict.findings:
            self.progress.set(number, plan.status, plan.reason, findings=verdict.findings)
        return True

    def now(self, number: str) -> dict[str, StoredFile]:
        """The checked files of one item as they are now, by placement.

        Raises:
            FileGone: One of them was deleted.
            StorageError: One of them could not be looked at.
        """
        found = {file.placement: self.tools.storage.stat(file.name) for file in self.progress.rows[number].files}
        self.progress.answered.add("storage")
        return found

    def beside(self, number: str) -> list[str]:
        """Other files for the same prints of one item as the checked ones, that are there now.

        Raises:
            StorageError: The storage could not be looked through.
        """
        own = {file.name for file in self.progress.rows[number].files}
        spelled = {split_extension(name)[0] for name in own}
        names = {name for page in self.tools.storage.search(Wanted(stems=sorted(spelled))) for name in page.names}
        stems = {canonical(stem) for stem in spelled}
        parts = ((name, *split_extension(name)) for name in names - own)
        return sorted(
            name for name, stem, extension in parts if canonical(stem) in stems and extension.lower() in MEDIA_TYPES
        )

    def artworks(self, plan: ItemPlan) -> list[Artwork]:
        """The checked files of one item as the host gets them, with fresh URLs, in the order of its placements.

        Raises:
            StorageError, ConfigurationError: A URL could not be made.
        """
        records = {record.placement: record for record in self.progress.rows[plan.item.number].files}
        return [self._artwork(records[placement], plan.files) for placement in plan.item.placements]

    def _artwork(self, record: FileRecord, listed: Mapping[str, StoredFile]) -> Artwork:
        known = listed.get(record.placement)
        file = StoredFile(
            name=record.name,
            size=record.size,
            etag=record.etag,
            version_id=record.version_id,
            last_modified=known.last_modified if known and record.describes(known) else None,
        )
        return self.tools.storage.artwork(file, record.placement, expires_in=self.tools.url_lifetime)

"""The last look: whether the files are still those that were checked, once the order may have been sent."""

from __future__ import annotations

from attrs import frozen

from remote_artwork.core.lifecycle import CHECKED, UNSETTLED, FulfillState, ItemRecord, ItemState
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import StorageError
from remote_artwork.fulfillment.files import Files
from remote_artwork.fulfillment.progress import Progress

_SENT = (FulfillState.FULFILLED, *sorted(UNSETTLED))


@frozen
class LastLook:
    """Looks at the files of one order after its call, whatever became of the call, in this pass or in an earlier one.

    A replaced file is an alarm, never acted on: what was sent is sent.
    """

    progress: Progress
    files: Files

    def run(self) -> None:
        """Adds to the outcomes what is seen.

        Raises:
            LedgerError: An alarm could not be recorded; the outcomes hold it all the same.
        """
        if self.progress.state not in _SENT:
            return
        for plan in self.progress.required:
            row = self.progress.rows.get(plan.item.number)
            if row is None or not row.files:
                continue
            if row.state is ItemState.LATE_REPLACEMENT:
                self._report(row, row.reason, now=False)
            elif row.state in CHECKED:
                self._look(row)

    def _look(self, row: ItemRecord) -> None:
        names = ", ".join(file.name for file in row.files)
        try:
            if row.describes(self.files.now(row.item_number)):
                return
        except StorageError as error:
            words = f"whether {names} was replaced while the order was sent could not be seen: {error}"
            self.progress.add(row.item_number, words)
            return
        pinned = all(file.version_id for file in row.files)
        which = "the earlier file is printed" if pinned else "the earlier file is printed, or the newer one, unchecked"
        reason = f"{names} was replaced while or after the order was sent; {which}: look at the order"
        self._report(row, reason, now=True)
        # Where a later scan settles the order, it looks again; until then the file may yet be checked and sent.
        if self.progress.state is not FulfillState.FULFILL_INTENT:
            self.progress.advance(self.progress.item_step(row.item_number, ItemState.LATE_REPLACEMENT, reason=reason))

    def _report(self, row: ItemRecord, reason: str, *, now: bool) -> None:
        if self.progress.state is FulfillState.FULFILLED:
            self.progress.set(row.item_number, ItemStatus.LATE_REPLACEMENT, reason, now=now)
        else:
            self.progress.add(row.item_number, reason)

"""What a status means to a person, and who has to do something now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from remote_artwork.core.report import NEEDS_A_PERSON, FileStatus, ItemStatus

Group = Literal["person", "waiting", "done"]

_DONE = frozenset({ItemStatus.FULFILLED, ItemStatus.NOT_REQUIRED, ItemStatus.CANCELLED})

ITEM_ADVICE: Mapping[ItemStatus, str] = {
    ItemStatus.FULFILLED: "Nothing to do.",
    ItemStatus.ATTACHED: "Nothing to do: the order goes on once its other items are there.",
    ItemStatus.MATCHED: "Nothing to do: a scan goes on with the order once all its items are there.",
    ItemStatus.NOT_REQUIRED: "Nothing to do.",
    ItemStatus.MISSING: "Upload the file under the name it waits for.",
    ItemStatus.LATE: "Upload the file now, or cancel the order.",
    ItemStatus.CONFLICT: "Leave one file for it, or settle it in the shop.",
    ItemStatus.REJECTED: "Upload a good file under the same name.",
    ItemStatus.SETTLING: "Nothing to do: the next scan looks again.",
    ItemStatus.UNREADABLE: "If it stays so, see that the storage can be reached and read.",
    ItemStatus.UNCERTAIN: "Look at the order in the shop, then tell the ledger what became of it.",
    ItemStatus.FAILED: "Look at the order in the shop.",
    ItemStatus.CANCELLED: "Nothing to do.",
    ItemStatus.LATE_REPLACEMENT: "Stop the print, or accept that the earlier file is printed.",
}

FILE_ADVICE: Mapping[FileStatus, str] = {
    FileStatus.EARLY: "Nothing to do: it waits for its order.",
    FileStatus.NEAR_MISS: "Rename it, if it is meant for that order.",
    FileStatus.UNSUPPORTED: "Save it in another format.",
    FileStatus.REJECTED: "Upload a good file.",
    FileStatus.SUPERSEDED: "Nothing to do.",
    FileStatus.AMBIGUOUS: "Delete all but the right one.",
    FileStatus.UNRELATED: "Nothing to do.",
}


def group_of(status: ItemStatus) -> Group:
    """Whose turn it is: a person's, nobody's yet, or nobody's any more."""
    if status in NEEDS_A_PERSON:
        return "person"
    return "done" if status in _DONE else "waiting"

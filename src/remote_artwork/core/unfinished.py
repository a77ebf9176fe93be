"""Files that may not be whole yet: they wait a while before they are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from remote_artwork.core.model import StoredFile


def why_unfinished(
    files: Iterable[StoredFile], *, now: datetime, settle_for: timedelta | None, appear_whole: bool
) -> str | None:
    """Why an item's files should wait, in words; None where they need not, or where their age is not known.

    Args:
        files: The files that were found for the item.
        now: The time, with a time zone.
        settle_for: How long they wait after their last change; None: not at all.
        appear_whole: Whether the storage shows a file only once all of it is there.
    """
    for file in files:
        if settle_for is None or file.last_modified is None or (appear_whole and file.size > 0):
            continue
        if abs(now - file.last_modified) < settle_for:  # a clock that is wrong by years lets nothing wait for ever
            state = "is empty" if file.size == 0 else "was changed just now"
            wait = f"{settle_for.total_seconds():g} seconds"
            return f"{file.name} {state}, so its upload may not have ended; it is looked at once it is {wait} old"
    return None

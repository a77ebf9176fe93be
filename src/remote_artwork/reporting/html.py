"""Draws a report as a contact sheet: gathers small pictures of the artworks from the storage, and writes the page."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from remote_artwork.core.report import (
    NEEDS_PERSON,
    FileStatus,
    ItemOutcome,
    ItemStatus,
    ScanReport,
    Severity,
)
from remote_artwork.errors import ConfigurationError, MissingExtra, StorageError
from remote_artwork.preflight.thumbnails import thumbnail
from remote_artwork.storage.storage import ArtworkStorage

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
    if status in NEEDS_PERSON:
        return "person"
    return "done" if status in _DONE else "waiting"


_HEADINGS: Mapping[Group, str] = {"person": "A person is needed", "waiting": "Waiting", "done": "Done"}


def contact_sheet(report: ScanReport, thumbnails: Mapping[str, bytes]) -> str:
    """The page as text. Whatever comes from outside (names, reasons, locations) is escaped.

    Args:
        report: What is shown.
        thumbnails: File name → a small JPEG of it; a file without one is shown by its name alone.

    Raises:
        MissingExtra: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingExtra("the contact sheet needs Jinja2: pip install 'remote_artwork[report]'") from error
    style, script = _part("contact_sheet.css"), _part("contact_sheet.js")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        _part("contact_sheet.html.jinja")
    )
    text = page.render(
        report=report,
        style=style,
        script=script,
        script_hash=_hash(script),
        style_hash=_hash(style),
        title=f"{'Plan' if report.dry_run else 'Scan'} of {report.location}",
        sections=_sections(report.items),
        item_advice=ITEM_ADVICE,
        file_advice=FILE_ADVICE,
        pictures={name: _data_url(data) for name, data in thumbnails.items()},
        statuses=_statuses(report.items),
        warn=Severity.WARN,
        reject=Severity.REJECT,
        spoken=_spoken,
    )
    return text.encode("utf-8", "backslashreplace").decode()  # names that are no text are shown escaped


def _part(name: str) -> str:
    return (resources.files("remote_artwork.reporting") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What the page's own policy knows a script or a style by: no other one runs, wherever it came from."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _sections(items: Sequence[ItemOutcome]) -> list[dict[str, Any]]:
    """The items by whose turn it is, in the report's own order."""
    grouped: dict[Group, list[ItemOutcome]] = {group: [] for group in _HEADINGS}
    for item in items:
        grouped[group_of(item.status)].append(item)
    return [{"group": group, "heading": _HEADINGS[group], "items": items} for group, items in grouped.items() if items]


def _statuses(items: Sequence[ItemOutcome]) -> list[dict[str, Any]]:
    """Each status that occurs, with its group and how often, as the filters offer them."""
    counted = [(status, sum(item.status is status for item in items)) for status in ItemStatus]
    return [{"status": status, "group": group_of(status), "count": count} for status, count in counted if count]


def _spoken(status: str) -> str:
    """A status as it is said: ``near_miss`` is ``near miss``."""
    return status.replace("_", " ")


MOST_THUMBNAILS = 500
"""Artworks that are drawn; the page shows the rest by name."""
LARGEST_DRAWN = 100 * 1024**2
"""Bytes; a larger file is shown by name."""
_AT_ONCE = 4


def require_writable(path: Path) -> None:
    """Says before a long pass what would keep its page from being written after it.

    Raises:
        MissingExtra: Jinja2 is not installed.
        ConfigurationError: There is no such folder.
    """
    if find_spec("jinja2") is None:
        raise MissingExtra("a report as a page needs Jinja2: pip install 'remote_artwork[report]'")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"the report cannot be written to {path}: there is no such folder")


def write_contact_sheet(report: ScanReport, path: str | os.PathLike[str], storage: ArtworkStorage | None) -> None:
    """Write a report's page in place of whatever is at the path, whole or not at all.

    Args:
        report: What to draw.
        path: Where the page is written.
        storage: Where the pictures are read, as the files are now; None: the page has no pictures.

    Raises:
        MissingExtra: Jinja2 is not installed.
        ConfigurationError: The file cannot be written.
    """
    page, target = contact_sheet(report, _thumbnails(report, storage) if storage else {}), Path(path)
    new = target.with_name(f"{target.name}.{os.getpid()}.new")
    try:
        new.write_text(page, encoding="utf-8")
        new.replace(target)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise ConfigurationError(f"the report cannot be written to {target}: {error.strerror}") from error


def _thumbnails(report: ScanReport, storage: ArtworkStorage) -> Mapping[str, bytes]:
    names = list(dict.fromkeys(name for item in report.items for name in item.files))[:MOST_THUMBNAILS]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        drawn = zip(names, pool.map(partial(_thumbnail, storage), names), strict=True)
        return {name: picture for name, picture in drawn if picture is not None}


def _thumbnail(storage: ArtworkStorage, name: str) -> bytes | None:
    try:
        file = storage.stat(name)
        return thumbnail(storage.reader(file)) if file.size <= LARGEST_DRAWN else None
    except StorageError:  # the report says what it says; a picture is an extra
        return None

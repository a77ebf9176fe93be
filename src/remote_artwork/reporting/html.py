"""The contact sheet: a report as one HTML page with thumbnails. ``ScanReport.to_html`` writes it."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from remote_artwork.core.reasons import format_duration, join_reasons
from remote_artwork.core.report import (
    NEEDS_NOBODY,
    Fault,
    FileOutcome,
    FileStatus,
    ItemOutcome,
    ItemStatus,
    ScanReport,
    Severity,
    TextFile,
)
from remote_artwork.core.settings import require
from remote_artwork.core.text import escape_unprintable
from remote_artwork.errors import ConfigurationError, ExitCode, MissingExtra, StorageError
from remote_artwork.preflight.pictures import MM_PER_INCH
from remote_artwork.preflight.thumbnails import thumbnail
from remote_artwork.storage.storage import ArtworkStorage

MAX_THUMBNAILS = 2_000
"""Thumbnails per page. Further files are shown by name."""
_SIDES: Mapping[int, int] = {50: 640, 300: 400, MAX_THUMBNAILS: 240}
"""Thumbnails of a page, at most → their longest side in pixels, so that a page stays below about 40 MB."""
MAX_THUMBNAIL_SOURCE = 100 * 1024**2
"""Bytes. A larger file is shown by name."""
_CONCURRENT_THUMBNAILS = 4

Group = Literal["person", "waiting", "done"]

_DONE = frozenset({ItemStatus.FULFILLED, ItemStatus.NOT_REQUIRED, ItemStatus.CANCELLED})

ITEM_ADVICE: Mapping[ItemStatus, str] = {
    ItemStatus.FULFILLED: "Nothing to do.",
    ItemStatus.ATTACHED: "Nothing to do. The order is sent when its other items have their files.",
    ItemStatus.MATCHED: "Nothing to do. The next scan sends the order when all its items have their files.",
    ItemStatus.NOT_REQUIRED: "Nothing to do.",
    ItemStatus.MISSING: "Upload the file with the name that is shown.",
    ItemStatus.LATE: "Upload the file now, or cancel the order.",
    ItemStatus.CONFLICT: "Resolve the conflict: keep one file, or correct the order in the shop.",
    ItemStatus.REJECTED: "Upload a correct file with the same name.",
    ItemStatus.SETTLING: "Nothing to do. The next scan checks it again.",
    ItemStatus.UNREADABLE: "If this continues, check that the storage can be reached and read.",
    ItemStatus.UNCERTAIN: "Check the order in the shop, then record the result.",
    ItemStatus.FAILED: "Check the order in the shop.",
    ItemStatus.CANCELLED: "Nothing to do.",
    ItemStatus.LATE_REPLACEMENT: "Stop the print, or accept that the earlier file is printed.",
    ItemStatus.AWAITING_REVIEW: "Compare the pictures with the order, then accept the files.",
}

FILE_ADVICE: Mapping[FileStatus, str] = {
    FileStatus.EARLY: "Nothing to do. The file waits for its order.",
    FileStatus.NEAR_MISS: "Rename the file if it is for that order.",
    FileStatus.UNSUPPORTED: "Save it as JPEG, PNG or PDF.",
    FileStatus.REJECTED: "Upload a correct file.",
    FileStatus.SUPERSEDED: "Nothing to do.",
    FileStatus.AMBIGUOUS: "Keep the file. Correct what the reason says.",
    FileStatus.UNRELATED: "Nothing to do.",
}
_ADVICE_BY_CODE: Mapping[str, str] = {
    "near_miss_has_file": "Nothing to do. To print this file instead, replace the other one.",
    "near_miss_of_several": "Rename the right file, and delete the others.",
    "in_other_folder": "Move and rename the file if it should be printed.",
    "order_needs_no_artwork": "Nothing to do.",
    "extension_to_correct": "Correct the name.",
    "other_name": "If the file is for an order, rename it.",
    "several_files": "Delete all files but the right one.",
}
"""Advice for reasons for which the advice of their status is wrong."""
_UPLOAD_NOT_FINISHED = "Wait until the upload is finished, or upload the file again."


_MISNAMED = "Rename the file if it is the right one, or upload the file with the name that is shown."
_NEXT_SCAN = "Nothing to do. The next scan tries again."


def advise_on_item(item: ItemOutcome) -> str:
    """What a person should do about an item."""
    if item.code in NEEDS_NOBODY:
        return _NEXT_SCAN
    if any(note.code in {"misnamed_file", "misnamed_files"} for note in item.notes):
        return _MISNAMED
    return ITEM_ADVICE[item.status]


def say_why(item: ItemOutcome, *, is_processed: bool = True) -> str:
    """The reason of an item, without the command that accepts its files: a page may have a button for it.

    Args:
        item: The item.
        is_processed: False if a fault is the cause. The page says it once, at its top.
    """
    if not is_processed:
        return "not processed; the top of this page says why"
    return join_reasons(each for each in item.reasons if each.code != "accept")


def advise_on_fault(fault: Fault) -> str:
    """What a person should do about a fault whose message does not say it."""
    if fault.part == "manifest":
        return "Correct the manifest; the next scan reads it again."
    return "The next scan tries again." if fault.exit_code is ExitCode.UNUSABLE else ""


def say_no_items(report: ScanReport) -> str:
    """Why a report has no item."""
    if report.faults:
        return "No order was processed."
    return (
        "No order is pending, so there is nothing to do."
        if report.orders is None
        else "None of the given orders is pending."
    )


def advise_on_file(file: FileOutcome) -> str:
    """What a person should do about an unmatched file."""
    if file.code == "wait_for_upload" or "upload_not_finished" in file.details.get("rules", ()):
        return _UPLOAD_NOT_FINISHED
    return _ADVICE_BY_CODE.get(file.code, FILE_ADVICE[file.status])


_HEADINGS: Mapping[Group, str] = {"person": "Action needed", "waiting": "Waiting", "done": "Done"}


def group_of(item: ItemOutcome) -> Group:
    """The section of the page: a person must act, the item waits, or it is done."""
    if item.needs_person:
        return "person"
    return "done" if item.status in _DONE else "waiting"


def require_writable(path: Path) -> None:
    """Check before a long scan that its page can be written.

    Raises:
        MissingExtra: Jinja2 is not installed.
        ConfigurationError: The folder does not exist, or the path is one.
    """
    if find_spec("jinja2") is None:
        raise _missing_jinja2()
    if path.is_dir():
        raise ConfigurationError(f"the report cannot be written to {path}: it is a folder; add the name of a file")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"the report cannot be written to {path}: the folder does not exist; create it")


def write_page(page: str, target: str | os.PathLike[str] | TextFile) -> None:
    """Write a page to an open text file, or to a path. An existing file is replaced atomically.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    if not isinstance(target, str | os.PathLike):
        require("the target of a report", target, lambda value: hasattr(value, "write"), "a path or an open text file")
        target.write(page)
        return
    path = Path(target).absolute()
    # Another user of the folder cannot guess this name, and a file or a link that has it is never opened.
    new = path.with_name(f".{secrets.token_hex(16)}.new")
    try:
        with new.open("x", encoding="utf-8") as file:
            try:
                file.write(page)
                file.flush()
                new.replace(path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ConfigurationError(f"the report cannot be written to {path}: {error.strerror}") from error


def draw_report(
    report: ScanReport, storage: ArtworkStorage | None, *, fragment: bool = False, nonce: str | None = None
) -> str:
    """The contact sheet with thumbnails from a storage; see ``ScanReport.to_html``."""

    def is_usable(value: object) -> bool:
        return value is None or isinstance(value, ArtworkStorage)

    require("the storage of a report", storage, is_usable, "an ArtworkStorage, such as scanner.storage")
    thumbnails = _thumbnails(report, storage) if storage else {}
    return contact_sheet(report, thumbnails, fragment=fragment, nonce=nonce)


def contact_sheet(
    report: ScanReport, thumbnails: Mapping[str, bytes], *, fragment: bool = False, nonce: str | None = None
) -> str:
    """The page as HTML text. Names, reasons and locations are escaped, also their invisible characters.

    Args:
        report: The report.
        thumbnails: File name → a small JPEG. A file without one is shown by name.
        fragment: One ``<div>`` instead of a page.
        nonce: The nonce for the style and the script of a fragment.

    Raises:
        MissingExtra: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise _missing_jinja2() from error
    style, script = _resource("contact_sheet.css"), _resource("contact_sheet.js")
    loader = PackageLoader("remote_artwork.reporting", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"visible": escape_unprintable, "id": id}
    template = environment.get_template("report.html.jinja" if fragment else "contact_sheet.html.jinja")
    text = template.render(
        report=report,
        style=style,
        script=script,
        script_hash=_hash(script),
        style_hash=_hash(style),
        nonce=nonce,
        fragment=fragment,
        top=2 if fragment else 1,  # the level of its first heading
        title=f"{'Plan' if report.dry_run else 'Scan'} of {report.location}",
        sections=_sections(report.items),
        item_advice=advise_on_item,
        file_advice=advise_on_file,
        advise_on_fault=advise_on_fault,
        say_no_items=say_no_items,
        say_why=say_why,
        not_processed={id(item) for fault in report.faults for item in report.not_processed(fault)},
        pictures={name: _data_url(data) for name, data in thumbnails.items()},
        names=_names(report),
        most=MAX_THUMBNAILS,
        has_ages=any(item.ordered_at for item in report.items),
        age=partial(_age, report),
        duration=format_duration,
        print_sizes=_print_sizes,
        statuses=_statuses(report.items),
        warn=Severity.WARN,
        reject=Severity.REJECT,
        as_words=_as_words,
    )
    return text.encode("utf-8", "backslashreplace").decode()  # a name may contain bytes that are not valid UTF-8


def _resource(name: str) -> str:
    return (resources.files("remote_artwork.reporting") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The hash of a script or style for the page's Content-Security-Policy, which allows no others."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _sections(items: Sequence[ItemOutcome]) -> list[dict[str, Any]]:
    """The items by section, in the order of the report."""
    grouped: dict[Group, list[ItemOutcome]] = {group: [] for group in _HEADINGS}
    for item in items:
        grouped[group_of(item)].append(item)
    return [{"group": group, "heading": _HEADINGS[group], "items": items} for group, items in grouped.items() if items]


def _age(report: ScanReport, item: ItemOutcome) -> int:
    """The age of an item's order in seconds, when the scan started."""
    return max(0, int((report.started_at - item.ordered_at).total_seconds())) if item.ordered_at else 0


def _print_sizes(item: ItemOutcome) -> list[str]:
    """The print sizes that the checks compared a file with, in millimeters and inches, and the effective resolution."""
    of_resolution = [finding.details for finding in item.findings if finding.code in ("resolution", "low_resolution")]
    # A finding of a check of the shop's own has no details.
    return list(dict.fromkeys(_print_size(**details) for details in of_resolution if details))


def _print_size(*, width_mm: float, height_mm: float, dpi: float, **_pixels: int) -> str:
    inches = f"{width_mm / MM_PER_INCH:.1f} × {height_mm / MM_PER_INCH:.1f} in"
    return f"Print size {width_mm:g} × {height_mm:g} mm ({inches}), effective resolution {dpi:.0f} dpi"


def _statuses(items: Sequence[ItemOutcome]) -> list[dict[str, Any]]:
    """Each status with its count and section, for the filters. One item that needs a person decides the section."""
    counts = Counter(item.status for item in items)
    groups: dict[ItemStatus, Group] = {}
    for item in items:
        if item.needs_person or item.status not in groups:
            groups[item.status] = group_of(item)
    return [
        {"status": status, "group": group, "count": counts[status]}
        for group in _HEADINGS
        for status in ItemStatus
        if groups.get(status) == group
    ]


def _as_words(status: str) -> str:
    """A status in words: ``near_miss`` is ``near miss``."""
    return status.replace("_", " ")


def _missing_jinja2() -> MissingExtra:
    return MissingExtra("the contact sheet needs Jinja2: pip install 'remote_artwork[report]'")


def _thumbnails(report: ScanReport, storage: ArtworkStorage) -> Mapping[str, bytes]:
    names = _names(report)[:MAX_THUMBNAILS]
    side = next((side for count, side in _SIDES.items() if len(names) <= count), min(_SIDES.values()))
    with ThreadPoolExecutor(_CONCURRENT_THUMBNAILS) as pool:
        pictures = zip(names, pool.map(partial(_thumbnail, storage, side=side), names), strict=True)
        return {name: picture for name, picture in pictures if picture is not None}


def _names(report: ScanReport) -> list[str]:
    """The names of all files of items. Those of items that need a person come first."""
    items = sorted(report.items, key=lambda item: not item.needs_person)
    return list(dict.fromkeys(name for item in items for name in item.files))


def _thumbnail(storage: ArtworkStorage, name: str, *, side: int) -> bytes | None:
    try:
        file = storage.stat(name)
        return thumbnail(storage.reader(file), side=side) if file.size <= MAX_THUMBNAIL_SOURCE else None
    except StorageError:  # the page is complete without thumbnails
        return None

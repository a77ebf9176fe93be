"""The contact sheet: one HTML page that holds all it shows, so that it can be sent, kept and printed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from remote_artwork.core.findings import Severity
from remote_artwork.core.report import ItemOutcome, ItemStatus, ScanReport
from remote_artwork.errors import MissingExtra
from remote_artwork.reporting.advice import FILE_ADVICE, ITEM_ADVICE, Group, group_of

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

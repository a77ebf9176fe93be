"""Print a report in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from remote_artwork.core.report import (
    FileOutcome,
    FileStatus,
    ItemOutcome,
    ItemStatus,
    ScanReport,
    Severity,
)
from remote_artwork.core.text import escape_unprintable

MAX_ROWS = 40
"""Rows per status in a table. The report itself contains more."""
_NAMED = 3
"""Orders or files that a row names."""

_PARTIAL_LISTING = "Only the parts of the folder with expected names were listed. --sweep lists all files."
_PARTIAL = {
    (): "No file was expected, so the folder was not listed. --sweep lists all files.",
    ("probing",): "Only expected names were requested, because the folder cannot be listed.",
}

_GOOD = frozenset({ItemStatus.FULFILLED, ItemStatus.ATTACHED, ItemStatus.MATCHED})


def print_report(report: ScanReport, console: Console) -> None:
    """Print the outcome of every item, the unmatched files, and the requests."""
    console.print(render(report))


def render(report: ScanReport) -> RenderableType:
    """The report as a Rich renderable."""
    parts: list[RenderableType] = [_title(report), _items(report.items)]
    if report.files:
        parts += [Text(""), _files(report.files, report)]
    parts += [Text(""), *_footer(report)]
    return Group(*parts)


def _strategy(report: ScanReport) -> str:
    """How the files were found, unless by a plain listing."""
    return "" if report.strategy in ((), ("listing",)) else f" by {' and '.join(report.strategy)}"


def _title(report: ScanReport) -> Text:
    kind = "Plan (nothing was written)" if report.dry_run else "Scan"
    return Text.assemble((kind, "bold"), escape_unprintable(f" of {report.location}"))


def _items(items: tuple[ItemOutcome, ...]) -> RenderableType:
    """One row for each outcome; items with the same outcome and reason share a row. What needs a person comes first."""
    if not items:
        return Text("This scan has no pending item.")
    table = _table("Order", "Item", "Outcome", "Why")
    rows: dict[tuple[bool, ItemStatus, str], list[ItemOutcome]] = {}
    for item in sorted(items, key=lambda item: not item.needs_person):
        rows.setdefault((item.needs_person, item.status, _why(item)), []).append(item)
    shown: Counter[ItemStatus] = Counter()
    left_out: Counter[str] = Counter()
    for (needs_person, status, why), alike in rows.items():
        shown[status] += 1
        if shown[status] > MAX_ROWS:
            left_out[status] += len(alike)
            continue
        table.add_row(*_whose(alike), Text(status, _style(status, needs_person=needs_person)), _escaped(why))
    _add_rest(table, left_out)
    return table


def _whose(items: Sequence[ItemOutcome]) -> tuple[Text, Text]:
    """The order numbers and the item numbers of a row."""
    orders = list(dict.fromkeys(item.order_number for item in items))
    numbers = [item.item_number for item in items]
    if len(orders) == 1 and len(numbers) <= _NAMED:
        return _escaped(orders[0]), _escaped(", ".join(numbers))
    return _escaped(_some(orders)), Text(f"{len(numbers):,} items")


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _why(item: ItemOutcome) -> str:
    warnings = [finding.message for finding in item.findings if finding.severity is Severity.WARN]
    return "; ".join([item.reason, *warnings])


def _escaped(text: str, style: str = "") -> Text:
    """Text from a merchant, a shop or a storage, with unprintable characters escaped."""
    return Text(escape_unprintable(text), style)


def _files(files: tuple[FileOutcome, ...], report: ScanReport) -> RenderableType:
    """One row for each file; files with the same status and reason share a row."""
    table = _table("Unmatched file", "Status", "Why")
    rows: dict[tuple[FileStatus, str], list[str]] = {}
    for file in files:
        rows.setdefault((file.status, file.reason), []).append(file.name)
    shown: Counter[FileStatus] = Counter()
    left_out = Counter(report.file_counts)
    for (status, why), names in rows.items():
        shown[status] += 1
        if shown[status] <= MAX_ROWS:
            left_out[status] -= len(names)
            table.add_row(_escaped(_some(names)), Text(status, "yellow"), _escaped(why))
    _add_rest(table, +left_out)
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in ("Item", "Outcome", "Status"))
    return table


def _add_rest(table: Table, rest: Mapping[Any, int]) -> None:
    for status, count in rest.items():
        cells = [""] * (len(table.columns) - 1)
        table.add_row(*cells, Text(f"… and {count:,} more: {status}. --json and --report FILE.html show all.", "dim"))


def _style(status: ItemStatus, *, needs_person: bool) -> str:
    if needs_person:
        return "bold red"
    return "green" if status in _GOOD else "cyan"


def _footer(report: ScanReport) -> list[RenderableType]:
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items()) or "no item"
    now = sum(item.status is ItemStatus.FULFILLED and item.now for item in report.items)
    requests = {kind: report.requests.get(kind, 0) for kind in ("list", "head", "get")}
    files = "1 file" if report.names_seen == 1 else f"{report.names_seen:,} files"
    lines: list[RenderableType] = [
        Text(f"Items: {counts}."),
        Text(
            f"Storage: {files} seen{_strategy(report)}; requests: {requests['list']} list, "
            f"{requests['head']} head, {requests['get']} get{'' if requests['get'] else '; no file was read'}."
        ),
    ]
    if not report.dry_run:
        lines.append(Text(f"Items fulfilled in this scan: {now}."))
    if report.monthly_cost is not None:
        lines.append(
            Text(
                f"With as many requests, an hourly scan costs about {report.monthly_cost:,.2f} US dollars per month.",
                "dim",
            )
        )
    if report.coverage == "partial" and not report.faults:
        lines.append(Text(_PARTIAL.get(report.strategy[-1:], _PARTIAL_LISTING), "dim"))
    lines += [_escaped(f"The {fault.part} could not be used: {fault.message}", "bold red") for fault in report.faults]
    return lines

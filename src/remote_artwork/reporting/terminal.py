"""The report and an explanation as a person reads them in a terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from remote_artwork.core.report import (
    NEEDS_PERSON,
    FileOutcome,
    FileStatus,
    ItemOutcome,
    ItemStatus,
    ScanReport,
    Severity,
)
from remote_artwork.core.text import escape_unprintable

MOST_ROWS = 40
"""Rows of one status that a table shows; the report itself holds more."""

_PART_OF_IT = "Only the part of the folder was seen where awaited files would be; --sweep sees every file."
_PARTIAL = {
    (): "No file was awaited, so the folder was not looked at; --sweep sees every file.",
    ("probing",): "Only awaited names were asked for: the folder cannot be listed.",
}

_GOOD = frozenset({ItemStatus.FULFILLED, ItemStatus.ATTACHED, ItemStatus.MATCHED})


def print_report(report: ScanReport, console: Console) -> None:
    """Prints the outcome of every item, the odd files, and what the pass cost."""
    console.print(rendered(report))


def rendered(report: ScanReport) -> RenderableType:
    """The report as something Rich can print."""
    parts: list[RenderableType] = [_title(report), _items(report.items)]
    if report.files:
        parts += [Text(""), _files(report.files, report)]
    parts += [Text(""), *_footer(report)]
    return Group(*parts)


def _by(report: ScanReport) -> str:
    """How they were found, unless by what everybody expects."""
    return "" if report.strategy in ((), ("listing",)) else f" by {' and '.join(report.strategy)}"


def _title(report: ScanReport) -> Text:
    kind = "Plan (nothing was written)" if report.dry_run else "Scan"
    return Text.assemble((kind, "bold"), escape_unprintable(f" of {report.location}"))


def _items(items: tuple[ItemOutcome, ...]) -> RenderableType:
    if not items:
        return Text("No order waits for approval.")
    table = _table("Order", "Item", "Outcome", "Why")
    shown: dict[ItemStatus, int] = {}
    for item in items:
        shown[item.status] = shown.get(item.status, 0) + 1
        if shown[item.status] <= MOST_ROWS:
            table.add_row(
                _shown(item.order_number), _shown(item.item_number), Text(item.status, _style(item.status)), _why(item)
            )
    _add_rest(table, {str(status): count - MOST_ROWS for status, count in shown.items() if count > MOST_ROWS})
    return table


def _why(item: ItemOutcome) -> Text:
    warnings = [finding.message for finding in item.findings if finding.severity is Severity.WARN]
    return _shown("; ".join([item.reason, *warnings]))


def _shown(text: str, style: str = "") -> Text:
    """Words of a merchant, a shop or a storage."""
    return Text(escape_unprintable(text), style)


def _files(files: tuple[FileOutcome, ...], report: ScanReport) -> RenderableType:
    table = _table("Odd file", "What it is", "Why")
    shown: dict[FileStatus, int] = {}
    for file in files:
        shown[file.status] = shown.get(file.status, 0) + 1
        if shown[file.status] <= MOST_ROWS:
            table.add_row(_shown(file.name), Text(file.status, "yellow"), _shown(file.reason))
    rest = {str(status): count - MOST_ROWS for status, count in report.file_counts.items() if count > MOST_ROWS}
    _add_rest(table, rest)
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in ("Item", "Outcome", "What it is"))
    return table


def _add_rest(table: Table, rest: dict[str, int]) -> None:
    for status, count in rest.items():
        cells = [""] * (len(table.columns) - 1)
        table.add_row(*cells, Text(f"… and {count:,} more that are {status}", "dim"))


def _style(status: ItemStatus) -> str:
    if status in NEEDS_PERSON:
        return "bold red"
    return "green" if status in _GOOD else "cyan"


def _footer(report: ScanReport) -> list[RenderableType]:
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items()) or "no item"
    now = sum(item.status is ItemStatus.FULFILLED and item.now for item in report.items)
    requests = {kind: report.requests.get(kind, 0) for kind in ("list", "head", "get")}
    lines: list[RenderableType] = [
        Text(f"Items: {counts}."),
        Text(
            f"Storage: {report.names_seen:,} files seen{_by(report)}; requests: {requests['list']} list, "
            f"{requests['head']} head, {requests['get']} get{'' if requests['get'] else '; no file was read'}."
        ),
    ]
    if not report.dry_run:
        lines.append(
            Text("Nothing was fulfilled in this scan." if not now else f"{now} items were fulfilled in this scan.")
        )
    if report.monthly_cost is not None:
        lines.append(Text(f"Such requests every hour cost about {report.monthly_cost:,.2f} US dollars a month.", "dim"))
    if report.coverage == "partial" and not report.faults:
        lines.append(Text(_PARTIAL.get(report.strategy[-1:], _PART_OF_IT), "dim"))
    lines += [_shown(f"The {fault.part} could not be used: {fault.message}", "bold red") for fault in report.faults]
    return lines

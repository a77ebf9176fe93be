"""Print a report in a terminal."""

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

MAX_ROWS = 40
"""Rows per status in a table. The report itself contains more."""

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
    if not items:
        return Text("No item is pending.")
    table = _table("Order", "Item", "Outcome", "Why")
    shown: dict[ItemStatus, int] = {}
    for item in items:
        shown[item.status] = shown.get(item.status, 0) + 1
        if shown[item.status] <= MAX_ROWS:
            table.add_row(
                _escaped(item.order_number),
                _escaped(item.item_number),
                Text(item.status, _style(item.status)),
                _why(item),
            )
    _add_rest(table, {str(status): count - MAX_ROWS for status, count in shown.items() if count > MAX_ROWS})
    return table


def _why(item: ItemOutcome) -> Text:
    warnings = [finding.message for finding in item.findings if finding.severity is Severity.WARN]
    return _escaped("; ".join([item.reason, *warnings]))


def _escaped(text: str, style: str = "") -> Text:
    """Text from a merchant, a shop or a storage, with unprintable characters escaped."""
    return Text(escape_unprintable(text), style)


def _files(files: tuple[FileOutcome, ...], report: ScanReport) -> RenderableType:
    table = _table("Unmatched file", "Status", "Why")
    shown: dict[FileStatus, int] = {}
    for file in files:
        shown[file.status] = shown.get(file.status, 0) + 1
        if shown[file.status] <= MAX_ROWS:
            table.add_row(_escaped(file.name), Text(file.status, "yellow"), _escaped(file.reason))
    rest = {str(status): count - MAX_ROWS for status, count in report.file_counts.items() if count > MAX_ROWS}
    _add_rest(table, rest)
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in ("Item", "Outcome", "Status"))
    return table


def _add_rest(table: Table, rest: dict[str, int]) -> None:
    for status, count in rest.items():
        cells = [""] * (len(table.columns) - 1)
        table.add_row(*cells, Text(f"… and {count:,} more: {status}", "dim"))


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
            f"Storage: {report.names_seen:,} files seen{_strategy(report)}; requests: {requests['list']} list, "
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

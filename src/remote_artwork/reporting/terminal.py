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
from remote_artwork.core.text import counted, escape_unprintable
from remote_artwork.reporting.html import advise_on_fault, group_of, say_no_items, say_why

MAX_ROWS = 40
"""Rows per status in a table. The report itself contains more."""
MAX_ROWS_DONE = 10
"""Rows per status for items that are done."""
_NAMED = 3
"""Orders or files that a row names."""

_PARTIAL_LISTING = (
    "Only the parts of the folder with expected names were listed. --sweep lists all files, also misnamed ones."
)
_PARTIAL = {
    (): "No file was expected, so the folder was not listed. --sweep lists all files.",
    ("probing",): "Only expected names were requested, because the folder cannot be listed.",
}

_FILES_OF_ITEM: Mapping[ItemStatus, Mapping[FileStatus, str]] = {
    **{status: {FileStatus.SUPERSEDED: "superseded"} for status in ItemStatus},
    ItemStatus.REJECTED: {FileStatus.SUPERSEDED: "superseded", FileStatus.REJECTED: "files"},
    ItemStatus.CONFLICT: {FileStatus.SUPERSEDED: "superseded", FileStatus.AMBIGUOUS: "files"},
}
"""Status of an item → status of a file → the field of the item that names such files."""
_FILES_OF_NOBODY = frozenset({FileStatus.EARLY, FileStatus.SUPERSEDED, FileStatus.UNRELATED})

_GOOD = frozenset({ItemStatus.FULFILLED, ItemStatus.ATTACHED, ItemStatus.MATCHED})


def print_report(report: ScanReport, console: Console, *, ledger: str = "") -> None:
    """Print the outcome of every item, the unmatched files, and the requests.

    Args:
        report: The report.
        console: Where to print it.
        ledger: The option that names the ledger, for the commands that accept files; empty if only its user knows it.
    """
    console.print(render(report))
    for line in _commands(report.items, ledger):
        console.print(line, soft_wrap=True)


def render(report: ScanReport) -> RenderableType:
    """The report as a Rich renderable."""
    counted_with_fault = {id(item) for fault in report.faults for item in report.not_processed(fault)}
    items = [item for item in report.items if id(item) not in counted_with_fault]
    parts: list[RenderableType] = [_title(report), *_faults(report), _summary(report)]
    if items:
        parts.append(_items(items))
    if files := _files_to_show(report):
        parts += [Text(""), _files(files, _not_shown(report, files))]
    parts += [Text(""), *_footer(report)]
    return Group(*parts)


def _faults(report: ScanReport) -> list[Text]:
    """One line for each fault, with the number of items that wait because of it. They have no rows of their own."""
    lines = []
    for fault in report.faults:
        lines.append(_escaped(f"{fault.title}: {fault.message}", "bold red"))
        if waiting := report.count_not_processed(fault):
            lines.append(Text(f"Not processed because of this: {waiting}."))
        if advice := advise_on_fault(fault):
            lines.append(Text(advice))
    return lines


def _summary(report: ScanReport) -> Text:
    """How many items need a person, wait, and are done."""
    items = report.items
    if not items:
        return Text(say_no_items(report))
    groups = Counter(group_of(item) for item in items)
    count = groups["person"]
    person = f"{counted(count, 'item')} {'needs' if count == 1 else 'need'} a person"
    rest = [f"; {number:,} {group}" for group, number in sorted(groups.items(), reverse=True) if group != "person"]
    start = (person, "bold red") if count else "No item needs a person"
    return Text.assemble(start, *rest, ".")


def _strategy(report: ScanReport) -> str:
    """How the files were found, unless by a plain listing."""
    return "" if report.strategy in ((), ("listing",)) else f" by {' and '.join(report.strategy)}"


def _title(report: ScanReport) -> Text:
    kind = "Plan (nothing was written)" if report.dry_run else "Scan"
    return Text.assemble((kind, "bold"), escape_unprintable(f" of {report.location}"))


_ORDER_OF_GROUPS = ("person", "waiting", "done")


def _items(items: Sequence[ItemOutcome]) -> RenderableType:
    """One row for each outcome. Items with the same outcome and reason share a row, as do those of one conflict.

    What needs a person comes first, then what waits, then what is done.
    """
    table = _table("Order", "Item", "Outcome", "Why")
    rows: dict[tuple[bool, ItemStatus, str], list[ItemOutcome]] = {}
    for item in sorted(items, key=lambda item: _ORDER_OF_GROUPS.index(group_of(item))):
        rows.setdefault((item.needs_person, item.status, _conflict(item) or _why(item)), []).append(item)
    shown: Counter[ItemStatus] = Counter()
    left_out: Counter[str] = Counter()
    for (needs_person, status, _), alike in rows.items():
        shown[status] += 1
        if shown[status] > (MAX_ROWS_DONE if group_of(alike[0]) == "done" else MAX_ROWS):
            left_out[status] += len(alike)
            continue
        table.add_row(*_whose(alike), Text(status, _style(status, needs_person=needs_person)), _escaped(_why(alike[0])))
    return _with_rest(table, left_out)


def _commands(items: Sequence[ItemOutcome], ledger: str) -> list[Text]:
    """The commands that accept files, each in a line of its own. Unwrapped, they can be copied."""
    commands = [note.details["command"] for item in items for note in item.notes if note.code == "accept"]
    commands = list(dict.fromkeys(commands))
    if not commands:
        return []
    intro = "To accept the files of an order, compare them with it. Then run, with your name"
    lines = [Text(""), Text(f"{intro}:" if ledger else f"{intro} and the --ledger of your scans:")]
    for command in commands[:MAX_ROWS]:
        program, accept, rest = command.split(" ", 2)
        # A number may follow "--", and nothing after that is an option.
        lines.append(_escaped(" ".join(filter(None, [program, accept, ledger, rest]))))
    if len(commands) > MAX_ROWS:
        lines.append(Text(f"{counted(len(commands) - MAX_ROWS, 'command')} more: --json shows all."))
    return lines


def _conflict(item: ItemOutcome) -> str:
    """What identifies a conflict of several items, which would otherwise have a row for each of them."""
    return f"{item.code} {item.details['basename']}" if item.code == "name_not_unique" else ""


def _whose(items: Sequence[ItemOutcome]) -> tuple[Text, Text]:
    """The order numbers and the item numbers of a row."""
    orders = list(dict.fromkeys(item.order_number for item in items))
    if len(orders) == 1 and len(items) <= _NAMED:
        return _escaped(orders[0]), _escaped(", ".join(item.label for item in items))
    return _escaped(_some(orders)), Text(counted(len(items), "item"))


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _why(item: ItemOutcome) -> str:
    warnings = [finding.message for finding in item.findings if finding.severity is Severity.WARN]
    return "; ".join([say_why(item), *warnings])


def _escaped(text: str, style: str = "") -> Text:
    """Text from a merchant, a shop or a storage, with unprintable characters escaped."""
    return Text(escape_unprintable(text), style)


def _files_to_show(report: ScanReport) -> list[FileOutcome]:
    """The files without those that a row of an item names already, with those that a person may act on first."""
    of_items = {
        (status, name)
        for item in report.items
        for status, names in _FILES_OF_ITEM.get(item.status, {}).items()
        for name in getattr(item, names)
    }
    files = [file for file in report.files if (file.status, file.name) not in of_items]
    return sorted(files, key=lambda file: file.status in _FILES_OF_NOBODY)


def _not_shown(report: ScanReport, shown: Sequence[FileOutcome]) -> Counter[FileStatus]:
    """How many files of each status the tables do not name."""
    hidden = Counter(file.status for file in report.files) - Counter(file.status for file in shown)
    return Counter(report.file_counts) - hidden


def _files(files: Sequence[FileOutcome], counts: Counter[FileStatus]) -> RenderableType:
    """One row for each file; files with the same status and reason share a row."""
    table = _table("Unmatched file", "Status", "Why")
    rows: dict[tuple[FileStatus, str], list[str]] = {}
    for file in files:
        rows.setdefault((file.status, file.reason), []).append(file.name)
    shown: Counter[FileStatus] = Counter()
    left_out = Counter(counts)
    for (status, why), names in rows.items():
        shown[status] += 1
        if shown[status] <= MAX_ROWS:
            left_out[status] -= len(names)
            table.add_row(_escaped(_some(names)), Text(status, "yellow"), _escaped(why))
    return _with_rest(table, +left_out)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in ("Item", "Outcome", "Status"))
    return table


def _with_rest(table: Table, rest: Mapping[Any, int]) -> RenderableType:
    """The table, and how many rows of each status it lacks."""
    if not rest:
        return table
    more = ", ".join(f"{count:,} more: {status}" for status, count in rest.items())
    return Group(table, Text(f"… and {more}. --json and --report FILE.html show all.", "dim"))


def _style(status: ItemStatus, *, needs_person: bool) -> str:
    if needs_person:
        return "bold red"
    return "green" if status in _GOOD else "cyan"


def _footer(report: ScanReport) -> list[RenderableType]:
    counts = ", ".join(f"{count:,} {status}" for status, count in report.counts.items()) or "none"
    now = sum(item.status is ItemStatus.FULFILLED and item.now for item in report.items)
    requests = {kind: report.requests.get(kind, 0) for kind in ("list", "head", "get")}
    files = counted(report.names_seen, "file")
    lines: list[RenderableType] = [
        Text(f"Items: {counts}."),
        Text(
            f"Storage: {files} seen{_strategy(report)}; requests: {requests['list']} list, "
            f"{requests['head']} head, {requests['get']} get{'' if requests['get'] else '; no file was read'}."
        ),
    ]
    if not report.dry_run:
        lines.append(Text(f"Items fulfilled in this scan: {now:,}."))
    if report.monthly_cost is not None:
        lines.append(
            Text(
                "If every hourly scan sends this many requests, they cost about "
                f"{report.monthly_cost:,.2f} US dollars per month.",
                "dim",
            )
        )
    if report.coverage == "partial" and not report.faults:
        lines.append(Text(_PARTIAL.get(report.strategy[-1:], _PARTIAL_LISTING), "dim"))
    return lines

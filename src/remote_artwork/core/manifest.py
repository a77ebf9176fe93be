"""The manifest: a CSV file in the storage that names the file of a print. Parsed and assigned to orders, without I/O.

Nothing is guessed. A mistake in the file as a whole concerns all orders, and a mistake in a row concerns its order.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import field, frozen

from remote_artwork.core.lifecycle import file_key
from remote_artwork.core.orders import DEFAULT_PLACEMENT, MEDIA_TYPES, Order
from remote_artwork.core.pattern import basename_problem
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.text import csv_separator, nfc

MAX_MANIFEST_SIZE = 4 * 1024**2
"""Bytes."""

_REQUIRED = ("order_number", "order_item_number", "file")
_COLUMNS = (*_REQUIRED, "placement")
_MAX_ROWS_SHOWN = 20


@frozen
class ManifestRow:
    """One row: the file of one print.

    Args:
        line: The line of the file on which the row ends, from 1.
        order_number: The number of the order.
        item_number: The number of the item.
        placement: The placement.
        file: The name of the file, relative to the location's folder, with its extension.
    """

    line: int
    order_number: str
    item_number: str
    placement: str
    file: str


@frozen(kw_only=True)
class Manifest:
    """The rows of a manifest.

    Args:
        rows: All rows; none if there are problems.
        problems: Why the manifest cannot be used.
    """

    rows: tuple[ManifestRow, ...] = ()
    problems: tuple[Reason, ...] = ()


@frozen(kw_only=True)
class Assignments:
    """What a manifest says about the pending orders.

    Args:
        rows: (order id, item number) → placement → row.
        problems: Order id → why its rows cannot be used.
        unknown: The rows of orders that are not pending.
    """

    rows: Mapping[tuple[str, str], Mapping[str, ManifestRow]] = field(factory=dict)
    problems: Mapping[str, Sequence[Reason]] = field(factory=dict)
    unknown: tuple[ManifestRow, ...] = ()

    @property
    def unknown_orders(self) -> Reason | None:
        """The rows of orders that are not pending; None if there are none."""
        if not self.unknown:
            return None
        shown = self.unknown[:_MAX_ROWS_SHOWN]
        return reason(
            "manifest_orders_not_pending",
            rows=len(self.unknown),
            order_numbers=[row.order_number for row in shown],
            lines=[row.line for row in shown],
        )


def parse_manifest(content: bytes, name: str) -> Manifest:
    """Parse the content of a manifest.

    Args:
        content: The whole file, of at most ``MAX_MANIFEST_SIZE`` bytes.
        name: Its name, for reasons.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Manifest(problems=(reason("manifest_not_utf8", manifest=name, line=line),))
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=csv_separator(text), strict=True)
    rows: list[ManifestRow] = []
    problems: list[Reason] = []
    try:
        columns = next(lines, [])
        if not set(_REQUIRED) <= set(columns) <= set(_COLUMNS) or len(set(columns)) < len(columns):
            return Manifest(problems=(reason("manifest_columns", manifest=name, line=1, columns=columns),))
        for cells in filter(None, lines):
            found = _row(cells, columns, lines.line_num, name)
            if isinstance(found, Reason):
                problems.append(found)
            else:
                rows.append(found)
    except csv.Error as error:
        problems.append(reason("manifest_not_csv", manifest=name, line=lines.line_num, error=str(error)))
    return Manifest(problems=tuple(problems)) if problems else Manifest(rows=tuple(rows))


def manifest_too_large(name: str) -> Reason:
    """Why a manifest of more than ``MAX_MANIFEST_SIZE`` bytes is not used."""
    return reason("manifest_too_large", manifest=name, limit=MAX_MANIFEST_SIZE)


def _row(cells: Sequence[str], columns: Sequence[str], line: int, name: str) -> ManifestRow | Reason:
    if len(cells) != len(columns):
        return reason("manifest_cells", manifest=name, line=line, cells=len(cells), columns=len(columns))
    values = dict(zip(columns, cells, strict=True))
    for column, value in values.items():
        empty = not value and column in _REQUIRED
        if empty or value != value.strip() or any(unicodedata.category(c) == "Cc" for c in value):
            return reason("manifest_cell", manifest=name, line=line, column=column)
    placement = values.get("placement") or DEFAULT_PLACEMENT
    return ManifestRow(line, values["order_number"], values["order_item_number"], placement, values["file"])


def assign_rows(manifest: Manifest, orders: Iterable[Order]) -> Assignments:
    """Find the print of each row among the pending orders.

    Args:
        manifest: A manifest without problems.
        orders: All pending orders.
    """
    by_number: defaultdict[str, list[Order]] = defaultdict(list)
    for order in orders:
        by_number[nfc(order.number)].append(order)
    by_file: defaultdict[str, list[ManifestRow]] = defaultdict(list)
    by_print: defaultdict[tuple[str, str, str], list[ManifestRow]] = defaultdict(list)
    for row in manifest.rows:
        by_file[file_key(row.file)].append(row)
        by_print[nfc(row.order_number), nfc(row.item_number), nfc(row.placement)].append(row)
    rows: defaultdict[tuple[str, str], dict[str, ManifestRow]] = defaultdict(dict)
    problems: defaultdict[str, list[Reason]] = defaultdict(list)
    unknown: list[ManifestRow] = []
    for (number, item_number, placement), same_print in by_print.items():
        row = same_print[0]
        if number not in by_number:
            unknown += same_print
        for order in by_number.get(number, ()):
            problems[order.id] += _problems(order, same_print, by_file)
            for item in order.items:
                for own in item.placements:
                    if (nfc(item.number), nfc(own)) == (item_number, placement):
                        rows[order.id, item.number][own] = row
    return Assignments(
        rows=dict(rows), problems={key: found for key, found in problems.items() if found}, unknown=tuple(unknown)
    )


def _problems(
    order: Order, same_print: Sequence[ManifestRow], by_file: Mapping[str, Sequence[ManifestRow]]
) -> Iterator[Reason]:
    """Why the rows of one print cannot be used for an order."""
    row = same_print[0]
    named = [item for item in order.items if nfc(item.number) == nfc(row.item_number)]
    placements = {placement for item in named for placement in item.placements}
    if not placements:
        items = [item.number for item in order.items]
        yield reason("manifest_unknown_item", line=row.line, item_number=row.item_number, items=items)
    elif nfc(row.placement) not in map(nfc, placements):
        known = sorted(placements)
        yield reason("manifest_unknown_placement", line=row.line, placement=row.placement, placements=known)
    if len(same_print) > 1:
        yield reason("manifest_print_twice", lines=[each.line for each in same_print])
    for each in same_print:
        others = [other.line for other in by_file[file_key(each.file)] if other not in same_print]
        if others:
            yield reason("manifest_file_twice", file=each.file, lines=sorted([each.line, *others]))
        basename, _, extension = each.file.rpartition(".")
        if problem := basename_problem(basename) or basename_problem(each.file):
            yield reason("manifest_file_name", line=each.line, file=each.file, error=problem)
        elif extension.lower() not in MEDIA_TYPES:
            yield reason("manifest_file_format", line=each.line, file=each.file)

"""An orders file as a table: CSV with one row for each item, edited in place.

    number,item,status
    1001,1,pending_approval

The columns of an order have the same value in each of its rows, or are empty after the first one. An edit changes only
the rows of its order. If it sets a new column, the column is added at the end. All other cells stay as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from remote_artwork.clients.orders_json import Mistake, Path, decode, missing_field, read_orders, similar_name
from remote_artwork.core.orders import DEFAULT_PLACEMENTS, Order, OrderItem
from remote_artwork.core.text import csv_separator
from remote_artwork.errors import InvalidOrder, InvalidOrdersFile, ItemNotFound

_ORDER_COLUMNS: Mapping[str, str] = {
    "number": "number",
    "status": "status",
    "order_id": "id",
    "approval": "approval",
    "created_at": "created_at",
    "fulfillment_key": "fulfillment_key",
}
"""Column → field of the order."""
_ITEM_COLUMNS: Mapping[str, str] = {
    "item": "number",
    "item_id": "id",
    "position": "position",
    "title": "title",
    "sku": "sku",
    "requires_artwork": "requires_artwork",
    "placements": "placements",
    "quantity": "quantity",
    "print_size_mm": "print_size_mm",
    "pages": "pages",
    "min_pixels": "min_pixels",
    "sha256": "sha256",
}
"""Column → field of the item."""
_WRITTEN = ("fulfilled_at", "receipt", "artwork", "artwork_url")
_REQUIRED = ("number", "item", "status")
_COLUMNS = (*_ORDER_COLUMNS, *_ITEM_COLUMNS, *_WRITTEN)

HEADER = "number,item,status,placements,quantity\n"
"""The first line of a new file."""

_BETWEEN = "|"
"""Separates the values of one cell."""
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
_PIXELS = re.compile(r"([0-9]{1,9})\s*[x×]\s*([0-9]{1,9})")
_SIZE = re.compile(r"([0-9.]+)\s*[x×]\s*([0-9.]+)")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@frozen(kw_only=True)
class Row:
    """A row of the table.

    Args:
        line: The number of its first line.
        raw: Its text, with the line break.
        cells: Its values.
    """

    line: int
    raw: str
    cells: tuple[str, ...]

    @property
    def line_break(self) -> str:
        """How the row ends; empty at the end of a file."""
        return self.raw[len(self.raw.rstrip("\r\n")) :]


@frozen(kw_only=True)
class OrdersTable:
    """The content of an orders file in CSV.

    Args:
        rows: The rows, the header first.
        mark: The byte order mark of the file; empty if it has none.
        separator: What separates the cells.
        orders: The orders, by their first rows.
        places: For each order, the positions of its rows in ``rows``, in the order of its items.
    """

    rows: tuple[Row, ...] = field(repr=False)
    mark: bytes = field(repr=False)
    separator: str
    orders: tuple[Order, ...]
    places: tuple[tuple[int, ...], ...] = field(repr=False)

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> OrdersTable:
        """Parses the bytes of a file. Messages call the file ``name``.

        Raises:
            InvalidOrdersFile: Names file, line and column.
        """
        mark, text = decode(data, name)
        if text.lstrip()[:1] in ("{", "["):
            raise InvalidOrdersFile(f"{name}: looks like JSON; give it a name that ends in .json")
        separator = csv_separator(text)
        rows = tuple(_split(text, separator, name))
        columns = _columns(rows, name)
        entries, places = _entries(rows, columns, name)
        try:
            orders = read_orders({"orders": entries})
        except Mistake as error:
            place, column = _place_of(error.path, places)
            raise InvalidOrdersFile(f"{name}, line {rows[place].line}, {column}: {error}") from error
        return cls(rows=rows, mark=mark, separator=separator, orders=orders, places=places)

    @property
    def text(self) -> str:
        """The text of the file, without a byte order mark."""
        return "".join(row.raw for row in self.rows)

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.mark + self.text.encode()

    def with_item(self, index: int, number: str, fields: Mapping[str, Any]) -> OrdersTable:
        """Returns the table with ``artwork`` set in one item: the names and URLs of its files.

        Raises:
            ItemNotFound: The order has no item with this number.
        """
        for place, item in zip(self.places[index], self.orders[index].items, strict=True):
            if item.number == number:
                files: Sequence[Mapping[str, Any]] = fields["artwork"]
                names, urls = (_BETWEEN.join(str(file[key]) for file in files) for key in ("name", "url"))
                return self._with_cells([place], {"artwork": names, "artwork_url": urls})
        raise ItemNotFound(f"order {self.orders[index].number!r} has no item {number!r}")

    def with_order(self, index: int, order: Order, fields: Mapping[str, Any]) -> OrdersTable:
        """Returns the table with columns set in the rows of one order, which then parses as ``order``."""
        orders = (*self.orders[:index], order, *self.orders[index + 1 :])
        return evolve(self._with_cells(self.places[index], fields), orders=orders)

    def with_new_items(self, number: str, items: Sequence[OrderItem]) -> OrdersTable:
        """Returns the table with one more row for each item, at the end. The order may be new.

        Raises:
            InvalidOrder: A placement contains what separates placements in a cell.
        """
        if wrong := [each for item in items for each in item.placements if _BETWEEN in each]:
            raise InvalidOrder(
                f"the placement {wrong[0]!r} contains {_BETWEEN!r}, which is between two placements in a CSV file; "
                "write each placement by itself"
            )
        rows = list(self.rows)
        line_break = rows[0].line_break or "\n"
        if not rows[-1].line_break:
            rows[-1] = evolve(rows[-1], raw=rows[-1].raw + line_break)
        of_order = self._order_cells(number)
        for item in items:
            cells = {
                **of_order,
                "item": item.number,
                "item_id": "" if item.id == item.number else item.id,
                "position": str(item.position or ""),
                "title": item.title or "",
                "sku": item.sku or "",
                "placements": "" if item.placements == DEFAULT_PLACEMENTS else _BETWEEN.join(item.placements),
                "quantity": "" if item.quantity == 1 else str(item.quantity),
                "requires_artwork": "" if item.requires_artwork else "no",
                "print_size_mm": "x".join(map(str, item.print_size_mm or ())),
                "pages": str(item.pages or ""),
                "min_pixels": "x".join(map(str, item.min_pixels or ())),
                "sha256": item.sha256 or "",
            }
            rows.append(Row(line=0, raw=line_break, cells=()))
            self._set_cells(rows, [len(rows) - 1], {name: cell for name, cell in cells.items() if cell})
        return OrdersTable.parse(self.mark + "".join(row.raw for row in rows).encode(), name="the orders file")

    def _order_cells(self, number: str) -> dict[str, str]:
        """The cells that all rows of an order share: those of its first row, or those of a new order."""
        for order, places in zip(self.orders, self.places, strict=True):
            if order.number == number:
                cells = dict(
                    zip((cell.strip() for cell in self.rows[0].cells), self.rows[places[0]].cells, strict=False)
                )
                return {column: cells[column] for column in _ORDER_COLUMNS if column in cells}
        return {"number": number, "status": "pending_approval"}

    def _with_cells(self, places: Sequence[int], values: Mapping[str, Any]) -> OrdersTable:
        rows = list(self.rows)
        self._set_cells(rows, places, values)
        return evolve(self, rows=tuple(rows))

    def _set_cells(self, rows: list[Row], places: Sequence[int], values: Mapping[str, Any]) -> None:
        columns = [cell.strip() for cell in rows[0].cells]
        if added := [name for name in values if name not in columns]:
            rows[0] = self._render(rows[0], [*rows[0].cells, *added])
            columns += added
        for place in places:
            cells = [*rows[place].cells, *[""] * (len(columns) - len(rows[place].cells))]
            for name, value in values.items():
                cells[columns.index(name)] = str(value)
            rows[place] = self._render(rows[place], cells)

    def _render(self, row: Row, cells: Sequence[str]) -> Row:
        text = io.StringIO()
        csv.writer(text, delimiter=self.separator, lineterminator="").writerow(cells)
        return evolve(row, raw=text.getvalue() + row.line_break, cells=tuple(cells))


def _split(text: str, separator: str, name: str) -> Iterator[Row]:
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=separator, strict=True)
    read = 0
    try:
        for cells in reader:
            yield Row(line=read + 1, raw="".join(lines[read : reader.line_num]), cells=tuple(cells))
            read = reader.line_num
    except csv.Error as error:
        raise InvalidOrdersFile(f"{name}, line {read + 1}: is not valid CSV ({error}); correct the line") from error


def _columns(rows: Sequence[Row], name: str) -> Mapping[str, int]:
    """Column → its position."""
    cells = [cell.strip() for cell in rows[0].cells] if rows else []
    if not any(cells):
        raise InvalidOrdersFile(f"{name}: is empty; the first line must have the columns {','.join(_REQUIRED)}")
    for cell in cells:
        if cell and cells.count(cell) > 1:
            raise InvalidOrdersFile(f"{name}, line 1: the column {cell} appears twice; keep one")
        if cell not in _COLUMNS and (meant := similar_name(cell, [each for each in _COLUMNS if each not in cells])):
            raise InvalidOrdersFile(
                f"{name}, line 1, {cell}: is not a column that is read; write {meant}, or choose a very different name"
            )
    for column in _REQUIRED:
        if column not in cells:
            raise InvalidOrdersFile(f"{name}, line 1: the column {column} {missing_field(cells, column)}")
    return {cell: position for position, cell in enumerate(cells) if cell}


def _entries(
    rows: Sequence[Row], columns: Mapping[str, int], name: str
) -> tuple[list[dict[str, Any]], tuple[tuple[int, ...], ...]]:
    """The orders as a JSON file would have them, and the places of their rows."""
    entries: dict[str, dict[str, Any]] = {}
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows[1:], start=1):
        if not any(cell.strip() for cell in row.cells):
            continue
        if len(row.cells) > len(rows[0].cells):
            raise InvalidOrdersFile(
                f"{name}, line {row.line}: has {len(row.cells)} cells, but there are {len(rows[0].cells)} columns; "
                "write quotes around a cell that contains the separator"
            )
        cells = {
            column: row.cells[position].strip()
            for column, position in columns.items()
            if position < len(row.cells) and row.cells[position].strip()
        }
        for column in ("number", "item"):
            if column not in cells:
                raise InvalidOrdersFile(f"{name}, line {row.line}, {column}: is empty; each row needs it")
        key = cells.get("order_id", cells["number"])
        of_order = {known: cells[column] for column, known in _ORDER_COLUMNS.items() if column in cells}
        entry = entries.setdefault(key, {**of_order, "items": []})
        for column, known in _ORDER_COLUMNS.items():
            if column in cells and entry.setdefault(known, cells[column]) != cells[column]:
                first = rows[places[key][0]].line
                raise InvalidOrdersFile(
                    f"{name}, line {row.line}, {column}: is {cells[column]!r}, but {entry[known]!r} on line {first} of "
                    "the same order; write the same, or leave it empty"
                )
        places.setdefault(key, []).append(place)
        try:
            entry["items"].append(
                {known: _value(column, cells[column]) for column, known in _ITEM_COLUMNS.items() if column in cells}
            )
        except Mistake as error:
            raise InvalidOrdersFile(f"{name}, line {row.line}, {error.path[0]}: {error}") from error
    return list(entries.values()), tuple(map(tuple, places.values()))


def _value(column: str, cell: str) -> Any:
    match column:
        case "position" | "quantity" | "pages":
            return int(cell) if _WHOLE_NUMBER.fullmatch(cell) else cell
        case "requires_artwork":
            if cell.lower() not in _FLAGS:
                raise Mistake((column,), f"must be yes or no, not {cell!r}")
            return _FLAGS[cell.lower()]
        case "placements":
            return [placement.strip() for placement in cell.split(_BETWEEN)]
        case "print_size_mm":
            return _size(cell)
        case "min_pixels":
            return _pixels(cell)
        case _:
            return cell


def _size(cell: str) -> list[float]:
    if match := _SIZE.fullmatch(cell):
        try:
            return [float(match[1]), float(match[2])]
        except ValueError:
            pass
    raise Mistake(("print_size_mm",), f"must be width x height in millimeters, for example 210x297, not {cell!r}")


def _pixels(cell: str) -> list[int]:
    if match := _PIXELS.fullmatch(cell):
        return [int(match[1]), int(match[2])]
    raise Mistake(("min_pixels",), f"must be width x height in pixels, for example 2480x3508, not {cell!r}")


def _place_of(path: Path, places: Sequence[Sequence[int]]) -> tuple[int, str]:
    """The row and the column of a value in the entries."""
    match path:
        case ("orders", int(order), "items", int(item), str(known)):
            return places[order][item], next(name for name, each in _ITEM_COLUMNS.items() if each == known)
        case ("orders", int(order), str(known)):
            return places[order][0], next((name for name, each in _ORDER_COLUMNS.items() if each == known), known)
    return 0, "the file"  # pragma: no cover - every entry is built here

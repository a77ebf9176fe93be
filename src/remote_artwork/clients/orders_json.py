"""The text of an orders file: parsed into orders, with line and field of each mistake, and edited in place.

An edit changes only the fields that it sets. All other characters stay as they are, unknown fields included.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any, TypeVar

from attrs import evolve, field, frozen

from remote_artwork.core.orders import DEFAULT_PLACEMENTS, Order, OrderItem, OrderState
from remote_artwork.errors import InvalidOrder, InvalidOrdersFile, ItemNotFound

Path = tuple[str | int, ...]
"""The field names and list indexes that lead from the root to a value."""

T = TypeVar("T")

# --- Positions in JSON text ---

_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # accepts numbers of any length
_BLANK = re.compile(r"[ \t\r\n]*")


@frozen
class Member:
    """A member of an object or a list, as offsets in the text.

    Args:
        key: Its field name, or its index.
        at: Where it begins: at the quote of its name, or at its value in a list.
        start: Where its value begins.
        end: Where its value ends (exclusive).
    """

    key: str | int
    at: int
    start: int
    end: int


def root(text: str) -> Member:
    """The outermost value."""
    start = _skip_blank(text, 0)
    return Member("", start, start, len(text.rstrip()))


def members(text: str, start: int) -> Iterator[Member]:
    """The members of the object or list that begins at ``start``; none for other values. The text must be valid."""
    if text[start] not in "{[":
        return
    at, index = _skip_blank(text, start + 1), 0
    while text[at] not in "}]":
        key: str | int = index
        value = at
        if text[start] == "{":
            key, end_of_key = _DECODER.raw_decode(text, at)
            value = _skip_blank(text, _skip_blank(text, end_of_key) + len(":"))
        _, end = _DECODER.raw_decode(text, value)
        yield Member(key, at, value, end)
        at, index = _skip_blank(text, end), index + 1
        if text[at] == ",":
            at = _skip_blank(text, at + 1)


def locate(text: str, path: Path) -> Member:
    """The member at ``path``, or its nearest ancestor that exists."""
    member = root(text)
    for key in path:
        child = next((child for child in members(text, member.start) if child.key == key), None)
        if child is None:
            break
        member = child
    return member


def walk(text: str) -> Iterator[tuple[Path, Member]]:
    """Every member below the root with its path, parents first. Not recursive, so the depth is not limited."""
    pending: list[tuple[Path, Iterator[Member]]] = [((), members(text, root(text).start))]
    while pending:
        parent, siblings = pending[-1]
        member = next(siblings, None)
        if member is None:
            pending.pop()
            continue
        path = (*parent, member.key)
        yield path, member
        pending.append((path, members(text, member.start)))


def line_at(text: str, offset: int) -> int:
    """The line number of an offset, from 1."""
    return text.count("\n", 0, offset) + 1


def format_path(path: Path) -> str:
    """The path as text: ``orders[1].items[0].number``."""
    parts = [
        f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]"
        for key in path
    ]
    return "".join(parts).removeprefix(".")


def _skip_blank(text: str, offset: int) -> int:
    blank = _BLANK.match(text, offset)
    return blank.end() if blank else offset


# --- Edits ---

_INDENT = re.compile(r"\n([ \t]+)\S")
_LINE_BREAK = re.compile(r"\r?\n[ \t]*\Z")


def with_fields(text: str, path: Path, fields: Mapping[str, Any]) -> str:
    """Returns the text with ``fields`` set in the object at ``path``.

    An existing field keeps its position. A new field is added at the end, in the layout of the first field.

    Args:
        text: Valid JSON.
        path: Leads to an object that is not empty.
        fields: Names and values, as ``json.dumps`` accepts them.
    """
    start = locate(text, path).start  # stays valid, because edits come after it
    for name, value in fields.items():
        text = _with_field(text, start, name, value)
    return text


def _with_field(text: str, start: int, name: str, value: Any) -> str:
    existing = list(members(text, start))
    first, last = existing[0], existing[-1]
    match = _LINE_BREAK.search(text, start, first.at)
    line_break = match.group() if match else ""
    space = "" if text[first.start - 1] == ":" else " "
    if line_break:
        indent = _INDENT.search(text)
        dumped = json.dumps(value, ensure_ascii=False, indent=indent.group(1) if indent else "  ")
        dumped = dumped.replace("\n", line_break)
    else:
        dumped = json.dumps(value, ensure_ascii=False, separators=(f",{space}", f":{space}"))
    for member in existing:
        if member.key == name:
            return text[: member.start] + dumped + text[member.end :]
    return f"{text[: last.end]},{line_break or space}{json.dumps(name)}:{space}{dumped}{text[last.end :]}"


def with_element(text: str, path: Path, value: Any) -> str:
    """Returns the text with one more element at the end of the list at ``path``, in the layout of the others."""
    member = locate(text, path)
    existing = list(members(text, member.start))
    if not existing:
        line = text[text.rfind("\n", 0, member.start) + 1 : member.start]
        indent = line[: len(line) - len(line.lstrip())]
        inner, outer = (f"\n{indent}  ", f"\n{indent}") if "\n" in text.strip() else ("", "")
        return f"{text[: member.start]}[{inner}{json.dumps(value, ensure_ascii=False)}{outer}]{text[member.end :]}"
    first, last = existing[0], existing[-1]
    match = _LINE_BREAK.search(text, member.start, first.at)
    line_break = match.group() if match else ""
    indent_of_text = _INDENT.search(text)
    nested = text.count("\n", first.start, first.end) > 0
    dumped = json.dumps(
        value, ensure_ascii=False, indent=indent_of_text.group(1) if indent_of_text and nested else None
    )
    dumped = dumped.replace("\n", line_break or "\n")
    return f"{text[: last.end]},{line_break or ' '}{dumped}{text[last.end :]}"


# --- From JSON to orders ---

STATES: Mapping[str, OrderState] = {
    "pending_approval": OrderState.PENDING,
    "pending": OrderState.PENDING,
    "fulfilled": OrderState.FULFILLED,
    "cancelled": OrderState.CANCELLED,
    "canceled": OrderState.CANCELLED,
}
"""``status`` → state. Any other status is ``OTHER``."""

_EXAMPLE = 'correct the file; a file without orders contains {"orders": []}'
"""What to do about a file that is not JSON, or another value."""

_TYPE_NAMES: Mapping[object, str] = {dict: "an object", list: "a list", str: "text"}


class Mistake(Exception):
    """A value in an orders file is wrong.

    Args:
        path: The path of the value.
        message: What is wrong; it follows the path in the sentence.
    """

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


def read_orders(document: Any) -> tuple[Order, ...]:
    """Builds the orders of a parsed file.

    Raises:
        Mistake: A value is missing, has the wrong type, or contradicts another.
    """
    if isinstance(document, list):
        raise Mistake((), 'is a list; write {"orders": in front of it and } after it')
    _refuse_similar(document, ("orders",), ())
    orders: list[Order] = []
    index_of: dict[str, int] = {}
    for index, entry in enumerate(_required(_typed(document, dict, ()), "orders", list, ())):
        path = ("orders", index)
        order = _read_order(_typed(entry, dict, path), path)
        if order.id in index_of:
            name = "number" if entry.get("id") in (None, "") else "id"
            raise Mistake(
                (*path, name),
                f"the order id {order.id!r} is already used by orders[{index_of[order.id]}]; "
                "give each order its own id",
            )
        index_of[order.id] = index
        orders.append(order)
    return tuple(orders)


def _read_order(entry: dict[str, Any], path: Path) -> Order:
    _refuse_similar(entry, ("number", "status", "items", *_ORDER_FIELDS), path)
    number = _number(entry, path)
    status = _required(entry, "status", str, path)
    if not status.strip():
        raise Mistake((*path, "status"), "is empty; write pending_approval, fulfilled, cancelled or your own status")
    if status not in STATES and (meant := similar_name(status, STATES)):
        raise Mistake((*path, "status"), f"{status!r} is not a known status; write {meant}, or your own status")
    items: dict[str, OrderItem] = {}
    for index, value in enumerate(_required(entry, "items", list, path)):
        item_path = (*path, "items", index)
        item_entry = _typed(value, dict, item_path)
        _refuse_similar(item_entry, ("number", *_ITEM_FIELDS), item_path)
        item_number = _number(item_entry, item_path)
        if item_number in items:
            raise Mistake(
                (*item_path, "number"),
                f"the item number {item_number!r} is repeated in this order; give each item its own number",
            )
        items[item_number] = _build(OrderItem, (item_number,), _values(item_entry, item_path, _ITEM_FIELDS), item_path)
    order = _build(Order, (number, tuple(items.values())), _values(entry, path, _ORDER_FIELDS), path)
    return evolve(order, state=STATES.get(status, OrderState.OTHER))


def _build(kind: Callable[..., T], required: Sequence[Any], values: Mapping[str, Any], path: Path) -> T:
    """Builds an order or an item. If that fails, adds one field after the other to find the wrong one."""
    try:
        return kind(*required, **values)
    except InvalidOrder:
        names = list(values)
        attempts = [
            (name, ("1", *required[1:]), {each: values[each] for each in names[:count]})
            for count, name in enumerate(names, start=1)
        ]
        for name, arguments, options in (*attempts, ("number", required, {})):
            try:
                kind(*arguments, **options)
            except InvalidOrder as error:
                prefix = f"{getattr(kind, '__name__', '')}.{name} "
                raise Mistake((*path, name), str(error).removeprefix(prefix)) from error
        raise


def _refuse_similar(entry: Any, known: Iterable[str], path: Path) -> None:
    """Refuse a field with almost the name of a known one: ``placement`` would be ignored, and the wrong file printed.

    Other unknown fields are the shop's own.
    """
    if not isinstance(entry, dict):
        return
    missing = [name for name in known if name not in entry]
    for name in entry:
        if name not in known and (meant := similar_name(name, missing)):
            raise Mistake((*path, name), f"is not a field that is read; write {meant}, or choose a very different name")


_LEAST_SIMILARITY = 0.88


def similar_name(text: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant: it differs in case, punctuation, a final s, or a letter or two."""
    for word in known:
        one, other = _letters(text), _letters(word)
        if one == other or (one[:1] == other[:1] and SequenceMatcher(None, one, other).ratio() >= _LEAST_SIMILARITY):
            return word
    return None


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower()).removesuffix("s")


def missing_field(entry: Iterable[str], name: str) -> str:
    """What to do about a missing field: add it, or rename another that ends like it."""
    longer = next((other for other in entry if other.lower().endswith(f"_{name}")), None)
    return f"is missing; rename {longer} to {name}" if longer else "is missing; add it"


def _required(entry: dict[str, Any], name: str, kind: type[T], path: Path) -> T:
    if name not in entry:
        raise Mistake((*path, name), missing_field(entry, name))
    return _typed(entry[name], kind, (*path, name))


def _typed(value: Any, kind: type[T], path: Path) -> T:
    if not isinstance(value, kind):
        raise Mistake(path, f"must be {_TYPE_NAMES[kind]}, not {_shortened(value)}")
    return value


def _number(entry: dict[str, Any], path: Path) -> str:
    if "number" not in entry:
        raise Mistake((*path, "number"), missing_field(entry, "number"))
    return str(_value(entry["number"], (*path, "number"), _text))


def _values(entry: dict[str, Any], path: Path, readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    present = {name: read for name, read in readers.items() if entry.get(name) is not None}
    return {name: _value(entry[name], (*path, name), read) for name, read in present.items()}


def _value(value: Any, path: Path, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except InvalidOrder as error:
        raise Mistake(path, str(error)) from error


def _text(value: Any) -> str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise InvalidOrder(f"must be text or a whole number, not {_shortened(value)}")


def _time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise InvalidOrder(f"must be a time with a zone such as 2026-03-01T09:30:00+01:00, not {_shortened(value)}")
    return time


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidOrder(f"must be a list of names, not {_shortened(value)}")
    return tuple(_text(name) for name in value)


def _size(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or not all(isinstance(side, int | float) for side in value):
        raise InvalidOrder(f"must be [width, height] in millimeters, not {_shortened(value)}")
    if any(isinstance(side, float) and math.isinf(side) for side in value):
        raise InvalidOrder("is too large; write a size in millimeters")
    return tuple(value)


def _unchanged(value: Any) -> Any:
    return value


def _shortened(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


_ORDER_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "id": _text,
    "approval": _text,
    "created_at": _time,
    "fulfillment_key": _text,
}
_ITEM_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "id": _text,
    "position": _unchanged,
    "title": _unchanged,
    "sku": _text,
    "requires_artwork": _unchanged,
    "placements": _names,
    "quantity": _unchanged,
    "print_size_mm": _size,
    "pages": _unchanged,
    "min_pixels": _unchanged,
    "sha256": _unchanged,
}


def decode(data: bytes, name: str) -> tuple[bytes, str]:
    """The byte order mark of a file, which may be empty, and its text.

    Raises:
        InvalidOrdersFile: It is not UTF-8. Names file and line.
    """
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    try:
        return mark, data[len(mark) :].decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, len(mark) + error.start) + 1
        raise InvalidOrdersFile(f"{name}, line {line}: is not UTF-8; save it as UTF-8") from error


@frozen(kw_only=True)
class OrdersDocument:
    """The content of an orders file.

    Args:
        text: The JSON text, without a byte order mark.
        mark: The byte order mark of the file; empty if it has none.
        orders: The orders, in the order of the text.
    """

    text: str = field(repr=False)
    mark: bytes = field(repr=False)
    orders: tuple[Order, ...]

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> OrdersDocument:
        """Parses the bytes of a file. Messages call the file ``name``.

        Raises:
            InvalidOrdersFile: Names file, line and field.
        """
        mark, text = decode(data, name)
        try:
            return cls(text=text, mark=mark, orders=read_orders(_load(text)))
        except json.JSONDecodeError as error:
            if _looks_like_table(text):
                raise InvalidOrdersFile(f"{name}: looks like a CSV file; give it a name that ends in .csv") from error
            where = f"{name}, line {error.lineno}, column {error.colno}"
            problem = f"is not valid JSON ({error.msg})" if text.strip() else "is empty"
            raise InvalidOrdersFile(f"{where}: the file {problem}; {_EXAMPLE}") from error
        except Mistake as error:
            line = line_at(text, locate(text, error.path).at)
            where = format_path(error.path)
            if not where:
                raise InvalidOrdersFile(f"{name}, line {line}: the whole file {error}; {_EXAMPLE}") from error
            raise InvalidOrdersFile(f"{name}, line {line}, {where}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise InvalidOrdersFile(f"{name}: cannot be parsed ({error}); correct the file") from error

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.mark + self.text.encode()

    def with_item(self, index: int, number: str, fields: Mapping[str, Any]) -> OrdersDocument:
        """Returns the document with fields set in one item. They must not be fields that ``orders`` depends on.

        Raises:
            ItemNotFound: The order has no item with this number.
        """
        for item_index, item in enumerate(self.orders[index].items):
            if item.number == number:
                path = ("orders", index, "items", item_index)
                return evolve(self, text=with_fields(self.text, path, fields))
        raise ItemNotFound(f"order {self.orders[index].number!r} has no item {number!r}")

    def with_new_items(self, number: str, items: Sequence[OrderItem]) -> OrdersDocument:
        """Returns the document with items added to the pending order with this number, or to a new one at the end."""
        entries = [_item_entry(item) for item in items]
        index = next((index for index, order in enumerate(self.orders) if order.number == number), None)
        text = self.text
        if index is None:
            order = {"number": number, "status": "pending_approval", "items": entries}
            text = with_element(text, ("orders",), order)
        else:
            for entry in entries:
                text = with_element(text, ("orders", index, "items"), entry)
        return OrdersDocument.parse(self.mark + text.encode(), name="the orders file")

    def with_order(self, index: int, order: Order, fields: Mapping[str, Any]) -> OrdersDocument:
        """Returns the document with fields set in one order, which then parses as ``order``."""
        orders = (*self.orders[:index], order, *self.orders[index + 1 :])
        return evolve(self, text=with_fields(self.text, ("orders", index), fields), orders=orders)


def _looks_like_table(text: str) -> bool:
    """Whether the first line has columns."""
    line = text.lstrip().partition("\n")[0]
    return line[:1] not in ("{", "[") and any(separator in line for separator in ",;\t")


_OPTIONAL_FIELDS = ("position", "title", "sku", "print_size_mm", "pages", "min_pixels", "sha256")
"""Fields of an item that are None if they are not set."""


def _item_entry(item: OrderItem) -> dict[str, Any]:
    entry: dict[str, Any] = {"number": item.number}
    if item.placements != DEFAULT_PLACEMENTS:
        entry["placements"] = list(item.placements)
    if item.quantity != 1:
        entry["quantity"] = item.quantity
    if not item.requires_artwork:
        entry["requires_artwork"] = False
    if item.id != item.number:
        entry["id"] = item.id
    values = {name: getattr(item, name) for name in _OPTIONAL_FIELDS}
    return entry | {name: value for name, value in values.items() if value is not None}


def _load(text: str) -> Any:
    """Parses the text; refuses what ``json.loads`` accepts although it is ambiguous or not JSON."""
    suspicious: list[object] = []

    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entry = dict(pairs)
        if len(entry) < len(pairs):
            suspicious.append(entry)
        return entry

    document = json.loads(text, object_pairs_hook=fields, parse_constant=suspicious.append)
    if suspicious:
        raise _find_mistake(text)
    return document


def _find_mistake(text: str) -> Mistake:
    seen: set[Path] = set()
    for path, member in walk(text):
        if path in seen:
            line = line_at(text, member.at)
            return Mistake(path, f"appears twice in one object, again on line {line}; keep one")
        if text.startswith(("NaN", "Infinity", "-Infinity"), member.start):
            return Mistake(path, f"{text[member.start : member.end]} is not a JSON value; write null or a number")
        seen.add(path)
    return Mistake((), "is not valid JSON")

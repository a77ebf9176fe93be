"""The text of an orders file: read into orders, with every mistake named by line and field, and changed in place."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from attrs import evolve, field, frozen

from remote_artwork.core.orders import Order, OrderItem, OrderState
from remote_artwork.errors import InvalidOrder, InvalidOrdersFile, ItemNotFound, OrderGone

Path = tuple[str | int, ...]
"""The way to a value from the root: names of fields and places in lists, from 0."""

_ANY_NUMBER = json.JSONDecoder(parse_int=str, parse_float=str)  # skips numbers of any length without judging them
_BLANK = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[^\W\d]\w*")


@frozen
class Member:
    """One member of an object or a list.

    Args:
        key: Its name, or its place from 0.
        at: Where the member begins: at the quote of its name, or at its value in a list.
        start: Where its value begins.
        end: Just behind its value.
    """

    key: str | int
    at: int
    start: int
    end: int


def root(text: str) -> Member:
    """The one value of the text."""
    start = _past_blanks(text, 0)
    return Member("", start, start, len(text.rstrip()))


def members(text: str, start: int) -> Iterator[Member]:
    """The members of the object or list that begins at ``start``; none for any other value.

    The text must be well-formed, as ``json.loads`` finds it.
    """
    if text[start] not in "{[":
        return
    at, place = _past_blanks(text, start + 1), 0
    while text[at] not in "}]":
        key: str | int = place
        value = at
        if text[start] == "{":
            key, behind = _ANY_NUMBER.raw_decode(text, at)
            value = _past_blanks(text, _past_blanks(text, behind) + len(":"))
        _, end = _ANY_NUMBER.raw_decode(text, value)
        yield Member(key, at, value, end)
        at, place = _past_blanks(text, end), place + 1
        if text[at] == ",":
            at = _past_blanks(text, at + 1)


def locate(text: str, path: Path) -> Member:
    """The member at ``path``, or the nearest one above it that exists."""
    member = root(text)
    for step in path:
        below = next((each for each in members(text, member.start) if each.key == step), None)
        if below is None:
            break
        member = below
    return member


def walk(text: str) -> Iterator[tuple[Path, Member]]:
    """Every member below the root with its path, each before what it holds."""
    above: list[tuple[Path, Iterator[Member]]] = [((), members(text, root(text).start))]
    while above:
        path, siblings = above[-1]
        member = next(siblings, None)
        if member is None:
            above.pop()
            continue
        here = (*path, member.key)
        yield here, member
        above.append((here, members(text, member.start)))


def line_at(text: str, offset: int) -> int:
    """The line, from 1, on which ``offset`` stands."""
    return text.count("\n", 0, offset) + 1


def show(path: Path) -> str:
    """The path as people write it: ``orders[1].items[0].number``."""
    shown = ""
    for step in path:
        if isinstance(step, str) and _WORD.fullmatch(step):
            shown += f".{step}"
        else:
            shown += f"[{json.dumps(step, ensure_ascii=False)}]"
    return shown.removeprefix(".")


def _past_blanks(text: str, offset: int) -> int:
    blank = _BLANK.match(text, offset)
    return blank.end() if blank else offset


_INDENTED = re.compile(r"\n([ \t]+)\S")
_NEW_LINE = re.compile(r"\r?\n[ \t]*\Z")


def with_fields(text: str, path: Path, fields: Mapping[str, Any]) -> str:
    """The text in which the object at ``path`` holds ``fields``.

    A field that is there keeps its place; a new one becomes the last, laid out like the object's first.

    Args:
        text: Well-formed JSON.
        path: Leads to an object that is not empty.
        fields: Name → a value that ``json.dumps`` writes.
    """
    start = locate(text, path).start  # what changes lies behind it, so it stays true
    for name, value in fields.items():
        text = _with_field(text, start, name, value)
    return text


def _with_field(text: str, start: int, name: str, value: Any) -> str:
    there = list(members(text, start))
    first, last = there[0], there[-1]
    break_before = _NEW_LINE.search(text, start, first.at)
    new_line = break_before.group() if break_before else ""
    spaced = text[first.start - 1] != ":"
    written = _written(value, new_line=new_line, unit=_unit(text), spaced=spaced)
    for member in there:
        if member.key == name:
            return text[: member.start] + written + text[member.end :]
    separator = new_line or (" " if spaced else "")
    colon = ": " if spaced else ":"
    return f"{text[: last.end]},{separator}{json.dumps(name)}{colon}{written}{text[last.end :]}"


def _written(value: Any, *, new_line: str, unit: str, spaced: bool) -> str:
    if new_line:
        lines = json.dumps(value, ensure_ascii=False, indent=unit)
        return lines.replace("\n", new_line)
    separators = (", ", ": ") if spaced else (",", ":")
    return json.dumps(value, ensure_ascii=False, separators=separators)


def _unit(text: str) -> str:
    indented = _INDENTED.search(text)
    return indented.group(1) if indented else "  "


STATES: Mapping[str, OrderState] = {
    "pending_approval": OrderState.PENDING,
    "pending": OrderState.PENDING,
    "fulfilled": OrderState.FULFILLED,
    "cancelled": OrderState.CANCELLED,
    "canceled": OrderState.CANCELLED,
}
"""What a ``status`` means; any other word is ``OTHER``."""

_KINDS: Mapping[object, str] = {dict: "an object", list: "a list", str: "text"}
T = TypeVar("T")


class Mistake(Exception):
    """Something in an orders file is not of its form.

    Args:
        path: Where.
        message: What, to be read behind the path.
    """

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


def read_orders(whole: Any) -> tuple[Order, ...]:
    """The orders of a parsed file.

    Args:
        whole: What ``json.loads`` makes of its text.

    Raises:
        Mistake: A value is missing, of a wrong form, or contradicts another.
    """
    entries = _required(_typed(whole, dict, ()), "orders", list, ())
    orders: list[Order] = []
    first_place: dict[str, int] = {}
    for place, entry in enumerate(entries):
        path = ("orders", place)
        order = _order(_typed(entry, dict, path), path)
        if order.id in first_place:
            named_by = "number" if entry.get("id") in (None, "") else "id"
            raise Mistake(
                (*path, named_by), f"the order id {order.id!r} is also that of orders[{first_place[order.id]}]"
            )
        first_place[order.id] = place
        orders.append(order)
    return tuple(orders)


def _order(entry: dict[str, Any], path: Path) -> Order:
    number = _number(entry, path)
    status = _required(entry, "status", str, path)
    if not status.strip():
        raise Mistake((*path, "status"), "is empty; it is pending_approval, fulfilled, cancelled or a word of yours")
    items: dict[str, OrderItem] = {}
    for place, each in enumerate(_required(entry, "items", list, path)):
        item_path = (*path, "items", place)
        item_entry = _typed(each, dict, item_path)
        item_number = _number(item_entry, item_path)
        if item_number in items:
            raise Mistake((*item_path, "number"), f"the item number {item_number!r} is repeated in this order")
        items[item_number] = _built(OrderItem, (item_number,), _values(item_entry, item_path, _ITEM_FIELDS), item_path)
    order = _built(Order, (number, tuple(items.values())), _values(entry, path, _ORDER_FIELDS), path)
    return evolve(order, state=STATES.get(status, OrderState.OTHER))


def _built(kind: Callable[..., T], required: Sequence[Any], values: Mapping[str, Any], path: Path) -> T:
    try:
        return kind(*required, **values)
    except InvalidOrder:
        for name, value in values.items():
            _alone(kind, required, {name: value}, (*path, name))
        _alone(kind, required, {}, (*path, "number"))
        raise


def _alone(kind: Callable[..., object], required: Sequence[Any], values: Mapping[str, Any], path: Path) -> None:
    sound = ("1", *required[1:]) if values else required
    try:
        kind(*sound, **values)
    except InvalidOrder as error:
        said = str(error).removeprefix(f"{getattr(kind, '__name__', '')}.{path[-1]} ")
        raise Mistake(path, said) from error


def _typed(value: Any, kind: type[T], path: Path) -> T:
    if not isinstance(value, kind):
        raise Mistake(path, f"must be {_KINDS[kind]}, not {_shown(value)}")
    return value


def _required(entry: dict[str, Any], name: str, kind: type[T], path: Path) -> T:
    if name not in entry:
        raise Mistake((*path, name), "is missing")
    return _typed(entry[name], kind, (*path, name))


def _number(entry: dict[str, Any], path: Path) -> str:
    if "number" not in entry:
        raise Mistake((*path, "number"), "is missing")
    try:
        return _text(entry["number"])
    except InvalidOrder as error:
        raise Mistake((*path, "number"), str(error)) from error


def _values(entry: dict[str, Any], path: Path, readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, read in readers.items():
        if entry.get(name) is not None:
            try:
                values[name] = read(entry[name])
            except InvalidOrder as error:
                raise Mistake((*path, name), str(error)) from error
    return values


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InvalidOrder(f"must be text or a whole number, not {_shown(value)}")


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidOrder(f"must be a time with a zone such as 2026-03-01T09:30:00+01:00, not {_shown(value)}")
    return moment


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidOrder(f"must be a list of names, not {_shown(value)}")
    return tuple(_text(name) for name in value)


def _size(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or not all(isinstance(side, int | float) for side in value):
        raise InvalidOrder(f"must be [width, height] in millimetres, not {_shown(value)}")
    if any(isinstance(side, float) and math.isinf(side) for side in value):
        raise InvalidOrder("is too large a number")
    return tuple(value)


def _as_it_is(value: Any) -> Any:
    return value


def _shown(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


_ORDER_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "id": _text,
    "approval": _text,
    "created_at": _moment,
    "fulfillment_key": _text,
}
_ITEM_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "id": _text,
    "position": _as_it_is,
    "requires_artwork": _as_it_is,
    "placements": _names,
    "quantity": _as_it_is,
    "print_size_mm": _size,
}


@frozen(kw_only=True)
class OrdersDocument:
    """One orders file as it was read.

    Args:
        text: The JSON text, without a byte order mark.
        mark: The byte order mark it began with, or nothing.
        orders: Its orders, in the order of the text.
    """

    text: str = field(repr=False)
    mark: bytes = field(repr=False)
    orders: tuple[Order, ...]

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> OrdersDocument:
        """Reads the bytes of a file; ``name`` is what messages call it.

        Raises:
            InvalidOrdersFile: Names file, line and field.
        """
        mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        try:
            text = data[len(mark) :].decode()
            return cls(text=text, mark=mark, orders=read_orders(_loaded(text)))
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, len(mark) + error.start) + 1
            raise InvalidOrdersFile(f"{name}, line {line}: is not UTF-8; save it as UTF-8") from error
        except json.JSONDecodeError as error:
            raise InvalidOrdersFile(f"{name}, line {error.lineno}, column {error.colno}: {error.msg}") from error
        except Mistake as error:
            line = line_at(text, locate(text, error.path).at)
            raise InvalidOrdersFile(f"{name}, line {line}, {show(error.path) or 'the whole'}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise InvalidOrdersFile(f"{name}: {error}") from error

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.mark + self.text.encode()

    def place_of(self, order_id: str) -> int:
        """The place of an order, from 0.

        Raises:
            OrderGone: No order has this id.
        """
        for place, order in enumerate(self.orders):
            if order.id == order_id:
                return place
        raise OrderGone(f"no order has the id {order_id!r}")

    def with_item(self, place: int, number: str, fields: Mapping[str, Any]) -> OrdersDocument:
        """The document with these fields set in one item of the order at ``place``.

        Args:
            place: From 0.
            number: The item's number.
            fields: None of those that ``orders`` are read from.

        Raises:
            ItemNotFound: The order has no item of this number.
        """
        for item_place, item in enumerate(self.orders[place].items):
            if item.number == number:
                path = ("orders", place, "items", item_place)
                return evolve(self, text=with_fields(self.text, path, fields))
        raise ItemNotFound(f"order {self.orders[place].number!r} has no item {number!r}")

    def with_order(self, place: int, order: Order, fields: Mapping[str, Any]) -> OrdersDocument:
        """The document with these fields set in the order at ``place``, which reads as ``order`` then."""
        orders = (*self.orders[:place], order, *self.orders[place + 1 :])
        return evolve(self, text=with_fields(self.text, ("orders", place), fields), orders=orders)


def _loaded(text: str) -> Any:
    oddities: list[object] = []

    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entry = dict(pairs)
        if len(entry) < len(pairs):
            oddities.append(entry)
        return entry

    whole = json.loads(text, object_pairs_hook=fields, parse_constant=oddities.append)
    if oddities:
        raise next(_mistakes(text))
    return whole


def _mistakes(text: str) -> Iterator[Mistake]:
    """What the standard parser lets pass."""
    seen: set[Path] = set()
    for path, member in walk(text):
        if path in seen:
            yield Mistake(path, f"stands twice in one object, again on line {line_at(text, member.at)}; keep one")
        if text.startswith(("NaN", "Infinity", "-Infinity"), member.start):
            yield Mistake(path, f"{text[member.start : member.end]} is not a JSON value")
        seen.add(path)

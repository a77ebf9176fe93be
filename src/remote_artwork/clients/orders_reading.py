"""The entries of an orders file, read into orders. A mistake is raised with the path that leads to it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from attrs import evolve

from remote_artwork.clients.json_position import Path
from remote_artwork.core.model import Order, OrderItem, OrderState
from remote_artwork.errors import InvalidOrder

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

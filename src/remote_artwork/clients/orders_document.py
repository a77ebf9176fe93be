"""The text of an orders file: read into orders, with every mistake named by line and field, and changed in place."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, field, frozen

from remote_artwork.clients.json_editing import with_fields
from remote_artwork.clients.json_position import Path, line_at, locate, show, walk
from remote_artwork.clients.orders_reading import Mistake, read_orders
from remote_artwork.core.model import Order
from remote_artwork.errors import InvalidOrdersFile, ItemNotFound, OrderGone


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

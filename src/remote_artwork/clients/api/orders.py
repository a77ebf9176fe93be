"""From the JSON of a shop to orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from attrs import asdict

from remote_artwork.core.orders import DEFAULT_PLACEMENTS, Artwork, Order, OrderItem, OrderState, UnreadableOrder
from remote_artwork.errors import AlreadyFulfilled, InvalidOrder, NotPending, OrderGone

Placements = Callable[[Mapping[str, Any]], Sequence[str]]
"""Receives an item as the API sends it, and returns the placements that need a file; none if it needs no artwork."""


def one_file(_item: Mapping[str, Any]) -> Sequence[str]:
    """One file for every item."""
    return DEFAULT_PLACEMENTS


def artwork_fields(artwork: Artwork) -> Mapping[str, Any]:
    """Returns an artwork as JSON, for a shop that stores it. Contains the URL, which is secret until it expires."""
    return asdict(artwork, value_serializer=lambda _artwork, _field, value: _as_json(value))


def _as_json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def iter_orders(
    orders: Iterable[tuple[str, str | None, Callable[[], Order]]],
) -> Iterator[Order | UnreadableOrder]:
    """Yields the orders; one that is invalid does not stop the others.

    Args:
        orders: The id and the number of each order, as for ``UnreadableOrder``, and a function that reads the order.
            Orders that are gone by then are left out.
    """
    for order_id, number, read in orders:
        try:
            order = read()
        except OrderGone:
            continue
        except InvalidOrder as error:
            yield UnreadableOrder(id=order_id, number=number, error=str(error))
        else:
            yield order


@contextmanager
def parsing() -> Iterator[None]:
    """Turns errors of the block into ``InvalidOrder``, so that an unexpected format affects one order, not the list.

    Raises:
        InvalidOrder: The JSON is not an order, or the caller's own code cannot read it.
    """
    try:
        yield
    except InvalidOrder:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InvalidOrder(f"the shop sent it in an unexpected format ({type(error).__name__}: {error})") from error


def parse_text(value: object) -> str:
    """Returns a number or an id as text.

    Raises:
        InvalidOrder: It is neither text nor a whole number.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidOrder(f"a number or an id must be text or a whole number, not {value!r}")
    return str(value)


def parse_item(
    content: Mapping[str, Any], *, number: str, placements: Placements, title: str = "", sku: str = ""
) -> OrderItem:
    """Builds an item from its JSON, with the fields ``id`` and ``quantity``.

    Args:
        content: The item as the API sends it.
        number: The field that holds the item number used in file names.
        placements: Returns the placements that need a file.
        title: The field that holds the name of the product, for reports, such as ``product.name`` in a nested object.
            A value that is not text is left out.
        sku: The field that holds its SKU, in the same way.

    Raises:
        InvalidOrder: It is not an item.
    """
    needed = tuple(placements(content))
    return OrderItem(
        parse_text(content.get(number)),
        id=parse_text(content.get("id")),
        title=_text_in(content, title),
        sku=_text_in(content, sku),
        requires_artwork=bool(needed),
        placements=needed or DEFAULT_PLACEMENTS,
        quantity=content.get("quantity") or 1,
    )


def _text_in(content: Mapping[str, Any], path: str) -> str | None:
    """The text of a field, which may be in nested objects."""
    value: object = content
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None


def require_pending(state: OrderState, message: str, cause: Exception | None = None) -> None:
    """Does nothing for a pending order.

    Raises:
        AlreadyFulfilled, NotPending: The order is not pending.
    """
    if state is OrderState.FULFILLED:
        raise AlreadyFulfilled(message) from cause
    if state is not OrderState.PENDING:
        raise NotPending(message) from cause

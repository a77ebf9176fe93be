"""What the API of a shop tells of its orders, as values of this library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from remote_artwork.core.model import DEFAULT_PLACEMENTS, OrderItem, OrderState
from remote_artwork.errors import AlreadyFulfilled, NotPending

Placements = Callable[[Mapping[str, Any]], Sequence[str]]
"""Which sides of an item, as the API describes it, need a file; none: the item needs no artwork."""


def text(value: object) -> str:
    """A number or a name as text; empty where there is none."""
    return str(value or "")


def item_of(told: Mapping[str, Any], *, number: str, placements: Placements) -> OrderItem:
    """An item with the ``id`` and the ``quantity`` that the API tells.

    Args:
        told: The item as the API describes it.
        number: The field that holds what file names call it.
        placements: Says which sides need a file.

    Raises:
        InvalidOrder: It is no item.
    """
    sides = tuple(placements(told))
    return OrderItem(
        text(told.get(number)),
        id=text(told.get("id")),
        requires_artwork=bool(sides),
        placements=sides or DEFAULT_PLACEMENTS,
        quantity=told.get("quantity") or 1,
    )


def refuse_unless_pending(state: OrderState, why: str, cause: Exception | None = None) -> None:
    """Says of an order that does not wait why nothing may be done to it.

    Raises:
        AlreadyFulfilled, NotPending: As its state is.
    """
    if state is OrderState.FULFILLED:
        raise AlreadyFulfilled(why) from cause
    if state is not OrderState.PENDING:
        raise NotPending(why) from cause

"""What the API of a shop tells of its orders, as values of this library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from remote_artwork.core.model import DEFAULT_PLACEMENTS, OrderItem, OrderState
from remote_artwork.errors import AlreadyFulfilled, InvalidOrder, NotPending

Placements = Callable[[Mapping[str, Any]], Sequence[str]]
"""Which sides of an item, as the API describes it, need a file; none: the item needs no artwork."""


@contextmanager
def as_an_order() -> Iterator[None]:
    """Around what makes an order of an API's answer: one of another form is that order's own fault, not the list's.

    Raises:
        InvalidOrder: The answer, or what the host's own code makes of it, is no order.
    """
    try:
        yield
    except InvalidOrder:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InvalidOrder(f"it is told in a form that cannot be read ({type(error).__name__}: {error})") from error


def text(value: object) -> str:
    """A number or a name as text.

    Raises:
        InvalidOrder: It is neither.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidOrder(f"a number or an id must be text or a whole number, not {value!r}")
    return str(value)


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

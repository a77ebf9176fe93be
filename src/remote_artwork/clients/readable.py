"""Reading many orders of a shop, of which some cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from remote_artwork.core.model import Order
from remote_artwork.errors import ClientError, InvalidOrder, OrderGone


def readable(shop: str, orders: Iterable[tuple[str, Callable[[], Order]]]) -> Iterator[Order]:
    """Those that can be read; one that cannot does not stop the others.

    Args:
        shop: Whose they are, for the error.
        orders: The id of each, and what reads it; one that has gone in the meantime is left out.

    Raises:
        ClientError: At the end, where orders contradict themselves. Names them.
    """
    unreadable: list[str] = []
    for order_id, read in orders:
        try:
            order = read()
        except OrderGone:
            continue
        except InvalidOrder as error:
            unreadable.append(f"{order_id}: {error}")
            continue
        yield order
    if unreadable:
        raise ClientError(f"{shop} holds orders that contradict themselves: {'; '.join(unreadable)}")

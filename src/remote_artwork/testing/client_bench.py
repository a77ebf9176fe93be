"""``ClientBench``: what the contract needs from the sandbox of a shop, and what a sandbox cannot do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, NoReturn

import pytest

from remote_artwork.client import FulfillmentClient
from remote_artwork.core.orders import Artwork, Order, OrderItem
from remote_artwork.testing.plugin import LEFT_OUT
from remote_artwork.testing.scenario import example_artwork, required

Capability = Literal[
    "cancel", "delete", "pending_ids", "read_order", "read_urls", "new_client", "reset_client", "break_after_write"
]
"""What a sandbox may lack. The tests that need it are left out."""


def leave_out(capability: Capability, lacks: Mapping[Capability, str]) -> NoReturn:
    """Skips the test because the sandbox lacks a capability."""
    reason = lacks.get(capability) or f"override the fixture `{capability}` to test this"
    pytest.skip(f"{LEFT_OUT}{capability}: {reason}")


class ClientBench:
    """The sandbox of a shop, for ``pytest --pyargs remote_artwork.testing --client MODULE:FACTORY``. Inherit it.

    Implement ``pending_ids``, ``read_names`` and ``fulfillments``, and every other method unless ``lacks`` contains it.
    The contract attaches files to the orders of ``pending_ids`` and fulfills them. It ignores all other orders.

    Attributes:
        client: The client under test.
        lacks: The methods that this sandbox does not have, and why. Their tests are left out.
        folder: An fsspec file system and a folder in it, for shops that download the files. Each test makes and
            deletes a folder below it. None: files are in memory.
    """

    lacks: Mapping[Capability, str] = {}
    folder: tuple[Any, str] | None = None

    def __init__(self, client: FulfillmentClient) -> None:
        self.client = client
        self._used: set[str] = set()

    def pending_ids(self) -> Collection[str]:
        """Returns the ids of all orders that are pending by the shop's own records, and that may be fulfilled."""
        raise NotImplementedError("implement `pending_ids`")

    def read_names(self, order: Order, item: OrderItem) -> Sequence[str]:
        """Returns the names of the artwork that the shop has stored for an item; nothing if there is none."""
        raise NotImplementedError("implement `read_names`")

    def fulfillments(self, order: Order) -> int:
        """Returns how often the shop has fulfilled an order, by its own records."""
        raise NotImplementedError("implement `fulfillments`")

    def new_order(self) -> Order:
        """Returns a pending order with at least two items that require artwork.

        By default the next one of ``pending_ids`` that was not used yet. A method of your own may create an order.
        """
        own = set(self.pending_ids()) - self._used
        for order in self.client.pending_orders():
            if isinstance(order, Order) and order.id in own and len(required(order)) > 1:
                self._used.add(order.id)
                return order
        raise AssertionError(
            f"the sandbox has no further pending order with two items; {len(self._used)} were used. Add orders, or let "
            "`new_order` create them"
        )

    def make_artwork(self, order: Order, item: OrderItem, placement: str) -> Artwork:
        """Returns an artwork that the shop accepts. Override it if the shop downloads the URL during the call."""
        return example_artwork(order, item, placement)

    def cancel(self, order: Order) -> None:
        """Cancels an order in the shop."""
        raise NotImplementedError("implement `cancel`, or declare it in `lacks`")

    def delete(self, order: Order) -> None:
        """Deletes an order in the shop."""
        raise NotImplementedError("implement `delete`, or declare it in `lacks`")

    def read_order(self, order_id: str) -> Order:
        """Returns an order by the shop's own records: its approval, and the quantity and placements of each item."""
        raise NotImplementedError("implement `read_order`, or declare it in `lacks`")

    def read_urls(self, order: Order, item: OrderItem) -> Sequence[str]:
        """Returns the URLs that the shop has stored for an item."""
        raise NotImplementedError("implement `read_urls`, or declare it in `lacks`")

    def new_client(self) -> FulfillmentClient:
        """Returns another client of the same shop, as a new process makes it: with nothing in memory."""
        raise NotImplementedError("implement `new_client`, or declare it in `lacks`")

    def break_after_write(self, number: int) -> Callable[[], bool]:
        """Makes the connection to the shop break after the effect of a write. See ``FulfillmentClientContract``."""
        raise NotImplementedError("implement `break_after_write`, or declare it in `lacks`")

    def reset_client(self) -> FulfillmentClient:
        """Returns the client. About 60 orders of ``new_order`` are used, each with as many items as the first."""
        return self.client

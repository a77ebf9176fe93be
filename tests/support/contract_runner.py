"""Runs single tests of the client contract on a client that may be wrong."""

import inspect
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.testing import FulfillmentClientContract
from remote_artwork.testing.client import example_artwork
from remote_artwork.testing.scenario import Scenario, upload

ORDER = ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2", placements=["front", "back"])])
OTHERS = [ra.Order(str(number), [ra.OrderItem("1")]) for number in range(1002, 1006)]


def failure_of(name: str, make: Callable[[], Any], **arguments: Any) -> BaseException | None:
    """The error with which a test of the contract fails for a client; None if it passes.

    Args:
        name: The test.
        make: Returns a new client, a ``FakeShop`` with ``ORDER``.
        arguments: Fixtures and parameters of the test that are not the usual ones.
    """
    test = getattr(FulfillmentClientContract(), name)
    with _folder() as folder:
        available = {**_fixtures(make, folder), **arguments}
        needed = inspect.signature(test).parameters
        try:
            test(**{argument: available[argument] for argument in needed})
        except (AssertionError, pytest.fail.Exception) as error:
            return error
        except pytest.skip.Exception as skipped:
            raise AssertionError(f"{name} was skipped: {skipped}") from skipped
    return None


@contextmanager
def _folder() -> Iterator[tuple[Any, str]]:
    files, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    files.makedirs(folder)
    upload(files, folder, ORDER)
    yield files, folder
    files.rm(folder, recursive=True)


def _fixtures(make: Callable[[], Any], folder: tuple[Any, str]) -> dict[str, Any]:
    shops = [make()]

    def artwork(order: ra.Order, item: ra.OrderItem) -> tuple[ra.Artwork, ...]:
        return shops[-1].artwork.get((order.id, item.number), ())

    def read_names(order: ra.Order, item: ra.OrderItem) -> list[str]:
        return [each.name for each in artwork(order, item)]

    def pending_ids() -> set[str]:
        return {order.id for order in shops[-1].orders.values() if order.state is ra.OrderState.PENDING}

    def fulfillments(_order: ra.Order) -> int:
        return shops[-1].printed if hasattr(shops[-1], "printed") else shops[-1].effects.total()

    def reset_client() -> Any:
        shops.append(make())
        return shops[-1]

    def break_after_write(number: int) -> Callable[[], bool]:
        shops[-1].breaks_after = number
        return lambda: shops[-1].breaks_after == 0

    return {
        "client": shops[0],
        "order": ORDER,
        "new_order": lambda: ORDER,
        "artworks": {
            item.number: [example_artwork(ORDER, item, side) for side in item.placements] for item in ORDER.items
        },
        "other": (OTHERS[0], {"1": [example_artwork(OTHERS[0], OTHERS[0].items[0], "default")]}),
        "folder": folder,
        "key": "1f" * 32,
        "other_key": "2e" * 32,
        "lacks": {},
        "read_names": read_names,
        "read_urls": lambda order, item: [each.url for each in artwork(order, item)],
        "read_order": lambda order_id: shops[-1].orders[order_id],
        "pending_ids": pending_ids,
        "own_ids": pending_ids,
        "fulfillments": fulfillments,
        "cancel": lambda order: shops[-1].cancel(order.id),
        "delete": lambda order: shops[-1].delete(order.id),
        "new_client": lambda: shops[-1].in_a_new_process() if hasattr(shops[-1], "in_a_new_process") else shops[-1],
        "reset_client": reset_client,
        "break_after_write": break_after_write,
        "scenario": Scenario(shops[0], ORDER, ra.ArtworkStorage(*folder), fulfillments, read_names=read_names),
        "moment": "after",
        "error": ra.OutcomeUnknown("no answer"),
        "call": "client.get_order",
    }

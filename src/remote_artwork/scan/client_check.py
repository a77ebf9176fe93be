"""Checks a client: reads the first pending orders, and reports how they were read. Changes nothing in the shop."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from remote_artwork.client import FulfillmentClient, client_problem
from remote_artwork.clients.orders_file import OrdersFile
from remote_artwork.core.orders import Order, OrderItem, UnreadableOrder
from remote_artwork.core.reasons import reason
from remote_artwork.core.text import redact_signatures
from remote_artwork.errors import AuthenticationFailed, ClientError, ConfigurationError, RemoteArtworkError
from remote_artwork.storage.doctor import CheckStep, Verdict

ORDERS = 5
"""How many pending orders are read."""


def check_client(client: FulfillmentClient, *, skus: bool = False) -> Iterator[CheckStep]:
    """Check the declarations of a client, its login, and its first pending orders. Calls only methods that read.

    Args:
        client: The client.
        skus: Whether the pattern names files by SKU, so that each order must be read with the same SKUs.
    """
    if problem := client_problem(client):
        yield _failed("declarations", ConfigurationError(problem))
        return
    is_file = isinstance(client, OrdersFile)
    if not is_file:  # its declarations are not the user's
        because = reason(
            "client_declares",
            recovery=str(client.recovery),
            attaching=str(client.attaching),
            seconds=round(client.call_limit.total_seconds()),
        )
        yield CheckStep(name="declarations", verdict=Verdict.OK, because=because)
    try:
        orders = list(islice(client.pending_orders(), ORDERS))
    except AuthenticationFailed as error:
        yield _failed("login", error)
        return
    except Exception as error:  # noqa: BLE001 - the shop's own code may raise anything
        yield _failed("orders", _as_ours("pending_orders", error))
        return
    if is_file:
        yield CheckStep(name="orders", verdict=Verdict.OK, because=reason("orders_file_read"))
    else:
        yield CheckStep(name="login", verdict=Verdict.OK, because=reason("client_logged_in"))
    if not orders:
        code = "no_pending_orders_in_file" if is_file else "no_pending_orders"
        yield CheckStep(name="orders", verdict=Verdict.WARNING, because=reason(code))
    for order in orders:
        yield _read(client, order, skus=skus)


def _read(client: FulfillmentClient, order: Order | UnreadableOrder, *, skus: bool) -> CheckStep:
    """How one order was read, in the list and by its id."""
    if not isinstance(order, Order):
        because = reason(
            "listed_order_not_read", order=order.number or order.id, error=redact_signatures(str(order.error))
        )
        return CheckStep(name="order", verdict=Verdict.WARNING, because=because)
    try:
        now = client.get_order(order.id)
    except Exception as error:  # noqa: BLE001 - the shop's own code may raise anything
        return _failed("order", _as_ours(f"get_order for order {order.number!r}", error))
    if not now.same_work(order, skus=skus):
        because = reason("order_reads_differently", order=order.number)
        return CheckStep(name="order", verdict=Verdict.FAILED, because=because, error=ConfigurationError(order.number))
    if not any(item.requires_artwork for item in order.items):
        because = reason("listed_order_needs_no_artwork", order=order.number, id=order.id)
        return CheckStep(name="order", verdict=Verdict.OK, because=because)
    because = reason(
        "order_read",
        order=order.number,
        id=order.id,
        files=[name for item in order.items if item.requires_artwork for name in _files(item)],
        others=sum(not item.requires_artwork for item in order.items),
    )
    return CheckStep(name="order", verdict=Verdict.OK, because=because)


def _files(item: OrderItem) -> list[str]:
    """The artwork that an item needs, as item number or as item number and placement."""
    if item.placements == ("default",):
        return [item.number]
    return [f"{item.number}/{placement}" for placement in item.placements]


def _failed(name: str, error: RemoteArtworkError) -> CheckStep:
    because = reason("step_failed", error=redact_signatures(str(error)))
    return CheckStep(name=name, verdict=Verdict.FAILED, because=because, error=error)


def _as_ours(call: str, error: Exception) -> RemoteArtworkError:
    if isinstance(error, RemoteArtworkError):
        return error
    return ClientError(f"{call} raised {type(error).__name__}: {redact_signatures(str(error))}")

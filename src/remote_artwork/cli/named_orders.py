"""The orders that ``--order`` names and no report can mention, because the shop does not list them as pending."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from attrs import frozen

import remote_artwork as ra
from remote_artwork.core.orders import Order
from remote_artwork.core.text import escape_unprintable, redact_error
from remote_artwork.errors import ExitCode

log: logging.Logger = logging.getLogger(__name__)


@frozen
class NamedOrder:
    """An order that was named and is not pending.

    Args:
        message: What is known about it, and what to do.
        exit_code: 0 if the orders file or the ledger has an order with this number, else 2.
    """

    message: str
    exit_code: ExitCode


def find_not_pending(scanner: ra.Scanner, report: ra.ScanReport, numbers: Sequence[str]) -> list[NamedOrder]:
    """Explain each number that no outcome of the report has. Reads the pending orders again if there is one.

    Nothing is said if a part could not be used: then the list of orders may be incomplete.
    """
    reported = {item.order_number for item in report.items}
    missing = [number for number in dict.fromkeys(numbers) if number not in reported]
    if not missing or report.faults:
        return []
    try:
        return list(_explain(scanner, missing))
    except Exception as error:  # the shop's code may raise anything; the scan itself is done
        log.warning("orders_not_explained", exc_info=redact_error(error))
        return []


def _explain(scanner: ra.Scanner, numbers: Sequence[str]) -> Iterator[NamedOrder]:
    records = scanner.ledger.find(scanner.tenant, order_numbers=numbers)
    in_ledger = {record.order_number: record.state for record in records}
    in_file = scanner.client.orders() if isinstance(scanner.client, ra.OrdersFile) else ()
    states = {order.number: order.state for order in in_file}
    pending = [order.number for order in scanner.client.pending_orders() if isinstance(order, Order)]
    for number in numbers:
        shown = escape_unprintable(number)
        if number in states:
            message = f"Order {shown} is not pending: its state in the orders file is {states[number]}."
            yield NamedOrder(message, ExitCode.SUCCESS)
        elif number in in_ledger:
            message = f"Order {shown} is not pending: its state in the ledger is {in_ledger[number]}."
            yield NamedOrder(message, ExitCode.SUCCESS)
        else:
            near = get_close_matches(number, pending, n=1)
            cure = (
                f"did you mean {escape_unprintable(near[0])}?"
                if near
                else "check the number, and the order in the shop"
            )
            yield NamedOrder(f"No pending order has the number {shown}; {cure}", ExitCode.WRONG_SETTING)

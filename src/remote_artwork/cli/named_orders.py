"""The orders that ``--order`` names and no report can mention, because the shop does not list them as pending."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from attrs import frozen

import remote_artwork as ra
from remote_artwork.core.report import UnknownOrder
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


def find_not_pending(scanner: ra.Scanner, report: ra.ScanReport) -> list[NamedOrder]:
    """Explain each unknown number of the report. The orders file and the ledger may know its order.

    Nothing is said if a part could not be used: then the list of orders may be incomplete.
    """
    if not report.unknown_orders or report.faults:
        return []
    try:
        return list(_explain(scanner, report.unknown_orders))
    except Exception as error:  # the shop's code may raise anything; the scan itself is done
        log.warning("orders_not_explained", exc_info=redact_error(error))
        return []


def _explain(scanner: ra.Scanner, unknown: Sequence[UnknownOrder]) -> Iterator[NamedOrder]:
    records = scanner.ledger.find(scanner.tenant, order_numbers=[order.order_number for order in unknown])
    in_ledger = {record.order_number: record.state for record in records}
    in_file = scanner.client.orders() if isinstance(scanner.client, ra.OrdersFile) else ()
    states = {order.number: order.state for order in in_file}
    for order in unknown:
        number = order.order_number
        shown = escape_unprintable(number)
        if number in states:
            message = f"Order {shown} is not pending: its state in the orders file is {states[number]}."
            yield NamedOrder(message, ExitCode.SUCCESS)
        elif number in in_ledger:
            message = f"Order {shown} is not pending: its state in the ledger is {in_ledger[number]}."
            yield NamedOrder(message, ExitCode.SUCCESS)
        else:
            said = escape_unprintable(order.reason)
            yield NamedOrder(f"{said[0].upper()}{said[1:]}", ExitCode.WRONG_SETTING)

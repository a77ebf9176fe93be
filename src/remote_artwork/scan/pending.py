"""Fetch the pending orders of the shop, and find out whether their numbers are unique.

A file belongs to the one order whose number is in its name. So before anything is sent, it must be known that no other
pending order has that number. The whole list of pending orders shows it, and so does a shop that finds all orders with
a number. A part of the list does not. Files that are reused belong to every order of a product, so nothing must be
known then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from functools import partial

from attrs import evolve, field, frozen

from remote_artwork.activity import Measurement
from remote_artwork.client import FulfillmentClient, OrderFinder, order_finder, promises_unique_numbers
from remote_artwork.core.events import ShopCalled
from remote_artwork.core.expected import needed_prints
from remote_artwork.core.orders import Order, OrderState, UnreadableOrder
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import Fault, ItemOutcome, ItemStatus
from remote_artwork.core.text import redact_error, spellings
from remote_artwork.errors import ClientError, ConfigurationError, LedgerError
from remote_artwork.retry import RetryPolicy

log: logging.Logger = logging.getLogger(__name__)

Limited = Callable[[], AbstractContextManager[None]]
"""Waits until a call of the client may be made, which the block makes."""

_MOST_NUMBERS_TO_FIND = 1_000
"""For more numbers than this, the whole list of pending orders is read."""


@frozen(kw_only=True)
class PendingOrders:
    """The pending orders that the shop returned.

    Args:
        orders: Order id → order.
        twins: Further pending orders that the client found by number.
        unreadable: Orders that the client could not read.
        others: Orders in the list that are not pending.
        duplicate_ids: Ids that the shop returned twice with different content.
        fault: Why the list is incomplete; None if it is complete.
        hold: Why no order may be sent: it is not known whether its number is unique. None if it is known.
        hold_shared_names: As ``hold``, but only for orders that expect a file name which an order with another number
            could expect, too.
        known_numbers: Numbers whose orders are all known, although the list is incomplete.
        found_by_number: Whether only the orders with some numbers were read, and not the list.
    """

    orders: Mapping[str, Order]
    twins: tuple[Order, ...] = ()
    unreadable: tuple[UnreadableOrder, ...] = ()
    others: tuple[Order, ...] = ()
    duplicate_ids: frozenset[str] = frozenset()
    fault: Fault | None = None
    hold: Reason | None = None
    hold_shared_names: Reason | None = None
    known_numbers: Collection[str] = frozenset()
    found_by_number: bool = False

    @property
    def claimants(self) -> list[Order]:
        """All orders that a file may belong to."""
        return [*self.orders.values(), *self.twins]

    @property
    def other_numbers(self) -> list[tuple[str, str]]:
        """Number and id of the orders that could not be read."""
        return [(order.number, order.id) for order in self.unreadable if order.number]

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all orders in the list."""
        ids = {order.id for order in self.others} | {order.id for order in self.unreadable if order.id}
        return frozenset(ids.union(self.orders))

    @property
    def complete(self) -> bool:
        """Whether the list is complete, and names the id of each order."""
        return self.fault is None and all(order.id for order in self.unreadable)

    def hold_for(self, order: Order, basenames: Iterable[str], pattern: FilenamePattern) -> Reason | None:
        """Why this order may not be sent; None if nothing holds it."""
        if self.hold is not None or self.hold_shared_names is None:
            return self.hold
        known = {*spellings(order.number), *self.known_numbers}
        possible = [pattern.all_order_numbers(basename) for basename in basenames]
        shared = any(numbers is None or not numbers <= known for numbers in possible)
        return self.hold_shared_names if shared else None

    def other_outcomes(self, numbers: Collection[str] | None) -> list[ItemOutcome]:
        """The outcomes of the orders in the list that cannot be planned.

        Args:
            numbers: The numbers of the orders to report; None: all.
        """
        outcomes = [_outcome(order.number or "", order.id, *_unreadable(order)) for order in self.unreadable]
        outcomes += [_outcome(order.number, order.id, *_not_planned(order)) for order in self.others]
        return [outcome for outcome in outcomes if numbers is None or outcome.order_number in numbers]


def _outcome(number: str, order_id: str, status: ItemStatus, because: Reason) -> ItemOutcome:
    return ItemOutcome(order_number=number, item_number="", order_id=order_id, status=status, because=because)


def _unreadable(order: UnreadableOrder) -> tuple[ItemStatus, Reason]:
    return ItemStatus.FAILED, reason("order_unreadable", order_id=order.id, error=order.error)


def _not_planned(order: Order) -> tuple[ItemStatus, Reason]:
    return ItemStatus.CANCELLED, reason("listed_but_not_pending", state=str(order.state))


@frozen
class _List:
    """The list of pending orders, as far as it was read."""

    orders: dict[str, Order] = field(factory=dict)
    unreadable: list[UnreadableOrder] = field(factory=list)
    others: dict[str, Order] = field(factory=dict)
    duplicate_ids: set[str] = field(factory=set)

    def add(self, order: object, *, method: str = "pending_orders") -> None:
        if isinstance(order, UnreadableOrder):
            self.unreadable.append(order)
        elif not isinstance(order, Order):
            raise ClientError(f"{method} returned {type(order).__name__}, not an Order; correct the client")
        elif order.state is not OrderState.PENDING:
            self.others[order.id] = order
        elif self.orders.setdefault(order.id, order) != order:
            self.duplicate_ids.add(order.id)


def fetch_by_number(
    client: FulfillmentClient,
    numbers: Collection[str],
    pattern: FilenamePattern,
    retry: RetryPolicy,
    limited: Limited,
) -> PendingOrders | None:
    """Fetch the pending orders with these numbers by one call, if the client finds orders by number.

    If an order with another number could expect one of their files, a second call finds the orders with those numbers.

    Args:
        client: The shop.
        numbers: The numbers of the orders.
        pattern: Shows which numbers an order with the same file name could have.
        retry: How temporary errors are retried.
        limited: Waits until a call may be made, which the block makes.

    Returns:
        The orders; None if the whole list has to be read.

    Raises:
        ConfigurationError: The client reports that its configuration prevents reading the orders.
        LedgerError: It is not known whether a call may be made.
    """
    finder = order_finder(client)
    if finder is None or len(numbers) > _MOST_NUMBERS_TO_FIND:
        return None
    found = _List()

    def find(numbers: Collection[str]) -> None:
        for order in retry.call(lambda: _find(finder, numbers, limited), on=ClientError):
            found.add(order, method="find_orders")

    asked = {form for number in numbers for form in spellings(number)}
    fault = None
    try:
        if asked:
            find(asked)
        possible, complete = _possible_numbers(found.orders.values(), pattern)
        if not complete:
            return None
        if others := possible - asked:
            find(others)
    except (ConfigurationError, LedgerError):
        raise
    except Exception as error:  # the shop's code may raise anything; then nothing is known
        log.warning("find_orders_failed", extra={"numbers": len(asked)}, exc_info=redact_error(error))
        found = _List()
        fault = Fault(part="client", because=reason("orders_not_read", error=_message(error)))
    pending = PendingOrders(
        orders=found.orders,
        unreadable=tuple(found.unreadable),
        duplicate_ids=frozenset(found.duplicate_ids),
        fault=fault,
        found_by_number=True,
    )
    because = _list_problem(pending, pattern)
    if because is not None and promises_unique_numbers(client):
        return evolve(pending, hold_shared_names=because)
    return evolve(pending, hold=because)


def _find(finder: OrderFinder, numbers: Collection[str], limited: Limited) -> list[Order | UnreadableOrder]:
    with limited(), Measurement(partial(ShopCalled, method="find_orders")):
        return list(finder.find_orders(sorted(numbers)))


def fetch_pending(
    client: FulfillmentClient, pattern: FilenamePattern, retry: RetryPolicy, limited: Limited, *, tenant: str
) -> PendingOrders:
    """Fetch all pending orders. If the shop fails midway, keep the orders received until then.

    Args:
        client: The shop.
        pattern: Shows which numbers an order with the same file name could have.
        retry: How temporary errors are retried.
        limited: Waits until a call may be made, which the block makes.
        tenant: The tenant, for the log.

    Raises:
        ConfigurationError: The client reports that its configuration prevents reading the orders.
        LedgerError: It is not known whether a call may be made.
    """
    listed = _List()

    def read_all() -> None:
        nonlocal listed
        listed = _List()
        with limited(), Measurement(partial(ShopCalled, method="pending_orders")):
            for order in client.pending_orders():
                listed.add(order)

    fault = None
    try:
        retry.call(read_all, on=ClientError)
    except (ConfigurationError, LedgerError):
        raise
    except Exception as error:  # the shop's code may raise anything; the scan continues with the orders received
        received = {"tenant": tenant, "received": len(listed.orders)}
        log.warning("pending_orders_broke_off", extra=received, exc_info=redact_error(error))
        fault = Fault(part="client", because=reason("list_broke_off", error=_message(error)))
    pending = PendingOrders(
        orders=listed.orders,
        unreadable=tuple(listed.unreadable),
        others=tuple(order for order in listed.others.values() if order.id not in listed.orders),
        duplicate_ids=frozenset(listed.duplicate_ids),
        fault=fault,
    )
    return _with_uniqueness(pending, client, pattern, retry, limited)


def _with_uniqueness(
    pending: PendingOrders, client: FulfillmentClient, pattern: FilenamePattern, retry: RetryPolicy, limited: Limited
) -> PendingOrders:
    """Find out whether the numbers are unique, where the list does not show it."""
    because = _list_problem(pending, pattern)
    if because is None or not pending.orders:
        return pending
    finder = order_finder(client)
    if finder is not None:
        numbers, _ = _possible_numbers(pending.orders.values(), pattern)
        try:
            found = retry.call(lambda: _find(finder, numbers, limited), on=ClientError)
            # An order with a number that was not asked for may expect one of the files, also because of a manifest.
            return evolve(_with_found(pending, found, because), hold_shared_names=because, known_numbers=numbers)
        except (ConfigurationError, LedgerError):
            raise
        except Exception as error:  # the shop's code may raise anything; then nothing is known
            log.warning("find_orders_failed", extra={"numbers": len(numbers)}, exc_info=redact_error(error))
            if not promises_unique_numbers(client):
                return evolve(pending, hold=reason("orders_not_found", error=_message(error)))
    if promises_unique_numbers(client):
        return evolve(pending, hold_shared_names=because)
    return evolve(pending, hold=because)


def _list_problem(pending: PendingOrders, pattern: FilenamePattern) -> Reason | None:
    """Why the list does not show whether a number is unique; None if it does, or if file names have no number."""
    if pattern.is_reusable:
        return None
    if pending.fault is not None:
        return reason("numbers_not_known")
    unknown = next((order for order in pending.unreadable if order.number is None), None)
    return None if unknown is None else reason("unreadable_number", order_id=unknown.id)


def _with_found(pending: PendingOrders, found: Iterable[object], because: Reason) -> PendingOrders:
    listed = _List()
    for order in found:
        listed.add(order)
    if any(order.number is None for order in listed.unreadable):
        return evolve(pending, hold=because)
    returned = {*listed.orders, *listed.others, *(order.id for order in listed.unreadable)}
    if omitted := [order for order_id, order in pending.orders.items() if order_id not in returned]:
        problem = f"find_orders did not return the order {omitted[0].number!r} (id {omitted[0].id}) itself"
        return evolve(pending, hold=reason("orders_not_found", error=problem))
    known = {(order.id, order.number) for order in pending.unreadable}
    return evolve(
        pending,
        twins=tuple(order for order_id, order in listed.orders.items() if order_id not in pending.orders),
        unreadable=(
            *pending.unreadable,
            *(order for order in listed.unreadable if (order.id, order.number) not in known),
        ),
    )


def _possible_numbers(orders: Iterable[Order], pattern: FilenamePattern) -> tuple[set[str], bool]:
    """The numbers with which another order would expect one of these orders' files, in each spelling.

    Returns:
        The numbers, and whether there can be no others.
    """
    numbers: set[str] = set()
    complete = True
    for order in orders:
        numbers.update(spellings(order.number))
        for item, placement in needed_prints(order):
            with suppress(ValueError):  # no file can have this name
                possible = pattern.all_order_numbers(pattern.render(order, item, placement))
                complete = complete and possible is not None
                for number in possible or ():
                    numbers.update(spellings(number))
    return numbers, complete


def _message(error: Exception) -> str:
    return str(error) if isinstance(error, ClientError) else f"{type(error).__name__}: {error}"

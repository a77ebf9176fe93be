"""The interfaces that a shop or an extension implements.

All methods are synchronous. Each docstring says which threads call its methods.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import timedelta
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from math import inf
from typing import Protocol, cast, runtime_checkable

from remote_artwork.core.alerts import AlertRecord, Digest
from remote_artwork.core.events import Event
from remote_artwork.core.lifecycle import (
    FileRecord,
    FulfillState,
    Lease,
    LedgerWrite,
    OrderClaim,
    OrderKey,
    OrderRecord,
    Step,
)
from remote_artwork.core.orders import (
    Artwork,
    ArtworkByItem,
    Attaching,
    Order,
    OrderItem,
    Recovery,
    StoredFile,
    UnreadableOrder,
)
from remote_artwork.core.report import Finding
from remote_artwork.errors import ConfigurationError, LedgerError

__all__ = [
    "AlertStore",
    "ArtworkAttacher",
    "ArtworkByItem",
    "ArtworkReader",
    "CallLimiter",
    "CallPermit",
    "FulfillmentClient",
    "Ledger",
    "Notifier",
    "Observer",
    "OrderArtworkAttacher",
    "OrderFinder",
    "PreflightCheck",
    "RequestLimiter",
]

_LONGEST_CALL = timedelta(days=7)


@runtime_checkable
class FulfillmentClient(Protocol):
    """Access to the orders of a shop. Implement it once for each shop system.

    Methods raise the subclasses of ``ClientError``. Each of them except ``OutcomeUnknown`` promises that the call had
    no effect. ``RateLimited`` and ``Unavailable`` are retried in the same scan; ``Unavailable`` from ``fulfill`` only
    with ``Recovery.IDEMPOTENT``. Any other exception from a method that attaches files or from ``fulfill`` counts as
    ``OutcomeUnknown``.

    The ``order`` that these methods receive is what ``get_order`` returned a moment ago, in the same scan. It was
    pending then, and the same work as in the list: rely on its ids, items and approval, and do not read it again. It
    may have changed since, so do not rely on its state: the shop must refuse an order that does not wait any more in
    the same step that would have the effect. Raise ``NotPending`` then. There is no need to read the order to see
    whether it is fulfilled: ``AlreadyFulfilled`` is more exact, but the scanner reads the order itself.

    A client may have two more members: the attribute ``numbers_unique = True`` promises that no two orders of the shop
    have the same number, and ``find_orders`` of ``OrderFinder`` finds orders by number. Both help if the list of orders
    cannot be read completely. With ``find_orders``, a scan of some orders does not read the list at all.

    Two more attributes say how many calls the shop accepts:

    - ``concurrent_calls``: how many calls may run at once, 1 unless given. With 1, every call comes from the thread
      that called ``scan()``. Above 1, ``get_order``, ``fulfill`` and the methods that attach files come from several
      threads at once, each with a copy of the context variables of that thread. The scanner starts with 4 calls at
      once and makes more while the shop does not become slower.
    - ``calls_per_second``: how many calls may start per second, as a number above zero. None unless given: a shop that
      raises ``RateLimited`` is called less often. Count calls, not requests: if a method sends two requests to a shop
      that allows 10 requests per second, declare 5.

    The three properties may be class attributes. A client with ``Attaching.SEPARATE`` also has the method of
    ``ArtworkAttacher``, and one with ``Attaching.PER_ORDER`` that of ``OrderArtworkAttacher``.
    """

    @property
    def recovery(self) -> Recovery:
        """What a second ``fulfill`` of the same order does."""

    @property
    def attaching(self) -> Attaching:
        """Whether files are attached by a call for each item, by one for each order, or by ``fulfill``."""

    @property
    def call_limit(self) -> timedelta:
        """The longest time that a call may be in flight. After it, ``get_order`` shows the effect of the call.

        Above zero, and at most seven days. If a scanner dies, its order stays locked for this time and one minute.
        """

    def pending_orders(self) -> Iterable[Order | UnreadableOrder]:
        """Returns all orders that wait for approval, from every page of the shop. May be a generator. No effect.

        An order that cannot be read is returned as an ``UnreadableOrder``, and does not stop the others.

        Raises:
            ClientError: Reading failed. An order that is not in the list may have the same number as one that is, so
                nothing is sent then, unless the client promises ``numbers_unique`` or has ``find_orders``.
        """

    def get_order(self, order_id: str) -> Order:
        """Returns one order as it is now, in any state. No effect.

        Raises:
            OrderGone: The shop does not know the order.
        """

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """Confirms the order, so that it is printed and charged.

        Args:
            order: The order as ``get_order`` returned it a moment ago.
            artworks: Item number → artworks, for every item that requires artwork.
            idempotency_key: The same for every attempt to fulfill this approval of the order.

        Returns:
            The receipt of the shop, as text or a positive number; None if it has none. Anything else, such as False, 0
            or an object of another library, counts as ``OutcomeUnknown``.

        Raises:
            AlreadyFulfilled, NotPending, OrderGone, PaymentRequired, ArtworkRejected, ArtworkUnreachable: The shop
                refused. There was no effect.
            OutcomeUnknown: The call may have had its effect.
        """


@runtime_checkable
class ArtworkAttacher(Protocol):
    """The additional method of a client with ``Attaching.SEPARATE``. Other clients do not need it."""

    def attach_artwork(
        self, order: Order, item: OrderItem, artworks: Sequence[Artwork], *, idempotency_key: str
    ) -> None:
        """Sets the artworks of one item, one for each placement. Replaces earlier ones, so a second call is harmless.

        Args:
            order: The order as ``get_order`` returned it a moment ago.
            item: An item of this order.
            artworks: The files, one for each placement of the item.
            idempotency_key: The same for every attempt to attach these files to this item.

        Returns:
            Nothing. Any answer that is not valid as a receipt of ``fulfill`` counts as ``OutcomeUnknown``.

        Raises:
            ArtworkRejected: The shop refuses a file.
            ArtworkUnreachable: The shop could not download a file.
            NotPending, OrderGone, ItemNotFound: The order or item changed since it was read.
            OutcomeUnknown: The call may have had its effect.
        """


@runtime_checkable
class OrderArtworkAttacher(Protocol):
    """The additional method of a client with ``Attaching.PER_ORDER``. Other clients do not need it."""

    def attach_order(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> None:
        """Sets the artworks of all items of an order. Replaces earlier ones, so a second call is harmless.

        If it raises any error except ``OutcomeUnknown``, no item has new artwork. If some have, because the shop
        needs several requests and one failed, raise ``OutcomeUnknown``: a later scan sets all of them again.

        Args:
            order: The order as ``get_order`` returned it a moment ago.
            artworks: Item number → artworks, one for each placement, for every item that requires artwork.
            idempotency_key: The same for every attempt to attach these files to this order.

        Returns:
            Nothing. Any answer that is not valid as a receipt of ``fulfill`` counts as ``OutcomeUnknown``.

        Raises:
            ArtworkRejected: The shop refuses the file of one item. Name it with ``item_number``.
            ArtworkUnreachable: The shop could not download a file.
            NotPending, OrderGone, ItemNotFound: The order or one of its items changed since it was read.
            OutcomeUnknown: The call may have had its effect, or a part of it.
        """


class OrderFinder(Protocol):
    """An optional method of a client: finds orders by number.

    ``scan(orders=…)`` calls it in place of ``pending_orders``. Other scans call it when the list of pending orders
    could not be read completely.
    """

    def find_orders(self, numbers: Collection[str]) -> Iterable[Order | UnreadableOrder]:
        """Returns all orders that have one of these numbers, in any state. No effect.

        A number may be used twice, so the result must be complete: it shows whether a file can belong to a second
        order. Do not use a search index that is behind. If the result does not include an order that the list had,
        nothing is sent.

        Args:
            numbers: Order numbers, usually a few. A number with accents is given in each of its Unicode forms.

        Raises:
            ClientError: Reading failed. Nothing is sent then.
        """


def order_finder(client: FulfillmentClient) -> OrderFinder | None:
    """The client as one that finds orders by number; None if it does not."""
    return cast("OrderFinder", client) if getattr(client, "find_orders", None) is not None else None


def promises_unique_numbers(client: FulfillmentClient) -> bool:
    """Whether the client promises that no two orders of the shop have the same number."""
    return getattr(client, "numbers_unique", False) is True


def attacher(client: FulfillmentClient) -> ArtworkAttacher:
    """Returns the client as one that attaches files by a separate call.

    Raises:
        ConfigurationError: It has no ``attach_artwork``.
    """
    if not isinstance(client, ArtworkAttacher):
        raise ConfigurationError(
            f"{type(client).__name__} has no method attach_artwork; add it, or set attaching to Attaching.WITH_FULFILL"
        )
    return client


def order_attacher(client: FulfillmentClient) -> OrderArtworkAttacher:
    """Returns the client as one that attaches the files of a whole order by one call.

    Raises:
        ConfigurationError: It has no ``attach_order``.
    """
    if not isinstance(client, OrderArtworkAttacher):
        raise ConfigurationError(
            f"{type(client).__name__} has no method attach_order; add it, or set attaching to Attaching.SEPARATE or "
            "Attaching.WITH_FULFILL"
        )
    return client


def client_problem(client: FulfillmentClient) -> str | None:
    """What is wrong with the declarations of a client; None if nothing is."""
    if problem := _method_problem(client):
        return problem
    for name, kind in (("recovery", Recovery), ("attaching", Attaching), ("call_limit", timedelta)):
        if not isinstance(getattr(client, name, None), kind):
            return f"{type(client).__name__}.{name} must be a {kind.__name__}; see FulfillmentClient"
    if not timedelta(0) < client.call_limit <= _LONGEST_CALL:
        return (
            f"{type(client).__name__}.call_limit is {client.call_limit}; set it to the longest time that a call may be "
            f"in flight, above zero and at most {_LONGEST_CALL.days} days"
        )
    if not isinstance(getattr(client, "numbers_unique", False), bool):
        return f"{type(client).__name__}.numbers_unique must be True or False; see FulfillmentClient"
    try:
        if client.attaching is Attaching.SEPARATE:
            attacher(client)
        elif client.attaching is Attaching.PER_ORDER:
            order_attacher(client)
    except ConfigurationError as error:
        return str(error)
    return _speed_problem(client)


def _speed_problem(client: FulfillmentClient) -> str | None:
    """What is wrong with the number of calls that the client allows."""
    calls: object = getattr(client, "concurrent_calls", 1)
    if not isinstance(calls, int) or isinstance(calls, bool) or calls < 1:
        return (
            f"{type(client).__name__}.concurrent_calls is {calls!r}; set it to the number of calls that may run at "
            "once, a whole number from 1"
        )
    rate: object = getattr(client, "calls_per_second", None)
    if rate is None:
        return None
    if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 < rate < inf:
        return (
            f"{type(client).__name__}.calls_per_second is {rate!r}; set it to the number of calls that the shop allows "
            "per second, above zero, or to None if it is not known"
        )
    return None


def _method_problem(client: FulfillmentClient) -> str | None:
    """Which method would return before it runs."""
    for name in ("pending_orders", "get_order", "attach_artwork", "attach_order", "fulfill", "find_orders"):
        if _is_async(getattr(client, name, None)):
            return (
                f"{type(client).__name__}.{name} is an async method, and it would never run; use AsyncScanner, or make "
                "it a plain method that waits for the result"
            )
    for name in ("get_order", "attach_artwork", "attach_order", "fulfill"):
        if isgeneratorfunction(getattr(client, name, None)):
            return (
                f"{type(client).__name__}.{name} is a generator, and it would never run; make it a plain method that "
                "returns its result, without yield"
            )
    return None


def _is_async(method: object) -> bool:
    """Whether calling it returns a coroutine or an asynchronous generator, and runs nothing."""
    call = getattr(method, "__call__", None)  # noqa: B004 - of an object that is called like a method
    return any(is_async(each) for is_async in (iscoroutinefunction, isasyncgenfunction) for each in (method, call))


@runtime_checkable
class Ledger(Protocol):
    """Durable record of what a scan has begun and completed. Called by several threads and processes at once."""

    def claim(
        self, orders: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> Sequence[Lease | LedgerError | None]:
        """Leases several orders in one durable transaction. Creates the row of an order if there is none.

        An order that cannot be leased does not stop the others. If an order is named twice, it is claimed twice.

        Args:
            orders: The orders. Without any, there is no transaction.
            owner: The scanner that holds the leases. It may claim an order again; its older lease cannot write then.
            lease_for: How long the leases last, by the clock of the ledger.

        Returns:
            The answer for each order, in the same sequence: the lease with the current row; None while another owner
            holds a lease; an error if this order alone cannot be leased. An ``OrderNotStored`` is one of these errors.

        Raises:
            LedgerUnavailable: Some orders, or none, were leased. Repeat the call.
        """

    def advance(self, writes: Sequence[LedgerWrite]) -> Sequence[LedgerError | None]:
        """Writes the steps of several leases in one durable transaction, and renews or ends the leases.

        All steps of a write are written, or none. Each row must still be in ``step.before``. A write that is refused
        does not stop the others. Several writes of one order are applied in their sequence. ``apply_write`` implements
        these rules.

        Repeating the last write of a lease succeeds and changes nothing. So a write whose outcome is unknown can be
        repeated, together with any other writes.

        Args:
            writes: The writes. Without any, there is no transaction.

        Returns:
            The answer for each write, in the same sequence: None if it is durable, or the error if nothing of it was
            written. ``LeaseLost``: another owner has the order, or a row is in another state. ``OrderNotStored``: the
            ledger cannot store the text of this order. Another ``LedgerError``: the row cannot be read or written.

        Raises:
            LedgerUnavailable: Some writes, or none, were written. Repeat them.
        """

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        file_names: Collection[str] | None = None,
        unresolved: bool = False,
        state: FulfillState | None = None,
    ) -> Iterable[OrderRecord]:
        """Returns the rows of orders that are selected by id, number, file or an unresolved call. Never writes.

        An order is returned once, however many of these select it. Without any, all rows of the tenant are returned.

        Args:
            tenant: The tenant of the rows.
            order_ids: Selects orders with these ids.
            order_numbers: Selects orders with these numbers.
            file_names: Selects orders that have a file of these names, or with these ``path_key``, in ``used_files``,
                and what ``forget`` kept of such orders. A file has a name if ``file_key`` of the name is one of its
                ``lookup_keys``.
            unresolved: Selects orders with an unresolved call (``OrderRecord.is_unresolved``).
            state: Returns only orders in this state.
        """

    def find_used_files(self, tenant: str, names: Collection[str]) -> Iterable[FileRecord]:
        """Returns the files with these names in the ``used_files`` of all orders, and in what ``forget`` kept of them.

        Never writes. A scan asks for the names of all files in a location, up to 100,000: it must be fast.

        Args:
            tenant: The tenant of the rows.
            names: Names of files. The ledger may also return files with other spellings of these names.
        """

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_scans: int) -> int:
        """Records one complete scan of the tenant, and deletes rows of orders that are no longer pending.

        A row is deleted if its order was not in ``still_pending`` for ``silent_scans`` scans in a row and for
        ``min_age``, and the row did not change during that time. Rows of unresolved calls
        (``OrderRecord.is_unresolved``) are kept. Of a row with ``used_files``, the ledger keeps a record with its key,
        its number, its last state and these files for good, with ``forgotten=True``. Only ``find`` by ``file_names``
        returns it.

        Returns:
            The number of orders deleted.
        """


def claim_one(ledger: Ledger, key: OrderKey, *, order_number: str, owner: str, lease_for: timedelta) -> Lease | None:
    """Lease one order.

    Returns:
        The lease; None while another owner holds one.

    Raises:
        LedgerError: The order was not leased, or the outcome is unknown.
    """
    [answer] = ledger.claim([OrderClaim(key=key, order_number=order_number)], owner=owner, lease_for=lease_for)
    if isinstance(answer, LedgerError):
        raise answer
    return answer


def advance_one(ledger: Ledger, lease: Lease, steps: Iterable[Step] = (), *, release: bool = False) -> None:
    """Write the steps of one lease. Without steps, only renew or release it.

    Raises:
        LedgerError: Nothing was written, or the outcome is unknown (``LedgerUnavailable``).
    """
    [refused] = ledger.advance([LedgerWrite(lease=lease, steps=tuple(steps), release=release)])
    if refused is not None:
        raise refused


@runtime_checkable
class AlertStore(Protocol):
    """Keeps which open problems were reported to each merchant. Called by several threads and processes at once."""

    def read_alerts(self, tenant: str, location: str) -> AlertRecord:
        """Returns the record of one location of a tenant. Never writes.

        Raises:
            LedgerError: The record could not be read.
        """

    def write_alerts(
        self, record: AlertRecord, state: str, *, claim_for: timedelta | None = None
    ) -> AlertRecord | None:
        """Replaces the state of a record, in one durable transaction.

        Args:
            record: As ``read_alerts`` or the last ``write_alerts`` returned it.
            state: The new state.
            claim_for: How long the record is claimed from now on, by the clock of the store; None ends the claim. A
                claim prevents no write: other workers see it in the record, and do not send a message.

        Returns:
            The record as written; None if another worker has written it since, and then nothing is written.

        Raises:
            LedgerError: The record was not written, or the outcome is unknown.
        """


@runtime_checkable
class Notifier(Protocol):
    """Delivers messages to people. Called by one thread at a time for each merchant."""

    def send(self, digest: Digest) -> None:
        """Delivers a digest. It must return or raise within a minute.

        Raises:
            AlertNotDelivered: It was not delivered. The next scan sends it again, with what changed until then. Every
                other exception counts as this one.
        """


@runtime_checkable
class ArtworkReader(Protocol):
    """Reads one file of a storage in parts. A part is fetched only once."""

    @property
    def file(self) -> StoredFile:
        """The file, as the storage described it last."""

    def read(self, start: int, length: int) -> bytes:
        """Returns the bytes from ``start`` to ``start + length``; fewer at the end of the file.

        Raises:
            FileGone: The file does not exist any more.
            StorageError: The file could not be read.
        """


@runtime_checkable
class PreflightCheck(Protocol):
    """Checks a file before it is printed. The content of a file must never make it raise.

    Called by several threads at once, each with another file, unless ``Scanner(orders_at_once=1)`` is set.
    """

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:
        """Returns what is wrong with the file for this item; nothing if it passes."""


@runtime_checkable
class Observer(Protocol):
    """Receives the events of a scan while it runs, for progress bars, metrics and messages.

    Called by the thread of the scan, which waits for it: put slow work on a queue. It cannot call the scanner, which
    raises ``ConfigurationError`` then, and it must not wait for another thread that does. An exception is logged once
    for each scan and does not stop the scan.
    """

    def on_event(self, event: Event) -> None:
        """Handles one event. Ignore event types that you do not use; new releases may add some."""


class RequestLimiter(Protocol):
    """Limits how many requests run at once at one storage endpoint. Thread-safe. ``fleet.StorageBudget`` has one."""

    def request(self, endpoint: str) -> AbstractContextManager[None]:
        """Waits until a request may run, which the block makes.

        Args:
            endpoint: Names the endpoint, for example ``https://nyc3.digitaloceanspaces.com``.
        """

    def reserve(self, endpoint: str) -> AbstractContextManager[None]:
        """Waits until a request may run, and keeps its place during the block.

        Requests in the block, and in threads that run in a copy of its context, use this place one after another.
        """


class CallPermit(Protocol):
    """The right to make some calls of a shop API."""

    def call(self) -> AbstractContextManager[None]:
        """One call, which the block makes. Never waits."""

    def close(self) -> None:
        """Gives back the calls that were not made."""


class CallLimiter(Protocol):
    """Limits how many calls of a shop API start per second. Thread-safe. ``fleet.CallBudget`` is one."""

    def acquire(self, calls: int, *, tenant: str, is_needed: Callable[[], bool]) -> CallPermit | None:
        """Waits until so many calls may be made, one after another.

        Args:
            calls: How many.
            tenant: The tenant that makes them.
            is_needed: Whether the calls are still to be made. It is called often, and must not wait.

        Returns:
            None if they are no longer needed.

        Raises:
            LedgerError: It is not known whether calls may be made.
        """


@contextmanager
def limited_call(limiter: CallLimiter | None, *, tenant: str) -> Iterator[None]:
    """Wait until the limiter lets one call start, and make it in the block.

    Raises:
        LedgerError: It is not known whether the call may be made. The block did not run.
    """
    permit = limiter.acquire(1, tenant=tenant, is_needed=lambda: True) if limiter else None
    with closing(permit) if permit else nullcontext(), permit.call() if permit else nullcontext():
        yield


def concurrent_calls(client: FulfillmentClient) -> int:
    """How many calls of the client may run at once. ``client_problem`` has validated it."""
    return cast("int", getattr(client, "concurrent_calls", 1))


def calls_per_second(client: FulfillmentClient) -> float | None:
    """How many calls may start per second; None if the client does not say it. ``client_problem`` has validated it."""
    return cast("float | None", getattr(client, "calls_per_second", None))

"""Every interface of the house. A host or an extension implements one of these; nothing else is asked of it.

All of them are synchronous, and one instance is called by one thread at a time unless a docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Protocol, runtime_checkable

from remote_artwork.core.events import Event
from remote_artwork.core.lifecycle import FulfillState, Lease, OrderKey, OrderRecord, Step
from remote_artwork.core.orders import Artwork, ArtworkByItem, Attaching, Order, OrderItem, Recovery, StoredFile
from remote_artwork.core.report import Finding

__all__ = ["ArtworkByItem", "ArtworkReader", "FulfillmentClient", "Ledger", "Observer", "PreflightCheck"]

_LONGEST_CALL = timedelta(days=7)


@runtime_checkable
class FulfillmentClient(Protocol):
    """The host's side: its orders, and what may be done to them.

    ``RateLimited`` and ``Unavailable`` are tried again; every ``ClientError`` but ``OutcomeUnknown`` promises that
    the call had no effect. Any other exception out of ``attach_artwork`` or ``fulfill`` counts as ``OutcomeUnknown``.

    The three promises are only read: attributes of the class will do.
    """

    @property
    def recovery(self) -> Recovery:
        """What a repeated ``fulfill`` does."""

    @property
    def attaching(self) -> Attaching:
        """Whether artwork is attached by a call of its own."""

    @property
    def call_limit(self) -> timedelta:
        """The longest a call may be in flight; after it, ``get_order`` shows the call's effect.

        Above zero, and seven days at the most. A scanner that was killed keeps its order for so long and a minute.
        """

    def pending_orders(self) -> Iterable[Order]:
        """All orders that wait for approval. Pages of the host are followed; a generator is fine."""

    def get_order(self, order_id: str) -> Order:
        """One order as it is now, in whatever state.

        Raises:
            OrderGone: The host does not know it any more.
        """

    def attach_artwork(
        self, order: Order, item: OrderItem, artworks: Sequence[Artwork], *, idempotency_key: str
    ) -> None:
        """Sets the artwork of one item, one a placement. Sets, never appends: a repeat replaces.

        Raises:
            ArtworkRejected: The host refuses the file.
            ArtworkUnreachable: The host could not download it.
            NotPending, OrderGone, ItemNotFound: The order is not as it was listed.
        """

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """Confirms the order, so that it is printed and paid for.

        Args:
            order: The order as it was read just before.
            artworks: Item number → its artworks, for every item that requires artwork.
            idempotency_key: The same for every repeat of this order's fulfillment under this approval.

        Returns:
            A receipt the host knows the fulfillment by, where it gives one.

        Raises:
            AlreadyFulfilled, NotPending, OrderGone, PaymentRequired, ArtworkRejected, ArtworkUnreachable: as named.
        """


def client_problem(client: FulfillmentClient) -> str | None:
    """What a client's promises lack, or None; a promise of another type would be read as another promise."""
    for promise, kind in (("recovery", Recovery), ("attaching", Attaching), ("call_limit", timedelta)):
        if not isinstance(getattr(client, promise, None), kind):
            return f"{type(client).__name__}.{promise} must be a {kind.__name__}; see FulfillmentClient"
    if not timedelta(0) < client.call_limit <= _LONGEST_CALL:
        return (
            f"{type(client).__name__}.call_limit is {client.call_limit}; make it the longest that a call may be in "
            f"flight, above zero and {_LONGEST_CALL.days} days at the most"
        )
    return None


@runtime_checkable
class Ledger(Protocol):
    """Durable memory of what was begun and what is done. May be called from several threads and processes."""

    def claim(self, key: OrderKey, *, order_number: str, owner: str, lease_for: timedelta) -> Lease | None:
        """Takes one order for ``lease_for``, by the ledger's own clock, and creates its row when there is none.

        Returns:
            The lease, with the row as it is now; None while another owner's lease runs.

        Raises:
            LedgerUnavailable: Nothing was written.
        """

    def advance(self, lease: Lease, steps: Sequence[Step], *, release: bool = False) -> None:
        """Writes all steps durably and together, each only if its row is still in ``step.before``; renews the lease.

        Without steps it says whether the order is still ours. A repeat of the lease's last write is no error and
        changes nothing, so that a write whose answer was lost can be repeated. ``advance_record`` holds these rules.

        Args:
            lease: The right to write; an epoch older than the row's is refused.
            steps: Arrows that the lifecycle's tables hold.
            release: Gives the lease back with the same write.

        Raises:
            LeaseLost: The order was taken over, or a row is in another state. Nothing was written.
            LedgerUnavailable: It is not known to have been written; the same call may be made again.
        """

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        state: FulfillState | None = None,
    ) -> Iterable[OrderRecord]:
        """The rows of these orders, by id or by number; all of the tenant's when neither is given. Never writes.

        Args:
            tenant: Whose rows.
            order_ids: Only orders with these ids.
            order_numbers: Only orders with these numbers.
            state: Only orders in this state.
        """

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_passes: int) -> int:
        """Counts one whole pass of the tenant, and drops rows the host has stopped naming.

        A row goes when its order's id was not among ``still_pending`` for ``silent_passes`` passes in a row and for
        ``min_age``, and it has not changed for so long either. Rows with an unsettled call (``fulfill_intent``,
        ``uncertain``) stay.

        Returns:
            How many orders were dropped.
        """


@runtime_checkable
class ArtworkReader(Protocol):
    """Reads one file of a storage, piece by piece. Pieces read once are not fetched again."""

    file: StoredFile

    def read(self, start: int, length: int) -> bytes:
        """Bytes ``start`` to ``start + length``, fewer at the end of the file.

        Raises:
            FileGone: It is not there any more.
            StorageError: It could not be read.
        """


@runtime_checkable
class PreflightCheck(Protocol):
    """One check of a file before it goes to print. Never raises for what is in the file.

    Called from several threads at once, each with a file of its own, unless ``Scanner(checks_at_once=1)`` is told.
    """

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:
        """What is to be said of the file; nothing at all means it passes."""


@runtime_checkable
class Observer(Protocol):
    """Is told what happens in a pass while it happens, for progress bars, metrics and messages.

    Called by the thread that makes the pass, which goes on once it returns: what takes long belongs on a queue. What
    it raises is logged, once a pass, and stops nothing.
    """

    def on_event(self, event: Event) -> None:
        """One event; those of kinds that one has no use for are let go by. New kinds may come with new versions."""

"""Doubles that pass every call on, and let ``Faults`` break in before or after it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

from remote_artwork.core.lifecycle import FulfillState, Lease, OrderKey, OrderRecord, Step
from remote_artwork.core.model import Artwork, ArtworkByItem, Attaching, Order, OrderItem, Recovery
from remote_artwork.interfaces import FulfillmentClient, Ledger
from remote_artwork.storage.pagers import RequestKind
from remote_artwork.storage.storage import ArtworkStorage
from remote_artwork.testing.faults import Faults

T = TypeVar("T")


class FaultyClient:
    """A ``FulfillmentClient`` before another one.

    Args:
        client: Gets every call that does not fail before it.
        faults: What is to go wrong.
    """

    def __init__(self, client: FulfillmentClient, faults: Faults) -> None:
        self.client = client
        self.faults = faults

    @property
    def recovery(self) -> Recovery:
        """The other client's promise."""
        return self.client.recovery

    @property
    def attaching(self) -> Attaching:
        """The other client's promise."""
        return self.client.attaching

    @property
    def call_limit(self) -> timedelta:
        """The other client's promise."""
        return self.client.call_limit

    def pending_orders(self) -> Iterable[Order]:
        """See ``FulfillmentClient``. One call, which ends when all orders were read."""
        with self.faults.around("client.pending_orders"):
            yield from self.client.pending_orders()

    def get_order(self, order_id: str) -> Order:
        """See ``FulfillmentClient``."""
        with self.faults.around("client.get_order"):
            return self.client.get_order(order_id)

    def attach_artwork(
        self, order: Order, item: OrderItem, artworks: Sequence[Artwork], *, idempotency_key: str
    ) -> None:
        """See ``FulfillmentClient``."""
        with self.faults.around("client.attach_artwork"):
            self.client.attach_artwork(order, item, artworks, idempotency_key=idempotency_key)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """See ``FulfillmentClient``."""
        with self.faults.around("client.fulfill"):
            return self.client.fulfill(order, artworks, idempotency_key=idempotency_key)


class FaultyLedger:
    """A ``Ledger`` before another one.

    Args:
        ledger: Gets every call that does not fail before it.
        faults: What is to go wrong.
    """

    def __init__(self, ledger: Ledger, faults: Faults) -> None:
        self.ledger = ledger
        self.faults = faults

    def claim(self, key: OrderKey, *, order_number: str, owner: str, lease_for: timedelta) -> Lease | None:
        """See ``Ledger``."""
        with self.faults.around("ledger.claim"):
            return self.ledger.claim(key, order_number=order_number, owner=owner, lease_for=lease_for)

    def advance(self, lease: Lease, steps: Sequence[Step], *, release: bool = False) -> None:
        """See ``Ledger``."""
        with self.faults.around("ledger.advance"):
            self.ledger.advance(lease, steps, release=release)

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        """See ``Ledger``. One call, in which all rows are read."""
        with self.faults.around("ledger.find"):
            return list(self.ledger.find(tenant, order_ids=order_ids, order_numbers=order_numbers, state=state))

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_passes: int) -> int:
        """See ``Ledger``."""
        with self.faults.around("ledger.forget"):
            return self.ledger.forget(tenant, still_pending=still_pending, min_age=min_age, silent_passes=silent_passes)


class FaultyStorage(ArtworkStorage):
    """A second handle on another storage. Each request is a call, repeats of the retry policy included.

    Args:
        storage: Where the files are. It is not changed, but both count their requests together.
        faults: What is to go wrong. An error of the library's own keeps its class; any other is translated like one
            of the storage's client.
    """

    def __init__(self, storage: ArtworkStorage, faults: Faults) -> None:
        self.__dict__.update(vars(storage))
        self.faults = faults
        self.reads_at_once = False  # each call has its number only where they come one after another

    def _ask(
        self, kind: RequestKind, request: Callable[[], T], /, *, name: str | None = None, until: float = math.inf
    ) -> T:
        def watched() -> T:
            with self.faults.around(f"storage.{kind}"):
                return request()

        return super()._ask(kind, watched, name=name, until=until)

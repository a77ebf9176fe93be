"""Whole scans of one order of a client: its files are in place, and the ledger's time passes on demand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import Factory, define, field

from remote_artwork.core.model import ArtworkByItem, Order, Recovery
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.report import ItemStatus
from remote_artwork.interfaces import FulfillmentClient
from remote_artwork.ledgers.memory import MemoryLedger
from remote_artwork.retry import RetryPolicy
from remote_artwork.scanner import Scanner
from remote_artwork.storage.storage import ArtworkStorage
from remote_artwork.testing.faults import Faults
from remote_artwork.testing.faulty import FaultyClient, FaultyLedger, FaultyStorage

PATTERN = FilenamePattern("{order_number}_{order_item_number}[_{placement}]")
PRINT = b"%PDF-1.7\n" + b" " * 99 + b"\n%%EOF\n"
"""As much of a PDF as the checks of every scan look at."""

Statuses = set[ItemStatus]


class Witness(FaultyClient):
    """Passes every call on, and keeps the keys of those calls of ``fulfill`` that came back, by the order's id."""

    def __init__(self, client: FulfillmentClient) -> None:
        super().__init__(client, Faults())
        self.heard: defaultdict[str, list[str]] = defaultdict(list)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """See ``FulfillmentClient``."""
        receipt = super().fulfill(order, artworks, idempotency_key=idempotency_key)
        self.heard[order.id].append(idempotency_key)
        return receipt

    def times(self, order: Order) -> int:
        """How often it was fulfilled, as far as the answers tell; for an idempotent client one key is one time."""
        keys = self.heard[order.id]
        return len(set(keys)) if self.recovery is Recovery.IDEMPOTENT else len(keys)


@define
class Trial:
    """Scans of one order. Every scan is by a fresh scanner, as of a process that has just started.

    Args:
        client: The client on trial.
        order: Its order.
        storage: A place with the order's files; see ``upload``.
        fulfilments: How often the host has fulfilled an order, by a journal of its own.
    """

    client: FulfillmentClient
    order: Order
    storage: ArtworkStorage
    fulfilments: Callable[[Order], int] | None = None
    now: datetime = datetime(2026, 5, 1, tzinfo=UTC)
    witness: Witness = field(init=False, default=Factory(lambda self: Witness(self.client), takes_self=True))
    ledger: MemoryLedger = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.begin(self.client)

    def begin(self, client: FulfillmentClient) -> None:
        """Begins anew, with nothing remembered, on a client whose order waits again."""
        self.client, self.witness = client, Witness(client)
        self.ledger = MemoryLedger(clock=lambda: self.now)

    def scan(self, faults: Faults | None = None) -> Statuses:
        """One pass; the statuses of the items that require artwork."""
        faults = faults or Faults()
        scanner = Scanner(
            FaultyStorage(self.storage, faults),
            FaultyClient(self.witness, faults),
            ledger=FaultyLedger(self.ledger, faults),
            pattern=PATTERN,
            retry=RetryPolicy(sleep=lambda _seconds: None),
        )
        items = scanner.scan(orders=[self.order.number]).items
        return {item.status for item in items if item.status is not ItemStatus.NOT_REQUIRED}

    def scan_later(self) -> Statuses:
        """One pass, once every lease and every call is over."""
        self.now += self.client.call_limit + timedelta(hours=1)
        return self.scan()

    def scan_in_the_end(self) -> Statuses:
        """What the last of three later passes says: one settles, one sends, one finds nothing to do."""
        for _ in range(2):
            self.scan_later()
        return self.scan_later()

    def times_fulfilled(self) -> int:
        """How often the host has fulfilled the order."""
        return (self.fulfilments or self.witness.times)(self.order)


def upload(files: Any, folder: str, order: Order) -> None:
    """Puts a file for every print of the order into a folder of an fsspec file system."""
    for item in order.items:
        for side in item.placements if item.requires_artwork else ():
            files.pipe(f"{folder}/{PATTERN.render(order, item, side)}.pdf", PRINT)

"""A shop in one JSON file: the client that needs no host.

    {"orders": [{"number": "1001", "status": "pending_approval", "items": [{"number": "1"}]}]}

Every field of ``Order`` and ``OrderItem`` may stand there too. Whatever else stands there is kept as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen

from remote_artwork.clients.locked_file import exclusive, replace
from remote_artwork.clients.orders_document import OrdersDocument
from remote_artwork.core.model import Artwork, ArtworkByItem, Attaching, Order, OrderItem, OrderState, Recovery
from remote_artwork.errors import AlreadyFulfilled, ClientError, InvalidOrdersFile, NotPending, Unavailable

PATIENCE = 10.0
"""Seconds a write waits for another process's write."""


def _now() -> datetime:
    return datetime.now(UTC)


@define
class _LastRead:
    """The file's content as it was known last. Both are set at once, as several threads look at them."""

    known: tuple[bytes, OrdersDocument] | None = None


@frozen
class OrdersFile:
    """The orders of a JSON file; a ``FulfillmentClient``. May be used by several threads and processes at once.

    A fulfilled order gets ``status``, ``fulfillment_key``, ``fulfilled_at`` and ``receipt``, and each of its items
    its ``artwork``. A write changes these fields and not a character else, and happens whole or not at all.

    Args:
        path: The file; UTF-8. A symbolic link stays one.
        clock: Tells ``fulfilled_at``.

    Raises:
        InvalidOrdersFile: By every reading call: the file is not there or malformed; names line and field.
        Unavailable: By every call: the file could not be read or written; nothing was changed.
    """

    path: Path = field(converter=Path)
    clock: Callable[[], datetime] = field(default=_now, kw_only=True, repr=False)
    _last: _LastRead = field(factory=_LastRead, init=False, eq=False, repr=False)

    recovery = Recovery.IDEMPOTENT
    attaching = Attaching.SEPARATE
    call_limit = timedelta(seconds=30)

    def pending_orders(self) -> Iterable[Order]:
        """The orders whose status is ``pending_approval`` or ``pending``, in the order of the file."""
        return [order for order in self._read(self.path).orders if order.state is OrderState.PENDING]

    def get_order(self, order_id: str) -> Order:
        """One order as the file has it now.

        Raises:
            OrderGone: It is not in the file.
        """
        document = self._read(self.path)
        return document.orders[document.place_of(order_id)]

    def attach_artwork(
        self,
        order: Order,
        item: OrderItem,
        artworks: Sequence[Artwork],
        *,
        idempotency_key: str,  # noqa: ARG002 - setting the same artwork again changes nothing
    ) -> None:
        """Sets the item's ``artwork``.

        Raises:
            NotPending, OrderGone, ItemNotFound: The order is not as it was listed.
        """

        def change(document: OrdersDocument) -> OrdersDocument:
            place = document.place_of(order.id)
            _insist_on_pending(document.orders[place])
            return document.with_item(place, item.number, {"artwork": _entries(artworks)})

        self._rewrite(change)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """Marks the order fulfilled. A repeat with the same key changes nothing and returns the same receipt.

        Raises:
            AlreadyFulfilled: By hand, or with another key.
            NotPending, OrderGone, ItemNotFound: The order is not as it was read.
        """
        receipt = f"file-{idempotency_key[:16]}"

        def change(document: OrdersDocument) -> OrdersDocument:
            place = document.place_of(order.id)
            now = document.orders[place]
            if now.state is OrderState.FULFILLED:
                if now.fulfillment_key == idempotency_key:
                    return document
                raise AlreadyFulfilled(f"order {now.number!r} is fulfilled already")
            _insist_on_pending(now)
            for number, pieces in artworks.items():
                document = document.with_item(place, number, {"artwork": _entries(pieces)})
            fulfilled = evolve(now, state=OrderState.FULFILLED, fulfillment_key=idempotency_key)
            done = {
                "status": "fulfilled",
                "fulfillment_key": idempotency_key,
                "fulfilled_at": self.clock().isoformat(),
                "receipt": receipt,
            }
            return document.with_order(place, fulfilled, done)

        self._rewrite(change)
        return receipt

    def _read(self, source: Path) -> OrdersDocument:
        try:
            data = source.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            hint = 'give the path of a JSON file such as {"orders": []}'
            raise InvalidOrdersFile(f"{self.path} is not a file ({error.strerror}); {hint}") from error
        except OSError as error:
            raise Unavailable(f"{self.path} could not be read: {error.strerror}") from error
        known = self._last.known
        if known and known[0] == data:  # checking thousands of orders takes far longer than this comparison
            return known[1]
        document = OrdersDocument.parse(data, name=str(self.path))
        self._last.known = data, document
        return document

    def _rewrite(self, change: Callable[[OrdersDocument], OrdersDocument]) -> None:
        try:
            with exclusive(self.path, patience=PATIENCE) as target:
                before = self._read(target)
                after = change(before)
                if after.text != before.text:
                    data = after.data
                    replace(target, data)
                    self._last.known = data, after
        except ClientError:
            raise
        except InvalidOrdersFile as error:  # somebody edits it just now; as it is, it would mean "outcome unknown"
            raise Unavailable(f"nothing was changed: {error}") from error
        except OSError as error:
            raise Unavailable(f"{self.path} could not be written, nothing was changed: {error.strerror}") from error


def _insist_on_pending(order: Order) -> None:
    if order.state is not OrderState.PENDING:
        raise NotPending(f"order {order.number!r} no longer waits for approval: it is {order.state}")


def _entries(artworks: Sequence[Artwork]) -> list[dict[str, Any]]:
    return [_entry(artwork) for artwork in artworks]


def _entry(artwork: Artwork) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "placement": artwork.placement,
        "name": artwork.name,
        "url": artwork.url,
        "expires_at": artwork.expires_at.isoformat() if artwork.expires_at else None,
        "media_type": artwork.media_type,
        "size": artwork.size,
        "version": artwork.version,
    }
    if artwork.last_modified:
        entry["last_modified"] = artwork.last_modified.isoformat()
    if artwork.sha256:
        entry["sha256"] = artwork.sha256
    return entry

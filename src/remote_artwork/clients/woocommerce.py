"""Fulfillment client for the WooCommerce REST API v3: on-hold orders wait; confirmed orders become processing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from remote_artwork.clients.api import Placements, as_an_order, item_of, readable, refuse_unless_pending, text
from remote_artwork.core.orders import (
    DEFAULT_PLACEMENTS,
    Artwork,
    ArtworkByItem,
    Attaching,
    Order,
    OrderItem,
    OrderState,
    Recovery,
)
from remote_artwork.errors import ItemNotFound
from remote_artwork.retry import RetryPolicy

if TYPE_CHECKING:
    from remote_artwork.clients.api import Answer, HostApi

PAGE = 100
"""Orders a page; the host's maximum."""

ARTWORK_META = "_remote_artwork"
"""The field of a line that holds its print files: a list of objects. Its underscore keeps it from the customer."""

KEY_META = "_remote_artwork_key"
"""The field of an order that holds the idempotency key it was confirmed with."""

_STATES = {
    "on-hold": OrderState.PENDING,
    "processing": OrderState.FULFILLED,
    "completed": OrderState.FULFILLED,
    "cancelled": OrderState.CANCELLED,
    "refunded": OrderState.CANCELLED,
    "failed": OrderState.CANCELLED,
    "trash": OrderState.CANCELLED,
}
"""What an order's ``status`` means; any other, such as a plug-in's own, is ``OTHER``."""


def one_file(_line: Mapping[str, Any]) -> Sequence[str]:
    """Every line needs one file."""
    return DEFAULT_PLACEMENTS


class WooCommerceClient:
    """The orders of one shop that are on hold.

    An order's number is its ``number``, an item's number the id of its line. Confirming an order stores our key in it,
    so that a lost answer is settled for certain. Attaching writes the files, with their URLs, into a field of the line.

    Args:
        url: The shop's address, where WordPress is: ``https://shop.example``.
        consumer_key: Of a REST API key that may read and write. Shown nowhere.
        consumer_secret: Its secret.
        placements: Which sides of a line, as the API describes it, need a file; none: the line needs no artwork.
        timeout: Seconds until a connection stands, and between two pieces of an answer.
        retry: How often a question is repeated.

    Raises:
        ConfigurationError: The address is not https; the key would be read on its way.
        MissingExtra: httpx is not installed.
    """

    recovery: ClassVar[Recovery] = Recovery.QUERYABLE
    attaching: ClassVar[Attaching] = Attaching.SEPARATE
    call_limit: timedelta = timedelta(minutes=5)

    def __init__(
        self,
        url: str,
        consumer_key: str,
        consumer_secret: str,
        *,
        placements: Placements = one_file,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        from remote_artwork.clients.api import HostApi

        base = f"{url.rstrip('/')}/wp-json/wc/v3"
        self._api: HostApi = HostApi(base, auth=(consumer_key, consumer_secret), timeout=timeout, retry=retry)
        self._placements = placements

    def __repr__(self) -> str:
        return f"WooCommerceClient({self._api!r})"

    def pending_orders(self) -> Iterator[Order]:
        """Page by page, the oldest first. An order that cannot be read does not stop the others.

        Raises:
            ClientError: At the end, where an order could not be read as one.
        """
        return readable("WooCommerce", ((str(told["id"]), partial(self._order, told)) for told in self._on_hold()))

    def _on_hold(self) -> Iterator[Mapping[str, Any]]:
        question: dict[str, str | int] = {"status": "on-hold", "per_page": PAGE, "orderby": "id", "order": "asc"}
        seen: set[int] = set()
        for page in itertools.count(1):
            answer = self._api.read("GET", "/orders", params={**question, "page": page})
            orders = answer.document
            fresh = [told for told in orders if told["id"] not in seen]
            if not fresh:
                return  # orders have left the list since its first page
            yield from fresh
            seen.update(told["id"] for told in fresh)
            if len(orders) < PAGE and len(seen) >= _total(answer):
                return

    def get_order(self, order_id: str) -> Order:
        """One order as it is now.

        Raises:
            OrderGone: The shop does not know it.
            InvalidOrder: What the shop tells is no order.
        """
        return self._order(self._told(order_id))

    def attach_artwork(
        self, order: Order, item: OrderItem, artworks: Sequence[Artwork], *, idempotency_key: str
    ) -> None:
        """Writes the files into their line; a repeat overwrites them.

        Raises:
            ItemNotFound: The order has no such line.
            AlreadyFulfilled, NotPending, OrderGone: It no longer waits.
        """
        told = self._waiting(order.id)
        lines = [{"id": line["id"]} for line in told["line_items"]]  # not every release keeps those that are not named
        line = next((line for line in lines if str(line["id"]) == item.id), None)
        if line is None:
            raise ItemNotFound(f"order {order.number} has no line {item.id} any more")
        line["meta_data"] = [{"key": ARTWORK_META, "value": [_stored(each, idempotency_key) for each in artworks]}]
        self._api.change("PUT", _path(order.id), json={"line_items": lines})

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str:  # noqa: ARG002 - attached already
        """Puts the order to work: status ``processing``, with our key beside it.

        Returns:
            The id of the order at the shop.

        Raises:
            AlreadyFulfilled, NotPending, OrderGone: It no longer waits.
            OutcomeUnknown: Nobody knows; ``get_order`` tells once ``call_limit`` has passed.
        """
        self._waiting(order.id)
        change = {"status": "processing", "meta_data": [{"key": KEY_META, "value": idempotency_key}]}
        self._api.change("PUT", _path(order.id), json=change)
        return order.id

    def _waiting(self, order_id: str) -> Mapping[str, Any]:
        """The order as the shop tells it. A change of status would put a finished order back to work.

        Raises:
            AlreadyFulfilled, NotPending: It does not wait.
        """
        told = self._told(order_id)
        refuse_unless_pending(_state(told), f"the shop calls it {told.get('status')}")
        return told

    def _told(self, order_id: str) -> Mapping[str, Any]:
        told: Mapping[str, Any] = self._api.read("GET", _path(order_id)).document
        return told

    @as_an_order()
    def _order(self, told: Mapping[str, Any]) -> Order:
        created_at = told.get("date_created_gmt")
        return Order(
            text(told.get("number")),
            [item_of(line, number="id", placements=self._placements) for line in told.get("line_items") or ()],
            id=text(told.get("id")),
            state=_state(told),
            created_at=datetime.fromisoformat(created_at).replace(tzinfo=UTC) if created_at else None,
            fulfillment_key=_meta(told, KEY_META),
        )


def _total(answer: Answer) -> int:
    """How many orders a list says it has; a cache may have lost the header, and an old one may say too few."""
    told = answer.headers.get("X-WP-Total", "")
    return int(told) if told.isdecimal() else 0


def _path(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}"


def _state(told: Mapping[str, Any]) -> OrderState:
    return _STATES.get(str(told.get("status")), OrderState.OTHER)


def _meta(told: Mapping[str, Any], key: str) -> str | None:
    return next((str(each["value"]) for each in told.get("meta_data") or () if each.get("key") == key), None)


def _stored(artwork: Artwork, idempotency_key: str) -> Mapping[str, Any]:
    return {
        "name": artwork.name,
        "url": artwork.url,
        "expires_at": artwork.expires_at and artwork.expires_at.isoformat(),
        "placement": artwork.placement,
        "media_type": artwork.media_type,
        "size": artwork.size,
        "version": artwork.version,
        "key": idempotency_key,
    }

"""A fulfillment client for the WooCommerce REST API v3: on-hold orders are pending; confirmed ones are processing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from remote_artwork.clients.api import (
    Page,
    Placements,
    ShopApi,
    artwork_fields,
    hide_keys,
    iter_by_offset,
    iter_orders,
    one_file,
    parse_item,
    parse_text,
    parsing,
    require_pending,
)
from remote_artwork.core.orders import (
    Artwork,
    ArtworkByItem,
    Attaching,
    Order,
    OrderItem,
    OrderState,
    Recovery,
    UnreadableOrder,
)
from remote_artwork.errors import ItemNotFound
from remote_artwork.http import NetworkPolicy
from remote_artwork.retry import RetryPolicy

PAGE_SIZE = 100  # the API's maximum

ARTWORK_META = "_remote_artwork"
"""Metadata field of a line item: the list of its files. The underscore hides it from customers."""

KEY_META = "_remote_artwork_key"
"""Metadata field of an order: the idempotency key it was confirmed with."""

_STATES = {
    "on-hold": OrderState.PENDING,
    **dict.fromkeys(("processing", "completed"), OrderState.FULFILLED),
    **dict.fromkeys(("cancelled", "refunded", "failed", "trash"), OrderState.CANCELLED),
}
"""``status`` → state. Any other status, such as one of a plug-in, is ``OTHER``."""


class WooCommerceClient:
    """The on-hold orders of one shop.

    The order number is WooCommerce's ``number``, and the item number the id of the line item. Attaching writes the
    files with their URLs to metadata of the line item. Confirming an order also stores the idempotency key in it, so
    the outcome of a call without a response can be read from the order.

    Args:
        url: The address of WordPress, for example ``https://shop.example``.
        consumer_key: Of a REST API key with read and write permission. Never shown.
        consumer_secret: The secret of that key. Never shown.
        placements: Returns the placements of a line item that need a file; none if it needs no artwork. Called by
            several threads at once, unless ``concurrent_calls`` is 1.
        timeout: Seconds to connect, and to wait for each part of a response.
        retry: Retries requests that have no effect.
        network: Which addresses may be contacted. By default any, because the operator chose the URL. Pass
            ``NetworkPolicy()`` where merchants enter it.

    Raises:
        ConfigurationError: The address is not https, or a key is invalid.
        MissingExtra: aiohttp is not installed.
    """

    recovery: ClassVar[Recovery] = Recovery.QUERYABLE
    attaching: ClassVar[Attaching] = Attaching.SEPARATE
    call_limit: timedelta = timedelta(minutes=5)
    concurrent_calls: int = 8
    """How many calls may run at once. Each request has its own connection. A small WordPress server works on about as
    many requests at once; the scan makes fewer calls if the shop becomes slower."""
    calls_per_second: float | None = None
    """Your host may have a limit; the API has none. Attaching and confirming send two requests each."""
    numbers_unique: bool = False
    """Set it to True where no plug-in numbers the orders: WooCommerce's own numbers are ids. Then orders are sent even
    if a later page of the list cannot be read."""

    @hide_keys
    def __init__(
        self,
        url: str,
        consumer_key: str,
        consumer_secret: str,
        *,
        placements: Placements = one_file,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        network: NetworkPolicy | None = None,
    ) -> None:
        base_url, auth = f"{url.rstrip('/')}/wp-json/wc/v3", (consumer_key, consumer_secret)
        self._api = ShopApi(base_url, auth=auth, timeout=timeout, retry=retry, network=network)
        self._placements = placements

    def __repr__(self) -> str:
        return f"WooCommerceClient({getattr(self, '_api', '…')!r})"

    def pending_orders(self) -> Iterator[Order | UnreadableOrder]:
        """Reads page by page, oldest order first."""
        found = iter_by_offset(self._list, size=PAGE_SIZE)
        return iter_orders((str(o["id"]), str(o.get("number") or ""), partial(self._parse, o)) for o in found)

    def _list(self, offset: int) -> Page:
        query: dict[str, str | int] = {
            "status": "on-hold",
            "per_page": PAGE_SIZE,
            "orderby": "id",
            "order": "asc",
            "offset": offset,
        }
        response = self._api.read("GET", "/orders", params=query)
        total = response.headers.get("x-wp-total", "")  # missing, or too low, if a cache answers
        return Page(response.json(), total=int(total) if total.isdecimal() else None)

    def get_order(self, order_id: str) -> Order:
        """Reads one order. It does not wait for a rate limit: the scan lets all its workers wait.

        Raises:
            OrderGone: The shop does not know the order.
            InvalidOrder: The shop's response is not a valid order.
        """
        return self._parse(self._read(order_id))

    def attach_artwork(
        self, order: Order, item: OrderItem, artworks: Sequence[Artwork], *, idempotency_key: str
    ) -> None:
        """Writes the files to the line item; replaces earlier ones.

        Raises:
            ItemNotFound: The order has no such line item.
            AlreadyFulfilled, NotPending, OrderGone: The order is no longer pending.
        """
        current = self._read_pending(order.id)
        lines = [{"id": line["id"]} for line in current["line_items"]]  # some releases remove lines that are left out
        line = next((line for line in lines if str(line["id"]) == item.id), None)
        if line is None:
            raise ItemNotFound(f"order {order.number} no longer has line item {item.id}")
        files = [{**artwork_fields(each), "key": idempotency_key} for each in artworks]
        line["meta_data"] = [{"key": ARTWORK_META, "value": files}]
        self._api.change("PUT", _path(order.id), json={"line_items": lines})

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str:  # noqa: ARG002 - attached already
        """Sets the status to ``processing``, and stores the idempotency key in the order.

        Returns:
            The shop's order id.

        Raises:
            AlreadyFulfilled, NotPending, OrderGone: The order is no longer pending.
            OutcomeUnknown: The order may be confirmed. ``get_order`` shows its state once ``call_limit`` has passed.
        """
        self._read_pending(order.id)
        change = {"status": "processing", "meta_data": [{"key": KEY_META, "value": idempotency_key}]}
        self._api.change("PUT", _path(order.id), json=change)
        return order.id

    def _read_pending(self, order_id: str) -> Mapping[str, Any]:
        """Reads an order that is about to be changed, because a change of status would reopen a completed order."""
        content: Mapping[str, Any] = self._read(order_id)
        require_pending(_state(content), f"the order has the status {content.get('status')} in the shop")
        return content

    def _read(self, order_id: str) -> Any:
        return self._api.read("GET", _path(order_id), wait_if_limited=False).json()

    @parsing()
    def _parse(self, content: Mapping[str, Any]) -> Order:
        created_at, lines = content.get("date_created_gmt"), content.get("line_items") or ()
        keys = (str(each["value"]) for each in content.get("meta_data") or () if each.get("key") == KEY_META)
        return Order(
            parse_text(content.get("number")),
            [parse_item(line, number="id", placements=self._placements, title="name", sku="sku") for line in lines],
            id=parse_text(content.get("id")),
            state=_state(content),
            created_at=datetime.fromisoformat(created_at).replace(tzinfo=UTC) if created_at else None,
            fulfillment_key=next(keys, None),
        )


def _path(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}"


def _state(content: Mapping[str, Any]) -> OrderState:
    return _STATES.get(str(content.get("status")), OrderState.OTHER)

"""A fulfillment client for Gelato's Order API v4: one PATCH sets the files of a draft and confirms it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from remote_artwork.clients.api import (
    Page,
    Placements,
    ShopApi,
    hide_keys,
    iter_by_offset,
    iter_orders,
    parse_item,
    parse_text,
    parsing,
    require_pending,
)
from remote_artwork.core.orders import (
    DEFAULT_PLACEMENTS,
    Artwork,
    ArtworkByItem,
    Attaching,
    Order,
    OrderState,
    Recovery,
    UnreadableOrder,
)
from remote_artwork.errors import ClientError, NotPending
from remote_artwork.retry import RetryPolicy

API_URL = "https://order.gelatoapis.com"
PAGE_SIZE = 100
"""Orders in one page of a search; Gelato's maximum."""

PENDING = ("draft", "pending_approval")
_FULFILLED = ("created", "uploading", "passed", "digitizing", "in_production", "printed", "shipped")
_STATES = {
    **dict.fromkeys(PENDING, OrderState.PENDING),
    **dict.fromkeys(_FULFILLED, OrderState.FULFILLED),
    "canceled": OrderState.CANCELLED,
}
"""``fulfillmentStatus`` → state. Any other status is ``OTHER``."""

_log = logging.getLogger(__name__)


def one_file(item: Mapping[str, Any]) -> Sequence[str]:
    """One file for an item without files. An item that already has files keeps them."""
    return () if item.get("files") else DEFAULT_PLACEMENTS


class GelatoClient:
    """The drafts and the orders that wait for approval in one Gelato account.

    The order number is Gelato's ``orderReferenceId``, and the item number its ``itemReferenceId``. Placements are
    Gelato's file types: ``default``, ``front``, ``back``, ``neck-inner``, …

    Args:
        api_key: The API key of the account. Never shown.
        placements: Returns the placements of an item that need a file; none to send the item as it is. Called by
            several threads at once, unless ``concurrent_calls`` is 1.
        stores: Store ids; only their orders are read. Empty: all stores.
        api: The URL of the API.
        timeout: Seconds to connect, and to wait for each part of a response.
        retry: Retries requests that have no effect.

    Raises:
        ConfigurationError: The key or the URL is invalid.
        MissingExtra: aiohttp is not installed.
    """

    recovery: ClassVar[Recovery] = Recovery.QUERYABLE
    attaching: ClassVar[Attaching] = Attaching.WITH_FULFILL
    call_limit: timedelta = timedelta(minutes=5)
    concurrent_calls: int = 16
    """How many calls may run at once. Each request has its own connection."""
    calls_per_second: float | None = None
    """Gelato documents HTTP 429, but no number of requests. Set it if your account has a limit."""

    @hide_keys
    def __init__(
        self,
        api_key: str,
        *,
        placements: Placements = one_file,
        stores: Sequence[str] = (),
        api: str = API_URL,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._api = ShopApi(api, headers={"X-API-KEY": api_key}, timeout=timeout, retry=retry)
        self._placements = placements
        self._stores = tuple(stores)

    def __repr__(self) -> str:
        return f"GelatoClient({getattr(self, '_api', '…')!r})"

    def pending_orders(self) -> Iterator[Order | UnreadableOrder]:
        """Searches, then reads each order, because search results contain no items."""
        return iter_orders(
            (str(found["id"]), _number(found), partial(self._get_order, str(found["id"]), wait_if_limited=True))
            for found in iter_by_offset(self._search, size=PAGE_SIZE)
        )

    def _search(self, offset: int) -> Page:
        """A page of pending orders, without their items."""
        query: dict[str, Any] = {"fulfillmentStatuses": list(PENDING), "limit": PAGE_SIZE, "offset": offset}
        if self._stores:
            query["storeIds"] = list(self._stores)
        return Page(self._api.read("POST", "/v4/orders:search", json=query).json().get("orders", ()))

    def get_order(self, order_id: str) -> Order:
        """Reads one order. It does not wait for a rate limit: the scan lets all its workers wait.

        Raises:
            OrderGone: Gelato does not know the order.
            InvalidOrder: Gelato's response is not a valid order.
        """
        return self._get_order(order_id, wait_if_limited=False)

    def _get_order(self, order_id: str, *, wait_if_limited: bool) -> Order:
        return self._parse(self._api.read("GET", _path(order_id), wait_if_limited=wait_if_limited).json())

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str:  # noqa: ARG002 - Gelato takes no key
        """Sets the files and confirms the order with one PATCH.

        The PATCH lists every item, because Gelato removes items that it does not list.

        Returns:
            Gelato's order id.

        Raises:
            AlreadyFulfilled, NotPending: The order is no longer pending.
            OutcomeUnknown: The order may be confirmed. ``get_order`` shows its state once ``call_limit`` has passed.
        """
        items = [{"id": item.id, **_files(artworks.get(item.number, ()))} for item in order.items]
        try:
            response = self._api.change("PATCH", _path(order.id), json={"orderType": "order", "items": items})
        except ClientError as error:
            if type(error) in (ClientError, NotPending):  # Gelato refused without a clear reason; the state tells more
                require_pending(self.get_order(order.id).state, str(error), error)
                raise ClientError(str(error)) from error
            raise
        return str(response.json().get("id") or order.id)

    @parsing()
    def _parse(self, content: Mapping[str, Any]) -> Order:
        status = str(content.get("fulfillmentStatus"))
        state = _STATES.get(status, OrderState.OTHER)
        if state is OrderState.OTHER:
            _log.info("gelato_status_unknown", extra={"order_id": content.get("id"), "status": status})
        created_at = content.get("createdAt")
        items = content.get("items") or ()
        return Order(
            parse_text(content.get("orderReferenceId")),
            [
                parse_item(item, number="itemReferenceId", placements=self._placements, sku="productUid")
                for item in items
            ],
            id=parse_text(content.get("id")),
            state=state,
            created_at=datetime.fromisoformat(created_at) if created_at else None,
        )


def _number(result: Mapping[str, Any]) -> str | None:
    """The order's number in a search result: empty if it has none, None if the result does not name it."""
    return str(result["orderReferenceId"] or "") if "orderReferenceId" in result else None


def _path(order_id: str) -> str:
    return f"/v4/orders/{quote(order_id, safe='')}"


def _files(artworks: Sequence[Artwork]) -> Mapping[str, Any]:
    """The files of an item. Without them, Gelato keeps the item as it is."""
    return {"files": [{"type": each.placement, "url": each.url} for each in artworks]} if artworks else {}

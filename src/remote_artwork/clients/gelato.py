"""Gelato's Order API v4 as a fulfillment client: drafts wait, one PATCH sets their files and confirms them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
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
from remote_artwork.errors import ClientError, NotPending
from remote_artwork.retry import RetryPolicy

if TYPE_CHECKING:
    from remote_artwork.clients.api import HostApi

API = "https://order.gelatoapis.com"
PAGE = 100
"""Orders a page of a search; the host's maximum."""

PENDING = ("draft", "pending_approval")
_STATES = {
    **dict.fromkeys(PENDING, OrderState.PENDING),
    **dict.fromkeys(
        ("created", "uploading", "passed", "digitizing", "in_production", "printed", "shipped"), OrderState.FULFILLED
    ),
    "canceled": OrderState.CANCELLED,
}
"""What a ``fulfillmentStatus`` means; any other is ``OTHER``, which settles nothing."""

_log = logging.getLogger(__name__)


def one_file(item: Mapping[str, Any]) -> Sequence[str]:
    """One file for an item that has none; an item that has one keeps it."""
    return () if item.get("files") else DEFAULT_PLACEMENTS


class GelatoClient:
    """Drafts and orders that wait for approval, of one account.

    An order's number is its ``orderReferenceId``, an item's number its ``itemReferenceId``. Placements are Gelato's
    types of files: ``default``, ``front``, ``back``, ``neck-inner``, …

    Args:
        api_key: Of the account. Shown nowhere.
        placements: Which sides of an item, as the API describes it, need a file; none: the item is sent as it is.
        stores: Only orders of these stores, by id; all where empty.
        api: Where the API is.
        timeout: Seconds until a connection stands, and between two pieces of an answer.
        retry: How often a question is repeated.

    Raises:
        MissingExtra: httpx is not installed.
    """

    recovery: ClassVar[Recovery] = Recovery.QUERYABLE
    attaching: ClassVar[Attaching] = Attaching.WITH_FULFILL
    call_limit: timedelta = timedelta(minutes=5)

    def __init__(
        self,
        api_key: str,
        *,
        placements: Placements = one_file,
        stores: Sequence[str] = (),
        api: str = API,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        from remote_artwork.clients.api import HostApi

        self._api: HostApi = HostApi(api, headers={"X-API-KEY": api_key}, timeout=timeout, retry=retry)
        self._placements = placements
        self._stores = tuple(stores)

    def __repr__(self) -> str:
        return f"GelatoClient({self._api!r})"

    def pending_orders(self) -> Iterator[Order]:
        """Searches, then reads each order: a search tells no items. One that cannot be read does not stop the others.

        Raises:
            ClientError: At the end, where an order could not be read as one.
        """
        return readable("Gelato", ((each, partial(self.get_order, each)) for each in self._waiting()))

    def _waiting(self) -> Iterator[str]:
        seen: set[str] = set()
        question: dict[str, Any] = {"fulfillmentStatuses": list(PENDING), "limit": PAGE}
        if self._stores:
            question["storeIds"] = list(self._stores)
        offset = 0
        while True:  # a page that is shorter than asked for need not be the last
            answer = self._api.read("POST", "/v4/orders:search", json={**question, "offset": offset}).document
            page = [str(summary["id"]) for summary in answer.get("orders", ())]
            if seen.issuperset(page):
                return
            yield from (each for each in page if each not in seen)
            seen.update(page)
            offset += len(page)

    def get_order(self, order_id: str) -> Order:
        """One order as it is now.

        Raises:
            OrderGone: Gelato does not know it.
            InvalidOrder: What Gelato tells is no order.
        """
        return self._order(self._api.read("GET", _path(order_id)).document)

    def attach_artwork(
        self, order: Order, item: OrderItem, artworks: Sequence[Artwork], *, idempotency_key: str
    ) -> None:
        """Not called, as ``attaching`` says: Gelato takes files and confirmation by one request.

        Raises:
            ClientError: Always; nothing was sent.
        """
        del artworks, idempotency_key
        raise ClientError(f"order {order.number}, item {item.number}: Gelato takes files with the confirmation only")

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str:  # noqa: ARG002 - Gelato takes no key
        """Sets the files and confirms, by one PATCH. It names every item: Gelato removes those that it does not name.

        Returns:
            The id of the order at Gelato.

        Raises:
            AlreadyFulfilled, NotPending: It no longer waits.
            OutcomeUnknown: Nobody knows; ``get_order`` tells once ``call_limit`` has passed.
        """
        items = [{"id": item.id, **_files(artworks.get(item.number, ()))} for item in order.items]
        try:
            answer = self._api.change("PATCH", _path(order.id), json={"orderType": "order", "items": items})
        except ClientError as error:
            if type(error) in (ClientError, NotPending):  # a refusal says little; the order tells whether it waits
                refuse_unless_pending(self.get_order(order.id).state, str(error), error)
                raise ClientError(str(error)) from error
            raise
        return str(answer.document.get("id") or order.id)

    @as_an_order()
    def _order(self, told: Mapping[str, Any]) -> Order:
        status = str(told.get("fulfillmentStatus"))
        state = _STATES.get(status, OrderState.OTHER)
        if state is OrderState.OTHER:
            _log.info("gelato_status_settles_nothing", extra={"order_id": told.get("id"), "status": status})
        created_at = told.get("createdAt")
        return Order(
            text(told.get("orderReferenceId")),
            [item_of(each, number="itemReferenceId", placements=self._placements) for each in told.get("items") or ()],
            id=text(told.get("id")),
            state=state,
            created_at=datetime.fromisoformat(created_at) if created_at else None,
        )


def _path(order_id: str) -> str:
    return f"/v4/orders/{quote(order_id, safe='')}"


def _files(artworks: Sequence[Artwork]) -> Mapping[str, Any]:
    """A bare id keeps an item as it is."""
    return {"files": [{"type": each.placement, "url": each.url} for each in artworks]} if artworks else {}

"""A fulfillment client for the Order Desk API v2: folders are states, and moving an order confirms it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from remote_artwork.clients.api import (
    Page,
    Placements,
    Refusal,
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
    OrderItem,
    OrderState,
    Recovery,
    UnreadableOrder,
)
from remote_artwork.errors import ClientError, ConfigurationError, InvalidOrder, ItemNotFound, OutcomeUnknown
from remote_artwork.retry import RetryPolicy

API_URL = "https://app.orderdesk.me/api/v2"
PAGE_SIZE = 200  # Order Desk allows 500
PRINT_FIELDS: Mapping[str, str] = {"default": "print_url"}
"""Placement → metadata field of an item that Order Desk's print integrations read."""

_log = logging.getLogger(__name__)


class OrderDeskClient:
    """The orders of one Order Desk store that are in certain folders.

    The order number is Order Desk's ``source_id``, and the item number the ``id`` of the item. Attaching writes the URL
    and the name of each file to metadata of the item. Confirming moves the order to a folder whose rules send it on.

    Args:
        store_id, api_key: The id and the API key of the store. Never shown.
        folders: The ids of folders, and what an order in them is: pending, fulfilled, or cancelled. List every folder
            that a confirmed order may reach as fulfilled.
        release_to: The id of the folder that a confirmed order is moved to.
        fields: Placement → metadata field for the URL. The file name is in the field with ``_name`` at its end.
        placements: Returns the placements of an item that need a file; none if it needs no artwork. By default one
            file. Must not depend on ``fields``. Called by several threads, unless ``concurrent_calls`` is 1.
        api, timeout, retry: The URL of the API, and the options of ``ShopApi``.

    Raises:
        ConfigurationError, MissingExtra: A key, a folder or the URL is invalid, or aiohttp is not installed.
    """

    recovery: ClassVar[Recovery] = Recovery.QUERYABLE
    attaching: ClassVar[Attaching] = Attaching.SEPARATE
    call_limit: timedelta = timedelta(minutes=5)
    concurrent_calls: int = 4
    calls_per_second: float | None = 1.0
    """Order Desk asks for at most 100 requests per minute. Attaching and confirming send two requests each."""
    numbers_unique: bool = False
    """Set it to True if no two orders have one ``source_id``. Then orders are sent even if a later page fails."""

    @hide_keys
    def __init__(  # noqa: PLR0913 - all but the keys and folders are options
        self,
        store_id: str,
        api_key: str,
        *,
        folders: Mapping[int, OrderState],
        release_to: int,
        fields: Mapping[str, str] = PRINT_FIELDS,
        placements: Placements = lambda _item: DEFAULT_PLACEMENTS,
        api: str = API_URL,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._states = dict(folders)
        self._pending = ",".join(str(each) for each, state in folders.items() if state is OrderState.PENDING)
        if not self._pending or folders.get(release_to) is not OrderState.FULFILLED:
            raise ConfigurationError("folders needs a pending folder, and release_to as a fulfilled one")
        self._release_to, self._fields, self._placements = release_to, dict(fields), placements
        keys = {"ORDERDESK-STORE-ID": store_id, "ORDERDESK-API-KEY": api_key}
        self._api = ShopApi(api, headers=keys, find_refusal=_find_refusal, timeout=timeout, retry=retry)

    def __repr__(self) -> str:
        return f"OrderDeskClient({getattr(self, '_api', '…')!r})"

    def pending_orders(self) -> Iterator[Order | UnreadableOrder]:
        """Reads the pending folders page by page, oldest order first."""
        return iter_orders(
            (str(each["id"]), str(each.get("source_id") or ""), partial(self._parse, each))
            for each in iter_by_offset(self._read_page, size=PAGE_SIZE)
        )

    def _read_page(self, offset: int) -> Page:
        query = {"folder_id": self._pending, "order_by": "id", "order": "ASC"}
        page = self._api.read("GET", "/orders", params={**query, "limit": PAGE_SIZE, "offset": offset}).json()
        return Page(page["orders"], total=int(page["total_records"]))

    def get_order(self, order_id: str) -> Order:
        """Reads one order. Raises ``OrderGone`` if the store does not have it."""
        return self._parse(self._api.read("GET", _path(order_id), wait_if_limited=False).json()["order"])

    def attach_artwork(
        self, order: Order, item: OrderItem, artworks: Sequence[Artwork], *, idempotency_key: str
    ) -> None:
        """Writes the files to metadata of the item; replaces earlier ones.

        Order Desk replaces whole objects. The client replaces this item only, as it was a moment ago.

        Raises:
            ItemNotFound: The order has no such item.
            AlreadyFulfilled, NotPending, OrderGone: The order is no longer pending.
        """
        del idempotency_key  # Order Desk takes no key; writing the same metadata again is harmless
        content = self._read_pending(order.id).get(item.id)
        if content is None:
            raise ItemNotFound(f"order {order.number} no longer has item {item.id}")
        metadata = dict(content.get("metadata") or {})  # a list if there is none
        changed = {**content, "metadata": {**metadata, **self._stored(artworks)}}
        self._api.change("PUT", f"{_path(order.id)}/order-items/{quote(item.id, safe='')}", json=changed)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str:
        """Moves the order to the folder ``release_to``, if its items still have these files. Returns its id.

        Raises:
            AlreadyFulfilled, NotPending, OrderGone: The order is no longer pending.
            ClientError: Another application replaced an item after its file was attached.
            OutcomeUnknown: The order may be moved. ``get_order`` shows its folder once ``call_limit`` has passed.
        """
        del idempotency_key  # nothing can be stored together with the move
        current = self._read_pending(order.id)
        for item in order.items:
            expected = self._stored(artworks.get(item.number, ()))
            if not expected.items() <= dict(current.get(item.id, {}).get("metadata") or {}).items():
                raise ClientError(f"the artwork of item {item.number} was changed after it was attached; scan again")
        move = {"order_id_list": [int(order.id)], "destination_folder_id": self._release_to}
        results = self._api.change("POST", "/move-orders", json=move).json().get("results") or ()
        moved_from = {str(each["order_id"]): int(each["original_folder_id"]) for each in results}.get(order.id)
        if moved_from is None:
            raise OutcomeUnknown(f"Order Desk did not confirm that it moved order {order.number}; look at its folder")
        if self._states.get(moved_from) is not OrderState.PENDING:  # a person moved it since it was read
            _log.warning("order_desk_moved_from_folder", extra={"order_id": order.id, "folder_id": moved_from})
        return order.id

    def _read_pending(self, order_id: str) -> Mapping[str, Mapping[str, Any]]:
        """Reads the items, by id, of an order that is about to be changed. Order Desk would move it from any folder.

        Raises:
            AlreadyFulfilled, NotPending: The order is not pending.
        """
        content = self._api.read("GET", _path(order_id), wait_if_limited=False).json()["order"]
        require_pending(self._state(content), f"the order is in folder {content['folder_id']} of Order Desk")
        return {str(item["id"]): item for item in content["order_items"]}

    def _state(self, content: Mapping[str, Any]) -> OrderState:
        return self._states.get(int(content["folder_id"]), OrderState.OTHER)

    @parsing()
    def _parse(self, content: Mapping[str, Any]) -> Order:
        parse = partial(parse_item, number="id", placements=self._placements, title="name", sku="code")
        items = list(map(parse, content["order_items"]))
        needed = {placement for item in items if item.requires_artwork for placement in item.placements}
        if unknown := needed - self._fields.keys():
            raise InvalidOrder(f"no metadata field is known for the placement {min(unknown)!r}; add it to fields")
        return Order(
            parse_text(content.get("source_id") or content.get("id")),
            items,
            id=parse_text(content.get("id")),
            state=self._state(content),
            created_at=datetime.fromisoformat(content["date_added"]).replace(tzinfo=UTC),
        )

    def _stored(self, artworks: Sequence[Artwork]) -> Mapping[str, str]:
        """The metadata of an item with these files."""
        named = [(self._fields[each.placement], each) for each in artworks]
        return {**{name: each.url for name, each in named}, **{f"{name}_name": each.name for name, each in named}}


def _path(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}"


def _find_refusal(content: Any) -> Refusal | None:
    """Every response says ``success`` or ``error``, whatever its HTTP status is."""
    answer = content if isinstance(content, dict) else {}
    return None if answer.get("status") == "success" else Refusal(str(answer.get("message", "")))

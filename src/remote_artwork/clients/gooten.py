"""A fulfillment client for the Gooten API: one PUT sets the files of an order, and pushes it to production."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlencode

from remote_artwork.clients.api import (
    Effect,
    Page,
    Placements,
    Refusal,
    ShopApi,
    hide_keys,
    iter_by_number,
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
from remote_artwork.errors import ClientError, NotPending
from remote_artwork.retry import RetryPolicy

API_URL = "https://api.print.io/api"
PAGE_SIZE = 100  # Gooten names no maximum

_PENDING = ("needspersonalization", "needscustomization")
_FULFILLED = (
    "readyforimagedl",
    "readyforimagedi",
    "needsmanualapproval",
    "pending",
    "readyforaccounting",
    "inproduction",
    "manuallyinproduction",
    "printing",
    "printed",
    "outfordelivery",
    "shipped",
    "delivered",
)
_CANCELLED = ("canceled", "cancelled", "canceledrefunded", "cancelledrefunded", "billedrefunded")
_STATES = {
    **dict.fromkeys(_PENDING, OrderState.PENDING),
    **dict.fromkeys(_FULFILLED, OrderState.FULFILLED),
    **dict.fromkeys(_CANCELLED, OrderState.CANCELLED),
}
"""``Status`` of an item, in lower case → state. Any other status, such as ``Hold``, is ``OTHER``."""


class GootenClient:
    """The orders of one Gooten account that wait for personalized artwork.

    The order number is Gooten's ``SourceId``. The item number is the ``SourceId`` of the item, or its ``OrderItemId``
    if it has none. A placement other than ``default`` is a ``SpaceId`` of the product. The field names of the PUT are
    not verified against the live API: release one test order first.

    Args:
        recipe_id: The RecipeID of the account. Never shown.
        billing_key: The PartnerBillingKey of the account. Gooten charges the account with it. Never shown.
        days: Only orders of the last days are read, because a search cannot select a status.
        placements: Returns the placements of an item that need a file; none if it needs no artwork. By default one
            file. Called by several threads at once, unless ``concurrent_calls`` is 1.
        api, timeout, retry: The URL of the API, and the options of ``ShopApi``.

    Raises:
        ConfigurationError, MissingExtra: The URL is invalid, or aiohttp is not installed.
    """

    recovery: ClassVar[Recovery] = Recovery.QUERYABLE
    attaching: ClassVar[Attaching] = Attaching.WITH_FULFILL
    call_limit: timedelta = timedelta(minutes=5)
    concurrent_calls: int = 4
    calls_per_second: float | None = None
    """Gooten documents no limit. Set it if your account has one."""

    @hide_keys
    def __init__(
        self,
        recipe_id: str,
        billing_key: str,
        *,
        days: int = 90,
        placements: Placements = lambda _item: DEFAULT_PLACEMENTS,
        api: str = API_URL,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        secrets = (recipe_id, billing_key)
        self._api = ShopApi(api, secrets=secrets, find_refusal=_find_refusal, timeout=timeout, retry=retry)
        self._account = {"recipeId": recipe_id}
        self._billing = {**self._account, "partnerBillingKey": billing_key}
        self._days, self._placements = days, placements

    def __repr__(self) -> str:
        return f"GootenClient({getattr(self, '_api', '…')!r})"

    def pending_orders(self) -> Iterator[Order | UnreadableOrder]:
        """Searches, then reads each order that waits, because search results contain no ids of items."""
        found = iter_by_number(self._read_page, key=lambda order: order["Id"])
        return iter_orders(
            (str(each["Id"]), str(each.get("SourceId") or ""), partial(self._get_order, each["Id"], wait=True))
            for each in found
            if _may_wait(each)
        )

    def _read_page(self, number: int) -> Page:
        start = datetime.now(UTC).date() - timedelta(days=self._days)
        query = {**self._billing, "startDate": start.isoformat(), "page": str(number), "pageSize": str(PAGE_SIZE)}
        page = self._api.read("GET", "/v/5/source/api/ordersearch/", params=query).json()
        orders = page["Orders"] or ()
        return Page(orders, total=len(orders) if page.get("TotalPages") == 1 else None)

    def get_order(self, order_id: str) -> Order:
        """Reads one order. Raises ``OrderGone`` if Gooten does not know it."""
        return self._get_order(order_id, wait=False)

    def _get_order(self, order_id: str, *, wait: bool) -> Order:
        query = {**self._account, "id": order_id, "withImages": "true"}
        return self._parse(self._api.read("GET", "/orders/", params=query, wait_if_limited=wait).json())

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str:  # noqa: ARG002 - no key
        """Sets the files of all items that wait, and pushes the order to production, with one PUT. Returns its id.

        Raises:
            AlreadyFulfilled, NotPending, OrderGone: The order is no longer pending.
            OutcomeUnknown: The order may be in production. ``get_order`` shows it once ``call_limit`` has passed.
        """
        items = [_customization(item, artworks[item.number]) for item in order.items if item.requires_artwork]
        query = urlencode({**self._billing, "id": order.id})
        try:
            self._api.change("PUT", f"/OrderCustomization?{query}", json={"Items": items})
        except ClientError as error:
            if type(error) in (ClientError, NotPending):  # refused; the state says more than Gooten's message
                require_pending(self.get_order(order.id).state, str(error), error)
                raise ClientError(str(error)) from error
            raise
        return order.id

    @parsing()
    def _parse(self, content: Mapping[str, Any]) -> Order:
        return Order(
            parse_text(content.get("SourceId") or content.get("Id")),
            [self._parse_item(item) for item in content["Items"]],
            id=parse_text(content.get("Id")),
            state=_state(content),
        )

    def _parse_item(self, item: Mapping[str, Any]) -> OrderItem:
        """An item that does not wait itself needs no file."""
        waits = _state({"Items": [item]}) is OrderState.PENDING
        item_id = item.get("OrderItemId")
        named = {**item, "id": item_id, "number": item.get("SourceId") or item_id, "quantity": item.get("Quantity")}
        placements = self._placements if waits else lambda _item: ()
        return parse_item(named, number="number", placements=placements, title="Product", sku="Sku")


def _may_wait(found: Mapping[str, Any]) -> bool:
    """Whether an order of a search waits. One in an unexpected format is read, so that it is reported."""
    try:
        return _state(found) is OrderState.PENDING
    except (AttributeError, LookupError, TypeError):
        return True


def _state(order: Mapping[str, Any]) -> OrderState:
    """Pending if an item waits, and no item is in a status that a person must look at, such as ``Hold``."""
    names = ("".join(str(item.get("Status")).split()).casefold() for item in order["Items"])
    states = {_STATES.get(name, OrderState.OTHER) for name in names}
    decisive = (OrderState.OTHER, OrderState.PENDING, OrderState.FULFILLED, OrderState.CANCELLED)
    return next((state for state in decisive if state in states), OrderState.OTHER)


def _customization(item: OrderItem, artworks: Sequence[Artwork]) -> Mapping[str, Any]:
    """The files of one item. Without ``SpaceId``, Gooten uses the only space of the product."""
    spaces = ({} if each.placement in DEFAULT_PLACEMENTS else {"SpaceId": each.placement} for each in artworks)
    images = [{"Url": each.url, **space} for each, space in zip(artworks, spaces, strict=True)]
    return {"OrderItemId": int(item.id), "Images": images}


def _find_refusal(content: Any) -> Refusal | None:
    """Every error has ``HadError``, also with HTTP 200."""
    if not isinstance(content, dict) or not content.get("HadError"):
        return None
    return Refusal(str((content.get("Errors") or [{}])[0].get("ErrorMessage") or ""), effect=Effect.NONE)

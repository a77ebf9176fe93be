"""A fulfillment client for Shopify's Admin GraphQL API: releasing a hold confirms a fulfillment order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from remote_artwork.clients.api import (
    Page,
    Placements,
    ShopApi,
    hide_keys,
    iter_by_cursor,
    iter_orders,
    one_file,
    parse_connection,
    parse_item,
    parsing,
    require_pending,
)
from remote_artwork.clients.shopify_orders import (
    ATTACH,
    LIST,
    ONE,
    RELEASE,
    FulfillmentOrder,
    find_hold,
    item_fields,
    metafield,
    order_number,
    parse_state,
    short_id,
)
from remote_artwork.core.orders import (
    ArtworkByItem,
    Attaching,
    Order,
    OrderState,
    Recovery,
    UnreadableOrder,
)
from remote_artwork.errors import AuthenticationFailed, ClientError, ItemNotFound, OrderGone, OutcomeUnknown
from remote_artwork.http import NetworkPolicy
from remote_artwork.retry import RetryPolicy

TOKEN_HEADER = "X-Shopify-Access-Token"  # noqa: S105 - a name
PATH = "/admin/api/2026-10/graphql.json"
HANDLE = "remote-artwork"
"""The handle of the hold that the app applies to a fulfillment order that waits for artwork."""
LIST_SIZE: Mapping[str, int] = {"first": 20, "lines": 10}  # in one page; a query may cost at most 1,000 points
LINES = 50  # in one page of one fulfillment order
MOST_METAFIELDS = 25  # in one mutation

_ERRORS = {
    "FULFILLMENT_ORDER_NOT_FOUND": OrderGone,
    **dict.fromkeys(["INVALID_ACCESS", "APP_NOT_AUTHORIZED", "SHOP_INACTIVE"], AuthenticationFailed),
}


class ShopifyClient:
    """The fulfillment orders of one shop that an app holds for their artwork.

    An ``Order`` is a fulfillment order: the line items of one order that one location fulfills. The item number is the
    id of the order's line item. Attaching writes the files with their URLs to metafields of the order.

    Args:
        url: The address of the shop, for example ``https://my-shop.myshopify.com``.
        keys: Client id and client secret of the app, or an access token that does not expire. Never shown.
        handle: The handle of the hold, which the same app has applied.
        number: Returns the order number of a fulfillment order for file names.
        placements: Returns the placements of a line item that need a file; none if it needs no artwork. Like
            ``number``, called by several threads at once, unless ``concurrent_calls`` is 1.
        timeout: Seconds to connect, and to wait for each part of a response.
        retry: Retries requests that have no effect.
        network: Which addresses may be contacted: any, by default. Pass ``NetworkPolicy()`` if merchants enter the URL.

    Raises:
        ConfigurationError: The address is not https, or a key is invalid.
        MissingExtra: aiohttp is not installed.
    """

    recovery: ClassVar[Recovery] = Recovery.QUERYABLE
    attaching: ClassVar[Attaching] = Attaching.PER_ORDER
    call_limit: timedelta = timedelta(minutes=5)
    concurrent_calls: int = 4
    """How many calls may run at once. Shopify limits cost points: its responses say when the next call is possible."""

    @hide_keys
    def __init__(  # noqa: PLR0913 - options
        self,
        url: str,
        keys: tuple[str, str] | str,
        *,
        handle: str = HANDLE,
        number: Callable[[FulfillmentOrder], str] = order_number,
        placements: Placements = one_file,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        network: NetworkPolicy | None = None,
    ) -> None:
        self._api = ShopApi(
            url,
            headers={TOKEN_HEADER: keys} if isinstance(keys, str) else None,
            login=None if isinstance(keys, str) else partial(_log_in, *keys),
            secrets=() if isinstance(keys, str) else keys,
            errors=_ERRORS,
            keep_free=0.5,
            timeout=timeout,
            retry=retry,
            network=network,
        )
        self._handle, self._number, self._placements = handle, number, placements

    def __repr__(self) -> str:
        return f"ShopifyClient({getattr(self, '_api', '…')!r})"

    def pending_orders(self) -> Iterator[Order | UnreadableOrder]:
        """Reads page by page, in the sequence of the ids."""

        def fetch(cursor: str | None) -> Page:
            answer = self._api.query(LIST, {**LIST_SIZE, "from": cursor}, path=PATH)
            return parse_connection(answer["fulfillmentOrders"])

        return iter_orders(
            (short_id(content), self._number(content), partial(self._parse, content, wait_if_limited=True))
            for content in iter_by_cursor(fetch)
            if parse_state(content, self._handle) is OrderState.PENDING
        )

    def get_order(self, order_id: str) -> Order:
        """Reads one fulfillment order. It is also ``OrderGone`` if the app may not read it any more."""
        return self._parse(self._read(order_id), wait_if_limited=False)

    def attach_order(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> None:
        """Writes the files of each line item to a metafield of the order; replaces earlier ones."""
        content = self._read_pending(order.id)
        ids = {short_id(line["lineItem"]): short_id(line) for line in self._lines(content, wait_if_limited=False)}
        if missing := artworks.keys() - ids:
            raise ItemNotFound(
                f"fulfillment order {order.id} no longer has the line items {', '.join(sorted(missing))}"
            )
        fields = [metafield(content, ids[number], files, idempotency_key) for number, files in artworks.items()]
        for start in range(0, len(fields), MOST_METAFIELDS):
            try:
                self._api.mutate(ATTACH, {"metafields": fields[start : start + MOST_METAFIELDS]}, path=PATH)
            except ClientError as error:
                if start:
                    raise OutcomeUnknown(f"only some line items have their files: {error}") from error
                raise

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str:  # noqa: ARG002 - no key
        """Releases the hold of this app, and no other. Returns the id of the fulfillment order."""
        content = self._read_pending(order.id)
        hold = find_hold(content, self._handle)
        answer = self._api.mutate(RELEASE, {"id": content["id"], "holdIds": [hold]}, path=PATH)
        released = answer["fulfillmentOrderReleaseHold"]["fulfillmentOrder"]
        if released is None or {"id": hold} in released["fulfillmentHolds"]:
            raise OutcomeUnknown(f"Shopify did not show that the hold of fulfillment order {order.id} is released")
        return order.id

    def _read(self, order_id: str, cursor: str | None = None, *, wait_if_limited: bool = False) -> FulfillmentOrder:
        """Reads a fulfillment order, with the line items after the cursor."""
        content: FulfillmentOrder | None = None
        if order_id.isascii() and order_id.isdecimal():
            variables = {"id": f"gid://shopify/FulfillmentOrder/{order_id}", "lines": LINES, "after": cursor}
            content = self._api.query(ONE, variables, path=PATH, wait_if_limited=wait_if_limited)["fulfillmentOrder"]
        if content is None:
            raise OrderGone(f"Shopify knows no fulfillment order {order_id}, or the app may not read it")
        return content

    def _read_pending(self, order_id: str) -> FulfillmentOrder:
        content = self._read(order_id)
        require_pending(parse_state(content, self._handle), f"the fulfillment order is {content['status']} in the shop")
        return content

    def _lines(self, content: FulfillmentOrder, *, wait_if_limited: bool) -> Iterator[Mapping[str, Any]]:
        """The line items that are not fulfilled yet, from every page."""
        page = parse_connection(content["lineItems"])
        yield from (item_fields(line) for line in page.records if line["remainingQuantity"])
        if page.next:
            rest = self._read(short_id(content), page.next, wait_if_limited=wait_if_limited)
            yield from self._lines(rest, wait_if_limited=wait_if_limited)

    @parsing()
    def _parse(self, content: FulfillmentOrder, *, wait_if_limited: bool) -> Order:
        parse = partial(parse_item, number="number", placements=self._placements, title="title", sku="sku")
        return Order(
            self._number(content),
            list(map(parse, self._lines(content, wait_if_limited=wait_if_limited))),
            id=short_id(content),
            state=parse_state(content, self._handle),
            created_at=datetime.fromisoformat(content["createdAt"]),
        )


def _log_in(client_id: str, client_secret: str, api: ShopApi) -> Mapping[str, str]:
    grant = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    return {TOKEN_HEADER: api.read("POST", "/admin/oauth/access_token", json=grant).json()["access_token"]}

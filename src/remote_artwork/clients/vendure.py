"""A fulfillment client for Vendure's Admin API: orders await artwork, and are released to print together with it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

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
    ArtworkByItem,
    Attaching,
    Order,
    OrderState,
    Recovery,
    UnreadableOrder,
)
from remote_artwork.errors import AuthenticationExpired, ClientError, NotPending, OrderGone
from remote_artwork.http import NetworkPolicy
from remote_artwork.retry import RetryPolicy

PAGE_SIZE = 100
"""Orders in one page. Vendure allows 1,000 unless the shop sets another limit."""

PENDING = "AwaitingArtwork"
RELEASED = "ReleasedToPrint"

_DONE = (RELEASED, "PartiallyShipped", "Shipped", "PartiallyDelivered", "Delivered")
_STATES = {PENDING: OrderState.PENDING, "Cancelled": OrderState.CANCELLED} | dict.fromkeys(_DONE, OrderState.FULFILLED)
"""State in Vendure → state. Any other state, such as ``Modifying``, is ``OTHER``."""

_ERRORS = {
    "FORBIDDEN": AuthenticationExpired,  # also for a session that does not exist
    "ENTITY_NOT_FOUND": OrderGone,
    "ORDER_STATE_TRANSITION_ERROR": NotPending,
}

_LOGIN = "mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { __typename } }"
_FIELDS = """fragment Fields on Order {
  id code state orderPlacedAt customFields { releaseKey }
  lines { id quantity %s }
}"""
_LIST = "query ($options: OrderListOptions) { orders(options: $options) { totalItems items { ...Fields } } }"
_GET = "query ($id: ID!) { order(id: $id) { ...Fields } }"
_OFFER = "mutation ($input: UpdateOrderInput!) { setOrderCustomFields(input: $input) { id } }"
_RELEASE = """mutation ($id: ID!, $state: String!) {
  transitionOrderToState(id: $id, state: $state) {
    __typename ... on OrderStateTransitionError { errorCode message: transitionError }
  }
}"""


class VendureClient:
    """The orders of one shop that are in the state ``AwaitingArtwork``.

    The order number is the ``code`` of the order, and the item number the id of the order line. ``fulfill`` writes the
    files to a custom field of the order, and then moves the order to ``ReleasedToPrint``. The shop's order process,
    which the documentation provides, stores the released files and the idempotency key together with the new state.

    Args:
        url: The address of the Admin API, for example ``https://shop.example/admin-api``.
        login: User name and password of an administrator with the permissions ``ReadOrder`` and ``UpdateOrder``, or an
            API key. Never shown.
        channel: The token of a channel; default: the default channel.
        line_fields: More GraphQL fields of an order line for ``placements``. With ``"productVariant { name sku }"``,
            reports name the product.
        placements: Returns the placements of an order line that need a file; none if it needs no artwork. Called by
            several threads at once, unless ``concurrent_calls`` is 1.
        timeout: Seconds to connect, and to wait for each part of a response.
        retry: Retries requests that have no effect.
        network: Which addresses may be contacted; default: any. Pass ``NetworkPolicy()`` where merchants enter the URL.

    Raises:
        ConfigurationError: The address is not https, or a key is invalid.
        MissingExtra: aiohttp is not installed.
    """

    recovery: ClassVar[Recovery] = Recovery.QUERYABLE
    attaching: ClassVar[Attaching] = Attaching.WITH_FULFILL
    call_limit: timedelta = timedelta(minutes=5)
    concurrent_calls: int = 8
    """How many calls may run at once. A shop with one process was fastest with about 8."""
    calls_per_second: float | None = None
    """Vendure has no limit of its own, but a proxy may have one. ``fulfill`` sends two requests."""
    numbers_unique: bool = True
    """Vendure's database does not accept two orders with one code."""

    @hide_keys
    def __init__(  # noqa: PLR0913 - the options of every client, and two of Vendure
        self,
        url: str,
        login: tuple[str, str] | str,
        *,
        channel: str = "",
        line_fields: str = "",
        placements: Placements = one_file,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        network: NetworkPolicy | None = None,
    ) -> None:
        keys = {"vendure-token": channel} if channel else {}
        if isinstance(login, str):
            keys["vendure-api-key"] = login
        self._api = ShopApi(
            url,
            headers=keys,
            login=None if isinstance(login, str) else partial(_log_in, login),
            errors=_ERRORS,
            timeout=timeout,
            retry=retry,
            network=network,
        )
        self._fields = _FIELDS % line_fields
        self._placements = placements

    def __repr__(self) -> str:
        return f"VendureClient({getattr(self, '_api', '…')!r})"

    def pending_orders(self) -> Iterator[Order | UnreadableOrder]:
        """Reads page by page, in the order of the ids."""
        return self._iter_orders({"state": {"eq": PENDING}})

    def find_orders(self, numbers: Collection[str]) -> Iterator[Order | UnreadableOrder]:
        """Reads the orders with these codes, in any state. One request for each 100 codes."""
        codes = sorted(numbers)
        for start in range(0, len(codes), PAGE_SIZE):
            yield from self._iter_orders({"code": {"in": codes[start : start + PAGE_SIZE]}})

    def _iter_orders(self, where: Mapping[str, Any]) -> Iterator[Order | UnreadableOrder]:
        orders = iter_by_offset(partial(self._page, where), size=PAGE_SIZE)
        return iter_orders((str(each["id"]), str(each["code"]), partial(self._parse, each)) for each in orders)

    def _page(self, where: Mapping[str, Any], offset: int) -> Page:
        options = {"filter": where, "sort": {"id": "ASC"}, "skip": offset, "take": PAGE_SIZE}
        found = self._api.query(_LIST + self._fields, {"options": options})["orders"]
        return Page(found["items"], total=found["totalItems"])

    def get_order(self, order_id: str) -> Order:
        """Reads one order.

        Raises:
            OrderGone, InvalidOrder: The shop does not know the order, or its response is not a valid order.
        """
        content = self._api.query(_GET + self._fields, {"id": order_id}, wait_if_limited=False)["order"]
        if content is None:
            raise OrderGone(f"the shop has no order with the id {order_id}")
        return self._parse(content)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str:
        """Writes the files and the key to the order, and releases it. Only the release has an effect.

        Returns:
            The shop's order id.

        Raises:
            AlreadyFulfilled, NotPending, OrderGone: The order is no longer pending.
            ClientError: The shop refuses the release, for example because the lines of the order changed.
            OutcomeUnknown: The order may be released. ``get_order`` shows its state once ``call_limit`` has passed.
        """
        files = {number: [artwork_fields(each) for each in items] for number, items in artworks.items()}
        lines = [{"id": i.id, "quantity": i.quantity, "files": files.get(i.number, [])} for i in order.items]
        offer = json.dumps({"key": idempotency_key, "lines": lines}, ensure_ascii=False)
        self._api.mutate(_OFFER, {"input": {"id": order.id, "customFields": {"artwork": offer}}})
        try:
            self._api.mutate(_RELEASE, {"id": order.id, "state": RELEASED})
        except NotPending as error:  # the shop refused the transition, and does not say in a fixed form why
            require_pending(self.get_order(order.id).state, str(error), error)
            raise ClientError(str(error)) from error
        return order.id

    @parsing()
    def _parse(self, content: Mapping[str, Any]) -> Order:
        placed_at = content.get("orderPlacedAt")
        lines = [line for line in content["lines"] if line["quantity"]]  # a cancelled line has the quantity 0
        lines.sort(key=lambda line: (len(str(line["id"])), str(line["id"])))  # Vendure's order changes with each edit
        title, sku = "productVariant.name", "productVariant.sku"
        parse = partial(parse_item, number="id", placements=self._placements, title=title, sku=sku)
        return Order(
            parse_text(content.get("code")),
            list(map(parse, lines)),
            id=parse_text(content.get("id")),
            state=_STATES.get(str(content.get("state")), OrderState.OTHER),
            created_at=datetime.fromisoformat(placed_at) if placed_at else None,
            fulfillment_key=content["customFields"].get("releaseKey"),
        )


def _log_in(account: tuple[str, str], api: ShopApi) -> Mapping[str, str]:
    username, password = account
    answer = api.change("POST", "", json={"query": _LOGIN, "variables": {"u": username, "p": password}})
    return {"Authorization": f"Bearer {answer.headers['vendure-auth-token']}"}

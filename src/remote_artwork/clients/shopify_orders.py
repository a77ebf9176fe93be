"""Shopify's fulfillment orders: what ``ShopifyClient`` queries, and what the answer means.

A fulfillment order is the part of an order that one location fulfills. A merchant, an app or Shopify itself can split
an order into several, and each of them is held, released and fulfilled by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from remote_artwork.clients.api import artwork_fields
from remote_artwork.core.orders import Artwork, OrderState

NAMESPACE = "remote_artwork"
"""The namespace of the metafields. The key is ``line_`` and the id of the fulfillment order's line item."""

FulfillmentOrder = Mapping[str, Any]
"""A fulfillment order as the API sends it, with the fields of ``_FIELDS``."""

_FIELDS = """
fragment Fields on FulfillmentOrder {
  id
  status
  createdAt
  order { id name cancelledAt fulfillmentOrders(first: 2) { nodes { id } } }
  fulfillmentHolds { id handle heldByRequestingApp }
  lineItems(first: $lines, after: $after) {
    nodes { id remainingQuantity sku productTitle variantTitle vendor requiresShipping lineItem { id } }
    pageInfo { hasNextPage endCursor }
  }
}
"""

LIST: str = f"""
query ($first: Int!, $from: String, $lines: Int!, $after: String) {{
  fulfillmentOrders(first: $first, after: $from, sortKey: ID, query: "status:on_hold") {{
    nodes {{ ...Fields }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
{_FIELDS}"""
"""The held fulfillment orders after the cursor ``from``."""

ONE: str = f"""
query ($id: ID!, $lines: Int!, $after: String) {{
  fulfillmentOrder(id: $id) {{ ...Fields }}
}}
{_FIELDS}"""
"""One fulfillment order, with its line items after the cursor ``after``."""

ATTACH = """
mutation ($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) { metafields { id } userErrors { code field message } }
}"""
"""Sets metafields of an order, all or none."""

RELEASE = """
mutation ($id: ID!, $holdIds: [ID!]) {
  fulfillmentOrderReleaseHold(id: $id, holdIds: $holdIds) {
    fulfillmentOrder { id fulfillmentHolds { id } }
    userErrors { code field message }
  }
}"""
"""Releases holds of one fulfillment order."""

_STATES = {
    **dict.fromkeys(["OPEN", "IN_PROGRESS", "SCHEDULED", "INCOMPLETE", "CLOSED", "ON_HOLD"], OrderState.FULFILLED),
    "CANCELLED": OrderState.CANCELLED,
}
"""``status`` → state of a fulfillment order without the app's hold. ``ON_HOLD``: the app has released it, and somebody
else still holds it. Any other status is ``OTHER``."""


def order_number(content: FulfillmentOrder) -> str:
    """Returns the name of the order without ``#``.

    If the order has several fulfillment orders, ``-`` and the id of this one follow.
    """
    order = content["order"]
    name = str(order["name"]).removeprefix("#")
    return name if len(order["fulfillmentOrders"]["nodes"]) == 1 else f"{name}-{short_id(content)}"


def short_id(content: Mapping[str, Any]) -> str:
    """The number at the end of an id such as ``gid://shopify/FulfillmentOrder/1001``."""
    return str(content["id"]).rpartition("/")[2]


def find_hold(content: FulfillmentOrder, handle: str) -> str | None:
    """The id of the hold with this handle that the app itself has applied; None if there is none."""
    own = (hold for hold in content["fulfillmentHolds"] if hold["heldByRequestingApp"])
    return next((str(hold["id"]) for hold in own if hold["handle"] == handle), None)


def parse_state(content: FulfillmentOrder, handle: str) -> OrderState:
    """The state of a fulfillment order. It is pending only with the app's hold."""
    if find_hold(content, handle) is None:
        return _STATES.get(str(content["status"]), OrderState.OTHER)
    waits = content["status"] == "ON_HOLD" and not content["order"]["cancelledAt"]
    return OrderState.PENDING if waits else OrderState.OTHER


def item_fields(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """A line item of a fulfillment order with the fields that ``parse_item`` and file names need."""
    number = short_id(line["lineItem"])
    title = " ".join(filter(None, (line["productTitle"], line["variantTitle"])))
    return {**line, "id": short_id(line), "number": number, "quantity": line["remainingQuantity"], "title": title}


def metafield(content: FulfillmentOrder, line_id: str, artworks: Sequence[Artwork], key: str) -> Mapping[str, Any]:
    """The metafield of the order that holds the files of one line item of a fulfillment order."""
    return {
        "ownerId": content["order"]["id"],
        "namespace": NAMESPACE,
        "key": f"line_{line_id}",
        "type": "json",
        "value": json.dumps([{**artwork_fields(artwork), "key": key} for artwork in artworks]),
    }

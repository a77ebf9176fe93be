"""Shopify's Admin GraphQL API on loopback, as its public documents describe it.

Documents are validated and executed against ``shopify_schema.graphql``. A connection without ``first`` and a query
that may cost more than 1,000 points are refused, and so is a call for which too few points are left.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from graphql import GraphQLError, build_schema, execute_sync, parse, validate
from graphql.language import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, OperationDefinitionNode

from remote_artwork.clients.shopify import HANDLE, MOST_METAFIELDS, PATH, TOKEN_HEADER, ShopifyClient
from remote_artwork.clients.shopify_orders import NAMESPACE
from shop_api_servers import Answer, ShopApi

SCHEMA = build_schema(Path(__file__).with_name("shopify_schema.graphql").read_text())

MOST_POINTS = 1000
"""What one query may cost."""
MUTATION_POINTS = 10
MOST_JSON = 128 * 1024

THROTTLED = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
INTERNAL_ERROR = {
    "message": "Internal error. Looks like something went wrong",
    "extensions": {"code": "INTERNAL_SERVER_ERROR"},
}
UNAUTHORIZED: Answer = (
    401,
    {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"},
    {},
)


@cache
def _parsed(document: str) -> Any:
    """The document, and the errors that Shopify finds in it before it executes it."""
    parsed = parse(document)
    return parsed, validate(SCHEMA, parsed)


class Cost:
    """What a query may cost: 1 for an object, 2 for a connection and the sum of its nodes. Scalars are free."""

    def __init__(self, document: Any, variables: dict[str, Any]) -> None:
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        [self._operation] = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
        self._variables = variables

    @property
    def is_mutation(self) -> bool:
        return self._operation.operation.value == "mutation"

    def requested(self) -> int:
        return MUTATION_POINTS if self.is_mutation else self._sum(self._operation.selection_set)

    def _sum(self, selections: Any) -> int:
        total = 0
        for each in selections.selections:
            if isinstance(each, FragmentSpreadNode):
                total += self._sum(self._fragments[each.name.value].selection_set)
            elif isinstance(each, FieldNode) and each.selection_set and each.name.value != "pageInfo":
                total += self._field(each)
        return total

    def _field(self, node: FieldNode) -> int:
        first = next((each.value for each in node.arguments or () if each.name.value == "first"), None)
        if first is None:
            return (0 if node.name.value == "nodes" else 1) + self._sum(node.selection_set)
        size = self._variables[first.name.value] if hasattr(first, "name") else int(first.value)
        return 2 + size * (1 + self._sum(node.selection_set))


def _actual(value: Any) -> int:
    """What an answer costs."""
    if isinstance(value, list):
        return sum(map(_actual, value))
    if not isinstance(value, dict):
        return 0
    return (2 if "nodes" in value else 1) + sum(_actual(part) for name, part in value.items() if name != "pageInfo")


class ShopifyApi(ShopApi):
    """The fulfillment orders of one shop, with holds, splits, cost points and access tokens that expire.

    ``now`` is the clock of the cost points; ``sleep`` is a sleep for a retry policy that moves it.
    """

    KEYS = ("client-id-of-tests", "client-secret-of-tests")
    TOKEN = "shpat_of_tests"
    """The access token of an older app. It never expires."""
    PATH = PATH
    HEADERS: ClassVar = {TOKEN_HEADER: TOKEN}

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waits: list[float] = []
        self.costs: list[int] = []
        self.throttled = 0
        self.logins = 0
        self._token = ""
        self._requests_of_token: int | None = None
        self._ids = 1000
        self.limit_points(10**9, per_second=0)

    def limit_points(self, most: int, *, per_second: int) -> None:
        """Sets the size of the bucket of cost points, full, and how many come back per second."""
        self._most, self._per_second = most, per_second
        self._left, self._since = float(most), self.now

    # --- The shop ---

    def add(self, name: str, *lines: str, handle: str | None = HANDLE, order: Any = None, **more: Any) -> str:
        """Adds a fulfillment order, to a new order or to ``order``, and returns its id."""
        if order is None:
            order = {"id": self._gid("Order"), "name": f"#{name}", "cancelledAt": None, "parts": [], "metafields": {}}
        gid = self._gid("FulfillmentOrder")
        order_id = gid.rpartition("/")[2]
        order["parts"].append(order_id)
        self.orders[order_id] = {
            "id": gid,
            "status": "OPEN",
            "createdAt": "2026-01-02T03:04:05Z",
            "order": order,
            "fulfillmentHolds": [],
            "lines": [self._line(line) for line in lines],
            **more,
        }
        if handle:
            self.hold(order_id, handle)
        return order_id

    def _line(self, number: str) -> dict[str, Any]:
        return {
            "id": self._gid("FulfillmentOrderLineItem"),
            "lineItem": {"id": f"gid://shopify/LineItem/{number}"},
            "productTitle": "Poster",
            "variantTitle": "A2",
            "vendor": "Prints",
            "sku": f"PRINT-{number}",
            "requiresShipping": True,
            "remainingQuantity": 1,
            "totalQuantity": 1,
        }

    def _gid(self, kind: str) -> str:
        self._ids += 1
        return f"gid://shopify/{kind}/{self._ids}"

    def hold(self, order_id: str, handle: str | None, *, own: bool = True) -> None:
        hold = {"id": self._gid("FulfillmentHold"), "handle": handle, "heldByRequestingApp": own, "reason": "OTHER"}
        self.orders[order_id]["fulfillmentHolds"].append(hold)
        self.orders[order_id]["status"] = "ON_HOLD"

    def release(self, order_id: str) -> None:
        """What a person does who releases all holds."""
        self.orders[order_id].update(fulfillmentHolds=[], status="OPEN")

    def split(self, order_id: str, *numbers: str) -> str:
        """Moves line items to a new fulfillment order of the same order, with the same holds; returns its id."""
        original = self.orders[order_id]
        moved = [line for line in original["lines"] if line["lineItem"]["id"].rpartition("/")[2] in numbers]
        original["lines"] = [line for line in original["lines"] if line not in moved]
        new = self.add("", handle=None, order=original["order"])
        self.orders[new]["lines"] = [{**line, "id": self._gid("FulfillmentOrderLineItem")} for line in moved]
        for hold in original["fulfillmentHolds"]:
            self.hold(new, hold["handle"], own=hold["heldByRequestingApp"])
        return new

    def cancel(self, order: Any) -> None:
        self.orders[order.id].update(fulfillmentHolds=[], status="CANCELLED")

    def client(self, **options: Any) -> ShopifyClient:
        """A client with an access token that does not expire."""
        return ShopifyClient(self.url, self.TOKEN, **options)

    def pending_ids(self) -> set[str]:
        return {
            order_id
            for order_id, order in self.orders.items()
            if any(each["handle"] == HANDLE and each["heldByRequestingApp"] for each in order["fulfillmentHolds"])
        }

    def names(self, order: Any, item: Any) -> list[str]:
        return [artwork["name"] for artwork in self.artwork(order, item)]

    def urls(self, order: Any, item: Any) -> list[str]:
        return [artwork["url"] for artwork in self.artwork(order, item)]

    def artwork(self, order: Any, item: Any) -> list[dict[str, Any]]:
        """What the metafield of an item holds."""
        fields = self.orders[order.id]["order"]["metafields"]
        found: list[dict[str, Any]] = json.loads(fields.get((NAMESPACE, f"line_{item.id}"), "[]"))
        return found

    # --- The API ---

    def expire_token_after(self, requests: int) -> None:
        """Makes the current access token invalid after some more requests; the next one does not expire."""
        self._requests_of_token = requests

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    @staticmethod
    def kind(_method: str, body: Any) -> str:
        document = body.get("query", "")
        if "metafieldsSet" in document:
            return "attach"
        if "fulfillmentOrderReleaseHold" in document:
            return "confirm"
        return "read"

    def confirmed_order(self, _path: str, body: Any, answer: Answer) -> str | None:
        """An answer with status 200 may refuse."""
        content = answer[1].get("data") or {}
        released = (content.get("fulfillmentOrderReleaseHold") or {}).get("fulfillmentOrder")
        return str(body["variables"]["id"]).rpartition("/")[2] if released else None

    def answer(self, method: str, path: str, _query: dict[str, list[str]], body: Any, headers: Any) -> Answer:
        if (method, path) == ("POST", "/admin/oauth/access_token"):
            return self._log_in(body)
        assert (method, path) == ("POST", PATH)
        if self._requests_of_token is not None:
            self._requests_of_token -= 1
            if self._requests_of_token < 0:
                self._token, self._requests_of_token = "", None
        if headers.get(TOKEN_HEADER) not in {self.TOKEN, self._token} - {""}:
            return UNAUTHORIZED
        return 200, self._execute(body["query"], body["variables"]), {}

    def _log_in(self, body: Any) -> Answer:
        if body != {"grant_type": "client_credentials", "client_id": self.KEYS[0], "client_secret": self.KEYS[1]}:
            return 400, {"error": "invalid_client"}, {}
        self.logins += 1
        self._token = f"shpat_{self.logins}"
        return 200, {"access_token": self._token, "scope": "write_orders", "expires_in": 86399}, {}

    def _execute(self, query: str, variables: dict[str, Any]) -> Any:
        document, invalid = _parsed(query)
        if invalid:
            return {"errors": [error.formatted for error in invalid]}
        cost = Cost(document, variables)
        requested = cost.requested()
        self.costs.append(requested)
        if requested > MOST_POINTS:
            return {"errors": [{"message": f"Query cost is {requested}", "extensions": {"code": "MAX_COST_EXCEEDED"}}]}
        self._left = min(self._most, self._left + (self.now - self._since) * self._per_second)
        self._since = self.now
        if requested > self._left:
            self.throttled += 1
            return {"errors": [THROTTLED], "extensions": self._cost(requested, None)}
        root = {
            "fulfillmentOrder": self._fulfillment_order,
            "fulfillmentOrders": self._fulfillment_orders,
            "fulfillmentOrderReleaseHold": self._release_hold,
            "metafieldsSet": self._set_metafields,
        }
        answer: dict[str, Any] = dict(
            execute_sync(SCHEMA, document, root_value=root, variable_values=variables).formatted
        )
        actual = requested if cost.is_mutation else min(requested, sum(map(_actual, (answer["data"] or {}).values())))
        self._left -= actual
        return {**answer, "extensions": self._cost(requested, actual)}

    def _cost(self, requested: int, actual: int | None) -> Any:
        status = {"maximumAvailable": self._most, "currentlyAvailable": self._left, "restoreRate": self._per_second}
        return {"cost": {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}}

    def _fulfillment_order(self, _info: Any, id: str) -> Any:  # noqa: A002 - the name of the argument
        order_id = id.removeprefix("gid://shopify/FulfillmentOrder/")
        return self._source(self.orders[order_id]) if order_id in self.orders else None

    def _fulfillment_orders(self, _info: Any, query: str, **page: Any) -> Any:
        assert query == "status:on_hold"
        found = [order for order in self.orders.values() if order["status"] == "ON_HOLD"]
        return self._connection(found, self._source, **page)

    def _source(self, record: dict[str, Any]) -> Any:
        """A fulfillment order, with resolvers of the fields that have arguments."""
        order = record["order"]
        parts = [self.orders[order_id] for order_id in order["parts"] if order_id in self.orders]
        return {
            **record,
            "order": {
                **order,
                "fulfillmentOrders": lambda _info, **page: self._connection(parts, self._source, **page),
            },
            "lineItems": lambda _info, **page: self._connection(record["lines"], dict, **page),
        }

    @staticmethod
    def _connection(
        records: list[Any], source: Any, *, first: int | None = None, after: str | None = None, **_more: Any
    ) -> Any:
        if first is None:
            raise GraphQLError("you must provide one of first or last")
        assert first <= 250
        rows = sorted((int(record["id"].rpartition("/")[2]), record) for record in records)
        rest = [row for row in rows if after is None or row[0] > int(after.removeprefix("after-"))]
        page = rest[:first]
        info = {"hasNextPage": len(rest) > first, "endCursor": f"after-{page[-1][0]}" if page else None}
        return {"nodes": [source(record) for _, record in page], "pageInfo": info}

    def _release_hold(self, _info: Any, id: str, holdIds: list[str] | None = None) -> Any:  # noqa: A002, N803 - as above
        order_id = id.rpartition("/")[2]
        record = self.orders.get(order_id)
        if record is None:
            error = {"code": "FULFILLMENT_ORDER_NOT_FOUND", "field": ["id"], "message": "Fulfillment order not found."}
            return {"fulfillmentOrder": None, "userErrors": [error]}
        holds = record["fulfillmentHolds"]
        released = {hold["id"] for hold in holds} if holdIds is None else set(holdIds)
        if not released or not released <= {hold["id"] for hold in holds}:
            error = {"code": None, "field": ["holdIds"], "message": "The fulfillment order does not have this hold."}
            return {"fulfillmentOrder": None, "userErrors": [error]}
        record["fulfillmentHolds"] = [hold for hold in holds if hold["id"] not in released]
        record["status"] = "ON_HOLD" if record["fulfillmentHolds"] else "OPEN"
        return {"fulfillmentOrder": self._source(record), "userErrors": []}

    def _set_metafields(self, _info: Any, metafields: list[dict[str, Any]]) -> Any:
        """Sets all of them, or none."""
        assert len(metafields) <= MOST_METAFIELDS
        owners = {record["order"]["id"]: record["order"] for record in self.orders.values()}
        errors = []
        for index, field in enumerate(metafields):
            assert 3 <= len(field["namespace"]) <= 255
            assert 2 <= len(field["key"]) <= 64
            assert field["type"] == "json"
            problem = {"field": ["metafields", str(index)], "elementIndex": index}
            if field["ownerId"] not in owners:
                errors.append({**problem, "code": "INVALID_VALUE", "message": "Owner does not exist."})
            elif len(field["value"].encode()) > MOST_JSON:
                errors.append({**problem, "code": "TOO_LONG", "message": "Value is too long."})
            json.loads(field["value"])
        if errors:
            return {"metafields": None, "userErrors": errors}
        for field in metafields:
            owners[field["ownerId"]]["metafields"][field["namespace"], field["key"]] = field["value"]
        return {"metafields": [{**field, "id": self._gid("Metafield")} for field in metafields], "userErrors": []}

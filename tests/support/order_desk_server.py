"""Order Desk's API v2 on loopback, as https://apidocs.orderdesk.com describes it.

Orders are in folders, and lists are pages of one folder. ``PUT`` of an item replaces the whole item. ``POST
/move-orders`` moves orders from any folder, also from one that they should not leave. Empty metadata is a list, as PHP
writes it. A bucket of requests may be limited; it is refilled only by ``refill``, so no test depends on the time.
"""

from __future__ import annotations

import copy
from typing import Any

from remote_artwork.clients.order_desk import OrderDeskClient
from remote_artwork.core.orders import OrderState
from shop_api_servers import Answer, ShopApi

RATE = 3
"""Requests per second that the bucket gets back."""
BUCKET = 20


class OrderDeskApi(ShopApi):
    STORE, KEY = "125999", "order-desk-key-of-tests"
    KEYS = (STORE, KEY)
    PENDING, RELEASED, PREPARED, CLOSED, CANCELLED = 21654, 21655, 21656, 21657, 21658

    def __init__(self) -> None:
        self.tokens: float | None = None
        """Requests that are left; None: not limited."""
        self.retry_after = "1"
        super().__init__()

    def client(self, **options: Any) -> OrderDeskClient:
        folders = {
            self.PENDING: OrderState.PENDING,
            self.RELEASED: OrderState.FULFILLED,
            self.PREPARED: OrderState.FULFILLED,
            self.CANCELLED: OrderState.CANCELLED,
        }
        client = OrderDeskClient(
            *self.KEYS, folders=folders, release_to=self.RELEASED, api=f"{self.url}/api/v2", **options
        )
        client.calls_per_second = None  # tests make hundreds of calls
        return client

    def add(self, number: str, *items: str, folder: int = PENDING, **more: Any) -> str:
        order_id = str(29_490 + len(self.orders))
        self.orders[order_id] = {
            "id": order_id,
            "source_name": "Shopify",
            "source_id": number,
            "folder_id": folder,
            "date_added": f"2026-01-02 03:04:{len(self.orders) % 60:02}",
            "shipping": {"first_name": "Jimmy", "address1": "800 Emmet St"},
            "order_metadata": [],
            "order_items": [
                {
                    "id": item,
                    "name": "Poster",
                    "price": 19,
                    "quantity": 1,
                    "code": "poster-50x70",
                    "delivery_type": "ship",
                    "variation_list": {"Size": "50x70"},
                    "metadata": [],
                }
                for item in items
            ],
            **more,
        }
        return order_id

    def refill(self, seconds: float) -> None:
        """The bucket gets back what it does in this time."""
        if self.tokens is not None:
            self.tokens = min(BUCKET, self.tokens + RATE * seconds)

    def item(self, order_id: str, item_id: str) -> dict[str, Any]:
        [item] = [each for each in self.orders[order_id]["order_items"] if each["id"] == item_id]
        return item

    def pending_ids(self) -> set[str]:
        return {order_id for order_id, order in self.orders.items() if order["folder_id"] == self.PENDING}

    def cancel(self, order: Any) -> None:
        self.orders[order.id].update(folder_id=self.CANCELLED)

    def urls(self, order: Any, item: Any) -> list[str]:
        metadata = dict(self.item(order.id, item.id)["metadata"])
        return [metadata["print_url"]] if "print_url" in metadata else []

    def names(self, order: Any, item: Any) -> list[str]:
        metadata = dict(self.item(order.id, item.id)["metadata"])
        return [metadata["print_url_name"]] if "print_url_name" in metadata else []

    @staticmethod
    def kind(_method: str, body: Any) -> str:
        return "read" if body is None else "confirm" if "order_id_list" in body else "attach"

    def confirmed_order(self, _path: str, _body: Any, answer: Answer) -> str | None:
        moved = answer[1].get("results", ()) if isinstance(answer[1], dict) else ()
        return next((str(each["order_id"]) for each in moved), None)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any, headers: Any) -> Answer:
        if (headers.get("ORDERDESK-STORE-ID"), headers.get("ORDERDESK-API-KEY")) != self.KEYS:
            return 401, _error(f"Invalid API key {headers.get('ORDERDESK-API-KEY')}"), {}
        assert (body is None) == (method == "GET") == ("Content-Type" not in headers), "a GET has no content"
        if self.tokens is not None and self.tokens < 1:
            return 429, _error("Too many requests"), {"X-Retry-After": self.retry_after, "X-Tokens-Remaining": "0"}
        if self.tokens is not None:
            self.tokens -= 1
        return self._route(method, path, query, body)

    def _route(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        match method, path.removeprefix("/api/v2/").split("/"):
            case "GET", ["orders"]:
                return self._list(query)
            case "POST", ["move-orders"]:
                return self._move(body)
            case "GET", ["orders", order_id] if order_id in self.orders:
                return self._success(order=copy.deepcopy(self.orders[order_id]))
            case "PUT", ["orders", order_id, "order-items", item_id] if order_id in self.orders:
                return self._put_item(self.orders[order_id], item_id, body)
        return 404, _error("Order not found"), {}

    def _success(self, **more: Any) -> Answer:
        remaining = {} if self.tokens is None else {"X-Tokens-Remaining": str(int(self.tokens))}
        return 200, {"status": "success", "execution_time": "0.0208 seconds", **more}, remaining

    def _list(self, query: dict[str, list[str]]) -> Answer:
        assert set(query) == {"folder_id", "order_by", "order", "limit", "offset"}
        [folder], [limit], [offset] = query["folder_id"], query["limit"], query["offset"]
        assert int(limit) <= 500
        found = [each for each in self.orders.values() if each["folder_id"] == int(folder)]
        found.sort(key=lambda each: int(each[query["order_by"][0]]), reverse=query["order"] == ["DESC"])
        page = found[int(offset) : int(offset) + int(limit)]
        return self._success(
            orders=copy.deepcopy(page),
            total_records=len(found),
            records_returned=len(page),
            offset=int(offset),
            limit=int(limit),
        )

    def _put_item(self, order: dict[str, Any], item_id: str, body: Any) -> Answer:
        for index, item in enumerate(order["order_items"]):
            if item["id"] == item_id:
                order["order_items"][index] = {**body, "id": item_id}  # the strictest reading: the rest becomes blank
                return self._success(message="Order Item Updated")
        return 404, _error("Order item not found"), {}

    def _move(self, body: Any) -> Answer:
        results = []
        for order_id in map(str, body["order_id_list"]):
            if order := self.orders.get(order_id):
                before, order["folder_id"] = order["folder_id"], body["destination_folder_id"]
                results.append({"order_id": int(order_id), "message": "Order Moved", "original_folder_id": before})
        return self._success(message=f"{len(results)} Orders Moved", results=results)


def _error(message: str) -> dict[str, str]:
    return {"status": "error", "message": message}

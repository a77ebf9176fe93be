"""Printful's API v2 on loopback, as https://developers.printful.com/docs/v2-beta/ describes it.

Only drafts can be changed and confirmed. Every change of an item starts a calculation of the costs, and one reading of
the order later it is done. Until then, the confirmation is refused.
"""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import urlsplit

from documented_shops import documented_clients
from shop_api_servers import Answer, ShopApi


class PrintfulApi(ShopApi):
    KEY = "printful-token-of-tests"

    def client(self, **options: Any) -> Any:
        """Return the client of the page."""
        client = documented_clients("printful.md")["PrintfulClient"](self.KEY, api=self.url, **options)
        client.calls_per_second, client.pause = None, 0.0  # tests make hundreds of calls
        return client

    def add(self, number: str, *items: str, status: str = "draft", sides: tuple[str, ...] = ("front",)) -> str:
        order_id = str(9_000 + len(self.orders))
        layers = [{"type": "file", "url": "https://shop.example/placeholder.png"}]
        self.orders[order_id] = {
            "id": int(order_id),
            "external_id": number,
            "status": status,
            "created_at": "2026-01-02T03:04:05Z",
            "costs": {"calculation_status": "done", "total": "19.00"},
            "items": [
                {
                    "id": 100 * int(order_id) + index,
                    "external_id": item,
                    "quantity": 1,
                    "placements": [{"placement": side, "technique": "dtg", "layers": layers} for side in sides],
                }
                for index, item in enumerate(items)
            ],
        }
        return order_id

    def pending_ids(self) -> set[str]:
        return {order_id for order_id, order in self.orders.items() if order["status"] == "draft"}

    def cancel(self, order: Any) -> None:
        self.orders[order.id]["status"] = "canceled"

    def urls(self, order: Any, item: Any) -> list[str]:
        [line] = [each for each in self.orders[order.id]["items"] if str(each["id"]) == item.id]
        return [layer["url"] for placement in line["placements"] for layer in placement["layers"]]

    def names(self, order: Any, item: Any) -> list[str]:
        return [urlsplit(url).path.rpartition("/")[2] for url in self.urls(order, item)]

    @staticmethod
    def kind(method: str, _body: Any) -> str:
        return {"GET": "read", "PATCH": "attach"}.get(method, "confirm")

    def confirmed_order(self, path: str, _body: Any, answer: Answer) -> str | None:
        return path.split("/")[3] if answer[0] == 200 else None

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any, headers: Any) -> Answer:
        if headers.get("Authorization") != f"Bearer {self.KEY}":
            return _error(401, "The access token provided is invalid.")
        return self._route(method, path, query, body)

    def _route(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        match method, path.removeprefix("/v2/orders").split("/")[1:]:
            case "GET", []:
                return self._list(query)
            case "GET", [order_id] if order_id in self.orders:
                return self._read(self.orders[order_id])
            case "GET", [order_id, "order-items"] if order_id in self.orders:
                return 200, {"data": copy.deepcopy(self.orders[order_id]["items"])}, {}
            case "PATCH", [order_id, "order-items", item_id] if order_id in self.orders:
                return self._patch(self.orders[order_id], item_id, body)
            case "POST", [order_id, "confirmation"] if order_id in self.orders:
                return self._confirm(self.orders[order_id])
        return _error(404, "Order not found")

    def _list(self, query: dict[str, list[str]]) -> Answer:
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        found = [*reversed(self.orders.values())][offset : offset + limit]
        return (
            200,
            {
                "data": [_summary(order) for order in found],
                "paging": {"total": len(self.orders), "offset": offset, "limit": limit},
            },
            {},
        )

    def _read(self, order: dict[str, Any]) -> Answer:
        answer = {"data": _summary(order)}
        order["costs"]["calculation_status"] = "done"
        return 200, answer, {}

    def _patch(self, order: dict[str, Any], item_id: str, body: Any) -> Answer:
        [item] = [each for each in order["items"] if str(each["id"]) == item_id]
        if order["status"] != "draft":
            return _error(409, "Only drafts can be changed")
        item["placements"] = body["placements"]
        order["costs"]["calculation_status"] = "calculating"
        return 200, {"data": item}, {}

    def _confirm(self, order: dict[str, Any]) -> Answer:
        if order["status"] != "draft" or order["costs"]["calculation_status"] != "done":
            return _error(409, "The order cannot be confirmed")
        order["status"] = "pending"
        return 200, {"data": _summary(order)}, {}


def _summary(order: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy({name: value for name, value in order.items() if name != "items"})


def _error(status: int, message: str) -> Answer:
    return status, {"data": message, "error": {"reason": "Error", "message": message}}, {}

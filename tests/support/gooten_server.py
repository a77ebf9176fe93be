"""Gooten's API on loopback, as https://www.gooten.com/api-documentation/ describes it.

The keys are in the query. A search has no filter for a status, and its results have no ids of items. An error has
``HadError``. ``PUT OrderCustomization`` is refused for an order of which no item waits for personalization.
"""

from __future__ import annotations

import copy
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from remote_artwork.clients.gooten import GootenClient
from shop_api_servers import Answer, ShopApi

_NOT_IN_SEARCH = ("OrderItemId", "Images")


class GootenApi(ShopApi):
    RECIPE, KEY = "recipe-id-of-tests", "billing+key/of=tests"
    KEYS = (RECIPE, KEY)
    WAITS = "NeedsPersonalization"

    def __init__(self) -> None:
        self.error_status = 200
        """The HTTP status of a refused change. Gooten does not document it."""
        super().__init__()

    def client(self, **options: Any) -> GootenClient:
        return GootenClient(*self.KEYS, api=self.url, **options)

    def add(self, number: str, *items: str, status: str = WAITS, **more: Any) -> str:
        order_id = f"7-d3d3f61a-{len(self.orders):04}"
        first = 1_066_980 + 10 * len(self.orders)
        self.orders[order_id] = {
            "Id": order_id,
            "NiceId": f"7-{len(self.orders)}",
            "SourceId": number,
            "GootenId": 529_627 + len(self.orders),
            "Items": [
                {
                    "OrderItemId": first + index,
                    "SourceId": item,
                    "Sku": "Prints-50x70",
                    "Quantity": 1,
                    "Status": status,
                    "Images": [{"SourceUrl": "https://cdn.example/placeholder.png", "SpaceId": "C0B31"}],
                }
                for index, item in enumerate(items)
            ],
            **more,
        }
        return order_id

    def pending_ids(self) -> set[str]:
        return {
            order_id
            for order_id, order in self.orders.items()
            if any(item["Status"] == self.WAITS for item in order["Items"])
        }

    def cancel(self, order: Any) -> None:
        for item in self.orders[order.id]["Items"]:
            item["Status"] = "Cancelled"

    def urls(self, order: Any, item: Any) -> list[str]:
        [line] = [each for each in self.orders[order.id]["Items"] if str(each["OrderItemId"]) == item.id]
        return [image["SourceUrl"] for image in line["Images"]]

    def names(self, order: Any, item: Any) -> list[str]:
        return [urlsplit(url).path.rpartition("/")[2] for url in self.urls(order, item)]

    @staticmethod
    def kind(_method: str, body: Any) -> str:
        return "read" if body is None else "confirm"

    def confirmed_order(self, _path: str, _body: Any, answer: Answer) -> str | None:
        return answer[1].get("Id") if isinstance(answer[1], dict) else None

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any, _headers: Any) -> Answer:
        if query.get("recipeId") != [self.RECIPE]:
            return self._error("Invalid RecipeID", 401)
        match method, path:
            case "GET", "/v/5/source/api/ordersearch/" if self._may_bill(query):
                return self._search(query)
            case "GET", "/orders/":
                order = self.orders.get(query["id"][0])
                return (200, copy.deepcopy(order), {}) if order else self._error("Order not found", 404)
            case "PUT", "/OrderCustomization" if self._may_bill(query):
                return self._customize(query["id"][0], body)
        return self._error(f"Invalid PartnerBillingKey {query['partnerBillingKey'][0]}", 401)

    def _may_bill(self, query: dict[str, list[str]]) -> bool:
        return query.get("partnerBillingKey") == [self.KEY]

    def _error(self, message: str, status: int) -> Answer:
        errors = [{"PropertyName": "", "ErrorMessage": message}]
        return status, {"ErrorReferenceCode": "72f3c717-f204-4b4a", "HadError": True, "Errors": errors}, {}

    def _search(self, query: dict[str, list[str]]) -> Answer:
        date.fromisoformat(query["startDate"][0])
        size, number = int(query["pageSize"][0]), int(query["page"][0])
        found = [*reversed(self.orders.values())]
        page = copy.deepcopy(found[(number - 1) * size : number * size])
        for item in (item for order in page if isinstance(order["Items"], list) for item in order["Items"] if item):
            for name in _NOT_IN_SEARCH:
                del item[name]
        pages = -(-len(found) // size)
        return 200, {"Orders": page, "TotalPages": pages, "Page": number, "HadError": False}, {}

    def _customize(self, order_id: str, body: Any) -> Answer:
        if order_id not in self.orders:
            return self._error("Order not found", 404)
        waiting = {i["OrderItemId"]: i for i in self.orders[order_id]["Items"] if i["Status"] == self.WAITS}
        if not waiting or not {each["OrderItemId"] for each in body["Items"]} <= waiting.keys():
            return self._error("Only items in NeedsPersonalization can be updated", self.error_status)
        for each in body["Items"]:
            images = [{"SourceUrl": image["Url"], "SpaceId": image.get("SpaceId", "C0B31")} for image in each["Images"]]
            waiting[each["OrderItemId"]].update(Images=images, Status="ReadyForImageDl")
        return 200, {"Id": order_id, "HadError": False}, {}

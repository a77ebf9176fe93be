"""Two shops' APIs on loopback, as their documents describe them: Gelato's orders v4, and WooCommerce's REST v3."""

from __future__ import annotations

import base64
import copy
import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from attrs import define

from remote_artwork.clients.woocommerce import ARTWORK_META

Answer = tuple[int, Any, dict[str, str]]


@define(eq=False)
class _Fault:
    on: str
    what: Any
    after: int


class ShopApi:
    """A JSON API that keeps orders by id, and fails on demand.

    ``fail(fault, times, on=…, after=…)`` spoils the next requests of a kind, ``read``, ``attach``, ``confirm`` or
    ``any``, once so many have gone well. A status, as ``503``, or a whole answer is given without effect; ``("after",
    answer)`` has the effect first, as has ``"500 after"``; ``"cut after"`` has it and breaks the connection, ``"cut
    before"`` breaks it without;
    ``"silence after"`` has it and waits until the client has had enough.

    ``writes`` counts the requests that were to change something. ``changes`` are those that were processed, and
    ``effects`` counts by order id those that confirmed one.
    """

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.seen_headers: list[dict[str, str]] = []
        self.changes: list[tuple[str, Any]] = []
        self.writes = 0
        self.effects: Counter[str] = Counter()
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)

    def fail(self, fault: Any, times: int = 1, *, on: str = "confirm", after: int = 0) -> None:
        self._faults += [_Fault(on, fault, after) for _ in range(times)]

    def confirmed(self, order: Any) -> int:
        """How often a request has confirmed the order."""
        return self.effects[order.id]

    def pending_ids(self) -> set[str]:
        """The ids of all orders that wait for approval."""
        raise NotImplementedError

    def cancel(self, order: Any) -> None:
        """Cancels the order."""
        raise NotImplementedError

    def names(self, order: Any, item: Any) -> list[str]:
        """The names of the files of one item."""
        raise NotImplementedError

    def urls(self, order: Any, item: Any) -> list[str]:
        """The URLs of the files of one item."""
        raise NotImplementedError

    def break_after_write(self, number: int) -> Callable[[], bool]:
        """Break the connection after the effect of one of the next writes. Return a function that ends this.

        That function returns whether the connection broke.
        """
        fault = _Fault("write", "cut after", number - 1)
        self._faults.append(fault)

        def has_broken() -> bool:
            with self._lock:
                waits = fault in self._faults
                if waits:
                    self._faults.remove(fault)
            return not waits

        return has_broken

    def putting_back(self, client: Any) -> Callable[[], Any]:
        """A function that puts all orders back to what they are now, forgets what came since, and gives the client."""
        kept = copy.deepcopy(self.orders)

        def put_back() -> Any:
            self.orders = copy.deepcopy(kept)
            self.effects.clear()
            return client

        return put_back

    @staticmethod
    def kind(method: str, body: Any) -> str:
        if method not in ("PATCH", "PUT"):
            return "read"
        return "confirm" if "orderType" in body or "status" in body else "attach"

    def confirmed_order(self, path: str, _body: Any, answer: Answer) -> str | None:
        """The id of the order that a request has confirmed; None if it has confirmed none."""
        return path.rpartition("/")[2] if answer[0] == 200 else None

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any, headers: Any) -> Answer:
        raise NotImplementedError

    def _respond(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        request.close_connection = True
        with self._lock:
            self.requests.append(f"{request.command} {request.path}")
            self.seen_headers.append(dict(request.headers.items()))
            kind = self.kind(request.command, body)
            self.writes += kind != "read"
            what = self._fault_of(kind)
            if what == "cut before":
                return
            if isinstance(what, int):
                answer: Answer = (what, {"message": "as the test wants it"}, {"Retry-After": "0"})
            elif isinstance(what, tuple) and what[0] != "after":
                answer = what
            else:
                answer = self.answer(request.command, url.path, parse_qs(url.query), body, request.headers)
                if kind != "read":
                    self.changes.append((request.path, body))
                    if kind == "confirm" and (order_id := self.confirmed_order(url.path, body, answer)):
                        self.effects[order_id] += 1
            if what == "cut after":
                return
            answer = self._answer_after_effect(what, answer)
        if what == "silence after":
            request.rfile.read(1)  # ends when the client closes the connection
            return
        status, document, extra = answer
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        request.send_response(status)
        for name, value in {**extra, "Content-Length": str(len(content)), "Connection": "close"}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    @staticmethod
    def _answer_after_effect(what: Any, answer: Answer) -> Answer:
        if what == "500 after":
            return 500, {"message": "it broke"}, {}
        return what[1] if isinstance(what, tuple) and what[0] == "after" else answer

    def _fault_of(self, kind: str) -> Any:
        for fault in self._faults:
            if fault.on in (kind, "any") or (fault.on == "write" and kind != "read"):
                if fault.after == 0:
                    self._faults.remove(fault)
                    return fault.what
                fault.after -= 1
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        respond = self._respond

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                respond(self)

            do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815 - the base class's names

            def log_message(self, *_: object) -> None:
                """Keeps the test's output quiet."""

        return Handler


class GelatoApi(ShopApi):
    """Summaries without items; only drafts can be patched; items that a patch leaves out are removed."""

    KEY = "gelato-key-of-tests"

    def add(self, number: str, *items: str, order_id: str | None = None, status: str = "draft", **more: Any) -> str:
        order_id = order_id or f"id-{len(self.orders) + 1}"
        self.orders[order_id] = {
            "id": order_id,
            "orderReferenceId": number,
            "orderType": "draft" if status == "draft" else "order",
            "fulfillmentStatus": status,
            "connectedOrderIds": [],
            "createdAt": "2026-01-02T03:04:05+00:00",
            "items": [
                {
                    "id": f"{order_id}-{item}",
                    "itemReferenceId": item,
                    "productUid": "poster",
                    "files": [],
                    "quantity": 1,
                }
                for item in items
            ],
            **more,
        }
        return order_id

    def pending_ids(self) -> set[str]:
        return {order_id for order_id, order in self.orders.items() if order["fulfillmentStatus"] == "draft"}

    def cancel(self, order: Any) -> None:
        self.orders[order.id].update(fulfillmentStatus="canceled", orderType="order")

    def urls(self, order: Any, item: Any) -> list[str]:
        [line] = [each for each in self.orders[order.id]["items"] if each["id"] == item.id]
        return [file["url"] for file in line["files"]]

    def names(self, order: Any, item: Any) -> list[str]:
        return [urlsplit(url).path.rpartition("/")[2] for url in self.urls(order, item)]

    def answer(self, method: str, path: str, _query: dict[str, list[str]], body: Any, headers: Any) -> Answer:
        if headers.get("X-API-KEY") != self.KEY:
            return 401, {"message": "Unauthorized"}, {}
        if (method, path) == ("POST", "/v4/orders:search"):
            return self._search(body)
        order = self.orders.get(path.removeprefix("/v4/orders/"))
        if order is None:
            return 404, {"message": "Order not found"}, {}
        if method == "PATCH":
            return self._patch(order, body)
        return 200, order, {}

    def _search(self, body: Any) -> Answer:
        assert set(body) <= {"fulfillmentStatuses", "limit", "offset", "storeIds"}
        assert body["limit"] <= 100
        found = [each for each in self.orders.values() if each["fulfillmentStatus"] in body["fulfillmentStatuses"]]
        if "storeIds" in body:
            found = [each for each in found if each.get("storeId") in body["storeIds"]]
        page = found[body["offset"] : body["offset"] + body["limit"]]
        return 200, {"orders": [{k: v for k, v in each.items() if k != "items"} for each in page]}, {}

    def _patch(self, order: dict[str, Any], body: Any) -> Answer:
        if order["orderType"] != "draft":
            return 400, {"message": "Only draft orders can be patched"}, {}
        assert body["orderType"] == "order"
        kept = {item["id"]: item for item in order["items"]}
        if not {each["id"] for each in body["items"]} <= kept.keys():
            return 400, {"message": "Unknown item"}, {}
        order["items"] = [{**kept[each["id"]], **each} for each in body["items"]]
        order.update(orderType="order", fulfillmentStatus="created")
        return 200, copy.deepcopy(order), {}


class WooCommerceApi(ShopApi):
    """Pages with totals in a header; a PUT changes what it names; a field of meta data is kept once by its key."""

    KEYS = ("ck_of_tests", "cs_of_tests")

    def add(self, number: str, *lines: int, status: str = "on-hold", **more: Any) -> str:
        order_id = 500 + len(self.orders)
        self.orders[str(order_id)] = {
            "id": order_id,
            "number": number,
            "status": status,
            "date_created_gmt": "2026-01-02T03:04:05",
            "meta_data": [],
            "line_items": [
                {"id": line, "name": "Poster", "product_id": 7, "quantity": 1, "meta_data": []} for line in lines
            ],
            **more,
        }
        return str(order_id)

    def pending_ids(self) -> set[str]:
        return {order_id for order_id, order in self.orders.items() if order["status"] == "on-hold"}

    def cancel(self, order: Any) -> None:
        self.orders[order.id].update(status="cancelled")

    def urls(self, order: Any, item: Any) -> list[str]:
        return [artwork["url"] for artwork in self._artwork(order, item)]

    def names(self, order: Any, item: Any) -> list[str]:
        return [artwork["name"] for artwork in self._artwork(order, item)]

    def _artwork(self, order: Any, item: Any) -> list[dict[str, Any]]:
        [line] = [each for each in self.orders[order.id]["line_items"] if str(each["id"]) == item.id]
        return [artwork for field in line["meta_data"] if field["key"] == ARTWORK_META for artwork in field["value"]]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any, headers: Any) -> Answer:
        expected = base64.b64encode(":".join(self.KEYS).encode()).decode()
        if headers.get("Authorization") != f"Basic {expected}":
            return 401, {"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot list resources."}, {}
        rest = path.removeprefix("/wp-json/wc/v3/orders")
        if rest == "":
            return self._page(query)
        order = self.orders.get(rest.removeprefix("/"))
        if order is None:
            return 404, {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."}, {}
        if method == "PUT":
            self._put(order, body)
        return 200, copy.deepcopy(order), {}

    def _page(self, query: dict[str, list[str]]) -> Answer:
        [status], [size], [offset] = query["status"], query["per_page"], query["offset"]
        assert int(size) <= 100
        found = [each for each in self.orders.values() if each["status"] == status]
        start = int(offset)
        return 200, found[start : start + int(size)], {"X-WP-Total": str(len(found))}

    def _put(self, order: dict[str, Any], body: Any) -> None:
        order["status"] = body.get("status", order["status"])
        _set_meta(order, body)
        if "line_items" in body:
            known = {line["id"]: line for line in order["line_items"]}
            named = [line["id"] for line in body["line_items"]]
            order["line_items"] = [known[each] for each in named]  # the strictest reading: those not named are removed
            for line in body["line_items"]:
                _set_meta(known[line["id"]], line)


def _set_meta(target: dict[str, Any], change: Any) -> None:
    for each in change.get("meta_data", ()):
        target["meta_data"] = [old for old in target["meta_data"] if old["key"] != each["key"]] + [each]

"""The shops of the page "Write a client": one with a GraphQL API, one with JSON-RPC. Both know one login at a time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from shop_api_servers import Answer, ShopApi

PAGES = Path(__file__).parents[2] / "docs" / "how-to" / "clients"
PAGE_SIZE = 50


def documented_clients(page: str = "writing.md") -> dict[str, Any]:
    """Return the names that the code of a page defines."""
    names: dict[str, Any] = {}
    for block in re.findall(
        r"^```python\n(.*?)^```", PAGES.joinpath(page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        exec(compile(block, page, "exec"), names)
    return names


class DocumentedShop(ShopApi):
    """Orders that wait, are released or cancelled. A released order keeps the key of its release."""

    USER, PASSWORD = "scanner", "password-of-tests"

    def __init__(self) -> None:
        super().__init__()
        self.token: str | None = None
        self.logins = 0
        self.requests_of_a_login: int | None = None
        """After so many requests a login expires."""

    def add(self, code: str, *lines: str, state: str = "WAITING") -> str:
        """Add an order; return its id."""
        order_id = str(500 + len(self.orders))
        self.orders[order_id] = {
            "id": order_id,
            "code": code,
            "state": state,
            "approvals": 1,
            "releaseKey": None,
            "lines": [
                *({"id": each, "sku": "PRINT-1", "quantity": 1, "cancelled": False, "files": []} for each in lines),
                {"id": f"{order_id}-frame", "sku": "FRAME", "quantity": 1, "cancelled": False, "files": []},
                {"id": f"{order_id}-void", "sku": "PRINT-2", "quantity": 1, "cancelled": True, "files": []},
            ],
        }
        return order_id

    def expire(self) -> None:
        """End the login."""
        self.token = None

    def cancel(self, order: Any) -> None:
        self.orders[order.id]["state"] = "CANCELLED"

    def pending_ids(self) -> set[str]:
        return {order_id for order_id, order in self.orders.items() if order["state"] == "WAITING"}

    def urls(self, order: Any, item: Any) -> list[str]:
        return [file["url"] for file in self._line(self.orders[order.id], item.id)["files"]]

    def names(self, order: Any, item: Any) -> list[str]:
        return [file["name"] for file in self._line(self.orders[order.id], item.id)["files"]]

    def log_in(self, user: str, password: str) -> str | None:
        """Return a new token; None if the password is wrong."""
        if (user, password) != (self.USER, self.PASSWORD):
            return None
        self.logins += 1
        self.token = f"token-of-tests-{self.logins}"
        return self.token

    def is_logged_in(self, authorization: str) -> bool:
        """Whether a request has a valid login. Count the request."""
        if self.requests_of_a_login and len(self.requests) % self.requests_of_a_login == 0:
            self.expire()
        return self.token is not None and authorization.rpartition(" ")[2] == self.token

    def waiting(self, start: int) -> list[dict[str, Any]]:
        """The orders of one page, and of all pages after it."""
        return [order for order in self.orders.values() if order["state"] == "WAITING"][start:]

    def change(self, order_id: str) -> tuple[dict[str, Any], str | None]:
        """Return an order that is to be changed, and the code of the reason why it cannot be."""
        order = self.orders.get(order_id)
        if order is None:
            return {}, "NO_SUCH_ORDER"
        return order, {"WAITING": None, "RELEASED": "ALREADY_RELEASED"}.get(order["state"], "NOT_WAITING")

    @staticmethod
    def _line(order: dict[str, Any], line_id: str) -> dict[str, Any]:
        return next((line for line in order["lines"] if line["id"] == line_id), {})


class GraphqlShop(DocumentedShop):
    """Knows the operations of the page by their names. A cursor is the id of an order."""

    @staticmethod
    def kind(_method: str, body: Any) -> str:
        return {"Release": "confirm", "SetArtwork": "attach", "Login": "login"}.get(_operation(body), "read")

    def confirmed_order(self, _path: str, body: Any, answer: Answer) -> str | None:
        done = "jobNumber" in ((answer[1].get("data") or {}).get("releaseOrder") or {})
        return str(body["variables"]["id"]) if done else None

    def answer(self, _method: str, _path: str, _query: dict[str, list[str]], body: Any, headers: Any) -> Answer:
        operation, values = _operation(body), body["variables"]
        if operation == "Login":
            token = self.log_in(values["user"], values["password"])
            return _data("login", {"token": token} if token else _failure("INVALID_CREDENTIALS"))
        if not self.is_logged_in(headers.get("Authorization", "")):
            error = {"message": "not authorized", "path": [operation], "extensions": {"code": "FORBIDDEN"}}
            return 200, {"errors": [error], "data": None}, {}
        if operation == "Pending":
            return _data("orders", self._connection(values["after"]))
        if operation == "Order":
            return _data("order", self.orders.get(values["id"]))
        order, code = self.change(values["id"])
        if operation == "Release":
            return _data("releaseOrder", _failure(code) if code else self._release(order, values["key"]))
        line = self._line(order, values["line"]) if order else {}
        code = code or (None if line else "NO_SUCH_LINE")
        if code is None:
            line["files"] = values["files"]
        return _data("setArtwork", _failure(code) if code else {"__typename": "Order"})

    def _connection(self, after: str | None) -> dict[str, Any]:
        waiting = [order for order in self.waiting(0) if int(order["id"]) > int(after or 0)]
        nodes, more = waiting[:PAGE_SIZE], len(waiting) > PAGE_SIZE
        return {"nodes": nodes, "pageInfo": {"hasNextPage": more, "endCursor": nodes[-1]["id"] if nodes else None}}

    @staticmethod
    def _release(order: dict[str, Any], key: str) -> dict[str, Any]:
        order.update(state="RELEASED", releaseKey=key)
        return {"__typename": "Job", "jobNumber": f"J{order['id']}"}


class RpcShop(DocumentedShop):
    """An error is a name and a text."""

    @staticmethod
    def kind(_method: str, body: Any) -> str:
        return {"order.produce": "confirm", "session.login": "login"}.get(body["method"], "read")

    def confirmed_order(self, _path: str, body: Any, answer: Answer) -> str | None:
        return str(body["params"][0]) if answer[1].get("result") else None

    def answer(self, _method: str, _path: str, _query: dict[str, list[str]], body: Any, headers: Any) -> Answer:
        method, params = body["method"], body["params"]
        if method == "session.login":
            token = self.log_in(*params)
            return _result(token) if token else _error("LoginFailed")
        if not self.is_logged_in(headers.get("Authorization", "")):
            return 401, {"message": "no session"}, {}
        if method == "order.search":
            _state, offset, limit = params
            return _result(self.waiting(offset)[:limit])
        order, code = self.change(params[0])
        if method == "order.read":
            return _result([order] if order else [])
        lines = {line_id: self._line(order, line_id) for line_id in params[1]} if order else {}
        code = code or (None if all(lines.values()) else "NO_SUCH_LINE")
        if code:
            return _error(code)
        for line_id, files in params[1].items():
            lines[line_id]["files"] = files
        order.update(state="RELEASED")
        return _result(f"J{order['id']}")


def _operation(body: Any) -> str:
    found = re.match(r"\s*(?:query|mutation) (\w+)", body["query"])
    return found[1] if found else ""


def _data(name: str, value: Any) -> Answer:
    return 200, {"data": {name: value}}, {}


def _failure(code: str | None) -> dict[str, Any]:
    return {"__typename": "Failure", "errorCode": code, "message": f"the shop says {code}"}


def _result(value: Any) -> Answer:
    return 200, {"id": 1, "result": value}, {}


def _error(code: str) -> Answer:
    return 200, {"id": 1, "error": [code, [f"the shop says {code}", ""]]}, {}

"""A shop's API on loopback that sends prepared answers, one for each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shop_api_servers import Answer, ShopApi

Prepared = Answer | Callable[[Any], Answer]


class ScriptedShop(ShopApi):
    """Sends ``answers`` in turn, and the last one again. A callable receives the request's body.

    ``bodies`` are the bodies of the requests; ``seen_headers`` their headers.
    """

    def __init__(self, *answers: Prepared) -> None:
        super().__init__()
        self.answers = list(answers)
        self.bodies: list[Any] = []

    def answer(self, _method: str, _path: str, _query: dict[str, list[str]], body: Any, _headers: Any) -> Answer:
        """Return the next answer."""
        self.bodies.append(body)
        prepared = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return prepared(body) if callable(prepared) else prepared


def data(**fields: Any) -> Answer:
    """Return the answer of a GraphQL API without errors."""
    return 200, {"data": fields}, {}


def errors(*codes: str | None, path: list[str] | None = None, **more: Any) -> Answer:
    """Return the answer of a GraphQL API with an error for each code."""
    found: list[dict[str, Any]] = [{"message": f"it says {code}", "extensions": {"code": code}} for code in codes]
    if path is not None:
        found = [{**each, "path": path} for each in found]
    return 200, {"errors": found, **more}, {}

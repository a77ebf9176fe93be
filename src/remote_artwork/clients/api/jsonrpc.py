"""What a JSON-RPC answer refuses. Its errors come with HTTP 200."""

from __future__ import annotations

from typing import Any

from remote_artwork.clients.api.refusals import Effect, Refusal


def find_rpc_refusal(content: Any) -> Refusal | None:
    """What an answer refuses.

    The code of an error is ``data.name`` if the shop sends one, as Odoo does, and ``code`` otherwise. Tryton sends a
    list, whose first part is the name of the error.
    """
    error = content.get("error") if isinstance(content, dict) else None
    if error is None:
        if isinstance(content, dict) and "result" in content:
            return None
        return Refusal("the answer is not JSON-RPC; check the URL of the shop", effect=Effect.POSSIBLE)
    if isinstance(error, list) and error:
        name, *details = error
        return Refusal(_text(details), str(name))
    if not isinstance(error, dict):
        return Refusal(str(error))
    data = error.get("data")
    data = data if isinstance(data, dict) else {}
    code = data.get("name") or error.get("code")
    return Refusal(str(data.get("message") or error.get("message") or ""), "" if code is None else str(code))


def _text(details: Any) -> str:
    """The first text in nested lists."""
    if isinstance(details, list):
        return next(filter(None, map(_text, details)), "")
    return details if isinstance(details, str) else ""

"""Protects the pages against other sites. Your own login must decide who can open them."""

from __future__ import annotations

import hmac
import secrets

from attrs import field, frozen
from fastapi import HTTPException, Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def same_origin(request: Request) -> None:
    """Refuse requests that another site makes a browser send (CSRF). Browsers send the origin with every POST.

    The host is one of the desk's host names: requests for others were refused earlier. Notifications come from a
    storage and not from a browser. They have a secret.

    Raises:
        HTTPException: 403.
    """
    if request.method in ("GET", "HEAD") or request.url.path.startswith("/notifications/"):
        return
    host = request.headers["host"]
    if request.headers.get("origin") not in (f"https://{host}", f"http://{host}"):
        raise HTTPException(
            403, "This request came from another site and was refused. Use the pages of the print desk."
        )


@frozen
class FormTokens:
    """Tokens of the forms that need a signed-in user. They are valid until the desk is restarted.

    Another site cannot read them, so it cannot send such a form (CSRF).
    """

    _secret: bytes = field(factory=lambda: secrets.token_bytes(32), repr=False)

    def of(self, user: str) -> str:
        """Return the token of a user's forms."""
        return hmac.new(self._secret, user.encode(), "sha256").hexdigest()

    def require(self, user: str, token: str) -> None:
        """Refuse a form without the token of the user.

        Raises:
            HTTPException: 403.
        """
        if not hmac.compare_digest(self.of(user).encode(), token.encode()):
            raise HTTPException(403, "This form is not yours, or it is too old. Open the page Orders again.")


class SafeHeaders:
    """Adds headers that make browsers load only the desk's own content, and store nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)

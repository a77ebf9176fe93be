"""What keeps other sites away from the desk's pages. Whoever may open them at all is for your own login to decide."""

from __future__ import annotations

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
    """Refuses what another site has a browser send (CSRF). Every browser names the origin of a POST.

    The host is one of the desk's own: another was refused before.

    Raises:
        HTTPException: 403.
    """
    if request.method in ("GET", "HEAD"):
        return
    host = request.headers["host"]
    if request.headers.get("origin") not in (f"https://{host}", f"http://{host}"):
        raise HTTPException(403, "This came from another site, so nothing was done. Open the desk's own page.")


class SafeHeaders:
    """Adds headers by which browsers run and load nothing but the desk's own, and keep nothing."""

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

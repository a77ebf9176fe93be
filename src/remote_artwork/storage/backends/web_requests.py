"""One request to a web server, and what is known about caches in front of the server.

A cache may answer although the server itself would answer differently: it hides a new file, or shows an earlier one.
Every request therefore asks caches for the server's own response (``Cache-Control: no-cache``). Many caches ignore
that. ``cache_age`` tells from the headers whether a response comes from a cache, and ``past_caches`` makes a URL that
most caches do not know. A cache that shows itself in no header cannot be detected.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from remote_artwork.errors import StorageMisbehaved
from remote_artwork.http import Response, bounded_timeout
from remote_artwork.storage.errors import HttpStatusError, is_busy

if TYPE_CHECKING:
    from aiohttp import ClientResponse

Read = Callable[["ClientResponse"], Awaitable[bytes]]
"""Reads what is needed of a body. The rest is never read."""

_HEADERS = {"Accept-Encoding": "identity", "Cache-Control": "no-cache", "Pragma": "no-cache"}

_DRAINED = 128 * 1024
"""The longest body that is read to its end although it is not needed. Otherwise the connection could not be reused."""


async def exchange(
    fs: Any, method: str, url: str, *, headers: Mapping[str, str] | None = None, read: Read | None = None
) -> Response:
    """One request, without retries and redirects. Without ``read``, the response has no body.

    Raises:
        HttpStatusError: The server is busy or broken.
    """
    from yarl import URL  # a dependency of aiohttp

    session = await fs.set_session()
    async with session.request(
        method,
        URL(url, encoded=True),
        headers={**_HEADERS, **(headers or {})},
        allow_redirects=False,
        timeout=bounded_timeout(session),
    ) as response:
        if is_busy(response.status, asks_to_wait="Retry-After" in response.headers):
            raise HttpStatusError(response.status, headers=response.headers)
        if read is not None:
            return response_of(response, await read(response))
        if response.status != HTTPStatus.OK or (response.content_length or math.inf) <= _DRAINED:
            await read_slice(response, length=_DRAINED)
        return response_of(response)


def response_of(response: ClientResponse, body: bytes = b"") -> Response:
    """The status and the headers of a response, with this body."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(status=response.status, headers=headers, body=body)


async def read_slice(response: ClientResponse, *, skip: int = 0, length: int) -> bytes:
    """``length`` bytes of a body after ``skip`` bytes that are dropped; fewer if the body ends."""
    while skip and (dropped := await response.content.read(skip)):
        skip -= len(dropped)
    content = bytearray()
    while len(content) < length and (more := await response.content.read(length - len(content))):
        content += more
    return bytes(content)


# Caches in front of the server


class CachedResponse(StorageMisbehaved):
    """A cache responds with something that may no longer be true."""


_AGE = re.compile(r"[0-9]{1,18}")
_NO_MARKERS = ("control", "lookup", "hits", "tag", "key")
_FROM_CACHE = re.compile(r"(?<![a-z=])(hit|stale|updating)(?![a-z])")
_REVALIDATED = ("refresh", "revalidated")


def cache_age(response: Response) -> float:
    """How many seconds a cache has kept this response; 0 if it comes from the server, infinite if no header says.

    The header ``Age`` decides. Without it, a header such as ``X-Cache``, ``CF-Cache-Status`` or ``Cache-Status`` may
    say that a cache responded.
    """
    age = response.headers.get("age", "").strip()
    if _AGE.fullmatch(age):
        return float(age)
    for name, value in response.headers.items():
        if _is_marker(name):
            state = value.lower()
            if _FROM_CACHE.search(state) and not any(word in state for word in _REVALIDATED):
                return math.inf
    return 0.0


def passed_cache(response: Response) -> bool:
    """Whether a response came through a cache that shows itself in a header."""
    return "age" in response.headers or any(map(_is_marker, response.headers))


def _is_marker(header: str) -> bool:
    return "cache" in header and not any(part in header for part in _NO_MARKERS)


def describe_age(age: float) -> str:
    """An age for a message."""
    return "a response of unknown age" if math.isinf(age) else f"a response that is {age:.0f} seconds old"


def past_caches(url: str) -> str:
    """The URL with a random query. Web servers ignore it for files; most caches keep one response per query."""
    return f"{url}{'&' if '?' in url else '?'}remote-artwork={secrets.token_hex(8)}"

"""One plain web request through the egress guard: no credentials, no cookies, no redirects, no proxy, no ``.netrc``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from attrs import define, frozen
from fsspec.asyn import get_loop, sync

from remote_artwork.http import NetworkPolicy

T = TypeVar("T")


@define(repr=False)
class _Outcome(Generic[T]):
    result: T | None = None
    error: Exception | None = None


def run_sync(
    loop: asyncio.AbstractEventLoop,
    request: Callable[..., Awaitable[T]],
    *arguments: object,
    timeout: float,
    **options: object,
) -> T:
    """What ``request(*arguments, **options)`` gives.

    Args:
        loop: Where it runs, in another thread.
        request: Makes the coroutine.
        arguments: Its arguments.
        timeout: Seconds until it is given up.
        options: Its further arguments.

    Raises:
        TimeoutError: It took longer.
        Exception: Whatever it raised.
    """

    async def hidden() -> _Outcome[T]:
        try:
            return _Outcome(result=await request(*arguments, **options))
        except Exception as error:  # noqa: BLE001 - it is raised again, where the loop does not see it
            return _Outcome(error=error)

    outcome: Any = sync(loop, hidden, timeout=timeout)
    try:
        if outcome.error is not None:
            raise outcome.error
        result: T = outcome.result
        return result
    finally:
        del outcome  # it would hold the error, whose frames hold it


_MOST = 64 * 1024
"""Bytes that are read of an answer; nobody who asks here needs more."""


@frozen(kw_only=True)
class WebAnswer:
    """What a server said.

    Args:
        status: The HTTP status; 300 to 399 too, for no redirect is followed.
        headers: Their names in lower case; the last one where a name comes twice.
        body: Its begin.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask_once(method: str, url: str, network: NetworkPolicy, *, headers: Mapping[str, str] | None = None) -> WebAnswer:
    """One request, not repeated.

    Args:
        method: ``GET`` or ``HEAD``.
        url: Encoded as it shall be sent.
        network: Guards addresses, and gives the time-outs.
        headers: To be sent with it.

    Raises:
        InvalidLocation: The address or the scheme is not allowed.
        Exception: aiohttp's own, of which the caller makes one of ours.
    """
    parts = urlsplit(url)
    network.check_endpoint(f"{parts.scheme}://{parts.hostname}")
    return run_sync(get_loop(), _ask, method, url, network, dict(headers or {}), timeout=network.call_timeout)


async def _ask(method: str, url: str, network: NetworkPolicy, headers: dict[str, str]) -> WebAnswer:
    import aiohttp
    from yarl import URL

    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(socket_factory=network.socket_factory),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(sock_connect=network.connect_timeout, sock_read=network.read_timeout),
            auto_decompress=False,
            trust_env=False,
        ) as session,
        session.request(
            method,
            URL(url, encoded=True),
            headers={"Accept-Encoding": "identity", **headers},
            allow_redirects=False,
        ) as answer,
    ):
        named = {name.lower(): value for name, value in answer.headers.items()}
        body = bytearray()
        while piece := await answer.content.read(_MOST - len(body)):
            body += piece
        return WebAnswer(status=answer.status, headers=named, body=bytes(body))

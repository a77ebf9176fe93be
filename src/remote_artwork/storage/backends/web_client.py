"""What keeps the HTTP client to itself: guarded sockets, no cookies, nothing of this machine's. Imports aiohttp."""

from __future__ import annotations

import asyncio

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from fsspec import AbstractFileSystem
from fsspec.implementations.http import HTTPFileSystem

from remote_artwork.http import NetworkPolicy
from remote_artwork.storage.backends.base import isolated_fs


def guarded_http(network: NetworkPolicy) -> AbstractFileSystem:
    """An HTTP file system that connects where ``network`` lets it, and knows nothing of this machine."""

    async def client(*, loop: asyncio.AbstractEventLoop) -> ClientSession:
        del loop  # the one it runs on
        return ClientSession(
            connector=TCPConnector(socket_factory=network.socket_factory),
            cookie_jar=DummyCookieJar(),
            # The whole request is timed by whoever waits for it.
            timeout=ClientTimeout(sock_connect=network.connect_timeout, sock_read=network.read_timeout),
            auto_decompress=False,
            trust_env=False,
        )

    return isolated_fs(
        HTTPFileSystem,
        simple_links=False,
        block_size=None,
        same_scheme=True,
        size_policy=None,
        cache_type="none",
        cache_options=None,
        client_kwargs={},
        get_client=client,
        encoded=True,
        asynchronous=False,
        use_listings_cache=False,
    )

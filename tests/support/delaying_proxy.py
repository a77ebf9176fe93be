"""A TCP proxy on loopback that passes on what a client sends after a delay, as a network does.

``python delaying_proxy.py PORT TARGET_PORT MILLISECONDS``
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial

CHUNK = 65_536


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, seconds: float) -> None:
    """Pass on all bytes, each ``seconds`` after it came."""
    loop = asyncio.get_running_loop()
    while data := await source.read(CHUNK):
        loop.call_later(seconds, target.write, data)
    loop.call_later(seconds, target.close)


async def _connect(
    client: asyncio.StreamReader, answers: asyncio.StreamWriter, target_port: int, seconds: float
) -> None:
    server, requests = await asyncio.open_connection("127.0.0.1", target_port)
    await asyncio.gather(_pass_on(client, requests, seconds), _pass_on(server, answers, 0.0), return_exceptions=True)


async def _serve(port: int, target_port: int, seconds: float) -> None:
    connect = partial(_connect, target_port=target_port, seconds=seconds)
    async with await asyncio.start_server(connect, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    own, behind, milliseconds = map(int, sys.argv[1:])
    asyncio.run(_serve(own, behind, milliseconds / 1000))

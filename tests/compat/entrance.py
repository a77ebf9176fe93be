"""One TLS entrance on loopback for many host names: hands each connection to the server that plays that host."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

import trustme

PATIENCE = 10.0


class Entrance:
    """Listens until it is closed. Names that nobody plays are hung up on, and remembered in ``strangers``."""

    def __init__(self) -> None:
        self.authority = trustme.CA()
        self.strangers: list[str] = []
        self._ports: dict[str, int] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._wait(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]

    def lead(self, host: str, endpoint: str) -> None:
        """From now on ``host`` is played by the server at this origin."""
        self._ports[host] = int(urlsplit(endpoint).port or 80)
        self._contexts[host] = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(host).configure_cert(context)

    def close(self) -> None:
        """Stops listening and drops what is still open."""
        self._server.close()
        self._wait(self._drop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    @staticmethod
    async def _drop() -> None:
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _listen(self) -> asyncio.Server:
        first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("nobody.invalid").configure_cert(first)
        first.sni_callback = self._named
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=first)

    def _named(self, connection: Any, host: str | None, _context: ssl.SSLContext) -> int | None:
        if host not in self._ports:
            self.strangers.append(str(host))
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = self._contexts[host]
        connection.played_by = self._ports[host]
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("ssl_object").played_by
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_carry(reader, inner_writer), _carry(inner_reader, writer))


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(2**16):
            target.write(piece)
            await target.drain()
    with contextlib.suppress(OSError):
        target.close()

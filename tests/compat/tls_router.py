"""A TLS proxy on loopback that routes connections by host name (SNI) to local servers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

import trustme

TIMEOUT = 10.0


class TlsRouter:
    """Listens until it is closed. Refuses unknown host names and records them in ``unknown_hosts``."""

    def __init__(self) -> None:
        self.authority = trustme.CA()
        self.unknown_hosts: list[str] = []
        self._ports: dict[str, int] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]

    def route(self, host: str, endpoint: str) -> None:
        """Route ``host`` to the server at this origin from now on."""
        self._ports[host] = int(urlsplit(endpoint).port or 80)
        self._contexts[host] = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(host).configure_cert(context)

    def close(self) -> None:
        """Stop listening and close open connections."""
        self._server.close()
        self._run(self._cancel_connections())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT)
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT)

    @staticmethod
    async def _cancel_connections() -> None:
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _listen(self) -> asyncio.Server:
        first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("unknown.invalid").configure_cert(first)
        first.sni_callback = self._choose_backend
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=first)

    def _choose_backend(self, connection: Any, host: str | None, _context: ssl.SSLContext) -> int | None:
        if host not in self._ports:
            self.unknown_hosts.append(str(host))
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = self._contexts[host]
        connection.backend_port = self._ports[host]
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("ssl_object").backend_port
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(2**16):
            target.write(chunk)
            await target.drain()
    with contextlib.suppress(OSError):
        target.close()

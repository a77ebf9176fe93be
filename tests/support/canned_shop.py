"""A very fast shop with an HTTP API for measuring clients: it knows every order, and answers after a fixed time.

Run as ``python canned_shop.py PORT``. ``GET /orders/N`` is an order that waits for approval, and
``POST /orders/N/fulfillments`` fulfills it.

``/-/count`` returns, as JSON, how many calls there were and how many orders were sent once and more often, and
forgets the calls. ``/-/delay/MS`` sets how late each answer is, ``/-/limit/CALLS`` how many calls it serves per second
(0: any number), ``/-/third/1`` that it also refuses every third call. ``/-/times`` returns when each call arrived, and
whether it was served. ``/-/new`` forgets the orders that were sent.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from typing import ClassVar

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


class Server(asyncio.Protocol):
    """One connection."""

    delay: ClassVar[float] = 0.0
    limit: ClassVar[float] = 0.0
    refuses_third: ClassVar[bool] = False
    tokens: ClassVar[float] = 0.0
    tokens_at: ClassVar[float] = 0.0
    calls: ClassVar[Counter[str]] = Counter()
    times: ClassVar[list[tuple[float, bool]]] = []
    sent: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, rest = self._received.partition(b"\r\n\r\n")
            found = _LENGTH.search(head)
            length = int(found[1]) if found else 0
            if len(rest) < length:
                return
            self._received = rest[length:]
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            parts = target.strip("/").split("/")
            if parts[0] == "-":
                self._write("200 OK", self._control(*parts[1:]))
                continue
            wait = self._refused()
            self.times.append((time.monotonic(), wait == 0.0))
            answer = self._refuse if wait else self._answer
            asyncio.get_running_loop().call_later(self.delay, answer, method, parts[1], wait)

    def _refused(self) -> float:
        """Seconds until the next call may be made; zero: this call is served."""
        now = time.monotonic()
        self.calls["calls"] += 1
        if Server.limit:  # a token bucket that holds the calls of one second
            Server.tokens = min(Server.limit, Server.tokens + (now - Server.tokens_at) * Server.limit)
            Server.tokens_at = now
            if Server.tokens < 1.0:
                return (1.0 - Server.tokens) / Server.limit
        if Server.refuses_third and len(self.times) % 3 == 2:
            return 1.0
        Server.tokens -= bool(Server.limit)
        return 0.0

    def _answer(self, method: str, number: str, _: float) -> None:
        if method == "POST":
            self.sent[number] += 1
            answer = {"receipt": f"receipt-{number}"}
        else:
            answer = {"id": number, "number": number, "state": "pending", "lines": [{"number": "1", "quantity": 1}]}
        self._write("200 OK", json.dumps(answer).encode())

    def _refuse(self, _method: str, _number: str, wait: float) -> None:
        self.calls["refused"] += 1
        self._write("429 Too Many Requests", b"{}", f"Retry-After: {int(wait) + 1}\r\n")

    def _write(self, status: str, body: bytes, headers: str = "") -> None:
        lines = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self._transport.write(lines.encode() + body)

    def _control(self, command: str, *arguments: str) -> bytes:
        if command == "times":
            return json.dumps(self.times).encode()
        if command == "delay":
            Server.delay = int(arguments[0]) / 1000
        if command == "limit":
            Server.limit = Server.tokens = float(arguments[0])
            Server.tokens_at = time.monotonic()
        if command == "third":
            Server.refuses_third = arguments[0] == "1"
        if command == "new":
            self.sent.clear()
        counts = {"sent": len(self.sent), "twice": sum(count > 1 for count in self.sent.values())}
        answer = json.dumps({"calls": 0, "refused": 0, **self.calls, **counts}).encode()
        self.calls.clear()
        self.times.clear()
        return answer


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))

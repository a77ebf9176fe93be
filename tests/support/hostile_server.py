"""A web server that attacks its clients: raw bytes, without end if the test needs that."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Self

PATIENCE = 20.0
"""Seconds a connection is served at most, and the server may take to end."""

Answer = Callable[[bytes], Iterable[bytes]]
"""From the head of a request to the pieces of its answer."""


class HostileServer:
    """Answers each request with the bytes that ``answer`` gives, and keeps the heads of the requests."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.sent = 0
        self._answer: Answer = lambda _head: ()
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    def answer(self, answer: Answer) -> None:
        """What each request gets from now on; forgets the requests so far."""
        self._answer = answer
        self.requests.clear()
        self.sent = 0

    def redirect(self, status: int, target: str | None) -> None:
        """Answers with a redirect, or with one that leads nowhere."""
        location = f"Location: {target}\r\n" if target else ""
        head = f"HTTP/1.1 {status} Moved\r\n{location}Content-Length: 0\r\nConnection: close\r\n\r\n"
        self.answer(lambda _head: [head.encode()])

    def drip(self, piece: bytes, seconds: float = 0.05) -> Iterator[bytes]:
        """The same piece for ever, a little at a time."""
        while not self._over.wait(seconds):
            yield piece

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(PATIENCE)
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            self.requests.append(head.decode("latin-1"))
            for piece in self._answer(head):
                if self._over.is_set():
                    return
                client.sendall(piece)
                self.sent += len(piece)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):  # a reset would take back what was sent
                continue

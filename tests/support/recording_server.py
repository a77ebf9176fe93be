"""Listeners on loopback that keep what reaches them: every connection, every byte."""

from __future__ import annotations

import socket
import threading
from typing import Self

PATIENCE = 10.0
"""Seconds an idle connection is kept."""


class RecordingWire:
    """Passes connections on to a real server, and keeps every byte that was sent there.

    Args:
        port: The server's port on loopback. None: there is no server, and connections are closed at once.
    """

    def __init__(self, port: int | None = None) -> None:
        self.connections = 0
        self._target = port
        self._sent: list[bytes] = []
        # Reached as 127.0.0.1, as ::1 and as an IPv4 address in IPv6's clothes.
        self._listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = int(self._listener.getsockname()[1])
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    @property
    def sent(self) -> bytes:
        """All that clients sent, over all connections."""
        return b"".join(self._sent)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._target is None:
                client.close()
            else:
                threading.Thread(target=self._serve, args=(client, self._target), daemon=True).start()

    def _serve(self, client: socket.socket, port: int) -> None:
        with client, socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as server:
            client.settimeout(PATIENCE)
            back = threading.Thread(target=_pass_on, args=(server, client, None), daemon=True)
            back.start()
            _pass_on(client, server, self._sent)
            back.join(PATIENCE)


def _pass_on(source: socket.socket, target: socket.socket, kept: list[bytes] | None) -> None:
    try:
        while piece := source.recv(65536):
            if kept is not None:
                kept.append(piece)
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one side has gone

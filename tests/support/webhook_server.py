"""An incoming webhook on loopback that keeps the messages."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = "/services/T0/B0/a-secret"


class WebhookServer:
    """Accepts messages with ``status``, and keeps their content types and their JSON."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}{PATH}"
        self.status = 200
        self.messages: list[tuple[str, Any]] = []


@contextmanager
def running_webhook() -> Iterator[WebhookServer]:
    """A server, to the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == PATH:
                webhook.messages.append((self.headers["Content-Type"], json.loads(body)))
            self.send_response(webhook.status if self.path == PATH else 404)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_arguments: object) -> None:
            """The tests read what they need from ``messages``."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    webhook = WebhookServer(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield webhook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""A web server of the tests' own that breaks the rules of HTTP and of S3, on demand."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE = 30.0
"""Seconds a connection is kept hanging, and the server may take to end."""


def _contents(*keys: str) -> bytes:
    """Objects of a listing, with keys that are percent-encoded already."""
    entry = "<Contents><Key>{}</Key><Size>1</Size><ETag>&quot;e&quot;</ETag></Contents>"
    return "".join(["<EncodingType>url</EncodingType>", *map(entry.format, keys)]).encode()


class FaultyServer:
    """A web server that fails as the test chooses, and counts its requests.

    ``answer("503", "ok")`` sets what the next requests get; the last one is repeated for ever.
    """

    EMPTY_LISTING = (
        b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>'
        b"<IsTruncated>%s</IsTruncated><KeyCount>0</KeyCount>%s</ListBucketResult>"
    )
    IMPOSSIBLE = (
        "in/../secret.png",
        "in/./x.png",
        "in//x.png",
        "in/a%5Cb.png",
        "in/a%0Ab.png",
        "in/",
        "in/..",
    )
    POSSIBLE = ("in/good.png", "in/two..dots.png")
    ERROR = b'<?xml version="1.0"?><Error><Code>%s</Code><Message>secret words</Message></Error>'
    LAST = "Connection: close\r\n"
    """Without it, a client may use the connection again that is closed here, and repeat what it asked."""
    CONTENT_TYPE = "application/xml"
    BODIES: Mapping[str, tuple[int, bytes]] = {
        "400 throttled": (400, ERROR % b"RequestRateLimitExceeded"),
        "403": (403, ERROR % b"AccessDenied"),
        "404": (404, ERROR % b"NoSuchKey"),
        "429": (429, b"slow down"),
        "500": (500, ERROR % b"InternalError"),
        "501": (501, ERROR % b"NotImplemented"),
        "503": (503, ERROR % b"SlowDown"),
        "circle": (200, EMPTY_LISTING % (b"true", b"<NextContinuationToken>again</NextContinuationToken>")),
        "empty 200": (200, b""),
        "html 200": (200, b"<html><head><title>Welcome</title></head><body><p>Hello<br></body></html>"),
        "impossible names": (200, EMPTY_LISTING % (b"false", _contents(*IMPOSSIBLE, *POSSIBLE))),
        "other folder": (200, EMPTY_LISTING % (b"false", _contents(*POSSIBLE, "elsewhere/x.png"))),
        "ok": (200, EMPTY_LISTING % (b"false", b"")),
        "truncated without token": (200, EMPTY_LISTING % (b"true", b"")),
        "xhtml 200": (200, b"<html><body>Welcome</body></html>"),
    }

    IN_A_REGION: Mapping[str, str] = {"other region": "301 Moved", "denied in a region": "403 Forbidden"}

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.redirect_to = ""
        self.retry_after = ""  # a header of every whole answer, unless empty
        self._script = ["ok"]
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, *faults: str) -> None:
        """What the next requests get; forgets the requests so far."""
        self._script = list(faults)
        self.requests.clear()

    def url(self, bucket: str = "b", prefix: str = "in") -> str:
        """A location on this server."""
        return f"s3+{self.endpoint}/{bucket}/{prefix}/?provider=minio"

    def close(self) -> None:
        """Lets go of every connection and ends."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    def _respond(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append(f"{request.command} {request.path}")
        fault = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        request.close_connection = True
        if fault == "hang":
            self._over.wait(PATIENCE)
        elif fault == "drip":
            request.wfile.write(b"HTTP/1.1 200 OK\r\nETag: e\r\nContent-Length: 100000\r\n\r\n")
            while not self._over.wait(0.05):
                request.wfile.write(b" ")
        elif fault == "reset":
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()
        elif fault == "cut short":
            body = b"" if request.command == "HEAD" else b"100000\r\n\r\n<?xml version='1.0'?><ListBu"
            request.wfile.write(b"HTTP/1.1 200 OK\r\nETag: e\r\nContent-Length: " + body)
        elif fault == "redirect":
            request.wfile.write(f"HTTP/1.1 302 Found\r\nLocation: {self.redirect_to}\r\n{self.LAST}\r\n".encode())
        elif fault == "redirect nowhere":
            request.wfile.write(f"HTTP/1.1 301 Moved\r\n{self.LAST}Content-Length: 0\r\n\r\n".encode())
        elif fault in self.IN_A_REGION:
            region = f"x-amz-bucket-region: eu-west-1\r\n{self.LAST}Content-Length: 0\r\n\r\n"
            request.wfile.write(f"HTTP/1.1 {self.IN_A_REGION[fault]}\r\n{region}".encode())
        else:
            self._send(request, *self.BODIES[fault])

    def _send(self, request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        request.send_response(status)
        request.send_header("Content-Type", self.CONTENT_TYPE)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Connection", "close")
        if self.retry_after:
            request.send_header("Retry-After", self.retry_after)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        respond = self._respond

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                try:
                    respond(self)
                except OSError:
                    self.close_connection = True  # the client has gone

            do_HEAD = do_POST = do_GET  # noqa: N815 - the base class's names

            def finish(self) -> None:
                try:
                    super().finish()
                except (OSError, ValueError):
                    self.close_connection = True  # reset on purpose

            def log_message(self, *_: object) -> None:
                """Keeps the test's output quiet."""

        return Handler

"""A web server of the tests' own: a folder of files in memory, which counts what it is asked and sends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from attrs import define, field

PIECE = 64 * 1024


@define
class WebFolder:
    """What is served below ``/in/``, and how.

    Args:
        files: Name → content.
        missing: The status for a name that is not there; with 200, a web page comes with it.
        refused: Names that are answered by 403.
        statuses: Name → another status to answer it by.
        head: The status for every HEAD; None: as for a GET.
        ranges: Whether parts of files are sent.
        etag: ``strong``, ``weak`` or ``none``.
        dated: Whether ``Last-Modified`` is sent.
        folds_case: Takes capitals for small letters.
        content_type: Of every file.
        pages: S3-style listings of the folder by their marker; the first one is under an empty one.
    """

    files: dict[str, bytes] = field(factory=dict)
    missing: int = 404
    refused: frozenset[str] = frozenset()
    statuses: dict[str, int] = field(factory=dict)
    head: int | None = None
    ranges: bool = True
    etag: str = "strong"
    dated: bool = True
    modified: float = 1_700_000_000.0
    folds_case: bool = False
    content_type: str = "application/octet-stream"
    pages: dict[str, bytes] = field(factory=dict)
    requests: list[str] = field(factory=list)
    ranges_asked: list[str] = field(factory=list)
    bytes_sent: int = 0

    def asked(self, method: str) -> list[str]:
        """The paths that were asked for by one method, percent-encoded as they came."""
        return [path for each, _, path in (request.partition(" ") for request in self.requests) if each == method]

    def content(self, name: str) -> bytes | None:
        """The content of one name."""
        if self.folds_case:
            return {each.lower(): content for each, content in self.files.items()}.get(name.lower())
        return self.files.get(name)


class WebServer:
    """Serves one ``WebFolder`` on loopback."""

    def __init__(self) -> None:
        self.folder = WebFolder()
        self.headers: list[str] = []
        self.connections = 0
        self.redirect_to = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"web+{self.origin}/in/"

    def close(self) -> None:
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)

    def _respond(self, request: BaseHTTPRequestHandler) -> None:
        folder, parts = self.folder, urlsplit(request.path)
        self.headers.append(str(request.headers))
        folder.requests.append(f"{request.command} {request.path}")
        name = unquote(parts.path.removeprefix("/in/"))
        content = folder.content(name)
        if name in folder.refused or name in folder.statuses:
            _send(request, folder.statuses.get(name, 403), b"no", "text/plain", location=self.redirect_to)
        elif name == "":
            marker = (
                parse_qs(parts.query).get("marker", [""])[0] + parse_qs(parts.query).get("continuation-token", [""])[0]
            )
            page = folder.pages.get(marker)
            _send(request, 200 if page else 404, page or b"<html><body>No index</body></html>", "application/xml")
        elif folder.head is not None and request.command == "HEAD":
            _send(request, folder.head, b"", "text/plain")
        elif content is None:
            _send(request, folder.missing, b"<html><body>Nothing here</body></html>", "text/html")
        else:
            self._send_file(request, content)

    def _send_file(self, request: BaseHTTPRequestHandler, content: bytes) -> None:
        folder = self.folder
        validator = f'"{sha256(content).hexdigest()[:16]}"'
        headers = {"Content-Type": folder.content_type, "Content-Length": str(len(content))}
        if folder.etag != "none":
            headers["ETag"] = validator if folder.etag == "strong" else f'W/"{len(content)}"'
        if folder.dated:
            headers["Last-Modified"] = formatdate(folder.modified, usegmt=True)
        asked, status = request.headers.get("Range"), 200
        if asked:
            folder.ranges_asked.append(asked)
            first, _, last = asked.removeprefix("bytes=").partition("-")
            if folder.ranges and int(first) >= len(content):
                status, headers["Content-Range"], content = 416, f"bytes */{len(content)}", b""
            elif folder.ranges:
                part = content[int(first) : int(last) + 1]
                headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
                status, content = 206, part
            headers["Content-Length"] = str(len(content))
        request.send_response(status)
        for header, value in headers.items():
            request.send_header(header, value)
        request.end_headers()
        if request.command != "HEAD":
            for start in range(0, len(content), PIECE):
                request.wfile.write(content[start : start + PIECE])
                folder.bytes_sent += len(content[start : start + PIECE])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server, respond = self, self._respond

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                server.connections += 1
                super().setup()

            def do_GET(self) -> None:
                try:
                    respond(self)
                except OSError:
                    self.close_connection = True  # the client has gone

            do_HEAD = do_GET  # noqa: N815 - the base class's name

            def log_message(self, *_: object) -> None:
                """Keeps the test's output quiet."""

        return Handler


def _send(
    request: BaseHTTPRequestHandler, status: int, content: bytes, content_type: str, *, location: str = ""
) -> None:
    request.send_response(status)
    request.send_header("Content-Type", content_type)
    request.send_header("Content-Length", str(len(content)))
    if location:
        request.send_header("Location", location)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(content)


def listing(*keys: str, prefix: str = "", following: str = "") -> bytes:
    """An S3-style listing of files of one byte, as XML."""
    more = f"<IsTruncated>true</IsTruncated><NextMarker>{following}</NextMarker>" if following else ""
    entry = (
        "<Contents><Key>{}</Key><LastModified>2023-11-14T22:13:20.000Z</LastModified>"
        "<ETag>&quot;2d711642b726b044&quot;</ETag><Size>1</Size></Contents>"
    )
    entries = "".join(map(entry.format, keys))
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>b</Name><Prefix>{prefix}</Prefix>{more}{entries}</ListBucketResult>"
    ).encode()


@pytest.fixture
def web_server() -> Iterator[WebServer]:
    """A web server of the test's own, with nothing on it."""
    server = WebServer()
    yield server
    server.close()

"""A web server of the tests' own: a folder of files in memory, which counts what it is asked and sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unicodedata import normalize
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from attrs import define, field

from faulty_web_server import FaultyServer

PIECE = 64 * 1024


@define
class Cache:
    """A cache in front of a folder. It keeps every response for ever, 404 as well, and ignores ``no-cache``.

    Args:
        by_query: Whether it keeps one response for each query of a name, or one for each name.
        hit: The headers of a response that comes from the cache.
        miss: The headers of one that comes from the server.
    """

    by_query: bool = False
    hit: dict[str, str] = field(factory=lambda: {"X-Cache": "HIT"})
    miss: dict[str, str] = field(factory=lambda: {"X-Cache": "MISS"})
    kept: dict[str, bytes | None] = field(factory=dict)

    def read(self, path: str, content: bytes | None) -> tuple[bytes | None, dict[str, str]]:
        """What the cache sends if the server has this content, with its headers."""
        key = path if self.by_query else path.partition("?")[0]
        if key in self.kept:
            return self.kept[key], self.hit
        self.kept[key] = content
        return content, self.miss


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
        shifted: By how many bytes a part that is sent lies off the one that was asked for.
        etag: ``strong``, ``weak`` or ``none``.
        dated: Whether ``Last-Modified`` is sent.
        folds_case: Takes capitals for small letters.
        composes: Takes all Unicode forms of a name for one.
        content_type: Of every file.
        pages: S3-style listings of the folder by their marker; the first one is under an empty one.
        page_headers: Further headers of a listing.
        instead: Gives the status, the headers and the body for a name, in place of the folder; None: as usual.
        cache: A cache in front of the folder; None: there is none.
    """

    files: dict[str, bytes] = field(factory=dict)
    missing: int = 404
    refused: frozenset[str] = frozenset()
    statuses: dict[str, int] = field(factory=dict)
    head: int | None = None
    ranges: bool = True
    shifted: int = 0
    etag: str = "strong"
    dated: bool = True
    modified: float = 1_700_000_000.0
    folds_case: bool = False
    composes: bool = False
    content_type: str = "application/octet-stream"
    pages: dict[str, bytes] = field(factory=dict)
    page_headers: dict[str, str] = field(factory=dict)
    instead: Callable[[str], tuple[int, dict[str, str], bytes] | None] = lambda _name: None
    cache: Cache | None = None
    requests: list[str] = field(factory=list)
    ranges_asked: list[str] = field(factory=list)
    bytes_sent: int = 0

    def asked(self, method: str) -> list[str]:
        """The paths that were asked for by one method, percent-encoded as they came."""
        return [path for each, _, path in (request.partition(" ") for request in self.requests) if each == method]

    def content(self, name: str) -> bytes | None:
        """The content of one name."""
        if self.composes:
            return {normalize("NFC", each): content for each, content in self.files.items()}.get(normalize("NFC", name))
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
        headers: dict[str, str] = {}
        if folder.cache is not None and name:
            content, headers = folder.cache.read(request.path, content)
        if name and (other := folder.instead(name)) is not None:
            self._send(request, other[0], other[2], other[1])
        elif name in folder.refused or name in folder.statuses:
            location = {"Location": self.redirect_to} if self.redirect_to else {}
            self._send(request, folder.statuses.get(name, 403), b"no", location)
        elif name == "":
            asked = parse_qs(parts.query)
            page = folder.pages.get("".join(asked.get("marker", []) + asked.get("continuation-token", [])))
            body = page or b"<html><body>No index</body></html>"
            self._send(request, 200 if page else 404, body, folder.page_headers if page else {})
        elif folder.head is not None and request.command == "HEAD":
            self._send(request, folder.head, b"", {})
        elif content is None:
            page = b"<html><body>Nothing here</body></html>"
            self._send(request, folder.missing, page, {"Content-Type": "text/html", **headers})
        else:
            self._send_file(request, content, headers)

    def _send_file(self, request: BaseHTTPRequestHandler, content: bytes, more: dict[str, str]) -> None:
        folder, size, status = self.folder, len(content), 200
        headers = {"Content-Type": folder.content_type, **more}
        if folder.etag != "none":
            headers["ETag"] = f'"{sha256(content).hexdigest()[:16]}"' if folder.etag == "strong" else f'W/"{size}"'
        if folder.dated:
            headers["Last-Modified"] = formatdate(folder.modified, usegmt=True)
        if asked := request.headers.get("Range"):
            folder.ranges_asked.append(asked)
            first, last = (int(place) + folder.shifted for place in asked.removeprefix("bytes=").split("-"))
            if folder.ranges and first >= size:
                status, headers, content = 416, {"Content-Range": f"bytes */{size}"}, b""  # as nginx
            elif folder.ranges:
                content = content[first : last + 1]
                status, headers["Content-Range"] = 206, f"bytes {first}-{first + len(content) - 1}/{size}"
        self._send(request, status, content, headers)

    def _send(self, request: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str]) -> None:
        request.send_response(status)
        for header, value in {**headers, "Content-Length": str(len(content))}.items():
            request.send_header(header, value)
        request.end_headers()
        for start in range(0, 0 if request.command == "HEAD" else len(content), PIECE):
            piece = content[start : start + PIECE]
            self.folder.bytes_sent += len(piece)  # before they arrive, so that a client that has them sees them counted
            request.wfile.write(piece)

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


class FaultyWeb(FaultyServer):
    """The faults as a web server shows them."""

    CONTENT_TYPE = "text/html"
    BODIES: Mapping[str, tuple[int, bytes]] = {
        **FaultyServer.BODIES,
        "401": (401, b"who are you"),
        "page 200": (200, b"<html>Welcome</html>"),
    }

    def url(self, bucket: str = "b", prefix: str = "in") -> str:
        """A folder of this server."""
        return f"web+{self.endpoint}/{bucket}/{prefix}/"


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

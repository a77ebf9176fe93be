"""A small S3 server whose listing is odd in one way: its order, its encoding of keys, its page size, its operations."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import remote_artwork as ra

PDF = b"%PDF-1.7\n% your artwork\n%%EOF\n"

Refusal = tuple[int, str, str]
"""HTTP status, error code and message."""


class OddS3:
    """A bucket ``prints``.

    Args:
        order: The sort key of its listing.
        encode: How it writes a key in a listing.
        declares: The element that says that keys are encoded.
        page_size: Keys per page.
        says_more: Whether it says that more pages follow.
        version_2: Whether it knows ListObjectsV2; otherwise it ignores the parameters of that operation.
    """

    def __init__(
        self,
        *,
        order: Callable[[str], str | bytes] = str.encode,
        encode: Callable[[str], str] = lambda key: quote(key, safe="/"),
        declares: str = "<EncodingType>url</EncodingType>",
        page_size: int = 1000,
        says_more: bool = True,
        version_2: bool = True,
    ) -> None:
        self.order, self.encode, self.declares = order, encode, declares
        self.page_size, self.says_more, self.version_2 = page_size, says_more, version_2
        self.keys: set[str] = set()
        self.refuse: Callable[[str, str], Refusal | None] = lambda _method, _key: None
        self.endpoint = ""

    def listing(self, query: dict[str, list[str]]) -> str:
        """One page."""
        value = {name: values[0] for name, values in query.items()}
        after = value.get("marker", "")
        if self.version_2:
            after = value.get("continuation-token", value.get("start-after", ""))
        keys = sorted((key for key in self.keys if key.startswith(value.get("prefix", ""))), key=self.order)
        keys = [key for key in keys if not after or self.order(key) > self.order(after)]
        page = keys[: self.page_size]
        truncated = self.says_more and len(keys) > self.page_size
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if truncated else ""
        files = "".join(
            f"<Contents><Key>{escape(self.encode(key))}</Key><LastModified>2026-11-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{_etag(key)}&quot;</ETag><Size>{len(PDF)}</Size></Contents>"
            for key in page
        )
        return (
            f"<ListBucketResult><Name>prints</Name><IsTruncated>{str(truncated).lower()}</IsTruncated>"
            f"{self.declares}{token if self.version_2 else ''}{files}</ListBucketResult>"
        )

    def open(self, folder: str = "incoming/", network: ra.NetworkPolicy | None = None) -> ra.ArtworkStorage:
        """The storage of a folder."""
        return ra.open_storage(
            f"s3+{self.endpoint}/prints/{quote(folder)}",
            credentials=ra.Keys("an-access-key", "a-secret"),
            network=network or ra.NetworkPolicy(allow_private=True, allow_http=True),
            retry=ra.RetryPolicy(attempts=1),
        )


def _etag(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    bucket: OddS3


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        bucket = self.server.bucket
        url = urlsplit(self.path)
        key = unquote(url.path).lstrip("/").partition("/")[2]
        refusal = bucket.refuse(self.command, key)
        if refusal is not None:
            status, code, message = refusal
            self._send(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())
        elif not key:
            self._send(200, bucket.listing(parse_qs(url.query)).encode())
        elif key not in bucket.keys:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self._send_file(key)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send_file(self, key: str) -> None:
        headers = {"ETag": f'"{_etag(key)}"', "Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT"}
        wanted = self.headers.get("Range")
        if self.command == "HEAD" or not wanted:
            self._send(200, PDF, headers)
            return
        start, end = map(int, wanted.removeprefix("bytes=").split("-"))
        part = PDF[start : end + 1]
        headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(PDF)}"
        self._send(206, part, headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serving(bucket: OddS3) -> Iterator[OddS3]:
    """Run the server."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.bucket = bucket
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    bucket.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

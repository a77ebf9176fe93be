"""Azure blobs with much metadata: their pages are too long for the bound, so smaller ones are requested."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

import remote_artwork as ra
from merchant_locations import open_at
from remote_artwork.testing import FakeShop

pytestmark = pytest.mark.server

COUNT = 3000
BLOB = (
    "<Blob><Name>in/{}_1.pdf</Name><Properties><Last-Modified>Sun, 01 Nov 2026 00:00:00 GMT</Last-Modified>"
    "<Etag>e</Etag><Content-Length>9</Content-Length><BlobType>BlockBlob</BlobType></Properties>"
    "<Metadata><prompt>{}</prompt></Metadata></Blob>"
)


@pytest.fixture
def azure():
    sizes = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            query = parse_qs(urlsplit(self.path).query)
            size, begin = int(query["maxresults"][0]), int(query.get("marker", ["0"])[0])
            sizes.append(size)
            end = min(begin + size, COUNT)
            blobs = "".join(BLOB.format(10_000 + number, "x" * 6000) for number in range(begin, end))
            marker = str(end) if end < COUNT else ""
            body = (
                '<?xml version="1.0"?><EnumerationResults ServiceEndpoint="http://h/" ContainerName="prints">'
                f"<Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # the client ends a response that is too long
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", sizes
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_page_that_is_too_long_is_requested_in_smaller_ones(azure, local_network):
    endpoint, sizes = azure
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in ("10000", "12999", "99999")])
    storage = open_at("azure", endpoint, "prints/in", None, local_network)
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).plan(sweep=True)
    assert [item.status for item in report.items] == ["matched", "matched", "missing"]
    assert report.names_seen == COUNT
    assert sizes == [5000] + [250] * 12

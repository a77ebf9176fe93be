"""A page of an Azure listing, parsed here and by the SDK. Run: pytest tests/benchmarks/test_azure_pages.py."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from azure.storage.blob.aio import ContainerClient

from remote_artwork.storage.backends.azure import PAGE_SIZE, read_page
from remote_artwork.storage.backends.azure_client import list_page

BLOB = (
    "<Blob><Name>in/%08d_1.png</Name><VersionId>2026-01-01T00:00:00.0000000Z</VersionId><IsCurrentVersion>true"
    "</IsCurrentVersion><Properties><Creation-Time>Thu, 01 Jan 2026 00:00:00 GMT</Creation-Time><Last-Modified>Thu, 01 "
    "Jan 2026 00:00:00 GMT</Last-Modified><Etag>0x8CBFF45D8A29A19</Etag><Content-Length>1234567</Content-Length>"
    "<Content-Type>image/png</Content-Type><Content-Encoding /><Content-Language /><Content-CRC64 /><Content-MD5>"
    "4xN0JFHPzzXjFmnGkPMCCA==</Content-MD5><Cache-Control /><Content-Disposition /><BlobType>BlockBlob</BlobType>"
    "<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus>"
    "<LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties><Metadata /></Blob>"
)
LISTING = (
    '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="prints"><Blobs>'
    f"{''.join(BLOB % number for number in range(PAGE_SIZE))}</Blobs><NextMarker>more</NextMarker></EnumerationResults>"
).encode()


class OnePage(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(LISTING)))
        self.end_headers()
        self.wfile.write(LISTING)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OnePage) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/account"
        server.shutdown()


async def here(client: ContainerClient) -> int:
    return len(read_page(await list_page(client, "in/", None, PAGE_SIZE)).names)


async def by_the_sdk(client: ContainerClient) -> int:
    pages = client.list_blobs("in/", include=["metadata"], results_per_page=PAGE_SIZE).by_page()
    return len([blob async for blob in await anext(pages)])


@pytest.mark.parametrize("read", [here, by_the_sdk])
def test_a_page_of_five_thousand_blobs(url: str, benchmark, read):
    async def once() -> int:
        async with ContainerClient(url, "prints") as client:
            return await read(client)

    assert benchmark.pedantic(lambda: asyncio.run(once()), rounds=5, warmup_rounds=1) == PAGE_SIZE

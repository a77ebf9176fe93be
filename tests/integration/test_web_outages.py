"""Outages of public web folders beyond ``test_outages``: an outage is never read as a missing file."""

from __future__ import annotations

import attrs
import pytest

import remote_artwork as ra
from outages import TWICE, WANTED, failure
from outages import WEB_USES as USES
from remote_artwork.core.expected import SearchQuery
from remote_artwork.errors import InvalidLocation, StorageDenied, StorageError, StorageMisbehaved, StorageUnreachable
from remote_artwork.http import MAX_RESPONSE_BYTES
from web_server import FaultyWeb, WebServer

LASTING = {
    "401": StorageDenied,
    "403": StorageDenied,
    "501": StorageMisbehaved,
    "redirect": StorageMisbehaved,
    "redirect nowhere": StorageMisbehaved,
    "page 200": StorageMisbehaved,
}


@pytest.fixture
def server():
    faulty = FaultyWeb()
    yield faulty
    faulty.close()


@pytest.fixture
def storage(server, local_network):
    return ra.open_storage(server.url(), network=local_network, retry=TWICE)


@pytest.mark.parametrize("kind", ["head", "get"])
@pytest.mark.parametrize("fault", LASTING)
def test_a_permanent_error_is_not_retried(storage, server, kind, fault):
    server.answer(fault)
    assert type(failure(storage, USES[kind])) is LASTING[fault]
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", ["401", "501", "redirect", "redirect nowhere"])
def test_a_search_without_a_clear_response_is_an_error(storage, server, fault):
    server.answer(fault)
    assert type(failure(storage, USES["list"])) is LASTING[fault]
    assert len(server.requests) <= 1 + 2 * 2


def test_an_outage_after_the_first_request_is_an_error_of_the_search(storage, server):
    server.answer("403", "503")
    assert type(failure(storage, USES["list"])) is StorageUnreachable
    assert len(server.requests) == 1 + 2 * 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_anywhere(web_server, local_network, status):
    forbidden = WebServer()
    web_server.redirect_to = f"{forbidden.origin}/in/1001_1.jpg"
    web_server.folder.statuses = dict.fromkeys(("", "1001_1.jpg", "1001_1.png"), status)
    forbidden.folder.files = {"1001_1.jpg": b"x"}
    storage = ra.open_storage(web_server.url, network=local_network)
    (page,) = storage.search(SearchQuery(basenames=["1001_1", "1002_1"]))
    assert "redirects are not followed" in page.unknown["1001_1.jpg"]
    for use in (USES["head"], USES["get"]):
        with pytest.raises(StorageMisbehaved, match="redirects are not followed"):
            use(storage)
    assert forbidden.connections == 0
    forbidden.close()


def test_only_the_start_of_an_endless_page_is_read(web_server, local_network):
    web_server.folder.pages = {"": b"<html>" + bytes(32 * 1024**2)}
    storage = ra.open_storage(web_server.url, network=local_network)
    assert [page.unknown for page in storage.search(WANTED)] == [{}]
    # Data already sent when the connection closes stays in the buffers of both ends.
    assert web_server.folder.bytes_sent < 16 * 1024**2


def test_an_endless_listing_is_abandoned_and_names_are_requested(web_server, local_network):
    web_server.folder.pages = {"": b"<ListBucketResult>" + b" " * 64 * 1024**2}
    web_server.folder.files = {"1001_1.jpg": b"x"}
    storage = ra.open_storage(web_server.url, network=local_network)
    (page,) = storage.search(WANTED)
    assert page.names == ["1001_1.jpg"]
    assert MAX_RESPONSE_BYTES < web_server.folder.bytes_sent < MAX_RESPONSE_BYTES + 16 * 1024**2


def test_a_header_without_end_is_an_error(web_server, local_network):
    web_server.folder.files = {"1001_1.jpg": b"x"}
    web_server.folder.content_type = "x" * 10**6
    with pytest.raises(StorageError):
        ra.open_storage(web_server.url, network=local_network).stat("1001_1.jpg")
    assert len(web_server.folder.requests) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_refused_before_anything_is_sent(web_server, local_network, host):
    guarded = attrs.evolve(local_network, allow_private=False)
    storage = ra.open_storage(web_server.url.replace("127.0.0.1", host), network=guarded)
    for use in USES.values():
        with pytest.raises(InvalidLocation, match="allow_private"):
            use(storage)
    assert web_server.connections == 0

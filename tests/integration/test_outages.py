"""Each fault with each protocol: its error, the number of requests, and that it is never an empty folder.

Faults that only one protocol has are tested in the file of that protocol.
"""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

import remote_artwork as ra
from outages import FILE, KEYS, PROTOCOLS, TWICE, USES, WEB_USES, failure
from parts import package
from remote_artwork.core.expected import SearchQuery
from remote_artwork.errors import (
    FileGone,
    InvalidLocation,
    LocationNotFound,
    StorageDenied,
    StorageMisbehaved,
    StorageUnreachable,
)

LISTED = ["s3", "gcs", "azure"]
"""Protocols with a listing. A web folder is probed by name, so some faults have another meaning there."""

NO_BODY = [("s3", "head"), ("azure", "head"), ("web", "head")]
"""Protocols that look a file up by HEAD, whose response has no body. Google's has one."""

PASSING = ["429", "500", "503", "reset", "cut short", "hang", "drip"]
PASSING_BESIDES = {"s3": ["400 throttled"], "gcs": ["403 throttled", "408"]}
TOLD_BY_A_BODY = ["400 throttled", "drip"]
OUTAGES = [
    (protocol, fault, kind)
    for protocol in PROTOCOLS
    for fault in PASSING + PASSING_BESIDES.get(protocol, [])
    for kind in USES
    if not (fault in TOLD_BY_A_BODY and (protocol, kind) in NO_BODY)
]

LASTING = {"403": StorageDenied, "501": StorageMisbehaved, "redirect nowhere": StorageMisbehaved}
LASTING_BESIDES = {
    "s3": {"other region": InvalidLocation},
    "gcs": {"401": StorageDenied, "404 bucket": LocationNotFound},
}
MEANINGS = [
    (protocol, fault, meaning)
    for protocol in LISTED
    for fault, meaning in (LASTING | LASTING_BESIDES.get(protocol, {})).items()
]

NO_FILE = ["empty 200", "html 200"]
NO_FILE_BESIDES = {"gcs": ["other json", "json list"]}
NO_LISTING_BESIDES = {"s3": ["truncated without token"], "gcs": ["nameless", "no generation", "no token"]}
NO_FILES = [(protocol, fault) for protocol in LISTED for fault in NO_FILE + NO_FILE_BESIDES.get(protocol, [])]
NO_LISTINGS = NO_FILES + [
    (protocol, fault) for protocol in LISTED for fault in ["xhtml 200", *NO_LISTING_BESIDES.get(protocol, [])]
]


@pytest.fixture(scope="module")
def loaded():
    """Loads the SDK for S3, which can take longer than these tests wait. Signing makes no request."""
    place = "s3+https://prints.example.com/b/in/?provider=minio"
    storage = ra.open_storage(place, credentials=KEYS)
    storage.url(FILE, expires_in=timedelta(hours=1))


@pytest.fixture
def server(protocol, request):
    package({"s3": "s3fs", "gcs": "gcsfs", "azure": "adlfs", "web": "aiohttp"}[protocol])
    if protocol == "s3":
        request.getfixturevalue("loaded")
    make, _ = PROTOCOLS[protocol]
    server = make()
    yield server
    server.close()


@pytest.fixture
def open_(protocol):
    _, open_ = PROTOCOLS[protocol]
    return open_


@pytest.fixture
def uses(protocol):
    return WEB_USES if protocol == "web" else USES


@pytest.fixture
def impatient(protocol, local_network):
    """Short timeouts, for a server that does not respond, or not to the end."""
    # Each S3 storage also loads the SDK's description of S3, which can take a second on a busy machine.
    read, call = (0.8, 2.5) if protocol == "s3" else (0.6, 2.0)
    return attrs.evolve(local_network, read_timeout=read, call_timeout=call)


@pytest.fixture
def storage(server, open_, local_network, request):
    """Two attempts, almost without a wait. Only a fault that never ends gets short timeouts."""
    fault = getattr(request.node, "callspec", None) and request.node.callspec.params.get("fault")
    network = request.getfixturevalue("impatient") if fault in ("hang", "drip") else local_network
    return open_(server, network, TWICE)


@pytest.mark.parametrize(("protocol", "fault", "kind"), OUTAGES)
def test_an_outage_is_named_and_retried_once(storage, server, uses, protocol, fault, kind):
    server.answer(fault)
    error = failure(storage, uses[kind])
    assert type(error) is StorageUnreachable
    assert error.__cause__ is not None
    # Loading the SDK's description may use up the first attempt on a busy machine.
    fewest = 1 if (protocol, fault) == ("s3", "drip") else 2
    assert fewest <= len(server.requests) <= 2
    assert storage.requests[kind] == 2


@pytest.mark.parametrize("kind", USES)
@pytest.mark.parametrize(("protocol", "fault", "meaning"), MEANINGS)
def test_a_permanent_error_is_requested_once(storage, server, uses, kind, fault, meaning):
    server.answer(fault)
    assert type(failure(storage, uses[kind])) is meaning
    assert len(server.requests) == 1


@pytest.mark.parametrize(("protocol", "fault"), NO_LISTINGS)
def test_a_response_that_is_not_a_listing_is_not_an_empty_listing(storage, server, uses, fault):
    server.answer(fault)
    assert isinstance(failure(storage, uses["list"]), StorageMisbehaved)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("protocol", "fault"), NO_FILES)
def test_a_response_that_does_not_describe_a_file_is_not_a_missing_file(storage, server, uses, fault):
    server.answer(fault)
    assert type(failure(storage, uses["head"])) is StorageMisbehaved


@pytest.mark.parametrize("protocol", LISTED)
def test_keys_that_leave_the_folder_are_left_out(storage, server):
    server.answer("impossible names")
    assert [list(page.names) for page in storage.pages()] == [["good.png", "two..dots.png"]]
    with pytest.raises(FileGone, match="not a valid file name"):
        storage.stat("../secret.png")
    assert storage.requests == {"list": 1, "head": 0, "get": 0}


@pytest.mark.parametrize("protocol", LISTED)
def test_a_listing_of_another_folder_is_an_error_and_no_absence(storage, server):
    server.answer("other folder")
    with pytest.raises(StorageMisbehaved, match=r"lists 'elsewhere/x\.png', which is outside it"):
        list(storage.pages())
    with pytest.raises(StorageMisbehaved, match="outside it"):
        list(storage.search(SearchQuery(basenames=["1001_1"])))


@pytest.mark.parametrize("protocol", LISTED)
def test_a_listing_that_repeats_a_page_is_an_error(storage, server):
    server.answer("circle")
    with pytest.raises(StorageMisbehaved, match="repeats a page"):
        list(storage.pages())
    assert len(server.requests) == 2


@pytest.mark.parametrize("protocol", LISTED)
def test_a_listing_that_breaks_off_is_an_error(storage, server):
    server.answer("circle", "500")
    pages = storage.pages()
    next(pages)
    with pytest.raises(StorageUnreachable):
        next(pages)


@pytest.mark.parametrize("protocol", LISTED)
def test_a_storage_recovers_when_its_server_does(storage, server, uses):
    server.answer("500", "ok")
    assert [list(page.names) for page in storage.pages()] == [[]]
    server.answer("503", "reset", "ok")
    assert type(failure(storage, uses["list"])) is StorageUnreachable
    assert [list(page.names) for page in storage.pages()] == [[]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_refused_connection_and_an_unknown_host_are_outages(server, open_, uses, local_network, host):
    server.close()
    server.endpoint = server.endpoint.replace("127.0.0.1", host)
    storage = open_(server, local_network, TWICE)
    for use in uses.values():
        assert type(failure(storage, use)) is StorageUnreachable
    assert storage.requests == {"list": 2, "head": 2, "get": 2}


@pytest.mark.parametrize("protocol", LISTED)
def test_a_redirect_is_not_followed(storage, server, uses):
    server.redirect_to = f"{server.endpoint}/internal"
    for use in uses.values():
        server.answer("redirect", "ok")
        assert type(failure(storage, use)) is StorageMisbehaved
        assert len(server.requests) == 1
        assert "internal" not in server.requests[0]


@pytest.mark.parametrize("protocol", LISTED)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_refused_before_anything_is_sent(server, open_, uses, local_network, host):
    server.endpoint = server.endpoint.replace("127.0.0.1", host)
    storage = open_(server, attrs.evolve(local_network, allow_private=False), TWICE)
    for use in uses.values():
        with pytest.raises(InvalidLocation, match="allow_private"):
            use(storage)
    assert server.requests == []
    assert storage.requests == {"list": 1, "head": 1, "get": 1}


def test_the_default_timeouts_end_within_half_a_minute():
    network, retry = ra.NetworkPolicy(), ra.RetryPolicy()
    waits = sum(retry.first_wait * 2**attempt for attempt in range(retry.attempts - 1))
    assert timedelta(seconds=retry.attempts * network.read_timeout + waits) < timedelta(seconds=30)

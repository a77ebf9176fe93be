from __future__ import annotations

import time
from datetime import timedelta

import attrs
import pytest

import remote_artwork as ra

FILE = ra.StoredFile(name="1001_1.png", size=10, etag="e")

USES = {
    "list": lambda storage: list(storage.pages()),
    "head": lambda storage: storage.stat(FILE.name),
    "get": lambda storage: storage.reader(FILE).read(0, 10),
}
PASSING = ["400 throttled", "429", "500", "503", "reset", "cut short", "hang"]
MUTE = {("400 throttled", "head")}
"""An answer to HEAD has no body, so it cannot tell this fault."""

HANGS_UP = {("reset", kind) for kind in USES} | {("cut short", "head")}
"""Nothing whole arrives; then aiohttp itself asks once more on a new connection."""

LASTING = {
    "403": ra.StorageDenied,
    "501": ra.StorageMisbehaved,
    "redirect nowhere": ra.StorageMisbehaved,
    "other region": ra.InvalidLocation,
}


@pytest.fixture(scope="module", autouse=True)
def loaded():
    """The SDK, whose loading takes a busy machine longer than these tests wait. Signing asks nobody."""
    place = "s3+https://prints.example.com/b/in/?provider=minio"
    storage = ra.open_storage(place, credentials=ra.Keys("AKTESTKEY", "a-secret-of-tests"))
    storage.url(FILE, expires_in=timedelta(hours=1))


@pytest.fixture
def storage(faulty_server, local_network):
    """Tries twice, waits hardly at all."""
    return ra.open_storage(
        faulty_server.url(),
        credentials=ra.Keys("AKTESTKEY", "a-secret-of-tests"),
        # Each storage also reads the SDK's description of S3, which takes a busy machine a second.
        network=attrs.evolve(local_network, read_timeout=0.8, call_timeout=2.5),
        retry=ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None),
    )


def failure(storage, kind):
    """The error of one use, which ends in bounded time and betrays nothing."""
    begin = time.monotonic()
    with pytest.raises(ra.RemoteArtworkError) as raised:
        USES[kind](storage)
    assert time.monotonic() - begin < 8
    assert storage.location in str(raised.value)
    for secret in ("AKTESTKEY", "a-secret-of-tests", "secret words"):
        assert secret not in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    ("fault", "kind"), [(fault, kind) for fault in PASSING for kind in USES if (fault, kind) not in MUTE]
)
def test_an_outage_is_named_and_tried_twice(storage, faulty_server, kind, fault):
    faulty_server.answer(fault)
    error = failure(storage, kind)
    assert type(error) is ra.StorageUnreachable
    assert error.__cause__ is not None
    assert len(faulty_server.requests) == (4 if (fault, kind) in HANGS_UP else 2)
    assert storage.requests[kind] == 2


@pytest.mark.parametrize("kind", USES)
@pytest.mark.parametrize("fault", LASTING)
def test_what_will_not_pass_is_asked_once(storage, faulty_server, kind, fault):
    faulty_server.answer(fault)
    assert type(failure(storage, kind)) is LASTING[fault]
    assert len(faulty_server.requests) == 1


@pytest.mark.parametrize("fault", ["empty 200", "html 200", "xhtml 200", "truncated without token"])
def test_an_answer_that_is_no_listing_is_never_an_empty_one(storage, faulty_server, fault):
    faulty_server.answer(fault)
    assert type(failure(storage, "list")) is ra.StorageMisbehaved
    assert len(faulty_server.requests) == 1


@pytest.mark.parametrize("fault", ["empty 200", "html 200"])
def test_an_answer_that_describes_no_file_is_never_a_file(storage, faulty_server, fault):
    faulty_server.answer(fault)
    assert type(failure(storage, "head")) is ra.StorageMisbehaved


def test_a_listing_in_a_circle_ends_with_an_error(storage, faulty_server):
    faulty_server.answer("circle")
    with pytest.raises(ra.StorageMisbehaved, match="circle"):
        list(storage.pages())
    assert len(faulty_server.requests) == 2


def test_a_listing_that_breaks_off_is_an_error_and_not_a_short_listing(storage, faulty_server):
    faulty_server.answer("circle", "500")
    pages = storage.pages()
    next(pages)
    with pytest.raises(ra.StorageUnreachable):
        next(pages)


@pytest.mark.parametrize("kind", ["list", "get"])
def test_a_server_that_drips_is_given_up(storage, faulty_server, kind):
    faulty_server.answer("drip")
    assert type(failure(storage, kind)) is ra.StorageUnreachable
    assert storage.requests[kind] == 2
    assert 1 <= len(faulty_server.requests) <= 2  # loading the SDK may use up the first attempt on a busy machine


def test_a_storage_recovers_when_its_server_does(storage, faulty_server):
    faulty_server.answer("500", "ok")
    assert [list(page.names) for page in storage.pages()] == [[]]
    faulty_server.answer("503", "hang", "ok")
    assert type(failure(storage, "list")) is ra.StorageUnreachable
    assert [list(page.names) for page in storage.pages()] == [[]]


def test_nobody_listening_is_an_outage(faulty_server, local_network):
    url = faulty_server.url()
    faulty_server.close()
    storage = ra.open_storage(url, network=local_network, retry=ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None))
    for kind in USES:
        assert type(failure(storage, kind)) is ra.StorageUnreachable
    assert storage.requests == {"list": 2, "head": 2, "get": 2}


def test_a_redirect_is_not_followed(storage, faulty_server):
    faulty_server.redirect_to = f"{faulty_server.endpoint}/internal"
    faulty_server.answer("redirect", "ok")
    for kind in USES:
        assert type(failure(storage, kind)) is ra.StorageMisbehaved
        faulty_server.answer("redirect", "ok")
    assert not any("internal" in request for request in faulty_server.requests)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_refused_before_anything_is_sent(faulty_server, local_network, host):
    guarded = attrs.evolve(local_network, allow_private=False)
    storage = ra.open_storage(faulty_server.url().replace("127.0.0.1", host), network=guarded)
    for use in USES.values():
        with pytest.raises(ra.InvalidLocation, match="allow_private"):
            use(storage)
    assert faulty_server.requests == []
    assert storage.requests == {"list": 1, "head": 1, "get": 1}


def test_the_default_patience_with_a_hanging_server_is_below_half_a_minute():
    network, retry = ra.NetworkPolicy(), ra.RetryPolicy()
    waits = sum(retry.first_wait * 2**attempt for attempt in range(retry.attempts - 1))
    assert timedelta(seconds=retry.attempts * network.read_timeout + waits) < timedelta(seconds=30)

from __future__ import annotations

import time

import attrs
import pytest

import gcs_server as gcs
import remote_artwork as ra
from parts import package

FILE = ra.StoredFile(name="1001_1.png", size=10, etag="1", version_id="1")

USES = {
    "list": lambda storage: list(storage.pages()),
    "head": lambda storage: storage.stat(FILE.name),
    "get": lambda storage: storage.reader(FILE).read(0, 10),
}
PASSING = ["403 throttled", "408", "429", "500", "503", "reset", "cut short", "hang", "drip"]
LASTING = {
    "401": ra.StorageDenied,
    "403": ra.StorageDenied,
    "404 bucket": ra.LocationNotFound,
    "501": ra.StorageMisbehaved,
    "redirect nowhere": ra.StorageMisbehaved,
}


@pytest.fixture
def impatient(local_network):
    return attrs.evolve(local_network, read_timeout=0.4, call_timeout=1.0)


RETRY = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)


@pytest.fixture
def storage(faulty_google, impatient):
    """Tries twice, waits hardly at all."""
    return gcs.open_gcs(faulty_google, "b", impatient, retry=RETRY)


def failure(storage, kind):
    """The error of one use, which ends in bounded time and betrays nothing."""
    begin = time.monotonic()
    with pytest.raises(ra.RemoteArtworkError) as raised:
        USES[kind](storage)
    assert time.monotonic() - begin < 8
    error = raised.value
    assert storage.location in str(error)
    assert "secret words" not in str(error)
    while error is not None:
        for secret in ("a-token-of-tests", "PRIVATE KEY"):
            assert secret not in f"{error!s} {error!r}"
        error = error.__cause__
    return raised.value


@pytest.mark.parametrize("kind", USES)
@pytest.mark.parametrize("fault", PASSING)
def test_an_outage_is_named_and_tried_twice(storage, faulty_google, kind, fault):
    faulty_google.answer(fault)
    error = failure(storage, kind)
    assert type(error) is ra.StorageUnreachable
    assert error.__cause__ is not None
    # aiohttp itself asks once more on a new connection when a server hangs up.
    assert len(faulty_google.requests) == (4 if fault == "reset" else 2)
    assert storage.requests[kind] == 2


@pytest.mark.parametrize("kind", USES)
@pytest.mark.parametrize("fault", LASTING)
def test_what_will_not_pass_is_asked_once(storage, faulty_google, kind, fault):
    faulty_google.answer(fault)
    assert type(failure(storage, kind)) is LASTING[fault]
    assert len(faulty_google.requests) == 1


def test_a_404_is_a_missing_bucket_to_a_listing_and_a_missing_file_to_the_others(storage, faulty_google):
    faulty_google.answer("404")
    assert [type(failure(storage, kind)) for kind in USES] == [ra.LocationNotFound, ra.FileGone, ra.FileGone]


@pytest.mark.parametrize(
    "fault",
    ["empty 200", "html 200", "xhtml 200", "other json", "json list", "nameless", "no generation", "no token"],
)
def test_an_answer_that_is_no_listing_is_never_an_empty_one(storage, faulty_google, fault):
    faulty_google.answer(fault)
    assert type(failure(storage, "list")) is ra.StorageMisbehaved
    assert len(faulty_google.requests) == 1


@pytest.mark.parametrize("fault", ["empty 200", "html 200", "other json", "json list"])
def test_an_answer_that_describes_no_file_is_no_missing_file(storage, faulty_google, fault):
    faulty_google.answer(fault)
    assert type(failure(storage, "head")) is ra.StorageMisbehaved


def test_a_listing_in_a_circle_ends_with_an_error(storage, faulty_google):
    faulty_google.answer("circle")
    with pytest.raises(ra.StorageMisbehaved, match="circle"):
        list(storage.pages())
    assert len(faulty_google.requests) == 2


def test_a_listing_that_breaks_off_is_an_error_and_not_a_short_listing(storage, faulty_google):
    faulty_google.answer("circle", "500")
    pages = storage.pages()
    next(pages)
    with pytest.raises(ra.StorageUnreachable):
        next(pages)


@pytest.mark.parametrize("kind", USES)
def test_silence_is_given_up_long_before_a_whole_call_would_be(faulty_google, impatient, kind):
    patient = attrs.evolve(impatient, call_timeout=30.0)
    faulty_google.answer("hang")
    assert type(failure(gcs.open_gcs(faulty_google, "b", patient, retry=RETRY), kind)) is ra.StorageUnreachable


def test_a_storage_recovers_when_its_server_does(storage, faulty_google):
    faulty_google.answer("500", "ok")
    assert [list(page.names) for page in storage.pages()] == [[]]
    faulty_google.answer("503", "hang", "ok")
    assert type(failure(storage, "list")) is ra.StorageUnreachable
    assert [list(page.names) for page in storage.pages()] == [[]]


def test_nobody_listening_is_an_outage(storage, faulty_google):
    faulty_google.close()
    for kind in USES:
        assert type(failure(storage, kind)) is ra.StorageUnreachable
    assert storage.requests == {"list": 2, "head": 2, "get": 2}


def test_a_redirect_is_not_followed(storage, faulty_google):
    faulty_google.redirect_to = f"{faulty_google.endpoint}/internal"
    for kind in USES:
        faulty_google.answer("redirect", "ok")
        assert type(failure(storage, kind)) is ra.StorageMisbehaved
        assert len(faulty_google.requests) == 1


def test_a_private_address_is_refused_before_anything_is_sent(faulty_google, local_network):
    guarded = attrs.evolve(local_network, allow_private=False)
    for host in ("127.0.0.1", "localhost"):
        faulty_google.endpoint = faulty_google.endpoint.replace("127.0.0.1", host)
        storage = gcs.open_gcs(faulty_google, "b", guarded)
        for use in USES.values():
            with pytest.raises(ra.InvalidLocation, match="allow_private"):
                use(storage)
        assert storage.requests == {"list": 1, "head": 1, "get": 1}
    assert faulty_google.requests == []


def handed_over(server, credentials):
    gcsfs = package("gcsfs.core")
    fs = gcsfs.GCSFileSystem(token=credentials, endpoint_url=server.endpoint, project="", skip_instance_cache=True)
    return ra.ArtworkStorage(fs, "b/in", retry=RETRY, call_timeout=5)


@pytest.mark.parametrize("fault", ["401", "403", "503", "reset", "redirect nowhere", "html 200"])
def test_a_token_stands_in_no_error(faulty_google, fault):
    credentials = package("google.oauth2.credentials").Credentials("a-token-of-tests")
    storage = handed_over(faulty_google, credentials)
    faulty_google.answer(fault)
    failure(storage, "list")
    assert "a-token-of-tests" not in f"{storage!r} {storage.location}"


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [("400 invalid grant", ra.StorageDenied), ("refused", ra.StorageUnreachable)],
)
def test_what_google_says_when_asked_for_a_token_has_a_meaning(faulty_google, service_account_key, answer, meaning):
    account = package("google.oauth2.service_account").Credentials
    key = service_account_key | {"token_uri": f"{faulty_google.endpoint}/token"}
    storage = handed_over(faulty_google, account.from_service_account_info(key, scopes=["read"]))
    faulty_google.answer(answer if answer != "refused" else "ok")
    if answer == "refused":
        faulty_google.close()
    assert type(failure(storage, "list")) is meaning
    assert not any("/b/b/o" in request for request in faulty_google.requests)

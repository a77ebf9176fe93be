from datetime import timedelta

import pytest

import remote_artwork as ra
from remote_artwork.errors import InvalidLocation, LocationNotFound, StorageMisbehaved, StorageUnreachable
from remote_artwork.storage import StoredFile
from remote_artwork.storage.backends import s3_client

FILE = StoredFile(name="a.png", size=1, etag="e")
HOUR = timedelta(hours=1)
KEYS = ra.Keys("AKTESTKEY", "a-secret-of-tests")
RETRY = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)


@pytest.fixture
def amazon(faulty_server, monkeypatch):
    """Replaces Amazon's server that reports the regions of buckets. It receives no other request."""
    monkeypatch.setattr(s3_client, "_REGION_LOOKUP", faulty_server.endpoint)
    return faulty_server


@pytest.fixture
def storage(amazon, local_network):
    amazon.answer("other region")
    return ra.open_storage("s3://prints/in/", credentials=KEYS, network=local_network, retry=RETRY)


@pytest.mark.parametrize("answer", ["other region", "denied in a region"])
def test_resolving_a_region_costs_one_request(storage, amazon, answer):
    amazon.answer(answer)
    assert amazon.requests == []
    for _ in range(3):
        url, _ = storage.url(FILE, expires_in=HOUR)
        assert url.startswith("https://prints.s3.eu-west-1.amazonaws.com/in/a.png?")
        assert "%2Feu-west-1%2Fs3%2F" in url
    assert amazon.requests == ["HEAD /prints"]
    assert storage.requests == {"list": 0, "head": 1, "get": 0}


def test_reports_name_the_location_with_its_region(storage):
    assert storage.location == "s3://prints/in/"
    storage.url(FILE, expires_in=HOUR)
    assert storage.location == "s3://prints/in/?region=eu-west-1"


def test_folders_of_one_bucket_keep_their_own_locations_once_the_region_is_known(storage, amazon, local_network):
    amazon.answer("other region", "other region")
    other = ra.open_storage("s3://prints/other/", credentials=KEYS, network=local_network, retry=RETRY)
    for opened in (storage, other):
        opened.url(FILE, expires_in=HOUR)
    assert storage.location == "s3://prints/in/?region=eu-west-1"
    assert other.location == "s3://prints/other/?region=eu-west-1"


def test_a_known_region_or_another_endpoint_costs_no_request(amazon, local_network):
    for url in ("s3://prints/in/?region=eu-west-1", "s3+https://s3.example.com/prints/?provider=minio"):
        storage = ra.open_storage(url, credentials=KEYS, network=local_network)
        storage.url(FILE, expires_in=HOUR)
        assert storage.requests["head"] == 0
    assert amazon.requests == []


@pytest.mark.parametrize(
    ("answer", "error", "asked"),
    [
        ("404", LocationNotFound, 1),
        ("503", StorageUnreachable, 2),
        ("ok", StorageMisbehaved, 1),
        ("redirect nowhere", StorageMisbehaved, 1),
    ],
)
def test_a_region_that_cannot_be_resolved_is_an_error_and_requested_again(storage, amazon, answer, error, asked):
    for uses in (1, 2):
        amazon.answer(answer)
        with pytest.raises(error, match="s3://prints/in/"):
            storage.stat("a.png")
        assert len(amazon.requests) == asked
        assert storage.requests["head"] == asked * uses


def test_the_network_policy_guards_this_request(amazon):
    network = ra.NetworkPolicy(allow_http=True)
    with pytest.raises(InvalidLocation, match="allow_private"):
        ra.open_storage("s3://prints/in/", credentials=KEYS, network=network).stat("a.png")
    assert amazon.requests == []

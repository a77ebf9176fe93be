from __future__ import annotations

import time

import attrs
import pytest

import remote_artwork as ra
from parts import package
from remote_artwork.storage.pagers import azure

package("adlfs")

FILE = ra.StoredFile(name="1001_1.png", size=10, etag="e")
SAS = ra.SasToken("sv=2024-01-01&sp=rl&sr=c&sig=c2VjcmV0IG9mIHRlc3Rz")
KEY = ra.AccountKey("YS1zZWNyZXQtb2YtdGVzdHM=")

USES = {
    "list": lambda storage: list(storage.pages()),
    "head": lambda storage: storage.stat(FILE.name),
    "get": lambda storage: storage.reader(FILE).read(0, 10),
}
PASSING = ["429", "500", "503", "reset", "cut short", "hang"]
HANGS_UP = {("reset", kind) for kind in USES} | {("cut short", "head")}
"""Nothing whole arrives; then aiohttp itself asks once more on a new connection."""

LASTING = {"403": ra.StorageDenied, "501": ra.StorageMisbehaved, "redirect nowhere": ra.StorageMisbehaved}


@pytest.fixture
def impatient(local_network):
    return attrs.evolve(local_network, read_timeout=0.4, call_timeout=1.0)


@pytest.fixture
def open_faulty(faulty_azure, impatient):
    """Tries twice, waits hardly at all."""

    def open_(credentials=SAS, network=impatient):
        fs = azure.file_system(f"{faulty_azure.endpoint}/account", "account", credentials, network)
        retry = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)
        return ra.ArtworkStorage(fs, "c/in", retry=retry, call_timeout=network.call_timeout)

    return open_


@pytest.fixture
def storage(open_faulty):
    return open_faulty()


def failure(storage, kind):
    """The error of one use, which ends in bounded time and betrays nothing."""
    begin = time.monotonic()
    with pytest.raises(ra.RemoteArtworkError) as raised:
        USES[kind](storage)
    assert time.monotonic() - begin < 8
    assert storage.location in str(raised.value)
    for secret in (SAS.token, "sig=", KEY.key, "secret words"):
        assert secret not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("kind", USES)
@pytest.mark.parametrize("fault", PASSING)
def test_an_outage_is_named_and_tried_twice(storage, faulty_azure, kind, fault):
    faulty_azure.answer(fault)
    error = failure(storage, kind)
    assert type(error) is ra.StorageUnreachable
    assert error.__cause__ is not None
    assert len(faulty_azure.requests) == (4 if (fault, kind) in HANGS_UP else 2)
    assert storage.requests[kind] == 2


@pytest.mark.parametrize("kind", USES)
@pytest.mark.parametrize("fault", LASTING)
def test_what_will_not_pass_is_asked_once(storage, faulty_azure, kind, fault):
    faulty_azure.answer(fault)
    assert type(failure(storage, kind)) is LASTING[fault]
    assert len(faulty_azure.requests) == 1


def test_an_account_that_lets_nobody_in_unsigned_is_denied(open_faulty, faulty_azure):
    faulty_azure.answer("409 private")
    assert type(failure(open_faulty(ra.Anonymous()), "list")) is ra.StorageDenied


@pytest.mark.parametrize("content_type", ["application/xml", "text/html"])
@pytest.mark.parametrize("fault", ["empty 200", "html 200", "xhtml 200"])
def test_an_answer_that_is_no_listing_is_never_an_empty_one(storage, faulty_azure, fault, content_type):
    faulty_azure.CONTENT_TYPE = content_type
    faulty_azure.answer(fault)
    assert type(failure(storage, "list")) is ra.StorageMisbehaved
    assert len(faulty_azure.requests) == 1


@pytest.mark.parametrize("kind", ["head", "get"])
@pytest.mark.parametrize("fault", ["empty 200", "html 200"])
def test_an_answer_that_is_no_blob_is_never_a_file(storage, faulty_azure, kind, fault):
    faulty_azure.answer(fault)
    assert type(failure(storage, kind)) is ra.StorageMisbehaved


def test_names_that_would_lead_out_of_the_folder_are_left_out(storage, faulty_azure):
    faulty_azure.answer("impossible names")
    assert [list(page.names) for page in storage.pages()] == [["good.png", "two..dots.png"]]


def test_a_listing_in_a_circle_ends_with_an_error(storage, faulty_azure):
    faulty_azure.answer("circle")
    with pytest.raises(ra.StorageMisbehaved, match="circle"):
        list(storage.pages())
    assert len(faulty_azure.requests) == 2


def test_a_listing_that_breaks_off_is_an_error_and_not_a_short_listing(storage, faulty_azure):
    faulty_azure.answer("circle", "500")
    pages = storage.pages()
    next(pages)
    with pytest.raises(ra.StorageUnreachable):
        next(pages)


@pytest.mark.parametrize("kind", ["list", "get"])
def test_a_server_that_drips_is_given_up(storage, faulty_azure, kind):
    faulty_azure.answer("drip")
    assert type(failure(storage, kind)) is ra.StorageUnreachable
    assert len(faulty_azure.requests) == 2


def test_a_storage_recovers_when_its_server_does(storage, faulty_azure):
    faulty_azure.answer("500", "ok")
    assert [list(page.names) for page in storage.pages()] == [[]]
    faulty_azure.answer("503", "hang", "ok")
    assert type(failure(storage, "list")) is ra.StorageUnreachable
    assert [list(page.names) for page in storage.pages()] == [[]]


def test_nobody_listening_is_an_outage(open_faulty, faulty_azure, local_network):
    storage = open_faulty(network=local_network)
    faulty_azure.close()
    for kind in USES:
        assert type(failure(storage, kind)) is ra.StorageUnreachable
    assert storage.requests == {"list": 2, "head": 2, "get": 2}


@pytest.mark.parametrize("credentials", [SAS, KEY])
def test_a_redirect_is_not_followed(open_faulty, faulty_azure, credentials):
    faulty_azure.redirect_to = f"{faulty_azure.endpoint}/internal"
    storage = open_faulty(credentials)
    for kind in USES:
        faulty_azure.answer("redirect", "ok")
        assert type(failure(storage, kind)) is ra.StorageMisbehaved
        assert len(faulty_azure.requests) == 1
        assert "internal" not in faulty_azure.requests[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_refused_before_anything_is_sent(faulty_azure, local_network, host):
    guarded = attrs.evolve(local_network, allow_private=False)
    endpoint = faulty_azure.endpoint.replace("127.0.0.1", host)
    storage = ra.ArtworkStorage(azure.file_system(f"{endpoint}/account", "account", SAS, guarded), "c/in")
    for use in USES.values():
        with pytest.raises(ra.InvalidLocation, match="allow_private"):
            use(storage)
    assert faulty_azure.requests == []
    assert storage.requests == {"list": 1, "head": 1, "get": 1}


def test_a_file_system_handed_over_is_tried_by_our_own_policy_only(faulty_azure):
    adlfs = package("adlfs")
    fs = adlfs.AzureBlobFileSystem(
        connection_string=f"BlobEndpoint={faulty_azure.endpoint}/account;SharedAccessSignature={SAS.token}",
        skip_instance_cache=True,
    )
    storage = ra.ArtworkStorage(fs, "c/in", retry=ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None))
    for kind in USES:
        faulty_azure.answer("503")
        assert type(failure(storage, kind)) is ra.StorageUnreachable
        assert len(faulty_azure.requests) == 2

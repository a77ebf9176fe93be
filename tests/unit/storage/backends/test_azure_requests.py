"""Requests that this library sends to a container, and how it reads Azure's error responses."""

from types import SimpleNamespace

import pytest

import remote_artwork as ra
from parts import package
from remote_artwork.errors import FileGone, FileReplaced, RemoteArtworkError, StorageDenied, StorageUnreachable
from remote_artwork.http import Response
from remote_artwork.storage import StoredFile

KEY = "YW4tYWNjb3VudC1rZXk="
FILE = StoredFile(name="a b+ü.pdf", size=4, etag="0x8D", version_id="2026-05-01T12:00:00.0Z")
OK = {"content-range": "bytes 0-3/4", "etag": '"0x8D"', "last-modified": "Fri, 01 May 2026 12:00:00 GMT"}


class Wire:
    """Instead of connections: gives one answer, and keeps the last request."""

    def __init__(self, status=206, headers=OK, body=b"%PDF"):
        self.answer, self.sent = Response(status=status, headers=headers, body=body), None

    def request(self, method, url, *, headers, timeout):
        self.sent = SimpleNamespace(method=method, url=url, headers=headers, timeout=timeout)
        return self.answer


def storage_with(wire, credentials):
    package("adlfs")
    storage = ra.open_storage("az://prints@account/in/", credentials=credentials, retry=ra.RetryPolicy(attempts=1))
    requests = storage.internals.backend._requests
    storage.internals.backend._requests = type(requests)(requests.client, wire, requests.timeout)
    return storage


def test_a_read_names_the_version_its_etag_and_the_range():
    wire = Wire()
    reader = storage_with(wire, ra.AccountKey(KEY)).reader(FILE)
    assert reader.read(0, 4) == b"%PDF"
    assert wire.sent.url == (
        "https://account.blob.core.windows.net/prints/in/a%20b%2B%C3%BC.pdf?versionid=2026-05-01T12%3A00%3A00.0Z"
    )
    assert (wire.sent.headers["x-ms-range"], wire.sent.headers["If-Match"]) == ("bytes=0-3", '"0x8D"')
    assert wire.sent.headers["Authorization"].startswith("SharedKey account:")


def test_a_sas_follows_the_query_and_there_is_no_signature():
    wire = Wire()
    storage_with(wire, ra.SasToken("sv=2022-11-02&sp=rl&sig=a%2Bb")).reader(FILE).read(0, 4)
    assert wire.sent.url.endswith("?versionid=2026-05-01T12%3A00%3A00.0Z&sv=2022-11-02&sp=rl&sig=a%2Bb")
    assert "Authorization" not in wire.sent.headers


def test_without_credentials_there_is_no_signature_and_no_version():
    wire = Wire()
    storage_with(wire, None).reader(FILE).read(0, 4)
    assert wire.sent.url == "https://account.blob.core.windows.net/prints/in/a%20b%2B%C3%BC.pdf"
    assert "Authorization" not in wire.sent.headers


DETAIL = (
    b"<Error><Code>%b</Code><Message>secret</Message><AuthenticationErrorDetail>%b</AuthenticationErrorDetail></Error>"
)


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "says"),
    [
        (404, {"x-ms-error-code": "BlobNotFound"}, b"", FileGone, "does not exist"),
        (412, {"x-ms-error-code": "ConditionNotMet"}, b"", FileReplaced, "replaced"),
        (503, {"x-ms-error-code": "ServerBusy", "retry-after": "7"}, b"", StorageUnreachable, "not available now"),
        (409, {"x-ms-error-code": "BlobArchived"}, b"", StorageDenied, "in an archive"),
        (302, {"location": "http://127.0.0.1/"}, b"", RemoteArtworkError, "unexpected response"),
        (
            403,
            {},
            DETAIL % (b"AuthenticationFailed", b"Signature not valid in the specified time frame"),
            StorageDenied,
            "not valid now",
        ),
        (
            403,
            {"x-ms-error-code": "AuthenticationFailed"},
            DETAIL % (b"AuthenticationFailed", b"Signature did not match. String to sign used was secret"),
            StorageDenied,
            "does not belong to this account",
        ),
    ],
)
def test_an_error_response_is_named_without_its_text(status, headers, body, kind, says):
    storage = storage_with(Wire(status, headers, body), ra.AccountKey(KEY))
    with pytest.raises(kind, match=says) as error:
        storage.stat("a.pdf")
    assert "secret" not in str(error.value)
    assert getattr(error.value, "retry_after", None) == (7.0 if status == 503 else None)

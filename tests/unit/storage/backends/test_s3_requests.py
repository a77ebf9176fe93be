"""Requests that this library sends to a bucket: addressed and signed as the SDK does it."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

import remote_artwork as ra
from parts import package
from remote_artwork.storage import StoredFile
from remote_artwork.storage.backends.base import expiry_of

HOUR = timedelta(hours=1)
URLS = [
    "https://prints.s3.eu-west-1.amazonaws.com/in/",
    "s3://prints.with.dots/in/?region=eu-central-1",
    "https://s3.us-west-1.wasabisys.com/prints/in/",
    "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/prints/in/",
]
CHANGES = ("X-Amz-Date", "X-Amz-Signature")
"""Parameters that depend on the time."""


def backend_of(url, credentials):
    package("s3fs")
    return ra.open_storage(url, credentials=credentials).internals.backend


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "credentials", [ra.Keys("AKTESTKEY", "a-secret"), ra.Keys("AKTESTKEY", "a-secret", token="a+b/=")]
)
@pytest.mark.parametrize("name", ["1001_1.pdf", "a b+ü?versionId=1.png", "寿司&<>'\"#.png", "~!$@;,=:()*[]{}|^`.png"])
def test_a_url_is_the_one_that_the_sdk_signs(url, credentials, name):
    backend = backend_of(url, credentials)
    for version_id in (None, "v/1+="):
        file = StoredFile(name=name, size=1, etag="e", version_id=version_id)
        signed, expiry = backend._own_url(file, HOUR)
        assert expiry == expiry_of(signed, "Amz")
        own, of_sdk = urlsplit(signed), urlsplit(backend._wait(backend._sign, backend._object(file), HOUR))
        assert own[:3] == of_sdk[:3]
        parameters = [
            {name: value for name, value in parse_qs(url.query).items() if name not in CHANGES} for url in (own, of_sdk)
        ]
        assert parameters[0] == parameters[1]
        assert parse_qs(own.query).keys() == parse_qs(of_sdk.query).keys()


def test_an_anonymous_request_is_not_signed():
    backend = backend_of(URLS[0], None)
    assert backend._requests.is_supported()
    assert backend._own_url(StoredFile(name="a.pdf", size=1, etag="e"), HOUR) is None


def test_a_bucket_with_another_kind_of_signature_uses_the_client_of_the_sdk(monkeypatch):
    """An access point for several regions is signed with elliptic curves."""
    backend = backend_of(URLS[0], ra.Keys("AKTESTKEY", "a-secret"))

    async def presigned(*_arguments):
        return (
            "https://a.mrap.accesspoint.s3-global.amazonaws.com/remote-artwork?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256"
        )

    async def connected():
        client = await type(backend._fs).set_session(backend._fs)
        monkeypatch.setattr(client, "generate_presigned_url", presigned)

    monkeypatch.setattr(backend._fs, "set_session", connected)
    assert backend._requests is None


class Session:
    """Credentials of a session, as the SDK keeps them. ``keys`` are those of the next session."""

    _advisory_refresh_timeout = 900

    def __init__(self, keys):
        self.keys, self._frozen_credentials, self.expires_at, self.renewals = keys, None, None, 0

    def refresh_needed(self, refresh_in):
        return self.expires_at - datetime.now(UTC) < timedelta(seconds=refresh_in)

    async def get_frozen_credentials(self):
        self.renewals += 1
        self._frozen_credentials, self.expires_at = self.keys, datetime.now(UTC) + HOUR
        return self.keys


def test_keys_of_a_session_are_renewed_before_they_expire():
    requests, session = backend_of(URLS[0], ra.Keys("AKTESTKEY", "a-secret"))._requests, Session("first")
    assert [requests._current(session), requests._current(session)] == ["first", "first"]
    session.keys, session.expires_at = "second", datetime.now(UTC) + timedelta(minutes=10)
    assert [requests._current(session), requests._current(session)] == ["second", "second"]
    assert session.renewals == 2

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

import remote_artwork as ra
from parts import package
from remote_artwork.errors import InvalidLocation, StorageUnreachable
from remote_artwork.storage import StoredFile
from remote_artwork.storage.errors import CredentialsRejected
from remote_artwork.testing import FakeShop

guarded_s3fs = package("remote_artwork.storage.backends.s3_client").guarded_s3fs
_credentials = package("remote_artwork.storage.backends.s3_client")
own_session, session_for = _credentials.own_session, _credentials.session_for

pytestmark = pytest.mark.server

ARN = "arn:aws:iam::123456789012:role/prints"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
numbers = itertools.count(1)
AWS_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONFIG_FILE")


@pytest.fixture
def place(s3_server):
    bucket = s3_server.create_bucket(f"role-{next(numbers)}")
    s3_server.put(bucket, "in/a.png", b"content")
    return s3_server.url(bucket, "in")


def role(sts, **options):
    options.setdefault("base", ra.Keys("AKSHOP", "secret-of-the-shop"))
    return ra.AssumeRole(ARN, sts_endpoint=sts.endpoint, **options)


@pytest.fixture
def open_as(place, local_network):
    def open_(credentials):
        return ra.open_storage(place, credentials=credentials, network=local_network)

    return open_


def test_a_session_is_requested_once_with_all_settings_of_the_role(open_as, sts_server):
    storage = open_as(role(sts_server, external_id="merchant-7", session_name="shop", duration=2 * HOUR))
    sts_server.lives(15 * MINUTE)  # with the SDK's defaults each request would renew it
    assert sts_server.asked == []
    for _ in range(3):
        assert storage.reader(storage.stat("a.png")).read(0, 7) == b"content"
    [asked] = sts_server.asked
    assert "Credential=AKSHOP/" in asked.pop("signed")
    assert asked == {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": ARN,
        "RoleSessionName": "shop",
        "ExternalId": "merchant-7",
        "DurationSeconds": "7200",
    }
    assert storage.requests == {"list": 0, "head": 3, "get": 3}


def test_without_an_external_id_none_is_sent(open_as, sts_server):
    open_as(role(sts_server)).stat("a.png")
    assert "ExternalId" not in sts_server.asked[0]


def test_a_session_of_a_real_service_opens_the_storage(open_as, s3_server):
    storage = open_as(role(s3_server, external_id="merchant-7"))
    url, _ = storage.url(storage.stat("a.png"), expires_in=HOUR / 2)
    query = parse_qs(urlsplit(url).query)
    assert query["X-Amz-Credential"][0].startswith("ASIA")
    assert query["X-Amz-Security-Token"][0]


def test_a_session_is_renewed_before_it_expires(sts_server, local_network):
    now = datetime.now(UTC)

    async def keys_used():
        session = session_for(role(sts_server), local_network, clock=lambda: now)
        credentials = await session.get_credentials()
        used = []
        for minutes in (0, 40, 50, 59):
            move(minutes)
            used.append((await credentials.get_frozen_credentials()).access_key)
        return used

    def move(minutes):
        nonlocal now
        now = begin + minutes * MINUTE

    begin = now
    sts_server.lives(HOUR, 2 * HOUR)
    assert asyncio.run(keys_used()) == ["ASIASESSION1", "ASIASESSION1", "ASIASESSION2", "ASIASESSION2"]


def test_a_role_can_be_assumed_with_ambient_credentials(open_as, sts_server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKOURS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    open_as(role(sts_server)).stat("a.png")
    open_as(role(sts_server, base=ra.Ambient())).stat("a.png")
    assert ["AKOURS" in asked["signed"] for asked in sts_server.asked] == [False, True]


def test_the_service_of_ambient_credentials_is_called_at_its_own_address(local_network, monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def address():
        async with own_session(local_network).create_client("sts", region_name="eu-west-1") as sts:
            return sts.meta.endpoint_url

    assert asyncio.run(address()) == "https://sts.eu-west-1.amazonaws.com"


def test_a_session_that_expires_too_early_is_renewed_before_signing(open_as, sts_server):
    sts_server.lives(30 * MINUTE, HOUR)
    storage = open_as(role(sts_server))
    file = storage.stat("a.png")
    for _ in range(2):
        url, expires_at = storage.url(file, expires_in=40 * MINUTE)
        assert "session-token-2" in url
        assert expires_at <= datetime.now(UTC) + 40 * MINUTE
    assert len(sts_server.asked) == 2


def test_a_url_for_a_whole_session_expires_with_the_session(open_as, sts_server):
    storage = open_as(role(sts_server))
    _, expires_at = storage.url(StoredFile(name="a.png", size=7, etag="e"), expires_in=HOUR)
    assert datetime.now(UTC) + 59 * MINUTE < expires_at <= datetime.now(UTC) + HOUR


def test_a_url_longer_than_any_session_is_refused_without_a_request(open_as, sts_server):
    storage = open_as(role(sts_server))
    assert storage.max_url_lifetime == HOUR
    with pytest.raises(ra.ConfigurationError, match=r"AssumeRole\.duration.*Scanner\.url_lifetime"):
        storage.url(StoredFile(name="a.png", size=7, etag="e"), expires_in=24 * HOUR)
    with pytest.raises(ra.ConfigurationError, match=r"AssumeRole\.duration"):
        ra.Scanner(storage, FakeShop([]), ledger=ra.MemoryLedger())
    assert sts_server.asked == []


def test_a_session_that_is_too_short_signs_no_url(open_as, sts_server):
    sts_server.lives(20 * MINUTE)
    with pytest.raises(ra.ConfigurationError, match="expires with the session"):
        open_as(role(sts_server)).url(StoredFile(name="a.png", size=7, etag="e"), expires_in=HOUR)


@pytest.mark.parametrize(
    ("code", "words", "error", "remedy"),
    [
        ("AccessDenied", "secret words", CredentialsRejected, "trust policy, and the external id"),
        ("ExpiredToken", "secret words", CredentialsRejected, r"renew AssumeRole\.base"),
        ("InvalidClientTokenId", "secret words", CredentialsRejected, r"renew AssumeRole\.base"),
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ra.ConfigurationError,
            "maximum session duration",
        ),
        ("RegionDisabledException", "secret words", ra.ConfigurationError, r"AssumeRole\.region"),
        ("Throttling", "secret words", StorageUnreachable, "try again later"),
    ],
)
def test_a_refused_role_is_an_error_with_a_remedy(place, local_network, sts_server, code, words, error, remedy):
    sts_server.refuse(code, words)
    once = ra.RetryPolicy(attempts=1)
    storage = ra.open_storage(
        place, credentials=role(sts_server, external_id="merchant-7"), network=local_network, retry=once
    )
    with pytest.raises(error, match=remedy) as raised:
        storage.stat("a.png")
    for secret in ("secret", "merchant-7", "AKSHOP"):
        assert secret not in str(raised.value)
    assert len(sts_server.asked) == 1


def test_the_network_policy_guards_session_requests(place, local_network, sts_server):
    guarded = attrs.evolve(local_network, allow_private=False)
    with pytest.raises(InvalidLocation, match="allow_private"):
        ra.open_storage(place, credentials=role(sts_server), network=guarded).stat("a.png")
    assert sts_server.asked == []


def test_sessions_over_plain_http_need_the_operators_permission(sts_server):
    with pytest.raises(InvalidLocation, match="allow_http"):
        ra.open_storage("s3://prints/in/?region=eu-west-1", credentials=role(sts_server))


@pytest.mark.parametrize("credentials", [ra.Ambient(), ra.AssumeRole(ARN, base=ra.Keys("AKSHOP", "hush"))])
def test_aws_credentials_are_sent_to_no_other_endpoint(place, local_network, credentials):
    with pytest.raises(ra.ConfigurationError, match="buckets of AWS"):
        ra.open_storage(place, credentials=credentials, network=local_network)
    for url in ("https://prints.s3.eu-west-1.amazonaws.com/in/", "https://prints.s3-fips.us-east-1.amazonaws.com/in/"):
        ra.open_storage(url, credentials=credentials)


def test_ambient_credentials_are_used_without_this_machines_endpoints(place, local_network, monkeypatch, tmp_path):
    for name in AWS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(
        "[profile shop]\naws_access_key_id = AKOURS\naws_secret_access_key = ours\nregion = nowhere\n"
        "endpoint_url = http://127.0.0.1:9\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "shop")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    location = ra.Location.parse(place)
    storage = ra.ArtworkStorage(guarded_s3fs(location, ra.Ambient(), local_network), location.root)
    url, _ = storage.url(storage.stat("a.png"), expires_in=HOUR)
    assert url.startswith(str(location.endpoint))
    assert "Credential=AKOURS%2F" in url
    assert "us-east-1" in url


@pytest.mark.parametrize("profile", ["", "there-is-no-such-profile"])
def test_missing_ambient_credentials_are_an_error(place, local_network, monkeypatch, tmp_path, profile):
    for name in AWS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    if profile:
        monkeypatch.setenv("AWS_PROFILE", profile)
    location = ra.Location.parse(place)
    storage = ra.ArtworkStorage(guarded_s3fs(location, ra.Ambient(), local_network), location.root)
    with pytest.raises(ra.ConfigurationError, match="this machine"):
        storage.stat("a.png")

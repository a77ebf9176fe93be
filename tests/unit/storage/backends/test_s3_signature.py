"""Signatures of S3 requests and URLs: equal to those of the SDK."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from botocore.auth import SIGV4_TIMESTAMP, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remote_artwork.storage.backends.s3_signature import Signer

HOST = "bucket.s3.eu-west-1.amazonaws.com"
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines may be busy

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
credentials = st.builds(
    ReadOnlyCredentials,
    access_key=texts,
    secret_key=texts,
    token=st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,40}", fullmatch=True),
)
headers = st.dictionaries(
    st.sampled_from(["Accept-Encoding", "Range", "User-Agent"]), st.sampled_from(["bytes=0-99", "identity", "a  b "])
)
queries = st.dictionaries(st.sampled_from(["prefix", "prefix-a", "list-type", "versionId"]), texts, max_size=4)


@st.composite
def targets(draw):
    """Path and query of a request."""
    pairs = [f"{name}={quote(value, safe='-_.~')}" for name, value in draw(queries).items()]
    return "?".join([f"/in/{quote(draw(texts), safe='/~')}", *(["&".join(pairs)] if pairs else [])])


def parsed(time):
    return datetime.strptime(time, SIGV4_TIMESTAMP).replace(tzinfo=UTC)


@patient
@given(credentials, st.sampled_from(["GET", "HEAD"]), targets(), headers)
def test_a_request_is_signed_as_the_sdk_signs_it(keys, method, target, headers):
    request = AWSRequest(method, f"https://{HOST}{target}", headers=headers)
    S3SigV4Auth(keys, "s3", "eu-west-1").add_auth(request)
    now = parsed(request.headers["X-Amz-Date"])
    assert Signer("eu-west-1", "s3").headers(keys, method, HOST, target, headers, now) == dict(request.headers.items())


@patient
@given(credentials, targets(), st.integers(1, 604_800))
def test_a_url_is_signed_as_the_sdk_signs_it(keys, target, seconds):
    request = AWSRequest("GET", f"https://{HOST}{target}")
    S3SigV4QueryAuth(keys, "s3", "eu-west-1", expires=seconds).add_auth(request)
    query = urlsplit(request.url).query
    now = parsed(parse_qs(query)["X-Amz-Date"][0])
    assert Signer("eu-west-1", "s3").query(keys, HOST, target, seconds, now) == query


@pytest.mark.parametrize("change", ["day", "secret"])
def test_a_signer_uses_the_key_of_the_day_and_of_the_credentials(change):
    now, keys = datetime(2026, 1, 1, 23, 59, tzinfo=UTC), ReadOnlyCredentials("AK", "secret", None)
    then = now + timedelta(minutes=1) if change == "day" else now
    others = ReadOnlyCredentials("AK", "another", None) if change == "secret" else keys
    signer = Signer("eu-west-1", "s3")
    before = signer.headers(keys, "GET", HOST, "/", {}, now)
    assert signer.headers(others, "GET", HOST, "/", {}, then) == Signer("eu-west-1", "s3").headers(
        others, "GET", HOST, "/", {}, then
    )
    assert signer.headers(keys, "GET", HOST, "/", {}, now) == before


def test_no_representation_shows_a_key():
    signer = Signer("eu-west-1", "s3")
    signer.headers(ReadOnlyCredentials("AK", "secret", None), "GET", HOST, "/", {}, datetime.now(UTC))
    assert repr(signer) == "Signer(region='eu-west-1', service='s3')"

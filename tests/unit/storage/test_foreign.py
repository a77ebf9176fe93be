import ssl
from datetime import UTC, datetime, timedelta, timezone

import pytest
from aiohttp import ClientPayloadError
from aiohttp.http_exceptions import ContentLengthError
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)
from azure.storage.blob import StorageErrorCode
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from gcsfs.retry import HttpError
from google.auth.exceptions import RefreshError, TransportError

from attacks import IMPOSSIBLE_TIMES
from remote_artwork.errors import (
    FileGone,
    InvalidLocation,
    LocationNotFound,
    StorageDenied,
    StorageMisbehaved,
    StorageUnreachable,
)
from remote_artwork.storage import StoredFile
from remote_artwork.storage.errors import CredentialsRejected, HttpStatusError, from_exception, stored_file

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "info",
    [
        {"Size": 3, "ETag": '"abc"', "LastModified": NOON},
        {"size": 3, "ETag": "abc", "LastModified": NOON.astimezone(timezone(timedelta(hours=2)))},
        {"ContentLength": 3, "ETag": '"abc"', "LastModified": NOON, "VersionId": "null"},
        {"size": 3, "etag": "abc", "updated": "2026-05-01T12:00:00.000Z"},
        {"size": 3, "etag": '"abc"', "last_modified": NOON.replace(tzinfo=None)},
        {"size": 3, "ETag": 'W/"abc"', "Last-Modified": "Fri, 01 May 2026 12:00:00 GMT"},
    ],
)
def test_every_vocabulary_says_the_same(info):
    assert stored_file("a.png", info) == StoredFile(name="a.png", size=3, etag="abc", last_modified=NOON)


def test_versions_and_generations_are_version_ids():
    assert stored_file("a.png", {"size": 1, "ETag": "e", "VersionId": "v1"}).version_id == "v1"
    assert stored_file("a.png", {"size": 1, "etag": "e", "generation": 17}).version_id == "17"


def test_without_an_etag_a_change_token_stands_in():
    before = {"size": 3, "mtime": 1000.25, "ino": 7}
    token = stored_file("a.png", before).etag
    assert token == stored_file("a.png", dict(before)).etag
    for change in ({"size": 4}, {"mtime": 1000.5}, {"ino": 8}):
        assert token != stored_file("a.png", before | change).etag
    created = {"size": 3, "created": NOON}
    assert stored_file("a.png", created) == stored_file("a.png", created | {"created": NOON.timestamp()})


@pytest.mark.parametrize(
    "time",
    [
        *IMPOSSIBLE_TIMES,
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-10))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        1e30,
        10**400,
        float("inf"),
        float("nan"),
    ],
)
def test_a_time_that_no_clock_can_show_is_unknown(time):
    assert stored_file("a.png", {"size": 1, "ETag": "e", "LastModified": time}).last_modified is None
    assert stored_file("a.png", {"size": 1, "mtime": time}).last_modified is None


@pytest.mark.parametrize("size", [None, -1, "3", True])
def test_a_file_without_a_size_is_no_file(size):
    with pytest.raises(StorageMisbehaved, match="size"):
        stored_file("a.png", {"size": size, "ETag": "e"})


def s3_error(status, code=""):
    answer = {"Error": {"Code": code, "Message": "secret words"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetObject")


def azure_error(status, code=None, kind=HttpResponseError):
    error = kind("secret words https://a.blob.core.windows.net/c?sig=secret")
    error.status_code = status
    error.error_code = code
    return error


def caused(error, cause):
    error.__cause__ = cause
    return error


def other_clients_error(**attributes):
    error = RuntimeError("secret words")
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize(
    ("error", "of_listing", "of_file"),
    [
        (s3_error(404, "NoSuchBucket"), LocationNotFound, LocationNotFound),
        (s3_error(404, "NoSuchKey"), LocationNotFound, FileGone),
        (s3_error(404, "404"), LocationNotFound, FileGone),
        (s3_error(403, "AccessDenied"), StorageDenied, StorageDenied),
        (s3_error(400, "ExpiredToken"), CredentialsRejected, CredentialsRejected),
        (s3_error(400, "RequestRateLimitExceeded"), StorageUnreachable, StorageUnreachable),
        (s3_error(400, "AuthorizationHeaderMalformed"), InvalidLocation, InvalidLocation),
        (s3_error(400, "x y; DROP"), StorageMisbehaved, StorageMisbehaved),
        (s3_error(412), StorageMisbehaved, FileGone),
        (s3_error(416), StorageMisbehaved, FileGone),
        (s3_error(429), StorageUnreachable, StorageUnreachable),
        (s3_error(501), StorageMisbehaved, StorageMisbehaved),
        (s3_error(503, "SlowDown"), StorageUnreachable, StorageUnreachable),
        (azure_error(403, StorageErrorCode.AUTHENTICATION_FAILED), StorageDenied, StorageDenied),
        (azure_error(403, "AuthorizationFailure", ClientAuthenticationError), StorageDenied, StorageDenied),
        (azure_error(400, "InvalidAuthenticationInfo"), CredentialsRejected, CredentialsRejected),
        (azure_error(409, "PublicAccessNotPermitted"), StorageDenied, StorageDenied),
        (azure_error(404, StorageErrorCode.CONTAINER_NOT_FOUND), LocationNotFound, LocationNotFound),
        (azure_error(404, "ContainerNotFound", ResourceNotFoundError), LocationNotFound, LocationNotFound),
        (azure_error(404, "ResourceNotFound", ResourceNotFoundError), LocationNotFound, LocationNotFound),
        (azure_error(404, "BlobNotFound", ResourceNotFoundError), LocationNotFound, FileGone),
        (azure_error(412, StorageErrorCode.CONDITION_NOT_MET), StorageMisbehaved, FileGone),
        (azure_error(503, StorageErrorCode.SERVER_BUSY), StorageUnreachable, StorageUnreachable),
        (azure_error(500, "OperationTimedOut"), StorageUnreachable, StorageUnreachable),
        (azure_error(302), StorageMisbehaved, StorageMisbehaved),
        (ServiceRequestError("secret words"), StorageUnreachable, StorageUnreachable),
        (ServiceResponseTimeoutError("secret words"), StorageUnreachable, StorageUnreachable),
        # The status decides, whatever class a client made of it.
        (caused(FileNotFoundError("gone"), s3_error(503)), StorageUnreachable, StorageUnreachable),
        (caused(OSError("Forbidden"), s3_error(403)), StorageDenied, StorageDenied),
        (other_clients_error(status=502), StorageUnreachable, StorageUnreachable),
        (other_clients_error(status_code=404), LocationNotFound, FileGone),
        (other_clients_error(code=401), StorageDenied, StorageDenied),
        (HttpError({"code": 401, "message": "secret words"}), StorageDenied, StorageDenied),
        (HttpError({"code": 404, "message": "secret words"}), LocationNotFound, FileGone),
        (HttpError({"code": 503, "message": "secret words"}), StorageUnreachable, StorageUnreachable),
        (HttpStatusError(403, "forbidden"), StorageDenied, StorageDenied),
        (HttpStatusError(403, "rateLimitExceeded"), StorageUnreachable, StorageUnreachable),
        (HttpStatusError(404, "NoSuchBucket"), LocationNotFound, LocationNotFound),
        (TransportError("secret words"), StorageUnreachable, StorageUnreachable),
        (
            caused(HttpError({"code": 401}), RefreshError("secret words", retryable=True)),
            StorageUnreachable,
            StorageUnreachable,
        ),
        (caused(HttpError({"code": 401}), RefreshError("secret words")), StorageDenied, StorageDenied),
        (FileNotFoundError("x"), LocationNotFound, FileGone),
        (NotADirectoryError("x"), LocationNotFound, FileGone),
        (PermissionError("x"), StorageDenied, StorageDenied),
        (OSError(5, "input/output error"), StorageUnreachable, StorageUnreachable),
        (TimeoutError(), StorageUnreachable, StorageUnreachable),
        (EndpointConnectionError(endpoint_url="http://h"), StorageUnreachable, StorageUnreachable),
        (ReadTimeoutError(endpoint_url="http://h"), StorageUnreachable, StorageUnreachable),
        (
            ConnectionClosedError(endpoint_url="h", error=caused(ClientPayloadError(), ContentLengthError("cut"))),
            StorageUnreachable,
            StorageUnreachable,
        ),
        (caused(OSError("tls"), ssl.SSLCertVerificationError("expired")), StorageMisbehaved, StorageMisbehaved),
        (KeyError("x"), StorageMisbehaved, StorageMisbehaved),
    ],
)
def test_every_clients_error_has_one_meaning(error, of_listing, of_file):
    for name, meaning in ((None, of_listing), ("a.png", of_file)):
        ours = from_exception(error, where="s3://b/in/", name=name)
        assert type(ours) is meaning
        assert str(ours).startswith("s3://b/in/")
        assert "secret" not in str(ours)
        assert "DROP" not in str(ours)
        assert name is None or meaning is LocationNotFound or name in str(ours)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("invalid_grant: Invalid JWT Signature.", "make a new JSON key"),
        ("invalid_grant: Invalid JWT: Token must be in a reasonable timeframe.", "set the clock"),
        ("invalid_grant: Invalid grant: account not found", "make one, and a key for it"),
        ("invalid_grant: Token has been expired or revoked.", "gcloud auth application-default login"),
        ("secret words", "check the keys"),
    ],
)
def test_google_refuses_a_token_for_reasons_that_have_remedies_of_their_own(words, remedy):
    error = caused(HttpError({"code": 401, "message": "Invalid Credentials"}), RefreshError(words, {}))
    refused = from_exception(error, where="gs://b/")
    assert type(refused) is (StorageDenied if words == "secret words" else CredentialsRejected)
    assert remedy in str(refused)
    assert "secret" not in str(refused)


def test_an_error_of_ours_keeps_its_kind_inside_of_a_clients_error():
    ours = from_exception(EndpointConnectionError(endpoint_url="h", error=InvalidLocation("refused")), where="here")
    assert type(ours) is InvalidLocation
    assert str(ours) == "here: refused"


def test_an_error_that_was_merely_being_handled_decides_nothing():
    error = TimeoutError()
    error.__context__ = s3_error(404)
    assert type(from_exception(error, where="here", name="a.png")) is StorageUnreachable


def test_an_error_code_that_is_an_enumeration_is_named_as_the_service_names_it():
    denied = from_exception(azure_error(403, StorageErrorCode.AUTHENTICATION_FAILED), where="here")
    assert "(HTTP 403 AuthenticationFailed)" in str(denied)


def told_to_wait(headers):
    error = HttpStatusError(503, "", headers)
    return from_exception(error, where="here").retry_after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Fri, 01 May 2026 12:00:05 GMT", "date": "Fri, 01 May 2026 12:00:00 GMT"}, 5.0),
        ({"retry-after": "Fri, 01 May 2026 12:00:00 GMT", "date": "Fri, 01 May 2026 12:00:05 GMT"}, -5.0),
        ({"retry-after": "Fri, 01 May 2026 12:00:05 GMT"}, None),
        *(({"retry-after": nonsense}, None) for nonsense in ("", "soon", "nan", "-3", "1e9", "9" * 400)),
        ({}, None),
        (None, None),
    ],
)
def test_the_time_at_which_a_busy_storage_wants_to_be_asked_is_told_in_seconds(headers, seconds):
    assert told_to_wait(headers) == seconds


def test_only_a_busy_storage_is_asked_again():
    denied = from_exception(HttpStatusError(403, "forbidden", {"retry-after": "7"}), where="here")
    assert not hasattr(denied, "retry_after")

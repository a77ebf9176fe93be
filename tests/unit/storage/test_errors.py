import pickle
import re
import socket
import ssl

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

from remote_artwork.core.cures import for_operator
from remote_artwork.errors import (
    FileGone,
    FileReplaced,
    InvalidLocation,
    LocationNotFound,
    StorageDenied,
    StorageMisbehaved,
    StorageUnreachable,
)
from remote_artwork.storage.errors import CredentialsRejected, HttpStatusError, from_exception


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
        (s3_error(412), StorageMisbehaved, FileReplaced),
        (s3_error(416), StorageMisbehaved, FileReplaced),
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
        (azure_error(412, StorageErrorCode.CONDITION_NOT_MET), StorageMisbehaved, FileReplaced),
        (azure_error(503, StorageErrorCode.SERVER_BUSY), StorageUnreachable, StorageUnreachable),
        (azure_error(500, "OperationTimedOut"), StorageUnreachable, StorageUnreachable),
        (azure_error(302), StorageMisbehaved, StorageMisbehaved),
        (ServiceRequestError("secret words"), StorageUnreachable, StorageUnreachable),
        (ServiceResponseTimeoutError("secret words"), StorageUnreachable, StorageUnreachable),
        # The status decides, whatever exception class the client uses.
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
def test_every_error_of_a_client_has_one_meaning(error, of_listing, of_file):
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
        ("secret words", "check the credentials"),
    ],
)
def test_each_cause_of_a_refused_google_token_has_its_own_remedy(words, remedy):
    error = caused(HttpError({"code": 401, "message": "Invalid Credentials"}), RefreshError(words, {}))
    refused = from_exception(error, where="gs://b/")
    assert type(refused) is (StorageDenied if words == "secret words" else CredentialsRejected)
    assert remedy in str(refused)
    assert "secret" not in str(refused)


def test_an_error_of_this_library_inside_a_clients_error_keeps_its_class():
    ours = from_exception(EndpointConnectionError(endpoint_url="h", error=InvalidLocation("refused")), where="here")
    assert type(ours) is InvalidLocation
    assert str(ours) == "here: refused"


def test_the_context_of_an_error_decides_nothing():
    error = TimeoutError()
    error.__context__ = s3_error(404)
    assert type(from_exception(error, where="here", name="a.png")) is StorageUnreachable


def test_an_error_code_that_is_an_enumeration_is_shown_by_value():
    denied = from_exception(azure_error(403, StorageErrorCode.AUTHENTICATION_FAILED), where="here")
    assert "(HTTP 403 AuthenticationFailed)" in str(denied)


def retry_after(headers):
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
def test_the_retry_after_of_a_busy_storage_is_in_seconds(headers, seconds):
    assert retry_after(headers) == seconds


def test_only_an_unavailable_storage_has_a_retry_after():
    denied = from_exception(HttpStatusError(401, "unauthorized", {"retry-after": "7"}), where="here")
    assert not hasattr(denied, "retry_after")


def test_a_translated_error_knows_its_location_and_keeps_it_in_a_pickle():
    ours = pickle.loads(pickle.dumps(from_exception(TimeoutError(), where="s3://b/in/", name="a.png")))
    assert ours.location == "s3://b/in/"
    assert StorageDenied("not about a location").location is None


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "secret words"), "the host name is not known; check host and region"),
        (socket.gaierror(socket.EAI_AGAIN, "secret words"), "could not be looked up; check this machine's network"),
        (ConnectionRefusedError("secret words"), "no server accepts connections at this host and port; check them"),
        (ssl.SSLError(1, "secret words"), "does not support https at this port; check host and port"),
        (ssl.SSLEOFError(8, "secret words"), "the storage does not respond"),
        (ConnectionResetError("secret words"), "the storage does not respond"),
        (TimeoutError("secret words"), "the storage does not respond"),
        (OSError(5, "secret words"), "the storage does not respond"),
    ],
)
def test_each_cause_of_a_failed_connection_has_its_own_remedy(cause, words):
    ours = from_exception(caused(ConnectionError("secret words"), cause), where="here")
    assert type(ours) is StorageUnreachable  # retried, because each of these may be temporary
    assert words in str(ours)
    assert "secret" not in str(ours)


def test_an_untrusted_certificate_has_a_message_of_its_own():
    error = caused(ConnectionError("x"), ssl.SSLCertVerificationError("secret words"))
    assert "certificate is not trusted" in str(from_exception(error, where="here"))


class ReadTimeoutError(ConnectionError):
    """Like the SDKs' errors of this name."""


class ConnectTimeoutError(ConnectionError):
    """Like the SDKs' errors of this name."""


@pytest.mark.parametrize(
    ("error", "name", "words"),
    [
        (TimeoutError(), None, "a page of the listing took too long; .*raise --read-timeout and --call-timeout$"),
        (ReadTimeoutError(), "1001_1.pdf", "this file took too long; .*raise --read-timeout and --call-timeout$"),
        (ConnectTimeoutError(), None, "no connection was made in time; .*raise --connect-timeout$"),
    ],
)
def test_the_message_of_a_timeout_names_the_option_that_raises_it(error, name, words):
    ours = from_exception(error, where="here", name=name)
    assert type(ours) is StorageUnreachable
    assert re.search(words, for_operator(str(ours)))
    assert re.search(r"raise NetworkPolicy\((connect|read)_timeout=…", str(ours))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (62, "for another host name"),
        (10, "not valid now"),
        *((code, "NetworkPolicy(ca_file=…)") for code in (18, 19, 20)),
    ],
)
def test_the_message_of_a_certificate_says_what_is_wrong_with_it(code, words):
    error = ssl.SSLCertVerificationError("secret words")
    error.verify_code = code
    assert words in str(from_exception(caused(ConnectionError("x"), error), where="here"))


@pytest.mark.parametrize(
    ("status", "code", "message", "words"),
    [
        (
            400,
            "InvalidRequest",
            "The object was stored using a form of Server Side Encryption.",
            "only its uploader has",
        ),
        (400, "InvalidArgument", "must provide a customer provided key", "only its uploader has"),
        (403, "AccessDenied", "not authorized to perform: kms:Decrypt on resource", "permit kms:Decrypt"),
        (403, "AccessDenied", "kms:Decrypt with an explicit deny", "permit kms:Decrypt"),
        (403, "AccessDenied", "with an explicit deny in a resource-based policy", "a policy of the bucket"),
        (403, "AccessDenied", "Transaction cap exceeded, see the Caps & Alerts page", "a cap of the account"),
        (403, "AccessDenied", "Access Denied", "bucket-owner-full-control"),
        (400, "KMS.DisabledException", "arn:aws:kms:x is disabled", "is disabled, deleted or not permitted"),
        (400, "KMS.KMSInvalidStateException", "is pending deletion", "is disabled, deleted or not permitted"),
        (403, "403", "Forbidden", "another account owns them"),
        (400, "400", "Bad Request", "SSE-C"),
    ],
)
def test_the_message_of_a_refused_file_of_s3_names_the_cause(status, code, message, words):
    error = Exception()
    error.response = {"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": code, "Message": message}}
    ours = from_exception(error, where="here", name="1001_1.pdf")
    assert type(ours) is StorageDenied
    assert words in str(ours)
    assert message not in str(ours)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (409, "BlobArchived", "in an archive"),
        (409, "BlobBeingRehydrated", "wait until it is restored"),
        (409, "BlobUsesCustomerSpecifiedEncryption", "only its uploader has"),
        (403, "KeyVaultEncryptionKeyNotFound", "is disabled, deleted or not permitted"),
        (400, "resourceIsEncryptedWithCustomerEncryptionKey", "only its uploader has"),
        (403, "cloudKmsDisabledKey", "is disabled, deleted or not permitted"),
        (403, "vpcServiceControls", "VPC Service Controls"),
        (403, "dailyLimitExceeded", "a cap of the account"),
        (403, "download_cap_exceeded", "a cap of the account"),
    ],
)
def test_the_message_of_a_refused_file_names_the_cause(status, code, words):
    ours = from_exception(HttpStatusError(status, code), where="here", name="1001_1.pdf")
    assert type(ours) is StorageDenied
    assert words in str(ours)

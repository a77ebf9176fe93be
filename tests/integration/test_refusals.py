"""Each refusal of a storage becomes one clear sentence with a remedy.

The responses are those in the documentation of the providers. rclone and Azurite check credentials and give their own.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

import gcs_server as gcs
import remote_artwork as ra
from remote_artwork.errors import InvalidLocation, LocationNotFound, StorageDenied, StorageError
from remote_artwork.storage import StoredFile
from remote_artwork.storage.backends import azure_client
from remote_artwork.storage.errors import CredentialsRejected

pytestmark = pytest.mark.server

FILE = StoredFile(name="1001_1.png", size=10, etag="e", version_id="1")
USES = {
    "list": lambda storage: list(storage.pages()),
    "head": lambda storage: storage.stat(FILE.name),
    "get": lambda storage: storage.reader(FILE).read(0, 10),
}
SECRETS = ("secret words", "a-secret-of-tests", "AKTESTKEY", "aHVzaA", "a-token-of-tests")


def sentence(storage, kind, error):
    """The message: one line, one sentence with a remedy after a semicolon, and no secret."""
    with pytest.raises(error) as raised:
        USES[kind](storage)
    assert type(raised.value) in (error, CredentialsRejected)
    text = str(raised.value)
    assert text.startswith(storage.location)
    assert not any(secret in text for secret in SECRETS)
    assert "\n" not in text
    assert text.count("; ") == 1
    return text


def s3_body(code, more=""):
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>secret words</Message>{more}</Error>'.encode()


S3 = {
    "no list": ("list", 403, "AccessDenied", StorageDenied, "permit s3:ListBucket on the bucket"),
    "no read": ("get", 403, "AccessDenied", StorageDenied, "permit s3:GetObject on the bucket's files"),
    "no read, no words": ("head", 403, "", StorageDenied, "s3:GetObject on the bucket's files and s3:ListBucket"),
    "unknown key": ("list", 403, "InvalidAccessKeyId", StorageDenied, "copy both keys again, or make new ones"),
    "wrong key": ("list", 403, "SignatureDoesNotMatch", StorageDenied, "copy both keys again"),
    "expired token": ("list", 400, "ExpiredToken", StorageDenied, "make new ones"),
    "expired, no words": ("head", 400, "", StorageDenied, "check the expiry of temporary keys"),
    "wrong token": ("list", 400, "InvalidToken", StorageDenied, "copy all three again"),
    "clock": ("list", 403, "RequestTimeTooSkewed", StorageDenied, "set the clock"),
    "wrong region": ("list", 400, "AuthorizationHeaderMalformed", InvalidLocation, "add it to the URL as ?region="),
    "missing bucket": ("list", 404, "NoSuchBucket", LocationNotFound, "check the URL's spelling"),
    "closed": ("list", 403, "AllAccessDisabled", StorageDenied, "ask its owner to contact the provider"),
    "account": ("list", 403, "AccountProblem", StorageDenied, "ask its owner to contact the provider"),
    "archived": ("get", 403, "InvalidObjectState", StorageDenied, "restore it"),
    "anything else": ("list", 403, "NobodyKnows", StorageDenied, "check the credentials"),
}


@pytest.mark.parametrize("case", S3)
def test_refusals_of_s3(faulty_server, local_network, case):
    kind, status, code, error, remedy = S3[case]
    faulty_server.BODIES = {"refusal": (status, s3_body(code))}
    faulty_server.answer("refusal")
    keys = ra.Keys("AKTESTKEY", "a-secret-of-tests", "a-token-of-tests")
    storage = ra.open_storage(faulty_server.url(), credentials=keys, network=local_network)
    text = sentence(storage, kind, error)
    assert remedy in text
    assert f"(HTTP {status} {code}".rstrip() in text
    assert len(faulty_server.requests) == 1


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("list", 400, "AuthorizationHeaderMalformed"),
        ("get", 400, "AuthorizationHeaderMalformed"),
        ("list", 400, "IllegalLocationConstraintException"),
        ("list", 200, "PermanentRedirect"),
    ],
)
def test_the_region_of_a_bucket_is_named_and_not_requested(faulty_server, local_network, kind, status, code):
    faulty_server.BODIES = {**faulty_server.BODIES, "refusal": (status, s3_body(code, "<Region>eu-west-7</Region>"))}
    faulty_server.answer("refusal", "ok")
    keys = ra.Keys("AKTESTKEY", "a-secret-of-tests", "a-token-of-tests")
    url = f"{faulty_server.url()}&region=US"
    storage = ra.open_storage(url, credentials=keys, network=local_network)
    assert sentence(storage, kind, InvalidLocation).endswith("region eu-west-7; add ?region=eu-west-7 to the URL")
    assert len(faulty_server.requests) == sum(storage.requests.values()) == 1
    signed, _ = storage.url(FILE, expires_in=timedelta(hours=1))
    assert "%2FUS%2Fs3%2F" in signed


def test_an_error_that_names_the_signed_region_is_not_about_the_region(faulty_server, local_network):
    body = s3_body("AuthorizationHeaderMalformed", "<Region>us-east-1</Region>")
    faulty_server.BODIES = {"refusal": (400, body)}
    faulty_server.answer("refusal")
    keys = ra.Keys("AKTESTKEY", "a-secret-of-tests", "a-token-of-tests")
    storage = ra.open_storage(faulty_server.url(), credentials=keys, network=local_network)
    assert "add ?region=us-east-1" not in sentence(storage, "list", InvalidLocation)


UNSIGNED = {
    "by its own name": ("list", 400, "UnsupportedAlgorithm"),
    "without a word": ("head", 400, ""),
    "of Swift": ("list", 412, ""),
    "of Swift, without a word": ("head", 412, ""),
}


@pytest.mark.parametrize("case", UNSIGNED)
def test_a_storage_that_takes_no_unsigned_requests_is_explained(faulty_server, local_network, case):
    kind, status, code = UNSIGNED[case]
    faulty_server.BODIES = {"refusal": (status, s3_body(code) if code else b"Bad URL")}
    faulty_server.answer("refusal")
    storage = ra.open_storage(faulty_server.url(), network=local_network)
    assert "takes no unsigned S3 requests; use keys" in sentence(storage, kind, StorageDenied)
    signing = ra.open_storage(faulty_server.url(), credentials=ra.Keys("AKTESTKEY", "x"), network=local_network)
    with pytest.raises(StorageError) as refused:
        USES[kind](signing)
    assert "unsigned" not in str(refused.value)


GCS = {
    "no list": ("list", 403, "forbidden", "secret words", StorageDenied, "permit storage.objects.list"),
    "no read": ("get", 403, "forbidden", "secret words", StorageDenied, "permit storage.objects.get"),
    "not public": ("list", 401, "required", "Anonymous caller", StorageDenied, "use credentials"),
    "wrong key": ("list", 401, "authError", "Invalid Credentials", StorageDenied, "make a new JSON key"),
    "missing bucket": (
        "list", 404, "notFound", "The specified bucket does not exist.",
        LocationNotFound, "check the URL's spelling",
    ),
    "who pays": (
        "list", 400, "required", "Bucket is a requester pays bucket but no user project provided.",
        ra.ConfigurationError, "use a bucket whose owner pays",
    ),
    "closed": ("list", 403, "accountDisabled", "secret words", StorageDenied, "ask its owner to contact the provider"),
}  # fmt: skip


@pytest.mark.parametrize("case", GCS)
def test_refusals_of_google(faulty_google, local_network, case):
    kind, status, reason, words, error, remedy = GCS[case]
    faulty_google.BODIES = {"refusal": faulty_google._error(status, reason, words)}
    faulty_google.answer("refusal")
    assert remedy in sentence(gcs.open_gcs(faulty_google, "b", local_network), kind, error)
    assert len(faulty_google.requests) == 1


def azure_details(words):
    return f"<AuthenticationErrorDetail>{words} secret words</AuthenticationErrorDetail>"


AZURE = {
    "no list": ("list", 403, "AuthorizationPermissionMismatch", "", StorageDenied, "sp=rl"),
    "no read": ("get", 403, "AuthorizationPermissionMismatch", "", StorageDenied, "Storage Blob Data Reader"),
    "not public": ("list", 409, "PublicAccessNotPermitted", "", StorageDenied, "use credentials"),
    "wrong key": (
        "list", 403, "AuthenticationFailed", azure_details("Signature did not match. String to sign used was"),
        StorageDenied, "if the key was replaced",
    ),
    "expired token": (
        "list", 403, "AuthenticationFailed", azure_details("Signature not valid in the specified time frame: Start"),
        StorageDenied, "make a new one, and check this machine's clock",
    ),
    "clock": (
        "list", 403, "AuthenticationFailed", azure_details("Request date header too old:"),
        StorageDenied, "set the clock",
    ),
    "cut off": (
        "list", 403, "AuthenticationFailed", azure_details("sr is mandatory. Cannot be empty"),
        StorageDenied, "copy all of it again",
    ),
    "failed": ("list", 403, "AuthenticationFailed", "", StorageDenied, "check the credentials"),
    "malformed": ("list", 400, "InvalidAuthenticationInfo", "", StorageDenied, "copy all of it again"),
    "firewall": ("list", 403, "AuthorizationFailure", "", StorageDenied, "firewall (Networking)"),
    "other service": ("list", 403, "AuthorizationServiceMismatch", "", StorageDenied, "ss=b"),
    "other kind": ("list", 403, "AuthorizationResourceTypeMismatch", "", StorageDenied, "srt=co"),
    "other address": ("list", 403, "AuthorizationSourceIPMismatch", "", StorageDenied, "sip"),
    "no keys": ("list", 403, "KeyBasedAuthenticationNotPermitted", "", StorageDenied, "use a SAS"),
    "closed": ("list", 403, "AccountIsDisabled", "", StorageDenied, "ask its owner to contact the provider"),
    "missing container": ("list", 404, "ContainerNotFound", "", LocationNotFound, "check the URL's spelling"),
}  # fmt: skip


@pytest.mark.parametrize("case", AZURE)
def test_refusals_of_azure(faulty_azure, local_network, case):
    kind, status, code, details, error, remedy = AZURE[case]
    faulty_azure.BODIES = {"refusal": (status, s3_body(code, details))}
    faulty_azure.answer("refusal")
    fs = azure_client.guarded_adlfs(faulty_azure.endpoint, "account", ra.AccountKey("aHVzaA=="), local_network)
    text = sentence(ra.ArtworkStorage(fs, "prints/in"), kind, error)
    assert remedy in text
    assert f"(HTTP {status} {code})" in text
    assert len(faulty_azure.requests) == 1


def test_a_real_s3_server_reports_which_key_is_wrong(rclone_server, local_network):
    bucket = rclone_server.create_bucket("refusals")
    for keys, remedy in (
        (ra.Keys("AKTESTKEY", "a-secret-of-nobody"), "copy both keys again"),
        (ra.Keys("AKNOBODY", "a-secret-of-nobody"), "copy both keys again, or make new ones"),
    ):
        storage = ra.open_storage(rclone_server.url(bucket), credentials=keys, network=local_network)
        assert sentence(storage, "list", StorageDenied).endswith(remedy)


@pytest.mark.parametrize("server", ["rclone_server", "swift_server"])
def test_real_s3_servers_that_take_no_unsigned_requests_have_a_remedy(request, local_network, server):
    running = request.getfixturevalue(server)
    bucket = running.create_bucket("unsigned")
    storage = ra.open_storage(running.url(bucket, "in"), network=local_network)
    assert "use keys, or paste the public folder's web address" in sentence(storage, "list", StorageDenied)


def test_a_real_azure_server_refuses_keys_and_sas(azure_server, local_network):
    container = azure_server.create_container("refusals")
    cases = {
        ra.AccountKey("aHVzaA=="): ("list", "check the key or the SAS's scope"),
        ra.SasToken(azure_server.sas(container, permission="r")): ("list", "sp=rl"),
        ra.SasToken(azure_server.sas(container, permission="l")): ("get", "sp=rl"),
        ra.SasToken(azure_server.sas(container, lives=timedelta(hours=-1))): ("list", "the key or the SAS's scope"),
    }
    for credentials, (kind, remedy) in cases.items():
        storage = azure_server.open(f"{container}/in", credentials, local_network)
        assert remedy in sentence(storage, kind, StorageDenied)

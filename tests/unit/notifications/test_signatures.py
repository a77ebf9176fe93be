"""SNS and Pub/Sub push: only messages with a valid signature of the right topic or service account are read."""

from __future__ import annotations

import base64
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientPayloadError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from remote_artwork.errors import InvalidNotification, MissingExtra, NotificationError, NotificationRefused
from remote_artwork.http import Response
from remote_artwork.notifications import PubSubPush, SnsWebhook, receive
from remote_artwork.notifications import google as google_module
from remote_artwork.notifications import receiving as receiving_module
from remote_artwork.notifications import sns as sns_module

TOPIC = "arn:aws:sns:eu-west-1:123456789012:prints"
HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE_URL = f"{HOST}/SimpleNotificationService-1.pem"
CONFIRM_URL = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"
STORED = {"bucket": {"name": "prints"}, "object": {"key": "in/1001_1.pdf"}}
CONTENT = {"Records": [{"eventName": "ObjectCreated:Put", "s3": STORED}]}


def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    begin = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=9))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Amazon:
    """Answers requests for the certificate, and counts them."""

    def __init__(self, pem):
        self.pem = pem
        self.requests = []

    def __call__(self, url):
        self.requests.append(url)
        return self.pem


@pytest.fixture
def amazon(key):
    return Amazon(certificate(key))


@pytest.fixture
def sns(amazon):
    return SnsWebhook([TOPIC], fetch=amazon)


def signed(key, version="2", **changes):
    message = {
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": TOPIC,
        "Subject": "Amazon S3 Notification",
        "Message": json.dumps(CONTENT),
        "Timestamp": "2026-11-28T10:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **changes,
    }
    message = {name: value for name, value in message.items() if value is not None}
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    content = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    algorithm = SHA1() if version == "1" else SHA256()
    signature = key.sign(content.encode(), padding.PKCS1v15(), algorithm)
    return {**message, "Signature": base64.b64encode(signature).decode()}


def confirmation(key, **changes):
    change = {"Type": "SubscriptionConfirmation", "Subject": None, "Message": "…", "Token": "t"}
    return signed(key, **{**change, "SubscribeURL": CONFIRM_URL, **changes})


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", ["Amazon S3 Notification", None])
def test_a_signed_message_is_read(sns, amazon, key, version, subject):
    for _ in range(2):
        [created] = receive(sns, signed(key, version, Subject=subject)).objects
        assert (created.provider, created.bucket, created.key) == ("aws", "prints", "in/1001_1.pdf")
    assert amazon.requests == [CERTIFICATE_URL]


@pytest.mark.parametrize("field", ["Message", "MessageId", "Subject", "Timestamp"])
def test_a_changed_message_is_refused(sns, key, field):
    with pytest.raises(NotificationRefused, match="signature"):
        receive(sns, {**signed(key), field: json.dumps(CONTENT) + " "})


def test_another_signature_is_refused(sns, key):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for signature in (signed(other)["Signature"], "", "no base64!", "QUJD"):
        with pytest.raises(NotificationRefused):
            receive(sns, {**signed(key), "Signature": signature})


def test_another_topic_is_refused(sns, key, amazon):
    with pytest.raises(NotificationRefused, match="topic"):
        receive(sns, signed(key, TopicArn=f"{TOPIC}-of-someone-else"))
    assert amazon.requests == []


@pytest.mark.parametrize("field", ["TopicArn", "SignatureVersion"])
def test_messages_repeat_only_the_beginning_of_a_field(sns, key, field):
    with pytest.raises(NotificationError) as caught:
        receive(sns, {**signed(key), field: "x" * 500_000})
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem",
        "https://s3.eu-west-1.amazonaws.com/bucket/x.pem",
        "https://sns.eu-west-1.amazonaws.com:444/x.pem",
        "http://sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com/x",
        "",
    ],
)
def test_a_certificate_of_another_host_is_never_fetched(sns, key, amazon, url):
    with pytest.raises(NotificationRefused, match="host of Amazon"):
        receive(sns, signed(key, SigningCertURL=url))
    assert amazon.requests == []


def test_a_certificate_without_an_rsa_key_is_refused(sns, key, amazon):
    amazon.pem = certificate(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(NotificationRefused, match="RSA"):
        receive(sns, signed(key))
    amazon.pem = b"no certificate"
    with pytest.raises(InvalidNotification):
        receive(SnsWebhook([TOPIC], fetch=amazon), signed(key))


@pytest.mark.parametrize(
    "change", [{"SignatureVersion": "3"}, {"SignatureVersion": []}, {"Type": "Other"}, {"Message": None}]
)
def test_an_unknown_format_is_invalid(sns, key, change):
    with pytest.raises((InvalidNotification, NotificationRefused)):
        receive(sns, {**signed(key), **change})


def test_a_subscription_to_our_topic_is_confirmed(sns, key, amazon):
    assert receive(sns, confirmation(key)).objects == ()
    assert amazon.requests == [CERTIFICATE_URL, CONFIRM_URL]


@pytest.mark.parametrize(
    "url", ["https://evil.example/?TopicArn=" + TOPIC, f"{HOST}/?TopicArn=other", "http://localhost/"]
)
def test_a_subscription_is_confirmed_only_at_amazon(sns, key, amazon, url):
    with pytest.raises(NotificationRefused):
        receive(sns, confirmation(key, SubscribeURL=url))
    assert url not in amazon.requests


def test_the_end_of_a_subscription_is_not_answered(sns, key, amazon):
    assert receive(sns, confirmation(key, Type="UnsubscribeConfirmation")).objects == ()
    assert amazon.requests == [CERTIFICATE_URL]


def test_only_some_certificates_are_kept(key, amazon):
    sns = SnsWebhook([TOPIC], fetch=amazon)
    for number in range(150):
        receive(sns, signed(key, SigningCertURL=f"{HOST}/{number}.pem"))
    assert len(sns._certificates) <= 100


# --- Pub/Sub ---

ACCOUNT = "push@project.iam.gserviceaccount.com"
AUDIENCE = "https://shop.example/notifications"
PUSH = {"message": {"attributes": {"bucketId": "prints", "objectId": "in/1001_1.pdf", "eventType": "OBJECT_FINALIZE"}}}


def token(key, **changes):
    from google.auth import crypt, jwt

    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    now = int(time.time())
    claims = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": ACCOUNT, "email_verified": True}
    return jwt.encode(
        crypt.RSASigner.from_string(pem, "1"), {**claims, "iat": now, "exp": now + 600, **changes}
    ).decode()


@pytest.fixture
def google(key):
    return Amazon({"1": certificate(key).decode()})


@pytest.fixture
def push(google):
    return PubSubPush(AUDIENCE, ACCOUNT, certificates=lambda: google("certificates"))


def test_a_push_with_googles_token_is_read(push, google, key):
    for _ in range(2):
        [created] = receive(push, PUSH, {"Authorization": f"Bearer {token(key)}"}).objects
        assert (created.provider, created.bucket, created.key) == ("gcs", "prints", "in/1001_1.pdf")
    assert google.requests == ["certificates"]


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://someone.example"},
        {"iss": "https://evil.example"},
        {"email": "someone@project.iam.gserviceaccount.com"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"exp": 1_700_000_000, "iat": 1_699_999_000},
        {"iat": 4_000_000_000, "exp": 4_000_000_600},
    ],
)
def test_a_token_with_another_claim_is_refused(push, key, claims):
    with pytest.raises(NotificationRefused):
        receive(push, PUSH, {"Authorization": f"Bearer {token(key, **claims)}"})


def test_a_token_that_google_did_not_sign_is_refused(push, key):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    valid = token(key)
    unsigned = ".".join([*valid.split(".")[:2], ""])
    for given in (f"Bearer {token(other)}", f"Bearer {unsigned}", "Bearer x.y.z", "Bearer ", "Basic eA=="):
        with pytest.raises(NotificationRefused):
            receive(push, PUSH, {"Authorization": given})
    with pytest.raises(NotificationRefused, match="no token"):
        receive(push, PUSH)


def test_a_token_that_cannot_be_read_is_not_repeated(push):
    with pytest.raises(NotificationRefused, match="is not a JSON Web Token") as caught:
        receive(push, b"{}", {"Authorization": "Bearer another-secret"})
    assert "another-secret" not in f"{caught.value}{caught.value.__cause__}"


def test_google_certificates_that_cannot_be_fetched_are_an_error(push, key):
    def fail():
        raise NotificationError("HTTP 500")

    push.certificates = fail
    with pytest.raises(NotificationError, match="500"):
        receive(push, PUSH, {"Authorization": f"Bearer {token(key)}"})


# --- The requests that are made by default ---


FETCHES = [
    pytest.param(lambda: sns_module.fetch_body(CERTIFICATE_URL), CERTIFICATE_URL, id="sns"),
    pytest.param(google_module.fetch_certificates, google_module.CERTIFICATES_URL, id="google"),
]


@pytest.mark.parametrize(("fetch", "url"), FETCHES)
def test_certificates_are_fetched_with_one_guarded_request(monkeypatch, fetch, url):
    requests = []

    def request(method, url, network):
        requests.append((method, url, network.allow_private))
        return Response(status=status, headers={}, body=b'{"1": "PEM"}')

    monkeypatch.setattr(receiving_module, "request", request)
    status = 200
    assert fetch() in (b'{"1": "PEM"}', {"1": "PEM"})
    status = 302
    with pytest.raises(NotificationError, match="HTTP 302"):
        fetch()
    assert requests == [("GET", url, False)] * 2


@pytest.mark.parametrize("error", [ClientPayloadError(), ConnectionResetError(), TimeoutError()])
@pytest.mark.parametrize(("fetch", "url"), FETCHES)
def test_a_server_that_cannot_be_reached_is_a_notification_error(monkeypatch, fetch, url, error):
    def request(*_given):
        raise error

    monkeypatch.setattr(receiving_module, "request", request)
    with pytest.raises(NotificationError, match=f"{urlsplit(url).hostname} could not be reached"):
        fetch()


def test_a_response_of_google_without_certificates_is_an_error(monkeypatch):
    response = Response(status=200, headers={}, body=b"<html>")
    monkeypatch.setattr(receiving_module, "request", lambda *_given: response)
    with pytest.raises(NotificationError, match="has no certificates"):
        google_module.fetch_certificates()


@pytest.mark.parametrize(("package", "sender"), [("google.auth", "push"), ("cryptography", "sns")])
def test_a_missing_package_is_named(monkeypatch, request, key, package, sender):
    receiver, message = request.getfixturevalue(sender), signed(key)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"pip install 'remote_artwork\[notifications\]'"):
        receive(receiver, message, {"Authorization": "Bearer x"})

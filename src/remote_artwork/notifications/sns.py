"""Notifications that Amazon SNS pushes over HTTPS. Each is signed with a certificate of Amazon's."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from attrs import define, field

from remote_artwork.errors import InvalidNotification, MissingExtra, NotificationRefused
from remote_artwork.notifications.receiving import Received, fetch, parse_json, reading, shorten, text
from remote_artwork.notifications.s3_events import iter_aws

AMAZON = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
"""The only hosts from which a certificate or a confirmation is fetched."""

NOTIFICATION = "Notification"
CONFIRMATION = "SubscriptionConfirmation"
SIGNED: Mapping[str, tuple[str, ...]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""The signed fields of each type of message, in the order in which they are signed."""
CERTIFICATES_KEPT = 100


def fetch_body(url: str) -> bytes:
    """Fetch a certificate, or confirm a subscription. Makes one request.

    Raises:
        NotificationError: There is no complete response with HTTP 200.
    """
    return fetch(url).body


@define
class SnsWebhook:
    """An HTTPS subscription to topics of SNS, without raw message delivery, which is not signed.

    A subscription to one of the topics is confirmed when SNS asks for it.

    Args:
        topic_arns: The topics. Anybody can have a topic, so messages of others are refused.
        fetch: Fetches a URL of Amazon's.
    """

    topic_arns: tuple[str, ...] = field(converter=tuple)
    fetch: Callable[[str], bytes] = fetch_body
    _certificates: dict[str, bytes] = field(factory=dict[str, bytes], init=False, repr=False)

    def read(self, body: bytes, headers: Mapping[str, str]) -> Received:  # noqa: ARG002 - the body has all
        """Verify the signature, and read the message."""
        message = parse_json(body)
        with reading("SNS"):
            kind = text(message["Type"])
            if text(message["TopicArn"]) not in self.topic_arns:
                raise NotificationRefused(f"the topic {shorten(repr(message['TopicArn']))} is not one of this sender")
            self._verify(message, SIGNED[kind])
            if kind == CONFIRMATION:
                self._confirm(message)
            return Received(objects=tuple(iter_aws(parse_json(message["Message"]))) if kind == NOTIFICATION else ())

    def _verify(self, message: Mapping[str, Any], signed: tuple[str, ...]) -> None:
        try:
            from cryptography import x509
            from cryptography.exceptions import InvalidSignature
            from cryptography.hazmat.primitives.asymmetric import padding, rsa
            from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
        except ImportError as error:
            raise MissingExtra("SnsWebhook needs cryptography: pip install 'remote_artwork[notifications]'") from error
        url = text(message["SigningCertURL"])
        if not _is_amazons(url) or not urlsplit(url).path.endswith(".pem"):
            raise NotificationRefused("the certificate of the signature is not on a host of Amazon SNS")
        algorithms: Mapping[object, HashAlgorithm] = {"1": SHA1(), "2": SHA256()}  # noqa: S303 - SNS decides
        algorithm = algorithms.get(message["SignatureVersion"])
        if algorithm is None:
            raise InvalidNotification(
                f"the signature version {shorten(repr(message['SignatureVersion']))} is not known"
            )
        content = "".join(f"{name}\n{text(message[name])}\n" for name in signed if name in message)
        try:
            signature = base64.b64decode(text(message["Signature"]), validate=True)
            key = x509.load_pem_x509_certificate(self._certificate(url)).public_key()
            if not isinstance(key, rsa.RSAPublicKey):
                raise NotificationRefused("the certificate of the signature has no RSA key")
            key.verify(signature, content.encode(), padding.PKCS1v15(), algorithm)
        except (InvalidSignature, binascii.Error) as error:
            raise NotificationRefused("the signature does not fit the message") from error

    def _certificate(self, url: str) -> bytes:
        kept = self._certificates.get(url)  # another thread may clear them
        if kept is None:
            kept = self.fetch(url)
            if len(self._certificates) >= CERTIFICATES_KEPT:
                self._certificates.clear()
            self._certificates[url] = kept
        return kept

    def _confirm(self, message: Mapping[str, Any]) -> None:
        url = text(message["SubscribeURL"])
        query = parse_qs(urlsplit(url).query)
        if not _is_amazons(url) or query.get("TopicArn") != [message["TopicArn"]]:
            raise NotificationRefused("the URL that confirms the subscription is not on a host of Amazon SNS")
        self.fetch(url)


def _is_amazons(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(AMAZON.fullmatch(parts.netloc))

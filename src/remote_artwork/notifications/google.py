"""Notifications of Google Cloud Storage through Pub/Sub, pushed or pulled. Object names are not encoded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import define, field, frozen

from remote_artwork.errors import MissingExtra, NotificationError, NotificationRefused
from remote_artwork.notifications.receiving import (
    CreatedObject,
    Received,
    fetch,
    only_mappings,
    parse_json,
    parse_time,
    reading,
    text,
)
from remote_artwork.notifications.s3_events import bearer

CERTIFICATES_URL = "https://www.googleapis.com/oauth2/v1/certs"
ISSUERS = ("https://accounts.google.com", "accounts.google.com")
CERTIFICATES_LAST = 3600.0
"""Seconds. Google publishes a new key a day before it signs with it."""
CLOCK_SKEW = 60


def _iter_message(message: Mapping[str, Any]) -> Iterator[CreatedObject]:
    attributes = message["attributes"]
    if attributes["eventType"] == "OBJECT_FINALIZE":
        yield CreatedObject(
            provider="gcs",
            bucket=text(attributes["bucketId"]),
            key=text(attributes["objectId"]),
            time=parse_time(attributes.get("eventTime")),
        )


@frozen
class PubSubPull:
    """Messages that your process pulled from a subscription. Nothing is verified: IAM decides who can publish.

    ``receive`` takes one message (``{"attributes": …}``), or the response of the method ``pull`` of the REST API.
    """

    def read(self, body: bytes, headers: Mapping[str, str]) -> Received:  # noqa: ARG002 - messages have none
        """Read the attributes of each message."""
        with reading("Pub/Sub"):
            content = parse_json(body)
            if "receivedMessages" in content:
                messages = [each["message"] for each in only_mappings(content["receivedMessages"], "receivedMessages")]
            else:
                messages = [content.get("message", content)]
            return Received(objects=tuple(each for message in messages for each in _iter_message(message)))


def fetch_certificates() -> Mapping[str, str]:
    """The certificates with which Google signs tokens: id → PEM. Makes one request.

    Raises:
        NotificationError: They cannot be fetched.
    """
    found = fetch(CERTIFICATES_URL).json()
    if not isinstance(found, dict):
        raise NotificationError(f"the response of {CERTIFICATES_URL} has no certificates")
    return found


@define
class PubSubPush:
    """A push subscription with authentication: Google signs a token for each request.

    Args:
        audience: The audience of the subscription; by default of Pub/Sub, the URL of your endpoint.
        service_account: The e-mail address of the service account of the subscription.
        certificates: Returns Google's certificates: id → PEM. They are kept for an hour.
    """

    audience: str
    service_account: str
    certificates: Callable[[], Mapping[str, str]] = fetch_certificates
    _kept: tuple[float, Mapping[str, str]] | None = field(default=None, init=False, repr=False)

    def read(self, body: bytes, headers: Mapping[str, str]) -> Received:
        """Verify the token, and read the message."""
        self._verify(bearer(headers))
        with reading("a push of Pub/Sub"):
            return Received(objects=tuple(_iter_message(parse_json(body)["message"])))

    def _verify(self, token: str | None) -> None:
        try:
            from google.auth import jwt
            from google.auth.exceptions import MalformedError
        except ImportError as error:
            raise MissingExtra("PubSubPush needs google-auth: pip install 'remote_artwork[notifications]'") from error
        if token is None:
            raise NotificationRefused("the request has no token; enable authentication for the push subscription")
        try:
            claims = jwt.decode(  # type: ignore[no-untyped-call]
                token, self._current(), audience=self.audience, clock_skew_in_seconds=CLOCK_SKEW
            )
        except MalformedError:  # whose text has a part of the token
            raise NotificationRefused("the token is not a JSON Web Token") from None
        except ValueError as error:  # every other error of google-auth for a token is one
            raise NotificationRefused(f"the token is not valid: {error}") from error
        if claims.get("iss") not in ISSUERS:
            raise NotificationRefused("the token is not from Google")
        if claims.get("email") != self.service_account or claims.get("email_verified") is not True:
            raise NotificationRefused("the token is not of the service account of this subscription")

    def _current(self) -> Mapping[str, str]:
        if self._kept is None or time.monotonic() - self._kept[0] > CERTIFICATES_LAST:
            self._kept = time.monotonic(), self.certificates()
        return self._kept[1]

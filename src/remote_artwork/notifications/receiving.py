"""``receive``: verify a notification, and read the created objects from it. What all senders share."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

from attrs import field, frozen

from remote_artwork.errors import (
    ConfigurationError,
    InvalidNotification,
    NotificationError,
    NotificationRefused,
    RemoteArtworkError,
    StorageMisbehaved,
)
from remote_artwork.http import NetworkPolicy, RequestFailed, Response, check_complexity, request, request_errors

MAX_BYTES = 1024 * 1024
"""Senders limit a message to 256 KiB (SQS, SNS) or 1 MiB (Event Grid)."""

MAX_OBJECTS = 10_000
"""Objects in one notification."""

_SHOWN = 200
"""Characters of a notification that a message repeats."""


@frozen(kw_only=True)
class CreatedObject:
    """An object that a sender reports as created or overwritten.

    Args:
        provider: The id of the provider, as in ``Location.provider``.
        bucket: The bucket or container.
        key: The key, decoded.
        time: When it was created; None if the sender does not say.
        account: Azure's storage account; empty for other providers.
        endpoint: The origin of a self-hosted server, as in ``Location.endpoint``; empty if the sender has none.
    """

    provider: str
    bucket: str
    key: str
    time: datetime | None = None
    account: str = ""
    endpoint: str = ""


@frozen(kw_only=True)
class Received:
    """The content of one notification.

    Args:
        objects: The created objects; empty for notifications of other kinds.
        response: What the endpoint has to answer as JSON, for a handshake; None: any answer with status 200.
    """

    objects: tuple[CreatedObject, ...] = ()
    response: Mapping[str, Any] | None = None


class Sender(Protocol):
    """Who sends notifications, and how they are verified."""

    def read(self, body: bytes, headers: Mapping[str, str]) -> Received:
        """Verify and read one notification.

        Args:
            body: The body of the request, or the message of the queue.
            headers: The headers of the request, with names in lower case; empty for a message of a queue.

        Raises:
            NotificationRefused: It is not from this sender.
            InvalidNotification: It has another format than expected.
        """


def receive(
    sender: Sender, body: bytes | str | Mapping[str, Any] | Sequence[Any], headers: Mapping[str, str] | None = None
) -> Received:
    """Verify one notification, and return the objects that it reports as created.

    Args:
        sender: Who sends it. Never choose the sender by the content of the notification.
        body: The body of the request or the message of the queue: bytes, text, or parsed JSON.
        headers: The headers of the request.

    Raises:
        NotificationRefused: It is not from this sender. Answer with HTTP 401.
        InvalidNotification: It has another format than expected, or is too large. Answer with HTTP 400.
    """
    content = _as_bytes(body)
    if len(content) > MAX_BYTES:
        raise InvalidNotification(f"the notification has {len(content):,} bytes; at most {MAX_BYTES:,} are read")
    received = sender.read(content, {name.lower(): value for name, value in (headers or {}).items()})
    if len(received.objects) > MAX_OBJECTS:
        raise InvalidNotification(
            f"the notification has {len(received.objects):,} objects; at most {MAX_OBJECTS:,} are read"
        )
    return received


def _as_bytes(body: bytes | str | Mapping[str, Any] | Sequence[Any]) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if not isinstance(body, str):
        body = json.dumps(body, ensure_ascii=False)
    return body.encode("utf-8", "surrogatepass")


# --- For senders ---


def parse_json(body: bytes | str) -> Any:
    """The content of a body or message.

    Raises:
        InvalidNotification: It is not JSON.
    """
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    try:
        check_complexity(raw)
        return json.loads(raw)
    except (ValueError, RecursionError, StorageMisbehaved) as error:
        raise InvalidNotification("the notification is not JSON") from error


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn a missing field, or one of another type, into an ``InvalidNotification``.

    Args:
        what: The expected format, for the message.
    """
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, RemoteArtworkError):
            raise
        raise InvalidNotification(
            f"the notification does not have the format of {what}: {shorten(repr(error))}"
        ) from error


def shorten(content: str) -> str:
    """The beginning of what a notification contains, for a message. Anybody can send a notification of 1 MiB."""
    return content if len(content) <= _SHOWN else f"{content[:_SHOWN]}…"


def text(value: object) -> str:
    """A value that has to be text.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(value, str):
        raise TypeError(f"a value of type {type(value).__name__} is not text")
    return value


def parse_time(value: object) -> datetime | None:
    """An ISO time with a time zone; None if it is missing or something else."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo else None


def check_secret(given: str | None, expected: str, where: str) -> None:
    """Compare a secret in constant time.

    Args:
        given: What the notification has.
        expected: The secret of the sender.
        where: Where it should be, for the message.

    Raises:
        NotificationRefused: They differ, or the secret is missing.
    """
    if given is None or not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise NotificationRefused(f"{where} does not have the secret of this sender")


def fetch(url: str) -> Response:
    """Send one GET request to the service that sends the notifications.

    Raises:
        NotificationError: There is no complete response with HTTP 200.
    """
    host = urlsplit(url).hostname
    try:
        with request_errors():
            response = request("GET", url, NetworkPolicy())
    except RequestFailed as error:
        raise NotificationError(f"{host} could not be reached: {error}") from None  # the cause may contain the URL
    if response.status != HTTPStatus.OK:
        raise NotificationError(f"{host} answers HTTP {response.status}")
    return response


def require_secret(_sender: object, _attribute: object, value: object) -> None:
    """An attrs validator: a secret that anybody can guess protects nothing."""
    if not isinstance(value, str) or len(value) < 8:
        raise ConfigurationError("the secret of a sender of notifications needs at least 8 characters")


def secret_field() -> Any:
    """A field for the secret of a sender, which is never printed."""
    return field(repr=False, validator=require_secret)


def only_mappings(values: object, what: str) -> Iterable[Mapping[str, Any]]:
    """The members of a list of JSON objects.

    Raises:
        ValueError: It is not such a list.
    """
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise ValueError(f"{what} is not a list of objects")
    return values

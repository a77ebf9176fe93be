"""Notifications in the format of Amazon S3: SQS, Lambda, EventBridge, MinIO and Ceph. Each encodes keys differently."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from attrs import frozen

from remote_artwork.notifications.receiving import (
    CreatedObject,
    Received,
    check_secret,
    only_mappings,
    parse_json,
    parse_time,
    reading,
    secret_field,
    text,
)

CREATED = ("ObjectCreated:", "s3:ObjectCreated:")


def _raw(key: str) -> str:
    return key


def iter_records(
    content: Any, provider: str, decode: Callable[[str], str] = unquote_plus, endpoint: str = ""
) -> Iterator[CreatedObject]:
    """The created objects of ``Records``.

    Args:
        content: The parsed notification.
        provider: The provider's id.
        decode: How a key is decoded. Amazon S3 and MinIO encode it as forms do: ``+`` is a space.
        endpoint: The origin of the server.

    Raises:
        KeyError, TypeError, ValueError: It has another format.
    """
    for record in only_mappings(content["Records"], "Records"):
        if text(record["eventName"]).startswith(CREATED):
            stored = record["s3"]
            yield CreatedObject(
                provider=provider,
                bucket=text(stored["bucket"]["name"]),
                key=decode(text(stored["object"]["key"])),
                time=parse_time(record.get("eventTime")),
                endpoint=endpoint,
            )


def _iter_event_bridge(event: Mapping[str, Any]) -> Iterator[CreatedObject]:
    """The created object of an event of EventBridge, whose key is not encoded."""
    if event.get("source") == "aws.s3" and event["detail-type"] == "Object Created":
        detail = event["detail"]
        yield CreatedObject(
            provider="aws",
            bucket=text(detail["bucket"]["name"]),
            key=text(detail["object"]["key"]),
            time=parse_time(event.get("time")),
        )


def iter_aws(content: Any) -> Iterator[CreatedObject]:
    """The created objects of any format in which Amazon delivers notifications of S3.

    Raises:
        KeyError, TypeError, ValueError: It has another format.
    """
    if "detail-type" in content:
        yield from _iter_event_bridge(content)
    elif content.get("Type") == "Notification":  # SNS → SQS, without raw delivery
        yield from iter_aws(parse_json(text(content["Message"])))
    elif content.get("Event") == "s3:TestEvent":
        return
    else:
        for record in only_mappings(content["Records"], "Records"):
            if "body" in record:  # Lambda, from SQS
                yield from iter_aws(parse_json(text(record["body"])))
            elif "Sns" in record:  # Lambda, from SNS
                yield from iter_aws(parse_json(text(record["Sns"]["Message"])))
            else:
                yield from iter_records({"Records": [record]}, "aws")


@frozen
class AwsMessages:
    """Messages of an SQS queue, and events of a Lambda function, from S3 directly or through SNS or EventBridge.

    Nothing is verified: the policy of the queue or function decides who can send. Never use it for an HTTP endpoint.
    """

    def read(self, body: bytes, headers: Mapping[str, str]) -> Received:  # noqa: ARG002 - queues have none
        """Read the body of an SQS message, or the event of a Lambda function."""
        with reading("S3, SNS or EventBridge"):
            return Received(objects=tuple(iter_aws(parse_json(body))))


@frozen
class EventBridge:
    """Events of an EventBridge rule whose target is an API destination.

    Args:
        secret: The value of the API key of the connection.
        header: The name of the API key of the connection.
    """

    secret: str = secret_field()
    header: str = "x-api-key"

    def read(self, body: bytes, headers: Mapping[str, str]) -> Received:
        """Compare the API key, and read the event."""
        check_secret(headers.get(self.header.lower()), self.secret, f"the header {self.header}")
        with reading("EventBridge"):
            return Received(objects=tuple(_iter_event_bridge(parse_json(body))))


@frozen
class MinioWebhook:
    """The webhook of MinIO (``notify_webhook``).

    Args:
        secret: The ``auth_token`` of the webhook.
        endpoint: The origin of the server, as in ``Location.endpoint``. Give it if merchants use several servers.
    """

    secret: str = secret_field()
    endpoint: str = ""

    def read(self, body: bytes, headers: Mapping[str, str]) -> Received:
        """Compare the token, and read the records."""
        check_secret(bearer(headers), bare(self.secret), "the header Authorization")
        with reading("MinIO"):
            return Received(objects=tuple(iter_records(parse_json(body), "minio", endpoint=self.endpoint)))


@frozen
class CephWebhook:
    """Notifications that Ceph's object gateway pushes over HTTP. Tested with Ceph 16, which does not encode keys.

    Args:
        secret: The ``OpaqueData`` of the topic. Ceph repeats it in each record.
        provider: The provider of the merchants' locations.
        endpoint: The origin of the gateway, as in ``Location.endpoint``. Give it if merchants use several servers.
    """

    secret: str = secret_field()
    provider: str = "s3"
    endpoint: str = ""

    def read(self, body: bytes, headers: Mapping[str, str]) -> Received:  # noqa: ARG002 - Ceph sends no secret there
        """Compare the secret of each record, and read the records."""
        content = parse_json(body)
        with reading("Ceph"):
            for record in only_mappings(content["Records"], "Records"):
                check_secret(text(record.get("opaqueData", "")), self.secret, "opaqueData")
            return Received(objects=tuple(iter_records(content, self.provider, _raw, self.endpoint)))


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of the header Authorization; None if there is none."""
    given = headers.get("authorization")
    return None if given is None else bare(given)


def bare(token: str) -> str:
    """A token without the scheme ``Bearer``."""
    scheme, space, rest = token.partition(" ")
    return rest if space and scheme.lower() == "bearer" else token

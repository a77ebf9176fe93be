"""Notifications of Azure Event Grid, in its own schema and as CloudEvents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    shorten,
    text,
)

CREATED = "Microsoft.Storage.BlobCreated"
RENAMED = "Microsoft.Storage.BlobRenamed"
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
ORIGIN = "eventgrid.azure.net"
CONTAINERS = "/blobServices/default/containers/"
"""The beginning of the subject of each event: then container, ``/blobs/`` and the name of the blob, not encoded."""


@frozen
class EventGrid:
    """An event subscription of a storage account, with the endpoint type Web Hook.

    Event Grid signs nothing. Add the secret to the subscription: as a delivery property with the name of ``header``, or
    as a parameter of the URL, which your endpoint passes as this header.

    Args:
        secret: The shared secret.
        header: The header that contains it.
    """

    secret: str = secret_field()
    header: str = "x-webhook-secret"

    def read(self, body: bytes, headers: Mapping[str, str]) -> Received:
        """Compare the secret, and read the events, or the handshake of a new subscription."""
        check_secret(headers.get(self.header.lower()), self.secret, f"the header {self.header}")
        with reading("Event Grid"):
            content = parse_json(body)
            events = only_mappings(content if isinstance(content, list) else [content], "the body")
            for event in events:
                if _type(event) == VALIDATION:
                    return Received(response={"validationResponse": text(event["data"]["validationCode"])})
            return Received(objects=tuple(_created(event) for event in events if _type(event) in (CREATED, RENAMED)))

    @staticmethod
    def answer_options(headers: Mapping[str, str]) -> dict[str, str]:
        """The headers that answer the OPTIONS request for a new subscription with CloudEvents.

        Args:
            headers: The headers of the request.

        Returns:
            No headers if another service asks.
        """
        origin = {name.lower(): value for name, value in headers.items()}.get("webhook-request-origin", "")
        return {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"} if origin == ORIGIN else {}


def _type(event: Mapping[str, Any]) -> str:
    """The type of an event, in both schemas."""
    return text(event["eventType"] if "eventType" in event else event["type"])


def _created(event: Mapping[str, Any]) -> CreatedObject:
    container, _, key = text(event["subject"]).removeprefix(CONTAINERS).partition("/blobs/")
    if not event["subject"].startswith(CONTAINERS) or not container or not key:
        raise ValueError(f"the subject does not name a blob: {shorten(repr(event['subject']))}")
    resource = text(event["topic"] if "topic" in event else event["source"])
    _, found, account = resource.rpartition("/storageAccounts/")
    if not found:
        raise ValueError(f"there is no storage account in {shorten(repr(resource))}")
    when = event["eventTime"] if "eventTime" in event else event.get("time")
    return CreatedObject(provider="azure", bucket=container, key=key, time=parse_time(when), account=account)

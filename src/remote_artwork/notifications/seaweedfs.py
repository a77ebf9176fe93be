"""The webhook of SeaweedFS (``notification.webhook`` of the filer). Tested with 4.48, which does not encode keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from remote_artwork.notifications.receiving import (
    CreatedObject,
    Received,
    check_secret,
    parse_json,
    reading,
    secret_field,
    text,
)
from remote_artwork.notifications.s3_events import bearer

CREATING = ("create", "update", "rename")
PARTS = ".uploads"
"""The folder of a bucket for parts of unfinished uploads."""


@frozen
class SeaweedWebhook:
    """The webhook of SeaweedFS.

    Args:
        secret: The ``bearer_token`` of the webhook.
        provider: The provider of the merchants' locations.
        endpoint: The origin of the S3 server, as in ``Location.endpoint``. Give it if merchants use several servers.
        buckets: The folder of the filer with the buckets.
    """

    secret: str = secret_field()
    provider: str = "s3"
    endpoint: str = ""
    buckets: str = "/buckets"

    def read(self, body: bytes, headers: Mapping[str, str]) -> Received:
        """Compare the token, and read the entry."""
        check_secret(bearer(headers), self.secret, "the header Authorization")
        with reading("SeaweedFS"):
            return Received(objects=self._objects(parse_json(body)))

    def _objects(self, event: Mapping[str, Any]) -> tuple[CreatedObject, ...]:
        message = event["message"]
        entry = message.get("new_entry")
        if event["event_type"] not in CREATING or not entry or entry.get("is_directory"):
            return ()
        path = f"{text(message['new_parent_path']).rstrip('/')}/{text(entry['name'])}"  # of a renamed file, the new one
        bucket, _, key = path.removeprefix(f"{self.buckets}/").partition("/")
        if not path.startswith(f"{self.buckets}/") or not key or key.startswith(f"{PARTS}/"):
            return ()
        time = _time(entry.get("attributes", {}).get("mtime"))
        return (CreatedObject(provider=self.provider, bucket=bucket, key=key, time=time, endpoint=self.endpoint),)


def _time(seconds: object) -> datetime | None:
    """The time of a number of seconds; None if it is missing, something else, or in no year of the calendar."""
    if not isinstance(seconds, int):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None

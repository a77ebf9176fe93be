"""What to permit, where, and by which name: in the provider's own words, else in those of its protocol."""

from __future__ import annotations

from collections.abc import Mapping

from remote_artwork.storage.location import Location
from remote_artwork.storage.provider_row import Need
from remote_artwork.storage.providers import provider_named

_BY_PROTOCOL: Mapping[str, Mapping[Need, str]] = {
    "s3": {
        "list": "s3:ListBucket on arn:aws:s3:::{bucket}",
        "read": "s3:GetObject and s3:GetObjectVersion on arn:aws:s3:::{bucket}/{prefix}*",
    },
    "gcs": {
        "list": "storage.objects.list on gs://{bucket}, as in the role Storage Object Viewer",
        "read": "storage.objects.get on gs://{bucket}, as in the role Storage Object Viewer",
    },
    "azure": dict.fromkeys(
        ("list", "read"), "sp=rl of a SAS for the container {bucket}, or the role Storage Blob Data Reader on it"
    ),
}


def hint(location: Location | None, need: Need) -> str:
    """What to change at the provider, so that ``need`` is permitted, in brackets; ``""`` where nothing is known."""
    if location is None:
        return ""
    row = provider_named(location.provider)
    if row is None:
        return ""
    words = row.permissions.get(need) or _BY_PROTOCOL.get(location.protocol, {}).get(need)
    return f" ({row.title}: {words.format(bucket=location.bucket, prefix=location.prefix)})" if words else ""

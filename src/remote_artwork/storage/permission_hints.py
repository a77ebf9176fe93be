"""What to permit, where, and by which name: a table in the providers' own words, by provider, then by protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from remote_artwork.storage.location import Location
from remote_artwork.storage.providers import provider_named

Need = Literal["list", "read"]


def _both(words: str) -> Mapping[Need, str]:
    return {"list": words, "read": words}


_BY_PROVIDER: Mapping[str, Mapping[Need, str]] = {
    "b2": {"list": "listFiles of the application key", "read": "readFiles of the application key"},
    "digitalocean": _both("Read of the access key for the Space {bucket}"),
    "ibm": _both("the role Reader of the service credential for {bucket}"),
    "idrive": _both("Read of the access key for {bucket}"),
    "linode": _both("Read Only of the access key for {bucket}"),
    "r2": _both("Object Read of the API token for {bucket}"),
    "zadara": _both("the read access of the user to the container {bucket}"),
}
_BY_PROTOCOL: Mapping[str, Mapping[Need, str]] = {
    "s3": {
        "list": "s3:ListBucket on arn:aws:s3:::{bucket}",
        "read": "s3:GetObject and s3:GetObjectVersion on arn:aws:s3:::{bucket}/{prefix}*",
    },
    "gcs": {
        "list": "storage.objects.list on gs://{bucket}, as in the role Storage Object Viewer",
        "read": "storage.objects.get on gs://{bucket}, as in the role Storage Object Viewer",
    },
    "azure": _both("sp=rl of a SAS for the container {bucket}, or the role Storage Blob Data Reader on it"),
}


def hint(location: Location | None, need: Need) -> str:
    """What to change at the provider, so that ``need`` is permitted, in brackets; ``""`` where nothing is known."""
    if location is None:
        return ""
    row = provider_named(location.provider)
    known = _BY_PROVIDER.get(location.provider) or _BY_PROTOCOL.get(location.protocol)
    if row is None or known is None:
        return ""
    return f" ({row.title}: {known[need].format(bucket=location.bucket, prefix=location.prefix)})"

"""What to permit, where, and by which name: a table of the providers' own words, by provider, then by protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from remote_artwork.storage.location import Location

Need = Literal["list", "read"]

_S3_LIKE = "in the policy of the bucket or the key, permit {action} on {resource}"
_ACTIONS: Mapping[Need, str] = {"list": "s3:ListBucket", "read": "s3:GetObject and s3:GetObjectVersion"}
_RESOURCES: Mapping[Need, str] = {"list": "arn:aws:s3:::{bucket}", "read": "arn:aws:s3:::{bucket}/{prefix}*"}

_BY_PROVIDER: Mapping[str, Mapping[Need, str]] = {
    "b2": {"list": "give the application key listFiles", "read": "give the application key readFiles"},
    "digitalocean": dict.fromkeys(("list", "read"), "give the key read access to the Space {bucket}"),
    "idrive": dict.fromkeys(("list", "read"), "give the access key Read for the bucket {bucket}"),
    "linode": dict.fromkeys(("list", "read"), "give the access key Read Only for the bucket {bucket}"),
    "r2": dict.fromkeys(("list", "read"), "give the API token Object Read for the bucket {bucket}"),
    "ibm": dict.fromkeys(("list", "read"), "give the service credential the role Reader (Content Reader lists too)"),
    "zadara": dict.fromkeys(("list", "read"), "give the user read access in the policy of the container {bucket}"),
}
_BY_PROTOCOL: Mapping[str, Mapping[Need, str]] = {
    "s3": {need: _S3_LIKE.format(action=_ACTIONS[need], resource=_RESOURCES[need]) for need in _ACTIONS},
    "gcs": {
        "list": "give storage.objects.list on gs://{bucket} (role Storage Object Viewer)",
        "read": "give storage.objects.get on gs://{bucket} (role Storage Object Viewer)",
    },
    "azure": {
        "list": "make a SAS of the container {bucket} with sp=rl, or give the role Storage Blob Data Reader on it",
        "read": "make a SAS of the container {bucket} with sp=rl, or give the role Storage Blob Data Reader on it",
    },
    "http": dict.fromkeys(("list", "read"), "let the web server show the folder to everybody"),
    "file": dict.fromkeys(("list", "read"), "let this user read the folder"),
}


def hint(location: Location | None, need: Need) -> str:
    """What to change at the provider, so that ``need`` is permitted; ``""`` where nothing is known."""
    if location is None:
        return ""
    known = _BY_PROVIDER.get(location.provider) or _BY_PROTOCOL.get(location.protocol)
    return "" if known is None else known[need].format(bucket=location.bucket, prefix=location.prefix)

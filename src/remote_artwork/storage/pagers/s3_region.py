"""Where a bucket of Amazon's lies, for a URL that does not say it: one request, without credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from remote_artwork.errors import InvalidLocation, LocationNotFound, StorageMisbehaved, StorageUnreachable
from remote_artwork.storage.fetching import ask_once
from remote_artwork.storage.network import NetworkPolicy

ORIGIN = "https://s3.us-east-1.amazonaws.com"
"""Any region of the public partition answers for the buckets of all of them; the others have hosts that name theirs."""

_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{1,38}")


def region_in(headers: Mapping[str, str]) -> str | None:
    """The region that an answer of S3 names, where it looks like one."""
    return plain_region(headers.get("x-amz-bucket-region"))


def plain_region(named: object) -> str | None:
    """What an answer of a storage's calls a region, where it looks like one."""
    return named if isinstance(named, str) and _REGION.fullmatch(named) else None


def elsewhere(region: str) -> InvalidLocation:
    """The error for a bucket whose region the storage names."""
    return InvalidLocation(f"the bucket is in the region {region}; add ?region={region} to the URL")


def region_of(bucket: str, network: NetworkPolicy) -> str:
    """Asks for a bucket's region. Refusals tell it as well as answers do.

    Raises:
        LocationNotFound: There is no such bucket.
        StorageUnreachable: Amazon cannot answer now.
        StorageMisbehaved: The answer names no region.
    """
    answer = ask_once("HEAD", f"{ORIGIN}/{quote(bucket, safe='')}", network)
    region = region_in(answer.headers)
    if region is not None:
        return region
    if answer.status == HTTPStatus.NOT_FOUND:
        raise LocationNotFound("Amazon S3 has no bucket of this name; check the URL's spelling")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise StorageUnreachable(f"Amazon S3 cannot serve now (HTTP {answer.status}); try again later")
    raise StorageMisbehaved(
        f"Amazon S3 does not tell the bucket's region (HTTP {answer.status}); add it to the URL as ?region=…"
    )

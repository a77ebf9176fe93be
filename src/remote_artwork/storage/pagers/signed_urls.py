"""What the signed URLs of Amazon and of Google have in common: Google's are made as Amazon's, with other names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

LONGEST_SIGNATURE = timedelta(days=7)
"""The limit of the signature protocol itself."""


def expiry_of(url: str, vendor: str) -> datetime:
    """When a signed URL stops working, by what stands in it.

    Args:
        url: As it was signed.
        vendor: What its parameters are called after: ``Amz`` or ``Goog``.
    """
    query = parse_qs(urlsplit(url).query)
    signed_at = datetime.strptime(query[f"X-{vendor}-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed_at + timedelta(seconds=int(query[f"X-{vendor}-Expires"][0]))

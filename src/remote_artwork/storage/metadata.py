"""File metadata: makes a ``StoredFile`` from what a storage says about a file, and defines its change token.

The change token is ``StoredFile.etag``: it differs after the file was replaced, and is the same in a listing and in a
single lookup. Where it comes from:

- S3 and Azure: the ETag.
- Google Cloud Storage: the generation. The ETag would also change with the metadata.
- Web servers: a strong ETag; for a weak one ``weak_change_token``, without one ``file_change_token``.
- Local folders, memory and other fsspec file systems: the ETag if there is one, otherwise ``file_change_token``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import StorageMisbehaved


def stored_file(
    name: str, *, size: object, etag: object, version_id: object = None, last_modified: object = None
) -> StoredFile:
    """Make a ``StoredFile`` from values as a client or a server gave them.

    Args:
        name: The key relative to the location's folder.
        size: Bytes.
        etag: The change token. Quotes and the mark of a weak ETag are removed: some servers add them only sometimes.
        version_id: The storage's version id or generation; empty or ``null`` if the storage keeps no versions.
        last_modified: A ``datetime``, a time stamp, or text in ISO 8601 or as in HTTP headers.

    Raises:
        StorageMisbehaved: The size or the change token is missing.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise StorageMisbehaved(f"{name!r}: the storage does not report the size of this file; check the URL")
    token = bare_etag(etag)
    if token is None:
        raise StorageMisbehaved(
            f"{name!r}: the storage reports this file without an ETag, so a replaced file would not be noticed; "
            "check host and bucket in the URL"
        )
    return StoredFile(
        name=name,
        size=size,
        etag=token,
        version_id=str(version_id) if version_id not in (None, "", "null") else None,
        last_modified=parse_time(last_modified),
    )


def bare_etag(etag: object) -> str | None:
    """An ETag without quotes and without the mark of a weak one; None if there is none."""
    return str(etag).removeprefix("W/").strip('"') or None if etag else None


def weak_change_token(etag: str, last_modified: str, size: int) -> str:
    """A change token for a weak ETag, which alone may stay the same when bytes change."""
    return f"{bare_etag(etag) or ''}-{last_modified}-{size}"


def file_change_token(inode: object, modified: object, size: object) -> str:
    """A change token for files without an ETag. The inode (0 if unknown) reveals a replacement with the same time."""
    time = parse_time(modified)
    return f"{inode}-{time.timestamp() if time else 0:.6f}-{size}"


def parse_time(value: Any) -> datetime | None:
    """The time in UTC; None for anything that is not a time between the years 1 and 9999."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, tz=UTC)
        if isinstance(value, str):
            value = _parse_text(value)
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return None


def _parse_text(text: str) -> datetime | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return parse(text)
        except ValueError:
            continue
    return None

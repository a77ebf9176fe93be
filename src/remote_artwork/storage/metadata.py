"""File metadata: makes a ``StoredFile`` from what a storage says about a file, and decides what a change token is.

The change token is ``StoredFile.etag``. It differs after the content of the file was replaced. Where it comes from:

- S3 and Azure: the ETag. Google Cloud Storage: the generation, because the ETag also changes with the metadata.
- Web servers, local folders, and fsspec file systems that the user made: ``change_token``.

A value that proves nothing is not a token. Then there is no ``StoredFile``, and the file is unreadable:

- an empty or constant ETag, or that of an empty file for a file with content,
- a weak ETag, or none, without a time that can be parsed,
- a time that servers use as a placeholder, such as 1970-01-01.

``core.lifecycle.FileRecord`` decides which tokens are compared with which.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import md5
from typing import Any

from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import StorageMisbehaved


def stored_file(
    name: str,
    *,
    size: object,
    etag: object,
    version_id: object = None,
    last_modified: object = None,
    changed_at: str = "",
    listed: bool = False,
) -> StoredFile:
    """Make a ``StoredFile`` from values as a client or a server gave them.

    Args:
        name: The key relative to the location's folder.
        size: Bytes.
        etag: The change token. Quotes and the mark of a weak ETag are removed: some servers add them only sometimes.
        version_id: The storage's version id or generation; empty or ``null`` if the storage keeps no versions.
        last_modified: A ``datetime``, a time stamp, or text in ISO 8601 or as in HTTP headers.
        changed_at: As ``StoredFile.changed_at``.
        listed: As ``StoredFile.listed``.

    Raises:
        StorageMisbehaved: The size or the change token is missing.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise StorageMisbehaved(f"{name!r}: the storage does not report the size of this file; check the URL")
    token = _proven_etag(etag, size)
    if token is None:
        raise StorageMisbehaved(
            f"{name!r}: the storage reports this file without an ETag that identifies its content, so a replaced file "
            "would not be noticed; check host and bucket in the URL"
        )
    return StoredFile(
        name=name,
        size=size,
        etag=token,
        version_id=str(version_id) if version_id not in (None, "", "null") else None,
        last_modified=parse_time(last_modified),
        changed_at=changed_at,
        listed=listed,
    )


def change_token(
    *, etag: object = None, modified: object = None, size: object = None, unique: object = 0, changed_at: str = ""
) -> str | None:
    """The change token of a file on a storage whose ETags may be weak or missing; None if nothing proves a change.

    Args:
        etag: The ETag, with the mark of a weak one.
        modified: The time of the last change.
        size: Bytes.
        unique: An inode or another id of the file (0 if unknown). It reveals a replacement with the same time, but
            proves nothing alone.
        changed_at: As ``StoredFile.changed_at``. It proves a change as well as a time does.
    """
    token = _proven_etag(etag, size)
    if token is not None and not str(etag).startswith("W/"):
        return token
    time = parse_time(modified)
    if time is None or time.year < _FIRST_YEAR or time in _PLACEHOLDERS:
        if not changed_at:
            return None
        time = None
    stamp = f"{time.timestamp() if time else 0:.6f}-{size}"
    return f"{token}-{stamp}" if token is not None else f"{unique}-{stamp}"


_NO_ENCODING = frozenset({"", "identity", "none", "binary", "aws-chunked", "utf-8", "utf8", "us-ascii", "iso-8859-1"})
"""Values of ``Content-Encoding`` that change no byte: some clients upload files with them."""


def is_encoded(content_encoding: object) -> bool:
    """Whether a client that downloads the file decodes its bytes, by the header ``Content-Encoding``."""
    return not _NO_ENCODING.issuperset(label.strip().lower() for label in str(content_encoding or "").split(","))


def check_encoding(name: str, content_encoding: object) -> None:
    """Check that a shop that downloads a file receives its bytes as they were checked.

    HTTP clients decompress a file that is labeled as compressed, or fail if it is not.

    Args:
        name: The key.
        content_encoding: The ``Content-Encoding`` with which the storage keeps the file.

    Raises:
        StorageMisbehaved: It has a label that changes its bytes.
    """
    if is_encoded(content_encoding):
        raise StorageMisbehaved(
            f"{name!r} is labeled as compressed (Content-Encoding: {str(content_encoding)[:40]}), so a shop would "
            "receive other bytes than were checked; upload it without that label"
        )


def bare_etag(etag: object) -> str | None:
    """An ETag without quotes and without the mark of a weak one; None if there is none."""
    return str(etag).removeprefix("W/").strip('"') or None if etag else None


_FIRST_YEAR = 1970
_PLACEHOLDERS = frozenset({datetime(1970, 1, 1, tzinfo=UTC), datetime(1980, 1, 1, tzinfo=UTC)})
"""Times that stand for "unknown": the start of Unix time, and that of DOS."""

_CONSTANT_ETAGS = frozenset({"0", "-", "null", "none", "nil", "undefined", "unknown"})
_ETAG_OF_NOTHING = md5(b"", usedforsecurity=False).hexdigest()
"""Some gateways give every object the ETag of an empty one."""


def _proven_etag(etag: object, size: object) -> str | None:
    bare = bare_etag(etag)
    if bare is None or bare.strip().lower() in _CONSTANT_ETAGS or not bare.strip():
        return None
    return None if size and bare.lower() == _ETAG_OF_NOTHING else bare


def parse_time(value: Any) -> datetime | None:
    """The time in UTC; None for anything that is not a time between the years 1 and 9999."""
    try:
        if isinstance(value, int | float):
            value = value / 1000 if value > _MOST_SECONDS else value
            return datetime.fromtimestamp(value, tz=UTC)
        if isinstance(value, str):
            value = _parse_text(value)
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return None


_FTP_TIME = re.compile(r"[0-9]{14}(\.[0-9]{1,6})?")
_SHORTEST_TIME = len("2026-05-01T12")
"""A date without a time of day is the same all day, so it proves nothing."""


_MOST_SECONDS = 1e11
"""A larger time stamp counts milliseconds."""


@lru_cache(maxsize=1024)
def _parse_text(text: str) -> datetime | None:
    """Cached, because a scan describes each file several times."""
    if _FTP_TIME.fullmatch(text):
        return datetime.strptime(text.partition(".")[0], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    if len(text) < _SHORTEST_TIME:
        return None
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return parse(text)
        except ValueError:
            continue
    return None

"""What a web server's answer about one file says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remote_artwork.errors import FileGone, StorageDenied, StorageError, StorageMisbehaved
from remote_artwork.storage.pagers.web_transport import Answer

_WEB_PAGES = ("text/html", "application/xhtml+xml")


def described(name: str, answer: Answer) -> Mapping[str, Any]:
    """A file as ``stored_file`` reads it, its version included: a strong ETag, or else time and size.

    A weak ETag may stay when bytes change, so it counts only together with time and size.

    Args:
        name: The file's name.
        answer: Of a HEAD, or of a GET for a part or the whole of it.

    Raises:
        FileGone: It is not there.
        StorageError: The answer is none of a file, or one that could be replaced without notice.
    """
    if answer.status not in (200, 206) and not (answer.status == 416 and answer.file_size == 0):
        raise _refusal(name, answer.status)
    told = answer.headers
    if told.get("content-type", "").partition(";")[0].strip().lower() in _WEB_PAGES:
        raise StorageMisbehaved(f"{name!r}: the server sends a web page in the place of a file; check the URL")
    if told.get("content-encoding", "identity").lower() != "identity":
        raise StorageMisbehaved(f"{name!r}: the server compresses the file unasked; have it send the file as it is")
    etag, modified, size = told.get("etag", ""), told.get("last-modified", ""), answer.file_size
    if size is None:
        raise StorageMisbehaved(f"{name!r}: the server does not tell how large the file is (Content-Length)")
    if not etag and not modified:
        raise StorageMisbehaved(
            f"{name!r}: the server sends neither an ETag nor Last-Modified, so nobody would notice when the file is "
            "replaced; have it send one of them"
        )
    if etag.startswith("W/"):
        opaque = etag[2:].strip('"')
        etag = f"{opaque}-{modified}-{size}"
    return {"size": size, "Last-Modified": modified or None, "ETag": etag or None}


def _refusal(name: str, status: int) -> StorageError:
    if status in (404, 410):
        return FileGone(f"{name!r}: the file is not there (HTTP {status})")
    if status in (412, 416):
        return FileGone(f"{name!r}: the file was replaced since it was looked at (HTTP {status})")
    if status in (401, 403, 407):
        return StorageDenied(f"{name!r}: the server refuses access (HTTP {status}); let everybody read the file")
    if 300 <= status < 400:
        return StorageMisbehaved(
            f"{name!r}: the server redirects (HTTP {status}), and redirects are not followed; "
            "use the address at which the files themselves lie"
        )
    return StorageMisbehaved(f"{name!r}: the server's answer is none of a file (HTTP {status}); check the URL")

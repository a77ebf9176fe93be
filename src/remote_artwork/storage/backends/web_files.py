"""What the response of a web server says about one file.

A response with status 200 is not enough: the server may send another file under this name (content negotiation), a web
page, or something whose replacement would not be noticed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from remote_artwork.core.orders import StoredFile
from remote_artwork.core.text import nfc
from remote_artwork.errors import FileGone, FileReplaced, StorageDenied, StorageError, StorageMisbehaved
from remote_artwork.http import Response
from remote_artwork.storage.metadata import change_token, is_encoded, stored_file

_NUMBER = r"[0-9]{1,18}"  # a longer one is nonsense, and Python refuses to convert it
_CONTENT_LENGTH = re.compile(_NUMBER)
_CONTENT_RANGE = re.compile(rf"bytes (?:(?P<start>{_NUMBER})-[0-9]+|\*)/(?P<size>{_NUMBER})", re.IGNORECASE)
_WEB_PAGES = ("text/html", "application/xhtml+xml")


class OtherFile(StorageMisbehaved):
    """The server has no file of this name and sends or offers others. Other files are not concerned."""


def file_from_response(name: str, response: Response) -> StoredFile:
    """Make a ``StoredFile`` from the response to a GET of the file or of a part of it.

    Raises:
        FileGone: The file does not exist.
        StorageError: The response does not describe a file, or one whose replacement would not be noticed.
    """
    size = file_size(response)
    if response.status not in (200, 206) and not (response.status == 416 and size == 0):
        raise _status_error(name, response.status)
    headers = response.headers
    if headers.get("content-type", "").partition(";")[0].strip().lower() in _WEB_PAGES:
        raise StorageMisbehaved(f"{name!r}: the server sends a web page instead of the file; check the URL")
    _check_name(name, headers)
    if is_encoded(headers.get("content-encoding", "")):
        raise StorageMisbehaved(
            f"{name!r}: the server compresses the file although that was not requested; turn that off in the server"
        )
    if size is None:
        raise StorageMisbehaved(
            f"{name!r}: the server does not report the file's size; make it send the header Content-Length"
        )
    modified = headers.get("last-modified", "")
    token = change_token(etag=headers.get("etag"), modified=modified, size=size)
    if token is None:
        raise StorageMisbehaved(
            f"{name!r}: the server sends neither an ETag that identifies the content nor a Last-Modified that can be "
            "read, so a replaced file would not be noticed; make it send one of these headers"
        )
    return stored_file(name, size=size, etag=token, last_modified=modified)


def _check_name(name: str, headers: Mapping[str, str]) -> None:
    """Refuse a response that describes a file of another name. Apache's MultiViews sends 1.pdf.old for 1.pdf."""
    wanted = name.rpartition("/")[2]
    try:
        sent = last_segment(headers.get("content-location", "")) or wanted
    except ValueError:  # not a URL
        sent = "another file"
    negotiated = "tcn" in headers or "alternates" in headers or "negotiate" in _tokens(headers.get("vary", ""))
    if nfc(sent) != nfc(wanted) or negotiated:
        what = f"{sent!r}" if nfc(sent) != nfc(wanted) else "one of several files"
        raise OtherFile(
            f"{name!r}: the server has no file of this name and sends {what} instead; rename that file, or turn off "
            "content negotiation in the server (in Apache: Options -MultiViews)"
        )


def last_segment(url: str) -> str:
    """The decoded last part of a URL's path; empty if the path ends in ``/``. Raises ``ValueError`` if it is no URL."""
    return unquote(urlsplit(url).path).rpartition("/")[2]


def _tokens(value: str) -> list[str]:
    return [token.strip().lower() for token in value.split(",")]


def file_size(response: Response) -> int | None:
    """Bytes of the whole file; None if the response does not say."""
    if response.status in (206, 416):
        match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        return int(match["size"]) if match else None
    length = response.headers.get("content-length", "")
    return int(length) if _CONTENT_LENGTH.fullmatch(length) else None


def range_start(response: Response) -> int | None:
    """Where the body starts within the file; None if the response does not say."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    return int(match["start"]) if match and match["start"] else None


def _status_error(name: str, status: int) -> StorageError:
    if status in (404, 410):
        return FileGone(f"{name!r}: the file does not exist (HTTP {status})")
    if status in (412, 416):
        return FileReplaced(f"{name!r}: the file was replaced since the scan read its metadata (HTTP {status})")
    if status in (401, 403, 407):
        return StorageDenied(f"{name!r}: the server refuses access (HTTP {status}); make the file public")
    if status in (300, 406):
        return OtherFile(
            f"{name!r}: the server has no file of this name and offers files with similar names (HTTP {status}); "
            "rename the file to exactly the expected name"
        )
    if 300 <= status < 400:
        return StorageMisbehaved(
            f"{name!r}: the server redirects (HTTP {status}), and redirects are not followed; "
            "use the address of the files themselves"
        )
    return StorageMisbehaved(f"{name!r}: the server's response does not describe a file (HTTP {status}); check the URL")

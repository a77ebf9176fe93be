"""The backend for Google Cloud Storage, through gcsfs.

gcsfs provides the session, the credentials and the address. Listing, lookup and read call Google's JSON API here,
because gcsfs's own calls repeat each request six times, follow redirects, and lose the status of a response.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from attrs import evolve
from fsspec import AbstractFileSystem

from remote_artwork.core.cures import URL_LIFETIME
from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import Request
from remote_artwork.errors import ConfigurationError, InvalidLocation, StorageMisbehaved
from remote_artwork.http import NetworkPolicy, check_complexity
from remote_artwork.storage.backends.base import MAX_SIGNATURE_LIFETIME, Requester, expiry_of
from remote_artwork.storage.backends.listing import JudgedSource, Lister, is_full_page, page_below
from remote_artwork.storage.credentials import Ambient, Anonymous, Credentials, ServiceAccount
from remote_artwork.storage.location import Location
from remote_artwork.storage.metadata import check_encoding, stored_file
from remote_artwork.storage.reader import FilePart

_PAGE_SIZE = 1000
"""Objects per page: the most that the service returns."""

_FIELDS = "name,size,generation,updated,contentEncoding,customerEncryption"

_NOT_GOOGLE = "the response is not one of Google Cloud Storage; check the bucket in the URL"


def connect(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """A gcsfs for Google's own address; a location of this protocol has no other."""
    if not isinstance(credentials, Anonymous | ServiceAccount | Ambient):
        raise ConfigurationError(
            f"{location}: Google Cloud Storage takes a ServiceAccount, Ambient or Anonymous, not "
            f"{type(credentials).__name__}; for HMAC keys use s3+https://storage.googleapis.com/bucket/folder/"
        )
    from remote_artwork.storage.backends.gcs_client import guarded_gcsfs

    return guarded_gcsfs(credentials, network)


class Backend:
    """One folder of one bucket."""

    lists_tell_all = True  # a listing is strongly consistent, and has the same fields as a lookup

    def __init__(self, fs: AbstractFileSystem, root: str, *, call_timeout: float) -> None:
        self._bucket, _, folder = root.partition("/")
        if not self._bucket:
            raise InvalidLocation(f"{root!r}: a location of Google Cloud Storage needs a bucket; use bucket/folder")
        self._fs = fs
        self.folder: str = f"{folder.rstrip('/')}/" if folder else ""
        self._call_timeout = call_timeout
        self._lister = Lister()

    def pages(self, send: Requester) -> Iterator[Page]:
        """List by page tokens, with as many names per page as the storage returns."""
        return self._lister.pages(self, send)

    def search(self, query: SearchQuery, send: Requester) -> Iterator[Page]:
        """Search by skip-scan, as long as the storage lists in order."""
        return self._lister.search(self, query, send)

    def siblings(self, basenames: Sequence[str], send: Requester) -> Iterator[Page]:
        """List by prefix, one request for each basename. The files are judged as ``head`` judges them."""
        return self._lister.siblings(JudgedSource(self.folder, self), basenames, send)

    def page(self, request: Request, *, judged: bool = False) -> Page:
        """One list request.

        Args:
            request: The page.
            judged: Whether ``Page.file`` raises the errors of ``head`` for a file that cannot be used.
        """
        objects, next_token = self._list(request)
        names = [each["name"] for each in objects]

        def file(position: int, name: str) -> StoredFile:
            metadata = objects[position]
            return evolve(_judged(name, metadata), listed=True) if judged else _file(name, metadata, listed=True)

        return page_below(self.folder, names, file, next_token)

    def names_after(self, name: str, send: Requester) -> Sequence[str]:
        """One page of the names after this one, for ``check``."""
        return self._lister.names_after(self, name, send)

    def _list(self, request: Request) -> tuple[list[dict[str, Any]], str | None]:
        """The objects of one page, and the next page's token. Checks the form: a web page is not an empty bucket."""
        start_name = self.folder + request.after
        start = {"startOffset": start_name} if request.after else {}
        if request.token is not None:
            start |= {"pageToken": request.token}
        fields = f"kind,nextPageToken,items({_FIELDS})"
        answer = self._get_json("", prefix=self.folder + request.prefix, fields=fields, **start)
        objects = answer.get("items", [])
        if answer.get("kind") != "storage#objects" or not isinstance(objects, list):
            raise StorageMisbehaved("the storage's response is not a listing of a bucket; check the bucket in the URL")
        if not all(isinstance(each, dict) and isinstance(each.get("name"), str) for each in objects):
            raise StorageMisbehaved("the storage lists an object without a name; check the bucket in the URL")
        if not all(map(_is_described, objects)):
            raise StorageMisbehaved(f"the storage lists a file {_UNDESCRIBED}")
        next_token = answer.get("nextPageToken") or None
        if not isinstance(next_token, str | None):
            raise StorageMisbehaved("the storage cuts its listing short without a page token; check the URL")
        if not next_token and is_full_page(len(objects), _PAGE_SIZE, None):
            next_token = ""  # some servers say that a full page is the last one
        # startOffset includes the name itself, which was not requested.
        return [each for each in objects if each["name"] != start_name], next_token

    def head(self, name: str) -> StoredFile:
        """One GET of the object's metadata."""
        path = f"/{quote(self.folder + name, safe='')}"
        return _judged(name, self._get_json(path, fields=_FIELDS))

    def get(self, file: StoredFile, start: int, end: int) -> FilePart:
        """One ranged GET of the pinned generation, which no longer exists (404) once the file was replaced.

        Content that is stored compressed is returned as it is stored, so that sizes and ranges are right. The service
        refuses to send a file that is encrypted with a key of the customer.
        """
        if file.version_id is None:
            raise StorageMisbehaved(f"{file.name!r} has no generation; take the file from a listing or a stat")
        content, headers = self._get(
            f"{self._fs.base.replace('/storage/v1/', '/download/storage/v1/')}b/{quote(self._bucket, safe='')}"
            f"/o/{quote(self.folder + file.name, safe='')}",
            {"alt": "media", "generation": file.version_id},
            {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "gzip"},
        )
        check_encoding(file.name, headers.get("x-goog-stored-content-encoding") or headers.get("content-encoding"))
        if headers.get("x-goog-generation") != file.version_id:
            return FilePart(content=content)  # a server that does not describe what it sends
        return FilePart(content=content, file=_as_sent(file, headers))

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """A URL of this generation, signed by the service account; unsigned for a public bucket."""
        key = self.folder + file.name
        credentials = self._fs.credentials.credentials
        origin = self._fs.base.removesuffix("/storage/v1/")
        if credentials is None:
            pinned = f"?generation={file.version_id}" if file.version_id else ""
            return f"{origin}/{self._bucket}/{quote(key, safe='/~')}{pinned}", None
        if not timedelta(seconds=1) <= expires_in <= MAX_SIGNATURE_LIFETIME:
            raise ConfigurationError(
                f"a signed URL can work for one second to seven days, not {expires_in}; change {URL_LIFETIME}"
            )
        from google.cloud.storage import Client

        self.check_urls()
        url = str(
            Client(project="none", credentials=credentials)
            .bucket(self._bucket)
            .blob(key)
            .generate_signed_url(
                version="v4",
                expiration=expires_in,
                generation=file.version_id,
                credentials=credentials,
                api_access_endpoint=origin,
            )
        )
        return url, expiry_of(url, "Goog")

    def check_urls(self) -> None:
        """Raise ``ConfigurationError`` if the credentials can never sign. Makes no request."""
        from google.auth.credentials import Signing

        credentials = self._fs.credentials.credentials
        if credentials is not None and not isinstance(credentials, Signing):
            raise ConfigurationError(
                "these Google credentials have no private key, so they cannot sign URLs; use a ServiceAccount"
            )

    def _get_json(self, path: str, **parameters: str) -> dict[str, Any]:
        content, _ = self._get(f"{self._fs.base}b/{quote(self._bucket, safe='')}/o{path}", parameters, {})
        check_complexity(content)
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise StorageMisbehaved(_NOT_GOOGLE) from error
        if not isinstance(answer, dict):
            raise StorageMisbehaved(_NOT_GOOGLE)
        return answer

    def _get(
        self, url: str, parameters: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[bytes, Mapping[str, str]]:
        from remote_artwork.storage.backends.gcs_client import get

        return get(self._fs, url, parameters, headers, timeout=self._call_timeout)


_UNDESCRIBED = "without its size and generation; check the bucket in the URL"


def _is_described(metadata: Mapping[str, Any]) -> bool:
    return all(str(metadata.get(each, "")).isdecimal() for each in ("size", "generation"))


def _judged(name: str, metadata: Mapping[str, Any]) -> StoredFile:
    """The file that a listing or a lookup describes.

    Raises:
        StorageMisbehaved: A shop could not download it as it is.
    """
    check_encoding(name, metadata.get("contentEncoding"))
    if metadata.get("customerEncryption"):
        raise StorageMisbehaved(
            f"{name!r} is encrypted with a key of the customer, so a shop cannot download it by URL; "
            "upload it without that key"
        )
    return _file(name, metadata)


def _as_sent(file: StoredFile, headers: Mapping[str, str]) -> StoredFile:
    """The generation of a file that a response sends."""
    size = headers.get("content-range", "").rpartition("/")[2] or headers.get("content-length", "")
    return stored_file(
        file.name,
        size=int(size) if size.isdecimal() else file.size,
        etag=file.version_id,
        version_id=file.version_id,
        last_modified=file.last_modified or headers.get("last-modified"),
    )


def _file(name: str, metadata: Mapping[str, Any], *, listed: bool = False) -> StoredFile:
    if not _is_described(metadata):
        raise StorageMisbehaved(f"{name!r}: the storage describes this file {_UNDESCRIBED}")
    generation = str(metadata["generation"])
    return stored_file(
        name,
        size=int(metadata["size"]),
        etag=generation,
        version_id=generation,
        last_modified=metadata.get("updated"),
        listed=listed,
    )

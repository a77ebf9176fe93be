"""Google Cloud Storage, through gcsfs.

gcsfs gives the session, the credentials and the address; listing, stat and read go to Google's JSON API here. Its own
calls repeat each request six times, follow redirects, and turn answers into exceptions without their status.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from fsspec import AbstractFileSystem

from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import Request
from remote_artwork.errors import ConfigurationError, InvalidLocation, MissingExtra, StorageMisbehaved
from remote_artwork.http import NetworkPolicy, check_complexity, run_sync
from remote_artwork.storage.backends.base import MAX_SIGNATURE_LIFETIME, Entries, Found, Requester, expiry_of
from remote_artwork.storage.backends.listing import Listed, Lister, below, names_from
from remote_artwork.storage.credentials import Ambient, Anonymous, Credentials, ServiceAccount
from remote_artwork.storage.location import Location

_FIELDS = "name,size,generation,updated"

Entry = Mapping[str, Any]


def connect(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """A gcsfs for Google's own address; a location of this protocol names no other."""
    if not isinstance(credentials, Anonymous | ServiceAccount | Ambient):
        raise ConfigurationError(
            f"{location} takes a ServiceAccount, Ambient or Anonymous; for a pair of HMAC keys write the location as "
            "s3+https://storage.googleapis.com/bucket/folder/"
        )
    try:
        from remote_artwork.storage.backends.gcs_client import guarded_gcsfs
    except ImportError as error:
        raise MissingExtra(f"{location} needs gcsfs: pip install 'remote_artwork[gcs]'") from error
    return guarded_gcsfs(credentials, network)


class Backend:
    """One folder of one bucket."""

    def __init__(self, fs: AbstractFileSystem, root: str, *, call_timeout: float) -> None:
        self._bucket, _, folder = root.partition("/")
        if not self._bucket:
            raise InvalidLocation("a location of Google Cloud Storage needs a bucket: bucket/folder")
        self._fs = fs
        self._prefix = f"{folder.rstrip('/')}/" if folder else ""
        self._call_timeout = call_timeout
        self._lister = Lister()

    def pages(self, ask: Requester) -> Iterator[Entries]:
        """As many names a page as the storage gives, by its page tokens."""
        return self._lister.pages(self, ask)

    def search(self, wanted: SearchQuery, ask: Requester) -> Iterator[Found]:
        """By skip-scan, where the storage keeps to the protocol."""
        return self._lister.search(self, wanted, ask)

    def page(self, request: Request) -> Listed:
        """One page."""
        items, following = self._listed(request)
        names = [item["name"] for item in items]
        return Listed(below(self._prefix, names, [_entry(item) for item in items].__getitem__), following)

    def _listed(self, request: Request) -> tuple[list[dict[str, Any]], str | None]:
        """One page's objects and the token of what follows: a page of HTML must not pass for an empty bucket."""
        # The offset's own name is among the answers, so it is not asked for by itself.
        begin = self._prefix + request.after
        place = {"startOffset": begin} if request.after else {}
        if request.token is not None:
            place |= {"pageToken": request.token}
        fields = f"kind,nextPageToken,items({_FIELDS})"
        answer = self._json("", prefix=self._prefix + request.prefix, fields=fields, **place)
        items = answer.get("items", [])
        if answer.get("kind") != "storage#objects" or not isinstance(items, list):
            raise StorageMisbehaved("the answer is no listing of a bucket; check the bucket in the URL")
        if not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in items):
            raise StorageMisbehaved("the storage lists an object without a name")
        following = answer.get("nextPageToken")
        if not isinstance(following, str | None):
            raise StorageMisbehaved("the storage cuts its listing short without saying how to go on")
        return [item for item in items if item["name"] != begin], following or None

    def names_after(self, name: str) -> Sequence[str]:
        """One page of the names after this one, for a check."""
        items, _ = self._listed(Request(after=name))
        return names_from(self._prefix, [item["name"] for item in items])

    def head(self, name: str) -> Entry:
        """One GET of the object's description."""
        return _entry(self._json(f"/{quote(self._prefix + name, safe='')}", fields=_FIELDS))

    def get(self, file: StoredFile, start: int, end: int) -> bytes:
        """One ranged GET of the pinned generation, which is not there (404) once the file was replaced.

        Content that is stored compressed comes as it is stored, so that sizes and ranges hold.
        """
        if file.version_id is None:
            raise StorageMisbehaved("a file of Google Cloud Storage has a generation; take it from a listing or a stat")
        return self._call(
            f"{self._fs.base.replace('/storage/v1/', '/download/storage/v1/')}b/{quote(self._bucket, safe='')}"
            f"/o/{quote(self._prefix + file.name, safe='')}",
            {"alt": "media", "generation": file.version_id},
            {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "gzip"},
        )

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """Signed by the service account; plain for a public bucket."""
        key = self._prefix + file.name
        credentials = self._fs.credentials.credentials
        origin = self._fs.base.removesuffix("/storage/v1/")
        if credentials is None:
            return f"{origin}/{self._bucket}/{quote(key, safe='/~')}", None
        if not timedelta(seconds=1) <= expires_in <= MAX_SIGNATURE_LIFETIME:
            raise ConfigurationError(f"a signed URL lives for one second to seven days, not {expires_in}")
        from google.auth.credentials import Signing
        from google.cloud.storage import Client

        if not isinstance(credentials, Signing):
            raise ConfigurationError(
                "these credentials of Google hold no private key, so they sign no URLs; give a ServiceAccount"
            )
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

    def _json(self, path: str, **parameters: str) -> dict[str, Any]:
        content = self._call(f"{self._fs.base}b/{quote(self._bucket, safe='')}/o{path}", parameters, {})
        check_complexity(content)
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise StorageMisbehaved("the answer is none of Google's; check the bucket in the URL") from error
        if not isinstance(answer, dict):
            raise StorageMisbehaved("the answer is none of Google's; check the bucket in the URL")
        return answer

    def _call(self, url: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
        from remote_artwork.storage.backends.gcs_client import get

        return run_sync(self._fs.loop, get, self._fs, url, parameters, headers, timeout=self._call_timeout)


def _entry(item: Entry) -> Entry:
    """An object as ``stored_file`` reads it. Its ETag would change with its metadata; the generation does not."""
    size, generation = str(item.get("size", "")), str(item.get("generation", ""))
    if not (size.isdecimal() and generation.isdecimal()):
        raise StorageMisbehaved("the storage describes an object without its size and generation")
    return {**item, "size": int(size), "generation": generation, "etag": generation}

"""The backend for S3 and every storage with an S3 API, through s3fs.

It calls S3's own operations instead of s3fs's file system methods: ``find`` has no pages and reads an empty response as
an empty bucket, ``info`` makes two requests for a missing key, and paths lose the part of a key after ``?versionId=``.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from attrs import evolve, frozen
from fsspec import AbstractFileSystem

from remote_artwork.core.cures import SESSION_DURATION, URL_LIFETIME
from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import Request
from remote_artwork.errors import ConfigurationError, InvalidLocation, StorageMisbehaved
from remote_artwork.http import NetworkPolicy, run_sync
from remote_artwork.storage.backends.base import MAX_SIGNATURE_LIFETIME, Requester, expiry_of
from remote_artwork.storage.backends.key_encoding import KeyEncoding, possible_encodings
from remote_artwork.storage.backends.listing import Lister, Question, is_full_page, page_below
from remote_artwork.storage.backends.xml import Fields, fields_in, not_a_listing, parse_listing, parse_size
from remote_artwork.storage.credentials import Ambient, Anonymous, AssumeRole, Credentials, Keys
from remote_artwork.storage.location import Location
from remote_artwork.storage.metadata import check_encoding, parse_time, stored_file
from remote_artwork.storage.provider_table import PROVIDERS
from remote_artwork.storage.reader import FilePart

if TYPE_CHECKING:
    from aiobotocore.response import StreamingBody

    from remote_artwork.connections import Connections
    from remote_artwork.storage.backends.s3_requests import BucketRequests

T = TypeVar("T")


def connect(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """An s3fs with this location's credentials only, which connects only where ``network`` allows it."""
    network.check_endpoint(location.endpoint)
    if not isinstance(credentials, Anonymous | Keys | AssumeRole | Ambient):
        raise ConfigurationError(
            f"{location}: S3 takes Keys, AssumeRole, Ambient or Anonymous, not {type(credentials).__name__}"
        )
    _check_aws_only(location, credentials)
    if isinstance(credentials, AssumeRole) and credentials.sts_endpoint:
        network.check_endpoint(credentials.sts_endpoint)
    from remote_artwork.storage.backends.s3_client import guarded_s3fs

    return guarded_s3fs(location, credentials, network)


def _check_aws_only(location: Location, credentials: Credentials) -> None:
    """Send AWS credentials to AWS only. Another endpoint would learn who owns them, and could use the session."""
    for_aws = isinstance(credentials, Ambient) or (isinstance(credentials, AssumeRole) and not credentials.sts_endpoint)
    if for_aws and not _is_aws(location):
        raise ConfigurationError(
            f"{location}: {type(credentials).__name__} works for buckets of AWS only; use Keys of this storage instead"
        )


def _is_aws(location: Location) -> bool:
    if location.endpoint is None:
        return True  # the SDK's default endpoints are those of AWS
    match = PROVIDERS.match_host(urlsplit(location.endpoint).hostname or "", "/")
    return match is not None and match.provider.id == "aws"


class Backend:
    """One folder of one bucket."""

    def __init__(self, fs: AbstractFileSystem, root: str, *, call_timeout: float) -> None:
        bucket, folder, _ = fs.split_path(root)
        if not bucket:
            raise InvalidLocation(f"{root!r}: an S3 location needs a bucket; use bucket/folder")
        self._fs = fs
        self._bucket = bucket
        self.folder: str = f"{folder.rstrip('/')}/" if folder else ""
        self._call_timeout = call_timeout
        self._lister = Lister()
        self._has_version_2 = True
        self._page_size: int | None = None
        # Amazon encodes a space as "+". For other servers, their pages and lookups show it.
        self._encoding = None if getattr(fs, "endpoint_url", None) else KeyEncoding.FORM
        # A file system that the user made has none of these attributes.
        connections: Connections | None = getattr(fs, "connections", None)
        self._needs_region = getattr(fs, "needs_region", False)
        self._session_lifetime: timedelta | None = getattr(fs, "session_lifetime", None)
        self._own_requests: BucketRequests | None = None
        if connections is not None:
            from remote_artwork.storage.backends.s3_requests import BucketRequests

            self._own_requests = BucketRequests(fs, connections, bucket, call_timeout)

    def needs_region(self) -> bool:
        """Whether the URL of a bucket on AWS left out the region, and it is not resolved yet."""
        return self._needs_region

    def resolve_region(self) -> str:
        """Find the bucket's region with one request, and sign for it from now on."""
        region: str = self._fs.resolve_region(self._bucket)
        self._needs_region = False
        return region

    @property
    def max_url_lifetime(self) -> timedelta:
        """The length of the sessions that sign URLs, or the limit of the signature protocol."""
        return self._session_lifetime or MAX_SIGNATURE_LIFETIME

    def pages(self, send: Requester) -> Iterator[Page]:
        """List by continuation tokens, with as many keys per page as the storage returns."""
        return self._lister.pages(self, send)

    def search(self, query: SearchQuery, send: Requester) -> Iterator[Page]:
        """Search by skip-scan, as long as the storage lists in order."""
        return self._lister.search(self, query, send)

    def siblings(self, basenames: Sequence[str], send: Requester) -> Iterator[Page]:
        """List by prefix, one request for each basename."""
        return self._lister.siblings(self, basenames, send)

    def page(self, request: Request) -> Page | Question:
        """One ListObjectsV2; one ListObjects on a server that has only the older operation."""
        response = ListResponse.parse(self._list(request))
        if response.next_token == "" and self._has_version_2:
            # Only the older operation can continue without a token. This page can be used if it is the first one.
            self._has_version_2 = False
            if request.after or request.token is not None:
                return Question((), lambda _: None)
        if response.next_token is not None:
            self._page_size = max(self._page_size or 0, len(response.keys))
        elif is_full_page(len(response.keys), self._page_size, response.max_keys):
            response = evolve(response, next_token="")
        possible = possible_encodings(response.keys, self.folder, declared=response.declares_encoding)
        if len(possible) == 1:
            return response.page(self.folder, possible[0])
        if self._encoding is None or self._encoding not in possible:
            return self._ask_for_encoding(response.keys, possible)
        return response.page(self.folder, self._encoding)

    def _ask_for_encoding(self, keys: Sequence[str], possible: Sequence[KeyEncoding]) -> Question:
        """Which name exists, of those that one key stands for in the possible encodings?"""
        decoded = [each.decode(keys) for each in possible]
        position = max(range(len(keys)), key=lambda i: len({names[i] for names in decoded}))
        by_name: dict[str, KeyEncoding] = {}
        for each, names in zip(possible, decoded, strict=True):
            by_name.setdefault(names[position].removeprefix(self.folder), each)

        def learn(name: str | None) -> None:
            if name is None:
                raise StorageMisbehaved(
                    f"the storage lists a file as {keys[position]!r} and has no file with this name in any encoding, "
                    "so it is not known which files exist; scan again, or use another address of this storage"
                )
            self._encoding = by_name[name]

        return Question(tuple(by_name), learn)

    def names_after(self, name: str, send: Requester) -> Sequence[str]:
        """One page of the names after this one, for ``check``."""
        return self._lister.names_after(self, name, send)

    def _list(self, request: Request) -> bytes:
        from remote_artwork.storage.backends.s3_client import list_page

        operation = "list_objects_v2" if self._has_version_2 else "list_objects"
        start = {}
        if request.after:
            start = {"StartAfter" if self._has_version_2 else "Marker": self.folder + request.after}
        if request.token is not None and self._has_version_2:
            start = {"ContinuationToken": request.token}
        parameters = {"Prefix": self.folder + request.prefix, **start}
        if self._requests is not None:
            return self._requests.list_page(operation, parameters)
        return self._wait(list_page, self._fs, operation, self._bucket, parameters)

    def head(self, name: str) -> StoredFile:
        """One HEAD. Includes the version id if the bucket keeps versions, and the URLs can name them."""
        headers = self._look_up(name)
        return self._described(name, headers, parse_size(headers.get("content-length", "")))

    def get(self, file: StoredFile, start: int, end: int) -> FilePart:
        """One ranged GET of the version, or of the current one. Its headers are those of a HEAD."""
        if self._requests is not None:
            version = self._object(file).get("VersionId")
            answer = self._requests.get(self.folder + file.name, start, end, version)
            return FilePart(content=answer.body, file=self._described_part(file, answer.headers))
        response = self._call("get_object", **self._object(file), Range=f"bytes={start}-{end - 1}")
        body: StreamingBody = response["Body"]
        return FilePart(content=self._wait(_read_all, body), file=self._described_part(file, self._headers(response)))

    def _described_part(self, file: StoredFile, headers: Mapping[str, str]) -> StoredFile:
        """The version that a ranged GET of a file sends."""
        return self._described(file.name, headers, _whole_size(headers, file))

    def _look_up(self, name: str) -> Mapping[str, str]:
        """The headers of one HEAD; their names are in lower case."""
        if self._requests is not None:
            return self._requests.head(self.folder + name)
        return self._headers(self._call("head_object", Bucket=self._bucket, Key=self.folder + name))

    @staticmethod
    def _headers(response: Mapping[str, Any]) -> Mapping[str, str]:
        """The headers of a response of the SDK; their names are in lower case."""
        headers: Mapping[str, str] = response["ResponseMetadata"]["HTTPHeaders"]
        return headers

    def _described(self, name: str, headers: Mapping[str, str], size: int | None) -> StoredFile:
        """The file that the headers of a response to a HEAD or GET describe.

        Raises:
            StorageMisbehaved: A shop could not download it as it is, or its replacement would not be noticed.
        """
        check_encoding(name, headers.get("content-encoding"))
        file = stored_file(
            name,
            size=size,
            etag=headers.get("etag"),
            # A public bucket may allow everyone to read its files, but not their versions.
            version_id=None if self._fs.anon else headers.get("x-amz-version-id"),
            last_modified=headers.get("last-modified"),
        )
        until = _available_until(file, headers)
        return file if until is None else evolve(file, available_until=until)

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """A URL signed with the location's keys; unsigned, and without the version, for a public bucket."""
        anonymous = bool(self._fs.anon)
        if not anonymous and not timedelta(seconds=1) <= expires_in <= self.max_url_lifetime:
            raise ConfigurationError(_lifetime_problem(expires_in, self.max_url_lifetime))
        if signed := self._own_url(file, expires_in):
            return signed
        url = self._wait(self._sign, self._object(file), expires_in)
        return url, None if anonymous else expiry_of(url, "Amz")

    def _own_url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime] | None:
        if self._requests is None:
            return None
        return self._requests.signed_url(self.folder + file.name, self._object(file).get("VersionId"), expires_in)

    async def _sign(self, parameters: Mapping[str, str], expires_in: timedelta) -> str:
        from remote_artwork.storage.backends.s3_client import ensure_lifetime

        await self._fs.set_session()
        client = await self._fs.get_s3(self._bucket)
        if not self._fs.anon:
            signer = client._request_signer  # noqa: SLF001 - the only place with the credentials, whatever their kind
            expires_in = await ensure_lifetime(signer._credentials, expires_in)  # noqa: SLF001
        return str(await client.generate_presigned_url("get_object", parameters, int(expires_in.total_seconds())))

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, for ``check``."""
        self._call("put_object", Bucket=self._bucket, Key=self.folder + name, Body=content)

    def delete(self, name: str) -> None:
        """Delete a file, for ``check``."""
        self._call("delete_object", Bucket=self._bucket, Key=self.folder + name)

    def _object(self, file: StoredFile) -> dict[str, str]:
        version = {} if file.version_id is None or self._fs.anon else {"VersionId": file.version_id}
        return {"Bucket": self._bucket, "Key": self.folder + file.name, **version}

    @property
    def _requests(self) -> BucketRequests | None:
        """What sends lookups, reads and listings; None: the SDK's client does."""
        requests = self._own_requests
        return requests if requests is not None and requests.is_supported() else None

    def _call(self, operation: str, **parameters: str | bytes) -> Any:
        call: Callable[..., Awaitable[Any]] = self._fs._call_s3  # noqa: SLF001 - call_s3 would leave errors to the loop
        return self._wait(call, operation, **parameters)

    def _wait(self, request: Callable[..., Awaitable[T]], *arguments: object, **options: object) -> T:
        return run_sync(self._fs.loop, request, *arguments, timeout=self._call_timeout, **options)


_INSTANT = "GLACIER_IR"
_EXPIRY_DATE = re.compile(r'expiry-date="([^"]+)"')


def _whole_size(headers: Mapping[str, str], file: StoredFile) -> int | None:
    """The size of the whole file, from the response to a ranged GET; the known size if the response does not say it."""
    if "content-range" not in headers:
        return parse_size(headers.get("content-length", ""))  # the whole file
    size = headers["content-range"].rpartition("/")[2].strip()
    return file.size if size == "*" else parse_size(size)


def _available_until(file: StoredFile, headers: Mapping[str, str]) -> datetime | None:
    """When a file can no longer be downloaded: its restored copy ends, or a rule of the bucket deletes it.

    Args:
        file: The file.
        headers: Those of the response to its HEAD or GET.

    Raises:
        StorageMisbehaved: It is in an archive, so it cannot be downloaded now.
    """
    storage_class = headers.get("x-amz-storage-class", "").upper()
    # IBM has a class ACCELERATED; the archives of other providers have names of their own.
    in_archive = storage_class in ("GLACIER", "ACCELERATED") or "ARCHIVE" in storage_class
    archived = (in_archive and storage_class != _INSTANT) or bool(headers.get("x-amz-archive-status"))
    restore = headers.get("x-amz-restore", "")
    if archived and 'ongoing-request="false"' not in restore:
        state = "is being restored" if restore else "must be restored first"
        raise StorageMisbehaved(
            f"{file.name!r} is in the archive ({storage_class}) and {state}, so nobody can download it now; "
            "restore it, or upload it again"
        )
    ends = [restore] if archived else []
    if file.version_id is None:  # a rule hides a version, and its URL still works
        ends.append(headers.get("x-amz-expiration", ""))
    times = [parse_time(match[1]) for text in ends if (match := _EXPIRY_DATE.search(text))]
    return min((time for time in times if time is not None), default=None)


async def _read_all(body: StreamingBody) -> bytes:
    async with body:
        return bytes(await body.read())


def _lifetime_problem(wanted: timedelta, longest: timedelta) -> str:
    if longest < MAX_SIGNATURE_LIFETIME:
        return (
            f"a URL cannot work for {wanted}: it expires with the session that signs it, after at most {longest}; "
            f"make sessions longer ({SESSION_DURATION}) or URLs shorter ({URL_LIFETIME})"
        )
    return f"a signed URL can work for one second to seven days, not {wanted}; change {URL_LIFETIME}"


def read_page(body: bytes, *, folder: str = "") -> Page:
    """Read the response to a ListObjectsV2 whose encoding of keys is as it says.

    Args:
        body: XML in UTF-8.
        folder: The prefix that is removed from the keys, as for ``page_below``.

    Raises:
        StorageMisbehaved: The response is not a complete listing, or has a document type.
    """
    response = ListResponse.parse(body)
    return response.page(folder, KeyEncoding.FORM if response.declares_encoding else KeyEncoding.NONE)


@frozen
class ListResponse:
    """A response to ListObjectsV2 or ListObjects. Reading it is ten times faster than with the SDK.

    Args:
        keys: As the response has them, possibly encoded.
        declares_encoding: Whether it says that they are.
        next_token: As ``Page.next_token``.
        max_keys: The most keys that a page can have, as the storage says.
        fields: The fields of the file at a position.
    """

    keys: Sequence[str]
    declares_encoding: bool
    next_token: str | None
    max_keys: int | None
    fields: Fields

    @classmethod
    def parse(cls, body: bytes) -> ListResponse:
        """Parse XML in UTF-8.

        Raises:
            StorageMisbehaved: The response is not a complete listing, has a document type, or contradicts itself.
        """
        root, keys, fields = parse_listing(body, file="Contents", name="Key", size="Size")
        described = fields_in(root)
        if root.tag.rpartition("}")[2] != "ListBucketResult" or "IsTruncated" not in described:
            raise not_a_listing()
        count = parse_size(described.get("KeyCount", ""))
        if count is not None and count > len(keys):
            raise StorageMisbehaved(
                f"the storage says that a page of its listing has {count} files and sends {len(keys)}; scan again"
            )
        token = described.get("NextContinuationToken", "") if described["IsTruncated"].lower() == "true" else None
        max_keys = parse_size(described.get("MaxKeys", ""))
        encoding = described.get("EncodingType") or described.get("Encoding-Type", "")
        return cls(keys, encoding.lower() == "url", token, max_keys, fields)

    def page(self, folder: str, encoding: KeyEncoding) -> Page:
        """The names below a folder, as ``page_below`` makes them."""

        def file(position: int, name: str) -> StoredFile:
            fields = self.fields(position)
            return stored_file(
                name,
                size=parse_size(fields.get("Size", "")),
                etag=fields.get("ETag"),
                last_modified=fields.get("LastModified"),
                listed=True,
            )

        return page_below(folder, encoding.decode(self.keys), file, self.next_token)

"""S3 and everything that speaks it, through s3fs.

Listing, stat, read and signing all go to S3's own operations: ``find`` shows no pages and reads an empty
answer as an empty bucket, ``info`` asks twice for a missing key, and paths cut off a key at ``?versionId=``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable
from urllib.parse import unquote_plus, urlsplit

from attrs import frozen
from fsspec import AbstractFileSystem

from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import Request
from remote_artwork.errors import ConfigurationError, FileGone, InvalidLocation, MissingExtra, StorageMisbehaved
from remote_artwork.http import NetworkPolicy, run_sync
from remote_artwork.storage.backends.base import MAX_SIGNATURE_LIFETIME, Entries, Found, Requester, expiry_of
from remote_artwork.storage.backends.listing import Listed, Lister, below, names_from
from remote_artwork.storage.backends.xml import no_listing, number_in, read_xml, texts_in
from remote_artwork.storage.credentials import Ambient, Anonymous, AssumeRole, Credentials, Keys
from remote_artwork.storage.errors import bare_etag
from remote_artwork.storage.location import Location
from remote_artwork.storage.provider_table import match_host


@frozen
class S3Page:
    """One page.

    Args:
        keys: Whole keys, in the storage's order.
        describe: What the page tells of ``keys[i]``, by S3's own names, as ``stored_file`` reads it.
        following: The token of the next page, empty where none is named; None where the listing ends.
    """

    keys: Sequence[str]
    describe: Callable[[int], Mapping[str, Any]]
    following: str | None


def read_page(body: bytes) -> S3Page:
    """Reads the answer to a ListObjectsV2.

    Args:
        body: XML in UTF-8.

    Raises:
        StorageMisbehaved: It is no such answer, or not all of it, or one with a document type.
    """
    page = read_xml(body, file="Contents", name="Key", size="Size")
    told = texts_in(page.root)
    if page.root.tag.rpartition("}")[2] != "ListBucketResult" or "IsTruncated" not in told:
        raise no_listing()

    fields_of = page.fields  # without the page, whose names would be kept as long as this is

    def describe(place: int) -> Mapping[str, Any]:
        fields = fields_of(place)
        return {**fields, "Size": number_in(fields.get("Size", ""))}

    truncated = told["IsTruncated"].lower() == "true"
    following = told.get("NextContinuationToken", "") if truncated else None
    return S3Page(_decoded(page.names) if told.get("EncodingType") == "url" else page.names, describe, following)


def _decoded(keys: Sequence[str]) -> Sequence[str]:
    """Keys that were percent-encoded, because XML cannot hold all of them."""
    joined = "".join(keys)
    return [unquote_plus(key) for key in keys] if "%" in joined or "+" in joined else keys


if TYPE_CHECKING:
    from aiobotocore.response import StreamingBody

Entry = Mapping[str, Any]
T = TypeVar("T")


def connect(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """An s3fs that knows this location's credentials only, and connects where ``network`` lets it."""
    network.check_endpoint(location.endpoint)
    if not isinstance(credentials, Anonymous | Keys | AssumeRole | Ambient):
        raise ConfigurationError(
            f"{location}: S3 takes Keys, AssumeRole, Ambient or Anonymous, not {type(credentials).__name__}"
        )
    _keep_at_amazon(location, credentials)
    if isinstance(credentials, AssumeRole) and credentials.sts_endpoint:
        network.check_endpoint(credentials.sts_endpoint)
    try:
        from remote_artwork.storage.backends.s3_client import guarded_s3fs
    except ImportError as error:
        raise MissingExtra(f"{location} needs s3fs: pip install 'remote_artwork[s3]'") from error
    return guarded_s3fs(location, credentials, network)


def _keep_at_amazon(location: Location, credentials: Credentials) -> None:
    """What opens AWS is shown to AWS only: another endpoint would learn whose it is, and use a session as its own."""
    ours = isinstance(credentials, Ambient) or (isinstance(credentials, AssumeRole) and not credentials.sts_endpoint)
    if ours and not _is_amazons(location):
        raise ConfigurationError(
            f"{location}: {type(credentials).__name__} is for buckets of AWS; give this endpoint Keys of its own"
        )


def _is_amazons(location: Location) -> bool:
    if location.endpoint is None:
        return True  # the SDK knows no other endpoints by itself
    match = match_host(urlsplit(location.endpoint).hostname or "", "/")
    return match is not None and match.provider.id == "aws"


@runtime_checkable
class Prepared(Protocol):
    """What a file system that ``connect`` made knows of its location; one that was handed in does not.

    Attributes:
        locate: As ``Locator.locate``.
        longest_url: The length of the sessions that sign; None: they do not end.
    """

    locate: Callable[[], str] | None
    max_url_lifetime: timedelta | None


class Backend:
    """One folder of one bucket."""

    def __init__(self, fs: AbstractFileSystem, root: str, *, call_timeout: float) -> None:
        bucket, folder, _ = fs.split_path(root)
        if not bucket:
            raise InvalidLocation("an S3 location needs a bucket: bucket/folder")
        self._fs = fs
        self._bucket = bucket
        self._prefix = f"{folder.rstrip('/')}/" if folder else ""
        self._call_timeout = call_timeout
        self._lister = Lister()
        ours = fs if isinstance(fs, Prepared) else None
        self.locate = ours.locate if ours else None
        self.max_url_lifetime = (ours.max_url_lifetime if ours else None) or MAX_SIGNATURE_LIFETIME

    def pages(self, ask: Requester) -> Iterator[Entries]:
        """As many keys a page as the storage gives, by its continuation tokens."""
        return self._lister.pages(self, ask)

    def search(self, wanted: SearchQuery, ask: Requester) -> Iterator[Found]:
        """By skip-scan, where the storage keeps to the protocol."""
        return self._lister.search(self, wanted, ask)

    def page(self, request: Request) -> Listed:
        """One page, read here: the SDK takes ten times as long."""
        page = self._listed(request)
        return Listed(below(self._prefix, page.keys, page.describe), page.following)

    def _listed(self, request: Request) -> S3Page:
        from remote_artwork.storage.backends.s3_client import list_page

        place = {"StartAfter": self._prefix + request.after} if request.after else {}
        if request.token is not None:
            place = {"ContinuationToken": request.token}
        parameters = {"Prefix": self._prefix + request.prefix, **place}
        return read_page(self._wait(list_page, self._fs, self._bucket, parameters))

    def names_after(self, name: str) -> Sequence[str]:
        """One page of the names after this one, for a check."""
        return names_from(self._prefix, self._listed(Request(after=name)).keys)

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file, for a check."""
        self._call("put_object", Bucket=self._bucket, Key=self._prefix + name, Body=content)

    def delete(self, name: str) -> None:
        """Deletes a file, for a check."""
        self._call("delete_object", Bucket=self._bucket, Key=self._prefix + name)

    def head(self, name: str) -> Entry:
        """One HEAD; tells the version where the bucket keeps versions."""
        answer: Entry = self._call("head_object", Bucket=self._bucket, Key=self._prefix + name)
        if not answer.get("ETag"):
            raise StorageMisbehaved("the storage describes a file without its ETag; check host and bucket in the URL")
        return answer

    def get(self, file: StoredFile, start: int, end: int) -> bytes:
        """One ranged GET of the pinned version; without one, the ETag has to be the same."""
        answer = self._call("get_object", **self._object(file), Range=f"bytes={start}-{end - 1}")
        body: StreamingBody = answer["Body"]
        etag = bare_etag(answer)
        if etag != file.etag:
            body.close()
            if etag is None:
                raise StorageMisbehaved("the storage sends a file without its ETag")
            raise FileGone("the file was replaced since it was looked at")
        return self._wait(_drain, body)

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """Signed with the location's keys; plain for a public bucket, whose policy seldom lets versions be read."""
        anonymous = bool(self._fs.anon)
        if not anonymous and not timedelta(seconds=1) <= expires_in <= self.max_url_lifetime:
            raise ConfigurationError(_no_such_life(expires_in, self.max_url_lifetime))
        parameters = self._object(file)
        if anonymous:
            parameters.pop("VersionId", None)
        url = self._wait(self._signed, parameters, expires_in)
        return url, None if anonymous else expiry_of(url, "Amz")

    async def _signed(self, parameters: Mapping[str, str], expires_in: timedelta) -> str:
        from remote_artwork.storage.backends.s3_client import ensure_lifetime

        await self._fs.set_session()
        client = await self._fs.get_s3(self._bucket)
        if not self._fs.anon:
            signer = client._request_signer  # noqa: SLF001 - only there the SDK has the credentials of every kind
            expires_in = await ensure_lifetime(signer._credentials, expires_in)  # noqa: SLF001
        return str(await client.generate_presigned_url("get_object", parameters, int(expires_in.total_seconds())))

    def _object(self, file: StoredFile) -> dict[str, str]:
        version = {} if file.version_id is None else {"VersionId": file.version_id}
        return {"Bucket": self._bucket, "Key": self._prefix + file.name, **version}

    def _call(self, operation: str, **parameters: str | bytes) -> Any:
        call: Callable[..., Awaitable[Any]] = self._fs._call_s3  # noqa: SLF001 - the loop sees what becomes of call_s3
        return self._wait(call, operation, **parameters)

    def _wait(self, request: Callable[..., Awaitable[T]], *arguments: object, **options: object) -> T:
        return run_sync(self._fs.loop, request, *arguments, timeout=self._call_timeout, **options)


async def _drain(body: StreamingBody) -> bytes:
    async with body:
        return bytes(await body.read())


def _no_such_life(wanted: timedelta, longest: timedelta) -> str:
    if longest < MAX_SIGNATURE_LIFETIME:
        return (
            f"a URL dies with the session that signs it, after {longest} at the latest, and shall live for {wanted}; "
            "make sessions longer (AssumeRole.duration; duration_minutes in a credentials file) "
            "or URLs shorter (Scanner.url_lifetime)"
        )
    return f"a signed URL lives for one second to seven days, not {wanted}"

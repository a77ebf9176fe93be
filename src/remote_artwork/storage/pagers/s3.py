"""S3 and everything that speaks it, through s3fs.

Listing, stat, read and signing all go to S3's own operations by ``call_s3``: ``find`` shows no pages and reads an empty
answer as an empty bucket, ``info`` asks twice for a missing key, and paths cut off a key at ``?versionId=``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from fsspec import AbstractFileSystem
from fsspec.asyn import sync

from remote_artwork.core.awaited import Wanted
from remote_artwork.core.model import StoredFile
from remote_artwork.core.skipscan import Request
from remote_artwork.errors import ConfigurationError, FileGone, InvalidLocation, MissingExtra, StorageMisbehaved
from remote_artwork.storage.credentials import Anonymous, Credentials, Keys
from remote_artwork.storage.foreign import bare_etag
from remote_artwork.storage.location import Location
from remote_artwork.storage.network import NetworkPolicy
from remote_artwork.storage.pagers import Ask, Entries, Found
from remote_artwork.storage.pagers.listing import MOST_AT_ONCE, Listed, Lister, below
from remote_artwork.storage.pagers.s3_page import read_page

if TYPE_CHECKING:
    from aiobotocore.response import StreamingBody

LONGEST_SIGNATURE = timedelta(days=7)
"""The limit of the signature protocol itself."""

Entry = Mapping[str, Any]


def connect(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """An s3fs that knows this location's credentials only, retries nothing, and connects where ``network`` lets it.

    Every option that fsspec's own configuration could fill in is given, so that it cannot.
    """
    network.check_endpoint(location.endpoint)
    if not isinstance(credentials, Anonymous | Keys):
        raise ConfigurationError(f"{location}: S3 takes Keys or Anonymous, not {type(credentials).__name__}")
    try:
        import s3fs

        from remote_artwork.storage.pagers.s3_transport import NoRedirects, shared_session
    except ImportError as error:
        raise MissingExtra(f"{location} needs s3fs: pip install 'remote_artwork[s3]'") from error
    keys = credentials if isinstance(credentials, Keys) else None
    fs = s3fs.S3FileSystem(
        anon=keys is None,
        key=keys and keys.access_key,
        secret=keys and keys.secret_key,
        token=keys and keys.token,
        username=None,
        password=None,
        endpoint_url=location.endpoint,
        use_ssl=True,
        client_kwargs={"region_name": location.region or "us-east-1"},
        config_kwargs={
            "signature_version": "s3v4",
            "s3": {"addressing_style": location.style},
            # The SDK's own choice, when_supported, breaks most storages that are not Amazon's.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "ignore_configured_endpoint_urls": True,
            "connect_timeout": network.connect_timeout,
            "read_timeout": network.read_timeout,
            "max_pool_connections": MOST_AT_ONCE,
            "retries": {"max_attempts": 0},
            "connector_args": {"socket_factory": network.socket_factory},
            "http_session_cls": NoRedirects,
        },
        s3_additional_kwargs={},
        requester_pays=False,
        version_aware=False,
        cache_regions=False,
        session=shared_session(),
        asynchronous=False,
        skip_instance_cache=True,
        use_listings_cache=False,
    )
    fs.retries = 1
    return fs


class Pager:
    """One folder of one bucket."""

    def __init__(self, fs: AbstractFileSystem, root: str, *, call_timeout: float) -> None:
        bucket, folder, _ = fs.split_path(root)
        if not bucket:
            raise InvalidLocation("an S3 location needs a bucket: bucket/folder")
        self._fs = fs
        self._bucket = bucket
        self._prefix = f"{folder.rstrip('/')}/" if folder else ""
        self._call_timeout = call_timeout
        self._lister = Lister(self._page, self.head)

    def pages(self, ask: Ask) -> Iterator[Entries]:
        """As many keys a page as the storage gives, by its continuation tokens."""
        return self._lister.pages(ask)

    def search(self, wanted: Wanted, ask: Ask) -> Iterator[Found]:
        """By skip-scan, where the storage keeps to the protocol."""
        return self._lister.search(wanted, ask)

    def _page(self, request: Request) -> Listed:
        from remote_artwork.storage.pagers.s3_transport import list_page

        place = {"StartAfter": self._prefix + request.after} if request.after else {}
        if request.token is not None:
            place = {"ContinuationToken": request.token}
        parameters = {"Prefix": self._prefix + request.prefix, **place}
        page = read_page(sync(self._fs.loop, list_page, self._fs, self._bucket, parameters, timeout=self._call_timeout))
        return Listed(below(self._prefix, page.keys, page.describe), page.following)

    def head(self, name: str) -> Entry:
        """One HEAD; tells the version where the bucket keeps versions."""
        answer: Entry = self._call("head_object", Bucket=self._bucket, Key=self._prefix + name)
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
        return bytes(sync(self._fs.loop, _drain, body, timeout=self._call_timeout))

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """Signed with the location's keys; plain for a public bucket, whose policy seldom lets versions be read."""
        anonymous = bool(self._fs.anon)
        if not anonymous and not timedelta(seconds=1) <= expires_in <= LONGEST_SIGNATURE:
            raise ConfigurationError(f"a signed URL lives for one second to seven days, not {expires_in}")
        parameters = self._object(file)
        if anonymous:
            parameters.pop("VersionId", None)
        self._fs.connect()
        client = sync(self._fs.loop, self._fs.get_s3, self._bucket)
        seconds = int(expires_in.total_seconds())
        url = str(sync(self._fs.loop, client.generate_presigned_url, "get_object", parameters, seconds))
        return url, None if anonymous else _expiry(url)

    def _object(self, file: StoredFile) -> dict[str, str]:
        version = {} if file.version_id is None else {"VersionId": file.version_id}
        return {"Bucket": self._bucket, "Key": self._prefix + file.name, **version}

    def _call(self, operation: str, **parameters: str) -> Any:
        return self._fs.call_s3(operation, timeout=self._call_timeout, **parameters)


async def _drain(body: StreamingBody) -> bytes:
    async with body:
        return bytes(await body.read())


def _expiry(url: str) -> datetime:
    """When a signed URL stops working, by what stands in it."""
    query = parse_qs(urlsplit(url).query)
    signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed_at + timedelta(seconds=int(query["X-Amz-Expires"][0]))

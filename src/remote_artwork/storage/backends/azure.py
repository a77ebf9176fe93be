"""The backend for Azure Blob Storage, through the SDK's client inside adlfs.

It calls that client instead of adlfs's file system methods: ``find`` has no pages and reads a missing container as an
empty one, ``ls`` loses the children of a folder with a marker, and both read this machine's ``AZURE_STORAGE_*``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from fsspec import AbstractFileSystem

from remote_artwork.core.cures import URL_LIFETIME
from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import Request
from remote_artwork.errors import ConfigurationError, InvalidLocation, StorageMisbehaved
from remote_artwork.http import NetworkPolicy, ResponseTooLarge, run_sync
from remote_artwork.storage.backends.base import Requester
from remote_artwork.storage.backends.listing import JudgedSource, Lister, Question, page_below
from remote_artwork.storage.backends.xml import not_a_listing, parse_listing, parse_size
from remote_artwork.storage.credentials import AccountKey, Ambient, Anonymous, Credentials, SasToken
from remote_artwork.storage.location import Location
from remote_artwork.storage.metadata import check_encoding, stored_file
from remote_artwork.storage.reader import FilePart

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient, ContainerClient

    from remote_artwork.storage.backends.azure_requests import ContainerRequests

FOLDER_MARK = "hdi_isfolder"
"""The metadata field that marks a folder of a hierarchical namespace, which otherwise looks like an empty file."""

_NO_KEY = (
    "these Azure credentials have no key, so they cannot sign URLs; use an AccountKey, "
    "or a SasToken with share_sas=True"
)

_NOT_SHARED = (
    "a SAS cannot sign a URL for one file; allow sharing the SAS itself with SasToken(…, share_sas=True), in a "
    "credentials file share_sas: true, or use an AccountKey (account_key)"
)

PAGE_SIZE = 5000
"""Blobs per page: the most that the service returns."""

_SMALL_PAGE_SIZE = 250
"""Blobs per page if they have so much metadata that a larger page is too long. Each has 8 KiB of it at most."""


def connect(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """An adlfs for this location's account, whose host is one of Azure's own: a location has no other."""
    if not isinstance(credentials, Anonymous | SasToken | AccountKey | Ambient):
        raise ConfigurationError(
            f"{location}: Azure takes SasToken, AccountKey, Ambient or Anonymous, not {type(credentials).__name__}"
        )
    account = str(location.account)
    url = location.endpoint or f"https://{account}.blob.core.windows.net"
    network.check_endpoint(url)
    from remote_artwork.storage.backends.azure_client import guarded_adlfs

    return guarded_adlfs(url, account, credentials, network)


class Backend:
    """One folder of one container. Never shares the SAS of a file system that the user made."""

    lists_tell_all = True  # a listing is strongly consistent, and has the same properties as a lookup

    def __init__(self, fs: AbstractFileSystem, root: str, *, call_timeout: float) -> None:
        from azure.core import MatchConditions

        from remote_artwork.storage.backends.azure_client import ONCE

        container, _, folder = root.partition("/")
        if not container:
            raise InvalidLocation(f"{root!r}: an Azure location needs a container; use container/folder")
        self._fs = fs
        self._client: ContainerClient = fs.service_client.get_container_client(container)
        self._share_sas: bool = getattr(fs, "share_sas", False)
        self.folder: str = f"{folder.rstrip('/')}/" if folder else ""
        self._call_timeout = call_timeout
        self._page_size: int | None = None
        self._lister = Lister(in_order=False)  # the service cannot start a page after a given name
        self._once: Mapping[str, Any] = ONCE
        self._if_not_modified = MatchConditions.IfNotModified
        self._requests = _own_requests(fs, self._client, call_timeout)

    def pages(self, send: Requester) -> Iterator[Page]:
        """List by markers, with as many blobs per page as the storage returns."""
        return self._lister.pages(self, send)

    def search(self, query: SearchQuery, send: Requester) -> Iterator[Page]:
        """List everything, or by prefixes once that is cheaper."""
        return self._lister.search(self, query, send)

    def siblings(self, basenames: Sequence[str], send: Requester) -> Iterator[Page]:
        """List by prefix, one request for each basename. The files are judged as ``head`` judges them."""
        return self._lister.siblings(JudgedSource(self.folder, self), basenames, send)

    def page(self, request: Request, *, judged: bool = False) -> Page | Question:
        """One List Blobs.

        Args:
            request: The page.
            judged: Whether ``Page.file`` raises the errors of ``head`` for a file that cannot be used.
        """
        from remote_artwork.storage.backends.azure_client import list_page

        size = self._page_size or PAGE_SIZE
        try:
            prefix = self.folder + request.prefix
            if self._requests is not None:
                body = self._requests.list_page(prefix, request.token, size)
            else:
                body = self._wait(list_page, self._client, prefix, request.token, size)
        except ResponseTooLarge:
            if size <= _SMALL_PAGE_SIZE:
                raise
            self._page_size = _SMALL_PAGE_SIZE  # the blobs have much metadata
            return Question((), lambda _: None)
        return read_page(body, folder=self.folder, judged=judged)

    def head(self, name: str) -> StoredFile:
        """One HEAD. Includes the version id if the account keeps versions."""
        headers = self._look_up(name)
        return self._described(name, headers, parse_size(headers.get("content-length", "")))

    def _look_up(self, name: str) -> Mapping[str, str]:
        """The headers of one HEAD; their names are in lower case."""
        if self._requests is not None:
            return self._requests.head(self.folder + name)
        from remote_artwork.storage.backends.azure_client import ResponseHeaders

        headers = ResponseHeaders()
        self._wait(self._blob(name).get_blob_properties, raw_response_hook=headers.keep, **self._once)
        return headers.by_name

    def get(self, file: StoredFile, start: int, end: int) -> FilePart:
        """One ranged GET of the pinned version. The ETag must be the same."""
        if self._requests is not None:
            key, version_id = self.folder + file.name, self._version(file)
            answer = self._requests.get(key, start, end, etag=file.etag, version_id=version_id)
            content, headers = answer.body, answer.headers
        else:
            content, headers = self._wait(self._download, file, start, end)
        size = parse_size(headers.get("content-range", "").rpartition("/")[2])
        return FilePart(content=content, file=self._described(file.name, headers, size))

    async def _download(self, file: StoredFile, start: int, end: int) -> tuple[bytes, Mapping[str, str]]:
        from remote_artwork.storage.backends.azure_client import ResponseHeaders

        headers = ResponseHeaders()
        stream = await self._blob(file.name).download_blob(
            start,
            end - start,
            version_id=self._version(file),
            etag=f'"{file.etag}"',
            match_condition=self._if_not_modified,
            raw_response_hook=headers.keep,
            **self._once,
        )
        return bytes(await stream.readall()), headers.by_name

    def _described(self, name: str, headers: Mapping[str, str], size: int | None) -> StoredFile:
        """The file that the headers of a response to a HEAD or GET describe.

        A GET does not report the access tier. The service refuses to send a file that is in the archive.

        Raises:
            FileNotFoundError: It is a folder.
            StorageMisbehaved: A shop could not download it as it is, or its replacement would not be noticed.
        """
        if headers.get(f"x-ms-meta-{FOLDER_MARK}", "").lower() == "true":
            raise FileNotFoundError(f"{name!r} is a folder")
        _check_available(
            name,
            encoding=headers.get("content-encoding", ""),
            tier=headers.get("x-ms-access-tier", ""),
            archive_status=headers.get("x-ms-archive-status", ""),
        )
        return stored_file(
            name,
            size=size,
            etag=headers.get("etag"),
            version_id=None if self._is_anonymous else headers.get("x-ms-version-id"),
            last_modified=headers.get("last-modified"),
        )

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """A URL for this one file, signed with the account key; with the SAS if it may be shared; or unsigned."""
        unsigned, _, own_sas = str(self._blob(file.name).url).partition("?")
        credential = self._client.credential
        sas = str(getattr(credential, "signature", own_sas))
        if sas:
            return f"{unsigned}?{self._version_query(file)}{sas}", self._sas_expiry(sas, expires_in)
        if credential is None:
            return unsigned, None
        key = getattr(credential, "account_key", None)
        if not key:
            raise ConfigurationError(_NO_KEY)
        return self._sign(unsigned, (credential.account_name, key), file, expires_in)

    def _sign(
        self, unsigned: str, account: tuple[str, str], file: StoredFile, expires_in: timedelta
    ) -> tuple[str, datetime]:
        from azure.storage.blob import generate_blob_sas

        if expires_in < timedelta(seconds=1):
            raise ConfigurationError(
                f"a signed URL must work for at least one second, not {expires_in}; change {URL_LIFETIME}"
            )
        version = self._version(file)
        expires_at = (datetime.now(UTC) + expires_in).replace(microsecond=0)
        sas = generate_blob_sas(
            account[0],
            str(self._client.container_name),
            self.folder + file.name,
            account_key=account[1],
            permission="r",
            expiry=expires_at,
            version_id=version,
        )
        return f"{unsigned}?{self._version_query(file)}{sas}", expires_at

    def _sas_expiry(self, sas: str, expires_in: timedelta) -> datetime:
        """When the merchant's own SAS expires, if it may be shared and works long enough."""
        if not self._share_sas:
            raise ConfigurationError(_NOT_SHARED)
        try:
            end = datetime.fromisoformat(parse_qs(sas)["se"][0])
        except (KeyError, ValueError) as error:
            raise ConfigurationError("the SAS has no expiry time (se); make one that has") from error
        end = end.replace(tzinfo=end.tzinfo or UTC).astimezone(UTC)
        if end < datetime.now(UTC) + expires_in:
            raise ConfigurationError(
                f"the SAS expires at {end:%Y-%m-%d %H:%M} UTC, which is too early for a URL that contains it; "
                "make a new SAS"
            )
        return end

    def _version(self, file: StoredFile) -> str | None:
        """The version to read. Without credentials only the current one can be read."""
        return None if self._is_anonymous else file.version_id

    def _version_query(self, file: StoredFile) -> str:
        version = self._version(file)
        return f"versionid={quote(version, safe=':')}&" if version else ""

    @property
    def _is_anonymous(self) -> bool:
        return self._client.credential is None and "?" not in self._client.url

    def check_urls(self) -> None:
        """Raise ``ConfigurationError`` if the credentials can never make a URL for the shop. Makes no request."""
        credential = self._client.credential
        is_sas = hasattr(credential, "signature") or "?" in self._client.url
        if is_sas and not self._share_sas:
            raise ConfigurationError(_NOT_SHARED)
        if credential is not None and not is_sas and not getattr(credential, "account_key", None):
            raise ConfigurationError(_NO_KEY)

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, for ``check``."""
        self._wait(self._blob(name).upload_blob, data=content, overwrite=True, **self._once)

    def delete(self, name: str) -> None:
        """Delete a file, for ``check``."""
        self._wait(self._blob(name).delete_blob, **self._once)

    def _blob(self, name: str) -> BlobClient:
        return self._client.get_blob_client(self.folder + name)

    def _wait(self, request: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
        return run_sync(self._fs.loop, request, *arguments, timeout=self._call_timeout, **options)


def _own_requests(fs: AbstractFileSystem, client: ContainerClient, timeout: float) -> ContainerRequests | None:
    """What sends lookups, reads and listings; None: the SDK's client does."""
    from remote_artwork.storage.backends.azure_requests import ContainerRequests

    connections = getattr(fs, "connections", None)  # a file system that the user made has none
    requests = None if connections is None else ContainerRequests(client, connections, timeout)
    return requests if requests is not None and requests.is_supported() else None


def _check_available(name: str, *, encoding: str, tier: str, archive_status: str) -> None:
    """Check that a shop can download a file now, and receives its bytes as they are.

    Raises:
        StorageMisbehaved: It cannot.
    """
    check_encoding(name, encoding)
    if tier.lower() == "archive":
        state = "is being restored" if archive_status else "must be moved to another access tier first"
        raise StorageMisbehaved(
            f"{name!r} is in the archive and {state}, so nobody can download it now; "
            "set its access tier to Hot or Cool, or upload it again"
        )


def read_page(body: bytes, *, folder: str = "", judged: bool = False) -> Page:
    """Read the response to a List Blobs, 100 times faster than the SDK. Leaves out folders.

    Args:
        body: XML in UTF-8.
        folder: The prefix that is removed from the names, as for ``page_below``.
        judged: As for ``Backend.page``.

    Raises:
        StorageMisbehaved: The response is not a complete listing, or has a document type.
    """
    root, names, fields_of = parse_listing(body, file="Blob", name="Name", size="Content-Length")
    if root.tag != "EnumerationResults":
        raise not_a_listing()
    positions: Sequence[int] = range(len(names))
    if FOLDER_MARK.encode() in body:
        positions = [i for i in positions if fields_of(i).get(FOLDER_MARK, "").lower() != "true"]
        names = [names[i] for i in positions]

    def file(position: int, name: str) -> StoredFile:
        fields = fields_of(positions[position])
        if judged:
            _check_listed(name, fields)
        return stored_file(
            name,
            size=parse_size(fields.get("Content-Length", "")),
            etag=fields.get("Etag"),
            version_id=fields.get("VersionId"),
            last_modified=fields.get("Last-Modified"),
            listed=True,
        )

    return page_below(folder, names, file, root.findtext("NextMarker") or None)


def _check_listed(name: str, fields: Mapping[str, str]) -> None:
    """Check the properties of a listed file as ``Backend.head`` checks its headers.

    Raises:
        StorageMisbehaved: A shop could not download it as it is.
    """
    if fields.get("CustomerProvidedKeySha256"):
        raise StorageMisbehaved(
            f"{name!r} is encrypted with a key of the customer, so a shop cannot download it by URL; "
            "upload it without that key"
        )
    _check_available(
        name,
        encoding=fields.get("Content-Encoding", ""),
        tier=fields.get("AccessTier", ""),
        archive_status=fields.get("ArchiveStatus", ""),
    )

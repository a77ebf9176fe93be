"""Azure Blob Storage, through the client inside of adlfs.

Listing, stat, read and signing go to that client: adlfs's ``find`` shows no pages and reads a missing container as an
empty one, ``ls`` loses the children of a folder with a marker, and both read this machine's ``AZURE_STORAGE_*``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from attrs import frozen
from fsspec import AbstractFileSystem

from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import Request
from remote_artwork.errors import ConfigurationError, InvalidLocation, MissingExtra, StorageMisbehaved
from remote_artwork.http import NetworkPolicy, run_sync
from remote_artwork.storage.backends.base import Entries, Found, Requester, isolated_fs
from remote_artwork.storage.backends.listing import Listed, Lister, below
from remote_artwork.storage.backends.xml import no_listing, number_in, read_xml
from remote_artwork.storage.credentials import AccountKey, Ambient, Anonymous, Credentials, SasToken
from remote_artwork.storage.location import Location

FOLDER_MARK = "hdi_isfolder"
"""The metadata by which a hierarchical namespace tells its folders from empty files."""


@frozen
class AzurePage:
    """One page.

    Args:
        names: Whole names of blobs, in the storage's order.
        describe: What the page tells of ``names[i]``, as ``stored_file`` reads it.
        following: The marker of the next page; None where the listing ends.
    """

    names: Sequence[str]
    describe: Callable[[int], Mapping[str, Any]]
    following: str | None


def read_page(body: bytes) -> AzurePage:
    """Reads the answer to a List Blobs; folders of a hierarchical namespace are left out.

    Args:
        body: XML in UTF-8.

    Raises:
        StorageMisbehaved: It is no such answer, or not all of it, or one with a document type.
    """
    page = read_xml(body, file="Blob", name="Name", size="Content-Length")
    if page.root.tag != "EnumerationResults":
        raise no_listing()
    places: Sequence[int] = range(len(page.names))
    if FOLDER_MARK.encode() in body:
        places = [place for place in places if page.fields(place).get(FOLDER_MARK, "").lower() != "true"]

    def describe(place: int) -> Mapping[str, Any]:
        told = page.fields(places[place])
        if not told.get("Etag"):
            raise StorageMisbehaved("the storage names a file without its ETag; check host and container in the URL")
        return {
            "size": number_in(told.get("Content-Length", "")),
            "etag": told["Etag"],
            "last_modified": told.get("Last-Modified"),
            "version_id": told.get("VersionId"),
        }

    return AzurePage([page.names[place] for place in places], describe, page.root.findtext("NextMarker") or None)


if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties
    from azure.storage.blob.aio import BlobClient, ContainerClient

PAGE = 5000
"""Blobs a page; the most that the service gives."""

Entry = Mapping[str, Any]


def connect(location: Location, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """An adlfs for this location's account, whose host is one of Azure's own: a location holds no other."""
    if not isinstance(credentials, Anonymous | SasToken | AccountKey | Ambient):
        raise ConfigurationError(
            f"{location}: Azure takes SasToken, AccountKey, Ambient or Anonymous, not {type(credentials).__name__}"
        )
    account = str(location.account)
    url = location.endpoint or f"https://{account}.blob.core.windows.net"
    try:
        return file_system(url, account, credentials, network)
    except ImportError as error:
        raise MissingExtra(f"{location} needs adlfs: pip install 'remote_artwork[azure]'") from error


def file_system(url: str, account: str, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """An adlfs that knows these credentials only, retries nothing, and connects where ``network`` lets it.

    Args:
        url: The address of the account.
        account: Its name.
        credentials: What its requests are signed with.
        network: What only an operator may allow.
    """
    network.check_endpoint(url)
    from remote_artwork.storage.backends.azure_client import Account, service_client

    shared = isinstance(credentials, SasToken) and credentials.share_sas
    return isolated_fs(Account, client=service_client(url, account, credentials, network), share_sas=shared)


class Backend:
    """One folder of one container. A file system that was handed in never shares its SAS."""

    def __init__(self, fs: AbstractFileSystem, root: str, *, call_timeout: float) -> None:
        from azure.core import MatchConditions

        from remote_artwork.storage.backends.azure_client import ONCE

        container, _, folder = root.partition("/")
        if not container:
            raise InvalidLocation("an Azure location needs a container: container/folder")
        self._fs = fs
        self._client: ContainerClient = fs.service_client.get_container_client(container)
        self._share_sas: bool = getattr(fs, "share_sas", False)
        self._prefix = f"{folder.rstrip('/')}/" if folder else ""
        self._call_timeout = call_timeout
        self._lister = Lister(skips=False)
        self._once: Mapping[str, Any] = ONCE
        self._same = MatchConditions.IfNotModified

    def pages(self, ask: Requester) -> Iterator[Entries]:
        """As many blobs a page as the storage gives, by its markers."""
        return self._lister.pages(self, ask)

    def search(self, wanted: SearchQuery, ask: Requester) -> Iterator[Found]:
        """By prefixes, where that is cheaper than listing everything: the service begins no page after a name."""
        return self._lister.search(self, wanted, ask)

    def page(self, request: Request) -> Listed:
        """One page, read here: the SDK takes a hundred times as long."""
        from remote_artwork.storage.backends.azure_client import list_page

        body = self._wait(list_page, self._client, self._prefix + request.prefix, request.token, PAGE)
        page = read_page(body)
        return Listed(below(self._prefix, page.names, page.describe), page.following)

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file, for a check."""
        self._wait(self._blob(name).upload_blob, data=content, overwrite=True, **self._once)

    def delete(self, name: str) -> None:
        """Deletes a file, for a check."""
        self._wait(self._blob(name).delete_blob, **self._once)

    def head(self, name: str) -> Entry:
        """One HEAD; tells the version where the account keeps versions."""
        blob = self._wait(self._blob(name).get_blob_properties, **self._once)
        if _is_folder(blob):
            raise FileNotFoundError(f"{name!r} is a folder")
        return _entry(blob)

    def get(self, file: StoredFile, start: int, end: int) -> bytes:
        """One ranged GET of the pinned version, on the condition that the ETag is the same."""

        async def content() -> bytes:
            download = await self._blob(file.name).download_blob(
                start,
                end - start,
                version_id=self._version(file),
                etag=f'"{file.etag}"',
                match_condition=self._same,
                **self._once,
            )
            return bytes(await download.readall())

        return bytes(self._wait(content))

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """Signed with the account's key for this one file; plain for a public container; the SAS itself if allowed."""
        plain, _, own_sas = str(self._blob(file.name).url).partition("?")
        credential = self._client.credential
        sas = str(getattr(credential, "signature", own_sas))
        if sas:
            return f"{plain}?{sas}", self._end_of(sas, expires_in)
        if credential is None:
            return plain, None
        key = getattr(credential, "account_key", None)
        if not key:
            raise ConfigurationError(
                "these credentials of Azure hold no key, so they sign no URLs; give an AccountKey, "
                "or a SasToken that may be handed on"
            )
        return self._signed(plain, (credential.account_name, key), file, expires_in)

    def _signed(
        self, plain: str, account: tuple[str, str], file: StoredFile, expires_in: timedelta
    ) -> tuple[str, datetime]:
        from azure.storage.blob import generate_blob_sas

        if expires_in < timedelta(seconds=1):
            raise ConfigurationError(f"a signed URL lives for one second at least, not {expires_in}")
        version = self._version(file)
        expires_at = (datetime.now(UTC) + expires_in).replace(microsecond=0)
        sas = generate_blob_sas(
            account[0],
            str(self._client.container_name),
            self._prefix + file.name,
            account_key=account[1],
            permission="r",
            expiry=expires_at,
            version_id=version,
        )
        pinned = f"versionid={version}&" if version else ""
        return f"{plain}?{pinned}{sas}", expires_at

    def _end_of(self, sas: str, expires_in: timedelta) -> datetime:
        """When the merchant's own SAS stops working, if it may be handed on and lives long enough."""
        if not self._share_sas:
            raise ConfigurationError(
                "a SAS signs no URL for one file; let the SAS itself be handed on by SasToken(…, share_sas=True), "
                "in a credentials file share_sas: true, or use an AccountKey (account_key)"
            )
        try:
            end = datetime.fromisoformat(parse_qs(sas)["se"][0])
        except (KeyError, ValueError) as error:
            raise ConfigurationError("the SAS does not say when it ends (se); make one that does") from error
        end = end.replace(tzinfo=end.tzinfo or UTC).astimezone(UTC)
        if end < datetime.now(UTC) + expires_in:
            raise ConfigurationError(f"the SAS ends at {end:%Y-%m-%d %H:%M} UTC, too soon for a URL; make a new one")
        return end

    def _version(self, file: StoredFile) -> str | None:
        """Without credentials only the current version may be read."""
        anonymous = self._client.credential is None and "?" not in self._client.url
        return None if anonymous else file.version_id

    def _blob(self, name: str) -> BlobClient:
        return self._client.get_blob_client(self._prefix + name)

    def _wait(self, request: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
        return run_sync(self._fs.loop, request, *arguments, timeout=self._call_timeout, **options)


def _is_folder(blob: BlobProperties) -> bool:
    """A hierarchical namespace lists its folders among the blobs."""
    return str((blob.metadata or {}).get(FOLDER_MARK, "")).lower() == "true"


def _entry(blob: BlobProperties) -> Entry:
    if not blob.etag:
        raise StorageMisbehaved("the storage names a file without its ETag; check host and container in the URL")
    return {
        "size": blob.size,
        "etag": blob.etag,
        "last_modified": blob.last_modified,
        "version_id": getattr(blob, "version_id", None),
    }

"""Azure's SDK: a client without redirects, retries and this machine's settings. Imports adlfs and the SDK.

- ``guarded_adlfs`` makes the file system of an account.
- ``list_page`` makes one list request and returns the response unparsed.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Mapping
from concurrent.futures import wait
from http import HTTPStatus
from typing import Any

import aiohttp
from adlfs import AzureBlobFileSystem
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob.aio import BlobServiceClient, ContainerClient
from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem

from remote_artwork.connections import Connections
from remote_artwork.errors import ConfigurationError
from remote_artwork.http import NetworkPolicy, bound, check_complexity, open_session
from remote_artwork.storage.backends.base import isolated_fs
from remote_artwork.storage.backends.xml import not_a_listing
from remote_artwork.storage.credentials import AccountKey, Ambient, Credentials, SasToken

ONCE: Mapping[str, Any] = {"retry_total": 0, "permit_redirects": False}
"""Options of the SDK for a client or one call: no retries, no redirects."""

STORED_ENCODING = "x-remote-artwork-content-encoding"
"""The header with the ``Content-Encoding`` of a file, which the SDK must not see."""

CLOSE_TIMEOUT = 1.0
"""Seconds that closing connections may take."""


def guarded_adlfs(url: str, account: str, credentials: Credentials, network: NetworkPolicy) -> AbstractFileSystem:
    """An adlfs with these credentials only, without retries, which connects only where ``network`` allows it.

    Args:
        url: The account's address, from a location and never from a merchant's text.
        account: The account's name, for signatures.
        credentials: ``AccountKey``, ``SasToken``, ``Ambient``, or anything else for none.
        network: Guards addresses, and sets the timeouts.
    """
    credential: Any = None
    if isinstance(credentials, AccountKey):
        credential = AzureNamedKeyCredential(account, credentials.key)
    elif isinstance(credentials, SasToken):
        credential = AzureSasCredential(credentials.token)
    elif isinstance(credentials, Ambient):
        credential = AmbientCredential()
    client = BlobServiceClient(
        url, credential=credential, transport=_GuardedTransport(network), user_agent_use_env=False, **ONCE
    )
    share_sas = isinstance(credentials, SasToken) and credentials.share_sas
    return isolated_fs(_GuardedAzureFileSystem, client=client, share_sas=share_sas, network=network)


class _GuardedAzureFileSystem(AzureBlobFileSystem):  # type: ignore[misc] # adlfs has no types
    """An adlfs around a client of our own.

    It does not run adlfs's constructor, which reads ``AZURE_STORAGE_*`` and keeps every instance forever.

    Args:
        client: Makes every request. Closed when the file system is no longer used.
        share_sas: Whether the client's SAS may be shared.
        network: Guards the connections for frequent requests.
    """

    cachable = False

    def __init__(self, client: BlobServiceClient, *, share_sas: bool, network: NetworkPolicy) -> None:
        AsyncFileSystem.__init__(self, asynchronous=False, use_listings_cache=False)
        self.service_client = client
        self.share_sas = share_sas
        self.connections = Connections(network)
        weakref.finalize(self, _close, client, self.loop, os.getpid())


def _close(client: BlobServiceClient, loop: asyncio.AbstractEventLoop, process: int) -> None:
    """Close the client's connections. Runs on any thread, when the file system is collected or the program ends."""
    if loop.is_closed() or process != os.getpid():
        return
    closing = asyncio.run_coroutine_threadsafe(_close_connections(client), loop)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        wait([closing], timeout=CLOSE_TIMEOUT)  # waiting on a thread with a running loop would block that loop


async def _close_connections(client: BlobServiceClient) -> None:
    await client.close()
    close = getattr(client.credential, "close", None)  # ambient credentials have connections of their own
    if close is not None:
        await close()


class AmbientCredential:
    """Azure's default credential: environment, workload or managed identity, or a signed-in tool.

    Raises:
        ImportError: azure-identity is not installed.
    """

    def __init__(self) -> None:
        from azure.identity.aio import DefaultAzureCredential

        self._credential = DefaultAzureCredential()

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        """A token for the SDK.

        Raises:
            ConfigurationError: This machine has no credentials that Azure accepts.
        """
        try:
            return await self._credential.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            raise ConfigurationError(
                "this machine has no usable credentials for Azure; "
                "run az login, give it a managed identity, or use a SasToken"
            ) from error

    async def close(self) -> None:
        """Close the connections to the services that issue tokens."""
        await self._credential.close()


class _BoundedResponse(aiohttp.ClientResponse):
    """A response with a limit on its body from the start, because the SDK reads it itself.

    It renames ``Content-Encoding``: files are read as they are stored, and the SDK would decompress without a limit.
    """

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Wait for the headers."""
        return bound(await super().start(connection))

    @property
    def headers(self) -> Any:
        """All headers, with ``Content-Encoding`` under the name ``STORED_ENCODING``."""
        kept = super().headers.copy()
        encodings = kept.popall("Content-Encoding", None)
        if encodings:
            kept[STORED_ENCODING] = ", ".join(encodings)
        return kept


class _GuardedTransport(AioHttpTransport):  # type: ignore[misc] # untyped in the package that exports it
    """The SDK's transport with guarded sockets. It reads each response completely, so the SDK never resumes one."""

    def __init__(self, network: NetworkPolicy) -> None:
        super().__init__(
            connection_timeout=network.connect_timeout,
            read_timeout=network.read_timeout,
            use_env_settings=False,
        )
        self._network = network

    async def open(self) -> None:
        """Make the session on the loop that uses it, without this machine's ``.netrc`` and proxies."""
        if getattr(self, "session", None) is None:
            self.session = await open_session(
                self._network,
                headers={"Accept-Encoding": "identity"},
                response_class=_BoundedResponse,
                auto_decompress=False,
            )
        await super().open()

    async def send(self, request: Any, *, stream: bool = False, **config: Any) -> Any:
        """Send a request. The SDK itself repeats a download whose body breaks off, unless the body was read here."""
        del stream
        response = await super().send(request, stream=False, **config)
        if "xml" in str(response.content_type):
            check_complexity(response.body())
        return response


class ResponseHeaders:
    """Keeps the headers of the response to one call of the SDK.

    Attributes:
        by_name: Name in lower case → value, as the server sent them.
    """

    def __init__(self) -> None:
        self.by_name: Mapping[str, str] = {}

    def keep(self, response: Any) -> None:
        """Pass this to the call as ``raw_response_hook``."""
        headers = {name.lower(): value for name, value in response.http_response.headers.items()}
        if STORED_ENCODING in headers:
            headers["content-encoding"] = headers.pop(STORED_ENCODING)
        self.by_name = headers


class _RawPage(Exception):
    """Carries the body of a listing out of the SDK's hook."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


async def list_page(client: ContainerClient, prefix: str, marker: str | None, size: int) -> bytes:
    """One List Blobs of up to ``size`` blobs: the SDK signs and sends it, but does not parse the response.

    It includes metadata: without them the folders of a hierarchical namespace look like empty files.
    """

    def take_body(response: Any) -> None:
        http_response = response.http_response
        if http_response.status_code == HTTPStatus.OK:
            check_complexity(http_response.body())
            raise _RawPage(http_response.body())

    blobs = client.list_blobs(
        prefix or None, include=["metadata"], results_per_page=size, raw_response_hook=take_body, **ONCE
    )
    try:
        await anext(blobs.by_page(marker))
    except _RawPage as page:
        return page.body
    raise not_a_listing()

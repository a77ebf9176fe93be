"""What keeps Azure's SDK to itself: no redirects, no retries, nothing of this machine's settings. Imports the SDK."""

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
from fsspec.asyn import AsyncFileSystem

from remote_artwork.errors import ConfigurationError, MissingExtra
from remote_artwork.http import NetworkPolicy, bound, check_complexity, session_options
from remote_artwork.storage.backends.xml import no_listing
from remote_artwork.storage.credentials import AccountKey, Ambient, Credentials, SasToken


class OfThisMachine:
    """Azure's default credential: environment, workload or managed identity, or a signed-in tool. Asks when it is used.

    Raises:
        MissingExtra: Azure's package for it is not installed.
    """

    def __init__(self) -> None:
        try:
            from azure.identity.aio import DefaultAzureCredential
        except ImportError as error:
            raise MissingExtra(
                "Ambient() on Azure needs azure-identity: pip install 'remote_artwork[azure]'"
            ) from error
        self._found = DefaultAzureCredential()

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        """A token for the SDK.

        Raises:
            ConfigurationError: This machine has no credentials that Azure takes.
        """
        try:
            return await self._found.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            raise ConfigurationError(
                "this machine has no credentials for Azure that can be used; "
                "run az login, give it a managed identity, or pass a SasToken"
            ) from error

    async def close(self) -> None:
        """Ends the connections to whoever gives out tokens."""
        await self._found.close()


ONCE: Mapping[str, Any] = {"retry_total": 0, "permit_redirects": False}
"""Options of the SDK, for a client or for one call."""

CLOSE_TIMEOUT = 1.0
"""Seconds that closing connections may take."""


def service_client(url: str, account: str, credentials: Credentials, network: NetworkPolicy) -> BlobServiceClient:
    """A client of one account, which connects where ``network`` lets it. Makes no request.

    Args:
        url: The account's address, from a location and never from a merchant's text.
        account: Its name, to sign with.
        credentials: ``AccountKey``, ``SasToken``, ``Ambient``, or anything else for none.
        network: Guards addresses, and gives the time-outs.
    """
    credential: Any = None
    if isinstance(credentials, AccountKey):
        credential = AzureNamedKeyCredential(account, credentials.key)
    elif isinstance(credentials, SasToken):
        credential = AzureSasCredential(credentials.token)
    elif isinstance(credentials, Ambient):
        credential = OfThisMachine()
    return BlobServiceClient(
        url,
        credential=credential,
        transport=Guarded(network),
        user_agent_use_env=False,
        **ONCE,
    )


class Account(AzureBlobFileSystem):  # type: ignore[misc] # adlfs has no types
    """An adlfs around a client of our own.

    It leaves out the constructor of adlfs, which reads ``AZURE_STORAGE_*`` and keeps every instance for ever.

    Args:
        client: What every request goes through; closed when nobody uses the file system any more.
        share_sas: Whether the client's SAS may be handed on.
    """

    cachable = False

    def __init__(self, client: BlobServiceClient, *, share_sas: bool) -> None:
        AsyncFileSystem.__init__(self, asynchronous=False, use_listings_cache=False)
        self.service_client = client
        self.share_sas = share_sas
        weakref.finalize(self, _close, client, self.loop, os.getpid())


def _close(client: BlobServiceClient, loop: asyncio.AbstractEventLoop, process: int) -> None:
    """Runs wherever the file system was dropped, or at the end of the program."""
    if loop.is_closed() or process != os.getpid():
        return
    closing = asyncio.run_coroutine_threadsafe(_farewell(client), loop)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        wait([closing], timeout=CLOSE_TIMEOUT)  # only on a thread without a loop, which nobody else waits for


async def _farewell(client: BlobServiceClient) -> None:
    await client.close()
    close = getattr(client.credential, "close", None)  # this machine's own have connections of their own
    if close is not None:
        await close()


class _Listed(Exception):
    """Hands a listing on as it came."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


async def list_page(client: ContainerClient, prefix: str, marker: str | None, size: int) -> bytes:
    """One List Blobs of up to ``size`` blobs, signed and sent as all requests of the SDK are, but not read by it.

    Their metadata come along: without them the folders of a hierarchical namespace look like empty files.
    """

    def hand_on(response: Any) -> None:
        answer = response.http_response
        if answer.status_code == HTTPStatus.OK:
            check_complexity(answer.body())
            raise _Listed(answer.body())

    blobs = client.list_blobs(
        prefix or None, include=["metadata"], results_per_page=size, raw_response_hook=hand_on, **ONCE
    )
    try:
        await anext(blobs.by_page(marker))
    except _Listed as listed:
        return listed.body
    raise no_listing()


class BoundedResponse(aiohttp.ClientResponse):
    """A response that is bounded from the start, because the SDK reads it itself.

    It hides ``Content-Encoding``. Files are read as they are stored, and the SDK would decompress without a limit.
    """

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Waits for the headers."""
        return bound(await super().start(connection))

    @property
    def headers(self) -> Any:
        """All headers except ``Content-Encoding``."""
        kept = super().headers.copy()
        kept.popall("Content-Encoding", None)
        return kept


class Guarded(AioHttpTransport):  # type: ignore[misc] # untyped, as seen through the package that exports it
    """The SDK's transport with a guard on its sockets. It reads an answer whole, so that nothing is asked for again."""

    def __init__(self, network: NetworkPolicy) -> None:
        super().__init__(
            connection_timeout=network.connect_timeout,
            read_timeout=network.read_timeout,
            use_env_settings=False,
        )
        self._network = network

    async def open(self) -> None:
        """Makes the session on the loop it is used on. It reads neither ``.netrc`` nor the proxies of this machine."""
        if getattr(self, "session", None) is None:
            self.session = aiohttp.ClientSession(
                **await session_options(self._network),
                headers={"Accept-Encoding": "identity"},
                response_class=BoundedResponse,
                auto_decompress=False,
            )
        await super().open()

    async def send(self, request: Any, *, stream: bool = False, **config: Any) -> Any:
        """The SDK repeats a download whose body breaks off by itself; a body that was read already cannot."""
        del stream
        answer = await super().send(request, stream=False, **config)
        if "xml" in str(answer.content_type):
            check_complexity(answer.body())
        return answer

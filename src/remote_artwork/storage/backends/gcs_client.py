"""Google's SDK: a gcsfs without this machine's settings, its credentials, and one GET. Imports gcsfs and google-auth.

``gcsfs.GCSFileSystem`` asks for the kind of every bucket by gRPC. Its base class, which is used here, does not, so no
environment variable must be set. A user may pass a file system of either class.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any
from urllib.parse import quote, urlencode

import google.auth
import requests
from fsspec import AbstractFileSystem
from fsspec.asyn import get_loop, sync
from gcsfs.core import GCSFileSystem
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials as GoogleCredentials
from requests.adapters import HTTPAdapter
from yarl import URL

from remote_artwork.connections import Connections
from remote_artwork.errors import ConfigurationError, StorageMisbehaved
from remote_artwork.http import NetworkPolicy, bound, bounded_timeout, run_sync, send_once, session_options, tls_context
from remote_artwork.storage.backends.base import isolated_fs
from remote_artwork.storage.credentials import Ambient, Anonymous, ServiceAccount
from remote_artwork.storage.errors import HttpStatusError

ENDPOINT = "https://storage.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"


def guarded_gcsfs(
    credentials: Anonymous | ServiceAccount | Ambient, network: NetworkPolicy, *, endpoint: str = ENDPOINT
) -> AbstractFileSystem:
    """A gcsfs with these credentials only, which connects only where ``network`` allows it.

    It sets every option that gcsfs would otherwise read from the environment.
    """
    fs = isolated_fs(
        GCSFileSystem,
        project="",
        access="read_only",
        token=_token(credentials, network),
        endpoint_url=endpoint,
        session_kwargs=sync(get_loop(), session_options, network),
        requests_timeout=None,
        timeout=network.call_timeout,
        requester_pays=False,
        version_aware=False,
        block_size=None,
        consistency="none",
        cache_timeout=None,
        default_location=None,
        asynchronous=False,
        use_listings_cache=False,
    )
    fs.connections = Connections(network)
    return fs


def _token(credentials: Anonymous | ServiceAccount | Ambient, network: NetworkPolicy) -> Any:
    """The credentials as gcsfs takes them: ``anon``, or an object of google-auth."""
    if isinstance(credentials, Anonymous):
        return "anon"
    return ambient_credentials(_SCOPE) if isinstance(credentials, Ambient) else _signing(credentials, network)


def ambient_credentials(scope: str) -> Any:
    """Google's application default credentials, from this machine or its metadata service.

    Args:
        scope: What they are used for.

    Raises:
        ConfigurationError: There are none, or they cannot be used.
    """
    try:
        credentials, _ = google.auth.default(scopes=[scope])
    except (GoogleAuthError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"this machine has no usable credentials for Google Cloud ({type(error).__name__}); "
            "run gcloud auth application-default login, or use a ServiceAccount"
        ) from error
    return credentials


class _Adapter(HTTPAdapter):
    """Connections of ``requests`` that trust what all other connections trust."""

    def __init__(self, ca_file: str | None) -> None:
        self._ca_file = ca_file
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the connection pool."""
        super().init_poolmanager(*arguments, ssl_context=tls_context(self._ca_file), **options)


class IsolatedGoogleCredentials(GoogleCredentials):
    """A service account that requests access tokens without this machine's proxies and ``.netrc``, and no redirects.

    google-auth makes a session of its own, which the network policy does not guard. Its address is Google's: a
    ``ServiceAccount`` cannot contain another.
    """

    call_timeout: float = 60.0
    ca_file: str | None = None

    def refresh(self, _request: object) -> None:
        """Request a new token, with a session of its own instead of the caller's."""
        with requests.Session() as session:
            session.trust_env = False
            session.max_redirects = 0
            session.mount("https://", _Adapter(self.ca_file))
            refresh: Any = super().refresh  # google-auth has no types
            refresh(partial(Request(session), timeout=self.call_timeout))


def _signing(account: ServiceAccount, network: NetworkPolicy) -> IsolatedGoogleCredentials:
    """google-auth's credentials of a service account. gcsfs would keep the key in its options if it made them.

    Raises:
        ConfigurationError: The private key cannot be read.
    """
    make: Any = IsolatedGoogleCredentials.from_service_account_info
    credentials: IsolatedGoogleCredentials | None = None
    # The error may quote the key, so it must not become a cause or a context.
    with suppress(ValueError):
        credentials = make(dict(account.info), scopes=[_SCOPE])
    if credentials is None:
        raise ConfigurationError(
            "ServiceAccount: its private_key cannot be read; make a new JSON key and pass it unchanged"
        )
    credentials.call_timeout = network.call_timeout
    credentials.ca_file = network.ca_file
    return credentials


_RENEWED_BEFORE = timedelta(minutes=10)

Answer = tuple[bytes, Mapping[str, str]]
"""The body and the headers of a response; their names are in lower case."""


def get(fs: Any, url: str, parameters: Mapping[str, str], headers: Mapping[str, str], *, timeout: float) -> Answer:
    """One GET through a gcsfs, without retries and redirects.

    A file system that this library made keeps connections of its own. One that the host made uses its session.

    Args:
        fs: The gcsfs.
        url: The URL without its query.
        parameters: The query.
        headers: Headers besides those of the credentials. With ``Accept-Encoding``, the body is returned as it is sent.
        timeout: Seconds that it may take.

    Raises:
        HttpStatusError: The response has an error status.
    """
    connections: Connections | None = getattr(fs, "connections", None)
    if connections is None:
        return run_sync(fs.loop, _get_by_session, fs, url, parameters, headers, timeout=timeout)
    until = monotonic() + timeout
    signed = {"Accept-Encoding": "identity", **_with_credentials(fs, headers, timeout)}
    query = urlencode(fs._get_params(parameters), quote_via=quote)  # noqa: SLF001 - as in _get_by_session
    response = connections.request("GET", f"{url}?{query}", headers=signed, timeout=max(until - monotonic(), 0.0))
    return _checked(response.status, response.headers, response.body)


def _with_credentials(fs: Any, headers: Mapping[str, str], timeout: float) -> Mapping[str, str]:
    """The headers with those of the credentials. An access token that must be requested first has limited time."""
    add = fs._get_headers  # noqa: SLF001 - gcsfs offers no public way to its credentials
    signed: Mapping[str, str] = (
        add(headers)
        if _needs_no_token(fs.credentials.credentials)
        else run_sync(fs.loop, asyncio.to_thread, add, headers, timeout=timeout)
    )
    return signed


def _needs_no_token(credentials: Any) -> bool:
    """Whether gcsfs certainly requests no access token now. It renews one a few minutes before it expires."""
    if credentials is None:
        return True
    expires_at = credentials.expiry  # in UTC, without a time zone
    return bool(credentials.valid) and (
        expires_at is None or expires_at.replace(tzinfo=UTC) - datetime.now(UTC) > _RENEWED_BEFORE
    )


async def _get_by_session(fs: Any, url: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    session = send_once(await fs._set_session())  # noqa: SLF001 - gcsfs offers no public way to its session
    # Requests an access token if necessary, and blocks meanwhile.
    signed = await asyncio.to_thread(fs._get_headers, headers)  # noqa: SLF001 - nor to its credentials
    async with session.get(
        URL(url, encoded=True),
        params=fs._get_params(parameters),  # noqa: SLF001 - adds who pays, if the user's file system says so
        headers=signed,
        allow_redirects=False,
        auto_decompress="Accept-Encoding" not in headers,
        timeout=bounded_timeout(session),
    ) as response:
        content = await bound(response).read()
        named = {name.lower(): value for name, value in response.headers.items()}
        return _checked(response.status, named, bytes(content))


def _checked(status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    """The body and the headers.

    Raises:
        HttpStatusError: The status is that of an error.
        StorageMisbehaved: It is that of a redirect.
    """
    if status >= 400:
        raise HttpStatusError(status, _error_code(content), headers)
    if status >= 300:
        raise StorageMisbehaved(f"the storage redirects (HTTP {status}), and redirects are not followed; check the URL")
    return content, headers


_MESSAGES = {
    "bucket does not exist": "NoSuchBucket",
    "requester pays bucket": "userProjectMissing",
    "cloud kms": "cloudKms",
    "customer-supplied encryption key": "resourceIsEncryptedWithCustomerEncryptionKey",
    "prohibited by organization": "vpcServiceControls",
}
"""Part of an error message → a code, for errors to which Google gives no code of their own."""


def _error_code(content: bytes) -> str:
    """Google's code for an error; empty if there is none."""
    try:
        error = json.loads(content)["error"]
        known = next((code for text, code in _MESSAGES.items() if text in error["message"].lower()), None)
        return known or str(error["errors"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return ""

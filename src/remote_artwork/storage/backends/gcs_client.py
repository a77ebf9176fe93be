"""How requests go to Google Cloud Storage: a gcsfs that is guarded, and one GET through a gcsfs. Imports the SDK.

``gcsfs.GCSFileSystem`` would ask for every bucket's kind by gRPC; the class beneath it, taken here, does not. So no
environment variable has to be set, and a file system of either class may be handed in.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import google.auth
import requests
from fsspec import AbstractFileSystem
from fsspec.asyn import get_loop, sync
from gcsfs.core import GCSFileSystem
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials as GoogleCredentials
from yarl import URL

from remote_artwork.errors import ConfigurationError, StorageMisbehaved
from remote_artwork.http import NetworkPolicy, bound, session_options
from remote_artwork.storage.backends.base import isolated_fs
from remote_artwork.storage.credentials import Ambient, Anonymous, ServiceAccount
from remote_artwork.storage.errors import HttpStatusError


def own_credentials(scope: str) -> Any:
    """Google's application default credentials; looks for them on this machine, and asks its metadata service.

    Args:
        scope: What they are to be good for.

    Raises:
        ConfigurationError: There are none, or they cannot be used.
    """
    try:
        credentials, _ = google.auth.default(scopes=[scope])
    except (GoogleAuthError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"this machine has no credentials for Google Cloud that can be used ({type(error).__name__}); "
            "run gcloud auth application-default login, or give a ServiceAccount"
        ) from error
    return credentials


ENDPOINT = "https://storage.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
_NO_BUCKET = "bucket does not exist"
_REQUESTER_PAYS = "requester pays bucket"


def guarded_gcsfs(
    credentials: Anonymous | ServiceAccount | Ambient, network: NetworkPolicy, *, endpoint: str = ENDPOINT
) -> AbstractFileSystem:
    """A gcsfs that knows these credentials only, and connects where ``network`` lets it.

    Every option that the environment could fill in is given, so that it cannot.
    """
    return isolated_fs(
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


def _token(credentials: Anonymous | ServiceAccount | Ambient, network: NetworkPolicy) -> Any:
    """What gcsfs asks with: a word, or Google's own credentials."""
    if isinstance(credentials, Anonymous):
        return "anon"
    return own_credentials(_SCOPE) if isinstance(credentials, Ambient) else signing(credentials, network)


class IsolatedGoogleCredentials(GoogleCredentials):
    """A service account that asks for access tokens without this machine's proxies and ``.netrc``, and follows nobody.

    Google's clients bring a session of their own, which the guard of sockets does not see. The address is Google's: a
    ``ServiceAccount`` holds no other.
    """

    call_timeout: float = 60.0

    def refresh(self, _request: object) -> None:
        """Gets a new token, whatever the caller would have asked with."""
        with requests.Session() as session:
            session.trust_env = False
            session.max_redirects = 0
            ask: Any = super().refresh  # google-auth has no types
            ask(partial(Request(session), timeout=self.call_timeout))


def signing(account: ServiceAccount, network: NetworkPolicy) -> IsolatedGoogleCredentials:
    """Google's own credentials, made here: from a dictionary, gcsfs would keep the key among its options.

    Raises:
        ConfigurationError: The private key is none.
    """
    make: Any = IsolatedGoogleCredentials.from_service_account_info
    credentials: IsolatedGoogleCredentials | None = None
    # The error may quote the key, so it is not handed on, not even as a context.
    with suppress(ValueError):
        credentials = make(dict(account.info), scopes=[_SCOPE])
    if credentials is None:
        raise ConfigurationError(
            "ServiceAccount: its private_key cannot be read; make a new JSON key and pass it as it is"
        )
    credentials.call_timeout = network.call_timeout
    return credentials


async def get(fs: Any, url: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
    """One GET, not repeated and not redirected."""
    session = await fs._set_session()  # noqa: SLF001 - gcsfs offers no other way to its session
    # Asks Google for an access token now and then, and blocks meanwhile.
    signed = await asyncio.to_thread(fs._get_headers, headers)  # noqa: SLF001 - nor to its credentials
    async with session.get(
        URL(url, encoded=True),
        params=fs._get_params(parameters),  # noqa: SLF001 - who pays, for a file system that was handed in
        headers=signed,
        allow_redirects=False,
        auto_decompress="Accept-Encoding" not in headers,
    ) as answer:
        content = await bound(answer).read()
        if answer.status >= 400:
            raise HttpStatusError(answer.status, _reason(content), answer.headers)
        if answer.status >= 300:
            raise StorageMisbehaved(f"the storage redirects (HTTP {answer.status}); redirects are not followed")
        return bytes(content)


def _reason(content: bytes) -> str:
    """Google's code of an error. Some have none of their own; their words say it."""
    try:
        error = json.loads(content)["error"]
        if _NO_BUCKET in error["message"]:
            return "NoSuchBucket"
        if _REQUESTER_PAYS in error["message"]:
            return "userProjectMissing"
        return str(error["errors"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return ""

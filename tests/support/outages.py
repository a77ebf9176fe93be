"""The outages that every protocol is tried with: a storage of each protocol, and what it meets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

import remote_artwork as ra
from azure_server import FaultyAzure
from faulty_web_server import FaultyServer
from gcs_server import FaultyGoogle, open_gcs
from remote_artwork.core.expected import SearchQuery
from remote_artwork.credentials import Credentials
from remote_artwork.storage import StoredFile
from remote_artwork.storage.backends import azure_client
from web_server import FaultyWeb

REFUSED, NO_SUCH_HOST = "connection refused", "no such host"

FAULTS: Mapping[str, str] = {
    "HTTP 500": "500",
    "HTTP 503": "503",
    "HTTP 429": "429",
    REFUSED: "",
    NO_SUCH_HOST: "",
    "connection reset": "reset",
    "response cut short": "cut short",
    "no response": "hang",
    "HTTP 200 with a web page": "html 200",
    "HTTP 200 with an empty body": "empty 200",
    "HTTP 403": "403",
}
"""A fault's name → what a ``FaultyServer`` answers."""

ANSWERS: Mapping[str, str] = {**FAULTS, "HTTP 404": "404"}
"""As ``FAULTS``, with an answer that is no outage unless the server asks to wait."""

TWICE = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)
FILE = StoredFile(name="1001_1.png", size=100_000, etag="e", version_id="1")
WANTED = SearchQuery(basenames=["1001_1", "1002_1"])

Use = Callable[[ra.ArtworkStorage], object]
USES: Mapping[str, Use] = {
    "list": lambda storage: list(storage.pages()),
    "head": lambda storage: storage.stat(FILE.name),
    "get": lambda storage: storage.reader(FILE).read(0, FILE.size),
}
WEB_USES: Mapping[str, Use] = {**USES, "list": lambda storage: list(storage.search(WANTED))}
"""Most web folders have no listing: names are asked for."""

KEYS = ra.Keys("AKTESTKEY", "a-secret-of-tests")
SAS = ra.SasToken("sv=2024-01-01&sp=rl&sr=c&sig=c2VjcmV0IG9mIHRlc3Rz", share_sas=True)
ACCOUNT_KEY = ra.AccountKey("YS1zZWNyZXQtb2YtdGVzdHM=")
TOKEN = "a-token-of-tests"
SECRETS = (KEYS.access_key, KEYS.secret_key, SAS.token, "sig=", ACCOUNT_KEY.key, TOKEN, "PRIVATE KEY", "secret words")
"""What storages are opened with here; the last one is what the servers' own errors say."""


ENDS_WITHIN = 60.0
"""Seconds. Far above every timeout of these tests, and far below a hang."""


def failure(storage: ra.ArtworkStorage, use: Use) -> ra.RemoteArtworkError:
    """The error of one use, which ends in bounded time, says where, and betrays nothing, nor do its causes."""
    begin = time.monotonic()
    with pytest.raises(ra.RemoteArtworkError) as raised:
        use(storage)
    assert time.monotonic() - begin < ENDS_WITHIN
    assert storage.location.removeprefix("web+") in str(raised.value)
    error: BaseException | None = raised.value
    while error is not None:
        shown = f"{error!s} {error!r}"
        assert not [secret for secret in SECRETS if secret in shown]
        error = error.__cause__
    return raised.value


Open = Callable[[FaultyServer, ra.NetworkPolicy, ra.RetryPolicy | None], ra.ArtworkStorage]


def _s3(server: FaultyServer, network: ra.NetworkPolicy, retry: ra.RetryPolicy | None) -> ra.ArtworkStorage:
    return ra.open_storage(server.url(), credentials=KEYS, network=network, retry=retry)


def _web(server: FaultyServer, network: ra.NetworkPolicy, retry: ra.RetryPolicy | None) -> ra.ArtworkStorage:
    return ra.open_storage(server.url(), network=network, retry=retry)


def _google(server: FaultyServer, network: ra.NetworkPolicy, retry: ra.RetryPolicy | None) -> ra.ArtworkStorage:
    return open_gcs(server, "b", network, retry=retry)


def _azure(server: FaultyServer, network: ra.NetworkPolicy, retry: ra.RetryPolicy | None) -> ra.ArtworkStorage:
    return open_azure(server, SAS, network, retry)


def open_azure(
    server: FaultyServer, credentials: Credentials, network: ra.NetworkPolicy, retry: ra.RetryPolicy | None = TWICE
) -> ra.ArtworkStorage:
    """A storage on a faulty Azure; no URL leads to one that is not Azure itself."""
    fs = azure_client.guarded_adlfs(f"{server.endpoint}/account", "account", credentials, network)
    return ra.ArtworkStorage(fs, "c/in", retry=retry, call_timeout=network.call_timeout)


PROTOCOLS: Mapping[str, tuple[type[FaultyServer], Open]] = {
    "s3": (FaultyServer, _s3),
    "gcs": (FaultyGoogle, _google),
    "azure": (FaultyAzure, _azure),
    "web": (FaultyWeb, _web),
}
"""A protocol → a server that breaks its rules, and how a storage there is opened."""


@contextmanager
def outage(
    protocol: str, fault: str, network: ra.NetworkPolicy, retry: ra.RetryPolicy | None = None
) -> Iterator[tuple[ra.ArtworkStorage, FaultyServer]]:
    """A storage of one protocol whose server has one fault of ``FAULTS``, from now on."""
    make, open_ = PROTOCOLS[protocol]
    server = make()
    try:
        if fault == REFUSED:
            server.close()
        elif fault == NO_SUCH_HOST:
            server.endpoint = "http://no-such-host.invalid"
        else:
            server.answer(ANSWERS[fault])
        yield open_(server, network, retry), server
    finally:
        server.close()

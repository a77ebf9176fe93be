"""The outages that every protocol is tried with: a storage of each protocol, and what it meets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import remote_artwork as ra
from azure_server import FaultyAzure
from faulty_web_server import FaultyServer
from gcs_server import FaultyGoogle, open_gcs
from remote_artwork.storage.pagers import azure
from web_server import FaultyWeb

REFUSED, NO_SUCH_HOST = "connection refused", "no such host"

FAULTS: Mapping[str, str] = {
    "HTTP 500": "500",
    "HTTP 503": "503",
    "HTTP 429": "429",
    REFUSED: "",
    NO_SUCH_HOST: "",
    "connection reset": "reset",
    "answer cut short": "cut short",
    "no answer at all": "hang",
    "HTTP 200 with a web page": "html 200",
    "HTTP 200 with nothing": "empty 200",
    "HTTP 403": "403",
}
"""A fault's name → what a ``FaultyServer`` is told to answer."""

Open = Callable[[FaultyServer, ra.NetworkPolicy, ra.RetryPolicy | None], ra.ArtworkStorage]


def _by_url(server: FaultyServer, network: ra.NetworkPolicy, retry: ra.RetryPolicy | None) -> ra.ArtworkStorage:
    return ra.open_storage(server.url(), network=network, retry=retry)


def _google(server: FaultyServer, network: ra.NetworkPolicy, retry: ra.RetryPolicy | None) -> ra.ArtworkStorage:
    return open_gcs(server, "b", network, retry=retry)


def _azure(server: FaultyServer, network: ra.NetworkPolicy, retry: ra.RetryPolicy | None) -> ra.ArtworkStorage:
    fs = azure.file_system(f"{server.endpoint}/account", "account", ra.Anonymous(), network)
    return ra.ArtworkStorage(fs, "c/in", retry=retry, call_timeout=network.call_timeout)


PROTOCOLS: Mapping[str, tuple[type[FaultyServer], Open]] = {
    "s3": (FaultyServer, _by_url),
    "gcs": (FaultyGoogle, _google),
    "azure": (FaultyAzure, _azure),
    "web": (FaultyWeb, _by_url),
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
            server.answer(FAULTS[fault])
        yield open_(server, network, retry), server
    finally:
        server.close()

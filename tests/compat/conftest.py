"""Which stand-ins there are for which provider, and what each of them lacks."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import ThreadingHTTPServer
from typing import Any

import pytest

import remote_artwork as ra
from compat.benches import AzureBench, GoogleBench, S3Bench, TokenHandler, fresh
from compat.entrance import Entrance
from compat.stand_ins import AZURITE, CEPH, EMULATOR, FRONT_DOORS, MOTO, RCLONE, SWIFT
from swift_server import PAGE as SWIFT_PAGE

_LETS_EVERYBODY_IN = "it lets everybody in, whatever the credentials"
LACKS: Mapping[str, Mapping[str, str]] = {
    MOTO: {"access": _LETS_EVERYBODY_IN},
    RCLONE: {
        "versions": "it keeps none",
        "public": "it has no public buckets",
        "odd_names": "// in a name is not taken",
    },
    SWIFT: {},
    CEPH: {},
    EMULATOR: {"access": _LETS_EVERYBODY_IN, "versions": "it keeps none"},
    AZURITE: {"versions": "it keeps none"},
}
"""What a stand-in lacks and the provider itself does not."""

SERVERS = {
    MOTO: "s3_server",
    RCLONE: "rclone_server",
    SWIFT: "swift_server",
    CEPH: "ceph_server",
    EMULATOR: "gcs_server",
    AZURITE: "azure_server",
}
PAGES = {SWIFT: SWIFT_PAGE}
LOST_NAMES = {RCLONE: frozenset({"a//b.png"})}
UNANSWERED = {RCLONE: re.compile(r"//|(^|/)\.\.?/")}


@pytest.fixture(scope="session")
def bench_of(request: pytest.FixtureRequest, local_network: ra.NetworkPolicy) -> Callable[[str, str], Any]:
    """The bench of a provider on one of its stand-ins; made once."""
    benches: dict[tuple[str, str], Any] = {}

    def make(provider: str, server: str) -> Any:
        if server == EMULATOR:
            account = ra.ServiceAccount(request.getfixturevalue("service_account_key"))
            return GoogleBench(request.getfixturevalue("gcs_server"), account, local_network, LACKS[server])
        if server == AZURITE:
            return AzureBench(request.getfixturevalue("azure_server"), local_network, LACKS[server])
        running = request.getfixturevalue(SERVERS[server])
        return S3Bench(
            running,
            provider,
            local_network,
            lacks=LACKS[server],
            lost_names=LOST_NAMES.get(server, frozenset()),
            page=PAGES.get(server, 1000),
            unanswered=UNANSWERED.get(server),
        )

    def bench(provider: str, server: str) -> Any:
        if (provider, server) not in benches:
            benches[provider, server] = make(provider, server)
        return benches[provider, server]

    return bench


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure is asked for few blobs a page."""
    pytest.importorskip("adlfs")
    from remote_artwork.storage.pagers import azure

    monkeypatch.setattr(azure, "PAGE", AzureBench.page)


@pytest.fixture(scope="session")
def entrance() -> Iterator[Entrance]:
    """Where the host names of all providers lead to."""
    entrance = Entrance()
    yield entrance
    entrance.close()


@pytest.fixture(scope="session")
def token_server() -> Iterator[str]:
    """The origin of a server that gives an access token to everybody, as Google does to those who have a key."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), TokenHandler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def furnished_door(request: pytest.FixtureRequest, entrance: Entrance) -> Callable[..., tuple[str, Any, list[str]]]:
    """Puts files into a new private bucket behind a provider's front door.

    Gives the URL of its folder ``in``, the content of a credentials file, and the secrets that must not be seen.
    """

    def furnish(provider: str, server: str, files: Mapping[str, bytes]) -> tuple[str, Any, list[str]]:
        door, bucket = FRONT_DOORS[provider], fresh()
        running = request.getfixturevalue(SERVERS[server])
        if server == AZURITE:
            running.create_container(bucket)
            credentials: Any = {"account_key": running.key.key}
        else:
            running.create_bucket(bucket)
            if server == EMULATOR:
                credentials = dict(request.getfixturevalue("service_account_key"))
                entrance.lead("oauth2.googleapis.com", request.getfixturevalue("token_server"))
            else:
                credentials = {"access_key": running.keys.access_key, "secret_key": running.keys.secret_key}
        for name, content in files.items():
            running.put(bucket, f"in/{name}", content)
        for host in door.hosts:
            entrance.lead(host.format(bucket=bucket), running.endpoint)
        secrets = [credentials.get(name) for name in ("account_key", "private_key", "secret_key")]
        return door.url.format(bucket=bucket), credentials, [secret for secret in secrets if secret]

    return furnish

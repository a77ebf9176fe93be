"""Which stand-ins there are for which provider, and what each of them lacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import remote_artwork as ra
from compat.benches import AzureBench, GoogleBench, S3Bench
from swift_server import PAGE as SWIFT_PAGE

_LETS_EVERYBODY_IN = "it lets everybody in, whatever the credentials"
LACKS: Mapping[str, Mapping[str, str]] = {
    "moto": {"access": _LETS_EVERYBODY_IN},
    "rclone": {
        "versions": "it keeps none",
        "public": "it has no public buckets",
        "odd_names": "// in a name is not taken",
    },
    "OpenStack Swift": {},
    "Ceph RGW": {},
    "gcp-storage-emulator": {"access": _LETS_EVERYBODY_IN, "versions": "it keeps none"},
    "Azurite": {"versions": "it keeps none"},
}
"""What a stand-in lacks and the provider itself does not."""

SERVERS = {"moto": "s3_server", "rclone": "rclone_server", "OpenStack Swift": "swift_server", "Ceph RGW": "ceph_server"}
PAGES = {"OpenStack Swift": SWIFT_PAGE}
LOST_NAMES = {"rclone": frozenset({"a//b.png"})}
UNANSWERED = {"rclone": re.compile(r"//|(^|/)\.\.?/")}


@pytest.fixture(scope="session")
def bench_of(request: pytest.FixtureRequest, local_network: ra.NetworkPolicy) -> Callable[[str, str], Any]:
    """The bench of a provider on one of its stand-ins; made once."""
    benches: dict[tuple[str, str], Any] = {}

    def make(provider: str, server: str) -> Any:
        if server == "gcp-storage-emulator":
            account = ra.ServiceAccount(request.getfixturevalue("service_account_key"))
            return GoogleBench(request.getfixturevalue("gcs_server"), account, local_network, LACKS[server])
        if server == "Azurite":
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

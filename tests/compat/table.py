"""What was shown about each provider, as a table: made from the outcome of a run, by nobody's hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from compat.stand_ins import CONTRACT, FRONT_DOORS, what_is_lacked

from remote_artwork.storage.provider_table import provider_named
from remote_artwork.storage.providers import Capability

SCAN = "whole scan"
FAILED = "FAILED"
NOT_RUN = "not run"
COLUMNS = (*get_args(Capability), SCAN)
PARTS = ((slice(1, 8), "Files"), (slice(8, 14), "Changes and access"), (slice(14, None), "From plan to fulfilled"))
"""Which cells of a row stand together on the page, and under which heading: all of them are wider than a page."""
INTRODUCTION = """\
# Compatibility

What `nox --session compat` has shown, on servers that the tests start themselves. Each row is a provider, played by a
server that keeps `remote_artwork.testing.StorageContract`. A dash is a difference that is declared, below.

None of this is shown on the provider's own servers. To try your own bucket, without writing to it:
`pytest --pyargs remote_artwork.testing --storage-url URL --storage-credentials FILE`.
"""
LEGENDS = (
    """\
**listing** names every file of the folder and no other · **order** is that of the names' bytes · **start_after**
begins a listing after a name · **pages** follow each other to the end · **odd_names** such as `a+b%2F.png` come back as
they are · **reading** of any part.""",
    """\
**replacement** of a file is noticed · **versions** that were overwritten can still be read · **missing_bucket** is
an error, no empty folder · **access** with wrong credentials is denied · **signed_url** gives the file to whoever
has it · **public** folders need no credentials.""",
    """\
The main job, at the command line: by the URL that the provider's console shows, with its host names leading to each of
the servers named, over TLS, and with the attached URL downloaded by somebody without credentials.""",
)

Outcomes = Mapping[tuple[str, str], Mapping[str, set[str]]]
"""(provider, server) → capability → outcomes of the tests that show it: passed, failed, skipped."""


def row_of(provider: str, outcomes: Outcomes) -> list[str]:
    """The cells of one provider; a cell that nothing was shown for is ``not run``."""
    [server] = CONTRACT[provider]
    lacks = what_is_lacked(provider, server)
    shown = outcomes.get((provider, server), {})
    cells = [_cell(shown, name) for name in COLUMNS[:-1]]
    if shown:
        cells = ["–" if name in lacks and cell != FAILED else cell for name, cell in zip(COLUMNS, cells, strict=False)]
    scanned = {each: _cell(outcomes.get((provider, each), {}), SCAN) for each in FRONT_DOORS[provider].servers}
    scans = ", ".join(each if cell == "yes" else f"{each}: {cell}" for each, cell in scanned.items())
    return [provider_named(provider).title, server, *cells, scans]


def _cell(shown: Mapping[str, set[str]], name: str) -> str:
    outcomes = shown.get(name, set())
    if "failed" in outcomes:
        return FAILED
    return "yes" if "passed" in outcomes else NOT_RUN


def line(cells: list[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"


def rows(outcomes: Outcomes) -> list[list[str]]:
    """The whole table, with its head."""
    return [["Provider", "played by", *COLUMNS], *(row_of(provider, outcomes) for provider in CONTRACT)]


def drawn(outcomes: Outcomes) -> str:
    """The providers of which anything was shown, for the terminal."""
    shown = {provider for provider, _ in outcomes}
    head, *body = rows(outcomes)
    seen = [head, *(row for provider, row in zip(CONTRACT, body, strict=True) if provider in shown)]
    widths = [max(map(len, column)) for column in zip(*seen, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in seen)
    return "\n".join(line.rstrip() for line in lines)


def lines_of(cells: list[str]) -> list[str]:
    """One row of the table, as it stands in each part of the page."""
    return [line([cells[0], *cells[part]]) for part, _ in PARTS]


def page(outcomes: Outcomes) -> str:
    """The page of the documentation."""
    lines = [INTRODUCTION]
    parts = zip(*map(lines_of, rows(outcomes)), strict=True)
    for (_, title), legend, (head, *body) in zip(PARTS, LEGENDS, parts, strict=True):
        lines += [f"## {title}\n", head, line(["---"] * (head.count("|") - 1)), *body, "", legend, ""]
    lines.append("## What is not there\n")
    for provider, [server] in CONTRACT.items():
        reasons = [f"{name} ({reason})" for name, reason in what_is_lacked(provider, server).items()]
        if reasons:
            lines.append(f"- {provider_named(provider).title}, on {server}: {', '.join(reasons)}.")
    return "\n".join(lines) + "\n"

"""Measure what a user gets in each outage, and write the tables of ``docs/explanation/outages.md``. Takes minutes.

All policies are the library's own; only the guard against private addresses is lifted, since the servers are here.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import remote_artwork as ra
from outages import FAULTS, PROTOCOLS, outage
from remote_artwork.testing import FakeShop

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "outages.md"
NETWORK = ra.NetworkPolicy(allow_private=True, allow_http=True)
CLIENTS = ("fsspec", "s3fs", "aiobotocore", "gcsfs", "adlfs", "azure-storage-blob", "aiohttp")

Use = Callable[[ra.ArtworkStorage], tuple[str, str]]


def scan(storage: ra.ArtworkStorage) -> tuple[str, str]:
    """Scan two orders. Return status and exit code, and the reason without location, details and remedy."""
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")]), ra.Order("1002", [ra.OrderItem("1")])])
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan()
    (status,) = {item.status for item in report.items}
    said = [re.sub(r" \(.*?\)|;.*", "", fault.message.partition(": ")[2]) for fault in report.faults]
    return f"`{status}`, exit {report.exit_code}", " ".join(said)


def stat(storage: ra.ArtworkStorage) -> tuple[str, str]:
    """Look up one file. Return the error."""
    try:
        storage.stat("1001_1.png")
    except ra.RemoteArtworkError as error:
        return f"`{type(error).__name__}`", ""
    return "a file", ""


def measured(use: Use, protocol: str, fault: str) -> tuple[str, str]:
    """A cell of the table, and the reason."""
    begin = time.monotonic()
    with outage(protocol, fault, NETWORK) as (storage, server):
        outcome, said = use(storage)
        seconds = time.monotonic() - begin
        asked = len(server.requests)
    return f"{outcome}<br>{asked} request{'' if asked == 1 else 's'}, {seconds:.1f} s", said


def table(use: Use) -> str:
    """The table of fault × protocol, with a column for the reason if there is one."""
    rows: list[list[str]] = []
    for fault in FAULTS:
        cells = {protocol: measured(use, protocol, fault) for protocol in PROTOCOLS}
        sentences = dict.fromkeys(said for _, said in cells.values() if said)
        rows.append([fault, *(cell for cell, _ in cells.values()), *(["<br>".join(sentences)] if use is scan else [])])
        print(*rows[-1], sep=" | ", flush=True)
    head = ["Fault", *PROTOCOLS, *(["The report says"] if use is scan else [])]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def circumstances() -> str:
    """The machine and the versions of this run."""
    versions = ", ".join(f"{client} {version(client)}" for client in CLIENTS)
    machine = f"{os.cpu_count()} cores of {platform.machine()} with a load of {os.getloadavg()[0]:.0f}"
    python = f"{platform.system()}, Python {platform.python_version()}"
    return f"Measured over loopback, on {machine}, {python}, {versions}."


def written(page: str, blocks: Mapping[str, str]) -> str:
    """The page, with the text between the two comments of each block replaced."""
    for name, text in blocks.items():
        begin, end = f"<!-- {name}: begin -->\n", f"\n<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        page = before + begin + text + end + rest.partition(end)[2]
    return page


if __name__ == "__main__":
    tables = {"scan": table(scan), "stat": table(stat), "circumstances": circumstances()}
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")

"""Finds the files of P pending orders among N objects: this library and its peers, on one server, in one run.

Run by the session ``bench``, or as ``python tests/benchmarks/listing_peers.py FILE [N ...]``. Every contender runs in
a process of its own, is warm before it is timed, and answers the same question: which of P expected names are there.
The server makes its answers up, so that the clients are what is measured. Writes a table in Markdown, and prints it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from contenders import CONTENDERS

from canned import COMMAND, Canned
from servers import free_port, running

SIZES = (1_000, 100_000, 1_000_000, 10_000_000)
PENDING = (10, 1_000, 100_000)
OURS = "remote_artwork"
LONGEST = 30
"""Seconds. A slower contender skips the larger sizes."""
PATIENCE = 1_200


def measured(contender: str, endpoint: str, files: int, pending: int) -> dict[str, float]:
    """Wall and CPU seconds, peak memory in MB, and the number of files found."""
    command = [sys.executable, str(Path(__file__).with_name("contenders.py")), contender, endpoint]
    done = subprocess.run(
        [*command, str(files), str(pending)], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    return json.loads(done.stdout)


def rows(server: Canned, sizes: tuple[int, ...]) -> Iterator[str]:
    """Yield the lines of the table as they are measured."""
    yield "| Files | Pending | Tool | LIST requests | Seconds | CPU seconds | Peak MB | Found |"
    yield "|--:|--:|---|--:|--:|--:|--:|--:|"
    too_slow = set()
    for files in sizes:
        for contender in CONTENDERS:
            # A tool that lists everything does the same for every number of orders.
            for pending in PENDING if contender == OURS else PENDING[1:2]:
                if contender in too_slow:
                    continue
                server.control()
                told = measured(contender, server.endpoint, files, pending)
                requests = server.control()["list"] - 1  # the one of its warming up
                if told["seconds"] > LONGEST:
                    too_slow.add(contender)
                yield (
                    f"| {files:,} | {pending:,} | {contender} | {requests:,} | {told['seconds']:.3f} "
                    f"| {told['cpu']:.3f} | {told['megabytes']:.0f} | {told['found']:,} |"
                )


def main(table: Path, sizes: tuple[int, ...]) -> None:
    """Write the table row by row."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        running([*COMMAND, str(port)], port=port, log=Path(folder) / "log"),
        table.open("w", encoding="utf-8") as output,
    ):
        for row in rows(Canned(port), sizes):
            print(row, file=output, flush=True)
            print(row, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(map(int, sys.argv[2:])) or SIZES)

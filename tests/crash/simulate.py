# ruff: noqa: T201 - it reports by printing
"""Run many seeds of the simulation on all processors, and write the result into the documentation."""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from attrs import frozen

from history import CallTookEffect, Died, Note
from simulation.world import World

RESULT = Path(__file__).parents[2] / "docs" / "explanation" / "simulation_result.md"
AT_ONCE = 200
"""Seeds that a process runs before it reports."""
SHOWN = 3
"""Histories of failed seeds that are printed."""


@frozen
class Outcome:
    """What some seeds have shown: sums, and the histories of those that failed."""

    counts: Counter[str]
    failed: dict[int, str]


def simulate(seeds: range) -> Outcome:
    """Run these seeds."""
    counts: Counter[str] = Counter()
    failed: dict[int, str] = {}
    for seed in seeds:
        started = time.process_time()
        world = World.of_seed(seed)
        if world.run():
            failed[seed] = world.trace()
        counts["cpu"] += time.process_time() - started
        counts["requests"] += world.scheduler.switches
        for event in world.history.events:
            counts["effects"] += isinstance(event, CallTookEffect)
            counts["deaths"] += isinstance(event, Died)
            counts["faults"] += isinstance(event, Note) and event.what.startswith("FAULT")
    return Outcome(counts, failed)


def in_parts(first: int, count: int) -> Iterator[range]:
    """The seeds, in parts for one process."""
    for start in range(first, first + count, AT_ONCE):
        yield range(start, min(start + AT_ONCE, first + count))


def table(seeds: int, counts: Counter[str], failed: int) -> str:
    """The result, as a page of the documentation includes it."""
    rows = {
        "Histories": f"{seeds:,}",
        "Histories in which an invariant did not hold": f"{failed:,}" if failed else "none",
        "Faults": f"{counts['faults']:,}",
        "of these, processes that died": f"{counts['deaths']:,}",
        "Calls that took effect in the shop": f"{counts['effects']:,}",
        "Points at which the scheduler could choose": f"{counts['requests']:,}",
        "CPU time for each history": f"{counts['cpu'] / seeds * 1000:.0f} ms",
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|--:|", *lines, ""])


def main() -> int:
    """Run, print, and write. Returns 1 if a seed failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name}")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    failed: dict[int, str] = {}
    with multiprocessing.get_context("forkserver").Pool(os.cpu_count()) as pool:
        for outcome in pool.imap_unordered(simulate, in_parts(options.first, options.seeds)):
            counts.update(outcome.counts)
            failed.update(outcome.failed)
    result = table(options.seeds, counts, len(failed))
    for seed, trace in islice(sorted(failed.items()), SHOWN):
        print(f"\nseed {seed}\n{trace}")
    print(f"failed seeds: {sorted(failed)}\n{result}" if failed else result)
    if options.write and not failed:
        RESULT.write_text(result)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())

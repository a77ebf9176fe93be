"""The example of a fleet with 1,000 merchants: one round with everything and failures, then ten idle rounds.

Run by the session ``fleet``, or as ``python tests/benchmarks/fleet_rounds.py FILE.md [MERCHANTS]``. In the first round,
each merchant has 20 pending orders, half of them with a file. Two of the four worker processes are killed, and the
broker restarts. Writes the figures in Markdown, prints them, and fails if a target is missed.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from fleet import local
from fleet_world import Round, let_an_hour_pass, states

ORDERS, WORKERS, IDLE_ROUNDS = 20, 4, 10
PATIENCE = 3600
LONGEST_ROUND, LONGEST_IDLE_ROUND, LARGEST_WORKER = 15 * 60, 60, 250
"""Targets, in seconds and megabytes, on two cores."""
GROWTH = 1.1
"""From the fifth to the tenth round, a worker may need this many times the memory: it must not grow with the rounds."""
MEGABYTE = 1024
"""Kilobytes."""


@frozen(kw_only=True)
class IdleRound:
    """What one idle round took.

    Args:
        seconds: From the moment the merchants were due to the end of the last pass.
        cpu: Seconds of CPU time of the worker processes.
        memory: The resident memory of each worker process, in megabytes.
    """

    seconds: float
    cpu: float
    memory: list[float]


def wait_for(condition: Callable[[], bool], fleet: local.LocalFleet) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        fleet.supervise()
        if time.monotonic() > deadline:
            log = fleet.folder.joinpath("worker.log").read_text(errors="replace")
            raise SystemExit(f"the round did not end:\n{log[-5000:]}")
        time.sleep(0.2)


def first_round(fleet: local.LocalFleet, merchants: int) -> float:
    """Fulfill all orders, while workers are killed and the broker restarts. Returns the seconds it took."""
    started = time.monotonic()
    this = Round(merchants)
    for share, fail in ((1 / 4, fleet.kill_worker), (1 / 2, fleet.redis.restart), (3 / 4, fleet.kill_worker)):
        wait_for(lambda least=share * merchants: this.ended() >= least, fleet)
        fail()
        print(f"{time.monotonic() - started:.0f} s: {fail.__name__}", flush=True)
    wait_for(this.has_ended, fleet)  # also the passes of the killed workers, after two minutes
    return time.monotonic() - started


def idle_round(fleet: local.LocalFleet, merchants: int) -> IdleRound:
    """Scan all merchants again. There are no new files."""
    cpu, started = cpu_seconds(fleet), time.monotonic()
    let_an_hour_pass()
    wait_for(Round(merchants, since=datetime.now(UTC)).has_ended, fleet)
    seconds = time.monotonic() - started
    memory = [kilobytes(process) / MEGABYTE for process in fleet.scanning_processes()]
    measured = IdleRound(seconds=seconds, cpu=cpu_seconds(fleet) - cpu, memory=memory)
    print(f"idle round: {seconds:.1f} s, CPU {measured.cpu:.1f} s, {[round(each) for each in memory]} MB", flush=True)
    return measured


def cpu_seconds(fleet: local.LocalFleet) -> float:
    """The CPU time of the processes that scan."""
    ticks = 0
    for process in fleet.scanning_processes():
        after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(after_name[11]) + int(after_name[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def kilobytes(process: int) -> int:
    """The resident memory of a process."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def main() -> None:
    file, merchants = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with local.running(merchants=merchants, orders=ORDERS, workers=WORKERS, every=3600, tick=10) as fleet:
        seconds = first_round(fleet, merchants)
        fulfilled, calls, named = fleet.counts()
        failing = [state.merchant for state in states() if state.failures]
        idle = [idle_round(fleet, merchants) for _ in range(IDLE_ROUNDS)]
        again = fleet.counts()
    largest = [max(each.memory) for each in idle]
    slowest = max(each.seconds for each in idle)
    rows = {
        f"All {merchants:,} merchants with {ORDERS} pending orders each, two workers killed, Redis restarted": (
            f"{seconds:,.0f} s"
        ),
        "Orders with files, fulfilled, calls of `fulfill`": f"{merchants * ORDERS // 2:,}, {fulfilled:,}, {calls:,}",
        "An idle round, median of ten (slowest)": (
            f"{statistics.median(each.seconds for each in idle):.0f} s ({slowest:.0f} s)"
        ),
        "CPU time of the workers in an idle round, for each merchant": (
            f"{1000 * statistics.median(each.cpu for each in idle) / merchants:.0f} ms"
        ),
        "Memory of the largest worker after the first, fifth and tenth idle round": (
            f"{largest[0]:.0f} MB, {largest[4]:.0f} MB, {largest[9]:.0f} MB"
        ),
    }
    table = "\n".join(["| Measured | |", "|---|--:|", *(f"| {name} | {value} |" for name, value in rows.items())])
    print(table)
    file.write_text(f"{table}\n", encoding="utf-8")
    everything = merchants * ORDERS // 2
    targets = {
        "each order is fulfilled once": (fulfilled, calls, named) == again == (everything, everything, everything),
        "no merchant fails": not failing,
        "a round takes 15 minutes at most": seconds <= LONGEST_ROUND,
        "an idle round takes 60 s at most": slowest <= LONGEST_IDLE_ROUND,
        "a worker needs 250 MB at most": max(largest) <= LARGEST_WORKER,
        "memory does not grow": largest[9] <= GROWTH * largest[4],
    }
    if not all(targets.values()):
        raise SystemExit(f"missed: {', '.join(target for target, is_met in targets.items() if not is_met)}")


if __name__ == "__main__":
    main()

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

import sqlalchemy as sa
from attrs import frozen

from fleet import local
from fleet.database import engine
from fleet_world import Round, let_an_hour_pass, states

ORDERS, WORKERS, IDLE_ROUNDS = 20, 4, 10
PATIENCE = 3600
LONGEST_ROUND, LONGEST_IDLE_ROUND, LARGEST_WORKER = 15 * 60, 60, 250
"""Targets, in seconds and megabytes, on two cores."""
GROWTH = 1.1
"""From the fifth to the tenth round, a worker may need this many times the memory: it must not grow with the rounds."""
MEGABYTE = 1024
"""Kilobytes."""
TICKS = os.sysconf("SC_CLK_TCK")
PARENT, CPU = 1, slice(11, 15)
"""Fields of /proc/PID/stat after the name."""


@frozen(kw_only=True)
class IdleRound:
    """What one idle round took.

    Args:
        seconds: From the moment the merchants were due to the end of the last pass.
        workers: Seconds of CPU time of the processes that scan.
        everything: Seconds of CPU time of all processes, with PostgreSQL, Redis and the S3 server.
        memory: The resident memory of each worker process, in megabytes.
    """

    seconds: float
    workers: float
    everything: float
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
    wait_for(this.has_ended, fleet)  # also the passes of the killed workers, after three minutes
    return time.monotonic() - started


def idle_round(fleet: local.LocalFleet, merchants: int) -> IdleRound:
    """Scan all merchants again. There are no new files."""
    before, started = cpu_seconds(fleet), time.monotonic()
    let_an_hour_pass()
    wait_for(Round(merchants, since=datetime.now(UTC)).has_ended, fleet)
    seconds, after = time.monotonic() - started, cpu_seconds(fleet)
    memory = [kilobytes(process) / MEGABYTE for process in fleet.scanning_processes()]
    workers, everything = after[0] - before[0], after[1] - before[1]
    measured = IdleRound(seconds=seconds, workers=workers, everything=everything, memory=memory)
    shown = f"CPU {workers:.1f} s, all {everything:.1f} s, {[round(each) for each in memory]} MB"
    print(f"idle round: {seconds:.1f} s, {shown}", flush=True)
    return measured


def cpu_seconds(fleet: local.LocalFleet) -> tuple[float, float]:
    """The CPU time of the processes that scan, and of all processes: also Celery's others, and the servers."""
    with engine().connect() as connection:
        backend = connection.scalar(sa.select(sa.func.pg_backend_pid()))
    postgresql = int(stat(backend)[PARENT])
    workers = sum(ticks(process) for process in fleet.scanning_processes())
    everything = sum(ticks(process) for root in (os.getpid(), postgresql) for process in tree(root))
    return workers / TICKS, everything / TICKS


def stat(process: int) -> list[str]:
    """The fields of a process after its name; see proc(5)."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def ticks(process: int) -> int:
    """The CPU time of a process, and of its children that have ended."""
    return sum(int(each) for each in stat(process)[CPU])


def tree(root: int) -> list[int]:
    """A process, and all processes below it."""
    children = Path(f"/proc/{root}/task").glob("*/children")
    below = [int(child) for file in children for child in file.read_text().split()]
    return [root, *(each for child in below for each in tree(child))]


def kilobytes(process: int) -> int:
    """The resident memory of a process."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def main() -> None:
    file, merchants = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with local.running(merchants=merchants, orders=ORDERS, workers=WORKERS, every=3600, tick=10) as fleet:
        seconds = first_round(fleet, merchants)
        first = fleet.counts()
        failing = [state.merchant for state in states() if state.failures]
        idle = [idle_round(fleet, merchants) for _ in range(IDLE_ROUNDS)]
        last = fleet.counts()
    everything = merchants * ORDERS // 2
    largest = [max(each.memory) for each in idle]
    slowest = max(each.seconds for each in idle)
    rows = {
        f"All {merchants:,} merchants with {ORDERS} pending orders each, two workers killed, Redis restarted": (
            f"{seconds:,.0f} s"
        ),
        "Orders with files": f"{everything:,}",
        "Of these, fulfilled in this round": f"{first[0]:,}",
        "Of these, fulfilled after the idle rounds": f"{last[0]:,}",
        "Calls of `fulfill` in all rounds": f"{last[1]:,}",
        "Different orders that these calls sent": f"{last[2]:,}",
        "An idle round, median of ten (slowest)": (
            f"{statistics.median(each.seconds for each in idle):.0f} s ({slowest:.0f} s)"
        ),
        "CPU time of an idle round, for each merchant: of the workers, of workers and servers together": (
            f"{1000 * statistics.median(each.workers for each in idle) / merchants:.0f} ms, "
            f"{1000 * statistics.median(each.everything for each in idle) / merchants:.0f} ms"
        ),
        "Memory of the largest worker after the first, fifth and tenth idle round": (
            f"{largest[0]:.0f} MB, {largest[4]:.0f} MB, {largest[9]:.0f} MB"
        ),
    }
    table = "\n".join(["| Measured | |", "|---|--:|", *(f"| {name} | {value} |" for name, value in rows.items())])
    print(table)
    file.write_text(f"{table}\n", encoding="utf-8")
    targets = {
        "each order is fulfilled": last[0] == everything,
        "no order is sent twice": len(set(first)) == len(set(last)) == 1,
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

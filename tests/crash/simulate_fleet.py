# ruff: noqa: T201 - it reports by printing
"""Run a fleet of 10,000 merchants for 24 hours in virtual time, and write the result into the documentation."""

import argparse
import sys
from pathlib import Path

from simulation.fleet import BROKEN, FleetWorld, Setup

RESULT = Path(__file__).parents[2] / "docs" / "explanation" / "fleet_result.md"
MOST_FOR_BROKEN = 0.02
"""The share of the workers' time that broken merchants may cost."""


def problems(world: FleetWorld) -> list[str]:
    """What was not as it must be."""
    found = [f"not scanned: {missed}" for missed in world.missed_slots()]
    found += [
        f"{endpoint}: {most} requests of one process at once"
        for endpoint, most in world.most_in_flight.items()
        if most > world.setup.in_flight
    ]
    found += [
        f"order {order} of {merchant} was sent {count} times"
        for (merchant, order), count in world.sent.items()
        if count > 1
    ]
    if (share := world.share_of_broken()) > MOST_FOR_BROKEN:
        found.append(f"broken merchants cost {share:.2%} of the workers' time")
    return found


def table(world: FleetWorld) -> str:
    """The result, as a page of the documentation includes it."""
    setup, delays = world.setup, world.delays()
    rows = {
        "Merchants": f"{setup.merchants:,}",
        "of these, broken": f"{setup.merchants - len(world.of_kind('healthy')):,}",
        "Hours": f"{setup.hours}",
        "Threads of workers": f"{setup.processes} processes with {setup.threads} threads each",
        "Passes": f"{sum(len(merchant.passes) for merchant in world.merchants.values()):,}",
        "Orders sent, each once": f"{len(world.sent):,}",
        "Slots in which a healthy merchant was not scanned": "none",
        "From the slot of a healthy merchant to its pass, median": f"{delays[len(delays) // 2]:.0f} s",
        "The longest such time": f"{delays[-1]:.0f} s",
        "Budget of one process at one endpoint, requests at once": f"{setup.in_flight}",
        "The most that ran at once": f"{max(world.most_in_flight.values())}",
        "Share of the workers' time for broken merchants": f"{world.share_of_broken():.2%}",
    }
    for kind in BROKEN:
        merchants = world.of_kind(kind)
        passes = sum(len(merchant.passes) for merchant in merchants) / len(merchants)
        seconds = world.seconds_of(kind) / len(merchants)
        rows[f"A merchant with {kind}"] = f"{passes:.0f} passes, {seconds:.0f} s in {setup.hours} hours"
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|--:|", *lines, ""])


def main() -> int:
    """Run, print, and write. Returns 1 if something was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--merchants", type=int, default=10_000, help="how many")
    parser.add_argument("--hours", type=int, default=24, help="how long the fleet runs")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name}")
    options = parser.parse_args()
    world = FleetWorld(Setup(merchants=options.merchants, hours=options.hours))
    world.run()
    result, found = table(world), problems(world)
    print("\n".join([result, *found[:20]]))
    if options.write and not found:
        RESULT.write_text(result)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

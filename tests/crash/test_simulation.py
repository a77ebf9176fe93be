"""Scanners, people, shop, storage and ledger in one scheduler: each seed is another history, with other faults.

``python -m pytest tests/crash/test_simulation.py --seed N`` prints everything that happens in one of them.
"""

import os
import subprocess
import sys
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

from history import Accepted, CallTookEffect
from simulation.mutants import REUSED, REVIEWED
from simulation.world import World

SEEDS = 500
REVIEWED_SEEDS = 200
REUSED_SEEDS = 100
SUPPORT = Path(__file__).parent.parent / "support"
TRACE_OF = "from simulation.world import World; world = World.of_seed({seed}); world.run(); print(world.trace())"


def test_every_invariant_holds_in_every_simulated_history(request, summary):
    chosen = request.config.getoption("--seed")
    for seed in range(SEEDS) if chosen is None else [chosen]:
        world = World.of_seed(seed)
        found = world.run()
        if chosen is not None:
            summary.append(world.trace())
        assert not found, f"seed {seed}; show its history with --seed {seed}\n{world.trace()}"


def test_nothing_is_sent_that_nobody_accepted(summary):
    accepted = 0
    for seed in range(REVIEWED_SEEDS):
        world = World.of_seed(seed, **REVIEWED)
        assert not world.run(), f"seed {seed}\n{world.trace()}"
        accepted += sum(isinstance(event, Accepted) for event in world.history.events)
    assert accepted > REVIEWED_SEEDS
    summary.append(f"{accepted} reviews in {REVIEWED_SEEDS} histories")


def test_each_order_gets_the_file_of_its_product(summary):
    shared = 0
    for seed in range(REUSED_SEEDS):
        world = World.of_seed(seed, **(REUSED if seed % 2 else {"reuse": True}))
        assert not world.run(), f"seed {seed}\n{world.trace()}"
        printed = [event.contents.items() for event in world.history.events if isinstance(event, CallTookEffect)]
        shared += any(not one.isdisjoint(other) for one, other in combinations(printed, 2))
    assert shared > REUSED_SEEDS / 2
    summary.append(f"orders share a file in {shared} of {REUSED_SEEDS} histories")


def test_a_seed_has_the_same_history_in_every_process():
    traces = {
        subprocess.run(
            [sys.executable, "-c", TRACE_OF.format(seed=seed)],
            env={**os.environ, "PYTHONPATH": str(SUPPORT), "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
        for seed in (7,)
    }
    assert len(traces) == 1


@pytest.mark.parametrize(
    "text", ["took effect", "FAULT", "DIED", "a person", "refused", "unknown", "released", "renewed"]
)
def test_the_histories_contain_everything_that_matters(text):
    assert any(text in trace_of(seed) for seed in range(200))


@cache
def trace_of(seed: int) -> str:
    world = World.of_seed(seed)
    world.run()
    return world.history.render()

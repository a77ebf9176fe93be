"""Every interleaving of two scanners with at most two preemptions."""

import random
from collections.abc import Callable

import pytest
from attrs import evolve

import remote_artwork as ra
from simulation.exploration import Replay, interleavings
from simulation.faults import Profile
from simulation.people import People
from simulation.setup import ScannerSetup, Setup
from simulation.world import World

PREEMPTIONS = 2
OF_TWO_ORDERS = [
    ra.Recovery.QUERYABLE,
    *(pytest.param(each, marks=pytest.mark.thorough) for each in (ra.Recovery.IDEMPOTENT, ra.Recovery.NONE)),
]


def explore(setup: Setup) -> int:
    """Run every interleaving, and return how many there are."""

    def run(choose: Replay) -> None:
        world = World(setup, random.Random(0), choose, on_end=choose.stop)
        world.scheduler.only_requests = True
        found = world.run()
        assert not found, f"decisions {choose.decisions}\n{world.trace()}"

    return sum(1 for _ in interleavings(run, preemptions=PREEMPTIONS))


def setup_of(recovery: ra.Recovery, attaching: ra.Attaching, *actions: Callable[[People], object]) -> Setup:
    return Setup(
        profile=Profile(answers_at_once=True),
        recovery=recovery,
        careless=recovery is ra.Recovery.QUERYABLE,
        attaching=attaching,
        scanners=(ScannerSetup(), ScannerSetup()),
        actions=actions,
        waits_before_actions=False,
    )


@pytest.mark.parametrize("attaching", [ra.Attaching.SEPARATE, ra.Attaching.WITH_FULFILL], ids=str)
@pytest.mark.parametrize("recovery", list(ra.Recovery), ids=str)
def test_two_workers_on_one_order_have_one_effect_however_they_are_interleaved(recovery, attaching, summary):
    summary.append(f"{explore(setup_of(recovery, attaching))} interleavings")


@pytest.mark.parametrize("recovery", OF_TWO_ORDERS, ids=str)
def test_two_workers_that_attach_per_order_have_one_effect_however_interleaved(recovery, summary):
    setup = evolve(setup_of(recovery, ra.Attaching.PER_ORDER), orders=(2,))
    summary.append(f"{explore(setup)} interleavings")


@pytest.mark.parametrize("recovery", OF_TWO_ORDERS, ids=str)
@pytest.mark.parametrize("action", [People.add_order_with_same_number, People.give_number_to_another_order])
def test_two_orders_that_need_one_file_are_not_both_printed_with_it(recovery, action, summary):
    setup = setup_of(recovery, ra.Attaching.WITH_FULFILL, action)
    summary.append(f"{explore(setup)} interleavings")


def test_a_preemption_is_needed_to_find_what_one_scanner_does_between_two_steps_of_another():
    def runs(preemptions: int) -> list[str]:
        seen = []

        def run(choose: Replay) -> None:
            world = World(
                setup_of(ra.Recovery.IDEMPOTENT, ra.Attaching.SEPARATE),
                random.Random(0),
                choose,
                on_end=choose.stop,
            )
            world.scheduler.only_requests = True
            world.run()
            seen.append(world.history.render())

        assert len(list(interleavings(run, preemptions=preemptions))) == len(seen)
        return seen

    none, one = runs(0), runs(1)
    assert len(none) == 2, "one scanner first, or the other"
    assert len(set(one)) > len(none)
    assert set(none) <= set(one)

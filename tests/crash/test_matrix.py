"""A scan dies before and after each of its calls. Whatever was left, fresh scans bring every order to its end, once."""

from collections.abc import Callable
from functools import partial

import pytest
from attrs import define, field

import remote_artwork as ra
from crash_world import World
from remote_artwork.testing import CrashPoint, Faults, Killed, crash_points


@pytest.fixture(params=list(ra.Recovery), ids=str)
def recovery(request: pytest.FixtureRequest) -> ra.Recovery:
    return request.param


def test_a_shop_of_three_orders_dies_once_anywhere(ledger, recovery, tell):
    world = World.of(ledger, recovery=recovery)
    tell.append(f"{die_once(world)} crash points")


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_shop_whose_client_attaches_with_fulfill_dies_once_anywhere(ledger, recovery, tell):
    world = World.of(ledger, ["1001", "1002"], recovery=recovery, attaching=ra.Attaching.WITH_FULFILL)
    tell.append(f"{die_once(world)} crash points")


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_shop_of_one_order_dies_twice_anywhere(ledger, recovery, tell):
    world = World.of(ledger, ["1001"], recovery=recovery)
    tell.append(f"{die_twice(world)} double crashes")


@pytest.mark.thorough
@pytest.mark.timeout(7200)
def test_a_shop_of_three_orders_dies_twice_anywhere(ledger, recovery, tell):
    world = World.of(ledger, recovery=recovery)
    tell.append(f"{die_twice(world)} double crashes")


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_state_in_which_a_lease_runs_is_another_than_the_one_once_it_has_ended(ledger):
    world, faults = World.of(ledger, ["1001"]), Faults()
    world.let_time_pass()  # makes its own row among the passes
    faults.intercept("client.fulfill", faults.kill)
    with pytest.raises(Killed):
        world.scanner(faults).scan()
    held = world.state()
    world.let_time_pass()
    assert world.state() != held


@define
class Memory:
    """Which states were left before. What follows from a state has to be tried once only."""

    _followed: dict[object, int] = field(factory=dict)

    def once(self, key: object, follow: Callable[[], int]) -> int:
        """How many deaths follow, tried now or before."""
        if key not in self._followed:
            self._followed[key] = follow()
        return self._followed[key]


def die_once(world: World) -> int:
    def scan(faults: Faults) -> None:
        world.restore(*world.untouched)
        world.scanner(faults).scan()

    memory = Memory()
    return sum(memory.once(world.state(), partial(ends_well, world, point)) for point in crash_points(scan))


def die_twice(world: World) -> int:
    """Every death of a scan, and after each of them every death of the scan that comes next."""

    def scan(faults: Faults) -> None:
        world.restore(*world.untouched)
        world.scanner(faults).scan()

    memory = Memory()

    def die_again(first: CrashPoint) -> int:
        world.let_time_pass()
        left = world.snapshot()

        def recover(faults: Faults) -> None:
            world.restore(*left)
            world.scanner(faults).scan()

        return sum(
            memory.once(("twice", world.state()), partial(ends_well, world, first, second))
            for second in crash_points(recover)
        )

    return sum(memory.once(("once", world.state()), partial(die_again, first)) for first in crash_points(scan))


def ends_well(world: World, *deaths: CrashPoint) -> int:
    """One death, once its orders have come to their end as they should."""
    world.scan_in_the_end()
    try:
        world.check()
    except AssertionError as error:
        raise AssertionError(f"died {', then '.join(map(str, deaths))}: {error}") from error
    return 1

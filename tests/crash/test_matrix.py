"""A scan dies before and after each of its calls. Afterwards new scans bring every order to its end exactly once."""

from collections.abc import Callable
from functools import partial

import pytest
from attrs import define, field

import remote_artwork as ra
from crash_world import EditingShop, World
from remote_artwork.testing import CrashPoint, Faults, Killed, crash_points


@pytest.fixture(params=list(ra.Recovery), ids=str)
def recovery(request: pytest.FixtureRequest) -> ra.Recovery:
    return request.param


def test_a_shop_of_three_orders_dies_once_anywhere(ledger, recovery, summary):
    world = World.of(ledger, recovery=recovery)
    summary.append(f"{die_once(world)} crash points")


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_shop_whose_client_attaches_with_fulfill_dies_once_anywhere(ledger, recovery, summary):
    world = World.of(ledger, ["1001", "1002"], recovery=recovery, attaching=ra.Attaching.WITH_FULFILL)
    summary.append(f"{die_once(world)} crash points")


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_shop_whose_client_attaches_per_order_dies_once_anywhere(ledger, recovery, summary):
    world = World.of(ledger, ["1001", "1002"], items=2, recovery=recovery, attaching=ra.Attaching.PER_ORDER)
    summary.append(f"{die_once(world)} crash points")


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
@pytest.mark.parametrize("attaching", [ra.Attaching.SEPARATE, ra.Attaching.PER_ORDER], ids=str)
def test_a_shop_whose_edits_a_death_leaves_open_dies_once_anywhere(ledger, attaching, summary):
    world = World.of(ledger, ["1001"], items=2, kind=EditingShop, attaching=attaching)
    summary.append(f"{die_once(world)} crash points")


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_shop_of_one_order_dies_twice_anywhere(ledger, recovery, summary):
    world = World.of(ledger, ["1001"], recovery=recovery)
    summary.append(f"{die_twice(world)} double crashes")


@pytest.mark.thorough
@pytest.mark.timeout(7200)
def test_a_shop_of_three_orders_dies_twice_anywhere(ledger, recovery, summary):
    world = World.of(ledger, recovery=recovery)
    summary.append(f"{die_twice(world)} double crashes")


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_state_with_a_running_lease_differs_from_one_after_its_end(ledger):
    world, faults = World.of(ledger, ["1001"]), Faults()
    world.let_time_pass()  # writes its own row of scans
    faults.intercept("client.fulfill", faults.kill)
    with pytest.raises(Killed):
        world.scanner(faults).scan()
    held = world.state()
    world.let_time_pass()
    assert world.state() != held


@define
class Memory:
    """States that were seen before. What follows from a state needs to be tested only once."""

    _followed: dict[object, int] = field(factory=dict)

    def once(self, key: object, follow: Callable[[], int]) -> int:
        """The number of deaths that follow, tested now or before."""
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
    """Every death of a scan, each followed by every death of the next scan."""

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
    """Return 1 after every order has reached its correct end."""
    world.scan_in_the_end()
    try:
        world.check()
    except AssertionError as error:
        raise AssertionError(f"died {', then '.join(map(str, deaths))}: {error}") from error
    return 1

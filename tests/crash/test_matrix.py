"""A scan dies before and after each of its calls. Whatever was left, fresh scans bring every order to its end, once."""

import pytest

import remote_artwork as ra
from crash_world import World
from remote_artwork.testing import Faults, crash_points


@pytest.fixture(params=list(ra.Recovery), ids=str)
def recovery(request: pytest.FixtureRequest) -> ra.Recovery:
    return request.param


@pytest.mark.parametrize("attaching", list(ra.Attaching), ids=str)
def test_a_shop_of_three_orders_dies_once_anywhere(ledger, recovery, attaching, capsys):
    world = World.of(ledger, recovery=recovery, attaching=attaching)

    def scan(faults: Faults) -> None:
        world.restore(*world.untouched)
        world.scanner(faults).scan()

    deaths = 0
    for point in crash_points(scan):
        world.scan_in_the_end()
        try:
            world.check()
        except AssertionError as error:
            raise AssertionError(f"died {point}") from error
        deaths += 1
    with capsys.disabled():
        print(f" {deaths} crash points", end="")
    assert deaths > 80

"""A small fleet in virtual time. ``simulate_fleet.py`` runs a large one for a day."""

from collections import Counter

import pytest

from remote_artwork.fleet import PassStatus
from simulation.fleet import FleetWorld, Setup


@pytest.fixture(scope="module")
def world() -> FleetWorld:
    world = FleetWorld(Setup(merchants=200, broken=0.02, hours=6, processes=2, threads=4, endpoints=2, new_orders=0.2))
    world.run()
    return world


def test_every_healthy_merchant_is_scanned_in_each_of_its_slots_once(world: FleetWorld):
    assert world.missed_slots() == []
    for merchant in world.of_kind("healthy"):
        assert len(merchant.passes) in (6, 7), "six slots, and a pass at the beginning"
        assert all(result.status is PassStatus.DONE for _, _, result in merchant.passes)


def test_a_healthy_merchant_waits_for_little_more_than_the_next_tick(world: FleetWorld):
    assert world.delays()[-1] < 120


def test_no_endpoint_sees_more_than_its_budget(world: FleetWorld):
    assert world.most_in_flight == {"endpoint 0": 2, "endpoint 1": 2}


def test_each_order_with_a_file_is_sent_once(world: FleetWorld):
    assert set(world.sent.values()) == {1}
    assert len(world.sent) > 100


def test_broken_merchants_are_probed_less_and_less_often(world: FleetWorld):
    for passes in world.probes().values():
        assert len(passes) == 5, "at the beginning, in three slots, and after a wait"
        assert set(passes) == {1}
    statuses = Counter(result.status for merchant in world.of_kind("wrong keys") for _, _, result in merchant.passes)
    assert set(statuses) == {PassStatus.FAILED}
    assert all(merchant.passes[0][2].reason for merchant in world.of_kind("wrong keys"))


def test_a_million_unmatched_files_cost_little(world: FleetWorld):
    for merchant in world.of_kind("a million unmatched files"):
        assert all(result.status is PassStatus.DONE for _, _, result in merchant.passes)
        assert all(result.requests["list"] < 10 for _, _, result in merchant.passes)

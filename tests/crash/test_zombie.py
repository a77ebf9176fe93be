"""A scanner stops for longer than its lease at any call, another one takes over, then the first one continues."""

import pytest
from attrs import evolve

import remote_artwork as ra
from crash_world import World
from remote_artwork.core.lifecycle import FulfillState
from remote_artwork.testing import FakeShop, Faults
from shop_files import JPEG


def calls_of_a_scan(world: World) -> list[str]:
    faults = Faults()
    world.restore(*world.untouched)
    world.scanner(faults).scan()
    return faults.calls


def overtaken(world: World, number: int) -> ra.ScanReport:
    """The report of a scanner that stopped before one of its calls."""
    faults = Faults()

    def another_scanner_takes_over() -> None:
        for _ in range(2):
            world.let_time_pass()
            world.scanner().scan()

    faults.intercept("", another_scanner_takes_over, number=number)
    return world.scanner(faults).scan()


@pytest.mark.parametrize("recovery", list(ra.Recovery), ids=str)
def test_a_zombie_has_no_second_effect_wherever_it_was_stopped(ledger, recovery):
    has_no_second_effect(World.of(ledger, ["1001"], recovery=recovery))


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_zombie_of_a_client_that_attaches_with_fulfill_has_no_second_effect(ledger):
    has_no_second_effect(World.of(ledger, ["1001"], attaching=ra.Attaching.WITH_FULFILL))


def has_no_second_effect(world: World) -> None:
    calls = calls_of_a_scan(world)
    sent = calls.index("client.fulfill") + 1
    settled_by_another = {sent, sent + 1}
    """Only between the intent and the receipt another scanner finds a call that may be in flight."""
    for number, call in enumerate(calls, start=1):
        world.restore(*world.untouched)
        report = overtaken(world, number)
        assert {item.status for item in report.items} <= {"matched", "fulfilled", "uncertain"}, (number, call)
        assert sum(world.shop.effects.values()) == 1, (number, call)
        [record] = world.ledger.find("default")
        if record.state is FulfillState.UNCERTAIN:
            assert number in settled_by_another, (number, call)
        world.scan_in_the_end()
        world.check()


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
@pytest.mark.parametrize("recovery", list(ra.Recovery), ids=str)
def test_a_zombie_never_lets_an_older_file_be_printed_wherever_it_was_stopped(ledger, recovery):
    world = World.of(ledger, ["1001"], recovery=recovery)
    two_items = ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])
    first, second = f"{world.root}/1001_1.jpg", f"{world.root}/1001_2.jpg"
    at_once = ra.Policy(fulfill="per_item")
    world.shop.put(two_items)
    world.untouched = world.snapshot()
    calls = Faults()
    world.scanner(calls, policy=at_once).scan()

    def taken_over_with_a_newer_file() -> None:
        world.files.pipe(first, JPEG + b"newer")
        world.let_time_pass()
        world.scanner(policy=at_once).scan()

    for number, call in enumerate(calls.calls, start=1):
        world.restore(*world.untouched)
        world.files.pipe(first, JPEG)
        faults, printed = Faults(), Faults()
        faults.intercept("", taken_over_with_a_newer_file, number=number)
        world.scanner(faults, policy=at_once).scan()
        world.let_time_pass()
        world.files.pipe(second, JPEG)
        held = []
        printed.intercept("client.fulfill", lambda held=held: held.extend(world.shop.artwork["1001", "1"]))
        world.scanner(printed, policy=at_once).scan()
        assert [artwork.version for artwork in held] == [world.storage.stat("1001_1.jpg").etag], (number, call)
        world.files.rm(second)


class Careless(FakeShop):
    """``get_order`` returns the true state, as promised, but ``fulfill`` fulfills the order a second time."""

    def fulfill(self, order, artworks, *, idempotency_key):
        self.orders[order.id] = evolve(self.orders[order.id], state=ra.OrderState.PENDING)
        return super().fulfill(order, artworks, idempotency_key=idempotency_key)


def test_in_the_one_remaining_window_a_second_effect_is_reported(ledger):
    world = World.of(ledger, ["1001"])
    world.shop = Careless(world.shop.orders.values())
    window = calls_of_a_scan(world).index("client.fulfill") + 1
    world.restore(*world.untouched)

    [item] = overtaken(world, window).items

    assert sum(world.shop.effects.values()) == 2, "this is the window: between the last check of the lease and the call"
    assert item.status == "uncertain"
    assert "receipt-1001" in item.reason


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_call_is_not_repeated_once_the_order_was_taken_over(ledger):
    world, faults = World.of(ledger, ["1001"], recovery=ra.Recovery.IDEMPOTENT), Faults()

    def another_scanner_takes_over() -> None:
        world.let_time_pass()
        world.scanner().scan()

    faults.intercept("client.fulfill", another_scanner_takes_over)
    faults.fail("client.fulfill", ra.Unavailable("503"))
    world.scanner(faults).scan()
    assert faults.calls.count("client.fulfill") == 1
    assert len(world.shop.calls("fulfill")) == 1
    world.check()

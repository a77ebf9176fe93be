"""A file or an order changes between any two calls of a scan."""

import hashlib
from collections.abc import Callable

import pytest
from attrs import evolve

import remote_artwork as ra
from crash_world import SHA_OF_JPEG, World
from remote_artwork.testing import Faults
from shop_files import JPEG

pytestmark = pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)

NAME = "1001_1.jpg"
NEWER = JPEG + b"newer"
SHA_OF_NEWER = hashlib.sha256(NEWER).hexdigest()


class Witness:
    """A check that accepts everything and records the content it has read completely."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __repr__(self) -> str:
        return "Witness()"

    def check(self, artwork, _item):
        self.seen.add(hashlib.sha256(artwork.read(0, artwork.file.size)).hexdigest())
        return ()


def scans_with(ledger, change: Callable[[World], None], **promises):
    """For each call of a scan: the world, the call, the report with the change before the call, and the witness."""
    world = World.of(ledger, ["1001"], **promises)
    counting = Faults()
    world.scanner(counting).scan()
    for number, call in enumerate(counting.calls, start=1):
        world.restore(*world.untouched)
        world.files.pipe(f"{world.root}/{NAME}", JPEG)
        faults, witness = Faults(), Witness()
        faults.intercept("", lambda: change(world), number=number)
        yield world, f"{number} {call}", world.scanner(faults, checks=[witness]).scan(), witness


def printed(world: World) -> str:
    """The bytes that the shop downloaded while it fulfilled the order."""
    [call] = [call for call in world.shop.calls("fulfill") if call.effect]
    [sha] = call.downloaded
    return sha


def replace(world: World) -> None:
    world.files.pipe(f"{world.root}/{NAME}", NEWER)


def delete(world: World) -> None:
    world.files.rm(f"{world.root}/{NAME}")


@pytest.mark.parametrize("attaching", list(ra.Attaching), ids=str)
def test_a_file_replaced_anywhere_is_printed_as_it_was_checked_or_raises_the_alarm(ledger, attaching):
    alarms = []
    for world, call, report, witness in scans_with(ledger, replace, attaching=attaching):
        [item] = report.items
        if printed(world) not in witness.seen:
            assert item.status == "late_replacement", call
            alarms.append(call.split()[1])
        assert {SHA_OF_JPEG, SHA_OF_NEWER} >= witness.seen, call
    # Memory keeps no versions, so nothing can pin what the shop downloads: from the last look at the file to its call.
    assert alarms == ["ledger.advance", "client.fulfill"]


def test_a_file_deleted_anywhere_is_missing_or_printed_and_never_replaced_by_a_guess(ledger):
    for world, call, report, _ in scans_with(ledger, delete):
        [item] = report.items
        assert (item.status == "fulfilled") is bool(world.shop.effects), call
        world.files.pipe(f"{world.root}/{NAME}", JPEG)
        world.scan_in_the_end()
        world.check()


def test_an_order_cancelled_anywhere_is_not_sent(ledger):
    for world, call, report, _ in scans_with(ledger, lambda world: world.shop.cancel("1001")):
        cancelled_after = call.split()[1] in ("ledger.advance", "storage.head", "ledger.forget")
        assert {item.status for item in report.items} <= {"cancelled", "fulfilled"}, call
        assert cancelled_after or not world.shop.effects, call


def test_an_order_fulfilled_by_hand_anywhere_is_not_sent_again(ledger):
    for world, call, report, _ in scans_with(ledger, lambda world: world.shop.fulfill_by_hand("1001")):
        for item in report.items:
            assert item.status in ("cancelled", "fulfilled"), call
            ours = item.receipt is not None
            assert ours is bool(world.shop.effects), call


def test_an_order_edited_anywhere_is_sent_as_it_is_or_as_it_was_read_last(ledger):
    edited = ra.Order("1001", [ra.OrderItem("1", quantity=500)])
    stale = []
    for world, call, report, _ in scans_with(ledger, lambda world: world.shop.put(edited)):
        [item] = report.items
        assert item.status in ("fulfilled", "settling"), call
        if item.status == "fulfilled" and world.shop.orders["1001"].state is ra.OrderState.PENDING:
            stale.append(call)
        if item.status == "settling":
            assert not world.shop.effects, call
            world.scan_in_the_end()
        assert set(world.shop.effects.values()) <= {1}, call
    assert [call.split()[1] for call in stale] == ["ledger.advance", "storage.head", "ledger.forget"]


def test_an_order_approved_anew_anywhere_is_sent_once_for_each_approval(ledger):
    again = ra.Order("1001", [ra.OrderItem("1")], approval="second")
    for world, call, _, _ in scans_with(ledger, lambda world: world.shop.put(again)):
        world.scan_in_the_end()
        assert set(world.shop.effects.values()) == {1}, call
        assert world.shop.orders["1001"].state is ra.OrderState.FULFILLED, call


def test_a_number_that_comes_up_twice_anywhere_sends_no_order_that_was_not_alone_when_it_was_listed(ledger):
    twin = ra.Order("1001", [ra.OrderItem("1")], id="twin")
    for world, call, report, _ in scans_with(ledger, lambda world: world.shop.put(twin)):
        assert set(world.shop.effects.values()) <= {1}, call
        [*items] = world.scanner().scan().items
        assert {item.status for item in items if item.order_id == "twin"} == {"conflict"}, call
        assert world.shop.orders["twin"].state is ra.OrderState.PENDING, call
        del world.shop.orders["twin"]
        assert {item.status for item in report.items} <= {"conflict", "fulfilled"}, call


def test_an_edit_is_noticed_when_an_intent_is_settled(ledger):
    world = World.of(ledger, ["1001"], recovery=ra.Recovery.IDEMPOTENT)
    world.shop.fail_next("fulfill", ra.OutcomeUnknown("time-out"))
    world.scanner().scan()
    world.shop.put(evolve(world.shop.orders["1001"], items=[ra.OrderItem("1", quantity=500)]))
    [item] = world.scanner().scan().items
    assert item.status == "uncertain"
    assert not world.shop.effects

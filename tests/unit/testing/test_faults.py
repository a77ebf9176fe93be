import pytest

import remote_artwork as ra
from remote_artwork.errors import StorageDenied, StorageUnreachable
from remote_artwork.testing import FakeShop, Faults, FaultyClient, FaultyLedger, FaultyStorage, Killed, crash_points
from shop_files import memory_folder


def shop():
    return FakeShop([ra.Order("1", [ra.OrderItem("1")]), ra.Order("2", [ra.OrderItem("1")])])


def test_calls_are_recorded_in_order_and_forwarded():
    faults = Faults()
    client = FaultyClient(shop(), faults)
    assert [order.number for order in client.pending_orders()] == ["1", "2"]
    assert client.get_order("2").number == "2"
    assert faults.calls == ["client.pending_orders", "client.get_order"]
    assert (client.recovery, client.attaching, client.call_limit) == (
        shop().recovery,
        shop().attaching,
        shop().call_limit,
    )


@pytest.mark.parametrize(("moment", "effects"), [("before", 0), ("after", 1)])
def test_the_nth_call_of_a_kind_fails_before_or_after_its_effect(moment, effects):
    faults, double = Faults(), shop()
    client = FaultyClient(double, faults)
    faults.fail("client.fulfill", ra.OutcomeUnknown("time-out"), number=2, moment=moment)
    one, two = client.pending_orders()
    client.fulfill(one, {}, idempotency_key="1")
    with pytest.raises(ra.OutcomeUnknown):
        client.fulfill(two, {}, idempotency_key="2")
    assert double.effects["2"] == effects
    assert client.get_order("1").state is ra.OrderState.FULFILLED, "only the second call fails"


def test_a_call_that_raises_runs_its_after_action_too():
    faults = Faults()
    client = FaultyClient(shop(), faults)
    faults.intercept("client.get_order", faults.kill, moment="after")
    with pytest.raises(Killed):
        client.get_order("no such order")


def test_a_dead_process_makes_no_more_calls():
    faults, ledger = Faults(), ra.MemoryLedger()
    faults.fail("ledger.find", RuntimeError())
    with pytest.raises(Killed):
        faults.kill()
    with pytest.raises(Killed):
        FaultyLedger(ledger, faults).find("acme")
    assert faults.calls == []


def test_a_failed_storage_request_is_retried():
    _, storage = memory_folder("/faulty", "1_1.jpg")
    faults = Faults()
    faulty = FaultyStorage(storage, faults)
    faults.fail("storage.head", StorageUnreachable("503"))
    assert faulty.stat("1_1.jpg").name == "1_1.jpg"
    assert faults.calls == ["storage.head"] * 2
    faults.fail("storage.list", StorageDenied("403"))
    with pytest.raises(StorageDenied, match="403"):
        list(faulty.pages())
    assert faulty.location == storage.location


def test_a_scan_dies_before_and_after_each_of_its_calls():
    died = []

    def scan(faults):
        client = FaultyClient(shop(), faults)
        died.append(0)
        for order in client.pending_orders():
            client.fulfill(order, {}, idempotency_key=order.id)
            died[-1] += 1

    points = [str(point) for point in crash_points(scan)]
    assert points == [
        "before call 1, client.pending_orders",
        "after call 1, client.pending_orders",
        "before call 2, client.fulfill",
        "after call 2, client.fulfill",
        "before call 3, client.fulfill",
        "after call 3, client.fulfill",
    ]
    assert died == [2, 0, 2, 0, 0, 1, 1]


def test_a_scan_that_makes_other_calls_each_time_is_refused():
    orders_of_calls = iter([["a", "b"], ["b", "a"]])

    def scan(faults):
        for call in next(orders_of_calls):
            with faults.around(call):
                pass

    with pytest.raises(AssertionError, match="this run made other calls before it died before call 1"):
        list(crash_points(scan))


def test_a_scan_that_catches_killed_is_refused():
    def scan(faults):
        try:
            with faults.around("a"):
                pass
        except Killed:
            pass

    with pytest.raises(AssertionError, match="did not die before call 1, a"):
        list(crash_points(scan))


def test_a_delayed_call_takes_effect_later():
    double = shop()
    double.delay_next("fulfill", ra.OutcomeUnknown("time-out"))
    with pytest.raises(ra.OutcomeUnknown):
        double.fulfill(double.get_order("1"), {}, idempotency_key="k")
    assert not double.effects
    double.run_delayed()
    double.run_delayed()
    assert double.effects == {"k": 1}

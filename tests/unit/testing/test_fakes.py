from concurrent.futures import ThreadPoolExecutor

import pytest

import remote_artwork as ra
from remote_artwork.testing import FakeShop


def shop(**options):
    return FakeShop([ra.Order("1", [ra.OrderItem("1")]), ra.Order("2", [ra.OrderItem("1")])], **options)


def artwork(name="1_1.png"):
    return ra.Artwork(name=name, url="https://x", media_type="image/png", size=1, version="v")


def test_the_journal_records_calls_and_their_effects():
    double = shop()
    [order, other] = double.pending_orders()
    double.attach_artwork(order, order.items[0], [artwork()], idempotency_key="a")
    double.fulfill(order, {"1": [artwork()]}, idempotency_key="f")
    double.cancel("2")
    with pytest.raises(ra.NotPending):
        double.fulfill(other, {}, idempotency_key="g")
    assert [(call.name, call.order_id, call.effect) for call in double.journal] == [
        ("pending_orders", "", False),
        ("attach_artwork", "1", True),
        ("fulfill", "1", True),
        ("fulfill", "2", False),
    ]
    assert [call.effect for call in double.calls("fulfill")] == [True, False]
    assert double.effects == {"f": 1}
    assert double.artwork == {("1", "1"): (artwork(),)}


def test_a_shop_without_recovery_fulfills_twice():
    double = shop(recovery=ra.Recovery.NONE)
    order = double.get_order("1")
    for _ in range(2):
        double.fulfill(order, {"1": [artwork()]}, idempotency_key="f")
    assert double.effects["f"] == 2
    assert double.get_order("1").fulfillment_key is None


def test_an_idempotent_shop_counts_one_effect():
    double = shop(recovery=ra.Recovery.IDEMPOTENT)
    order = double.get_order("1")
    receipts = {double.fulfill(order, {"1": [artwork()]}, idempotency_key="f") for _ in range(2)}
    assert len(receipts) == 1
    assert double.effects["f"] == 1
    assert [call.effect for call in double.calls("fulfill")] == [True, False]


def test_an_idempotent_shop_knows_a_key_after_a_second_approval():
    double = shop(recovery=ra.Recovery.IDEMPOTENT)
    order = double.get_order("1")
    double.fulfill(order, {"1": [artwork()]}, idempotency_key="f")
    double.put(ra.Order("1", [ra.OrderItem("1")], approval="another"))
    double.fulfill(order, {"1": [artwork()]}, idempotency_key="f")
    assert double.effects["f"] == 1
    assert double.get_order("1").state is ra.OrderState.PENDING


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_planned_error_is_raised_once_before_or_after_the_effect(after_effect):
    double = shop()
    order = double.get_order("1")
    double.fail_next("fulfill", ra.OutcomeUnknown("connection lost"), after_effect=after_effect)
    with pytest.raises(ra.OutcomeUnknown):
        double.fulfill(order, {"1": [artwork()]}, idempotency_key="f")
    assert (double.get_order("1").state is ra.OrderState.FULFILLED) is after_effect
    assert double.effects["f"] == int(after_effect)
    if not after_effect:
        assert double.fulfill(order, {"1": [artwork()]}, idempotency_key="f")


def test_orders_can_be_edited_fulfilled_and_deleted_by_hand():
    double = shop()
    double.put(ra.Order("1", [ra.OrderItem("9")]))
    assert double.get_order("1").items[0].number == "9"
    double.fulfill_by_hand("1")
    assert double.get_order("1").state is ra.OrderState.FULFILLED
    double.delete("2")
    assert list(double.pending_orders()) == []
    assert not double.effects


def test_a_call_that_does_not_belong_to_the_way_of_attaching_fails_the_test():
    double = shop(attaching=ra.Attaching.WITH_FULFILL)
    order = double.get_order("1")
    with pytest.raises(AssertionError, match="attach_artwork was called on a client that attaches with_fulfill"):
        double.attach_artwork(order, order.items[0], [artwork()], idempotency_key="a")
    with pytest.raises(AssertionError, match="attach_order was called on a client that attaches with_fulfill"):
        double.attach_order(order, {"1": [artwork()]}, idempotency_key="a")


def test_attach_order_sets_all_items_or_none():
    double = shop(attaching=ra.Attaching.PER_ORDER)
    order = double.get_order("1")
    with pytest.raises(ra.ItemNotFound):
        double.attach_order(order, {"1": [artwork()], "7": [artwork()]}, idempotency_key="a")
    assert double.artwork == {}
    double.attach_order(order, {"1": [artwork()]}, idempotency_key="a")
    assert list(double.artwork) == [("1", "1")]
    assert [call.effect for call in double.calls("attach_order")] == [False, True]


def test_an_unknown_item_changes_nothing():
    double = shop()
    with pytest.raises(ra.ItemNotFound):
        double.fulfill(double.get_order("1"), {"1": [artwork()], "7": [artwork()]}, idempotency_key="f")
    assert double.artwork == {}
    assert double.get_order("1").state is ra.OrderState.PENDING


def test_only_one_of_many_threads_fulfills():
    double = shop()
    order = double.get_order("1")

    def fulfill(key):
        try:
            return double.fulfill(order, {"1": [artwork()]}, idempotency_key=key)
        except ra.AlreadyFulfilled:
            return None

    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(fulfill, map(str, range(40))))
    assert sum(receipt is not None for receipt in receipts) == 1
    assert sum(double.effects.values()) == 1

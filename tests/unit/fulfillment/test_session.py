"""``OrderSession``: when a call may start, and when the lease is renewed."""

from datetime import timedelta

import pytest

import remote_artwork as ra
from remote_artwork.core.events import ignore
from remote_artwork.core.lifecycle import FulfillState, ItemState, OrderClaim, OrderKey, OrderRecord
from remote_artwork.core.planner import OrderPlan
from remote_artwork.errors import LeaseLost
from remote_artwork.fulfillment.group_commit import GroupCommit
from remote_artwork.fulfillment.session import OrderSession
from remote_artwork.fulfillment.workers import Workers
from remote_artwork.runtime import THREADS
from remote_artwork.scan.stopwatch import Stopwatch

KEY = OrderKey("default", "1001")
LEASE = timedelta(minutes=3)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class CountingLedger(ra.MemoryLedger):
    """Records the writes of each transaction."""

    def __init__(self):
        super().__init__()
        self.transactions = []

    def advance(self, writes):
        self.transactions.append([write.steps for write in writes])
        return super().advance(writes)


@pytest.fixture
def ledger():
    return CountingLedger()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def session(ledger, clock):
    [lease] = ledger.claim([OrderClaim(key=KEY, order_number="1001")], owner="me", lease_for=LEASE)
    order = ra.Order("1001", [ra.OrderItem("1")])
    plan = OrderPlan(key=KEY, order=order, items=(), record=OrderRecord(key=KEY, order_number="1001"))
    return OrderSession(
        plan=plan,
        ledger=GroupCommit(ledger, Workers(THREADS, 1), Stopwatch(clock)),
        lease=lease,
        leased_at=0.0,
        retry=ra.RetryPolicy(),
        emit=ignore,
        monotonic=clock,
    )


def test_deferred_steps_are_written_with_the_next_ones(session, ledger):
    session.defer(session.selection("1", {}))
    session.defer(session.item_step("1", ItemState.VERIFIED))
    assert (session.rows["1"].state, ledger.transactions) == (ItemState.VERIFIED, [])
    session.intend(session.order_step(FulfillState.FULFILL_INTENT))
    [[steps]] = ledger.transactions
    assert [step.after for step in steps] == [ItemState.SELECTED, ItemState.VERIFIED, FulfillState.FULFILL_INTENT]


def test_a_call_starts_within_five_seconds_of_its_intent(session, clock):
    assert not session.may_start_call
    session.intend()
    clock.now = 5.0
    assert session.may_start_call
    clock.now = 5.1
    assert not session.may_start_call


def test_a_call_starts_within_its_lease(session, clock):
    session.intend()
    session.leased_at = clock.now - LEASE.total_seconds()
    assert not session.may_start_call


def test_a_refused_call_needs_a_new_intent(session):
    session.intend()
    session.end_call(succeeded=True)
    assert session.may_start_call
    session.end_call(succeeded=False)
    assert not session.may_start_call


def test_an_old_lease_is_renewed_except_during_a_call_and_after_its_release(session, ledger, clock):
    session.renew_if_older(30.0)
    assert ledger.transactions == []
    clock.now = 31.0
    session.renew_if_older(30.0)
    assert ledger.transactions == [[()]]
    session.intend()
    clock.now = 100.0
    session.renew_if_older(30.0)
    session.end_call(succeeded=True)
    session.renew_if_older(30.0)
    session.advance(release=True)
    clock.now = 200.0
    session.renew_if_older(30.0)
    assert len(ledger.transactions) == 4


def test_a_lease_that_another_scan_has_taken_over_writes_nothing(session, ledger):
    ledger.claim([OrderClaim(key=KEY, order_number="1001")], owner="me", lease_for=LEASE)
    session.defer(session.selection("1", {}))
    with pytest.raises(LeaseLost):
        session.intend(session.order_step(FulfillState.FULFILL_INTENT))
    [record] = ledger.find("default")
    assert (record.state, record.items) == (FulfillState.OPEN, {})

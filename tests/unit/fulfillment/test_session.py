"""``OrderSession``: the lease during long work on files."""

import threading
from datetime import timedelta

import pytest

import remote_artwork as ra
from remote_artwork.client import claim_one
from remote_artwork.core.events import ignore
from remote_artwork.core.lifecycle import OrderKey, OrderRecord
from remote_artwork.core.planner import OrderPlan
from remote_artwork.errors import LeaseLost, LedgerUnavailable
from remote_artwork.fulfillment.session import OrderSession

KEY = OrderKey("default", "1001")
ENOUGH = 60.0


class CountingLedger(ra.MemoryLedger):
    """Sets ``renewed`` after three renewals; ``error`` is raised by each."""

    def __init__(self, error=None):
        super().__init__()
        self.error, self.renewals, self.renewed = error, 0, threading.Event()

    def advance(self, writes):
        self.renewals += not any(write.steps for write in writes)
        if self.renewals >= 3:
            self.renewed.set()
        if self.error is not None:
            raise self.error
        return super().advance(writes)


def session_on(ledger):
    lease = claim_one(ledger, KEY, order_number="1001", owner="me", lease_for=timedelta(milliseconds=30))
    order = ra.Order("1001", [ra.OrderItem("1")])
    plan = OrderPlan(key=KEY, order=order, items=(), record=OrderRecord(key=KEY, order_number="1001"))
    return OrderSession(plan=plan, ledger=ledger, lease=lease, retry=ra.RetryPolicy(), emit=ignore)


def test_the_lease_is_renewed_as_long_as_the_work_lasts():
    ledger = CountingLedger()
    with session_on(ledger).renewing_lease():
        assert ledger.renewed.wait(ENOUGH)
    assert "remote-artwork-lease" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("error", [LeaseLost("another scan has it"), LedgerUnavailable("the disk is full")])
def test_a_renewal_that_fails_does_not_stop_the_work(error):
    ledger = CountingLedger(error)
    with session_on(ledger).renewing_lease():
        assert ledger.renewed.wait(ENOUGH)


def test_the_renewal_ends_with_the_work_that_failed():
    session = session_on(CountingLedger())
    with pytest.raises(KeyError), session.renewing_lease():
        raise KeyError("the work failed")
    assert "remote-artwork-lease" not in {thread.name for thread in threading.enumerate()}

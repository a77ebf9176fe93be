"""An order that carries our idempotency key was sent by us, whatever its state: a person decides, nothing is sent."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.testing import FakeShop
from shop_files import PDF, memory_folder


class Case:
    """A shop whose answer to ``fulfill`` was lost after the effect, and a clock that can be moved."""

    def __init__(self, root, recovery):
        self.now = datetime(2026, 5, 4, 12, tzinfo=UTC)
        self.files, self.storage = memory_folder(root)
        self.files.pipe(f"{root}/1001_1.pdf", PDF)
        self.shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])], recovery=recovery)
        self.ledger = ra.MemoryLedger(clock=lambda: self.now)

    def scan(self):
        report = ra.Scanner(self.storage, self.shop, ledger=self.ledger, clock=lambda: self.now).scan()
        return report.items[0]

    def put_back(self, state):
        """Somebody in the shop changes the order's state; our key is still there."""
        self.shop.put(evolve(self.shop.get_order("1001"), state=state))
        self.now += timedelta(minutes=30)


@pytest.mark.parametrize("recovery", [ra.Recovery.QUERYABLE, ra.Recovery.IDEMPOTENT])
def test_a_fulfilled_order_that_is_put_back_is_not_sent_again(root, recovery):
    case = Case(root, recovery)
    assert case.scan().status == "fulfilled"
    case.put_back(ra.OrderState.PENDING)
    for _ in range(3):
        item = case.scan()
        assert item.status == "uncertain"
        assert item.needs_person
    assert list(case.shop.effects.values()) == [1]


def test_an_order_without_a_row_that_carries_our_key_waits_for_a_person(root):
    case = Case(root, ra.Recovery.QUERYABLE)
    case.scan()
    case.put_back(ra.OrderState.PENDING)
    case.ledger = ra.MemoryLedger(clock=lambda: case.now)  # its row was forgotten
    item = case.scan()
    assert (item.status, item.code) == ("uncertain", "sent_and_put_back")
    assert "ledger resolve 1001" in item.reason
    assert list(case.shop.effects.values()) == [1]

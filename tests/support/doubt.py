"""One order whose fulfill call has no known end, with its shop, its file and a ledger whose time passes by the scan."""

from datetime import UTC, datetime, timedelta

from attrs import evolve

import remote_artwork as ra
from remote_artwork.core.lifecycle import OrderKey
from remote_artwork.testing import FakeShop, Faults, FaultyClient
from shop_files import memory_folder

LOST = ra.OutcomeUnknown("no answer")


class Case:
    """One order with its file; each scan comes an hour after the one before."""

    def __init__(self, root, recovery=ra.Recovery.IDEMPOTENT, kind=FakeShop, order=None):
        self.files, self.storage = memory_folder(root, "1001_1.jpg")
        self.path = f"{root}/1001_1.jpg"
        self.now = datetime(2026, 5, 1, tzinfo=UTC)
        self.shop = kind([order or ra.Order("1001", [ra.OrderItem("1")])], recovery=recovery)
        self.ledger = ra.MemoryLedger(clock=lambda: self.now)

    def scan(self, faults=None):
        client = FaultyClient(self.shop, faults or Faults())
        retry = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)
        report = ra.Scanner(self.storage, client, ledger=self.ledger, retry=retry).scan()
        self.now += timedelta(hours=1)
        return report.items

    def lose_the_answer(self, *, done):
        self.shop.fail_next("fulfill", LOST, after_effect=done)
        self.shop.fail_next("fulfill", LOST)  # of the repeat in the same scan, if there is one
        assert statuses(self.scan()) == ["uncertain"]
        self.shop._faults.clear()

    def edit(self, **changes):
        self.shop.put(evolve(self.shop.orders["1001"], **changes))

    @property
    def states(self):
        return {record.key.approval: record.state for record in self.ledger.find("default")}

    @property
    def our_key(self):
        return OrderKey("default", "1001").fulfillment_key


def statuses(items):
    return [item.status for item in items]

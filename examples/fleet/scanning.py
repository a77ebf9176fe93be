"""What the tasks of every engine call: which merchants are due, and one pass over one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from functools import cache

from fleet.merchants import PlatformMerchants, ledger
from fleet.shop import MerchantOrders
from remote_artwork.fleet import PassResult, PassRules, SqlMerchantStore, batches, scan_merchant

RULES = PassRules(every=timedelta(seconds=float(os.environ.get("FLEET_EVERY", "3600"))))
DEADLINE = MerchantOrders.call_limit + timedelta(minutes=1)
"""The lease of an order. If a worker is killed, its merchants are due again after two deadlines, and the orders that it
had in progress are free then."""
BATCH = 10
"""Merchants in one task: enough to cost the queue little, few enough that a task takes seconds."""
MERCHANTS = PlatformMerchants()


@cache
def store() -> SqlMerchantStore:
    """Return the states of the merchants, in the database of the ledger."""
    return SqlMerchantStore(ledger())


def due_batches() -> Iterator[list[str]]:
    """Return the ids of the merchants that are due now, in groups."""
    return batches(MERCHANTS, store(), size=BATCH, rules=RULES)


def scan(merchant: str) -> PassResult:
    """Scan a merchant, if it is due."""
    return scan_merchant(merchant, MERCHANTS, store(), deadline=DEADLINE, rules=RULES)

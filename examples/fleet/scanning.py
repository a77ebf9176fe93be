"""What the tasks of every engine call: which merchants are due, and one pass over one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from functools import cache

from fleet.merchants import PlatformMerchants, ledger
from remote_artwork.fleet import PassResult, PassRules, SqlMerchantStore, batches, scan_merchant

RULES = PassRules(every=timedelta(seconds=float(os.environ.get("FLEET_EVERY", "3600"))))
DEADLINE = timedelta(seconds=60)
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

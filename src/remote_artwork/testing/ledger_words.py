# ruff: noqa: S101 - a contract asserts
"""A small vocabulary for tests of ledgers: orders, the usual steps, and claims that say what they expect."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from remote_artwork.core.lifecycle import (
    FileRecord,
    FulfillState,
    ItemState,
    ItemStep,
    Lease,
    OrderKey,
    OrderRecord,
    OrderStep,
)
from remote_artwork.interfaces import Ledger

T = TypeVar("T")

HOUR = timedelta(hours=1)
NOW = timedelta(0)
KEY = OrderKey("acme", "order-1")
FILES = (FileRecord(placement="default", name="1001_1.pdf", size=3, etag='"e"', version_id="v1"),)

SELECT = ItemStep(item_number="1", before=None, after=ItemState.SELECTED, files=FILES)
VERIFY = ItemStep(item_number="1", before=ItemState.SELECTED, after=ItemState.VERIFIED, files=FILES)
INTEND = OrderStep(before=FulfillState.OPEN, after=FulfillState.FULFILL_INTENT)
FULFIL = OrderStep(before=FulfillState.FULFILL_INTENT, after=FulfillState.FULFILLED, receipt="r-1", reason="done")
DOUBT = OrderStep(before=FulfillState.FULFILL_INTENT, after=FulfillState.UNCERTAIN, reason="no answer")
REOPEN = OrderStep(before=FulfillState.UNCERTAIN, after=FulfillState.OPEN)


def try_claim(
    ledger: Ledger, key: OrderKey, *, number: str = "1001", owner: str = "us", lease_for: timedelta = HOUR
) -> Lease | None:
    """A claim with what most tests do not care about filled in."""
    return ledger.claim(key, order_number=number, owner=owner, lease_for=lease_for)


def claim(
    ledger: Ledger, key: OrderKey, *, number: str = "1001", owner: str = "us", lease_for: timedelta = HOUR
) -> Lease:
    """A claim that must succeed."""
    lease = try_claim(ledger, key, number=number, owner=owner, lease_for=lease_for)
    assert lease is not None
    return lease


def claim_in_the_end(ledger: Ledger, key: OrderKey, *, owner: str) -> Lease:
    """A claim that succeeds as soon as the running lease ends."""
    return wait_for(lambda: try_claim(ledger, key, owner=owner))


def wait_for(probe: Callable[[], T | None]) -> T:
    """The first answer of ``probe`` that is something; fails after ten seconds."""
    deadline = time.monotonic() + 10
    while (answer := probe()) is None:
        assert time.monotonic() < deadline, "nothing happened within ten seconds"
        time.sleep(0.002)
    return answer


def settle(ledger: Ledger, key: OrderKey) -> None:
    """Takes an order through to its end and gives it back."""
    ledger.advance(claim(ledger, key), [SELECT, INTEND, FULFIL], release=True)


def forget(ledger: Ledger, *named: OrderKey, silent_passes: int = 1, min_age: timedelta = NOW) -> int:
    """One whole pass of tenant acme in which the host named these orders."""
    pending = [key.order_id for key in named]
    return ledger.forget("acme", still_pending=pending, min_age=min_age, silent_passes=silent_passes)


def only(found: Iterable[OrderRecord]) -> OrderRecord:
    """The one record there is."""
    [record] = found
    return record


def ids(found: Iterable[OrderRecord]) -> set[str]:
    """The order ids of the records."""
    return {record.key.order_id for record in found}

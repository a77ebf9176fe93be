from datetime import UTC, datetime, timedelta

from remote_artwork.client import advance_one
from remote_artwork.core.lifecycle import OrderKey
from remote_artwork.ledgers.memory import MemoryLedger
from remote_artwork.testing.ledger import HOUR, INTEND, KEY, claim, forget, fulfill, only, try_claim


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


def test_a_lease_ends_by_the_clock_of_the_ledger():
    clock = Clock()
    ledger = MemoryLedger(clock=clock)
    claim(ledger, KEY, lease_for=HOUR)
    clock.time += HOUR - timedelta(microseconds=1)
    assert try_claim(ledger, KEY, owner="them") is None
    clock.time += timedelta(microseconds=1)
    assert claim(ledger, KEY, owner="them").epoch == 2


def test_an_intent_ages_by_the_clock_of_the_ledger():
    clock = Clock()
    ledger = MemoryLedger(clock=clock)
    advance_one(ledger, claim(ledger, KEY), [INTEND])
    clock.time += HOUR
    assert only(ledger.find("acme")).intent_age == HOUR


def test_an_order_is_forgotten_at_exactly_min_age():
    clock = Clock()
    ledger = MemoryLedger(clock=clock)
    fulfill(ledger, KEY)
    clock.time += HOUR - timedelta(microseconds=1)
    assert forget(ledger, min_age=HOUR) == 0
    clock.time += timedelta(microseconds=1)
    assert forget(ledger, min_age=HOUR) == 1


def test_an_order_is_kept_until_min_age_has_passed_since_its_last_scan():
    clock = Clock()
    ledger = MemoryLedger(clock=clock)
    fulfill(ledger, KEY)
    clock.time += timedelta(days=91)
    assert forget(ledger, KEY, min_age=timedelta(days=90)) == 0
    for _ in range(100):
        clock.time += timedelta(minutes=1)
        assert forget(ledger, min_age=timedelta(days=90), silent_scans=100) == 0
    clock.time += timedelta(days=90)
    assert forget(ledger, min_age=timedelta(days=90), silent_scans=100) == 1


def test_two_ledgers_are_independent():
    claim(MemoryLedger(), OrderKey("acme", "1"))
    assert not list(MemoryLedger().find("acme"))

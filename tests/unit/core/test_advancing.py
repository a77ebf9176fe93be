"""What a write makes of an order's row; every ledger is tried by its contract besides."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from reasons import because
from remote_artwork.errors import LeaseLost
from remote_artwork.ledgers import (
    FulfillState,
    ItemState,
    ItemStep,
    Lease,
    OrderKey,
    OrderRecord,
    OrderStep,
    advance_record,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)
RECORD = OrderRecord(key=OrderKey("acme", "1001"), order_number="1001", intent_age=timedelta(hours=2))
LEASE = Lease(record=RECORD, owner="us", epoch=3, lasts=timedelta(minutes=5))
INTEND = OrderStep(before=FulfillState.OPEN, after=FulfillState.FULFILL_INTENT, work="w")
SELECT = ItemStep(item_number="1", before=None, after=ItemState.SELECTED, files=())


def write(steps, record=RECORD, owner="us", epoch=3, *, release=False):
    return advance_record(record, steps, lease=LEASE, owner=owner, epoch=epoch, now=NOW, release=release)


def test_steps_are_taken_one_after_another_and_the_change_has_a_time():
    after = write([SELECT, INTEND])
    assert after == evolve(
        RECORD,
        items={"1": SELECT.record},
        state=FulfillState.FULFILL_INTENT,
        work="w",
        intent_age=timedelta(0),
        updated_at=NOW,
    )


def test_an_intent_keeps_its_age_through_other_steps():
    assert write([SELECT]).intent_age == timedelta(hours=2)


def test_without_steps_nothing_changes():
    assert write([]) is RECORD


@pytest.mark.parametrize("release", [False, True])
def test_a_repeat_changes_nothing(release):
    after = write([SELECT, INTEND])
    assert write([SELECT, INTEND], after, owner=None if release else "us", release=release) is after


@pytest.mark.parametrize(
    ("owner", "epoch", "release"),
    [("them", 3, False), ("us", 4, False), (None, 3, False), (None, 3, True)],
    ids=["another owner", "a newer grant", "given back", "given back before it was written"],
)
def test_a_lease_that_is_over_writes_nothing(owner, epoch, release):
    with pytest.raises(LeaseLost, match="another scanner"):
        write([SELECT], owner=owner, epoch=epoch, release=release)


def test_a_row_that_has_moved_on_is_not_written():
    with pytest.raises(LeaseLost, match="item 1 is no longer new"):
        write([SELECT, INTEND], evolve(RECORD, items={"1": evolve(SELECT.record, reason=because("somebody else"))}))
    with pytest.raises(LeaseLost, match="the order is no longer open"):
        write([INTEND], evolve(RECORD, state=FulfillState.CANCELLED))


def test_an_arrow_that_does_not_exist_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="no arrow"):
        write([evolve(INTEND, after=FulfillState.FULFILLED)])


def test_a_hosts_words_are_made_fit_for_every_database():
    step = evolve(INTEND, receipt="r\0\ud800", reason=because("caf\u00e9\0"))
    assert (step.receipt, step.reason) == ("r??", because("café?"))
    assert evolve(SELECT, reason=because("\ud800")).reason == because("?")

"""Slots are fixed, even, and each merchant is due once in each of them."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_artwork.errors import ConfigurationError
from remote_artwork.fleet import MerchantState, PassStatus, last_slot, next_slot, slot

HOUR = timedelta(hours=1)
ids = st.text(max_size=40)
periods = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=400))
moments = st.timedeltas(timedelta(0), timedelta(days=36_500)).map(lambda age: datetime(1990, 1, 1, tzinfo=UTC) + age)


@given(ids, periods)
def test_a_slot_is_within_its_period(merchant, every):
    assert timedelta(0) <= slot(merchant, every) < every


@given(ids, moments, periods)
def test_now_is_between_the_last_slot_and_the_next_one(merchant, now, every):
    assert last_slot(merchant, now, every) <= now < next_slot(merchant, now, every)
    assert next_slot(merchant, now, every) - last_slot(merchant, now, every) == every


@given(ids, moments, periods)
def test_the_slot_of_a_slot_is_itself(merchant, now, every):
    at = last_slot(merchant, now, every)
    assert last_slot(merchant, at, every) == at


@given(ids, moments, moments, periods)
def test_a_merchant_is_due_after_each_slot_and_after_a_clock_that_was_ahead(merchant, started, now, every):
    state = MerchantState(merchant=merchant, started_at=started)
    due = started < last_slot(merchant, now, every) or started > now + every
    assert (state.refusal(now, every) is None) == due
    assert due or state.next_pass(now, every) == next_slot(merchant, now, every)


def test_a_slot_never_changes():
    """A release that moved the slots would scan every merchant at another time."""
    assert slot("acme") == timedelta(minutes=11, seconds=17, microseconds=106220)
    assert slot("acme", 24 * HOUR) == timedelta(hours=4, minutes=30, seconds=50, microseconds=549298)


def test_ten_thousand_merchants_are_spread_evenly():
    minutes = Counter(slot(f"merchant-{number}") // timedelta(minutes=1) for number in range(10_000))
    assert len(minutes) == 60
    assert all(110 < count < 230 for count in minutes.values()), minutes


@pytest.mark.parametrize("every", [timedelta(0), -HOUR])
def test_a_period_is_above_zero(every):
    with pytest.raises(ConfigurationError, match="every must be above zero"):
        slot("acme", every)


def test_a_lost_pass_is_due_at_once():
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    state = MerchantState(merchant="acme", started_at=now, owner="a worker", owned_until=now + HOUR)
    assert state.refusal(now) is PassStatus.BUSY
    assert state.refusal(now + HOUR) is None

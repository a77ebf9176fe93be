"""How the calls per second of a shop API are divided among processes."""

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_artwork.core.call_shares import (
    ASK_AGAIN_AFTER,
    LONGEST_HOLD,
    RENEW_AFTER,
    CallDemand,
    Holding,
    divide_calls,
)


def demand(holder="a", *, limit=10, wanted=20, busy=0, unit=2, tenants=1, busy_for=0.0, hold_for=2.1):
    return CallDemand(
        holder=holder,
        limit=limit,
        wanted=wanted,
        busy=busy,
        busy_for=busy_for,
        unit=unit,
        tenants=tenants,
        hold_for=hold_for,
    )


def divide_in_rounds(demands, *, rounds=4, limit=10):
    """The shares of processes that ask one after another. Calls occupy all places that a process had before."""
    holdings, shares, now = {}, {}, 100.0
    for _ in range(rounds):
        for each in demands:
            held = min(shares.get(each.holder, 0), each.busy)
            holdings, share = divide_calls(holdings, evolve(each, busy=held, limit=limit), now)
            shares[each.holder] = share.places
            assert sum(holding.places for holding in holdings.values()) <= limit
            now += 0.2
    return shares


def test_one_process_gets_all_places():
    holdings, share = divide_calls({}, demand(wanted=2), 100.0)
    assert (share.places, share.ask_after) == (10, RENEW_AFTER)
    assert holdings["a"].until == 102.1


def test_a_process_that_comes_later_gets_its_half_as_soon_as_it_is_given_back():
    holdings, _ = divide_calls({}, demand("a", limit=12), 100.0)
    holdings, share = divide_calls(holdings, demand("b", limit=12), 100.1)
    assert (share.places, share.ask_after) == (0, ASK_AGAIN_AFTER)
    holdings, share = divide_calls(holdings, demand("a", limit=12, busy=10), 100.2)
    assert share.places == 6  # its calls still occupy 10
    assert share.ask_after == ASK_AGAIN_AFTER
    holdings, share = divide_calls(holdings, demand("b", limit=12), 100.3)
    assert share.places == 2
    holdings, share = divide_calls(holdings, demand("a", limit=12, busy=6), 100.4)
    assert (share.places, share.ask_after) == (6, RENEW_AFTER)
    holdings, share = divide_calls(holdings, demand("b", limit=12, busy=2), 100.5)
    assert share.places == 6


def test_places_that_cannot_be_divided_evenly_change_hands_every_minute():
    first, second = demand("a"), demand("b")
    shares = set()
    for minute in range(10):
        holdings, _ = divide_calls({}, evolve(first, busy=0), 60.0 * minute)
        holdings, share = divide_calls(holdings, second, 60.0 * minute + 0.1)
        _, share = divide_calls(holdings, first, 60.0 * minute + 0.2)
        shares.add(share.places)
    assert shares == {4, 6}


def test_places_are_divided_by_the_tenants_that_wait():
    assert divide_in_rounds([demand("a", unit=1, tenants=4), demand("b", unit=1)]) == {"a": 8, "b": 2}


def test_what_one_process_does_not_want_is_for_the_others():
    assert divide_in_rounds([demand("a", wanted=2), demand("b"), demand("c")]) == {"a": 2, "b": 4, "c": 4}


def test_places_that_no_turn_can_use_are_added_to_a_share():
    assert sorted(divide_in_rounds([demand("a"), demand("b")], limit=5).values()) == [2, 3]


def test_processes_take_turns_when_there_are_too_few_places_for_all():
    holdings, served, now = {}, [], 100.0
    for _ in range(40):
        for holder in "abc":
            holdings, share = divide_calls(holdings, demand(holder, limit=2), now)
            served += [holder] * (share.places > 0)
            now += 0.2
    assert {served.count(holder) for holder in "abc"} <= {len(served) // 3, len(served) // 3 + 1}
    assert len(served) >= 20


def test_a_process_without_waiting_calls_keeps_only_what_they_occupy():
    holdings, _ = divide_calls({}, demand("a"), 100.0)
    holdings, share = divide_calls(holdings, demand("a", wanted=3, busy=3, busy_for=0.5), 100.8)
    assert share.places == 0
    assert (holdings["a"].places, holdings["a"].until) == (3, 101.3)
    holdings, _ = divide_calls(holdings, demand("a", wanted=0), 102.0)
    assert holdings == {}


def test_the_share_of_a_process_that_ended_is_free_again():
    holdings, _ = divide_calls({}, demand("a"), 100.0)
    assert divide_calls(holdings, demand("b"), 102.0)[1].places == 0
    assert divide_calls(holdings, demand("b"), 102.1)[1].places == 10


def test_a_clock_that_was_set_back_does_not_keep_places_for_long():
    holdings, _ = divide_calls({}, demand("a"), 100.0 + 2 * LONGEST_HOLD)
    assert divide_calls(holdings, demand("b"), 100.0)[1].places == 10


def test_a_holding_is_json_data():
    holding = Holding(places=1, wanted=2, tenants=3, until=4.0, served_at=5.0)
    assert Holding.from_dict(holding.to_dict()) == holding


@given(data=st.data(), limit=st.integers(1, 12), unit=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_the_places_of_all_are_never_more_than_the_limit(data, limit, unit):
    holdings, now = {}, 100.0
    until = {}
    for _ in range(15):
        holder = data.draw(st.sampled_from("abcd"))
        held = holdings[holder].places if holder in holdings and now < until[holder] else 0
        busy = data.draw(st.integers(0, held))
        each = demand(
            holder,
            limit=limit,
            unit=unit,
            busy=busy,
            wanted=busy + data.draw(st.integers(0, 9)),
            busy_for=data.draw(st.floats(0.0, 1.1)),
            tenants=data.draw(st.integers(1, 3)),
        )
        holdings, share = divide_calls(holdings, each, now)
        if holder in holdings:
            until[holder] = holdings[holder].until
            assert share.places <= max(holdings[holder].places, 0)
        assert sum(holding.places for holding in holdings.values()) <= limit
        now += data.draw(st.sampled_from((0.0, 0.1, 0.7, 3.0)))

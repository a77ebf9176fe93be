"""The retry policy: how often, how long between, and what is never repeated."""

import pytest

from remote_artwork.errors import (
    ClientError,
    LedgerUnavailable,
    OutcomeUnknown,
    RateLimited,
    StorageUnreachable,
    Unavailable,
)
from remote_artwork.retry import RetryPolicy


class ShopSession:
    """Fails with each of the errors in turn, then answers; keeps the waits between."""

    def __init__(self, *errors, **policy):
        self.errors = list(errors)
        self.calls = 0
        self.waits = []
        self.policy = RetryPolicy(sleep=self.waits.append, **policy)

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    def run(self, on=ClientError):
        return self.policy.call(self, on=on)


def test_a_success_is_returned_at_once():
    host = ShopSession()
    assert host.run() == "done"
    assert (host.calls, host.waits) == (1, [])


def test_a_temporary_error_is_tried_again():
    host = ShopSession(Unavailable(), Unavailable())
    assert host.run() == "done"
    assert host.calls == 3


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_last_error_is_raised_unchanged_once_the_attempts_are_used_up(attempts):
    errors = [Unavailable(str(n)) for n in range(9)]
    host = ShopSession(*errors, attempts=attempts)
    with pytest.raises(Unavailable) as caught:
        host.run()
    assert caught.value is errors[attempts - 1]
    assert host.calls == attempts
    assert len(host.waits) == attempts - 1


def test_waits_are_jittered_double_and_never_exceed_the_longest():
    waits = []
    for _ in range(200):
        host = ShopSession(*[Unavailable() for _ in range(5)], attempts=6, first_wait=1.0, longest_wait=5.0)
        host.run()
        waits.append(host.waits)
    for place, bound in enumerate([1.0, 2.0, 4.0, 5.0, 5.0]):
        some = [row[place] for row in waits]
        assert all(0 <= wait <= bound for wait in some)
        assert len({round(wait, 6) for wait in some}) > 100
        assert max(some) > bound / 2


def test_a_host_is_not_asked_before_the_time_it_named():
    host = ShopSession(RateLimited(retry_after=7.5), first_wait=0.5, longest_wait=20)
    assert host.run() == "done"
    assert host.waits == [7.5]


def test_a_host_that_names_the_longest_wait_is_still_asked():
    host = ShopSession(RateLimited(retry_after=20.0))
    assert host.run() == "done"
    assert host.waits == [20.0]


@pytest.mark.parametrize("retry_after", [20.1, float("inf"), float("nan")])
def test_a_host_that_asks_for_more_than_the_longest_wait_is_not_asked_again(retry_after):
    host = ShopSession(RateLimited(retry_after=retry_after))
    with pytest.raises(RateLimited):
        host.run()
    assert (host.calls, host.waits) == (1, [])


@pytest.mark.parametrize("retry_after", [None, 0, -5.0])
def test_a_host_that_names_no_time_is_asked_after_an_ordinary_wait(retry_after):
    host = ShopSession(RateLimited(retry_after=retry_after), first_wait=0.5)
    assert host.run() == "done"
    assert 0 <= host.waits[0] <= 0.5


@pytest.mark.parametrize(
    "error", [OutcomeUnknown(), ClientError(), StorageUnreachable(), LedgerUnavailable(), ValueError(), TimeoutError()]
)
def test_permanent_errors_and_errors_that_were_not_named_are_not_repeated(error):
    host = ShopSession(error)
    with pytest.raises(type(error)) as caught:
        host.run()
    assert caught.value is error
    assert (host.calls, host.waits) == (1, [])


def test_several_errors_may_be_named():
    host = ShopSession(StorageUnreachable(), LedgerUnavailable())
    assert host.run(on=(StorageUnreachable, LedgerUnavailable)) == "done"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_person_who_stops_the_program_is_obeyed(stop):
    host = ShopSession(Unavailable(), stop())
    with pytest.raises(stop):
        host.run()
    assert host.calls == 2


def test_the_sleeper_is_not_shown():
    assert "sleep" not in repr(RetryPolicy())


def test_a_budget_ends_the_repeats_of_a_whole_pass():
    host = ShopSession(*[RateLimited(retry_after=10) for _ in range(9)], budget=15)
    one_pass = host.policy.for_one_pass()
    for _ in range(3):
        with pytest.raises(RateLimited):
            one_pass.call(host, on=ClientError)
    assert host.waits == [10]
    assert host.calls == 4


def test_one_order_of_a_pass_waits_for_a_fifth_of_what_is_left_and_the_next_has_something_of_it():
    host = ShopSession(*[RateLimited(retry_after=10) for _ in range(99)], budget=100, attempts=9)
    one_pass = host.policy.for_one_pass()
    waits = []
    for _ in range(6):
        host.waits.clear()
        with pytest.raises(RateLimited):
            one_pass.for_one_order().call(host, on=ClientError)
        waits.append(sum(host.waits))
    assert waits == [20, 10, 10, 10, 10, 0]


def test_one_order_outside_of_a_pass_waits_as_the_policy_says():
    host = ShopSession(RateLimited(retry_after=10), budget=15)
    host.policy = host.policy.for_one_order()
    assert host.run() == "done"


def test_a_policy_that_is_not_of_a_pass_adds_nothing_up():
    host = ShopSession(*[RateLimited(retry_after=10) for _ in range(9)], budget=15)
    for _ in range(3):
        with pytest.raises(RateLimited):
            host.run()
    assert host.calls == 9

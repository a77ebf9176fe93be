"""The retry policy: how often, how long between, what is never repeated, and what one scan may wait in all."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from remote_artwork.errors import (
    ClientError,
    LedgerUnavailable,
    OutcomeUnknown,
    RateLimited,
    StorageUnreachable,
    Unavailable,
)
from remote_artwork.retry import RetryPolicy, order_budget, share_budget


class Flaky:
    """Raises each of the errors in turn, then returns; keeps the waits between."""

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


def test_a_success_is_returned_without_a_wait():
    call = Flaky()
    assert call.run() == "done"
    assert (call.calls, call.waits) == (1, [])


def test_a_temporary_error_is_retried():
    call = Flaky(Unavailable(), Unavailable())
    assert call.run() == "done"
    assert call.calls == 3


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_last_error_is_raised_unchanged_once_the_attempts_are_used_up(attempts):
    errors = [Unavailable(str(n)) for n in range(9)]
    call = Flaky(*errors, attempts=attempts)
    with pytest.raises(Unavailable) as caught:
        call.run()
    assert caught.value is errors[attempts - 1]
    assert call.calls == attempts
    assert len(call.waits) == attempts - 1


def test_waits_are_jittered_double_and_never_exceed_the_longest():
    waits = []
    for _ in range(200):
        call = Flaky(*[Unavailable() for _ in range(5)], attempts=6, first_wait=1.0, longest_wait=5.0)
        call.run()
        waits.append(call.waits)
    for place, bound in enumerate([1.0, 2.0, 4.0, 5.0, 5.0]):
        some = [row[place] for row in waits]
        assert all(0 <= wait <= bound for wait in some)
        assert len({round(wait, 6) for wait in some}) > 100
        assert max(some) > bound / 2


def test_a_retry_waits_for_the_requested_time():
    call = Flaky(RateLimited(retry_after=7.5), first_wait=0.5, longest_wait=20)
    assert call.run() == "done"
    assert call.waits == [7.5]


def test_a_requested_wait_of_exactly_the_longest_is_granted():
    call = Flaky(RateLimited(retry_after=20.0))
    assert call.run() == "done"
    assert call.waits == [20.0]


@pytest.mark.parametrize("retry_after", [20.1, float("inf"), float("nan")])
def test_a_call_is_not_repeated_if_the_requested_wait_is_too_long(retry_after):
    call = Flaky(RateLimited(retry_after=retry_after))
    with pytest.raises(RateLimited):
        call.run()
    assert (call.calls, call.waits) == (1, [])


@pytest.mark.parametrize("retry_after", [None, 0, -5.0])
def test_without_a_requested_time_the_wait_is_an_ordinary_one(retry_after):
    call = Flaky(RateLimited(retry_after=retry_after), first_wait=0.5)
    assert call.run() == "done"
    assert 0 <= call.waits[0] <= 0.5


@pytest.mark.parametrize(
    "error", [OutcomeUnknown(), ClientError(), StorageUnreachable(), LedgerUnavailable(), ValueError(), TimeoutError()]
)
def test_permanent_and_unlisted_errors_are_not_retried(error):
    call = Flaky(error)
    with pytest.raises(type(error)) as caught:
        call.run()
    assert caught.value is error
    assert (call.calls, call.waits) == (1, [])


def test_several_error_types_can_be_retried():
    call = Flaky(StorageUnreachable(), LedgerUnavailable())
    assert call.run(on=(StorageUnreachable, LedgerUnavailable)) == "done"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_ends_the_retries(stop):
    call = Flaky(Unavailable(), stop())
    with pytest.raises(stop):
        call.run()
    assert call.calls == 2


def test_the_sleep_function_is_not_in_the_repr():
    assert "sleep" not in repr(RetryPolicy())


def test_a_budget_ends_the_retries_of_a_whole_scan():
    call = Flaky(*[RateLimited(retry_after=10) for _ in range(9)], budget=15)
    with call.policy.scan_budget():
        for _ in range(3):
            with pytest.raises(RateLimited):
                call.run()
    assert call.waits == [10]
    assert call.calls == 4


def test_one_order_may_use_a_fifth_of_what_the_scan_has_left():
    call = Flaky(*[RateLimited(retry_after=10) for _ in range(99)], budget=100, attempts=9)
    waits = []
    with call.policy.scan_budget():
        for _ in range(6):
            call.waits.clear()
            with order_budget(), pytest.raises(RateLimited):
                call.run()
            waits.append(sum(call.waits))
    assert waits == [20, 10, 10, 10, 10, 0]


def test_all_policies_draw_on_the_budget_of_the_scan():
    shop, storage = (Flaky(RateLimited(retry_after=10)) for _ in range(2))
    with RetryPolicy(budget=15).scan_budget():
        assert shop.run() == "done"
        with pytest.raises(RateLimited):
            storage.run()


def test_a_thread_draws_on_the_budget_that_was_shared_with_it():
    calls = [Flaky(RateLimited(retry_after=10)) for _ in range(2)]
    with RetryPolicy(budget=15).scan_budget(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(share_budget(calls[0].run)).result() == "done"
        with pytest.raises(RateLimited):
            pool.submit(share_budget(calls[1].run)).result()


@pytest.mark.parametrize("block", [contextlib.nullcontext, order_budget])
def test_outside_a_scan_there_is_no_budget(block):
    call = Flaky(*[RateLimited(retry_after=10) for _ in range(9)], budget=15)
    for _ in range(3):
        with block(), pytest.raises(RateLimited):
            call.run()
    assert call.calls == 9


@pytest.mark.parametrize("translated", [False, True])
def test_an_error_that_an_inner_policy_gave_up_on_is_not_retried(translated):
    inner, outer = Flaky(*[Unavailable() for _ in range(99)]), RetryPolicy(attempts=5, sleep=lambda _: None)

    def run():
        try:
            return inner.run()
        except Unavailable as error:
            if translated:
                raise RateLimited from error
            raise

    with pytest.raises((Unavailable, RateLimited)):
        outer.call(run, on=ClientError)
    assert inner.calls == 3


def test_an_inner_policy_with_one_attempt_leaves_retries_to_the_outer_one():
    inner, outer = Flaky(*[Unavailable() for _ in range(99)], attempts=1), RetryPolicy(sleep=lambda _: None)
    with pytest.raises(Unavailable):
        outer.call(inner.run, on=ClientError)
    assert inner.calls == 3


def test_an_outer_policy_retries_errors_of_its_own_after_an_inner_one_gave_up():
    inner, answers = Flaky(*[Unavailable() for _ in range(3)]), [Unavailable(), None]

    def run():
        with contextlib.suppress(Unavailable):
            inner.run()
        if (error := answers.pop(0)) is not None:
            raise error
        return "done"

    assert RetryPolicy(sleep=lambda _: None).call(run, on=ClientError) == "done"


def test_the_same_error_object_is_retried_in_the_next_call():
    error = Unavailable()
    for _ in range(2):
        call = Flaky(*[error] * 9)
        with pytest.raises(Unavailable):
            call.run()
        assert call.calls == 3

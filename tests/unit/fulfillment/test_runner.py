import pytest

from remote_artwork.fulfillment.runner import DOWN_AFTER, CircuitBreaker

PARTS = ["storage", "client"]


def fail(breaker, part, *, answered=()):
    breaker.record(answered=set(answered), failed={part})


def first_of(_waiting):
    return 0


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_down_after_five_orders_in_a_row_without_an_answer(part):
    breaker = CircuitBreaker(first_of)
    seen = []
    for _ in range(DOWN_AFTER):
        seen.append(breaker.is_down(part))
        fail(breaker, part)
    assert (seen, breaker.is_down(part)) == ([False] * 5, True)
    assert not any(breaker.is_down(other) for other in PARTS if other != part)


def test_an_answer_between_starts_the_count_again():
    breaker = CircuitBreaker(first_of)
    for _ in range(20):
        for _ in range(DOWN_AFTER - 1):
            fail(breaker, "client")
        breaker.record(answered={"client"}, failed=set())
    assert not breaker.is_down("client")


def test_an_order_that_asked_nothing_says_nothing_of_the_part():
    breaker = CircuitBreaker(first_of)
    for _ in range(DOWN_AFTER):
        fail(breaker, "client")
        breaker.record(answered={"storage"}, failed=set())
    assert breaker.is_down("client")


def test_an_answer_to_another_call_of_a_failed_order_is_none():
    breaker = CircuitBreaker(first_of)
    for _ in range(DOWN_AFTER):
        fail(breaker, "client", answered=PARTS)
    assert breaker.is_down("client")


def test_orders_come_in_their_turn_until_two_in_a_row_had_no_answer_and_are_drawn_then():
    breaker = CircuitBreaker(lambda waiting: waiting - 1)
    order_filter = []
    for _ in range(3):
        order_filter.append(breaker.choose_next(7))
        fail(breaker, "storage")
    assert order_filter == [0, 0, 6]
    breaker.record(answered={"storage"}, failed=set())
    assert breaker.choose_next(7) == 0

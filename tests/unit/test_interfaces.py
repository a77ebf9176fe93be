from datetime import timedelta

import pytest

import remote_artwork as ra
from remote_artwork.client import calls_per_second, client_problem, concurrent_calls
from remote_artwork.testing import FakeShop
from shop_files import memory_folder


def scanner(**promises):
    shop = FakeShop([], **promises)
    return ra.Scanner(memory_folder("/prints")[1], shop, ledger=ra.MemoryLedger())


@pytest.mark.parametrize(
    "limit", [timedelta(0), timedelta(minutes=-5), timedelta(days=7, microseconds=1), timedelta.max], ids=str
)
def test_a_scanner_refuses_a_client_whose_calls_end_before_they_begin_or_never(limit):
    with pytest.raises(
        ra.ConfigurationError, match=r"^FakeShop\.call_limit is .*; set it to the longest time that a call"
    ):
        scanner(call_limit=limit)


@pytest.mark.parametrize("limit", [timedelta(microseconds=1), timedelta(days=7)], ids=str)
def test_any_limit_up_to_a_week_will_do(limit):
    assert scanner(call_limit=limit).client.call_limit == limit


@pytest.mark.parametrize("promise", [{"recovery": "idempotent"}, {"attaching": None}, {"call_limit": 120}])
def test_a_promise_of_another_type_is_a_flaw(promise):
    [name] = promise
    assert f"FakeShop.{name} must be a " in str(client_problem(FakeShop([], **promise)))


@pytest.mark.parametrize("calls", [0, -1, True, 1.5, "4", None], ids=repr)
def test_a_number_of_concurrent_calls_that_makes_no_sense_is_refused(calls):
    with pytest.raises(
        ra.ConfigurationError, match=r"^FakeShop\.concurrent_calls is .*; set it to the number of calls"
    ):
        scanner(concurrent_calls=calls)


@pytest.mark.parametrize("rate", [0, -1.0, True, float("nan"), float("inf"), "2"], ids=repr)
def test_a_rate_that_makes_no_sense_is_refused(rate):
    with pytest.raises(
        ra.ConfigurationError, match=r"^FakeShop\.calls_per_second is .*; set it to the number of calls"
    ):
        scanner(calls_per_second=rate)


def test_the_number_of_calls_and_the_rate_are_those_of_the_client():
    shop = FakeShop([], concurrent_calls=8, calls_per_second=2)
    assert client_problem(shop) is None
    assert (concurrent_calls(shop), calls_per_second(shop)) == (8, 2)
    assert (concurrent_calls(object()), calls_per_second(object())) == (1, None)


def test_a_client_that_attaches_with_fulfill_needs_no_attach_artwork():
    class Bare:
        recovery, call_limit = ra.Recovery.QUERYABLE, timedelta(minutes=1)
        pending_orders = get_order = fulfill = None

    Bare.attaching = ra.Attaching.WITH_FULFILL
    assert client_problem(Bare()) is None
    Bare.attaching = ra.Attaching.SEPARATE
    assert "Bare has no method attach_artwork" in str(client_problem(Bare()))
    Bare.attaching = ra.Attaching.PER_ORDER
    assert "Bare has no method attach_order" in str(client_problem(Bare()))


@pytest.mark.parametrize("name", ["pending_orders", "get_order", "attach_artwork", "attach_order", "fulfill"])
def test_an_async_method_of_a_client_is_refused_at_construction(name):
    async def never_runs(*_args, **_options):
        """Its call would return a coroutine, which looks like success."""

    shop = type("AsyncShop", (FakeShop,), {name: never_runs})([])
    with pytest.raises(ra.ConfigurationError, match=rf"^AsyncShop\.{name} is an async method"):
        ra.Scanner(memory_folder("/prints")[1], shop, ledger=ra.MemoryLedger())


@pytest.mark.parametrize("name", ["get_order", "attach_artwork", "attach_order", "fulfill"])
def test_a_generator_as_a_method_of_a_client_is_refused_at_construction(name):
    def never_runs(*_args, **_options):
        yield  # the call returns a generator, and runs nothing

    shop = type("LazyShop", (FakeShop,), {name: never_runs})([])
    with pytest.raises(ra.ConfigurationError, match=rf"^LazyShop\.{name} is a generator, and it would never run"):
        ra.Scanner(memory_folder("/prints")[1], shop, ledger=ra.MemoryLedger())

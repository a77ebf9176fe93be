"""Scans with the clients of the page "Write a client", while their shops refuse, break off or forget the login."""

from functools import partial

import pytest

import remote_artwork as ra
from api_scenarios import ends_fulfilled_once, scenarios
from documented_shops import GraphqlShop, RpcShop, documented_clients

NO_WAIT = ra.RetryPolicy(first_wait=0.0, sleep=lambda _seconds: None)
IMPATIENT = 0.2
"""Seconds; only the tests of silence wait for it."""
CLIENTS = documented_clients()


def failure(shop, code):
    """An answer with HTTP 200 that is an error."""
    if isinstance(shop, RpcShop):
        return 200, {"id": 1, "error": [code, ["the shop's words"]]}, {"Retry-After": "0"}
    return 200, {"errors": [{"message": "the shop's words", "extensions": {"code": code}}]}, {"Retry-After": "0"}


@pytest.fixture(params=[GraphqlShop, RpcShop])
def shop(request):
    shop = request.param()
    shop.add("1001", "1", "2")
    yield shop
    shop.close()


@pytest.fixture
def scenario(shop):
    """A function that returns a scenario with a client of the shop."""
    with scenarios(shop, partial(client_of, shop)) as make:
        yield make


def client_of(shop, **options):
    return CLIENTS[type(shop).__name__](shop.url, shop.USER, shop.PASSWORD, retry=NO_WAIT, **options)


FAULTS = {
    "an error with HTTP 200": lambda shop: failure(shop, "BROKEN"),
    "an error with HTTP 200 after the effect": lambda shop: ("after", failure(shop, "BROKEN")),
    "no result after the effect": lambda _shop: ("after", (200, {}, {})),
    "an expired login": lambda _shop: (401, {"message": "who are you?"}, {}),
    "HTTP 503": lambda _shop: 503,
    "cut before": lambda _shop: "cut before",
    "cut after": lambda _shop: "cut after",
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_any_single_request_may_fail(shop, scenario, fault):
    scenario = scenario()
    put_back, begun = shop.putting_back(scenario.client), len(shop.requests)
    assert scenario.scan() == {"fulfilled"}
    requests = len(shop.requests) - begun - 1  # the last one reads the order, to compare its artwork
    assert requests >= 3
    for number in range(requests):
        scenario.restart(put_back())
        shop.fail(fault(shop), on="any", after=number)
        scenario.scan()
        assert scenario.times_fulfilled() <= 1, number
        ends_fulfilled_once(scenario)


def test_a_login_may_expire_at_any_request(shop, scenario):
    scenario = scenario()
    put_back = shop.putting_back(scenario.client)
    for number in range(1, 8):
        scenario.restart(put_back())
        shop.requests_of_a_login = number + 2
        assert scenario.scan() == {"fulfilled"}, number
        shop.requests_of_a_login = None
        ends_fulfilled_once(scenario)
    assert shop.logins > 7


def test_a_timeout_after_the_effect_is_resolved_by_reading_the_order(shop, scenario):
    scenario = scenario(timeout=IMPATIENT)
    shop.fail("silence after")
    assert scenario.scan() == {"uncertain"}
    assert scenario.times_fulfilled() == 1
    assert scenario.scan() == {"fulfilled"}
    ends_fulfilled_once(scenario)


def test_a_timeout_without_an_effect_is_sent_again_once_the_call_cannot_run_any_more(shop, scenario):
    scenario = scenario()
    shop.fail("cut before")
    assert scenario.scan() == {"uncertain"}
    assert scenario.scan() == {"uncertain"}
    assert scenario.scan_later() == {"fulfilled"}
    ends_fulfilled_once(scenario)


@pytest.mark.parametrize("kind", ["read", "confirm"])
def test_a_storm_of_refusals_ends_in_one_confirmation(shop, scenario, kind):
    scenario = scenario()
    throttled = 429 if isinstance(shop, RpcShop) else failure(shop, "THROTTLED")
    shop.fail(throttled, 3, on=kind)
    scenario.scan()
    assert scenario.times_fulfilled() <= 1
    ends_fulfilled_once(scenario)


@pytest.mark.parametrize("code", ["NOT_WAITING", "NO_SUCH_ORDER"])
def test_a_refusal_with_http_200_is_never_a_success(shop, scenario, code):
    scenario = scenario()
    shop.fail(failure(shop, code))
    assert scenario.scan() == {"cancelled"}
    assert scenario.times_fulfilled() == 0
    assert shop.orders[scenario.order.id]["state"] == "WAITING"


def test_a_list_that_gets_shorter_while_it_is_read_loses_no_order(shop):
    for number in range(1002, 1200):
        shop.add(str(number), f"line-{number}")
    leaving = iter(sorted(shop.orders, key=int))
    answer = shop.answer

    def shrinking(method, path, query, body, headers):
        if shop.kind(method, body) == "read":
            for _ in range(7):
                shop.orders[next(leaving)]["state"] = "RELEASED"
        return answer(method, path, query, body, headers)

    shop.answer = shrinking
    found = {order.id for order in client_of(shop).pending_orders()}
    assert found >= shop.pending_ids()
    assert len(shop.pending_ids()) > 100

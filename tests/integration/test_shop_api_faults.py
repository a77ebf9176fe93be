"""Whole scans over the APIs of shops in which the API itself breaks; what came of it is read from the API's journal."""

import fsspec
import pytest

import remote_artwork as ra
from api_scenarios import ends_fulfilled_once, scenarios
from gooten_server import GootenApi
from order_desk_server import OrderDeskApi
from outages import outage
from remote_artwork.clients import GelatoClient, WooCommerceClient
from remote_artwork.testing import Faults
from shop_api_servers import GelatoApi, WooCommerceApi
from shopify_server import ShopifyApi

NO_WAIT = ra.RetryPolicy(first_wait=0.0, sleep=lambda _seconds: None)
IMPATIENT = 0.2
"""Seconds; only the tests of silence wait for it."""
MATRIX = (401, 429, 503, (409, {"message": "conflict"}, {}), "cut before", "cut after", "500 after")


def gelato(api, **options):
    return GelatoClient(api.KEY, api=api.url, **options)


def woocommerce(api, **options):
    return WooCommerceClient(api.url, *api.KEYS, **options)


SHOPS = {
    "gelato": (GelatoApi, gelato, ("1", "2")),
    "woocommerce": (WooCommerceApi, woocommerce, (11, 12)),
    "order_desk": (OrderDeskApi, OrderDeskApi.client, ("11", "12")),
    "gooten": (GootenApi, GootenApi.client, ("1", "2")),
    "shopify": (ShopifyApi, ShopifyApi.client, ("11", "12")),
}


@pytest.fixture(params=SHOPS)
def api(request):
    kind, make, lines = SHOPS[request.param]
    api = kind()
    api.add("1001", *lines)
    api.client = lambda **options: make(api, **{"retry": NO_WAIT, **options})
    yield api
    api.close()


@pytest.fixture
def scenario(api):
    """A function that returns a scenario with a client of the API."""
    with scenarios(api, api.client) as make:
        yield make


def test_a_timeout_after_the_effect_is_resolved_by_reading_the_order(api, scenario):
    scenario = scenario(timeout=IMPATIENT)
    api.fail("silence after")
    assert scenario.scan() == {"uncertain"}
    assert scenario.times_fulfilled() == 1
    assert scenario.scan() == {"fulfilled"}, "the shop tells at once that it is"
    ends_fulfilled_once(scenario)


def test_a_lost_response_is_not_sent_again_while_the_call_may_be_in_flight(api, scenario):
    scenario = scenario()
    api.fail("cut before")
    assert scenario.scan() == {"uncertain"}
    asked = len(api.changes)
    assert scenario.scan() == {"uncertain"}
    assert len(api.changes) == asked
    assert scenario.scan_later() == {"fulfilled"}
    ends_fulfilled_once(scenario)


def test_a_rate_limited_confirmation_waits_as_long_as_the_shop_requests(api, scenario):
    scenario = scenario()
    api.fail((429, {"message": "slow down"}, {"Retry-After": "1"}))
    assert scenario.scan() == {"fulfilled"}
    assert api.writes == len(api.changes) + 1
    ends_fulfilled_once(scenario)


def test_a_rate_limited_confirmation_that_would_wait_too_long_waits_for_the_next_scan(api, scenario):
    scenario = scenario()
    api.fail((429, {"message": "slow down"}, {"Retry-After": "3600"}))
    assert scenario.scan() == {"failed"}
    assert api.writes == len(api.changes) + 1
    assert scenario.times_fulfilled() == 0
    assert scenario.scan() == {"fulfilled"}
    ends_fulfilled_once(scenario)


def test_a_read_waits_as_long_as_the_shop_requests(api):
    waits = []
    client = api.client(retry=ra.RetryPolicy(first_wait=0.0, sleep=waits.append))
    api.fail((429, {}, {"Retry-After": "2"}), on="read")
    assert len(list(client.pending_orders())) == 1
    assert waits == [2]


@pytest.mark.parametrize("change", ["deleted", "cancelled"])
@pytest.mark.parametrize("answered", [True, False])
def test_an_order_that_is_removed_during_the_confirmation_is_not_sent_again(api, scenario, change, answered):
    scenario, faults = scenario(), Faults()

    def go():
        if change == "deleted":
            del api.orders[scenario.order.id]
        else:
            api.cancel(scenario.order)

    faults.intercept("client.fulfill", go)
    if not answered:
        faults.fail("client.fulfill", ra.OutcomeUnknown("no answer"), moment="after")
    first = scenario.scan(faults)
    assert first == ({"cancelled"} if answered else {"uncertain"})
    scenario.scan_until_settled()
    assert scenario.times_fulfilled() == 0
    [record] = scenario.ledger.find("default")
    assert record.state == ("uncertain" if change == "deleted" and not answered else "cancelled")


@pytest.mark.parametrize("fault", MATRIX, ids=lambda fault: str(fault[0] if isinstance(fault, tuple) else fault))
def test_any_single_request_may_fail(api, scenario, fault):
    check_each_request(api, scenario(), fault)


ODD = {
    "order_desk": {"status": "error", "message": "Something went wrong"},
    "gooten": {"HadError": True, "Errors": [{"ErrorMessage": "Something went wrong"}]},
}


@pytest.mark.parametrize("has_effect", [False, True])
@pytest.mark.parametrize("api", ODD, indirect=True)
def test_any_single_request_may_be_refused_with_http_200(api, scenario, request, has_effect):
    refusal = (200, ODD[request.node.callspec.params["api"]], {})
    check_each_request(api, scenario(), ("after", refusal) if has_effect else refusal)


def check_each_request(api, scenario, fault):
    put_back, begun = api.putting_back(scenario.client), len(api.requests)
    assert scenario.scan() == {"fulfilled"}
    requests = len(api.requests) - begun - 1  # the last one reads the order, to compare its artwork
    assert requests > 3
    for number in range(requests):
        scenario.restart(put_back())
        api.fail(fault, on="any", after=number)
        scenario.scan()
        assert scenario.times_fulfilled() <= 1, number
        ends_fulfilled_once(scenario)


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_a_refused_list_is_requested_as_often_as_the_policy_says(api, attempts):
    """Not its square: the scan does not repeat what the client has given up on."""
    policy = ra.RetryPolicy(attempts=attempts, sleep=lambda _seconds: None)
    storage = ra.ArtworkStorage(fsspec.filesystem("memory"), "/nowhere")
    api.fail(503, 99, on="read")
    ra.Scanner(storage, api.client(retry=policy), ledger=ra.MemoryLedger(), retry=policy).plan()
    assert len(api.requests) == attempts


def test_the_shop_and_the_storage_draw_on_one_budget(api, local_network):
    waits = []
    policy = ra.RetryPolicy(budget=15.0, sleep=waits.append)
    with outage("s3", "HTTP 503", local_network, policy) as (storage, server):
        server.retry_after = "10"
        api.fail((429, {}, {"Retry-After": "10"}), on="read")
        ra.Scanner(storage, api.client(retry=policy), ledger=ra.MemoryLedger(), retry=policy).plan()
        assert len(server.requests) == 1
    assert waits == [10]

"""Whole scans over the APIs of shops in which the API itself breaks; what came of it is read from the API's journal."""

import uuid

import fsspec
import pytest

import remote_artwork as ra
from outages import outage
from remote_artwork.clients import GelatoClient, WooCommerceClient
from remote_artwork.testing import Faults
from remote_artwork.testing.client import Trial, upload
from shop_api_servers import GelatoApi, WooCommerceApi

NO_WAIT = ra.RetryPolicy(first_wait=0.0, sleep=lambda _seconds: None)
IMPATIENT = 0.2
"""Seconds; only the tests of silence wait for it."""
MATRIX = (429, 503, (409, {"message": "conflict"}, {}), "cut before", "cut after", "500 after")


def gelato(api, *, retry=NO_WAIT, **options):
    return GelatoClient(api.KEY, api=api.url, retry=retry, **options)


def woocommerce(api, *, retry=NO_WAIT, **options):
    return WooCommerceClient(api.url, *api.KEYS, retry=retry, **options)


SHOPS = {"gelato": (GelatoApi, gelato, ("1", "2")), "woocommerce": (WooCommerceApi, woocommerce, (11, 12))}


@pytest.fixture(params=SHOPS)
def api(request):
    kind, make, lines = SHOPS[request.param]
    api = kind()
    api.add("1001", *lines)
    api.client = lambda **options: make(api, **options)
    yield api
    api.close()


@pytest.fixture
def trial(api):
    """A function that puts a client of the API on trial."""
    files, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"

    def make(**options):
        client = api.client(**options)
        [order] = client.pending_orders()
        upload(files, folder, order)
        return Trial(client, order, ra.ArtworkStorage(files, folder), api.confirmed)

    yield make
    files.rm(folder, recursive=True)


def ends_fulfilled_once(trial):
    trial.scan_in_the_end()
    assert trial.client.get_order(trial.order.id).state is ra.OrderState.FULFILLED
    assert trial.times_fulfilled() == 1


def test_a_time_out_after_the_effect_is_settled_by_asking(api, trial):
    trial = trial(timeout=IMPATIENT)
    api.fail("silence after")
    assert trial.scan() == {"uncertain"}
    assert trial.times_fulfilled() == 1
    assert trial.scan() == {"fulfilled"}, "the shop tells at once that it is"
    ends_fulfilled_once(trial)


def test_an_answer_that_stays_out_is_not_asked_for_twice_while_the_call_may_be_under_way(api, trial):
    trial = trial()
    api.fail("cut before")
    assert trial.scan() == {"uncertain"}
    asked = len(api.changes)
    assert trial.scan() == {"uncertain"}
    assert len(api.changes) == asked
    assert trial.scan_later() == {"fulfilled"}
    ends_fulfilled_once(trial)


@pytest.mark.parametrize("seconds", [7, 3600])
def test_a_busy_shop_is_left_alone_until_the_next_scan(api, trial, seconds):
    """A confirmation is never repeated by itself, however little the shop asks for."""
    trial, seen = trial(), len(api.requests)
    api.fail((429, {"message": "slow down"}, {"Retry-After": str(seconds)}))
    assert trial.scan() == {"failed"}
    assert sum(request.startswith(("PATCH", "PUT")) for request in api.requests[seen:]) == len(api.changes) + 1
    assert trial.times_fulfilled() == 0
    assert trial.scan() == {"fulfilled"}
    ends_fulfilled_once(trial)


def test_a_question_waits_as_long_as_the_shop_asks_for(api):
    waits = []
    client = api.client(retry=ra.RetryPolicy(first_wait=0.0, sleep=waits.append))
    api.fail((429, {}, {"Retry-After": "2"}), on="read")
    assert len(list(client.pending_orders())) == 1
    assert waits == [2]


@pytest.mark.parametrize("change", ["deleted", "cancelled"])
@pytest.mark.parametrize("answered", [True, False])
def test_an_order_that_goes_while_it_is_confirmed_is_not_sent_again(api, trial, change, answered):
    trial, faults = trial(), Faults()
    state = {"fulfillmentStatus": "canceled", "orderType": "order", "status": "cancelled"}

    def go():
        if change == "deleted":
            del api.orders[trial.order.id]
        else:
            api.orders[trial.order.id].update(state)

    faults.meanwhile("client.fulfill", go)
    if not answered:
        faults.fail("client.fulfill", ra.OutcomeUnknown("no answer"), moment="after")
    first = trial.scan(faults)
    assert first == ({"cancelled"} if answered else {"uncertain"})
    trial.scan_in_the_end()
    assert trial.times_fulfilled() == 0
    [record] = trial.ledger.find("default")
    assert record.state == ("uncertain" if change == "deleted" and not answered else "cancelled")


@pytest.mark.parametrize("fault", MATRIX, ids=lambda fault: str(fault[0] if isinstance(fault, tuple) else fault))
def test_any_one_request_may_break(api, trial, fault):
    trial = trial()
    put_back, begun = api.putting_back(trial.client), len(api.requests)
    assert trial.scan() == {"fulfilled"}
    requests = len(api.requests) - begun
    assert requests > 3
    for number in range(requests):
        trial.begin(put_back())
        api.fail(fault, on="any", after=number)
        trial.scan()
        assert trial.times_fulfilled() <= 1, number
        ends_fulfilled_once(trial)


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

"""Shopify: holds, split orders, cost points, tokens that expire, and errors with HTTP 200."""

import traceback
import uuid
from functools import partial

import fsspec
import pytest

import remote_artwork as ra
from api_scenarios import ends_fulfilled_once, scenarios
from remote_artwork.clients import ShopifyClient
from remote_artwork.clients.shopify import HANDLE, LINES, LIST_SIZE, MOST_METAFIELDS
from remote_artwork.testing.scenario import PDF, example_artwork
from shopify_server import INTERNAL_ERROR, MOST_POINTS, THROTTLED, UNAUTHORIZED, ShopifyApi

NO_WAIT = ra.RetryPolicy(first_wait=0.0, sleep=lambda _seconds: None)


THROTTLE_STATUS = {"maximumAvailable": 2000, "currentlyAvailable": 99, "restoreRate": 1000}
COST = {"requestedQueryCost": 109, "actualQueryCost": None, "throttleStatus": THROTTLE_STATUS}
THROTTLED_BRIEFLY = (200, {"errors": [THROTTLED], "extensions": {"cost": COST}}, {})
"""The points come back within 10 milliseconds."""


@pytest.fixture
def api():
    api = ShopifyApi()
    yield api
    api.close()


@pytest.fixture
def client(api):
    return api.client(retry=NO_WAIT)


@pytest.fixture
def folder():
    files, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    files.makedirs(folder)
    yield files, folder
    files.rm(folder, recursive=True)


@pytest.fixture
def scanner(client, folder):
    return ra.Scanner(ra.ArtworkStorage(*folder), client, ledger=ra.MemoryLedger(), retry=NO_WAIT)


@pytest.fixture
def scenario(api):
    """A function that returns a scenario with one order and a client of the shop."""
    api.add("1001", "11", "12")
    with scenarios(api, partial(ShopifyClient, api.url, retry=NO_WAIT)) as make:
        yield make


def put(folder, *names):
    files, path = folder
    for name in names:
        files.pipe(f"{path}/{name}", PDF)


def files_of(order, item):
    return [example_artwork(order, item, placement) for placement in item.placements]


def statuses(report):
    return {(item.order_number, item.item_number): str(item.status) for item in report.items}


def ids(orders):
    return {order.id for order in orders}


# --- Orders ---


def test_a_scan_writes_metafields_and_releases_only_the_hold_of_the_app(api, client, scanner, folder):
    order_id = api.add("1001", "11", "12")
    api.hold(order_id, "fraud-check")
    [order] = client.pending_orders()
    put(folder, "1001_11.pdf", "1001_12.pdf")
    assert set(statuses(scanner.scan()).values()) == {"fulfilled"}
    assert [hold["handle"] for hold in api.orders[order_id]["fulfillmentHolds"]] == ["fraud-check"]
    assert [api.names(order, item) for item in order.items] == [["1001_11.pdf"], ["1001_12.pdf"]]
    [artwork] = api.artwork(order, order.items[0])
    assert {"name", "url", "expires_at", "placement", "media_type", "size", "version", "key"} <= artwork.keys()
    now = client.get_order(order_id)
    assert (now.state, now.fulfillment_key) == (ra.OrderState.FULFILLED, None)
    assert statuses(scanner.scan()) == {}


def test_only_fulfillment_orders_with_the_hold_of_the_app_are_pending(api, client):
    expected = api.add("1001", "11")
    api.add("1002", "21", handle=None)
    api.add("1003", "31", handle="fraud-check")
    others = api.add("1004", "41", handle=None)
    api.hold(others, HANDLE, own=False)
    cancelled = api.add("1005", "51")
    api.orders[cancelled]["order"]["cancelledAt"] = "2026-01-03T00:00:00Z"
    released = api.add("1006", "61")
    api.release(released)
    assert ids(client.pending_orders()) == {expected}
    assert client.get_order(cancelled).state is ra.OrderState.OTHER
    assert client.get_order(released).state is ra.OrderState.FULFILLED


def test_items_have_the_product_the_variant_and_the_sku_for_reports(api, client):
    api.add("1001", "11")
    [order] = client.pending_orders()
    assert order.items[0].label == "1: Poster A2 (PRINT-11)"


def test_another_handle_selects_other_fulfillment_orders(api):
    api.add("1001", "11")
    expected = api.add("1002", "21", handle="prints")
    assert ids(api.client(handle="prints").pending_orders()) == {expected}


def test_a_status_that_is_not_known_is_neither_pending_nor_fulfilled(api, client):
    order_id = api.add("1001", "11")
    api.orders[order_id]["status"] = "SCHEDULED"
    assert client.get_order(order_id).state is ra.OrderState.OTHER


def test_line_items_without_a_remaining_quantity_are_left_out(api, client):
    order_id = api.add("1001", "11", "12", "13")
    first, second, _ = api.orders[order_id]["lines"]
    first["remainingQuantity"], second["remainingQuantity"] = 0, 5
    [order] = client.pending_orders()
    assert [(item.number, item.quantity) for item in order.items] == [("12", 5), ("13", 1)]


def test_placements_receive_the_line_item(api):
    order_id = api.add("1001", "11", "12")
    api.orders[order_id]["lines"][0]["sku"] = None
    client = api.client(placements=lambda line: ("front", "back") if line["sku"] else ())
    [order] = client.pending_orders()
    assert [item.placements for item in order.items if item.requires_artwork] == [("front", "back")]


@pytest.mark.parametrize("lines", [LIST_SIZE["lines"], LIST_SIZE["lines"] + 1, LINES, LINES + 1])
def test_every_line_item_is_read_from_every_page(api, client, lines):
    order_id = api.add("1001", *(str(number) for number in range(lines)))
    [listed] = client.pending_orders()
    assert [item.number for item in listed.items] == [str(number) for number in range(lines)]
    assert client.get_order(order_id) == listed


# --- Split orders ---


def test_the_parts_of_a_split_order_are_sent_by_themselves(api, scanner, client, folder):
    first = api.add("1001", "11", "12")
    second = api.split(first, "12")
    put(folder, f"1001-{first}_11.pdf")
    assert statuses(scanner.scan()) == {(f"1001-{first}", "11"): "fulfilled", (f"1001-{second}", "12"): "missing"}
    put(folder, f"1001-{second}_12.pdf")
    assert statuses(scanner.scan()) == {(f"1001-{second}", "12"): "fulfilled"}
    assert api.effects == {first: 1, second: 1}
    parts = [client.get_order(order_id) for order_id in (first, second)]
    assert [api.names(part, part.items[0]) for part in parts] == [[f"1001-{first}_11.pdf"], [f"1001-{second}_12.pdf"]]


def test_two_parts_of_one_line_item_need_a_file_each(api, scanner, folder):
    first = api.add("1001", "11")
    second = api.add("", "11", order=api.orders[first]["order"])
    put(folder, "1001_11.pdf", f"1001-{first}_11.pdf")
    report = scanner.scan()
    assert statuses(report) == {(f"1001-{first}", "11"): "fulfilled", (f"1001-{second}", "11"): "missing"}
    assert api.effects == {first: 1}


def test_an_order_that_is_split_after_its_files_were_uploaded_is_not_sent(api, scanner, folder):
    first = api.add("1001", "11", "12")
    put(folder, "1001_11.pdf", "1001_12.pdf")
    second = api.split(first, "12")
    report = scanner.scan()
    assert statuses(report) == {(f"1001-{first}", "11"): "missing", (f"1001-{second}", "12"): "missing"}
    assert not api.effects
    assert {file.name: str(file.status) for file in report.files} == {"1001_11.pdf": "early", "1001_12.pdf": "early"}


def test_an_order_that_is_split_during_the_scan_is_not_sent_by_it(api, client, scanner, folder):
    first = api.add("1001", "11", "12")
    put(folder, "1001_11.pdf", "1001_12.pdf")
    list_orders = client.pending_orders

    def split_after_listing():
        yield from list(list_orders())
        api.split(first, "12")

    client.pending_orders = split_after_listing
    assert statuses(scanner.scan()) == {("1001", "11"): "settling", ("1001", "12"): "settling"}
    assert not api.changes
    assert not api.effects


def test_parts_that_a_shop_gives_one_number_are_a_conflict(api, folder):
    first = api.add("1001", "11", "12")
    api.split(first, "12")
    client = api.client(number=lambda part: part["order"]["name"].removeprefix("#"))
    put(folder, "1001_11.pdf", "1001_12.pdf")
    scanner = ra.Scanner(ra.ArtworkStorage(*folder), client, ledger=ra.MemoryLedger(), retry=NO_WAIT)
    assert set(statuses(scanner.scan()).values()) == {"conflict"}
    assert not api.effects


# --- Recovery ---


def test_a_fulfillment_order_that_is_held_again_is_not_sent_again(api, scenario):
    scenario = scenario(keys=api.TOKEN)
    assert scenario.scan() == {"fulfilled"}
    api.hold(scenario.order.id, HANDLE)
    scenario.scan_later()
    assert scenario.scan_later() == {"uncertain"}
    assert scenario.times_fulfilled() == 1


def test_a_lost_answer_is_resolved_although_others_still_hold_the_fulfillment_order(api, scenario):
    scenario = scenario(keys=api.TOKEN)
    api.hold(scenario.order.id, "fraud-check")
    api.fail("cut after")
    assert scenario.scan() == {"uncertain"}
    assert scenario.scan() == {"fulfilled"}
    ends_fulfilled_once(scenario)


def test_a_hold_that_a_person_releases_is_not_released_again(api, scenario):
    scenario = scenario(keys=api.TOKEN)
    api.fail("cut before")
    assert scenario.scan() == {"uncertain"}
    api.release(scenario.order.id)
    assert scenario.scan_later() == {"fulfilled"}
    assert scenario.times_fulfilled() == 0


def data(**payload):
    return 200, {"data": payload}, {}


NO_PAYLOAD = data(fulfillmentOrderReleaseHold={"fulfillmentOrder": None, "userErrors": []})


def test_an_answer_that_does_not_show_the_release_is_unknown(api, client):
    order_id = api.add("1001", "11")
    hold = {"id": api.orders[order_id]["fulfillmentHolds"][0]["id"]}
    still_held = {"fulfillmentOrder": {"id": "gid", "fulfillmentHolds": [hold]}, "userErrors": []}
    order = client.get_order(order_id)
    for answer in (NO_PAYLOAD, data(fulfillmentOrderReleaseHold=still_held)):
        api.fail(answer)
        with pytest.raises(ra.OutcomeUnknown):
            client.fulfill(order, {}, idempotency_key="key")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("FULFILLMENT_ORDER_NOT_FOUND", ra.OrderGone),
        ("INVALID_ACCESS", ra.AuthenticationFailed),
        (None, ra.ClientError),
    ],
)
def test_user_errors_with_http_200_say_that_nothing_was_released(api, client, code, error):
    order = client.get_order(api.add("1001", "11"))
    refusal = {"code": code, "field": ["id"], "message": "the shop's words"}
    api.fail(data(fulfillmentOrderReleaseHold={"fulfillmentOrder": None, "userErrors": [refusal]}))
    with pytest.raises(error, match="the shop's words") as raised:
        client.fulfill(order, {}, idempotency_key="key")
    assert type(raised.value) is error


def test_a_metafield_that_shopify_refuses_is_not_attached(api, client):
    order = client.get_order(api.add("1001", "11", "12"))
    first, second = order.items
    artworks = {first.number: files_of(order, first), second.number: files_of(order, second) * 2000}
    with pytest.raises(ra.ClientError, match="Value is too long") as refusal:
        client.attach_order(order, artworks, idempotency_key="key")
    assert type(refusal.value) is ra.ClientError
    assert api.names(order, first) == api.names(order, second) == []


@pytest.fixture
def long_order(api, client):
    """An order with more line items than one mutation can set metafields."""
    return client.get_order(api.add("1001", *(str(number) for number in range(MOST_METAFIELDS + 1))))


def test_the_files_of_a_long_order_are_attached_by_several_mutations(api, client, long_order):
    artworks = {item.number: files_of(long_order, item) for item in long_order.items}
    client.attach_order(long_order, artworks, idempotency_key="key")
    assert len(api.changes) == 2
    for item in long_order.items:
        assert api.names(long_order, item) == [artwork.name for artwork in artworks[item.number]]


@pytest.mark.parametrize(("after", "error"), [(0, ra.RateLimited), (1, ra.OutcomeUnknown)])
def test_an_order_of_which_a_part_has_its_files_is_attached_again(api, client, long_order, after, error):
    artworks = {item.number: files_of(long_order, item) for item in long_order.items}
    api.fail(THROTTLED_BRIEFLY, on="attach", after=after)
    with pytest.raises(error):
        client.attach_order(long_order, artworks, idempotency_key="key")
    client.attach_order(long_order, artworks, idempotency_key="key")
    assert all(api.names(long_order, item) for item in long_order.items)


ERRORS = {
    "internal error": (200, {"errors": [INTERNAL_ERROR]}, {}),
    "internal error after the effect": ("after", (200, {"errors": [INTERNAL_ERROR], "data": None}, {})),
    "error in the result, after the effect": (
        "after",
        (200, {"errors": [{"message": "no access", "path": ["release", "fulfillmentOrder"]}], "data": None}, {}),
    ),
    "no result, after the effect": ("after", (200, {}, {})),
    "token refused": UNAUTHORIZED,
    "access denied": (200, {"errors": [{"message": "no", "extensions": {"code": "ACCESS_DENIED"}}], "data": None}, {}),
}


@pytest.mark.parametrize("fault", ERRORS.values(), ids=ERRORS)
def test_any_single_request_may_fail_with_an_error_in_its_answer(api, scenario, fault):
    scenario = scenario(keys=api.TOKEN)
    put_back, begun = api.putting_back(scenario.client), len(api.requests)
    assert scenario.scan() == {"fulfilled"}
    requests = len(api.requests) - begun - 1  # the last one reads the order, to compare its artwork
    for number in range(requests):
        scenario.restart(put_back())
        api.fail(fault, on="any", after=number)
        scenario.scan()
        assert scenario.times_fulfilled() <= 1, number
        ends_fulfilled_once(scenario)


# --- Tokens ---


def test_a_token_may_expire_at_any_request(api, scenario):
    scenario = scenario(keys=api.KEYS)
    put_back = api.putting_back(scenario.client)
    for requests in range(1, 8):
        scenario.restart(put_back())
        api.expire_token_after(requests)
        assert scenario.scan() == {"fulfilled"}, requests
        ends_fulfilled_once(scenario)
    assert api.logins > 7


def test_a_refused_login_names_no_key(api):
    client = ShopifyClient(api.url, ("id-of-tests", "hush-hush"), retry=NO_WAIT)
    with pytest.raises(ra.ClientError, match="invalid_client") as refusal:
        list(client.pending_orders())
    assert "hush-hush" not in "".join(traceback.format_exception(refusal.value))


# --- Lists and cost points ---


def test_a_list_that_gets_shorter_while_it_is_read_loses_no_order(api, client):
    orders = [api.add(str(number), "1") for number in range(1001, 1101)]
    leaving, answer = iter(orders), api.answer

    def shrinking(*request):
        for _ in range(7):
            api.release(next(leaving))
        return answer(*request)

    api.answer = shrinking
    found = ids(client.pending_orders())
    assert found >= api.pending_ids()
    assert len(api.pending_ids()) > 50


def test_4000_fulfillment_orders_are_listed_within_the_cost_points(api):
    api.limit_points(2000, per_second=100)
    expected = {api.add(str(number), "1") for number in range(4000)}
    client = api.client(retry=ra.RetryPolicy(first_wait=0.0, sleep=api.sleep))
    assert ids(client.pending_orders()) == expected
    assert len(api.requests) == 4000 / LIST_SIZE["first"]
    assert max(api.costs) <= MOST_POINTS
    assert api.throttled == 0
    assert api.waits


def test_a_list_waits_for_as_many_points_as_it_needs(api):
    api.limit_points(600, per_second=10)
    for number in range(60):
        api.add(str(number), "1")
    client = api.client(retry=ra.RetryPolicy(first_wait=0.0, longest_wait=60, sleep=api.sleep))
    assert ids(client.pending_orders()) == set(api.orders)
    assert api.throttled > 0


def test_a_call_that_is_throttled_is_not_waited_for_and_says_how_long(api, client):
    order = client.get_order(api.add("1001", "11"))
    api.limit_points(100, per_second=10)
    with pytest.raises(ra.RateLimited) as refusal:
        client.get_order(order.id)
    assert refusal.value.retry_after == pytest.approx((max(api.costs) - 100) / 10)


def test_an_order_whose_release_is_throttled_is_sent_once(api, scenario):
    scenario = scenario(keys=api.TOKEN)
    api.fail(THROTTLED_BRIEFLY, 2)
    scenario.scan()
    ends_fulfilled_once(scenario)


def test_orders_that_are_sent_at_once_are_each_sent_once_although_calls_are_throttled(api, scanner, folder):
    orders = [api.add(str(number), "1", "2") for number in range(1001, 1021)]
    put(folder, *(f"{number}_{line}.pdf" for number in range(1001, 1021) for line in (1, 2)))
    for number in (20, 60):
        api.fail(THROTTLED_BRIEFLY, on="any", after=number)
    assert set(statuses(scanner.scan()).values()) == {"fulfilled"}
    assert api.effects == dict.fromkeys(orders, 1)


def test_a_query_that_names_an_unknown_field_is_refused_by_the_test_server(api):
    refused = api.answer("POST", api.PATH, {}, {"query": "{ shop { name } }", "variables": {}}, api.HEADERS)
    assert "Cannot query field 'shop'" in refused[1]["errors"][0]["message"]


@pytest.mark.parametrize("order_id", ["999999", "no-such-order", "١٢٣"])
def test_a_fulfillment_order_that_shopify_does_not_know_is_gone(client, order_id):
    with pytest.raises(ra.OrderGone, match=order_id):
        client.get_order(order_id)

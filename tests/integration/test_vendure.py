"""``VendureClient`` with a real Vendure: orders of its checkout, files on an S3 server, and its own database."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.clients import vendure as module
from remote_artwork.clients.vendure import VendureClient
from remote_artwork.testing.scenario import PDF, example_artwork, required
from vendure_server import INSTALLATION, PASSWORD, VendureProxy, printed_client

pytestmark = [pytest.mark.server, pytest.mark.timeout(INSTALLATION + 300)]
_buckets = (f"vendure-{number}" for number in count())


@pytest.fixture
def client(vendure):
    return printed_client(vendure.url)


@pytest.fixture
def proxy(vendure):
    proxy = VendureProxy(vendure)
    yield proxy
    proxy.close()


def artworks(order):
    return {item.number: [example_artwork(order, item, "default")] for item in required(order)}


def release(client, order, key="a-key"):
    return client.fulfill(order, artworks(order), idempotency_key=key)


def test_a_scan_releases_the_complete_orders_with_the_files_of_each_line(
    vendure, client, s3_server, local_network, tmp_path
):
    vendure.place_order(3)
    orders = {order.id: order for order in client.pending_orders()}
    incomplete, *complete = orders.values()
    bucket = s3_server.create_bucket(next(_buckets))
    names = {(o.id, i.id): f"{o.number}_{i.number}.pdf" for o in orders.values() for i in required(o)}
    missing = names[incomplete.id, incomplete.items[0].id]
    for name in {*names.values()} - {missing}:
        s3_server.put(bucket, f"in/{name}", PDF)

    storage = ra.open_storage(s3_server.url(bucket, "in"), credentials=s3_server.keys, network=local_network)
    scanner = ra.Scanner(storage, client, ledger=ra.SqlLedger(f"sqlite:///{tmp_path}/ledger.db"))
    statuses = {(item.order_number, item.item_number): str(item.status) for item in scanner.scan().items}

    assert len(complete) >= 3
    assert {statuses[o.number, i.number] for o in complete for i in required(o)} == {"fulfilled"}
    assert statuses[incomplete.number, incomplete.items[0].number] == "missing"
    assert vendure.pending_ids() == {incomplete.id}
    for order in complete:
        assert vendure.releases(order.id) == 1
        for item in order.items:
            files = vendure.released_files(order.id, item.id)
            assert [file["name"] for file in files] == ([names[order.id, item.id]] if item.requires_artwork else [])
            assert all(file["size"] == len(PDF) and file["url"].startswith("http") for file in files)
    scanner.scan()
    assert [vendure.releases(order.id) for order in orders.values()] == [order in complete for order in orders.values()]


def test_line_fields_can_have_the_name_and_the_sku_for_reports(vendure):
    login = ("superadmin", PASSWORD)
    client = VendureClient(vendure.url, login, line_fields="productVariant { name sku }")
    item = next(iter(client.pending_orders())).items[0]
    assert item.title
    assert item.label == f"1: {item.title} ({item.sku})"


def test_the_released_files_and_the_key_stay_when_the_writable_field_changes(vendure, client):
    order = next(iter(client.pending_orders()))
    release(client, order)
    released = vendure.released_files(order.id, order.items[0].id)

    with pytest.raises(ra.AlreadyFulfilled, match="ReleasedToPrint"):
        client.fulfill(order, {}, idempotency_key="another-key")

    assert vendure.released_files(order.id, order.items[0].id) == released
    assert [file["name"] for file in released] == [f"{order.number}_{order.items[0].number}_default.png"]
    assert client.get_order(order.id).fulfillment_key == "a-key"


def test_an_order_is_not_released_with_the_files_for_other_lines(vendure, client):
    order = next(iter(client.pending_orders()))
    first, *others = order.items

    for items in ([evolve(first, quantity=first.quantity + 1), *others], others):
        with pytest.raises(ra.ClientError, match="its lines changed"):
            release(client, evolve(order, items=items))

    assert vendure.releases(order.id) == 0
    assert client.get_order(order.id).state is ra.OrderState.PENDING
    assert client.get_order(order.id).fulfillment_key is None


def test_of_several_releases_at_once_one_succeeds(vendure, client):
    order = next(iter(client.pending_orders()))

    def attempt(number):
        try:
            return release(client, order, f"key-{number}")
        except ra.AlreadyFulfilled:
            return None

    with ThreadPoolExecutor(6) as threads:
        receipts = list(threads.map(attempt, range(6)))

    assert [receipt for receipt in receipts if receipt] == [order.id]
    assert vendure.releases(order.id) == 1


def test_an_order_whose_state_another_system_set_back_is_not_released_again(vendure, client):
    order = next(iter(client.pending_orders()))
    release(client, order)
    vendure.sql('UPDATE "order" SET state = %s WHERE id = %s', module.PENDING, int(order.id))

    with pytest.raises(ra.ClientError, match="released before"):
        release(client, order)

    assert vendure.releases(order.id) == 1


def test_cancelled_lines_need_no_artwork(vendure, client):
    order = next(iter(client.pending_orders()))
    first, *others = order.items
    vendure.cancel(order.id, **{first.id: first.quantity})

    now = client.get_order(order.id)

    assert (now.state, [item.id for item in now.items]) == (ra.OrderState.PENDING, [item.id for item in others])
    release(client, now)
    assert vendure.releases(order.id) == 1


def test_every_page_is_read(vendure, client, monkeypatch):
    monkeypatch.setattr(module, "PAGE_SIZE", 2)

    assert {order.id for order in client.pending_orders()} == vendure.pending_ids()
    assert len(vendure.pending_ids()) > 2


def test_orders_are_found_by_their_codes_in_any_state_and_in_several_requests(vendure, client, monkeypatch):
    first, second, third = list(client.pending_orders())[:3]
    vendure.cancel(third.id)
    monkeypatch.setattr(module, "PAGE_SIZE", 2)

    found = {order.id: order.state for order in client.find_orders([first.number, second.number, third.number, "NONE"])}

    assert found == {
        first.id: ra.OrderState.PENDING,
        second.id: ra.OrderState.PENDING,
        third.id: ra.OrderState.CANCELLED,
    }


def test_an_order_that_cannot_be_read_does_not_stop_the_others(vendure):
    client = VendureClient(vendure.url, ("superadmin", vendure.password), placements=lambda line: line["no such field"])

    orders = list(client.pending_orders())

    assert {type(order) for order in orders} == {ra.UnreadableOrder}
    assert {order.id for order in orders} == vendure.pending_ids()


def end_session(client):
    """Let the client send a token that the shop does not know."""
    client._api._session._headers = {"Authorization": "Bearer of-a-session-that-ended"}


def test_a_session_that_ended_is_renewed_also_between_two_requests_of_a_call(vendure, proxy):
    client = printed_client(proxy.url)
    order, other, *_ = client.pending_orders()
    end_session(client)
    assert client.get_order(order.id) == order

    end_session(client)
    assert release(client, order) == order.id
    ended = (200, {"errors": [{"message": "no session", "extensions": {"code": "FORBIDDEN"}}], "data": None}, {})
    proxy.fail(ended, on="confirm")
    assert release(client, other) == other.id
    assert [vendure.releases(each.id) for each in (order, other)] == [1, 1]


def test_wrong_passwords_and_missing_permissions_are_errors(vendure):
    with pytest.raises(ra.AuthenticationFailed):
        list(VendureClient(vendure.url, ("superadmin", "wrong")).pending_orders())
    with pytest.raises(ra.ConfigurationError, match="is empty"):
        VendureClient(vendure.url, "")
    reader = VendureClient(vendure.url, vendure.create_api_key("ReadOrder"))
    order = next(iter(reader.pending_orders()))
    with pytest.raises(ra.AuthenticationFailed):
        reader.fulfill(order, artworks(order), idempotency_key="a-key")
    assert vendure.releases(order.id) == 0


def test_an_api_key_with_two_permissions_and_a_channel_is_enough(vendure):
    key = vendure.create_api_key("ReadOrder", "UpdateOrder")
    client = VendureClient(vendure.url, key, channel=vendure.channel_token)
    order = next(iter(client.pending_orders()))

    assert release(client, order) == order.id
    assert vendure.releases(order.id) == 1
    assert key not in repr(client)


@pytest.mark.parametrize("on", ["attach", "confirm"])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, {"errors": [{"message": "it broke"}], "data": None}, {}), ra.OutcomeUnknown),
        ((200, {"data": {"field": None}}, {}), ra.OutcomeUnknown),
        ((503, {}, {}), ra.OutcomeUnknown),
        ((429, {}, {"Retry-After": "3"}), ra.RateLimited),
        ("cut before", ra.OutcomeUnknown),
        ("500 after", ra.OutcomeUnknown),
    ],
    ids=["errors", "null", "503", "429", "cut", "500 after the effect"],
)
def test_an_answer_without_a_result_never_counts_as_one(vendure, proxy, on, answer, error):
    client = printed_client(proxy.url)
    order = next(iter(client.pending_orders()))
    proxy.fail(answer, on=on)

    with pytest.raises(error):
        release(client, order)

    assert vendure.releases(order.id) == (on == "confirm" and answer == "500 after")


def test_the_offered_artwork_names_every_line_and_says_when_its_url_expires(vendure, client):
    order = next(iter(client.pending_orders()))
    release(client, order)

    [[offer]] = vendure.sql('SELECT "customFieldsReleasedartwork" FROM "order" WHERE id = %s', int(order.id))

    assert [(line["id"], line["quantity"]) for line in json.loads(offer)["lines"]] == [
        (item.id, item.quantity) for item in order.items
    ]
    [artwork] = artworks(order)[order.items[0].number]
    [file] = json.loads(offer)["lines"][0]["files"]
    assert file == {
        "name": artwork.name,
        "url": artwork.url,
        "expires_at": artwork.expires_at.isoformat(),
        "placement": "default",
        "media_type": "image/png",
        "size": 1234,
        "version": "v1",
        "last_modified": "2026-01-02T03:04:05+00:00",
        "sha256": None,
    }

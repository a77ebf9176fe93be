"""Whole scans over the APIs of shops: what is sent, and how every failure of an API ends."""

import copy
import itertools
import logging
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import fsspec
import pytest

import remote_artwork as ra
from gooten_server import GootenApi
from order_desk_server import OrderDeskApi
from printful_server import PrintfulApi
from remote_artwork.clients import GelatoClient, OrderDeskClient, WooCommerceClient
from shop_api_servers import GelatoApi, WooCommerceApi
from shop_files import PDF

NO_WAIT = ra.RetryPolicy(first_wait=0.0, sleep=lambda _seconds: None)


@pytest.fixture
def files():
    files = fsspec.filesystem("memory", skip_instance_cache=True)
    files.store.clear()
    yield files
    files.store.clear()


@pytest.fixture
def gelato():
    api = GelatoApi()
    yield api
    api.close()


@pytest.fixture
def woocommerce():
    api = WooCommerceApi()
    yield api
    api.close()


def gelato_client(api, **options):
    client = GelatoClient(api.KEY, api=api.url, retry=NO_WAIT, **options)
    client.call_limit = timedelta(microseconds=1)
    return client


def woocommerce_client(api, **options):
    client = WooCommerceClient(api.url, *api.KEYS, retry=NO_WAIT, **options)
    client.call_limit = timedelta(microseconds=1)
    return client


@pytest.fixture
def scanner_of(files, tmp_path):
    def make(client, **options):
        storage = ra.ArtworkStorage(files, "/in")
        ledger = ra.SqlLedger(f"sqlite:///{tmp_path}/ledger.db")
        return ra.Scanner(storage, client, ledger=ledger, retry=NO_WAIT, **options)

    return make


def upload(files, *names):
    for name in names:
        files.pipe(f"/in/{name}", PDF)


def statuses(report):
    return {(item.order_number, item.item_number): str(item.status) for item in report.items}


class TestGelato:
    def test_one_patch_lists_every_item_and_confirms(self, gelato, files, scanner_of):
        order_id = gelato.add("1001", "1", "2", "3")
        gelato.orders[order_id]["items"][2]["files"] = [{"type": "default", "url": "https://shop.example/own.pdf"}]
        upload(files, "1001_1.pdf", "1001_2.pdf")
        report = scanner_of(gelato_client(gelato)).scan()
        assert statuses(report) == {
            ("1001", "1"): "fulfilled",
            ("1001", "2"): "fulfilled",
            ("1001", "3"): "not_required",
        }
        [(path, body)] = gelato.changes
        assert path == f"/v4/orders/{order_id}"
        assert [sorted(each) for each in body["items"]] == [["files", "id"], ["files", "id"], ["id"]]
        assert len(gelato.orders[order_id]["items"]) == 3
        [first, *_] = report.items
        assert first.receipt == order_id

    def test_placements_are_file_types(self, gelato, files, scanner_of):
        order_id = gelato.add("1001", "1")
        upload(files, "1001_1_front.pdf", "1001_1_back.pdf")
        client = gelato_client(gelato, placements=lambda _item: ["front", "back"])
        report = scanner_of(client, pattern="{order_number}_{order_item_number}_{placement}").scan()
        assert statuses(report) == {("1001", "1"): "fulfilled"}
        assert [each["type"] for each in gelato.orders[order_id]["items"][0]["files"]] == ["front", "back"]

    def test_no_order_is_skipped_if_others_leave_the_list_between_two_pages(self, gelato):
        for number in range(250):
            gelato.add(str(number), "1")
        search = gelato._search

        def leaving(body):
            if body["offset"] >= 100:
                confirmed = [each for each in gelato.orders.values() if int(each["orderReferenceId"]) < 30]
                for order in confirmed:
                    order["fulfillmentStatus"] = "created"
            return search(body)

        gelato._search = leaving
        found = {order.number for order in gelato_client(gelato).pending_orders()}
        assert found >= {str(number) for number in range(30, 250)}

    def test_all_pages_of_a_search_are_read_once_each(self, gelato):
        for number in range(250):
            gelato.add(str(number), "1", status="pending_approval" if number % 2 else "draft")
        orders = list(gelato_client(gelato).pending_orders())
        assert [order.number for order in orders] == [str(number) for number in range(250)]
        assert sum(line.startswith("POST") for line in gelato.requests) == 4
        assert len(gelato.requests) == 254

    def test_no_order_is_lost_if_pages_are_shorter_than_requested(self, gelato):
        for number in range(25):
            gelato.add(str(number), "1")
        search = gelato._search
        gelato._search = lambda body: search({**body, "limit": 10})
        assert [order.number for order in gelato_client(gelato).pending_orders()] == [
            str(number) for number in range(25)
        ]

    def test_only_the_given_stores_are_searched(self, gelato):
        gelato.add("1", "1", storeId="ours")
        gelato.add("2", "1", storeId="theirs")
        assert [order.number for order in gelato_client(gelato, stores=["ours"]).pending_orders()] == ["1"]

    def test_two_orders_of_one_reference_are_a_conflict_and_nothing_is_sent(self, gelato, files, scanner_of):
        gelato.add("1001", "1", connectedOrderIds=["id-2"])
        gelato.add("1001", "1", connectedOrderIds=["id-1"])
        upload(files, "1001_1.pdf")
        assert {item.status for item in scanner_of(gelato_client(gelato)).scan().items} == {ra.ItemStatus.CONFLICT}
        assert gelato.changes == []

    def test_an_invalid_order_is_reported_and_does_not_stop_others(self, gelato, files, scanner_of):
        gelato.add("1001", "1", "1")
        gelato.add("1002", "1")
        upload(files, "1002_1.pdf")
        report = scanner_of(gelato_client(gelato)).scan()
        assert statuses(report) == {("1001", ""): "failed", ("1002", "1"): "fulfilled"}
        assert "id-1" in report.items[0].reason
        assert (report.faults, report.exit_code) == ((), 1)

    def test_an_order_that_cannot_be_patched_fails_with_the_shops_message(self, gelato, files, scanner_of):
        gelato.add("1001", "1", status="pending_approval")
        upload(files, "1001_1.pdf")
        report = scanner_of(gelato_client(gelato)).scan()
        assert statuses(report) == {("1001", "1"): "failed"}
        assert "Only draft orders can be patched" in report.items[0].reason

    @pytest.mark.parametrize("status", [400, 409])
    @pytest.mark.parametrize(
        ("state", "ends"), [("draft", "failed"), ("created", "fulfilled"), ("canceled", "cancelled")]
    )
    def test_after_a_refusal_the_state_of_the_order_decides(self, gelato, files, scanner_of, status, state, ends):
        order_id = gelato.add("1001", "1")
        upload(files, "1001_1.pdf")
        gelato.fail((status, {"message": "conflict"}, {}))

        class Changed(GelatoClient):
            def fulfill(self, order, artworks, *, idempotency_key):
                gelato.orders[order_id]["fulfillmentStatus"] = state
                return super().fulfill(order, artworks, idempotency_key=idempotency_key)

        scanner = scanner_of(Changed(gelato.KEY, api=gelato.url, retry=NO_WAIT))
        assert statuses(scanner.scan()) == {("1001", "1"): ends}
        assert gelato.changes == []

    def test_a_draft_that_is_deleted_during_the_scan_is_cancelled(self, gelato, files, scanner_of):
        order_id = gelato.add("1001", "1")
        upload(files, "1001_1.pdf")

        class Deleted(GelatoClient):
            def fulfill(self, order, artworks, *, idempotency_key):
                gelato.orders.pop(order_id, None)
                return super().fulfill(order, artworks, idempotency_key=idempotency_key)

        report = scanner_of(Deleted(gelato.KEY, api=gelato.url, retry=NO_WAIT)).scan()
        assert statuses(report) == {("1001", "1"): "cancelled"}


def hub_client(api, **options):
    client = type(api).client(api, retry=NO_WAIT, **options)
    client.call_limit = timedelta(microseconds=1)
    return client


CLIENTS = {
    "gelato": (GelatoApi, gelato_client, "1"),
    "woocommerce": (WooCommerceApi, woocommerce_client, 11),
    "order_desk": (OrderDeskApi, hub_client, "11"),
    "gooten": (GootenApi, hub_client, "1"),
}


@pytest.fixture(params=CLIENTS)
def shop(request, files):
    make, client, item = CLIENTS[request.param]
    api = make()
    api.add("1001", item)
    upload(files, f"1001_{item}.pdf")
    api.client = lambda: client(api)
    api.item, api.odd = item, [(name, value) for name, *values in ODD[request.param] for value in values]
    yield api
    api.close()


def confirmations(shop):
    return [body for _, body in shop.changes if shop.kind("PUT", body) == "confirm"]


ODD = {
    "gelato": [
        ("createdAt", "yesterday", 5),
        ("items", [None], "abc", 7),
        ("orderReferenceId", None, {"a": 1}, True),
    ],
    "woocommerce": [
        ("date_created_gmt", "0000-00-00T00:00:00", 7),
        ("line_items", [None], [{"id": None}], 7),
        ("meta_data", [None], [{"key": "_remote_artwork_key"}], 7),
        ("number", None, {"a": 1}),
    ],
    "order_desk": [
        ("date_added", "yesterday", 5, None),
        ("order_items", [None], [{"id": None}], "abc", 7),
        ("source_id", {"a": 1}, True),
    ],
    "gooten": [
        ("Items", [None], "abc", 7, None),
        ("SourceId", {"a": 1}, True),
    ],
}
"""Fields of an order, and values that no document mentions."""


class TestEveryShop:
    def test_an_order_in_an_unexpected_format_does_not_stop_the_others(self, shop, scanner_of):
        first = shop.orders.pop(next(iter(shop.orders)))
        ids = [shop.add(str(number), shop.item) for number in range(2001, 2001 + len(shop.odd))]
        for order_id, (name, value) in zip(ids, shop.odd, strict=True):
            shop.orders[order_id][name] = value
        shop.orders["99999"] = {**first, "Id" if "Id" in first else "id": "99999"}
        report = scanner_of(shop.client()).scan()
        assert {item.order_id: item.code for item in report.items} == {
            **dict.fromkeys(map(str, ids), "order_unreadable"),
            "99999": "fulfilled",
        }
        assert (report.faults, report.exit_code) == ((), 1)

    @pytest.mark.parametrize("fault", ["500 after", "cut after"])
    def test_a_lost_response_is_resolved_by_reading_and_nothing_is_sent_twice(self, shop, scanner_of, fault):
        scanner = scanner_of(shop.client())
        shop.fail(fault)
        assert set(statuses(scanner.scan()).values()) == {"uncertain"}
        report = scanner.scan()
        assert set(statuses(report).values()) == {"fulfilled"}
        assert len(confirmations(shop)) == 1
        assert len(shop.orders) == 1

    def test_a_call_that_failed_before_its_effect_is_sent_again(self, shop, scanner_of):
        scanner = scanner_of(shop.client())
        shop.fail("cut before")
        assert set(statuses(scanner.scan()).values()) == {"uncertain"}
        scanner.scan()
        assert set(statuses(scanner.scan()).values()) <= {"fulfilled"}
        assert len(confirmations(shop)) == 1

    @pytest.mark.parametrize("fault", [429, 503])
    def test_a_read_is_retried(self, shop, scanner_of, fault):
        shop.fail(fault, 2, on="read")
        assert set(statuses(scanner_of(shop.client()).scan()).values()) == {"fulfilled"}

    def test_a_refused_key_is_reported_without_the_key(self, shop, scanner_of, caplog):
        shop.fail(401, 100, on="read")
        with caplog.at_level(logging.DEBUG):
            report = scanner_of(shop.client()).scan()
        assert report.exit_code == 3
        assert "401" in report.faults[0].message
        keys = getattr(shop, "KEYS", None) or (shop.KEY,)
        told = report.to_json() + caplog.text + repr(shop.client())
        assert not [key for key in keys if key in told]

    def test_a_web_page_is_not_a_response_of_the_api(self, shop, scanner_of):
        shop.answer = lambda *_: (200, b"<html>maintenance</html>", {})
        report = scanner_of(shop.client()).scan()
        assert report.exit_code == 3
        assert "not JSON" in report.faults[0].message

    def test_a_web_page_after_a_change_leaves_its_outcome_unknown(self, shop, scanner_of):
        answer = shop.answer

        def disguised(method, path, query, body, headers):
            real = answer(method, path, query, body, headers)
            return (200, b"<html>welcome</html>", {}) if shop.kind(method, body) == "confirm" else real

        shop.answer = disguised
        scanner = scanner_of(shop.client())
        assert set(statuses(scanner.scan()).values()) == {"uncertain"}
        assert set(statuses(scanner.scan()).values()) == {"fulfilled"}
        assert len(confirmations(shop)) == 1

    def test_a_redirect_is_not_followed(self, shop, scanner_of):
        shop.answer = lambda *_: (302, {}, {"Location": f"{shop.url}/elsewhere"})
        report = scanner_of(shop.client()).scan()
        assert report.exit_code == 3
        assert not [line for line in shop.requests if "elsewhere" in line]


class TestWooCommerce:
    def test_files_are_stored_in_their_line_and_the_key_in_the_order(self, woocommerce, files, scanner_of):
        order_id = woocommerce.add("1001", 11, 12)
        upload(files, "1001_11.pdf", "1001_12.pdf")
        client = woocommerce_client(woocommerce)
        report = scanner_of(client).scan()
        assert set(statuses(report).values()) == {"fulfilled"}
        order = woocommerce.orders[order_id]
        assert order["status"] == "processing"
        assert [line["meta_data"][0]["value"][0]["name"] for line in order["line_items"]] == [
            "1001_11.pdf",
            "1001_12.pdf",
        ]
        assert client.get_order(order_id).fulfillment_key == order["meta_data"][0]["value"]

    def test_pages_are_read_up_to_the_total(self, woocommerce):
        for number in range(230):
            woocommerce.add(str(number), 1)
        assert len(list(woocommerce_client(woocommerce).pending_orders())) == 230
        assert len(woocommerce.requests) == 3

    def test_no_order_is_skipped_if_others_leave_the_list_between_two_pages(self, woocommerce):
        for number in range(230):
            woocommerce.add(str(number), 1)
        page = woocommerce._page

        def leaving(query):
            if query["offset"] != ["0"]:
                for order in woocommerce.orders.values():
                    if int(order["number"]) < 30:
                        order["status"] = "processing"
            return page(query)

        woocommerce._page = leaving
        found = {order.number for order in woocommerce_client(woocommerce).pending_orders()}
        assert found >= {str(number) for number in range(30, 230)}

    @pytest.mark.parametrize("total", [None, "many", "0", "100", "-5", "99999"])
    def test_no_order_is_lost_if_the_total_is_wrong(self, woocommerce, total):
        for number in range(230):
            woocommerce.add(str(number), 1)
        page = woocommerce._page
        woocommerce._page = lambda query: (*page(query)[:2], {} if total is None else {"X-WP-Total": total})
        assert len(list(woocommerce_client(woocommerce).pending_orders())) == 230

    def test_a_shop_with_shorter_pages_is_read_up_to_its_total(self, woocommerce):
        for number in range(30):
            woocommerce.add(str(number), 1)
        page = woocommerce._page
        woocommerce._page = lambda query: page({**query, "per_page": ["10"]})
        assert len(list(woocommerce_client(woocommerce).pending_orders())) == 30
        assert len(woocommerce.requests) == 4, "each page begins with the last order of the page before"

    def test_a_line_without_artwork_is_not_changed(self, woocommerce, files, scanner_of):
        woocommerce.add("1001", 11, 12)
        upload(files, "1001_11.pdf")
        client = woocommerce_client(woocommerce, placements=lambda line: ["default"] if line["id"] == 11 else [])
        assert statuses(scanner_of(client).scan()) == {("1001", "11"): "fulfilled", ("1001", "12"): "not_required"}

    def test_a_line_that_a_custom_rule_cannot_read_does_not_stop_other_orders(self, woocommerce, files, scanner_of):
        woocommerce.add("1001", 11)
        order_id = woocommerce.add("1002", 12)
        woocommerce.orders[order_id]["line_items"][0]["sku"] = "PRINT-1"
        upload(files, "1001_11.pdf", "1002_12.pdf")
        client = woocommerce_client(woocommerce, placements=lambda line: ["default"] if line["sku"] else [])
        report = scanner_of(client).scan()
        assert statuses(report) == {("1001", ""): "failed", ("1002", "12"): "fulfilled"}
        assert "KeyError: 'sku'" in report.items[0].reason


@pytest.fixture
def order_desk():
    api = OrderDeskApi()
    yield api
    api.close()


class TestOrderDesk:
    def test_a_file_is_metadata_of_its_item_and_nothing_else_changes(self, order_desk, files, scanner_of):
        order_id = order_desk.add("1001", "11", "12")
        order_desk.item(order_id, "11")["metadata"] = {"print_sku": "P-50x70", "print_url": "https://shop.example/old"}
        before = copy.deepcopy(order_desk.orders[order_id])
        upload(files, "1001_11.pdf", "1001_12.pdf")
        report = scanner_of(hub_client(order_desk)).scan()
        assert statuses(report) == {("1001", "11"): "fulfilled", ("1001", "12"): "fulfilled"}
        after = order_desk.orders[order_id]
        assert after.pop("folder_id") == order_desk.RELEASED
        metadata = [item.pop("metadata") for item in after["order_items"]]
        assert [(each["print_url_name"], "old" in each["print_url"]) for each in metadata] == [
            ("1001_11.pdf", False),
            ("1001_12.pdf", False),
        ]
        assert metadata[0]["print_sku"] == "P-50x70"
        for item in before["order_items"]:
            del item["metadata"]
        del before["folder_id"]
        assert after == before

    def test_each_placement_has_a_metadata_field(self, order_desk, files, scanner_of):
        order_id = order_desk.add("1001", "11")
        upload(files, "1001_11_front.pdf", "1001_11_back.pdf")
        fields = {"front": "print_url", "back": "print_url_back"}
        client = hub_client(order_desk, fields=fields, placements=lambda _item: ["front", "back"])
        report = scanner_of(client, pattern="{order_number}_{order_item_number}_{placement}").scan()
        assert statuses(report) == {("1001", "11"): "fulfilled"}
        metadata = order_desk.item(order_id, "11")["metadata"]
        assert (metadata["print_url_name"], metadata["print_url_back_name"]) == (
            "1001_11_front.pdf",
            "1001_11_back.pdf",
        )

    def test_a_placement_without_a_metadata_field_is_reported(self, order_desk, scanner_of):
        order_desk.add("1001", "11")
        report = scanner_of(hub_client(order_desk, placements=lambda _item: ["front"])).plan()
        assert "'front'; add it to fields" in report.items[0].reason

    def test_an_item_that_needs_no_artwork_is_not_changed(self, order_desk, files, scanner_of):
        order_id = order_desk.add("1001", "11", "12")
        upload(files, "1001_11.pdf")
        client = hub_client(
            order_desk, fields={"front": "print_url"}, placements=lambda item: ["front"] if item["id"] == "11" else []
        )
        report = scanner_of(client, pattern="{order_number}_{order_item_number}").scan()
        assert statuses(report) == {("1001", "11"): "fulfilled", ("1001", "12"): "not_required"}
        assert order_desk.item(order_id, "12")["metadata"] == []

    def test_orders_that_leave_the_folder_between_two_pages_hide_no_other(self, order_desk, monkeypatch):
        monkeypatch.setattr("remote_artwork.clients.order_desk.PAGE_SIZE", 10)
        ids = [order_desk.add(str(number), "1") for number in range(35)]
        read_page, left = order_desk._list, iter(ids[:12])

        def moving(query):
            page = read_page(query)
            for order_id in itertools.islice(left, 4):
                order_desk.orders[order_id]["folder_id"] = order_desk.CLOSED
            return page

        order_desk._list = moving
        listed = [order.id for order in hub_client(order_desk).pending_orders()]
        assert set(ids[12:]) <= set(listed)
        assert len(listed) == len(set(listed))

    def test_artwork_that_another_application_overwrites_is_not_sent_and_attached_again(
        self, order_desk, files, scanner_of
    ):
        order_id = order_desk.add("1001", "11", "12")
        upload(files, "1001_11.pdf", "1001_12.pdf")
        put, overwrites = order_desk._put_item, iter([True])

        def overwritten(order, item_id, body):
            answer = put(order, item_id, body)
            if next(overwrites, False):
                order_desk.item(order_id, item_id)["metadata"] = []
            return answer

        order_desk._put_item = overwritten
        scanner = scanner_of(hub_client(order_desk))
        report = scanner.scan()
        assert set(statuses(report).values()) == {"failed"}
        assert "the artwork of item 11 was changed after it was attached" in report.items[0].reason
        assert order_desk.orders[order_id]["folder_id"] == order_desk.PENDING
        assert set(statuses(scanner.scan()).values()) == {"fulfilled"}

    def test_an_order_that_a_person_moves_right_before_the_client_is_logged(
        self, order_desk, files, scanner_of, caplog
    ):
        order_id = order_desk.add("1001", "11")
        upload(files, "1001_11.pdf")
        move = order_desk._move

        def too_late(body):
            order_desk.orders[order_id]["folder_id"] = order_desk.CANCELLED
            return move(body)

        order_desk._move = too_late
        scanner_of(hub_client(order_desk)).scan()
        [record] = [each for each in caplog.records if each.name == "remote_artwork.clients.order_desk"]
        assert (record.message, record.order_id, record.folder_id) == (
            "order_desk_moved_from_folder",
            order_id,
            order_desk.CANCELLED,
        )

    def test_a_move_that_the_response_does_not_confirm_is_uncertain(self, order_desk, files, scanner_of):
        order_desk.add("1001", "11")
        upload(files, "1001_11.pdf")
        order_desk.fail((200, {"status": "success", "message": "0 Orders Moved", "results": []}, {}))
        scanner = scanner_of(hub_client(order_desk))
        assert set(statuses(scanner.scan()).values()) == {"uncertain"}
        scanner.scan()
        assert set(statuses(scanner.scan()).values()) <= {"fulfilled"}
        assert order_desk.effects == {"29490": 1}

    def test_an_order_in_an_unknown_folder_waits_for_a_person_after_a_lost_response(
        self, order_desk, files, scanner_of
    ):
        order_id = order_desk.add("1001", "11")
        upload(files, "1001_11.pdf")
        order_desk.fail("cut after")
        scanner = scanner_of(hub_client(order_desk))
        assert set(statuses(scanner.scan()).values()) == {"uncertain"}
        order_desk.orders[order_id]["folder_id"] = 4711
        assert set(statuses(scanner.scan()).values()) == {"uncertain"}
        assert order_desk.effects[order_id] == 1

    def test_a_released_order_that_is_moved_back_is_not_released_again(self, order_desk, files, scanner_of):
        order_id = order_desk.add("1001", "11")
        upload(files, "1001_11.pdf")
        scanner = scanner_of(hub_client(order_desk))
        scanner.scan()
        order_desk.orders[order_id]["folder_id"] = order_desk.PENDING
        assert [item.code for item in scanner.scan().items] == ["pending_after_receipt"]
        assert order_desk.effects[order_id] == 1

    def test_a_refused_request_waits_as_long_as_x_retry_after_says(self, order_desk):
        order_desk.add("1001", "11")
        order_desk.tokens = 0.0
        waits = []
        policy = ra.RetryPolicy(sleep=lambda seconds: (waits.append(seconds), order_desk.refill(seconds)))
        client = order_desk.client(retry=policy)
        assert len(list(client.pending_orders())) == 1
        assert waits == [1]
        order_desk.tokens = 0.0
        with pytest.raises(ra.RateLimited) as refused:
            client.get_order("29490")
        assert refused.value.retry_after == 1

    def test_a_scan_waits_while_the_bucket_is_empty_and_sends_every_order_once(self, order_desk, files, scanner_of):
        for number in range(3):
            order_desk.add(str(number), str(number))
            upload(files, f"{number}_{number}.pdf")
        order_desk.tokens, order_desk.retry_after = 5.0, "0"
        fault_of, empty = order_desk._fault_of, itertools.count(1)

        def refilling(kind):
            if order_desk.tokens is not None and order_desk.tokens < 1 and next(empty) == 3:  # two requests are refused
                order_desk.tokens = None
            return fault_of(kind)

        order_desk._fault_of = refilling
        assert set(statuses(scanner_of(hub_client(order_desk)).scan()).values()) == {"fulfilled"}
        assert order_desk.tokens is None
        assert order_desk.effects == dict.fromkeys(order_desk.orders, 1)

    @pytest.mark.parametrize(
        "folders",
        [{}, {1: ra.OrderState.PENDING}, {1: ra.OrderState.PENDING, 2: ra.OrderState.CANCELLED}, {2: "fulfilled"}],
    )
    def test_folders_without_a_pending_one_or_a_released_one_are_refused(self, folders):
        with pytest.raises(ra.ConfigurationError, match="folders needs"):
            OrderDeskClient("125999", "key", folders=folders, release_to=2)


@pytest.fixture
def gooten():
    api = GootenApi()
    yield api
    api.close()


class TestGooten:
    def test_one_put_has_the_files_of_every_item_that_waits(self, gooten, files, scanner_of):
        order_id = gooten.add("1001", "1", "2", "3")
        gooten.orders[order_id]["Items"][0]["Status"] = "Shipped"
        upload(files, "1001_2.pdf", "1001_3.pdf")
        report = scanner_of(hub_client(gooten)).scan()
        assert statuses(report) == {
            ("1001", "1"): "not_required",
            ("1001", "2"): "fulfilled",
            ("1001", "3"): "fulfilled",
        }
        [(path, body)] = gooten.changes
        assert path.startswith("/OrderCustomization?")
        assert [(each["OrderItemId"], [*each["Images"][0]]) for each in body["Items"]] == [
            (1_066_981, ["Url"]),
            (1_066_982, ["Url"]),
        ]

    def test_placements_are_spaces_of_the_product(self, gooten, files, scanner_of):
        order_id = gooten.add("1001", "1")
        gooten.orders[order_id]["Items"][0]["Images"].append({"SourceUrl": "", "SpaceId": "BACK"})
        upload(files, "1001_1_C0B31.pdf", "1001_1_BACK.pdf")
        client = hub_client(gooten, placements=lambda item: [image["SpaceId"] for image in item["Images"]])
        report = scanner_of(client, pattern="{order_number}_{order_item_number}_{placement}").scan()
        assert statuses(report) == {("1001", "1"): "fulfilled"}
        [image, other] = gooten.changes[0][1]["Items"][0]["Images"]
        assert (image["SpaceId"], other["SpaceId"]) == ("C0B31", "BACK")
        assert ("1001_1_C0B31.pdf" in image["Url"], "1001_1_BACK.pdf" in other["Url"]) == (True, True)

    @pytest.mark.parametrize(
        ("of_items", "state"),
        [
            (["NeedsPersonalization"], "pending"),
            (["Needs Customization", "Shipped", "Cancelled"], "pending"),
            (["NeedsPersonalization", "Hold"], "other"),
            (["ImageIssue"], "other"),
            ([None], "other"),
            ([], "other"),
            (["ReadyForImageDl", "Canceled Refunded"], "fulfilled"),
            (["In Production"], "fulfilled"),
            (["Canceled"], "cancelled"),
        ],
    )
    def test_the_statuses_of_the_items_decide_what_an_order_is(self, gooten, of_items, state):
        order_id = gooten.add("1001", *map(str, range(len(of_items))))
        for item, status in zip(gooten.orders[order_id]["Items"], of_items, strict=True):
            item["Status"] = status
        client = hub_client(gooten)
        assert str(client.get_order(order_id).state) == state
        assert len(list(client.pending_orders())) == (state == "pending")

    def test_an_item_without_a_number_of_the_shop_has_gootens_number(self, gooten):
        gooten.add("1001", "")
        [order] = hub_client(gooten).pending_orders()
        assert [item.number for item in order.items] == ["1066980"]

    @pytest.mark.parametrize("status", [200, 400])
    @pytest.mark.parametrize(
        ("state", "ends"), [("NeedsPersonalization", "failed"), ("Printing", "fulfilled"), ("Canceled", "cancelled")]
    )
    def test_after_a_refusal_the_state_of_the_order_decides(self, gooten, files, scanner_of, status, state, ends):
        order_id = gooten.add("1001", "1")
        upload(files, "1001_1.pdf")

        def refuse(_order_id, _body):
            gooten.orders[order_id]["Items"][0]["Status"] = state
            return gooten._error("The image is too small", status)

        gooten._customize = refuse
        report = scanner_of(hub_client(gooten)).scan()
        assert statuses(report) == {("1001", "1"): ends}
        assert ("The image is too small" in report.items[0].reason) == (ends != "fulfilled")

    def test_all_pages_of_the_search_are_read(self, gooten):
        ids = [gooten.add(str(number), "1") for number in range(250)]
        ids += [gooten.add(str(number), "1", status="Delivered") for number in range(250, 300)]
        assert {order.id for order in hub_client(gooten).pending_orders()} == set(ids[:250])

    def test_orders_that_are_added_during_the_search_hide_no_other(self, gooten, monkeypatch):
        monkeypatch.setattr("remote_artwork.clients.gooten.PAGE_SIZE", 10)
        ids = [gooten.add(str(number), "1") for number in range(35)]
        search, numbers = gooten._search, iter(range(2001, 2013))

        def growing(query):
            page = search(query)
            for number in itertools.islice(numbers, 4):
                gooten.add(str(number), "1")
            return page

        gooten._search = growing
        listed = [order.id for order in hub_client(gooten).pending_orders()]
        assert set(ids) <= set(listed)
        assert len(listed) == len(set(listed))

    def test_an_item_that_gooten_keeps_waiting_does_not_send_its_order_twice(self, gooten, files, scanner_of):
        order_id = gooten.add("1001", "1", "2")
        upload(files, "1001_1.pdf")
        client = hub_client(gooten, placements=lambda item: ["default"] if item["SourceId"] == "1" else [])
        scanner = scanner_of(client)
        assert statuses(scanner.scan()) == {("1001", "1"): "fulfilled", ("1001", "2"): "not_required"}
        assert order_id in gooten.pending_ids()
        scanner.scan()
        assert gooten.effects[order_id] == 1

    def test_a_search_of_one_page_is_one_request_for_the_orders_of_the_last_days(self, gooten):
        gooten.add("1001", "1")
        assert len(list(hub_client(gooten, days=7).pending_orders())) == 1
        [search, _] = gooten.requests
        [start] = parse_qs(search)["startDate"]
        assert timedelta(days=6) < datetime.now(UTC) - datetime.fromisoformat(start).replace(tzinfo=UTC)

    def test_a_search_without_orders_is_empty(self, gooten, scanner_of):
        gooten._search = lambda _query: (200, {"Orders": None, "TotalPages": 0, "HadError": False}, {})
        report = scanner_of(hub_client(gooten)).scan()
        assert (report.items, report.exit_code) == ((), 0)

    def test_a_search_in_an_unexpected_format_is_a_fault_and_nothing_is_sent(self, gooten, scanner_of):
        gooten.add("1001", "1")
        gooten._search = lambda _query: (200, {"orders": []}, {})
        assert scanner_of(hub_client(gooten)).scan().exit_code == 3
        assert gooten.changes == []


@pytest.fixture
def printful():
    api = PrintfulApi()
    yield api
    api.close()


class TestPrintfulOfThePage:
    def test_the_files_replace_the_layers_and_keep_the_technique(self, printful, files, scanner_of):
        order_id = printful.add("1001", "1", "2", sides=("front", "back"))
        printful.orders[order_id]["items"][1]["placements"] = []
        upload(files, "1001_1_front.pdf", "1001_1_back.pdf")
        scanner = scanner_of(printful.client(retry=NO_WAIT), pattern="{order_number}_{order_item_number}[_{placement}]")
        assert statuses(scanner.scan()) == {("1001", "1"): "fulfilled", ("1001", "2"): "not_required"}
        front, back = printful.orders[order_id]["items"][0]["placements"]
        assert (front["technique"], [layer["type"] for layer in front["layers"]]) == ("dtg", ["file"])
        assert ("1001_1_front.pdf" in front["layers"][0]["url"], "1001_1_back.pdf" in back["layers"][0]["url"]) == (
            True,
            True,
        )

    def test_an_order_without_an_external_id_has_printfuls_numbers(self, printful):
        order_id = printful.add("", "")
        [order] = printful.client().pending_orders()
        assert (order.number, order.items[0].number) == (order_id, order.items[0].id)

    def test_costs_that_take_too_long_leave_the_order_to_a_later_call(self, printful):
        printful.add("1001", "1")
        printful._read = lambda order: (200, {"data": {**order, "costs": {"calculation_status": "calculating"}}}, {})
        client = printful.client()
        [order] = client.pending_orders()
        with pytest.raises(ra.RateLimited) as refused:
            client.fulfill(order, {}, idempotency_key="key")
        assert (refused.value.retry_after, printful.changes) == (10, [])

    @pytest.mark.parametrize(
        ("state", "ends"), [("draft", "failed"), ("inprocess", "fulfilled"), ("canceled", "cancelled")]
    )
    def test_after_a_refused_confirmation_the_status_decides(self, printful, files, scanner_of, state, ends):
        order_id = printful.add("1001", "1")
        upload(files, "1001_1.pdf")

        def refuse(order):
            order["status"] = state
            return 409, {"error": {"message": "The order cannot be confirmed"}}, {}

        printful._confirm = refuse
        report = scanner_of(printful.client(retry=NO_WAIT)).scan()
        assert statuses(report) == {("1001", "1"): ends}
        assert printful.effects[order_id] == 0


class TestWordsOfTheShop:
    """The title and the SKU of items, for reports."""

    @staticmethod
    def label(client):
        [order] = client.pending_orders()
        return order.items[0].label

    def test_gelato(self, gelato):
        gelato.add("1001", "1")
        assert self.label(gelato_client(gelato)) == "1: poster"

    def test_woocommerce(self, woocommerce):
        order_id = woocommerce.add("1001", 11)
        woocommerce.orders[order_id]["line_items"][0]["sku"] = "P-1"
        assert self.label(woocommerce_client(woocommerce)) == "1: Poster (P-1)"

    def test_order_desk(self, order_desk):
        order_desk.add("1001", "11")
        assert self.label(hub_client(order_desk)) == "1: Poster (poster-50x70)"

    def test_gooten(self, gooten):
        order_id = gooten.add("1001", "11")
        gooten.orders[order_id]["Items"][0]["Product"] = "Prints"
        assert self.label(hub_client(gooten)) == "1: Prints (Prints-50x70)"

    def test_a_value_that_is_not_text_is_left_out(self, woocommerce):
        order_id = woocommerce.add("1001", 11)
        woocommerce.orders[order_id]["line_items"][0] |= {"name": ["Poster"], "sku": None}
        assert self.label(woocommerce_client(woocommerce)) == "11"

"""Whole scans over the APIs of shops: what is sent, and how every failure of an API ends."""

import logging
from datetime import timedelta

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.clients import GelatoClient, WooCommerceClient
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


CLIENTS = {"gelato": (GelatoApi, gelato_client), "woocommerce": (WooCommerceApi, woocommerce_client)}


@pytest.fixture(params=CLIENTS)
def shop(request, files):
    make, client = CLIENTS[request.param]
    api = make()
    api.add("1001", *({"gelato": ["1"], "woocommerce": [11]}[request.param]))
    upload(files, "1001_1.pdf" if request.param == "gelato" else "1001_11.pdf")
    api.client = lambda: client(api)
    yield api
    api.close()


def confirmations(shop):
    return [body for _, body in shop.changes if "orderType" in body or "status" in body]


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
}
"""Fields of an order, and values that no document mentions."""


class TestEveryShop:
    def test_an_order_in_an_unexpected_format_does_not_stop_the_others(self, shop, scanner_of):
        kind, line = ("gelato", "1") if isinstance(shop, GelatoApi) else ("woocommerce", 11)
        odd = [(name, value) for name, *values in ODD[kind] for value in values]
        first = shop.orders.pop(next(iter(shop.orders)))
        ids = [shop.add(str(number), line) for number in range(2001, 2001 + len(odd))]
        for order_id, (name, value) in zip(ids, odd, strict=True):
            shop.orders[order_id][name] = value
        shop.orders["last"] = {**first, "id": "last"}
        report = scanner_of(shop.client()).scan()
        assert {item.order_id: item.code for item in report.items} == {
            **dict.fromkeys(map(str, ids), "order_unreadable"),
            "last": "fulfilled",
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
        keys = shop.KEYS if isinstance(shop, WooCommerceApi) else (shop.KEY,)
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

"""The clients of shop APIs pass the shipped contract, on servers that behave as their API documentation says."""

import pytest

from remote_artwork.clients.gelato import GelatoClient
from remote_artwork.clients.woocommerce import WooCommerceClient
from remote_artwork.testing import FulfillmentClientContract
from shop_api_servers import GelatoApi, WooCommerceApi


class TestGelato(FulfillmentClientContract):
    @pytest.fixture
    def api(self):
        api = GelatoApi()
        api.add("1001", "1")
        api.add("1002", "1", "2", "3")
        api.add("1003", "1", status="printed")
        api.add("1004", "1", status="pending_approval")
        yield api
        api.close()

    @pytest.fixture
    def client(self, api):
        return GelatoClient(api.KEY, api=api.url)

    @pytest.fixture
    def read_names(self, api):
        return api.names

    @pytest.fixture
    def read_urls(self, api):
        return api.urls

    @pytest.fixture
    def pending_ids(self, api):
        return api.pending_ids

    @pytest.fixture
    def break_after_write(self, api):
        return api.break_after_write

    @pytest.fixture
    def cancel(self, api):
        return lambda order: api.orders[order.id].update(fulfillmentStatus="canceled", orderType="order")

    @pytest.fixture
    def delete(self, api):
        return lambda order: api.orders.pop(order.id)

    @pytest.fixture
    def fulfillments(self, api):
        return api.confirmed

    @pytest.fixture
    def reset_client(self, api, client):
        return api.putting_back(client)


class TestWooCommerce(FulfillmentClientContract):
    @pytest.fixture
    def api(self):
        api = WooCommerceApi()
        api.add("1001", 11)
        api.add("1002", 21, 22)
        api.add("1003", 31, status="completed")
        yield api
        api.close()

    @pytest.fixture
    def client(self, api):
        return WooCommerceClient(api.url, *api.KEYS)

    @pytest.fixture
    def read_names(self, api):
        return api.names

    @pytest.fixture
    def read_urls(self, api):
        return api.urls

    @pytest.fixture
    def pending_ids(self, api):
        return api.pending_ids

    @pytest.fixture
    def break_after_write(self, api):
        return api.break_after_write

    @pytest.fixture
    def cancel(self, api):
        return lambda order: api.orders[order.id].update(status="cancelled")

    @pytest.fixture
    def delete(self, api):
        return lambda order: api.orders.pop(order.id)

    @pytest.fixture
    def fulfillments(self, api):
        return api.confirmed

    @pytest.fixture
    def reset_client(self, api, client):
        return api.putting_back(client)

"""The clients of shop APIs pass the shipped contract, on servers that behave as their API documentation says."""

import pytest

from api_contract import ApiContract
from gooten_server import GootenApi
from order_desk_server import OrderDeskApi
from printful_server import PrintfulApi
from remote_artwork.clients.gelato import GelatoClient
from remote_artwork.clients.woocommerce import WooCommerceClient
from shop_api_servers import GelatoApi, WooCommerceApi


class TestGelato(ApiContract):
    @pytest.fixture
    def api(self):
        api = GelatoApi()
        api.add("1001", "1")
        api.add("1002", "1", "2", "3")
        api.add("1003", "1", status="printed")
        api.add("1004", "1", status="pending_approval")
        yield api
        api.close()

    @staticmethod
    def connect(api):
        return GelatoClient(api.KEY, api=api.url)


class TestWooCommerce(ApiContract):
    @pytest.fixture
    def api(self):
        api = WooCommerceApi()
        api.add("1001", 11)
        api.add("1002", 21, 22)
        api.add("1003", 31, status="completed")
        yield api
        api.close()

    @staticmethod
    def connect(api):
        return WooCommerceClient(api.url, *api.KEYS)


class TestOrderDesk(ApiContract):
    @pytest.fixture
    def api(self):
        api = OrderDeskApi()
        api.add("1001", "42286")
        api.add("1002", "42287", "42288", "42289")
        api.add("1003", "42290", folder=api.CLOSED)
        yield api
        api.close()


class TestGooten(ApiContract):
    @pytest.fixture
    def api(self):
        api = GootenApi()
        api.add("1001", "1")
        api.add("1002", "1", "2", "3")
        api.add("1003", "1", status="Shipped")
        api.add("1004", "1", status="Hold")
        yield api
        api.close()


class TestPrintfulOfThePage(ApiContract):
    @pytest.fixture
    def api(self):
        api = PrintfulApi()
        api.add("1001", "1")
        api.add("1002", "1", "2")
        api.add("1003", "1", status="inprocess")
        api.add("1004", "1", status="failed")
        yield api
        api.close()

"""The Shopify client passes the shipped contract, on a server that behaves as Shopify's documentation says."""

import pytest

from api_contract import ApiContract
from remote_artwork.clients import ShopifyClient
from shopify_server import ShopifyApi


class TestShopify(ApiContract):
    @pytest.fixture
    def api(self):
        api = ShopifyApi()
        order_id = api.add("1001", "11", "12", "13")
        api.split(order_id, "13")
        for number in range(1002, 1024):
            api.add(str(number), "21", "22")
        api.add("1024", "31", handle=None)
        api.add("1025", "31", handle="fraud-check")
        yield api
        api.close()

    @staticmethod
    def connect(api):
        return ShopifyClient(api.url, api.KEYS)

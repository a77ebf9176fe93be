"""The contract of a client whose shop is a server of ``shop_api_servers``."""

import pytest

from remote_artwork.testing import FulfillmentClientContract


class ApiContract(FulfillmentClientContract):
    """Inherit it, and override ``api``, and ``connect`` unless the server has a method ``client``."""

    @staticmethod
    def connect(api):
        """A client of the server."""
        return api.client()

    @pytest.fixture
    def client(self, api):
        return self.connect(api)

    @pytest.fixture
    def new_client(self, api):
        return lambda: self.connect(api)

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
        return api.cancel

    @pytest.fixture
    def delete(self, api):
        return lambda order: api.orders.pop(order.id)

    @pytest.fixture
    def fulfillments(self, api):
        return api.confirmed

    @pytest.fixture
    def reset_client(self, api, client):
        return api.putting_back(client)

"""The contract of ``VendureClient``, with a real Vendure and its database."""

from __future__ import annotations

import pytest

from remote_artwork.testing import FulfillmentClientContract
from vendure_server import INSTALLATION, VendureProxy, printed_client

pytestmark = [pytest.mark.server, pytest.mark.timeout(INSTALLATION + 300)]


@pytest.fixture
def proxy(vendure):
    proxy = VendureProxy(vendure)
    yield proxy
    proxy.close()


class TestVendure(FulfillmentClientContract):
    @pytest.fixture
    def client(self, proxy):
        return printed_client(proxy.url)

    @pytest.fixture
    def new_client(self, proxy):
        return lambda: printed_client(proxy.url)

    @pytest.fixture
    def lacks(self):
        return {"delete": "Vendure keeps every order that was placed"}

    @pytest.fixture
    def read_names(self, proxy):
        return proxy.names

    @pytest.fixture
    def read_urls(self, proxy):
        return proxy.urls

    @pytest.fixture
    def pending_ids(self, proxy):
        return proxy.pending_ids

    @pytest.fixture
    def cancel(self, vendure):
        return lambda order: vendure.cancel(order.id)

    @pytest.fixture
    def fulfillments(self, proxy):
        return proxy.confirmed

    @pytest.fixture
    def break_after_write(self, proxy):
        return proxy.break_after_write

    @pytest.fixture
    def reset_client(self, proxy, client):
        return proxy.putting_back(client)

    @pytest.mark.thorough  # about 300 scans of a real shop; the session `vendure` runs it
    def test_a_process_may_die_at_any_call(self, scenario, reset_client, new_order, folder):
        super().test_a_process_may_die_at_any_call(scenario, reset_client, new_order, folder)

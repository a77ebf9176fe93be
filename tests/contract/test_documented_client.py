"""The clients of the documentation and the examples pass the contract."""

import re
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve

import remote_artwork as ra
from api_contract import ApiContract
from custom_client import MyShop
from documented_shops import GraphqlShop, RpcShop, documented_clients
from remote_artwork.testing import FulfillmentClientContract

NAMES = documented_clients()
globals().update({name: value for name, value in NAMES.items() if name.startswith("Test")})


@pytest.mark.parametrize("then", ["fulfilled", "cancelled"])
def test_an_order_that_changes_right_before_its_confirmation_gets_no_receipt(then):
    """Between reading the order and changing it."""

    class Overtaken(sqlite3.Connection):
        def execute(self, statement, values=()):
            if statement.startswith("UPDATE orders"):
                super().execute("UPDATE orders SET state = ?, key = 'another'", [then])
            return super().execute(statement, values)

    database = sqlite3.connect(":memory:", factory=Overtaken)
    database.executescript("""
        CREATE TABLE orders (id TEXT PRIMARY KEY, state TEXT NOT NULL, key TEXT UNIQUE);
        CREATE TABLE lines (order_id TEXT, number TEXT, name TEXT, url TEXT);
        INSERT INTO orders VALUES ('1001', 'pending', NULL);
        INSERT INTO lines (order_id, number) VALUES ('1001', '1');
    """)
    shop = NAMES["Backoffice"](database)
    with pytest.raises((ra.AlreadyFulfilled, ra.NotPending)):
        shop.fulfill(shop.get_order("1001"), {}, idempotency_key="ours")
    database.close()


class TestCustomClient(FulfillmentClientContract):
    @pytest.fixture
    def client(self):
        return MyShop([ra.Order("1001", [ra.OrderItem("1")]), ra.Order("1002", [ra.OrderItem("1"), ra.OrderItem("2")])])

    @pytest.fixture
    def read_names(self, client):
        return lambda order, item: client.artwork[order.id, item.number]

    @pytest.fixture
    def fulfillments(self, client):
        return lambda order: sum(
            each.id == order.id and each.state is ra.OrderState.FULFILLED for each in client.orders.values()
        )

    @pytest.fixture
    def cancel(self, client):
        def cancel(order):
            client.orders[order.id] = evolve(client.orders[order.id], state=ra.OrderState.CANCELLED)

        return cancel

    @pytest.fixture
    def delete(self, client):
        return lambda order: client.orders.pop(order.id)


class OverHttp(ApiContract):
    """The client of a shop's API. The login of the shop expires at every tenth request."""

    @pytest.fixture
    def api(self):
        api = self.shop()
        api.add("1001", "1")
        api.add("1002", "2", "3")
        api.add("1003", "4", state="RELEASED")
        for number in range(2001, 2060):
            api.add(str(number), f"line-{number}")  # more than one page
        api.requests_of_a_login = 10
        yield api
        api.close()

    @staticmethod
    def connect(api):
        return NAMES[type(api).__name__](api.url, api.USER, api.PASSWORD)


class TestGraphqlShop(OverHttp):
    shop = GraphqlShop


class TestRpcShop(OverHttp):
    shop = RpcShop


README = Path(__file__).parents[2] / "README.md"
[EMBEDDED] = re.findall(r"^class MyShop:\n.*?(?=^\S)", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
_names = {"ra": ra, "timedelta": timedelta}
exec(EMBEDDED, _names)


class TestClientOfTheReadme(FulfillmentClientContract):
    @pytest.fixture
    def client(self):
        shop = _names["MyShop"]()
        shop.items, shop.jobs = [ra.OrderItem("1"), ra.OrderItem("2")], {"1001": None, "1002": None}
        return shop

    @pytest.fixture
    def read_names(self, client):
        return lambda order, item: [artwork.name for artwork in client.jobs[order.id][1][item.number]]

    @pytest.fixture
    def fulfillments(self, client):
        return lambda order: int(client.jobs.get(order.id) is not None)

    @pytest.fixture
    def delete(self, client):
        return lambda order: client.jobs.pop(order.id)

"""The clients of the documentation and the examples pass the contract."""

import re
import sqlite3
from pathlib import Path

import pytest
from attrs import evolve

import remote_artwork as ra
from custom_client import MyShop
from remote_artwork.testing import FulfillmentClientContract

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "clients" / "writing.md"

for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
    exec(compile(block, PAGE.name, "exec"), globals())


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
    shop = globals()["Backoffice"](database)
    with pytest.raises((ra.AlreadyFulfilled, ra.NotPending)):
        shop.fulfill(shop.get_order("1001"), {}, idempotency_key="ours")
    database.close()


class TestCustomClient(FulfillmentClientContract):
    @pytest.fixture
    def client(self):
        return MyShop([ra.Order("1001", [ra.OrderItem("1")]), ra.Order("1002", [ra.OrderItem("1"), ra.OrderItem("2")])])

    @pytest.fixture
    def cancel(self, client):
        def cancel(order):
            client.orders[order.id] = evolve(client.orders[order.id], state=ra.OrderState.CANCELLED)

        return cancel

    @pytest.fixture
    def delete(self, client):
        return lambda order: client.orders.pop(order.id)

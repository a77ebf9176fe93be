# ruff: noqa: ARG002 - a client that does nothing still has the interface's arguments
"""Every shipped client passes the shipped contract."""

import csv
import inspect
import json
from itertools import product

import pytest
from attrs import evolve

import remote_artwork as ra
from contract_runner import ORDER, failure_of
from remote_artwork.testing import FakeShop, FulfillmentClientContract

ORDERS = {
    "orders": [
        {"number": "1001", "status": "pending_approval", "items": [{"number": "1"}]},
        {
            "number": "1002",
            "id": "gid-1002",
            "status": "pending_approval",
            "items": [
                {"number": "1"},
                {"number": "2", "placements": ["front", "back"]},
                {"number": "3", "requires_artwork": False},
            ],
        },
        {"number": "1003", "status": "fulfilled", "items": [{"number": "1"}]},
    ]
}


class TestOrdersFile(FulfillmentClientContract):
    @pytest.fixture
    def client(self, tmp_path):
        path = tmp_path / "orders.json"
        path.write_text(json.dumps(ORDERS, indent=2))
        return ra.OrdersFile(path)

    @pytest.fixture
    def read_names(self, client):
        def read(order, item):
            [entry] = [each for each in self.entries(client) if each.get("id", each["number"]) == order.id]
            [line] = [each for each in entry["items"] if each["number"] == item.number]
            return [artwork["name"] for artwork in line["artwork"]]

        return read

    @pytest.fixture
    def fulfillments(self, client):
        def count(order):
            entries = [each for each in self.entries(client) if each.get("id", each["number"]) == order.id]
            return sum(each["status"] == "fulfilled" for each in entries)

        return count

    @pytest.fixture
    def cancel(self, client):
        def cancel(order):
            text = client.path.read_text()
            before, behind = text.split(f'"number": "{order.number}"')
            behind = behind.replace("pending_approval", "cancelled", 1)
            client.path.write_text(f'{before}"number": "{order.number}"{behind}')

        return cancel

    @pytest.fixture
    def delete(self, client):
        def delete(order):
            kept = [entry for entry in self.entries(client) if entry.get("id", entry["number"]) != order.id]
            client.path.write_text(json.dumps({"orders": kept}))

        return delete

    @pytest.fixture
    def new_client(self, client):
        return lambda: ra.OrdersFile(client.path)

    @pytest.fixture
    def reset_client(self, client):
        def reset_client():
            client.path.write_text(json.dumps(ORDERS))
            return client

        return reset_client

    @staticmethod
    def entries(client):
        return json.loads(client.path.read_text())["orders"]


TABLE = """number,order_id,item,status,placements,requires_artwork,artwork
1001,,1,pending_approval,,,
1002,gid-1002,1,pending_approval,,,
1002,gid-1002,2,,front|back,,
1002,gid-1002,3,,,no,
1003,,1,fulfilled,,,
"""


class TestOrdersFileInCsv(FulfillmentClientContract):
    @pytest.fixture
    def client(self, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text(TABLE)
        return ra.OrdersFile(path)

    @pytest.fixture
    def read_names(self, client):
        def read(order, item):
            [row] = [row for row in self.rows(client, order) if row["item"] == item.number]
            return row["artwork"].split("|") if row["artwork"] else []

        return read

    @pytest.fixture
    def fulfillments(self, client):
        return lambda order: int(any(row["status"] == "fulfilled" for row in self.rows(client, order)))

    @pytest.fixture
    def cancel(self, client):
        def cancel(order):
            lines = client.path.read_text().splitlines(keepends=True)
            changed = [
                line.replace("pending_approval", "cancelled") if line.startswith(f"{order.number},") else line
                for line in lines
            ]
            client.path.write_text("".join(changed))

        return cancel

    @pytest.fixture
    def delete(self, client):
        def delete(order):
            lines = client.path.read_text().splitlines(keepends=True)
            client.path.write_text("".join(line for line in lines if not line.startswith(f"{order.number},")))

        return delete

    @pytest.fixture
    def new_client(self, client):
        return lambda: ra.OrdersFile(client.path)

    @pytest.fixture
    def reset_client(self, client):
        def reset_client():
            client.path.write_text(TABLE)
            return client

        return reset_client

    @staticmethod
    def rows(client, order):
        with client.path.open(newline="") as file:
            return [row for row in csv.DictReader(file) if row["number"] == order.number]


@pytest.mark.parametrize(
    "client",
    [pytest.param(pair, id=f"{pair[0]}-{pair[1]}") for pair in product(ra.Recovery, ra.Attaching)],
    indirect=True,
)
class TestFakeShop(FulfillmentClientContract):
    @pytest.fixture
    def client(self, request):
        recovery, attaching = request.param
        return FakeShop(self.orders(), recovery=recovery, attaching=attaching)

    @staticmethod
    def orders():
        return [
            ra.Order("1001", [ra.OrderItem("1")]),
            ra.Order("1002", [ra.OrderItem("1"), ra.OrderItem("2", placements=["front", "back"])], id="gid-1002"),
            ra.Order("1003", [ra.OrderItem("1")], state=ra.OrderState.FULFILLED),
        ]

    @pytest.fixture
    def read_names(self, client):
        return lambda order, item: [artwork.name for artwork in client.artwork.get((order.id, item.number), ())]

    @pytest.fixture
    def read_order(self, client):
        return client.orders.__getitem__

    @pytest.fixture
    def read_urls(self, client):
        return lambda order, item: [artwork.url for artwork in client.artwork.get((order.id, item.number), ())]

    @pytest.fixture
    def pending_ids(self, client):
        return lambda: {order.id for order in client.orders.values() if order.state is ra.OrderState.PENDING}

    @pytest.fixture
    def cancel(self, client):
        return lambda order: client.cancel(order.id)

    @pytest.fixture
    def delete(self, client):
        return lambda order: client.delete(order.id)

    @pytest.fixture
    def fulfillments(self, client):
        return lambda _order: client.effects.total()

    @pytest.fixture
    def new_client(self, client):
        return lambda: client  # it is also the shop

    @pytest.fixture
    def reset_client(self, client):
        def reset_client():
            client.effects.clear()
            client.orders = self.orders()
            return client

        return reset_client


class Forgetful(FakeShop):
    """Breaks every promise at once."""

    def pending_orders(self):
        return [self.orders["1001"]] * 2

    def get_order(self, order_id):
        return evolve(next(iter(self.orders.values())), approval="other")

    def find_orders(self, numbers):
        return []

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        held = self.artwork.get((order.id, item.number), ())
        self.artwork[order.id, item.number] = (*held, *artworks, *artworks)

    def fulfill(self, order, artworks, *, idempotency_key):
        return ""


def test_the_contract_fails_for_a_client_that_keeps_no_promise():
    harmless = {
        "test_it_implements_the_interface",
        "test_pending_orders_can_be_listed_again",
        "test_calls_may_come_from_other_threads",
    }
    tests = [
        name
        for name, test in vars(FulfillmentClientContract).items()
        if name.startswith("test_") and "scenario" not in inspect.signature(test).parameters
    ]
    assert harmless < set(tests)
    for name in tests:
        failure = failure_of(
            name, lambda: Forgetful(ORDERS_OF_ANOTHER, concurrent_calls=8), fulfillments=lambda _order: 0
        )
        assert (failure is None) == (name in harmless), name


ORDERS_OF_ANOTHER = [ra.Order("1000", [ra.OrderItem("1")]), ORDER]

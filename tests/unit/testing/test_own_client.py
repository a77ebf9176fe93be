"""A shop's author tests a client on a sandbox account with the tests that are installed with the library."""

import subprocess
import sys

import pytest

MODULE = """
import remote_artwork as ra
from remote_artwork.testing import ClientBench, FakeShop

class Sandbox(ClientBench):
    lacks = {"delete": "the shop keeps all orders", "break_after_write": "the account is remote"}

    def new_client(self):
        return self.client

    def pending_ids(self):
        return [each.id for each in self.client.orders.values() if each.state == "pending" and each.number != "foreign"]

    def new_order(self):
        number = str(len(self.client.orders) + 1000)
        self.client.put(ra.Order(number, [ra.OrderItem("1"), ra.OrderItem("2", placements=["front", "back"])]))
        return self.client.get_order(number)

    def read_names(self, order, item):
        return [artwork.name for artwork in self.client.artwork.get((order.id, item.number), ())]

    def read_order(self, order_id):
        return self.client.orders[order_id]

    def read_urls(self, order, item):
        return [artwork.url for artwork in self.client.artwork.get((order.id, item.number), ())]

    def fulfillments(self, order):
        return sum(call.effect and call.order_id == order.id for call in self.client.calls("fulfill"))

    def cancel(self, order):
        self.client.cancel(order.id)

class Pool(Sandbox):
    new_order = ClientBench.new_order

class NothingAttached(FakeShop):
    def fulfill(self, order, artworks, *, idempotency_key):
        return super().fulfill(order, {}, idempotency_key=idempotency_key)

class ForReading(FakeShop):
    def fulfill(self, order, artworks, *, idempotency_key):
        raise AssertionError("an order was changed")

ITEMS = [ra.OrderItem("1"), ra.OrderItem("2")]
ORDERS = [ra.Order(number, ITEMS) for number in ("1", "2", "foreign")]

def sandbox():
    return Sandbox(FakeShop(ORDERS, recovery=ra.Recovery.IDEMPOTENT))

def pool():
    return Pool(FakeShop([ra.Order(str(number), ITEMS) for number in range(150)]))

def small_pool():
    return Pool(FakeShop(ORDERS))

def wrong():
    return Sandbox(NothingAttached(ORDERS, attaching=ra.Attaching.WITH_FULFILL))

def client():
    return ForReading(ORDERS)

def nothing():
    return None
"""


@pytest.fixture
def run(tmp_path):
    """Run the installed tests in an empty folder. Return the exit code and the output."""
    (tmp_path / "my_shop.py").write_text(MODULE)

    def run(*options):
        # -p loads the plugin also where the package is not installed. Loading it twice does no harm.
        command = [sys.executable, "-m", "pytest", "-p", "remote_artwork.testing.plugin", "-p", "no:cacheprovider"]
        command += ["--pyargs", "remote_artwork.testing", "-ra", *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False)
        return done.returncode, done.stdout

    return run


@pytest.mark.parametrize("factory", ["sandbox", "pool"])
def test_a_bench_runs_the_contract(run, factory):
    code, printed = run("--client", f"my_shop:{factory}")
    assert code == 0, printed
    lines = printed.splitlines()
    assert "delete: the shop keeps all orders (1 test)" in lines
    assert "break_after_write: the account is remote (1 test)" in lines


def test_a_wrong_client_fails_with_a_message_that_says_what_is_wrong(run):
    code, printed = run("--client", "my_shop:wrong", "-k", "each_item_gets_its or later_scans")
    assert code == 1
    assert "item '1' needs ['1003_1_default.png'] and has []" in printed
    assert "item '1' needs ['1004_1.pdf'] and has []" in printed


def test_an_empty_pool_says_how_many_orders_were_used(run):
    code, printed = run("--client", "my_shop:small_pool", "-k", "key or refused")
    assert code == 1
    assert "the sandbox has no further pending order with two items; 2 were used" in printed


def test_a_client_without_a_bench_is_only_read(run):
    code, printed = run("--client", "my_shop:client", "-k", "TestClient")
    assert code == 0, printed
    assert "4 passed" in printed
    assert "sandbox: this test changes orders; let the factory return a ClientBench" in printed


def test_a_factory_that_returns_no_client_is_refused(run):
    code, printed = run("--client", "my_shop:nothing", "-k", "interface")
    assert code == 1
    assert "returned None, which is not a FulfillmentClient" in printed


def test_without_a_client_nothing_is_tested(run):
    code, printed = run("-k", "TestClient")
    assert code == 0
    assert "no client was given; add --client MODULE:FACTORY" in printed

"""The example of a Django host, as its README has it: a real Oscar shop, its commands, and its own tests."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from attrs import frozen

from parts import package
from shop_files import PDF, uploaded

SHOP = Path(__file__).parents[2] / "examples" / "oscar_shop"
ORDERS = 50
PATIENCE = 200

pytestmark = pytest.mark.timeout(2 * PATIENCE)  # making Oscar's tables takes a while where much else goes on


@frozen
class Shop:
    """One database of the shop, and what is run on it."""

    database: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command of the shop, in a process of its own."""
        command = [sys.executable, str(SHOP / "manage.py"), *arguments]
        environment = {**os.environ, "SHOP_DATABASE": str(self.database)}
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def run(self, *arguments: str) -> list[str]:
        """What a command prints that ends well."""
        with self.start(*arguments) as process:
            output, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")
        return output.splitlines()

    def ask(self, question: str) -> list[tuple]:
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            return connection.execute(question).fetchall()

    def statuses(self) -> Counter[str]:
        return Counter(dict(self.ask("SELECT status, count(*) FROM order_order GROUP BY status")))

    def confirmations(self) -> int:
        """How many orders were confirmed; an order that was twice is a failure."""
        counts = "count(*), count(DISTINCT order_id), (SELECT count(*) FROM artwork_fulfillment)"
        [(changes, orders, confirmed)] = self.ask(f"SELECT {counts} FROM order_orderstatuschange")
        assert changes == orders == confirmed
        return confirmed

    def copied_to(self, folder: Path) -> "Shop":
        return Shop(Path(shutil.copy(self.database, folder)))


@pytest.fixture(scope="module")
def migrated(tmp_path_factory) -> Shop:
    package("oscar")
    shop = Shop(tmp_path_factory.mktemp("oscar") / "shop.sqlite3")
    shop.run("migrate", "--verbosity", "0")
    return shop


@pytest.fixture(scope="module")
def with_orders(migrated, tmp_path_factory) -> tuple[Shop, list[str]]:
    """The shop with its orders, placed through Oscar's checkout; and the names that their files have to have."""
    shop = migrated.copied_to(tmp_path_factory.mktemp("orders"))
    return shop, [f"{name}.pdf" for name in shop.run("place_sample_orders", str(ORDERS))]


@pytest.fixture
def shop(with_orders, tmp_path) -> Shop:
    return with_orders[0].copied_to(tmp_path)


@pytest.fixture
def names(with_orders) -> list[str]:
    return with_orders[1]


@pytest.fixture
def uploads(names, tmp_path) -> Iterator[Path]:
    folder = tmp_path / "uploads"
    folder.mkdir()
    for name in names:
        uploaded(folder / name, PDF)
    return folder


def test_the_shops_own_tests_pass(migrated):
    tests = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", f"--migrated={migrated.database}"]
    done = subprocess.run(tests, cwd=SHOP, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout
    assert set(re.findall(r"^SKIPPED.*?: (.*)", done.stdout, re.MULTILINE)) == {
        "`concurrent_calls` is 1",
        "the client has no `find_orders`",
    }


def test_files_in_a_folder_send_every_order_into_production(shop, names, uploads):
    assert shop.statuses() == {"Awaiting artwork": ORDERS}
    printed = shop.run("fulfill_artwork", uploads.as_uri())
    assert {line.partition(":")[0] for line in printed} == {f"{Path(name).stem} fulfilled" for name in names}
    assert shop.statuses() == {"In production": ORDERS}
    assert shop.confirmations() == ORDERS
    assert sorted(shop.ask("SELECT name FROM artwork_artwork")) == sorted((name,) for name in names)


@pytest.mark.server
def test_files_in_a_bucket_send_every_order_into_production(shop, names, s3_server, tmp_path):
    bucket = s3_server.create_bucket("oscar-uploads", versioned=True)
    s3_server.put_many(bucket, [f"incoming/{name}" for name in names], PDF)
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"access_key": s3_server.keys.access_key, "secret_key": s3_server.keys.secret_key}))
    where = [s3_server.url(bucket, "incoming"), "--credentials", str(keys), "--allow-private-network"]
    shop.run("fulfill_artwork", *where)
    assert shop.statuses() == {"In production": ORDERS}
    assert shop.confirmations() == ORDERS
    urls = shop.ask("SELECT name, url FROM artwork_artwork")
    assert len(urls) == len(names)
    assert all(name in url and "X-Amz-Signature" in url for name, url in urls)
    assert not shop.ask("SELECT * FROM artwork_ledgerrow WHERE items LIKE '%X-Amz%'"), "a ledger holds no URL"


def test_the_scan_after_a_killed_scan_sends_no_order_twice(shop, uploads):
    with shop.start("fulfill_artwork", uploads.as_uri()) as process:
        deadline = time.monotonic() + PATIENCE
        while shop.confirmations() < ORDERS // 5:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert ORDERS // 5 <= shop.confirmations() < ORDERS
    with shop.start("fulfill_artwork", uploads.as_uri()) as process:
        process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, 1)  # 1: it was killed between an intent and its receipt
    # The leases of the dead process still run: of 16 orders in hand, and of the next 8.
    assert shop.confirmations() >= ORDERS - 24
    shop.ask("UPDATE artwork_ledgerrow SET lease_until = '2000-01-01', intent_at = datetime(intent_at, '-1 hour')")
    shop.run("fulfill_artwork", uploads.as_uri())
    assert shop.statuses() == {"In production": ORDERS}
    assert shop.confirmations() == ORDERS

"""A SQLite ledger used by several processes."""

import multiprocessing
import os
import signal
import subprocess
import sys
from datetime import timedelta
from itertools import chain
from pathlib import Path

import pytest

from remote_artwork.client import advance_one
from remote_artwork.core.lifecycle import OrderKey
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing.ledger import HOUR, KEY, SELECT, claim, ids, only, try_claim

TIMEOUT = 60
ORDERS = [OrderKey("acme", f"order-{number}") for number in range(50)]

CLAIM_ALL = """
import sys
from datetime import timedelta
from remote_artwork.client import claim_one
from remote_artwork.core.lifecycle import OrderKey
from remote_artwork.ledgers.sql import SqlLedger

url, owner = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
with SqlLedger(url) as ledger:
    for number in range(50):
        key = OrderKey("acme", f"order-{number}")
        if claim_one(ledger, key, order_number=str(number), owner=owner, lease_for=timedelta(hours=1)):
            print(key.order_id)
"""

DIE_WORKING = """
import os, signal, sys
from remote_artwork.client import advance_one
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing.ledger import KEY, SELECT, claim

ledger = SqlLedger(sys.argv[1])
advance_one(ledger, claim(ledger, KEY), [SELECT])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


def test_several_processes_create_one_ledger_and_claim_each_order_once(url: str):
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_ALL, url, f"worker {number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    try:
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:  # all workers have finished importing; start them together
            worker.stdin.write("go\n")
            worker.stdin.flush()
        taken = [worker.communicate(timeout=TIMEOUT)[0].split() for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0] * len(workers)
    assert sorted(chain.from_iterable(taken)) == sorted(key.order_id for key in ORDERS)


def test_commits_and_the_lease_of_a_killed_process_survive(url: str, tmp_path: Path):
    dead = subprocess.run([sys.executable, "-c", DIE_WORKING, url], timeout=TIMEOUT, check=False)
    assert dead.returncode == -signal.SIGKILL
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert "ledger.db-wal" in before
    with SqlLedger(url) as ledger:
        assert set(only(ledger.find("acme")).items) == {"1"}
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
        assert try_claim(ledger, KEY, owner="them") is None
        assert claim(ledger, KEY).epoch == 2


def test_a_ledger_that_was_used_before_a_fork_works_on_both_sides(url: str):
    with SqlLedger(url) as ledger:
        lease = claim(ledger, ORDERS[0])
        context = multiprocessing.get_context("fork")
        child = context.Process(target=_work, args=(ledger,))
        child.start()
        child.join(TIMEOUT)
        assert child.exitcode == 0
        advance_one(ledger, lease, [SELECT])
        assert ids(ledger.find("acme")) == {"order-0", "order-1"}


def _work(ledger: SqlLedger) -> None:
    inherited = ledger.database.engine.pool.checkedin()
    claim(ledger, ORDERS[1], owner=f"child {os.getpid()}", lease_for=HOUR)
    assert inherited == 1, "the child inherited no connection"
    assert try_claim(ledger, ORDERS[0], owner="child") is None


def test_a_hundred_thousand_orders_are_found_in_a_bounded_time(url: str):
    numbers = [str(number) for number in range(100_000)]
    with SqlLedger(url, timeout=timedelta(seconds=5)) as ledger:
        claim(ledger, ORDERS[0])
        with ledger.database.engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO remote_artwork_order "
                "(tenant, order_id, approval, order_number, state, reason, epoch, updated_at) "
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
                "SELECT 'many', 'id-' || i, '', i, 'fulfilled', '', 1, 0 FROM n"
            )
        assert len(list(ledger.find("many", order_numbers=numbers))) == 100_000
        assert len(list(ledger.find("many", order_ids=[f"id-{number}" for number in numbers[:10]]))) == 10
        assert ledger.forget("many", still_pending=["id-7"], min_age=HOUR, silent_scans=1) == 99_999

"""Shares of calls in the database of a ledger, and scanner processes that share a limit."""

import json
import subprocess
import threading
from contextlib import ExitStack

import pytest
from sqlalchemy import select, update

from counting_shop import CountingShop, command
from parts import package
from redis_server import running_redis
from remote_artwork import SqlLedger
from remote_artwork.errors import LedgerUnavailable
from remote_artwork.fleet import CallDemand, SqlCallShares
from remote_artwork.ledgers.schema import call_shares

PATIENCE = 300.0
"""Seconds that the processes of a test may take."""


def demand(holder, *, wanted=20, busy=0, limit=10, hold_for=60.0):
    return CallDemand(
        holder=holder, limit=limit, wanted=wanted, busy=busy, busy_for=0.0, unit=2, tenants=1, hold_for=hold_for
    )


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server), "redis"])
def open_shares(request, tmp_path):
    """Opens the shares of one store, as another process does."""
    with ExitStack() as stack:
        if request.param == "redis":
            package("redis")
            from call_shares_in_redis import Redis, RedisCallShares

            url = stack.enter_context(running_redis(tmp_path))
            yield lambda: RedisCallShares(stack.enter_context(Redis.from_url(url)))
        else:
            sqlite = f"sqlite:///{tmp_path / 'ledger.db'}"
            url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_url")
            yield lambda: SqlCallShares(stack.enter_context(SqlLedger(url)))


def test_processes_never_have_more_places_than_there_are(open_shares):
    first, second = open_shares(), open_shares()
    assert first.lease("shop", demand("a", limit=12)).places == 12
    assert second.lease("shop", demand("b", limit=12)).places == 0
    assert second.lease("other shop", demand("b", limit=12)).places == 12
    assert first.lease("shop", demand("a", busy=4, limit=12)).places == 6
    assert second.lease("shop", demand("b", limit=12)).places == 6
    assert first.lease("shop", demand("a", wanted=0)).places == 0


def test_places_are_free_again_by_the_clock_of_the_database(url):
    with SqlLedger(url) as ledger:
        shares = SqlCallShares(ledger)
        assert shares.lease("shop", demand("a")).places == 10
        assert shares.lease("shop", demand("b")).places == 0
        with ledger.database.writing() as connection:  # an hour passes
            [stored] = connection.scalars(select(call_shares.c.holdings)).all()
            for holding in stored.values():
                holding["until"] -= 3600.0
            connection.execute(update(call_shares).values(holdings=stored))
        assert shares.lease("shop", demand("b")).places == 10


def test_processes_that_ask_at_the_same_time_wait_for_each_other(open_shares):
    stores, places, barrier = [open_shares() for _ in range(8)], [], threading.Barrier(8)

    def ask(number):
        shares = stores[number]
        barrier.wait()
        places.append(shares.lease("shop", demand(f"process {number}")).places)

    threads = [threading.Thread(target=ask, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(places) == [0] * 7 + [10]


def test_a_database_that_is_away_is_unavailable():
    shares = SqlCallShares(SqlLedger("postgresql://user:hunter2@127.0.0.1:1/shop"))
    with pytest.raises(LedgerUnavailable) as raised:
        shares.lease("shop", demand("a"))
    assert "hunter2" not in f"{raised.value} {shares!r}"


def test_two_processes_never_make_more_calls_per_second_than_the_limit(url):
    """``arrives_within`` is long, so that the limit is kept on a machine of any speed."""
    with CountingShop().running() as shop, ExitStack() as stack:
        settings = {"ledger": url, "shop": shop.url, "orders": 24, "rate": 40, "arrives_within": 60, "at_once": 8}
        workers = [
            stack.enter_context(
                subprocess.Popen(command({**settings, "tenant": tenant}), stdout=subprocess.PIPE, text=True)
            )
            for tenant in ("a", "b")
        ]
        results = [json.loads(worker.communicate(timeout=PATIENCE)[0]) for worker in workers]
    assert [result["faults"] for result in results] == [[], []]
    assert [result["statuses"] for result in results] == [{"fulfilled": 24}] * 2
    assert shop.paths["/pending_orders"] == 2
    assert shop.paths["/get_order"] == 48
    assert [count for path, count in shop.paths.items() if path.startswith("/fulfill/")] == [1] * 48
    assert shop.most_in(1.0) <= 40

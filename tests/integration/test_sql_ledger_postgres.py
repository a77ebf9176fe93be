"""What only PostgreSQL can do to a ledger; all the rest is in the contract."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event

import remote_artwork as ra
from remote_artwork.client import advance_one
from remote_artwork.core.lifecycle import Lease, OrderKey
from remote_artwork.errors import InvalidLedger, LedgerUnavailable
from remote_artwork.ledgers.engine import open_engine, parse_ledger_url
from remote_artwork.ledgers.schema import VERSION_TABLE
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing import FakeShop
from remote_artwork.testing.ledger import KEY, SELECT, claim, ids, try_claim
from shop_files import memory_folder

pytestmark = pytest.mark.server


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]


@pytest.fixture
def engine(postgres_url: str) -> Engine:
    return open_engine(parse_ledger_url(postgres_url), timeout=timedelta(seconds=30))


def test_finding_creates_nothing(postgres_url: str):
    with SqlLedger(postgres_url) as ledger:
        assert list(ledger.find("acme")) == []
    assert tables(postgres_url) == []


def test_all_tables_carry_the_prefix(postgres_url: str):
    with SqlLedger(postgres_url) as ledger:
        claim(ledger, KEY)
    found = tables(postgres_url)
    assert found
    assert all(name.startswith("remote_artwork_") for name in found)


@pytest.mark.parametrize(
    ("set_for_the_role", "used"), [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")]
)
def test_a_commit_is_on_the_disk_before_it_counts_whatever_is_set_for_the_role(
    postgres_url: str, set_for_the_role: str, used: str
):
    url = parse_ledger_url(postgres_url).update_query_dict({"options": f"-c synchronous_commit={set_for_the_role}"})
    engine = open_engine(url, timeout=timedelta(seconds=7))
    with engine.begin() as connection:
        names = ("synchronous_commit", "statement_timeout")
        shown = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names]
    engine.dispose()
    assert shown == [used, "7s"]


def test_a_newer_schema_is_refused(postgres_url: str):
    with SqlLedger(postgres_url) as ledger:
        claim(ledger, KEY)
    with psycopg.connect(postgres_url) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with SqlLedger(postgres_url) as ledger:
        for use in (lambda: ledger.find("acme"), lambda: claim(ledger, KEY)):
            with pytest.raises(InvalidLedger, match="made by a newer release"):
                use()


def test_scanners_that_begin_together_create_one_ledger_and_take_each_order_once(postgres_url: str):
    barrier = threading.Barrier(4)
    keys = [OrderKey("acme", f"order-{number}") for number in range(20)]

    def work(number: int) -> list[Lease]:
        with SqlLedger(postgres_url) as ledger:
            barrier.wait(timeout=30)
            return [lease for key in keys if (lease := try_claim(ledger, key, owner=f"worker {number}"))]

    with ThreadPoolExecutor(4) as pool:
        taken = [lease.key for leases in pool.map(work, range(4)) for lease in leases]
    assert sorted(taken, key=str) == sorted(keys, key=str)


def test_a_locked_row_is_waited_for_no_longer_than_the_time_out(postgres_url: str):
    with SqlLedger(postgres_url, timeout=timedelta(milliseconds=200)) as ledger, psycopg.connect(postgres_url) as shop:
        lease = claim(ledger, KEY)
        shop.execute("UPDATE remote_artwork_order SET reason = 'x'")
        with pytest.raises(LedgerUnavailable, match="did not respond within the timeout; try again"):
            advance_one(ledger, lease, [SELECT])
        shop.rollback()
        advance_one(ledger, lease, [SELECT])


def test_an_order_that_others_hold_is_not_waited_for(postgres_url: str):
    with SqlLedger(postgres_url, timeout=timedelta(seconds=5)) as ledger, psycopg.connect(postgres_url) as other:
        claim(ledger, KEY, owner="them")
        other.execute("UPDATE remote_artwork_order SET reason = 'x'")
        assert try_claim(ledger, KEY) is None
        other.rollback()


def test_a_connection_that_was_cut_is_replaced(postgres_url: str):
    with SqlLedger(postgres_url) as ledger:
        lease = claim(ledger, KEY)
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            others = "pid <> pg_backend_pid() AND datname = current_database()"  # and no other test's database
            admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        advance_one(ledger, lease, [SELECT])


def test_a_server_that_is_not_there_says_so_and_hides_the_password():
    ledger = SqlLedger("postgresql://user:hunter2@127.0.0.1:1/shop")
    for use in (lambda: ledger.find("acme"), lambda: claim(ledger, KEY)):
        with pytest.raises(LedgerUnavailable, match=r"user:\*\*\*@127\.0\.0\.1:1/shop cannot be used") as caught:
            use()
        assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


def test_rows_are_not_read_through_a_cursor_of_the_server(postgres_url: str):
    """For a cursor it plans to be quick with the first rows: with many orders that took time by their square."""
    with SqlLedger(postgres_url) as ledger:
        claim(ledger, KEY)
        cursors = []
        event.listen(ledger.database.engine, "after_cursor_execute", lambda *arguments: cursors.append(arguments[1]))
        assert ids(ledger.find("acme", order_numbers=["1001"])) == {"order-1"}
    assert cursors
    assert not any(isinstance(cursor, psycopg.ServerCursor) for cursor in cursors)


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def database(url: str) -> str:
    return parse_ledger_url(url).database or ""


def with_schema(url: str, schema: str) -> str:
    options = {"options": f"-csearch_path={schema}"}
    return parse_ledger_url(url).update_query_dict(options).render_as_string(hide_password=False)


def test_a_user_with_another_search_path_does_not_get_a_second_ledger(postgres_url: str):
    name = database(postgres_url)
    run(postgres_url, "CREATE SCHEMA app", f"ALTER DATABASE {name} SET search_path = app")
    with SqlLedger(postgres_url) as ledger:
        claim(ledger, KEY)
    run(postgres_url, f"ALTER DATABASE {name} RESET search_path")
    with SqlLedger(postgres_url) as ledger:
        for use in (lambda: ledger.find("acme"), lambda: claim(ledger, KEY)):
            with pytest.raises(InvalidLedger, match=r"has a ledger in the schema app.*search_path"):
                use()
    assert not tables(postgres_url)
    with SqlLedger(with_schema(postgres_url, "app")) as ledger:
        assert ids(ledger.find("acme")) == {"order-1"}


def test_of_two_ledgers_in_a_database_the_url_names_one(postgres_url: str):
    with SqlLedger(postgres_url) as ledger:
        claim(ledger, KEY)
    run(postgres_url, "CREATE SCHEMA other")
    with SqlLedger(with_schema(postgres_url, "other")) as ledger:
        assert list(ledger.find("acme")) == []
        claim(ledger, OrderKey("acme", "order-2"))
    with SqlLedger(postgres_url) as ledger, pytest.raises(InvalidLedger, match="has a ledger in the schema other"):
        ledger.find("acme")
    for schema, order_id in (("public", "order-1"), ("other", "order-2")):
        with SqlLedger(with_schema(postgres_url, schema)) as ledger:
            assert ids(ledger.find("acme")) == {order_id}


def test_a_temporary_table_with_the_name_of_a_ledger_is_no_ledger(postgres_url: str):
    with psycopg.connect(postgres_url, autocommit=True) as other, SqlLedger(postgres_url) as ledger:
        other.execute(f"CREATE TEMPORARY TABLE {VERSION_TABLE} (version_num text)")
        assert list(ledger.find("acme")) == []


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_store_every_text_is_refused(postgres_url: str, encoding: str):
    name = f"{database(postgres_url)}_{encoding.lower()}"
    run(postgres_url, f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    url = postgres_url.replace(f"/{database(postgres_url)}?", f"/{name}?")
    with SqlLedger(url) as ledger:
        for use in (lambda: ledger.find("acme"), lambda: claim(ledger, KEY)):
            with pytest.raises(InvalidLedger, match=f"the encoding {encoding}, .*create a database with the encoding"):
                use()
    assert not tables(url)


def test_the_encoding_of_the_client_does_not_limit_the_text(postgres_url: str):
    url = parse_ledger_url(postgres_url).update_query_dict({"client_encoding": "latin1"})
    key = OrderKey("acme", "order 🖼")
    with SqlLedger(url.render_as_string(hide_password=False)) as ledger:
        claim(ledger, key)
        assert ids(ledger.find("acme", order_ids=["order 🖼"])) == {"order 🖼"}


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_the_default_isolation_of_the_database_does_not_matter(postgres_url: str, level: str):
    run(postgres_url, f"ALTER DATABASE {database(postgres_url)} SET default_transaction_isolation = '{level}'")
    keys = [OrderKey("acme", f"order-{number}") for number in range(20)]

    def work(number: int) -> int:
        with SqlLedger(postgres_url) as ledger:
            leases = [lease for key in keys if (lease := try_claim(ledger, key, owner=f"worker {number}"))]
            for lease in leases:
                advance_one(ledger, lease, [SELECT])
            return len(leases)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 20


def test_an_order_whose_id_is_too_long_does_not_stop_the_others(postgres_url: str):
    _, storage = memory_folder(f"/{database(postgres_url)}", "1001_1.jpg", "1002_1.jpg", "1003_1.jpg")
    long_id = "".join(random.Random(13).choices("0123456789abcdef", k=6_000))
    orders = [
        ra.Order("1001", [ra.OrderItem("1")]),
        ra.Order("1002", [ra.OrderItem("1")], id=long_id),
        ra.Order("1003", [ra.OrderItem("1")]),
    ]
    shop = FakeShop(orders)
    with SqlLedger(postgres_url) as ledger:
        report = ra.Scanner(storage, shop, ledger=ledger).scan()
    assert [str(item.status) for item in report.items] == ["fulfilled", "failed", "fulfilled"]
    assert "cannot store this order" in report.items[1].reason
    assert (report.faults, report.exit_code) == ((), 1)
    assert sum(shop.effects.values()) == 2


def test_connections_of_a_host_keep_their_settings(postgres_url: str):
    url = parse_ledger_url(postgres_url).update_query_dict({"options": "-c synchronous_commit=off"})
    engine = create_engine(url, pool_size=1, max_overflow=0, isolation_level="SERIALIZABLE")
    names = ("synchronous_commit", "statement_timeout", "client_encoding", "transaction_isolation")

    def settings() -> list[str]:
        with engine.begin() as host:
            return [host.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]

    before, inside = settings(), []
    ledger = SqlLedger(engine=engine, timeout=timedelta(seconds=7))
    claim(ledger, KEY)
    with ledger.database.writing() as connection:
        inside += [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]
    assert ids(ledger.find("acme")) == {KEY.order_id}
    assert inside == ["on", "7s", "UTF8", "read committed"]
    assert settings() == before
    engine.dispose()

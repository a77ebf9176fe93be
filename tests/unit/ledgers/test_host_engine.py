"""A ledger that uses the SQLAlchemy engine of a host."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, StaticPool, create_engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine

import remote_artwork as ra
from remote_artwork.errors import InvalidLedger, LedgerError
from remote_artwork.testing.ledger import INTEND, KEY, claim, fulfill, ids, only


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}", connect_args={"timeout": 0.1})
    yield engine
    engine.dispose()


def set_pragma(engine: Engine, pragma: str) -> None:
    """Each connection that the host opens from now on has this setting."""
    event.listen(engine, "connect", lambda connection, _entry: connection.execute(f"PRAGMA {pragma}"))


def test_a_ledger_needs_either_a_url_or_an_engine(engine: Engine):
    for arguments in ((), ("sqlite:///ledger.db",)):
        with pytest.raises(InvalidLedger, match="a URL or an engine; give one of them"):
            ra.SqlLedger(*arguments, engine=engine if arguments else None)


def test_the_ledger_neither_joins_nor_ends_a_transaction_of_the_host(engine: Engine):
    with engine.begin() as host:
        host.execute(text("CREATE TABLE stock (count INTEGER)"))
    ledger = ra.SqlLedger(engine=engine)
    fulfill(ledger, KEY)
    with engine.connect() as host:
        host.execute(text("SELECT count(*) FROM stock"))
        claim(ledger, KEY, owner="us")
        assert host.in_transaction()
        host.rollback()
    assert claim(ledger, KEY, owner="us").epoch == 3, "the host's rollback does not undo the claim"


def test_a_host_that_holds_the_write_lock_makes_the_ledger_unavailable(engine: Engine):
    ledger = ra.SqlLedger(engine=engine)
    fulfill(ledger, KEY)
    with engine.begin() as host:
        host.execute(text("UPDATE remote_artwork_order SET work = 'x'"))
        with pytest.raises(LedgerError, match="is locked by another process"):
            claim(ledger, KEY)
        host.rollback()


def test_closing_the_ledger_leaves_the_connections_of_the_host_open(engine: Engine):
    with ra.SqlLedger(engine=engine) as ledger:
        fulfill(ledger, KEY)
        pool = engine.pool
        open_connections = pool.checkedin()
    assert open_connections > 0
    assert (engine.pool, pool.checkedin()) == (pool, open_connections)


def test_listeners_of_the_ledger_do_not_see_transactions_of_the_host(engine: Engine):
    ra.SqlLedger(engine=engine)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    with engine.begin() as host:
        host.execute(text("SELECT 1"))
    assert statements == ["SELECT 1"]


def test_an_order_is_forgotten_with_its_items_without_foreign_keys(engine: Engine):
    ledger = ra.SqlLedger(engine=engine)
    fulfill(ledger, KEY)
    with engine.connect() as host:
        assert host.execute(text("PRAGMA foreign_keys")).scalar() == 0
    assert ledger.forget("acme", still_pending=[], min_age=timedelta(0), silent_scans=1) == 1
    assert claim(ledger, KEY).record.items == {}


def test_a_ledger_is_found_by_its_url_and_by_an_engine(engine: Engine, tmp_path: Path):
    fulfill(ra.SqlLedger(engine=engine), KEY)
    with ra.SqlLedger(f"sqlite:///{tmp_path / 'shop.db'}") as ledger:
        assert ids(ledger.find("acme")) == {KEY.order_id}


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        ("synchronous=NORMAL", "do not write durably.*set PRAGMA synchronous=FULL"),
        ("synchronous=OFF", "do not write durably"),
        ("journal_mode=MEMORY", "the journal mode memory.*set PRAGMA journal_mode=WAL"),
        ("journal_mode=OFF", "the journal mode off"),
    ],
)
def test_connections_that_lose_commits_are_refused(engine: Engine, pragma: str, message: str):
    set_pragma(engine, pragma)
    with pytest.raises(InvalidLedger, match=message):
        ra.SqlLedger(engine=engine)


def test_a_connection_that_loses_commits_later_is_refused_before_it_writes(engine: Engine):
    ledger = ra.SqlLedger(engine=engine)
    lease = claim(ledger, KEY)
    engine.dispose()
    set_pragma(engine, "synchronous=OFF")
    with pytest.raises(InvalidLedger, match="do not write durably"):
        ra.client.advance_one(ledger, lease, [INTEND])
    shop = sqlite3.connect(engine.url.database)
    assert shop.execute("SELECT state FROM remote_artwork_order").fetchall() == [("open",)]
    shop.close()


def test_a_wal_database_of_the_host_stays_one(engine: Engine):
    set_pragma(engine, "journal_mode=WAL")
    ledger = ra.SqlLedger(engine=engine)
    fulfill(ledger, KEY)
    assert only(ledger.find("acme")).receipt == "r-1"
    with engine.connect() as host:
        assert host.execute(text("PRAGMA journal_mode")).scalar() == "wal"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: create_engine("sqlite://"), "one connection for several users"),
        (lambda: create_engine("sqlite:///:memory:", poolclass=StaticPool), "one connection for several users"),
        (lambda: create_engine("sqlite:///file::memory:?uri=true"), "in memory|one connection"),
        (lambda: create_engine("postgresql+psycopg://h/d", poolclass=StaticPool), "one connection for several users"),
        (lambda: create_engine("sqlite:////nowhere/at/all.db"), "cannot connect"),
        (lambda: "sqlite:///shop.db", "must be a SQLAlchemy Engine, not str"),
        (lambda: create_async_engine("postgresql+psycopg://h/d"), "must be a SQLAlchemy Engine, not AsyncEngine"),
    ],
    ids=["memory", "static pool", "memory uri", "static pool of a server", "no file", "text", "async"],
)
def test_an_engine_that_a_ledger_cannot_use_is_refused(make, message):
    with pytest.raises(InvalidLedger, match=message):
        ra.SqlLedger(engine=make())


def test_a_driver_that_a_ledger_cannot_use_is_refused():
    engine = create_async_engine("postgresql+psycopg://user:secret@h/d").sync_engine
    with pytest.raises(InvalidLedger, match=r"uses async calls.*create a plain engine with") as caught:
        ra.SqlLedger(engine=engine)
    assert "secret" not in str(caught.value)

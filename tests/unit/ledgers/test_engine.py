import sqlite3
from datetime import timedelta
from pathlib import Path
from traceback import walk_tb
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from remote_artwork.core.lifecycle import OrderKey
from remote_artwork.errors import InvalidLedger, LedgerUnavailable, OrderNotStored
from remote_artwork.ledgers.engine import display_url, open_engine, parse_ledger_url
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing.ledger import KEY, claim


def test_a_relative_path_is_made_absolute_when_the_ledger_is_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert parse_ledger_url("sqlite:///ledger.db").database == str(tmp_path / "ledger.db")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_uses_psycopg(scheme: str):
    assert parse_ledger_url(f"{scheme}://host/shop").drivername == "postgresql+psycopg"


def variables_of(error: BaseException) -> str:
    """The variables of every frame of this error and of its causes, but for those of the test itself."""
    links: list[BaseException | None] = [error]
    shown: list[str] = []
    for link in links:
        if link is None:
            continue
        shown += [
            f"{frame.f_code.co_name}: {name} = {value!r}"
            for frame, _ in walk_tb(link.__traceback__)
            if frame.f_code.co_filename != __file__
            for name, value in frame.f_locals.items()
        ]
        links += [other for other in (link.__cause__, link.__context__) if other not in links]
    return "\n".join(shown)


def attributes_of(error: BaseException | None) -> str:
    """The attributes of this error and of its causes."""
    return "" if error is None else f"{vars(error)!r} {attributes_of(error.__cause__)}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ledger.db", "write sqlite:///ledger.db"),
        ("/var/ledger.db", "write sqlite:////var/ledger.db"),
        ("", "write sqlite:///ledger.db"),
        ("sqlite://", "plain file"),
        ("sqlite:///:memory:", "MemoryLedger"),
        ("sqlite:///file:ledger.db?uri=true", "plain file"),
        ("sqlite+aiosqlite:///ledger.db", "'sqlite\\+aiosqlite' is not supported"),
        ("mysql://host/shop", "'mysql' is not supported"),
        ("postgresql://user:hunter2@host:port/shop", "cannot be parsed"),
        ("postgresql:/user:hunter2@host/shop", "needs a URL"),
        ("user:hunter2@host/shop.db", "needs a URL"),
        ("host=db.example user=boss password=hunter2 dbname=shop", "needs a URL"),
        ("hunter2", "needs a URL"),
        ("postgresql://user:hunter2@host", "names no database"),
        ("postgresql://user:hunter2@host/", "names no database"),
        ("sqlite:///orders?.ledger.db", "write %3F"),
        ("sqlite:///ledger.db?mode=memory&uri=true", "write %3F"),
        ("sqlite:///ledger.db?", "write %3F"),
        ("sqlite:///postgresql://user:hunter2@host/shop", "instead of a file"),
        (Path("postgresql://user:hunter2@host/shop"), "instead of a file"),
        (make_url("postgresql://user:hunter2@host/shop"), "as text or as a Path, not as URL"),
        (b"postgresql://user:hunter2@host/shop", "as text or as a Path, not as bytes"),
        ("postgresql://user:my@hunter2@host/shop", "write %40"),
        ("postgresql://user:my@hunter2/x@host/shop", "write %40"),
        ("postgresql://user:my@x/hunter2@host/shop", "write %40"),
        ("postgresql://user:my@hunter2?x@host/shop", "write %40"),
        ("postgresql://user:my@x/hunter2?x@host/shop", "write %40"),
    ],
)
def test_other_urls_are_refused_with_a_hint(text: Any, message: str):
    with pytest.raises(InvalidLedger, match=message) as caught:
        SqlLedger(text)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in variables_of(caught.value)


def test_no_text_shows_a_password_or_an_option():
    url = "postgresql://user:hunter2@host/shop?sslpassword=hunter2"
    assert "hunter2" not in display_url(parse_ledger_url(url))
    assert repr(SqlLedger(url)) == "SqlLedger('postgresql+psycopg://user:***@host/shop')"


def test_creating_a_ledger_opens_no_file(tmp_path: Path):
    SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}").close()
    assert not list(tmp_path.iterdir())


def test_sqlite_writes_durably_and_one_at_a_time(tmp_path: Path):
    engine = open_engine(parse_ledger_url(f"sqlite:///{tmp_path / 'ledger.db'}"), timeout=timedelta(seconds=7))
    with engine.begin() as connection:
        pragmas = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"]
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas}
    engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 7000}


@pytest.mark.parametrize(
    "url",
    [
        "user:hunter2@127.0.0.1:1/shop",
        "127.0.0.1:1/shop?user=user&password=hunter2",
        "user:other@127.0.0.1:1/shop?sslpassword=hunter2",
        "user:other@127.0.0.1:1/shop?pasword=hunter2",
        "127.0.0.1:1/shop?password=hunter2&password=other",
    ],
)
def test_an_error_of_the_driver_keeps_no_variable_that_contains_the_password(url: str):
    ledger = SqlLedger(f"postgresql://{url}", timeout=timedelta(seconds=2))
    with pytest.raises(LedgerUnavailable) as caught:
        ledger.find("acme")
    assert caught.value.__cause__
    assert "hunter2" not in variables_of(caught.value) + str(caught.value) + attributes_of(caught.value)


def test_an_error_after_parsing_keeps_no_variable_that_contains_the_password():
    with pytest.raises(AttributeError) as caught:
        SqlLedger("postgresql://user:hunter2@host/shop", timeout="soon")  # type: ignore[arg-type]
    assert "hunter2" not in variables_of(caught.value)


def test_a_ledger_whose_url_was_refused_has_a_repr():
    ledger = SqlLedger.__new__(SqlLedger)
    with pytest.raises(InvalidLedger):
        ledger.__init__("hunter2")  # type: ignore[misc]
    assert repr(ledger) == "SqlLedger(…)"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("what%3F.db", "what?.db"),
        ("50%25.db", "50%.db"),
        ("50%.db", "50%.db"),
        ("a#b.db", "a#b.db"),
        ("ü +.db", "ü +.db"),
    ],
)
def test_the_path_of_a_url_is_decoded_once(tmp_path: Path, path: str, name: str):
    assert parse_ledger_url(f"sqlite:///{tmp_path}/{path}").database == str(tmp_path / name)


@pytest.mark.parametrize("name", ["orders?.db", "50%3F.db", "a#b.db", "ü &=.db"])
def test_a_path_is_the_file_with_exactly_this_name(tmp_path: Path, name: str):
    with SqlLedger(tmp_path / name) as ledger:
        claim(ledger, KEY)
        assert [file.name for file in tmp_path.glob("*.db")] == [name]
    with SqlLedger(tmp_path / name) as ledger:
        assert len(list(ledger.find("acme"))) == 1


def test_an_order_that_sqlite_cannot_store_is_reported_as_one_order(tmp_path: Path):
    with SqlLedger(tmp_path / "ledger.db") as ledger:
        claim(ledger, KEY)
        event.listen(
            ledger.database.engine,
            "checkout",
            lambda connection, *_: connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 5_000),
        )
        with pytest.raises(OrderNotStored, match="cannot store this order"):
            claim(ledger, OrderKey("acme", "x" * 6_000))
        claim(ledger, OrderKey("acme", "order-2"))


@pytest.mark.parametrize("address", [Path("ledger-\udcff.db"), "sqlite:///ledger-\udcff.db"])
def test_a_path_that_is_not_utf_8_is_refused(address):
    with pytest.raises(InvalidLedger, match="not valid UTF-8; rename its file or folder"):
        parse_ledger_url(address)

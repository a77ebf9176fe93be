from datetime import timedelta
from pathlib import Path

import pytest

from remote_artwork.errors import InvalidLedger
from remote_artwork.ledgers.engine import display_url, open_engine, parse_ledger_url
from remote_artwork.ledgers.sql import SqlLedger


def test_a_relative_path_is_made_absolute_when_the_ledger_is_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert parse_ledger_url("sqlite:///ledger.db").database == str(tmp_path / "ledger.db")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_uses_psycopg(scheme: str):
    assert parse_ledger_url(f"{scheme}://host/shop").drivername == "postgresql+psycopg"


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
    ],
)
def test_other_urls_are_refused_with_a_hint(text: str, message: str):
    with pytest.raises(InvalidLedger, match=message) as caught:
        SqlLedger(text)
    assert "hunter2" not in str(caught.value)


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

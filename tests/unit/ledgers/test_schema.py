import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from remote_artwork.errors import InvalidLedger
from remote_artwork.ledgers.engine import open_engine, parse_ledger_url
from remote_artwork.ledgers.schema import MIGRATIONS, REVISIONS, VERSION_TABLE, metadata, migrate
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing.ledger import KEY, claim, ids


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def engine(file: Path) -> Iterator[Engine]:
    engine = open_engine(parse_ledger_url(f"sqlite:///{file}"), timeout=timedelta(seconds=30))
    yield engine
    engine.dispose()


def test_the_revisions_match_the_migration_files():
    shipped = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
    assert list(reversed(shipped)) == list(REVISIONS)


def test_autogenerate_finds_no_difference_to_the_migrated_tables(engine: Engine):
    with engine.begin() as connection:
        migrate(connection, "ledger")
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_a_ledger_of_a_newer_release_is_refused(engine: Engine, file: Path):
    with engine.begin() as connection:
        migrate(connection, "ledger")
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with SqlLedger(f"sqlite:///{file}") as ledger:
        for use in (lambda: ledger.find("acme"), lambda: claim(ledger, KEY)):
            with pytest.raises(InvalidLedger, match=r"ledger\.db was made by a newer release.*9999.*upgrade"):
                use()


def test_a_migration_that_fails_changes_nothing(file: Path):
    with sqlite3.connect(file) as shop:
        shop.execute("CREATE TABLE remote_artwork_item (something_else)")
    shop.close()
    with (
        SqlLedger(f"sqlite:///{file}") as ledger,
        pytest.raises(InvalidLedger, match="does not contain the ledger tables"),
    ):
        claim(ledger, KEY)
    shop = sqlite3.connect(file)
    assert [name for (name,) in shop.execute("SELECT name FROM sqlite_master")] == ["remote_artwork_item"]
    shop.close()


def test_a_ledger_shares_a_database_with_a_shop(file: Path):
    shop = sqlite3.connect(file)
    shop.execute("CREATE TABLE alembic_version (version_num)")
    shop.commit()
    with SqlLedger(f"sqlite:///{file}") as ledger:
        assert list(ledger.find("acme")) == []
        claim(ledger, KEY)
        assert ids(ledger.find("acme")) == {"order-1"}
    assert shop.execute("SELECT count(*) FROM alembic_version").fetchone() == (0,)
    shop.close()


def test_a_folder_name_may_contain_special_characters(tmp_path: Path):
    folder = tmp_path / "100% Größe #1?"
    folder.mkdir()
    url = parse_ledger_url("sqlite:///x").set(database=str(folder / "ledger.db"))
    with SqlLedger(url.render_as_string()) as ledger:
        claim(ledger, KEY)
    with SqlLedger(url.render_as_string()) as reader:
        assert ids(reader.find("acme")) == {"order-1"}

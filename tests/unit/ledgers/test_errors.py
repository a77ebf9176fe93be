import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve
from sqlalchemy import event

from permissions import read_only, readable_folder
from reasons import because
from remote_artwork.client import advance_one
from remote_artwork.core.lifecycle import OrderKey
from remote_artwork.errors import InvalidLedger, LedgerError, LedgerUnavailable
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing.ledger import KEY, SELECT, VERIFY, claim, forget, fulfill, ids, only


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(file: Path) -> Iterator[SqlLedger]:
    with SqlLedger(f"sqlite:///{file}", timeout=timedelta(milliseconds=50)) as ledger:
        yield ledger


def set_pragma(ledger: SqlLedger, pragma: str) -> None:
    """Sets a pragma on every connection that is opened from now on."""
    ledger.database.engine.dispose()
    event.listen(ledger.database.engine, "connect", lambda connection, _entry: connection.execute(f"PRAGMA {pragma}"))


def test_a_locked_ledger_raises_after_the_timeout(ledger: SqlLedger, file: Path):
    lease = claim(ledger, KEY)
    shop = sqlite3.connect(file, isolation_level=None)
    shop.execute("BEGIN IMMEDIATE")
    for use in (lambda: advance_one(ledger, lease, [SELECT]), lambda: claim(ledger, KEY), lambda: forget(ledger)):
        with pytest.raises(LedgerUnavailable, match=r"ledger\.db is locked by another process; try again") as caught:
            use()
    assert caught.value.temporary
    assert isinstance(caught.value.__cause__, Exception)
    shop.execute("ROLLBACK")
    shop.close()
    advance_one(ledger, lease, [SELECT])


def test_a_locked_ledger_can_be_read(ledger: SqlLedger, file: Path):
    claim(ledger, KEY)
    shop = sqlite3.connect(file, isolation_level=None)
    shop.execute("BEGIN IMMEDIATE")
    assert ids(ledger.find("acme")) == {"order-1"}
    shop.close()


def test_a_full_disk_writes_nothing_of_an_advance(ledger: SqlLedger):
    lease = claim(ledger, KEY)
    set_pragma(ledger, "max_page_count = 1")
    with pytest.raises(LedgerUnavailable, match="the disk is full; free disk space"):
        advance_one(ledger, lease, [SELECT, evolve(VERIFY, reason=because("x" * 100_000))])
    assert not only(ledger.find("acme")).items


def test_a_read_only_ledger_is_reported(ledger: SqlLedger):
    lease = claim(ledger, KEY)
    set_pragma(ledger, "query_only = ON")
    with pytest.raises(
        LedgerUnavailable, match="is read-only; give this process write access to the file and its folder"
    ):
        advance_one(ledger, lease, [SELECT])


def test_a_read_only_folder_is_reported():
    message = "give this process write access to the file and its folder"
    with readable_folder() as folder, read_only(folder), pytest.raises(LedgerUnavailable, match=message):
        claim(SqlLedger(f"sqlite:///{folder / 'ledger.db'}"), KEY)


def test_a_missing_folder_is_a_configuration_error_that_names_it(tmp_path: Path):
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}")
    with pytest.raises(InvalidLedger, match=r"cannot be created; create the folder .*nowhere first"):
        claim(ledger, KEY)


def test_a_damaged_ledger_asks_to_restore_a_backup(ledger: SqlLedger, file: Path):
    fulfill(ledger, KEY)
    ledger.close()
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    for use in (lambda: list(ledger.find("acme")), lambda: claim(ledger, KEY)):
        with pytest.raises(LedgerError, match="is damaged; restore a backup"):
            use()


@pytest.mark.parametrize("zeroes", [16, 100, 4096])
def test_a_ledger_whose_header_is_destroyed_is_damaged(ledger: SqlLedger, file: Path, zeroes: int):
    fulfill(ledger, KEY)
    ledger.close()
    with file.open("r+b") as pages:
        pages.write(bytes(zeroes))
    for use in (lambda: list(ledger.find("acme")), lambda: claim(ledger, KEY)):
        with pytest.raises(LedgerError, match=r"is damaged; restore a backup \(its header is destroyed\)"):
            use()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE remote_artwork_order SET state = 'odd'",
        "UPDATE remote_artwork_order SET updated_at = 'noon'",
        "UPDATE remote_artwork_order SET updated_at = 1e300",
        "UPDATE remote_artwork_order SET sent_files = '[7]'",
        "UPDATE remote_artwork_item SET state = 'odd'",
        "UPDATE remote_artwork_item SET files = '{not json'",
        """UPDATE remote_artwork_item SET files = '[{"a": 1}]'""",
        "UPDATE remote_artwork_item SET files = '7'",
    ],
)
def test_a_ledger_with_an_invalid_row_is_damaged(ledger: SqlLedger, file: Path, damage: str):
    fulfill(ledger, KEY)
    shop = sqlite3.connect(file)
    shop.execute(damage)
    shop.commit()
    shop.close()
    for use in (lambda: list(ledger.find("acme")), lambda: claim(ledger, KEY)):
        with pytest.raises(LedgerError, match=r"is damaged; restore a backup \(a row") as caught:
            use()
        assert not caught.value.temporary


@pytest.mark.parametrize(
    "damage", ["file = '{not json'", "file = '[1]'", "forgotten_state = 'odd'"], ids=["JSON", "file", "state"]
)
def test_an_invalid_record_of_a_used_file_is_reported(ledger: SqlLedger, file: Path, damage: str):
    fulfill(ledger, KEY)
    assert forget(ledger) == 1
    shop = sqlite3.connect(file)
    shop.execute(f"UPDATE remote_artwork_used_file SET {damage}")
    shop.commit()
    shop.close()
    with pytest.raises(LedgerError, match=r"is damaged; restore a backup \(a row"):
        ledger.find("acme", file_names=["1001_1.pdf"])
    assert list(ledger.find("acme")) == []


def test_the_message_about_an_invalid_row_names_its_order(ledger: SqlLedger, file: Path):
    fulfill(ledger, KEY)
    claim(ledger, OrderKey("acme", "order-2"))
    shop = sqlite3.connect(file)
    shop.execute("UPDATE remote_artwork_order SET state = 'odd' WHERE order_id = 'order-2'")
    shop.commit()
    shop.close()
    with pytest.raises(LedgerError, match=r"restore a backup \(a row of the order with the id 'order-2' cannot be"):
        list(ledger.find("acme"))


def test_an_invalid_row_is_forgotten_like_any_other(ledger: SqlLedger, file: Path):
    fulfill(ledger, KEY)
    shop = sqlite3.connect(file)
    shop.execute("UPDATE remote_artwork_order SET sent_files = '{not json'")
    shop.commit()
    shop.close()
    assert forget(ledger) == 1
    assert only(ledger.find("acme", file_names=["1001_1.pdf"])).sent_files


def test_a_truncated_ledger_with_a_log_is_damaged_and_its_log_is_not_changed(file: Path, tmp_path: Path):
    with SqlLedger(f"sqlite:///{file}") as before:
        fulfill(before, KEY)
        (tmp_path / "log").write_bytes((tmp_path / "ledger.db-wal").read_bytes())
    file.write_bytes(b"")
    log = (tmp_path / "log").replace(tmp_path / "ledger.db-wal")
    size = log.stat().st_size
    with SqlLedger(f"sqlite:///{file}") as ledger:
        for use in (lambda: list(ledger.find("acme")), lambda: claim(ledger, KEY)):
            with pytest.raises(
                LedgerError, match=r"was truncated to 0 bytes, but ledger\.db-wal beside it was not; restore"
            ):
                use()
    assert (file.stat().st_size, log.stat().st_size) == (0, size)
    assert size


def test_an_empty_file_is_a_new_ledger(ledger: SqlLedger, file: Path):
    file.touch()
    assert list(ledger.find("acme")) == []
    assert claim(ledger, KEY).epoch == 1


def test_a_ledger_that_is_deleted_or_replaced_is_opened_again(ledger: SqlLedger, file: Path, tmp_path: Path):
    other = tmp_path / "other.db"
    with SqlLedger(f"sqlite:///{other}") as backup:
        fulfill(backup, KEY)
    claim(ledger, KEY)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (tmp_path / name).unlink()
    assert list(ledger.find("acme")) == []
    assert claim(ledger, KEY).epoch == 1
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (tmp_path / name).unlink()
    other.replace(file)
    assert only(ledger.find("acme")).receipt == "r-1"
    assert claim(ledger, KEY).epoch == 2


def test_a_closed_ledger_opens_again(ledger: SqlLedger, file: Path):
    claim(ledger, KEY)
    ledger.close()
    assert [path.name for path in file.parent.iterdir()] == ["ledger.db"]
    assert claim(ledger, KEY).epoch == 2

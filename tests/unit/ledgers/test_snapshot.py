import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from remote_artwork.errors import InvalidLedger, LedgerUnavailable
from remote_artwork.ledgers.engine import migrate, open_engine, parse_ledger_url
from remote_artwork.ledgers.snapshot import Clock, copied
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing.ledger import KEY, SELECT, claim, ids, only, settle

SECOND = timedelta(seconds=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "ledger"
    folder.mkdir()
    return folder


@pytest.fixture
def reader(folder: Path) -> Iterator[SqlLedger]:
    with SqlLedger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        yield ledger


@pytest.fixture(autouse=True)
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    return copies


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_finding_leaves_a_closed_ledger_as_it_was(folder: Path, reader: SqlLedger, copies: Path):
    with SqlLedger(f"sqlite:///{folder / 'ledger.db'}") as writer:
        settle(writer, KEY)
    before = everything(folder)
    assert list(before) == ["ledger.db"]
    assert ids(reader.find("acme")) == {"order-1"}
    assert everything(folder) == before
    assert not list(copies.iterdir())


def test_finding_reads_a_log_that_a_killed_process_left_and_leaves_it(folder: Path, reader: SqlLedger, tmp_path: Path):
    alive = tmp_path / "alive"
    alive.mkdir()
    with SqlLedger(f"sqlite:///{alive / 'ledger.db'}") as writer:
        settle(writer, KEY)
        for name in ("ledger.db", "ledger.db-wal"):  # what a power cut leaves: the log, without its index
            shutil.copyfile(alive / name, folder / name)
    before = everything(folder)
    assert before["ledger.db-wal"][0]
    assert only(reader.find("acme")).receipt == "r-1"
    assert everything(folder) == before


def test_finding_reads_around_a_transaction_that_was_cut_off(folder: Path, reader: SqlLedger, tmp_path: Path):
    alive = tmp_path / "alive.db"
    with SqlLedger(f"sqlite:///{alive}") as writer:
        settle(writer, KEY)
    plain = sqlite3.connect(alive, isolation_level=None)
    plain.execute("PRAGMA journal_mode=DELETE")
    plain.execute("PRAGMA cache_size=1")
    plain.execute("BEGIN IMMEDIATE")
    plain.execute("CREATE TABLE filler (content)")
    plain.executemany("INSERT INTO filler VALUES (zeroblob(4000))", [()] * 50)
    plain.execute("DELETE FROM remote_artwork_order")
    plain.executemany("INSERT INTO filler VALUES (zeroblob(4000))", [()] * 50)
    shutil.copyfile(alive, folder / "ledger.db")
    shutil.copyfile(f"{alive}-journal", folder / "ledger.db-journal")
    plain.execute("ROLLBACK")
    plain.close()
    before = everything(folder)
    assert "ledger.db-journal" in before
    assert ids(reader.find("acme")) == {"order-1"}
    assert everything(folder) == before


def test_finding_reads_an_older_schema_and_leaves_it(folder: Path, reader: SqlLedger):
    engine = open_engine(parse_ledger_url(f"sqlite:///{folder / 'ledger.db'}"), timeout=SECOND)
    with engine.begin() as connection:
        migrate(connection, "ledger", to="0001")
        connection.exec_driver_sql(
            "INSERT INTO remote_artwork_order "
            "(tenant, order_id, approval, order_number, state, reason, epoch, updated_at) "
            "VALUES ('acme', 'order-1', '', '1001', 'open', '', 4, 1000000000.5)"
        )
    engine.dispose()
    before = everything(folder)
    assert ids(reader.find("acme")) == {"order-1"}
    assert everything(folder) == before


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_no_file_and_an_empty_file_are_an_empty_ledger(folder: Path, reader: SqlLedger, content: bytes | None):
    if content is not None:
        (folder / "ledger.db").write_bytes(content)
    before = everything(folder)
    assert reader.find("acme") == []
    assert everything(folder) == before


def test_a_missing_folder_is_an_empty_ledger_too(tmp_path: Path):
    assert SqlLedger(f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}").find("acme") == []
    assert not (tmp_path / "nowhere").exists()


def test_a_database_without_a_ledger_is_an_empty_ledger(folder: Path, reader: SqlLedger):
    shop = sqlite3.connect(folder / "ledger.db")
    shop.execute("CREATE TABLE products (name)")
    shop.close()
    before = everything(folder)
    assert reader.find("acme") == []
    assert everything(folder) == before


@pytest.mark.parametrize("use", [lambda ledger: ledger.find("acme"), lambda ledger: claim(ledger, KEY)])
def test_a_file_that_is_no_database_is_refused_and_left(folder: Path, reader: SqlLedger, use):
    (folder / "ledger.db").write_bytes(b"order,state\n1001,open\n" * 100)
    before = everything(folder)
    with pytest.raises(InvalidLedger, match=r"ledger/ledger\.db is not a SQLite database; nothing was written"):
        use(reader)
    assert everything(folder) == before


def test_a_folder_is_refused(folder: Path):
    ledger = SqlLedger(f"sqlite:///{folder}")
    for use in (lambda: ledger.find("acme"), lambda: claim(ledger, KEY)):
        with pytest.raises(InvalidLedger, match="is a folder; add a file name"):
            use()


def test_what_another_handle_has_just_written_is_found(folder: Path, reader: SqlLedger):
    with SqlLedger(f"sqlite:///{folder / 'ledger.db'}") as writer:
        lease = claim(writer, KEY)
        assert not only(reader.find("acme")).items
        writer.advance(lease, [SELECT])
        assert set(only(reader.find("acme")).items) == {"1"}


class WrittenToEveryTick:
    """A clock of which the file's last change is never a whole tick ago; each pause takes its time at once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.passed = 0.0

    def write_and_pass(self, seconds: float) -> None:
        self.passed += seconds
        changed = self.file.stat().st_mtime_ns + round(seconds * 1e9)
        os.utime(self.file, ns=(changed, changed))

    def now(self) -> int:
        return self.file.stat().st_mtime_ns + 2_000_000

    @property
    def clock(self) -> Clock:
        return Clock(since_epoch=self.now, elapsed=lambda: self.passed, sleep=self.write_and_pass)


def test_a_file_whose_pages_change_all_the_time_is_given_up_in_time(folder: Path):
    file = folder / "ledger.db"
    file.write_bytes(b"x" * 8192)
    written = WrittenToEveryTick(file)
    with (
        pytest.raises(LedgerUnavailable, match="changed during every attempt"),
        copied(file, timeout=timedelta(seconds=5), clock=written.clock),
    ):
        pytest.fail("a copy of a changing file was handed out")
    assert 5 < written.passed < 5.1


def test_a_file_that_is_written_to_while_it_is_copied_is_copied_again(folder: Path):
    file = folder / "ledger.db"
    file.write_bytes(b"x" * 8192)
    reads = iter(range(3))

    def later() -> int:
        if next(reads, None) is not None:  # the copy begins once this returns
            file.write_bytes(file.read_bytes() + b"x")
        return time.time_ns() + 10**9

    with copied(
        file, timeout=timedelta(seconds=5), clock=Clock(since_epoch=later, sleep=lambda _seconds: None)
    ) as copy:
        assert copy is not None
        assert copy.stat().st_size == 8192 + 3


def test_a_copy_releases_no_lock_of_this_process(folder: Path, reader: SqlLedger):
    shop = sqlite3.connect(folder / "ledger.db", isolation_level=None)
    shop.execute("CREATE TABLE products (name)")
    shop.execute("BEGIN IMMEDIATE")
    reader.find("acme")
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    assert _run(other, folder / "ledger.db") != 0, "another process could write beside us"
    shop.execute("ROLLBACK")
    assert _run(other, folder / "ledger.db") == 0
    shop.close()


def _run(script: str, file: Path) -> int:
    return subprocess.run([sys.executable, "-c", script, str(file)], check=False, stderr=subprocess.DEVNULL).returncode

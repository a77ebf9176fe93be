import gc
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
from remote_artwork.ledgers.snapshot import Clock, CopyNeeded, SnapshotReader
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


def test_finding_in_a_closed_ledger_copies_and_changes_nothing(folder: Path, reader: SqlLedger, copies: Path):
    with SqlLedger(f"sqlite:///{folder / 'ledger.db'}") as writer:
        settle(writer, KEY)
    before = everything(folder)
    assert list(before) == ["ledger.db"]
    copies.rmdir()  # a copy would fail
    assert ids(reader.find("acme")) == {"order-1"}
    assert everything(folder) == before


def test_finding_reads_a_log_that_a_killed_process_left_and_does_not_change_it(
    folder: Path, reader: SqlLedger, tmp_path: Path
):
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


def test_finding_ignores_an_interrupted_transaction(folder: Path, reader: SqlLedger, tmp_path: Path):
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


def test_finding_reads_an_older_schema_and_does_not_change_it(folder: Path, reader: SqlLedger):
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


def test_a_write_of_another_handle_is_found_at_once(folder: Path, reader: SqlLedger):
    with SqlLedger(f"sqlite:///{folder / 'ledger.db'}") as writer:
        lease = claim(writer, KEY)
        assert not only(reader.find("acme")).items
        writer.advance(lease, [SELECT])
        assert set(only(reader.find("acme")).items) == {"1"}


def unused(_file: Path) -> None:
    pytest.fail("this file must not be read")


def log_of(copy: Path) -> bytes:
    return copy.with_name("ledger.db-wal").read_bytes()


class WrittenToEveryTick:
    """A clock that is always less than a tick after the file's last change. Each pause passes at once."""

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


def test_a_file_that_always_changes_raises_after_the_timeout(folder: Path):
    file = folder / "ledger.db"
    file.write_bytes(b"x" * 8192)
    written = WrittenToEveryTick(file)
    snapshot = SnapshotReader(file, timeout=timedelta(seconds=5), clock=written.clock)
    with pytest.raises(LedgerUnavailable, match="changed during every attempt"):
        snapshot.read(original=lambda _file: pytest.fail("a changing file was read"), copy=unused)
    assert 5 < written.passed < 5.1


def test_a_file_that_is_written_to_while_it_is_copied_is_copied_again(folder: Path):
    file = folder / "ledger.db"
    file.write_bytes(b"x" * 8192)
    (folder / "ledger.db-wal").write_bytes(b"log")
    reads = iter(range(3))

    def later() -> int:
        if next(reads, None) is not None:  # the copy starts after this returns
            file.write_bytes(file.read_bytes() + b"x")
        return time.time_ns() + 10**9

    clock = Clock(since_epoch=later, sleep=lambda _seconds: None)
    snapshot = SnapshotReader(file, timeout=timedelta(seconds=5), clock=clock)
    assert snapshot.read(original=unused, copy=lambda copy: copy.stat().st_size) == 8192 + 3
    snapshot.close()


def later_clock() -> Clock:
    return Clock(since_epoch=lambda: time.time_ns() + 10**9, sleep=lambda _seconds: None)


@pytest.mark.parametrize("error", [None, ValueError("inconsistent pages")], ids=["finishes", "fails"])
def test_a_file_that_is_written_to_while_it_is_read_is_read_again(folder: Path, error: Exception | None):
    file = folder / "ledger.db"
    file.write_bytes(b"x")
    writes = iter(range(3))

    def query(path: Path) -> int:
        size = path.stat().st_size
        if next(writes, None) is not None:
            path.write_bytes(b"x" * (size + 1))
            if error:
                raise error
        return size

    assert (
        SnapshotReader(file, timeout=timedelta(seconds=5), clock=later_clock()).read(original=query, copy=unused) == 4
    )


def test_an_error_of_a_query_is_raised_if_the_file_did_not_change(folder: Path):
    (folder / "ledger.db").write_bytes(b"x")

    def query(_path: Path) -> None:
        raise ValueError("not a database")

    with pytest.raises(ValueError, match="not a database"):
        SnapshotReader(folder / "ledger.db", timeout=SECOND, clock=later_clock()).read(original=query, copy=unused)


def test_a_query_that_must_write_receives_a_copy(folder: Path, copies: Path):
    (folder / "ledger.db").write_bytes(b"x")

    def migrates(_path: Path) -> Path:
        raise CopyNeeded

    snapshot = SnapshotReader(folder / "ledger.db", timeout=SECOND, clock=later_clock())
    copy = snapshot.read(original=migrates, copy=lambda copy: copy)
    assert copy is not None
    assert copy.is_relative_to(copies)
    snapshot.close()
    assert not list(copies.iterdir())


def test_a_copy_is_reused_until_the_log_changes_and_deleted_with_its_reader(folder: Path, copies: Path):
    (folder / "ledger.db").write_bytes(b"x")
    log = folder / "ledger.db-wal"
    log.write_bytes(b"one")
    snapshot = SnapshotReader(folder / "ledger.db", timeout=SECOND, clock=later_clock())
    first, again = (snapshot.read(original=unused, copy=lambda copy: copy) for _ in range(2))
    assert first == again
    log.write_bytes(b"one, two")
    assert snapshot.read(original=unused, copy=log_of) == b"one, two"
    assert len(list(copies.iterdir())) == 1
    del snapshot
    gc.collect()
    assert not list(copies.iterdir())


def test_a_copy_of_a_log_that_has_just_changed_is_not_reused(folder: Path):
    (folder / "ledger.db").write_bytes(b"x")
    os.utime(folder / "ledger.db", (1, 1))
    log = folder / "ledger.db-wal"
    log.write_bytes(b"one")
    now = log.stat().st_mtime_ns
    snapshot = SnapshotReader(folder / "ledger.db", timeout=SECOND, clock=Clock(since_epoch=lambda: now))
    assert snapshot.read(original=unused, copy=log_of) == b"one"
    log.write_bytes(b"two")  # in the same tick of the clock
    os.utime(log, ns=(now, now))
    assert snapshot.read(original=unused, copy=log_of) == b"two"
    snapshot.close()


def test_several_finds_make_one_copy_of_a_ledger_in_use(
    folder: Path, reader: SqlLedger, monkeypatch: pytest.MonkeyPatch
):
    made = []
    mkdtemp = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **options: made.append(1) or mkdtemp(**options))
    with SqlLedger(f"sqlite:///{folder / 'ledger.db'}") as writer:
        settle(writer, KEY)
        os.utime(folder / "ledger.db-wal", (1, 1))
        for _ in range(4):
            assert ids(reader.find("acme")) == {"order-1"}
    assert len(made) == 1


def test_reading_releases_no_lock_of_this_process(folder: Path, reader: SqlLedger):
    shop = sqlite3.connect(folder / "ledger.db", isolation_level=None)
    shop.execute("CREATE TABLE products (name)")
    shop.execute("BEGIN IMMEDIATE")
    reader.find("acme")
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    assert _run(other, folder / "ledger.db") != 0, "another process could write at the same time"
    shop.execute("ROLLBACK")
    assert _run(other, folder / "ledger.db") == 0
    shop.close()


def _run(script: str, file: Path) -> int:
    return subprocess.run([sys.executable, "-c", script, str(file)], check=False, stderr=subprocess.DEVNULL).returncode

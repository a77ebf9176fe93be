import itertools
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import remote_artwork as ra
from permissions import read_only, readable_folder
from remote_artwork.client import advance_one
from remote_artwork.core.lifecycle import OrderKey
from remote_artwork.errors import InvalidLedger, LedgerUnavailable
from remote_artwork.ledgers import schema
from remote_artwork.ledgers.engine import parse_ledger_url
from remote_artwork.ledgers.read_only import ReadOnlyFile
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.ledgers.sqlite_file import SqliteFile
from remote_artwork.testing import FakeShop
from remote_artwork.testing.ledger import KEY, SELECT, claim, fulfill, only
from shop_files import memory_folder

PATIENCE = 60

USE_AND_DIE = """
import os, signal, sys
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing.ledger import KEY, fulfill

fulfill(SqlLedger(sys.argv[1]), KEY)
os.kill(os.getpid(), signal.SIGKILL)
"""
USE_AND_WAIT = """
import sys
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing.ledger import KEY, fulfill

fulfill(SqlLedger(sys.argv[1]), KEY)
print("ready", flush=True)
sys.stdin.readline()
"""


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
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The databases that were copied."""
    copied: list[Path] = []
    copy_to = SqliteFile.copy_to

    def count(file: SqliteFile, copy: SqliteFile) -> None:
        copied.append(copy.main)
        copy_to(file, copy)

    monkeypatch.setattr(SqliteFile, "copy_to", count)
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    return copied


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def plan(folder: Path) -> ra.ScanReport:
    """A dry run with a ledger of a process that has not written yet; it reads the ledger several times."""
    files, root = memory_folder_of("1001_1.jpg", "1002_1.jpg", "900_1.jpg")
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in ("1001", "1002")])
    with SqlLedger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        return ra.Scanner(ra.ArtworkStorage(files, root), shop, ledger=ledger).plan(sweep=True)


def memory_folder_of(*names: str):
    root = f"/{next(FOLDERS)}-read-only"
    files, _storage = memory_folder(root, *names)
    return files, root


FOLDERS = itertools.count()


def closed(folder: Path) -> None:
    """A ledger that no process uses."""
    with SqlLedger(f"sqlite:///{folder / 'ledger.db'}") as writer:
        fulfill(writer, KEY)


def killed(folder: Path) -> None:
    """A ledger whose process was killed, which leaves the log and its index."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    dead = subprocess.run([sys.executable, "-c", USE_AND_DIE, url], timeout=PATIENCE, check=False)
    assert dead.returncode == -signal.SIGKILL


def log_without_index(folder: Path) -> None:
    """What a power failure leaves, or a backup that was restored."""
    killed(folder)
    (folder / "ledger.db-shm").unlink()


def rollback_journal(folder: Path) -> None:
    """A database of a shop that does not use the write-ahead log."""
    closed(folder)
    shop = sqlite3.connect(folder / "ledger.db")
    shop.execute("PRAGMA journal_mode=DELETE")
    shop.close()


def interrupted_transaction(folder: Path) -> None:
    """A transaction that was cut off, which the next writer must roll back."""
    alive = folder.with_name("alive.db")
    with SqlLedger(f"sqlite:///{alive}") as writer:
        fulfill(writer, KEY)
    shop = sqlite3.connect(alive, isolation_level=None)
    shop.execute("PRAGMA journal_mode=DELETE")
    shop.execute("PRAGMA cache_size=1")
    shop.execute("BEGIN IMMEDIATE")
    shop.execute("CREATE TABLE filler (content)")
    shop.executemany("INSERT INTO filler VALUES (zeroblob(4000))", [()] * 50)
    shop.execute("DELETE FROM remote_artwork_order")
    shop.executemany("INSERT INTO filler VALUES (zeroblob(4000))", [()] * 50)
    shutil.copyfile(alive, folder / "ledger.db")
    shutil.copyfile(f"{alive}-journal", folder / "ledger.db-journal")
    shop.execute("ROLLBACK")
    shop.close()
    assert (folder / "ledger.db-journal").stat().st_size


def empty_log(folder: Path) -> None:
    closed(folder)
    (folder / "ledger.db-wal").touch()


def index_without_log(folder: Path) -> None:
    closed(folder)
    (folder / "ledger.db-shm").write_bytes(bytes(32768))


@pytest.mark.parametrize(
    ("prepare", "expected_copies"),
    [
        (closed, 0),
        (killed, 0),
        (rollback_journal, 0),
        (empty_log, 0),
        (log_without_index, 1),
        (interrupted_transaction, 1),
        (index_without_log, 1),
    ],
)
def test_a_dry_run_changes_no_file_and_copies_the_ledger_only_if_it_must(
    folder: Path, copies: list[Path], prepare, expected_copies: int
):
    prepare(folder)
    before = contents(folder)
    report = plan(folder)
    assert {item.status for item in report.items} == {"matched"}
    assert contents(folder) == before
    assert len(copies) == expected_copies
    assert not any(copy.parent.exists() for copy in copies), "the copy is deleted when the ledger is closed"


@pytest.mark.parametrize(
    "prepare", [closed, killed, rollback_journal, empty_log, log_without_index, interrupted_transaction]
)
def test_finding_returns_what_was_committed(folder: Path, reader: SqlLedger, prepare):
    prepare(folder)
    before = contents(folder)
    for _ in range(2):
        assert only(reader.find("acme")).receipt == "r-1"
    assert contents(folder) == before


def test_finding_reads_the_log_of_a_running_process(folder: Path, reader: SqlLedger, copies: list[Path]):
    command = [sys.executable, "-c", USE_AND_WAIT, f"sqlite:///{folder / 'ledger.db'}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        before = contents(folder)
        assert before["ledger.db-wal"][0]
        assert only(reader.find("acme")).receipt == "r-1"
        assert contents(folder) == before
        process.communicate("end\n", timeout=PATIENCE)
    assert not copies


def test_a_symbolic_link_leads_to_the_log_beside_its_target(folder: Path, reader: SqlLedger):
    link = folder / "current.db"
    link.symlink_to(folder / "ledger.db")
    claim(reader, KEY)
    assert (folder / "ledger.db-wal").stat().st_size
    with SqlLedger(link) as other:
        assert only(other.find("acme")).key == KEY
        fulfill(other, OrderKey("acme", "order-2"))
    assert not list(folder.glob("current.db-*"))
    assert len(list(reader.find("acme"))) == 2


@pytest.mark.parametrize(("prepare", "expected_copies"), [(closed, 0), (log_without_index, 1)])
def test_finding_works_in_a_folder_that_may_not_be_written(
    copies: list[Path], monkeypatch: pytest.MonkeyPatch, prepare, expected_copies: int
):
    monkeypatch.setattr(tempfile, "tempdir", None)  # pytest's own folders are for one user alone
    with readable_folder() as folder:
        prepare(folder)
        with read_only(folder), SqlLedger(f"sqlite:///{folder / 'ledger.db'}") as reader:
            assert only(reader.find("acme")).receipt == "r-1"
        assert len(copies) == expected_copies


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second migration, as a later release adds one."""
    scripts = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "r0002_note.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\nrevision = '0002'\ndown_revision = '0001'\n\n\n"
        "def upgrade():\n    op.add_column('remote_artwork_order', sa.Column('note', sa.Text))\n"
    )
    monkeypatch.setattr(schema, "MIGRATIONS", scripts)
    monkeypatch.setattr(schema, "REVISIONS", ("0001", "0002"))


@pytest.mark.parametrize("prepare", [closed, killed, log_without_index])
def test_finding_migrates_a_copy_of_an_older_ledger(
    folder: Path, reader: SqlLedger, copies: list[Path], request: pytest.FixtureRequest, prepare
):
    prepare(folder)
    before = contents(folder)
    request.getfixturevalue("next_release")
    for _ in range(3):
        assert only(reader.find("acme")).receipt == "r-1"
    assert contents(folder) == before
    assert len(copies) == 1


def test_the_first_write_migrates_an_older_ledger(folder: Path, reader: SqlLedger, request: pytest.FixtureRequest):
    closed(folder)
    request.getfixturevalue("next_release")
    assert claim(reader, KEY).record.receipt == "r-1"
    shop = sqlite3.connect(folder / "ledger.db")
    assert shop.execute(f"SELECT version_num FROM {schema.VERSION_TABLE}").fetchone() == ("0002",)
    assert shop.execute("SELECT note FROM remote_artwork_order").fetchone() == (None,)
    shop.close()


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_a_missing_or_empty_file_is_an_empty_ledger(folder: Path, reader: SqlLedger, content: bytes | None):
    if content is not None:
        (folder / "ledger.db").write_bytes(content)
    before = contents(folder)
    assert list(reader.find("acme")) == []
    assert contents(folder) == before


def test_a_ledger_in_a_missing_folder_is_refused(tmp_path: Path):
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}")
    for read in (lambda: ledger.find("acme"), ledger.exists):
        with pytest.raises(InvalidLedger, match=r"create the folder .*nowhere first"):
            read()
    assert not (tmp_path / "nowhere").exists()


def test_a_ledger_exists_from_its_first_write_on(folder: Path, reader: SqlLedger):
    assert not reader.exists()
    (folder / "ledger.db").touch()
    assert not reader.exists()
    with SqlLedger(f"sqlite:///{folder / 'ledger.db'}") as writer:
        claim(writer, KEY)
        assert writer.exists()
        assert reader.exists()


def test_a_database_without_a_ledger_is_an_empty_ledger(folder: Path, reader: SqlLedger):
    shop = sqlite3.connect(folder / "ledger.db")
    shop.execute("CREATE TABLE products (name)")
    shop.close()
    before = contents(folder)
    assert list(reader.find("acme")) == []
    assert contents(folder) == before


@pytest.mark.parametrize("use", [lambda ledger: ledger.find("acme"), lambda ledger: claim(ledger, KEY)])
def test_a_file_that_is_not_a_database_is_refused_and_unchanged(folder: Path, reader: SqlLedger, use):
    (folder / "ledger.db").write_bytes(b"order,state\n1001,open\n" * 100)
    before = contents(folder)
    with pytest.raises(InvalidLedger, match=r"ledger/ledger\.db is not a SQLite database; nothing was written"):
        use(reader)
    assert contents(folder) == before


def test_a_folder_is_refused(folder: Path):
    ledger = SqlLedger(f"sqlite:///{folder}")
    for use in (lambda: ledger.find("acme"), lambda: claim(ledger, KEY)):
        with pytest.raises(InvalidLedger, match="is a folder; add a file name"):
            use()


def test_finding_returns_what_another_ledger_object_has_just_written(folder: Path, reader: SqlLedger):
    with SqlLedger(f"sqlite:///{folder / 'ledger.db'}") as writer:
        lease = claim(writer, KEY)
        assert not only(reader.find("acme")).items
        advance_one(writer, lease, [SELECT])
        assert set(only(reader.find("acme")).items) == {"1"}


class BusyFile:
    """A clock by which the file was always written within the last tick. Each pause takes its time at once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.passed = 0.0

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        changed = self.file.stat().st_mtime_ns + round(seconds * 1e9)
        os.utime(self.file, ns=(changed, changed))

    def clock(self) -> datetime:
        return datetime.fromtimestamp(self.file.stat().st_mtime_ns / 1e9, UTC) + timedelta(milliseconds=2)


def test_a_file_that_is_written_all_the_time_is_given_up_after_the_timeout(folder: Path):
    closed(folder)
    busy = BusyFile(folder / "ledger.db")
    url = parse_ledger_url(f"sqlite:///{folder / 'ledger.db'}")
    reader = ReadOnlyFile(url, timeout=timedelta(seconds=5), clock=busy.clock, sleep=busy.sleep)
    with pytest.raises(LedgerUnavailable, match="changed during every attempt to read it; try again"):
        reader.read(lambda _connection: pytest.fail("a file that changes was read"), empty=None)
    assert 5 < busy.passed < 5.1


@pytest.mark.parametrize(("prepare", "writes"), [(closed, 3), (log_without_index, 3)])
def test_a_result_is_discarded_if_the_file_was_written_meanwhile(
    folder: Path, copies: list[Path], monkeypatch: pytest.MonkeyPatch, prepare, writes: int
):
    prepare(folder)
    file = folder / "ledger.db"
    times = iter(range(1, writes + 1))

    def write() -> None:
        if (time := next(times, None)) is not None:
            os.utime(file, (time, time))

    copy_to = SqliteFile.copy_to

    def copy_and_write(source: SqliteFile, copy: SqliteFile) -> None:
        copy_to(source, copy)
        write()

    monkeypatch.setattr(SqliteFile, "copy_to", copy_and_write)
    later = datetime.now(UTC) + timedelta(hours=1)
    reader = ReadOnlyFile(
        parse_ledger_url(f"sqlite:///{file}"),
        timeout=timedelta(seconds=5),
        clock=lambda: later,
        sleep=lambda _seconds: None,
    )
    reads = []

    def query(connection) -> int:
        if prepare is closed:
            write()
        reads.append(1)
        return connection.exec_driver_sql("SELECT count(*) FROM remote_artwork_order").scalar()

    assert reader.read(query, empty=0) == 1
    assert len(reads) == (writes + 1 if prepare is closed else 1)
    assert len(copies) == (0 if prepare is closed else writes + 1)
    reader.close()


def test_an_error_counts_only_if_the_file_was_not_written_meanwhile(folder: Path):
    closed(folder)
    file = folder / "ledger.db"
    later = datetime.now(UTC) + timedelta(hours=1)
    url = parse_ledger_url(f"sqlite:///{file}")
    reader = ReadOnlyFile(url, timeout=timedelta(seconds=5), clock=lambda: later, sleep=lambda _seconds: None)
    reads = []

    def query(_connection) -> None:
        reads.append(1)
        if len(reads) == 1:
            os.utime(file, (1, 1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reader.read(query, empty=None)
    assert len(reads) == 2


def test_reading_does_not_disturb_a_connection_that_opens_meanwhile(folder: Path):
    """A shop may use the same file. The end of a read must not drop the locks of its connection in this process."""
    closed(folder)
    file = folder / "ledger.db"
    reader = ReadOnlyFile(parse_ledger_url(f"sqlite:///{file}"), timeout=timedelta(seconds=5))
    opened: list[sqlite3.Connection] = []

    def query(connection) -> int:
        if not opened:
            opened.append(sqlite3.connect(file, isolation_level=None))
            opened[0].execute("SELECT count(*) FROM remote_artwork_order").fetchone()
        return connection.exec_driver_sql("SELECT count(*) FROM remote_artwork_order").scalar()

    assert reader.read(query, empty=0) == 1
    use_and_close = (
        "import sqlite3, sys\n"
        "shop = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "shop.execute('DELETE FROM remote_artwork_item')\n"
        "shop.close()\n"
    )
    assert _run(use_and_close, file) == 0
    assert (folder / "ledger.db-wal").exists(), "the other process was not the last one, so it leaves the log"
    opened[0].close()


def test_a_ledger_that_is_opened_during_a_read_can_write(folder: Path):
    killed(folder)
    url = f"sqlite:///{folder / 'ledger.db'}"
    reader = ReadOnlyFile(parse_ledger_url(url), timeout=timedelta(seconds=5))
    with SqlLedger(url) as writer:
        claims = threading.Thread(target=lambda: claim(writer, KEY))

        def query(connection) -> int:
            claims.start()
            return connection.exec_driver_sql("SELECT count(*) FROM remote_artwork_order").scalar()

        assert reader.read(query, empty=0) == 1
        claims.join(PATIENCE)
        assert only(writer.find("acme")).receipt == "r-1"
        advance_one(writer, claim(writer, KEY), release=True)


def test_several_threads_read_one_copy(folder: Path, copies: list[Path], reader: SqlLedger):
    log_without_index(folder)
    found: list[str | None] = []
    threads = [threading.Thread(target=lambda: found.append(only(reader.find("acme")).receipt)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == ["r-1"] * 8
    assert len(copies) == 1


def test_finding_releases_no_lock_of_this_process(folder: Path, reader: SqlLedger):
    shop = sqlite3.connect(folder / "ledger.db", isolation_level=None)
    shop.execute("CREATE TABLE products (name)")
    shop.execute("BEGIN IMMEDIATE")
    reader.find("acme")
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    assert _run(other, folder / "ledger.db") != 0, "another process could write, too"
    shop.execute("ROLLBACK")
    assert _run(other, folder / "ledger.db") == 0
    shop.close()


def _run(script: str, file: Path) -> int:
    return subprocess.run([sys.executable, "-c", script, str(file)], check=False, stderr=subprocess.DEVNULL).returncode

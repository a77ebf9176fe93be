"""A ledger fails during a scan: unanswered writes are read again, and nothing is sent without its intent."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event

import remote_artwork as ra
from crash_world import World, let_time_pass
from remote_artwork.core.lifecycle import FulfillState
from remote_artwork.errors import LedgerUnavailable
from remote_artwork.testing import Faults
from shop_files import JPEG, uploaded

UNREACHABLE = LedgerUnavailable("the connection was lost")
SENT = {FulfillState.FULFILL_INTENT, FulfillState.FULFILLED, FulfillState.UNCERTAIN}


@pytest.fixture
def world(tmp_path: Path):
    with ra.SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        yield World.of(ledger, ["1001", "1002"])


@pytest.fixture
def postgres_world(postgres_url: str):
    with ra.SqlLedger(postgres_url) as ledger:
        yield World.of(ledger, ["1001", "1002"])


def every_call(world: World) -> list[str]:
    faults = Faults()
    world.scanner(faults).scan()
    return faults.calls


def nothing_was_sent_without_its_intent(world: World) -> None:
    records = {record.key.fulfillment_key: record.state for record in world.ledger.find("default")}
    assert all(records[key] in SENT for key in world.shop.effects)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_write_that_fails_once_or_whose_answer_is_lost_is_repeated(world: World, moment: str):
    for number in range(1, every_call(world).count("ledger.advance") + 1):
        world.restore(*world.untouched)
        faults = Faults()
        faults.fail("ledger.advance", UNREACHABLE, number=number, moment=moment)
        report = world.scanner(faults).scan()
        assert {item.status for item in report.items} == {"fulfilled"}, number
        assert report.exit_code == 0
        world.check()


def test_a_ledger_that_stays_unavailable_ends_the_scan_and_sends_nothing_unrecorded(world: World):
    calls = every_call(world)
    for number in range(1, len(calls) + 1):
        world.restore(*world.untouched)
        faults = Faults()
        for later in range(number, len(calls) + 9):
            if not calls[later - 1 : later] or calls[later - 1].startswith("ledger"):
                faults.fail("ledger", UNREACHABLE, number=later)
        world.scanner(faults).scan()
        nothing_was_sent_without_its_intent(world)
        world.scan_in_the_end()
        world.check()


@pytest.mark.server
def test_a_connection_cut_during_a_scan_is_replaced(postgres_world: World, postgres_url: str):
    world = postgres_world
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for number in range(1, len(every_call(world)) + 1):
            world.restore(*world.untouched)
            faults = Faults()
            faults.intercept("", lambda: cut(admin), number=number)
            assert world.scanner(faults).scan().exit_code == 0, number
            world.check()


@pytest.mark.server
def test_a_connection_cut_while_it_commits_is_replaced_and_the_write_repeated(postgres_world: World, postgres_url: str):
    world, commits = postgres_world, []

    def cut_every_third(_connection) -> None:
        commits.append(1)
        if len(commits) % 3 == 0:
            cut(admin)

    with psycopg.connect(postgres_url, autocommit=True) as admin:
        event.listen(world.ledger.database.engine, "commit", cut_every_third)
        assert world.scanner().scan().exit_code == 0
        event.remove(world.ledger.database.engine, "commit", cut_every_third)
    assert len(commits) > 9
    world.check()


@pytest.mark.server
def test_a_server_that_stops_during_a_scan_ends_it_with_3(
    postgres_world: World, postgres_url: str, postgres_server: str
):
    world = postgres_world
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    calls = every_call(world)
    with psycopg.connect(postgres_server, autocommit=True) as admin:

        def gone() -> None:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

        for number in (place for place, call in enumerate(calls, start=1) if call in ("client.fulfill", "storage.get")):
            world.restore(*world.untouched)
            faults = Faults()
            faults.intercept("", gone, number=number)
            report = world.scanner(faults).scan()
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            assert report.exit_code == 3
            assert [fault.part for fault in report.faults] == ["ledger"]
            nothing_was_sent_without_its_intent(world)
            world.scan_in_the_end()
            world.check()


def cut(admin: psycopg.Connection) -> None:
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_a_read_only_ledger_ends_the_scan_with_3_and_nothing_is_sent(world: World):
    world.ledger.database.engine.dispose()
    event.listen(world.ledger.database.engine, "connect", lambda raw, _entry: raw.execute("PRAGMA query_only = ON"))
    report = world.scanner().scan()
    assert report.exit_code == 3
    assert "is read-only; give this process write access to the file and its folder" in report.faults[0].message
    assert {item.status for item in report.items} == {"failed"}
    assert not world.shop.journal[1:]


def test_a_damaged_ledger_ends_the_scan_with_3_and_nothing_is_sent(world: World, tmp_path: Path):
    world.scanner().plan()
    world.ledger.close()
    file = tmp_path / "ledger.db"
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    report = world.scanner().scan()
    assert report.exit_code == 3
    assert "is damaged; restore a backup" in report.faults[0].message
    assert not world.shop.effects


def scan_with_a_limit(folder: Path, kilobytes: int) -> subprocess.CompletedProcess:
    program = Path(sys.executable).with_name("remote-artwork")
    command = f"ulimit -f {kilobytes}; exec {program} scan file://{folder}/prints --orders-file orders.json"
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.parametrize("kilobytes", [90, 140, 200])
def test_a_disk_that_fills_up_during_a_scan_ends_it_with_3(tmp_path: Path, kilobytes: int):
    numbers = ["1001", "1002", "1003"]
    orders = [{"number": n, "status": "pending_approval", "items": [{"number": "1"}]} for n in numbers]
    (tmp_path / "orders.json").write_text(json.dumps({"orders": orders}))
    (tmp_path / "prints").mkdir()
    for number in numbers:
        uploaded(tmp_path / "prints" / f"{number}_1.jpg", JPEG)
    with ra.SqlLedger(f"sqlite:///{tmp_path / 'orders.ledger.db'}") as ledger:
        let_time_pass(ledger)  # makes the tables

    done = scan_with_a_limit(tmp_path, kilobytes)

    assert done.returncode == 3, done.stderr
    assert "the disk" in " ".join(done.stdout.split())
    now = json.loads((tmp_path / "orders.json").read_text())["orders"]
    with closing(sqlite3.connect(tmp_path / "orders.ledger.db")) as ledger:
        begun = {
            n for (n,) in ledger.execute("SELECT order_number FROM remote_artwork_order WHERE intent_at IS NOT NULL")
        }
    assert {order["number"] for order in now if order["status"] == "fulfilled"} <= begun

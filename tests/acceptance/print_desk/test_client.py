"""The client of the print desk passes the contract, and handles a fault in any call of a scan."""

import uuid
from datetime import UTC, datetime, timedelta

import fsspec
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

import remote_artwork as ra
from print_desk.client import DeskClient
from print_desk.database import ArtworkRow, LineRow, OrderRow, connect
from remote_artwork.testing import (
    Faults,
    FaultyClient,
    FaultyLedger,
    FaultyStorage,
    FulfillmentClientContract,
    crash_points,
)
from shop_files import memory_folder

WATCH = """
CREATE TRIGGER watch AFTER UPDATE OF state ON orders WHEN NEW.state = 'fulfilled'
BEGIN INSERT INTO effects VALUES (NEW.number); END
"""
"""The database records each fulfillment itself."""


@pytest.fixture
def engine(tmp_path):
    engine = connect(f"sqlite:///{tmp_path / 'desk.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE effects (number TEXT)"))
        connection.execute(sa.text(WATCH))
    yield engine
    engine.dispose()


def place(engine, **numbers_of_lines):
    """Replace all orders. ``o1001=2`` means order 1001 with two lines."""
    with Session(engine) as session, session.begin():
        for table in (ArtworkRow, LineRow, OrderRow):
            session.execute(sa.delete(table))
        session.execute(sa.text("DELETE FROM effects"))
        for name, count in numbers_of_lines.items():
            lines = [LineRow(position=position, title="Poster") for position in range(1, count + 1)]
            session.add(OrderRow(number=name.removeprefix("o"), customer="Ada Brook", lines=lines))


def effects(engine):
    with engine.begin() as connection:
        return sorted(connection.execute(sa.text("SELECT number FROM effects")).scalars())


class TestDeskClient(FulfillmentClientContract):
    @pytest.fixture
    def client(self, engine):
        place(engine, o1001=1, o1002=2)
        return DeskClient(engine)

    @pytest.fixture
    def read_names(self, engine):
        def read(_order, item):
            with Session(engine) as session:
                return [art.name for art in session.get(LineRow, int(item.id)).artwork]

        return read

    @pytest.fixture
    def cancel(self, engine):
        def cancel(order):
            with Session(engine) as session, session.begin():
                session.get(OrderRow, int(order.id)).state = "cancelled"

        return cancel

    @pytest.fixture
    def delete(self, engine):
        def delete(order):
            with Session(engine) as session, session.begin():
                session.delete(session.get(OrderRow, int(order.id)))

        return delete

    @pytest.fixture
    def fulfillments(self, engine):
        return lambda order: effects(engine).count(order.number)

    @pytest.fixture
    def reset_client(self, engine, client):
        def reset_client():
            with Session(engine) as session, session.begin():
                session.execute(sa.delete(ArtworkRow))
                session.execute(sa.update(OrderRow).values(state="pending", fulfillment_key=None, fulfilled_at=None))
                session.execute(sa.text("DELETE FROM effects"))
            return client

        return reset_client


@pytest.fixture
def storage():
    root = f"/{uuid.uuid4().hex}"
    yield memory_folder(root, "1001_1.jpg", "1001_2.png", "1002_1.pdf")[1]
    fsspec.filesystem("memory").rm(root, recursive=True)


def scanner_of(storage, engine, ledger, faults):
    client = FaultyClient(DeskClient(engine), faults)
    return ra.Scanner(FaultyStorage(storage, faults), client, ledger=FaultyLedger(ledger, faults))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", ["client.attach_artwork", "client.fulfill"])
@pytest.mark.parametrize("error", [ra.OutcomeUnknown("no answer"), sa.exc.OperationalError("UPDATE", {}, OSError())])
def test_the_next_scan_recovers_from_a_failed_call_and_sends_nothing_twice(engine, storage, call, moment, error):
    place(engine, o1001=2)
    ledger, faults = ra.MemoryLedger(), Faults()
    faults.fail(call, error, moment=moment)
    first = scanner_of(storage, engine, ledger, faults).scan()
    assert {item.status for item in first.items} != {"fulfilled"}
    second = scanner_of(storage, engine, ledger, Faults()).scan()
    assert {item.status for item in second.items} == {"fulfilled"}
    assert effects(engine) == ["1001"]


def test_an_order_that_is_deleted_just_before_fulfill_is_not_sent(engine, storage):
    place(engine, o1001=2, o1002=1)
    faults = Faults()
    faults.intercept("client.fulfill", lambda: place(engine, o1002=1))
    report = scanner_of(storage, engine, ra.MemoryLedger(), faults).scan()
    assert {item.status for item in report.items if item.order_number == "1001"} == {"cancelled"}
    assert "1001" not in effects(engine)


def test_each_order_is_fulfilled_once_wherever_a_scan_dies(engine, storage):
    now = datetime(2026, 5, 1, tzinfo=UTC)
    ledger = ra.MemoryLedger()

    def scan(faults):
        nonlocal ledger
        place(engine, o1001=2, o1002=1)
        ledger = ra.MemoryLedger(clock=lambda: now)
        scanner_of(storage, engine, ledger, faults).scan()

    deaths = 0
    for point in crash_points(scan):
        for _ in range(2):
            now += timedelta(hours=1)
            report = scanner_of(storage, engine, ledger, Faults()).scan()
        assert effects(engine) == ["1001", "1002"], point
        assert {item.status for item in report.items} <= {"fulfilled"}, point
        deaths += 1
    assert deaths > 50

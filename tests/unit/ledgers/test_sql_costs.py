"""Counts the statements and the work of each ledger call."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from remote_artwork.client import advance_one
from remote_artwork.core.lifecycle import FulfillState, Lease, OrderClaim, OrderKey
from remote_artwork.ledgers.sql import SqlLedger
from remote_artwork.testing.ledger import FULFILLED, HOUR, INTEND, KEY, SELECT, claim, forget, fulfill, ids


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    with SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        fulfill(ledger, KEY)
        yield ledger


@pytest.fixture
def statements(ledger: SqlLedger) -> list[str]:
    seen: list[str] = []
    event.listen(ledger.database.engine, "before_cursor_execute", lambda *arguments: seen.append(arguments[2]))
    return seen


def test_a_hundred_thousand_orders_are_found_by_one_query(ledger: SqlLedger, statements: list[str]):
    order_ids = [f"order-{number}" for number in range(100_000)]
    assert len(list(ledger.find("acme", order_ids=order_ids, order_numbers=order_ids))) == 1
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "SELECT"]


def test_an_order_needs_few_statements(ledger: SqlLedger, statements: list[str]):
    lease = claim(ledger, OrderKey("acme", "order-2"))
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "INSERT", "SELECT"]
    statements.clear()
    advance_one(ledger, lease, [SELECT], release=True)
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "UPDATE", "INSERT"]


def test_claimed_orders_are_read_by_one_statement_for_a_hundred(ledger: SqlLedger, statements: list[str]):
    keys = [OrderKey("acme", f"many-{number:03}") for number in range(101)]
    claims = [OrderClaim(key=key, order_number="1001") for key in keys]
    leases = ledger.claim(claims, owner="scanner", lease_for=HOUR)
    assert [lease.record.key for lease in leases if isinstance(lease, Lease)] == keys
    assert sum(statement.startswith("SELECT") for statement in statements) == 2


def test_the_files_of_a_call_are_recorded_by_one_more_statement(ledger: SqlLedger, statements: list[str]):
    lease = claim(ledger, OrderKey("acme", "order-2"))
    advance_one(ledger, lease, [SELECT])
    statements.clear()
    advance_one(ledger, lease, [INTEND])
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "UPDATE", "INSERT"]
    statements.clear()
    advance_one(ledger, lease, [FULFILLED], release=True)
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "UPDATE"]


def test_files_that_were_never_used_are_looked_up_by_one_query(ledger: SqlLedger, statements: list[str]):
    assert list(ledger.find("acme", file_names=[f"{number}.pdf" for number in range(10_000)])) == []
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "SELECT"]


def test_the_cost_of_finding_a_file_ignores_other_files(ledger: SqlLedger):
    def finding() -> None:
        assert ids(ledger.find("acme", file_names=["1001_1.pdf", "none.pdf"])) == {"order-1"}

    few = work_of(ledger, finding)
    remember(ledger, 0, 20_000)
    with ledger.database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO remote_artwork_used_file "
            "(id, tenant, file_key, order_id, approval, order_number, file, attached) "
            "SELECT order_id, tenant, order_id, order_id, '', order_number, '{}', 0 FROM remote_artwork_order "
            "WHERE order_id LIKE 'id-%'"
        )
    many = work_of(ledger, finding)
    assert few > 0
    assert many <= few * 1.5


def test_forgetting_needs_few_statements_that_old_releases_of_sqlite_know(ledger: SqlLedger, statements: list[str]):
    assert forget(ledger) == 1
    words = ["BEGIN", "INSERT", "UPDATE", "UPDATE", "SELECT", "DELETE", "DELETE", "UPDATE"]
    assert [statement.split()[0] for statement in statements] == words
    assert not any("RETURNING" in statement for statement in statements)


def test_the_cost_of_forgetting_depends_on_pending_orders_only(ledger: SqlLedger):
    pending = [f"id-{number}" for number in range(20)]

    def forgetting() -> None:
        assert ledger.forget("acme", still_pending=pending, min_age=HOUR, silent_scans=1) == 0

    remember(ledger, 0, 100)
    few = work_of(ledger, forgetting)
    remember(ledger, 100, 20_000)
    many = work_of(ledger, forgetting)
    assert few > 0
    assert many <= few * 1.5


@pytest.mark.parametrize("order_ids", [None, [f"order-{number}" for number in range(20)]], ids=["alone", "among ids"])
def test_the_cost_of_finding_a_state_ignores_orders_in_other_states(ledger: SqlLedger, order_ids: list[str] | None):
    advance_one(ledger, claim(ledger, OrderKey("acme", "order-2")), [INTEND])

    def finding() -> None:
        assert ids(ledger.find("acme", order_ids=order_ids, state=FulfillState.FULFILL_INTENT)) == {"order-2"}

    remember(ledger, 0, 100)
    few = work_of(ledger, finding)
    remember(ledger, 100, 20_000)
    many = work_of(ledger, finding)
    assert few > 0
    assert many <= few * 1.5


def remember(ledger: SqlLedger, first: int, end: int) -> None:
    with ledger.database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO remote_artwork_order "
            "(tenant, order_id, approval, order_number, state, reason, epoch, updated_at) "
            f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {end - 1}) "
            "SELECT 'acme', 'id-' || i, '', i, 'fulfilled', '', 1, (julianday('now') - 2440587.5) * 86400 FROM n"
        )


def work_of(ledger: SqlLedger, call: Callable[[], None]) -> int:
    """The number of SQLite virtual machine instructions of one call, divided by ten."""
    tens = 0

    def ten_more() -> int:
        nonlocal tens
        tens += 1
        return 0

    with ledger.database.engine.connect() as connection:
        connection.connection.driver_connection.set_progress_handler(ten_more, 10)
    call()
    ledger.database.engine.dispose()
    return tens


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("remote_artwork.ledgers.memory", "sqlalchemy"),
        ("remote_artwork.ledgers.sql", "alembic"),
        ("remote_artwork.testing", "pytest"),
    ],
)
def test_large_packages_are_imported_only_when_needed(module: str, heavy: str):
    script = f"import sys, {module}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

"""``SqlMerchantStore``: the states of the merchants in the database of a ``SqlLedger``."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.engine import Connection

from remote_artwork.core.reasons import Reason
from remote_artwork.fleet.passes import PassResult, PassStatus
from remote_artwork.fleet.state import MerchantState
from remote_artwork.fleet.store import PassRules, finish_pass, release_by_person, start_pass
from remote_artwork.ledgers.engine import DatabaseNow, insert_into, is_one_of
from remote_artwork.ledgers.errors import InvalidRow
from remote_artwork.ledgers.schema import merchants as table
from remote_artwork.ledgers.sql import SqlLedger

__all__ = ["SqlMerchantStore"]

_COLUMNS = [column for column in table.c if column.name != "result"]
_TIMES = (
    *("started_at", "finished_at", "succeeded_at"),
    *("quarantined_at", "next_probe", "oldest_pending", "owned_until"),
)


class SqlMerchantStore:
    """A ``MerchantStore`` in the database of a ledger, for any number of processes and machines.

    Args:
        ledger: Its connections are used. The table is created with those of the ledger.
    """

    def __init__(self, ledger: SqlLedger) -> None:
        self._database = ledger.database

    def start(
        self, merchant: str, *, owner: str, lease_for: timedelta, rules: PassRules, at_slot: bool = True
    ) -> tuple[MerchantState, PassStatus | None]:
        """See ``MerchantStore.start``."""
        with self._database.writing() as connection:
            found = _read(connection, merchant)
            if found is None:
                connection.execute(insert_into(connection, table).values(merchant=merchant).on_conflict_do_nothing())
                found = _read(connection, merchant)
            state, now = found or (MerchantState(merchant=merchant), datetime.now(UTC))
            after, refusal = start_pass(
                state,
                now,
                owner=owner,
                lease_for=lease_for,
                rules=rules,
                at_slot=at_slot,
                failing_share=partial(_failing_share, connection),
            )
            _write(connection, state, after)
            return after, refusal

    def finish(self, merchant: str, result: PassResult | None, *, owner: str, rules: PassRules) -> MerchantState | None:
        """See ``MerchantStore.finish``."""
        with self._database.writing() as connection:
            found = _read(connection, merchant)
            if found is None:
                return None
            state, now = found
            after = finish_pass(
                state, result, now, owner=owner, rules=rules, failing_share=partial(_failing_share, connection)
            )
            if after is not None:
                _write(connection, state, after)
            return after

    def find(self, merchants: Collection[str] | None = None, *, with_results: bool = False) -> list[MerchantState]:
        """See ``MerchantStore.find``. Writes nothing."""
        query = select(*_COLUMNS, *[table.c.result] * with_results).order_by(table.c.merchant)
        if merchants is not None:
            query = query.where(is_one_of(table.c.merchant, merchants))

        def read(connection: Connection) -> list[MerchantState]:
            return [_state(row) for row in connection.execute(query)]

        return self._database.read(read, empty=[])

    def release(self, merchants: Collection[str] | None) -> int:
        """See ``MerchantStore.release``."""
        query = select(*_COLUMNS).where(table.c.failures > 0).order_by(table.c.merchant).with_for_update()
        if merchants is not None:
            query = query.where(is_one_of(table.c.merchant, merchants))
        with self._database.writing() as connection:
            failing = [_state(row) for row in connection.execute(query).all()]
            for state in failing:
                _write(connection, state, release_by_person(state))
            return len(failing)

    def forget(self, merchants: Collection[str]) -> int:
        """Delete the states of merchants that have left. Returns how many there were.

        Raises:
            LedgerError: The database could not be written.
        """
        with self._database.writing() as connection:
            return connection.execute(delete(table).where(is_one_of(table.c.merchant, merchants))).rowcount


def _read(connection: Connection, merchant: str) -> tuple[MerchantState, datetime] | None:
    """The state of a merchant, locked until the end of the transaction, and the time by the database's clock."""
    query = select(*_COLUMNS, DatabaseNow().label("now")).where(table.c.merchant == merchant).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else (_state(row), _time(row.now))


def _state(row: Any) -> MerchantState:
    columns = row._asdict()
    columns.pop("now", None)
    try:
        because = Reason.from_json(columns.pop("reason"))
        result = json.loads(columns.pop("result", "") or "{}")
        times = {name: None if columns[name] is None else _time(columns[name]) for name in _TIMES}
        return MerchantState(**{**columns, **times}, because=because, result=result)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidRow(f"the row of the merchant {columns.get('merchant')!r} cannot be read: {error}") from error


def _write(connection: Connection, before: MerchantState, after: MerchantState) -> None:
    """Write the columns that change."""
    old, new = _columns(before), _columns(after)
    changed = {name: value for name, value in new.items() if value != old[name]}
    if changed:
        connection.execute(update(table).where(table.c.merchant == after.merchant).values(changed))


def _columns(state: MerchantState) -> dict[str, Any]:
    moments = {name: getattr(state, name) for name in _TIMES}
    return {
        **{name: None if moment is None else moment.timestamp() for name, moment in moments.items()},
        "failures": state.failures,
        "reason": state.because.to_json() if state.because else "",
        "needs_person": state.needs_person,
        "result": json.dumps(state.result) if state.result else "",
        "owner": state.owner,
    }


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _failing_share(connection: Connection) -> float:
    """The share of merchants whose latest pass failed."""
    query = select(func.count(), func.count(case((table.c.failures > 0, 1))))
    total, failing = connection.execute(query.select_from(table)).one()
    return failing / max(1, total)

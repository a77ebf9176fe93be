"""The example of a fleet while tests run it: its states, and an hour that passes at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from attrs import frozen

from fleet.database import ORDERS, engine
from remote_artwork.fleet import MerchantState, SqlMerchantStore
from remote_artwork.ledgers import SqlLedger

HOUR = 3600.0
TIMES = {
    "remote_artwork_merchant": ("started_at", "finished_at", "succeeded_at", "owned_until"),
    "remote_artwork_order": ("intent_at", "updated_at", "lease_until"),
}


def let_an_hour_pass() -> None:
    """Move all times in the database one hour back. Only while nothing is scanned: leases end."""
    with engine().begin() as connection:
        for table, columns in TIMES.items():
            changes = ", ".join(f"{column} = {column} - {HOUR}" for column in columns)
            connection.execute(sa.text(f"UPDATE {table} SET {changes}"))


def states() -> list[MerchantState]:
    """The states of all merchants that were started."""
    ledger = SqlLedger(engine=engine())
    return list(SqlMerchantStore(ledger).find()) if ledger.exists() else []


@contextmanager
def orders_locked(number: str) -> Iterator[None]:
    """In the block, each call of a shop that fulfills an order with this number waits."""
    with engine().begin() as connection:
        connection.execute(sa.select(ORDERS.c.merchant).where(ORDERS.c.number == number).with_for_update())
        yield


def process_of(state: MerchantState) -> int:
    """The id of the process that owns the pass over a merchant."""
    return int(state.owner.split(":")[1])


@frozen
class Round:
    """A round over all merchants, as their states show it.

    Args:
        merchants: How many merchants there are.
        killed: The ids of processes that were killed.
    """

    merchants: int
    killed: tuple[int, ...] = ()

    def lost(self) -> list[str]:
        """The merchants whose pass was lost with a killed process."""
        return [each.merchant for each in states() if self._is_lost(each)]

    def has_ended(self) -> bool:
        """Whether no pass runs, and each merchant has had one since the last hour passed."""
        found = states()
        return len(found) == self.merchants and all(self._has_ended(each) or self._is_lost(each) for each in found)

    def _is_lost(self, state: MerchantState) -> bool:
        return bool(state.owner) and process_of(state) in self.killed

    @staticmethod
    def _has_ended(state: MerchantState) -> bool:
        return not state.owner and state.finished_at is not None

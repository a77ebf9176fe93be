"""The example of a fleet while tests run it: its states, and an hour that passes at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
from attrs import frozen

from fleet.database import ORDERS, engine
from remote_artwork.fleet import MerchantState, SqlMerchantStore
from remote_artwork.ledgers import SqlLedger

HOUR = 3600.0
LONG_AGO = datetime.min.replace(tzinfo=UTC)
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
        since: When it started; by default, passes of any time count.
    """

    merchants: int
    killed: tuple[int, ...] = ()
    since: datetime = LONG_AGO

    def lost(self) -> list[str]:
        """The merchants whose pass was lost with a killed process."""
        return [each.merchant for each in states() if self._is_lost(each)]

    def ended(self) -> int:
        """How many merchants have had their pass."""
        return sum(self._has_ended(each) for each in states())

    def has_ended(self) -> bool:
        """Whether each merchant has had its pass, or lost it with a killed process."""
        return self.ended() + len(self.lost()) == self.merchants

    def _is_lost(self, state: MerchantState) -> bool:
        return bool(state.owner) and process_of(state) in self.killed

    def _has_ended(self, state: MerchantState) -> bool:
        return not state.owner and state.finished_at is not None and state.finished_at >= self.since

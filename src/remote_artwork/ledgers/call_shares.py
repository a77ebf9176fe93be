"""Shares of the calls per second of shop APIs, in the database of a ledger."""

from __future__ import annotations

from sqlalchemy import select, update

from remote_artwork.core.call_shares import CallDemand, CallShare, Holding, divide_calls
from remote_artwork.ledgers.database import LedgerDatabase
from remote_artwork.ledgers.engine import DatabaseNow, insert_into
from remote_artwork.ledgers.schema import call_shares
from remote_artwork.ledgers.sql import SqlLedger


class SqlCallShares:
    """Divides the calls of shop APIs among all processes that use the database of a ledger.

    All times are by the database's clock, so the clocks of the machines may differ.

    Args:
        ledger: A ledger of this database. Its connections are used.
    """

    def __init__(self, ledger: SqlLedger) -> None:
        self._database: LedgerDatabase = ledger.database

    def __repr__(self) -> str:
        return f"SqlCallShares({str(self._database)!r})"

    def lease(self, api: str, demand: CallDemand) -> CallShare:
        """See ``CallShares.lease``. One short transaction, which locks the row of this API."""
        query = select(call_shares.c.holdings, DatabaseNow()).where(call_shares.c.api == api).with_for_update()
        with self._database.writing() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                connection.execute(
                    insert_into(connection, call_shares).values(api=api, holdings={}).on_conflict_do_nothing()
                )
                row = connection.execute(query).one()
            stored, now = row
            holdings = {holder: Holding.from_dict(holding) for holder, holding in stored.items()}
            after, share = divide_calls(holdings, demand, now)
            connection.execute(
                update(call_shares)
                .where(call_shares.c.api == api)
                .values(holdings={holder: holding.to_dict() for holder, holding in after.items()})
            )
        return share

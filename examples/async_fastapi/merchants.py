"""The merchants, and a scanner for each of them, which is made when it is needed and not kept."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from attrs import define, field
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

import remote_artwork as ra
from async_fastapi.shop import AsyncShop, MerchantRow
from remote_artwork.errors import InvalidLocation
from remote_artwork.notifications import MerchantLocation


@define
class Merchants:
    """Implements ``fleet.Merchants``, whose methods are called in threads. ``refresh`` runs on the event loop.

    Args:
        engine: The database with the merchants and their orders.
        ledger: The ledger that all scanners share.
        network: What the URLs of merchants may reach.
    """

    engine: AsyncEngine
    ledger: ra.Ledger
    network: ra.NetworkPolicy
    _rows: dict[str, MerchantRow] = field(factory=dict, init=False, repr=False)

    async def refresh(self) -> None:
        """Read the merchants again."""
        async with AsyncSession(self.engine) as session:
            self._rows = {row.id: row for row in await session.scalars(sa.select(MerchantRow))}

    def ids(self) -> list[str]:
        return list(self._rows)

    def locations(self) -> Iterator[MerchantLocation]:
        """Where each merchant uploads. A wrong URL is an error of the merchant's pass."""
        for row in self._rows.values():
            try:
                yield MerchantLocation(tenant=row.id, location=ra.Location.parse(row.url))
            except InvalidLocation:
                continue

    def open(self, merchant: str) -> ra.Scanner:
        row = self._rows[merchant]
        keys = ra.Keys(row.access_key, row.secret_key)
        storage = ra.open_storage(row.url, credentials=keys, network=self.network)
        shop = AsyncShop(self.engine, merchant)
        return ra.AsyncScanner(storage, shop, ledger=self.ledger, tenant=merchant, orders_at_once=4).scanner

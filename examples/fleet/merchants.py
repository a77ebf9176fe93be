"""The merchants of the platform, as the fleet needs them: their ids, and a scanner for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import sqlalchemy as sa

import remote_artwork as ra
from fleet.database import MERCHANTS, engine
from fleet.shop import MerchantOrders
from remote_artwork.fleet import StorageBudget


@cache
def ledger() -> ra.SqlLedger:
    """Return the ledger of this process. It uses the connections of the platform's engine."""
    return ra.SqlLedger(engine=engine())


@cache
def network() -> ra.NetworkPolicy:
    """Return what merchants' URLs may reach: servers on this machine only for the sample merchants."""
    local = os.environ.get("FLEET_ALLOW_PRIVATE") == "1"
    return ra.NetworkPolicy(allow_private=local, allow_http=local)


@cache
def requests() -> StorageBudget:
    """Return the limit of this process: requests at once at one storage endpoint, fair between merchants."""
    return StorageBudget(32)


class PlatformMerchants:
    """Implements ``Merchants``. A task carries only ids: the worker reads the keys here."""

    def ids(self) -> Iterator[str]:
        with engine().connect() as connection:
            yield from connection.scalars(sa.select(MERCHANTS.c.id).order_by(MERCHANTS.c.id))

    def open(self, merchant: str) -> ra.Scanner:
        with engine().connect() as connection:
            row = connection.execute(sa.select(MERCHANTS).where(MERCHANTS.c.id == merchant)).one()
        keys = ra.Keys(row.access_key, row.secret_key)
        limiter = requests().tenant(merchant)
        storage = ra.open_storage(row.url, credentials=keys, network=network(), limiter=limiter)
        orders = MerchantOrders(engine(), merchant)
        return ra.Scanner(storage, orders, ledger=ledger(), tenant=merchant, orders_at_once=2)

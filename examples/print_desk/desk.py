"""The desk behind the pages: its database, its merchant's storage, its scans."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.orm import Session, selectinload

import remote_artwork as ra
from print_desk.database import LineRow, OrderRow, connect
from print_desk.merchant_storage import MerchantStorage
from print_desk.scans import Scans
from print_desk.seed import place_orders


@frozen(kw_only=True)
class Settings:
    """What the operator decides, by the environment.

    Args:
        home: The folder that holds databases and contact sheet; a new one is closed to everybody else.
        hosts: Names the desk is reached by; requests to any other are refused.
        network: ``NetworkPolicy()`` is safe for URLs that merchants paste. More is allowed for tests on this machine.
    """

    home: Path
    hosts: tuple[str, ...]
    network: ra.NetworkPolicy

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Reads PRINT_DESK_HOME, PRINT_DESK_HOSTS (with commas) and PRINT_DESK_ALLOW_PRIVATE (``1`` or nothing)."""
        private = environment.get("PRINT_DESK_ALLOW_PRIVATE") == "1"
        return cls(
            home=Path(environment.get("PRINT_DESK_HOME", "print_desk_data")),
            hosts=tuple(environment.get("PRINT_DESK_HOSTS", "127.0.0.1,localhost").split(",")),
            network=ra.NetworkPolicy(allow_private=private, allow_http=private),
        )


@frozen
class Desk:
    """Everything the pages ask for."""

    engine: sa.Engine
    storage: MerchantStorage
    scans: Scans

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Opens the desk, and places a few orders in a new one."""
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = settings.home / "desk.db"
        database.touch(mode=0o600)  # keys lie in it, and the folder may have been there before
        engine = connect(f"sqlite:///{database}")
        place_orders(engine)
        storage = MerchantStorage(engine, settings.network)
        ledger = ra.SqlLedger(f"sqlite:///{settings.home / 'ledger.db'}")
        return cls(engine, storage, Scans(engine, ledger, storage.open, settings.home / "contact_sheet.html"))

    def close(self) -> None:
        """Waits for the order in hand."""
        self.scans.end()
        self.engine.dispose()

    def orders(self) -> list[OrderRow]:
        """All orders with their lines, those that wait first."""
        waiting = OrderRow.state == ra.OrderState.PENDING
        lines = selectinload(OrderRow.lines).selectinload(LineRow.artwork)
        with Session(self.engine) as session:
            return list(session.scalars(sa.select(OrderRow).options(lines).order_by(waiting.desc(), OrderRow.id)))

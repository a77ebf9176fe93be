"""The desk: its database, the merchant's storage, and its scans."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from attrs import field, frozen
from sqlalchemy.orm import Session, selectinload

import remote_artwork as ra
from print_desk.database import LineRow, OrderRow, connect
from print_desk.merchant_storage import MerchantStorage
from print_desk.scans import Scans
from print_desk.security import FormTokens
from print_desk.seed import place_orders
from print_desk.uploads import Uploads


@frozen(kw_only=True)
class Settings:
    """The settings of the operator.

    Args:
        home: The folder for the databases, the contact sheet and the last report. A new folder is readable by its
            owner only.
        hosts: The host names of the desk. Requests for other host names are refused.
        network: ``NetworkPolicy()`` is safe for URLs that merchants paste. Tests on this machine allow more.
        user_header: The header in which your login names the signed-in user. With it, an order waits until a user
            accepts its files. Empty: orders are sent without a review.
        notification_secret: The secret of the storage that sends notifications; empty: there is none.
    """

    home: Path
    hosts: tuple[str, ...]
    network: ra.NetworkPolicy
    user_header: str = ""
    notification_secret: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the variables that the README lists."""
        private = environment.get("PRINT_DESK_ALLOW_PRIVATE") == "1"
        return cls(
            home=Path(environment.get("PRINT_DESK_HOME", "print_desk_data")),
            hosts=tuple(environment.get("PRINT_DESK_HOSTS", "127.0.0.1,localhost").split(",")),
            network=ra.NetworkPolicy(allow_private=private, allow_http=private),
            user_header=environment.get("PRINT_DESK_USER_HEADER", ""),
            notification_secret=environment.get("PRINT_DESK_NOTIFICATION_SECRET", ""),
        )


@frozen
class Desk:
    """Everything that the pages need."""

    engine: sa.Engine
    storage: MerchantStorage
    scans: Scans
    uploads: Uploads
    user_header: str
    tokens: FormTokens

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the desk. A new one gets a few orders."""
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = settings.home / "desk.db"
        database.touch(mode=0o600)  # it stores keys, and an existing folder may be readable by others
        engine = connect(f"sqlite:///{database}")
        place_orders(engine)
        storage = MerchantStorage(engine, settings.network)
        ledger = ra.SqlLedger(settings.home / "ledger.db")
        sheet, report = settings.home / "contact_sheet.html", settings.home / "report.json"
        scans = Scans(engine, ledger, storage.open, sheet, report, review=bool(settings.user_header))
        uploads = Uploads(settings.notification_secret, scans, storage.location)
        uploads.start()
        return cls(engine, storage, scans, uploads, settings.user_header, FormTokens())

    def close(self) -> None:
        """Stop the scan after its orders in progress, and close the database."""
        self.uploads.stop()
        self.scans.stop()
        self.engine.dispose()

    def orders(self) -> list[OrderRow]:
        """Return all orders with their lines, pending orders first."""
        pending = OrderRow.state == ra.OrderState.PENDING
        lines = selectinload(OrderRow.lines).selectinload(LineRow.artwork)
        with Session(self.engine) as session:
            return list(session.scalars(sa.select(OrderRow).options(lines).order_by(pending.desc(), OrderRow.id)))

"""The web service: it receives notifications, shows the last outcome of each merchant, and scans in the background."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from attrs import field, frozen
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request

import remote_artwork as ra
from async_fastapi.merchants import Merchants
from async_fastapi.scans import Scans
from async_fastapi.shop import AsyncShop, Base, connect
from remote_artwork.fleet import PassRules, SqlMerchantStore
from remote_artwork.notifications import (
    CephWebhook,
    MinioWebhook,
    NotificationError,
    NotificationRefused,
    SeaweedWebhook,
    receive,
)
from remote_artwork.notifications.receiving import MAX_BYTES

SENDERS = {"ceph": CephWebhook, "minio": MinioWebhook, "seaweedfs": SeaweedWebhook}


@frozen(kw_only=True)
class Settings:
    """The settings of the operator.

    Args:
        home: The folder of the databases.
        notification_secret: The secret of the storage that sends notifications; empty: nobody can send them.
        every: The time between two scans of all orders of a merchant.
        at_once: How many merchants are scanned at the same time.
        network: What the URLs of merchants may reach.
    """

    home: Path
    notification_secret: str = field(default="", repr=False)
    every: timedelta = timedelta(hours=1)
    at_once: int = 16
    network: ra.NetworkPolicy = field(factory=ra.NetworkPolicy)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the variables that the README lists."""
        return cls(
            home=Path(environment.get("MERCHANTS_HOME", "async_fastapi_data")),
            notification_secret=environment.get("MERCHANTS_NOTIFICATION_SECRET", ""),
            every=timedelta(seconds=float(environment.get("MERCHANTS_EVERY", "3600"))),
            at_once=int(environment.get("MERCHANTS_AT_ONCE", "16")),
        )


routes = APIRouter()


def create_app(settings: Settings | None = None) -> FastAPI:
    """Create the service. ``uvicorn --factory`` calls this."""
    app = FastAPI(lifespan=run_scans, openapi_url=None)
    app.state.settings = settings or Settings.from_environment()
    app.include_router(routes)
    return app


@asynccontextmanager
async def run_scans(app: FastAPI) -> AsyncIterator[None]:
    """Scan while the service runs. At its end, the orders in progress are finished."""
    settings: Settings = app.state.settings
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = connect(f"sqlite+aiosqlite:///{settings.home / 'shop.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    ledger = await asyncio.to_thread(ra.SqlLedger, settings.home / "ledger.db")
    with ThreadPoolExecutor(settings.at_once, thread_name_prefix="scan") as threads:
        scans = app.state.scans = Scans(
            merchants=Merchants(engine, ledger, settings.network),
            store=SqlMerchantStore(ledger),
            threads=threads,
            at_once=settings.at_once,
            rules=PassRules(every=settings.every),
        )
        scans.start()
        yield
        await scans.stop()
    await asyncio.to_thread(ledger.close)
    await engine.dispose()


def current_scans(request: Request) -> Scans:
    scans: Scans = request.app.state.scans
    return scans


def known_merchant(merchant: str, scans: Annotated[Scans, Depends(current_scans)]) -> str:
    if merchant not in scans.merchants.ids():
        raise HTTPException(404, f"There is no merchant {merchant}.")
    return merchant


CurrentScans = Annotated[Scans, Depends(current_scans)]
KnownMerchant = Annotated[str, Depends(known_merchant)]


@routes.post("/notifications/{sender}")
async def notified(request: Request, scans: CurrentScans, sender: str) -> dict[str, Any]:
    secret = request.app.state.settings.notification_secret
    if sender not in SENDERS or not secret:
        raise HTTPException(404, "There is no such sender, or no secret is set.")
    body = b""
    async for part in request.stream():  # anybody can send a request, so it is read only to the limit
        body += part
        if len(body) > MAX_BYTES:
            raise HTTPException(413)
    try:
        received = receive(SENDERS[sender](secret), body, request.headers)
    except NotificationError as error:
        raise HTTPException(401 if isinstance(error, NotificationRefused) else 400, str(error)) from error
    scans.notify(received.objects)
    return dict(received.response or {})


@routes.get("/merchants")
def all_merchants(scans: CurrentScans) -> list[dict[str, Any]]:
    return [state.to_dict() for state in scans.store.find()]


@routes.get("/merchants/{merchant}")
def one_merchant(scans: CurrentScans, merchant: KnownMerchant) -> list[dict[str, Any]]:
    return [state.to_dict() for state in scans.store.find([merchant], with_results=True)]


@routes.get("/merchants/{merchant}/orders")
async def all_orders(scans: CurrentScans, merchant: KnownMerchant) -> dict[str, str]:
    return await AsyncShop(scans.merchants.engine, merchant).states()


@routes.post("/merchants/{merchant}/orders/{number}/scan", status_code=202)
async def scan_order(scans: CurrentScans, merchant: KnownMerchant, number: str) -> None:
    scans.request(merchant, frozenset({number}))

"""Starts the service with sample merchants, and with an S3 server on this machine that notifies it: see README.md."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import s3fs
import sqlalchemy as sa
import uvicorn
from attrs import evolve
from sqlalchemy.orm import Session

import remote_artwork as ra
from async_fastapi.app import Settings, create_app
from async_fastapi.local_s3 import LocalS3, free_port
from async_fastapi.shop import Base, MerchantRow, OrderRow

KEYS = ("SAMPLE", "a-secret-of-this-machine")
SECRET = "a-secret-of-this-machine"  # noqa: S105 - it guards a sample
LOCAL = ra.NetworkPolicy(allow_private=True, allow_http=True)
BUCKET = "prints"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--merchants", type=int, default=500)
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    settings = evolve(Settings.from_environment(), notification_secret=SECRET, network=LOCAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # when the service has ended, so does the storage
    storage = LocalS3(
        folder=settings.home.resolve() / "storage",
        port=free_port(),
        access_key=KEYS[0],
        secret_key=KEYS[1],
        webhook=f"http://127.0.0.1:{options.port}/notifications/seaweedfs",
        webhook_secret=SECRET,
    )
    with storage.running():
        add_samples(settings.home, storage.endpoint, options.merchants)
        print(f"{options.merchants} merchants upload to {storage.endpoint}/{BUCKET}/", flush=True)
        uvicorn.run(create_app(settings), port=options.port, log_level="warning")


def add_samples(home: Path, endpoint: str, count: int) -> None:
    """Give each merchant two orders, and the file of the first one."""
    engine = sa.create_engine(f"sqlite:///{home / 'shop.db'}")
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    ids = [f"m-{number:04}" for number in range(1, count + 1)]
    with Session(engine) as session, session.begin():
        for merchant_id in ids:
            url = f"s3+{endpoint}/{BUCKET}/{merchant_id}/?provider=s3"
            session.add(MerchantRow(id=merchant_id, url=url, access_key=KEYS[0], secret_key=KEYS[1]))
            session.add_all(
                OrderRow(merchant_id=merchant_id, number=number, items=["1"]) for number in ("1001", "1002")
            )
    engine.dispose()
    picture = resources.files("remote_artwork.cli").joinpath("shop", "poster.jpg").read_bytes()
    upload(endpoint, {f"{merchant_id}/1001_1.jpg": picture for merchant_id in ids})


def upload(endpoint: str, files: Mapping[str, bytes]) -> None:
    """Upload files as a merchant does."""
    storage = s3fs.S3FileSystem(key=KEYS[0], secret=KEYS[1], endpoint_url=endpoint)
    storage.makedirs(BUCKET, exist_ok=True)
    storage.pipe({f"{BUCKET}/{key}": content for key, content in files.items()})


if __name__ == "__main__":
    main()

"""Sample data: merchants with a bucket each, and orders. Every second order has its file."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from fleet.database import MERCHANTS, METADATA, ORDERS

FIRST_NUMBER = 1001


def key_of(number: int) -> tuple[str, str]:
    """Return the access key and the secret key of a sample merchant."""
    return f"KEY{number:05}", f"secret-of-sample-{number:05}"


def create(engine: sa.Engine, buckets: Path, endpoint: str, *, merchants: int, orders: int) -> None:
    """Create the tables, a bucket for each merchant, and the files.

    Args:
        engine: An empty database of PostgreSQL.
        buckets: The folder whose subfolders the storage server shows as buckets.
        endpoint: The URL of that server.
        merchants: How many merchants.
        orders: How many pending orders each of them has.
    """
    METADATA.create_all(engine)
    numbers = [str(FIRST_NUMBER + n) for n in range(orders)]
    rows = []
    for n in range(merchants):
        merchant, (access_key, secret_key) = f"m-{n:05}", key_of(n)
        url = f"s3+{endpoint}/{merchant}/?provider=minio"
        rows.append({"id": merchant, "url": url, "access_key": access_key, "secret_key": secret_key})
        folder = buckets / merchant
        folder.mkdir()
        for number in numbers[::2]:
            folder.joinpath(f"{number}_1.pdf").write_text(f"%PDF-1.7\n% {merchant}, order {number}\n%%EOF\n")
    with engine.begin() as connection:
        connection.execute(sa.insert(MERCHANTS), rows)
        for row in rows:
            pending = [{"merchant": row["id"], "number": number, "state": "pending"} for number in numbers]
            connection.execute(sa.insert(ORDERS), pending)

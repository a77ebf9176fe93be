"""The platform's own tables, in the database that also has the ledger: merchants, their orders, calls of `fulfill`."""

from __future__ import annotations

import os
from functools import cache

import sqlalchemy as sa

METADATA = sa.MetaData()

MERCHANTS = sa.Table(
    "merchants",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("access_key", sa.Text, nullable=False),
    sa.Column("secret_key", sa.Text, nullable=False),  # plain text in this example; use your secret store
)

ORDERS = sa.Table(
    "orders",
    METADATA,
    sa.Column("merchant", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("fulfillment_key", sa.Text),
    sa.Index("pending", "merchant", postgresql_where=sa.text("state = 'pending'")),
)

CALLS = sa.Table(
    "fulfill_calls",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("merchant", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
)
"""One row for each call of ``fulfill``, also for one that the shop refuses: shows that no order is sent twice."""


@cache
def engine() -> sa.Engine:
    """Return the engine of this process. All merchants share its connections, and so does the ledger."""
    url = sa.make_url(os.environ["FLEET_DATABASE"]).set(drivername="postgresql+psycopg")
    return sa.create_engine(url, hide_parameters=True, pool_size=4, max_overflow=4, pool_pre_ping=True)

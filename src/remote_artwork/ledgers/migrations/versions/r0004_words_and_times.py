"""Keeps a person's word, how long a call may be under way, and when an order was last named; drops what nobody read."""

import sqlalchemy as sa
from alembic import op

from remote_artwork.ledgers.engine import DatabaseNow

revision = "0004"
down_revision = "0003"

_ORDER = "remote_artwork_order"
_PERSON = "settled by "
"""How the reason of a row began that a person had settled."""


def upgrade() -> None:
    """Takes the person out of the reason; counts every order as named now, so that none is forgotten too soon."""
    op.add_column(_ORDER, sa.Column("settled_by", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column(_ORDER, sa.Column("call_limit", sa.Double))
    op.add_column(_ORDER, sa.Column("named_at", sa.Double, nullable=False, server_default="0"))
    order = sa.table(_ORDER, *(sa.column(name) for name in ("reason", "settled_by", "named_at")))
    op.execute(sa.update(order).values(named_at=DatabaseNow()))
    by_person = order.c.reason.startswith(_PERSON)
    op.execute(sa.update(order).where(by_person).values(settled_by=sa.func.substr(order.c.reason, len(_PERSON) + 1)))
    op.drop_column("remote_artwork_item", "expires_at")

"""Counts the passes of each tenant, so that rows can be forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the counter, the last pass each order was named in, and the index that finds the old."""
    op.create_table(
        "remote_artwork_pass",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("passes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="remote_artwork_pass_key"),
    )
    op.add_column("remote_artwork_order", sa.Column("named_pass", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("remote_artwork_order_by_age", "remote_artwork_order", ["tenant", "updated_at"])

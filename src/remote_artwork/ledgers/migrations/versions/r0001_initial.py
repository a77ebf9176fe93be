"""The tables of the first release: orders, items, used files, scans, merchants, alerts, and shares of calls."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "remote_artwork_order",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("approval", sa.Text, nullable=False),
        sa.Column("order_number", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("receipt", sa.Text),
        sa.Column("work", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("reason", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("settled_by", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("intent_at", sa.Double),
        sa.Column("call_limit", sa.Double),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.Double),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("seen_in_scan", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("seen_at", sa.Double, nullable=False, server_default="0"),
        sa.Column("sent_files", sa.JSON, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("attached_files", sa.JSON, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("review_files", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("accepted_by", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.PrimaryKeyConstraint("tenant", "order_id", "approval", name="remote_artwork_order_key"),
    )
    op.create_index("remote_artwork_order_by_number", "remote_artwork_order", ["tenant", "order_number"])
    op.create_index(
        "remote_artwork_order_by_state",
        "remote_artwork_order",
        ["tenant", "state", "order_id", "approval"],
        unique=True,
    )
    op.create_index("remote_artwork_order_by_age", "remote_artwork_order", ["tenant", "updated_at"])
    op.create_table(
        "remote_artwork_item",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("approval", sa.Text, nullable=False),
        sa.Column("item_number", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("files", sa.JSON, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("checks", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.PrimaryKeyConstraint("tenant", "order_id", "approval", "item_number", name="remote_artwork_item_key"),
        sa.ForeignKeyConstraint(
            ["tenant", "order_id", "approval"],
            ["remote_artwork_order.tenant", "remote_artwork_order.order_id", "remote_artwork_order.approval"],
            name="remote_artwork_item_of_order",
            ondelete="CASCADE",
        ),
    )
    attaching = sa.text("state = 'attach_intent'")
    op.create_index(
        "remote_artwork_item_attaching",
        "remote_artwork_item",
        ["tenant", "order_id", "approval"],
        sqlite_where=attaching,
        postgresql_where=attaching,
    )
    op.create_table(
        "remote_artwork_used_file",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("file_key", sa.Text, nullable=False),
        sa.Column("path_key", sa.Text),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("approval", sa.Text, nullable=False),
        sa.Column("order_number", sa.Text, nullable=False),
        sa.Column("file", sa.JSON, nullable=False),
        sa.Column("attached", sa.Boolean, nullable=False),
        sa.Column("forgotten_state", sa.Text),
        sa.PrimaryKeyConstraint("id", name="remote_artwork_used_file_id"),
    )
    op.create_index("remote_artwork_used_file_by_name", "remote_artwork_used_file", ["tenant", "file_key"])
    op.create_index("remote_artwork_used_file_by_path", "remote_artwork_used_file", ["tenant", "path_key"])
    op.create_index("remote_artwork_used_file_by_order", "remote_artwork_used_file", ["tenant", "order_id", "approval"])
    op.create_table(
        "remote_artwork_scan",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("scans", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="remote_artwork_scan_key"),
    )
    op.create_table(
        "remote_artwork_merchant",
        sa.Column("merchant", sa.Text, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        sa.Column("succeeded_at", sa.Double),
        sa.Column("failures", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("reason", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("quarantined_at", sa.Double),
        sa.Column("next_probe", sa.Double),
        sa.Column("oldest_pending", sa.Double),
        sa.Column("needs_person", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("result", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("owner", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("owned_until", sa.Double),
        sa.PrimaryKeyConstraint("merchant", name="remote_artwork_merchant_key"),
    )
    op.create_table(
        "remote_artwork_alert",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("location_key", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("claimed_until", sa.Double),
        sa.PrimaryKeyConstraint("tenant", "location_key", name="remote_artwork_alert_key"),
    )
    op.create_table(
        "remote_artwork_call_share",
        sa.Column("api", sa.Text, nullable=False),
        sa.Column("holdings", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("api", name="remote_artwork_call_share_key"),
    )

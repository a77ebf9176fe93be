"""Remembers by which checks a file was judged, and until when the URLs work that the host was given."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds both to the items. A verdict from before has no checks, so it is made again."""
    op.add_column("remote_artwork_item", sa.Column("checks", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("remote_artwork_item", sa.Column("expires_at", sa.Double))

"""Alembic's environment: runs the migrations on the connection of the caller, within its transaction."""

from alembic import context

from remote_artwork.ledgers.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()

"""The ledger's schema through the releases, for Alembic."""

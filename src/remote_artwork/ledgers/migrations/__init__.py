"""Alembic migrations of the ledger's tables."""

"""Ledgers: durable memory of what was begun and what is done."""

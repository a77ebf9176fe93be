"""Reporting: a report made readable."""

"""Accepting: what a ``Scanner`` is given, in the form it needs, or a clear error."""

from __future__ import annotations

from collections.abc import Collection

from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.errors import ConfigurationError
from remote_artwork.interfaces import FulfillmentClient, flaw_of_client


def as_pattern(pattern: str | FilenamePattern) -> FilenamePattern:
    """The pattern, read where it is text."""
    return pattern if isinstance(pattern, FilenamePattern) else FilenamePattern(pattern)


def chosen(orders: Collection[str] | None) -> frozenset[str] | None:
    """Order numbers as a set; None: all."""
    if isinstance(orders, str):
        raise ConfigurationError(f"orders must be a collection of order numbers, for example orders=[{orders!r}]")
    return None if orders is None else frozenset(orders)


def not_empty(_instance: object, _attribute: object, value: str) -> None:
    """Rejects a tenant without a name."""
    if not value.strip():
        raise ConfigurationError("Scanner.tenant must not be empty")


def keeps_its_form(_instance: object, _attribute: object, client: FulfillmentClient) -> None:
    """Rejects a client whose promises are none."""
    if flaw := flaw_of_client(client):
        raise ConfigurationError(flaw)

"""Accepting: what a ``Scanner`` is given, in the form it needs, or a clear error."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any, Protocol

from attrs import Attribute

from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.errors import ConfigurationError
from remote_artwork.interfaces import FulfillmentClient, flaw_of_client
from remote_artwork.storage.storage import ArtworkStorage


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


def from_one(_instance: object, _attribute: Attribute[Any], value: object) -> None:
    """Rejects a number of threads that is none."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ConfigurationError(f"Scanner.checks_at_once must be a whole number from 1, or None, not {value!r}")


class _HasStorage(Protocol):
    storage: ArtworkStorage


def signable(scanner: _HasStorage, _attribute: object, wanted: timedelta) -> None:
    """Rejects URLs that would have to outlive what they are signed with."""
    longest = scanner.storage.longest_url
    if longest is not None and wanted > longest:
        raise ConfigurationError(
            f"Scanner.url_lifetime is {wanted}, and URLs of {scanner.storage.location} live for {longest} at the "
            "longest; make it shorter, or the sessions of a role longer (AssumeRole.duration)"
        )

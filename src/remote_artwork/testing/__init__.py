"""Contracts and doubles for hosts that test their own parts. The contracts need pytest."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "CrashPoint": "faults",
    "FakeShop": "fakes",
    "Faults": "faults",
    "FaultyClient": "faults",
    "FaultyLedger": "faults",
    "FaultyStorage": "faults",
    "FulfillmentClientContract": "client",
    "Killed": "faults",
    "LedgerContract": "ledger",
    "StorageBench": "storage",
    "StorageContract": "storage",
    "StorageReading": "storage",
    "crash_points": "faults",
}
"""Public name → the module of this folder it lives in; a module is loaded when one of its names is first used."""

__all__ = sorted(_HOME)  # noqa: PLE0605 - checked against the imports below by a test


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)


if TYPE_CHECKING:
    from remote_artwork.testing.client import FulfillmentClientContract as FulfillmentClientContract
    from remote_artwork.testing.fakes import FakeShop as FakeShop
    from remote_artwork.testing.faults import CrashPoint as CrashPoint
    from remote_artwork.testing.faults import Faults as Faults
    from remote_artwork.testing.faults import FaultyClient as FaultyClient
    from remote_artwork.testing.faults import FaultyLedger as FaultyLedger
    from remote_artwork.testing.faults import FaultyStorage as FaultyStorage
    from remote_artwork.testing.faults import Killed as Killed
    from remote_artwork.testing.faults import crash_points as crash_points
    from remote_artwork.testing.ledger import LedgerContract as LedgerContract
    from remote_artwork.testing.storage import StorageBench as StorageBench
    from remote_artwork.testing.storage import StorageContract as StorageContract
    from remote_artwork.testing.storage import StorageReading as StorageReading

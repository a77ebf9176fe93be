"""Contracts and test doubles for your own clients, ledgers and storages. The contracts need pytest."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remote_artwork._lazy import lazy_exports

if TYPE_CHECKING:
    from remote_artwork.testing.alerts import AlertStoreContract
    from remote_artwork.testing.client import FulfillmentClientContract
    from remote_artwork.testing.client_bench import ClientBench
    from remote_artwork.testing.fakes import FakeShop
    from remote_artwork.testing.faults import (
        CrashPoint,
        Faults,
        FaultyClient,
        FaultyLedger,
        FaultyStorage,
        Killed,
        crash_points,
    )
    from remote_artwork.testing.ledger import LedgerContract
    from remote_artwork.testing.storage import StorageBench, StorageContract, StorageReading

__all__ = [
    "AlertStoreContract",
    "ClientBench",
    "CrashPoint",
    "FakeShop",
    "Faults",
    "FaultyClient",
    "FaultyLedger",
    "FaultyStorage",
    "FulfillmentClientContract",
    "Killed",
    "LedgerContract",
    "StorageBench",
    "StorageContract",
    "StorageReading",
    "crash_points",
]

__getattr__: Callable[[str], Any]
__dir__: Callable[[], list[str]]
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "testing.alerts": ["AlertStoreContract"],
        "testing.client": ["FulfillmentClientContract"],
        "testing.client_bench": ["ClientBench"],
        "testing.fakes": ["FakeShop"],
        "testing.faults": [
            "CrashPoint",
            "Faults",
            "FaultyClient",
            "FaultyLedger",
            "FaultyStorage",
            "Killed",
            "crash_points",
        ],
        "testing.ledger": ["LedgerContract"],
        "testing.storage": ["StorageBench", "StorageContract", "StorageReading"],
    },
)

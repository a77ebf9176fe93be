"""Match print files in a storage location with pending orders, check them, attach them, and fulfill each order once.

    import remote_artwork as ra

    scanner = ra.Scanner(ra.open_storage(url), client, ledger=ra.SqlLedger("sqlite:///ledger.db"))
    report = scanner.scan()

This module exports what an embedding needs. Everything else that is public lives in the submodules ``client``,
``clients``, ``credentials``, ``errors``, ``events``, ``fleet``, ``ledgers``, ``notifications``, ``preflight``,
``providers``, ``reports``, ``storage`` and ``testing``.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remote_artwork._lazy import lazy_exports

if TYPE_CHECKING:
    from remote_artwork.async_scanner import AsyncScanner
    from remote_artwork.client import FulfillmentClient, Ledger, Observer, PreflightCheck
    from remote_artwork.clients.orders_file import OrdersFile
    from remote_artwork.core.orders import (
        Artwork,
        Attaching,
        Order,
        OrderItem,
        OrderState,
        Recovery,
        UnreadableOrder,
    )
    from remote_artwork.core.pattern import FilenamePattern
    from remote_artwork.core.policy import Policy
    from remote_artwork.core.report import FileStatus, ItemStatus, ScanReport
    from remote_artwork.errors import (
        AlreadyFulfilled,
        ArtworkRejected,
        ArtworkUnreachable,
        AuthenticationFailed,
        ClientError,
        ConfigurationError,
        ItemNotFound,
        NotPending,
        OrderGone,
        OutcomeUnknown,
        PaymentRequired,
        RateLimited,
        RemoteArtworkError,
        Unavailable,
    )
    from remote_artwork.http import NetworkPolicy
    from remote_artwork.ledgers.memory import MemoryLedger
    from remote_artwork.ledgers.sql import SqlLedger
    from remote_artwork.retry import RetryPolicy
    from remote_artwork.scanner import Scanner
    from remote_artwork.storage.credentials import (
        AccountKey,
        Ambient,
        Anonymous,
        AssumeRole,
        Keys,
        SasToken,
        ServiceAccount,
    )
    from remote_artwork.storage.location import Location
    from remote_artwork.storage.storage import ArtworkStorage, open_storage

__all__ = [
    "AccountKey",
    "AlreadyFulfilled",
    "Ambient",
    "Anonymous",
    "Artwork",
    "ArtworkRejected",
    "ArtworkStorage",
    "ArtworkUnreachable",
    "AssumeRole",
    "AsyncScanner",
    "Attaching",
    "AuthenticationFailed",
    "ClientError",
    "ConfigurationError",
    "FileStatus",
    "FilenamePattern",
    "FulfillmentClient",
    "ItemNotFound",
    "ItemStatus",
    "Keys",
    "Ledger",
    "Location",
    "MemoryLedger",
    "NetworkPolicy",
    "NotPending",
    "Observer",
    "Order",
    "OrderGone",
    "OrderItem",
    "OrderState",
    "OrdersFile",
    "OutcomeUnknown",
    "PaymentRequired",
    "Policy",
    "PreflightCheck",
    "RateLimited",
    "Recovery",
    "RemoteArtworkError",
    "RetryPolicy",
    "SasToken",
    "ScanReport",
    "Scanner",
    "ServiceAccount",
    "SqlLedger",
    "Unavailable",
    "UnreadableOrder",
    "open_storage",
]

__dir__: Callable[[], list[str]]
_load, __dir__ = lazy_exports(
    __name__,
    {
        "async_scanner": ["AsyncScanner"],
        "client": ["FulfillmentClient", "Ledger", "Observer", "PreflightCheck"],
        "clients.orders_file": ["OrdersFile"],
        "core.orders": [
            "Artwork",
            "Attaching",
            "Order",
            "OrderItem",
            "OrderState",
            "Recovery",
            "UnreadableOrder",
        ],
        "core.pattern": ["FilenamePattern"],
        "core.policy": ["Policy"],
        "core.report": ["FileStatus", "ItemStatus", "ScanReport"],
        "errors": [
            "AlreadyFulfilled",
            "ArtworkRejected",
            "ArtworkUnreachable",
            "AuthenticationFailed",
            "ClientError",
            "ConfigurationError",
            "ItemNotFound",
            "NotPending",
            "OrderGone",
            "OutcomeUnknown",
            "PaymentRequired",
            "RateLimited",
            "RemoteArtworkError",
            "Unavailable",
        ],
        "http": ["NetworkPolicy"],
        "ledgers.memory": ["MemoryLedger"],
        "ledgers.sql": ["SqlLedger"],
        "retry": ["RetryPolicy"],
        "scanner": ["Scanner"],
        "storage.credentials": [
            "AccountKey",
            "Ambient",
            "Anonymous",
            "AssumeRole",
            "Keys",
            "SasToken",
            "ServiceAccount",
        ],
        "storage.location": ["Location"],
        "storage.storage": ["ArtworkStorage", "open_storage"],
    },
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("remote_artwork")
    return _load(name)

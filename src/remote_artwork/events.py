"""Events that a scan sends to its observer."""

from remote_artwork.core.events import (
    Event,
    FileReported,
    FilesListed,
    ItemAttached,
    ItemEvent,
    ItemFound,
    ItemRejected,
    ItemReported,
    ItemVerified,
    OrderFulfilled,
    OrderStarted,
    ScanFinished,
    ScanStarted,
)

__all__ = [
    "Event",
    "FileReported",
    "FilesListed",
    "ItemAttached",
    "ItemEvent",
    "ItemFound",
    "ItemRejected",
    "ItemReported",
    "ItemVerified",
    "OrderFulfilled",
    "OrderStarted",
    "ScanFinished",
    "ScanStarted",
]

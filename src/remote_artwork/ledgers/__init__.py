"""The ledgers, and the records and rules for writing your own ledger."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remote_artwork._lazy import lazy_exports

if TYPE_CHECKING:
    from remote_artwork.core.lifecycle import (
        FileRecord,
        FulfillState,
        ItemRecord,
        ItemState,
        ItemStep,
        Lease,
        LedgerWrite,
        OrderClaim,
        OrderKey,
        OrderRecord,
        OrderStep,
        ReviewStep,
        Step,
        apply_write,
        file_key,
        forgotten_record,
        lookup_keys,
        path_key,
        replace_unstorable,
    )
    from remote_artwork.core.review import files_digest
    from remote_artwork.ledgers.memory import MemoryLedger
    from remote_artwork.ledgers.sql import SqlLedger

__all__ = [
    "FileRecord",
    "FulfillState",
    "ItemRecord",
    "ItemState",
    "ItemStep",
    "Lease",
    "LedgerWrite",
    "MemoryLedger",
    "OrderClaim",
    "OrderKey",
    "OrderRecord",
    "OrderStep",
    "ReviewStep",
    "SqlLedger",
    "Step",
    "apply_write",
    "file_key",
    "files_digest",
    "forgotten_record",
    "lookup_keys",
    "path_key",
    "replace_unstorable",
]

__getattr__: Callable[[str], Any]
__dir__: Callable[[], list[str]]
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "core.lifecycle": [
            "FileRecord",
            "FulfillState",
            "ItemRecord",
            "ItemState",
            "ItemStep",
            "Lease",
            "LedgerWrite",
            "OrderClaim",
            "OrderKey",
            "OrderRecord",
            "OrderStep",
            "ReviewStep",
            "Step",
            "apply_write",
            "file_key",
            "forgotten_record",
            "lookup_keys",
            "path_key",
            "replace_unstorable",
        ],
        "core.review": ["files_digest"],
        "ledgers.memory": ["MemoryLedger"],
        "ledgers.sql": ["SqlLedger"],
    },
)

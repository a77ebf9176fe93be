"""Many merchants: who is scanned when, one pass over one merchant, and what the passes have found.

    from remote_artwork.fleet import SqlMerchantStore, batches, scan_merchant

    store = SqlMerchantStore(ledger)
    for batch in batches(merchants, store):       # once a minute, in one process
        queue.send(batch)
    results = [scan_merchant(each, merchants, store) for each in batch]      # in a worker

This is no engine of its own: a task queue, a scheduler or a thread pool calls these functions.
"""

from remote_artwork.core.call_shares import CallDemand, CallShare, Holding, divide_calls
from remote_artwork.fleet.budgets import CallBudget, CallShares, MemoryCallShares, StorageBudget
from remote_artwork.fleet.merchants import Merchants
from remote_artwork.fleet.passes import PassResult, PassStatus
from remote_artwork.fleet.quarantine import Quarantine
from remote_artwork.fleet.scanning import batches, scan_merchant
from remote_artwork.fleet.slots import last_slot, next_slot, slot
from remote_artwork.fleet.sql_store import SqlMerchantStore
from remote_artwork.fleet.state import MerchantState
from remote_artwork.fleet.status import FleetStatus, prometheus_metrics
from remote_artwork.fleet.store import MemoryMerchantStore, MerchantStore, PassRules
from remote_artwork.ledgers.call_shares import SqlCallShares

__all__ = [
    "CallBudget",
    "CallDemand",
    "CallShare",
    "CallShares",
    "FleetStatus",
    "Holding",
    "MemoryCallShares",
    "MemoryMerchantStore",
    "MerchantState",
    "MerchantStore",
    "Merchants",
    "PassResult",
    "PassRules",
    "PassStatus",
    "Quarantine",
    "SqlCallShares",
    "SqlMerchantStore",
    "StorageBudget",
    "batches",
    "divide_calls",
    "last_slot",
    "next_slot",
    "prometheus_metrics",
    "scan_merchant",
    "slot",
]

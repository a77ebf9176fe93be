"""Reports: one outcome for every pending item and for every unmatched file."""

from remote_artwork.core.reasons import ENGLISH, Catalog, Reason, reason
from remote_artwork.core.report import (
    Explanation,
    Fault,
    FileOutcome,
    FileStatus,
    Finding,
    ItemOutcome,
    ItemStatus,
    ScanReport,
    Severity,
    UnknownOrder,
)
from remote_artwork.core.report_history import ReportChanges

__all__ = [
    "ENGLISH",
    "Catalog",
    "Explanation",
    "Fault",
    "FileOutcome",
    "FileStatus",
    "Finding",
    "ItemOutcome",
    "ItemStatus",
    "Reason",
    "ReportChanges",
    "ScanReport",
    "Severity",
    "UnknownOrder",
    "reason",
]

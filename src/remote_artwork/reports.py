"""Reports: one outcome for every pending item and for every unmatched file."""

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
)

__all__ = [
    "Explanation",
    "Fault",
    "FileOutcome",
    "FileStatus",
    "Finding",
    "ItemOutcome",
    "ItemStatus",
    "ScanReport",
    "Severity",
]

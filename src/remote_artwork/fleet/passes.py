"""The result of one pass over one merchant, as plain data."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from attrs import evolve, field, frozen

from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import Fault, Part, ScanReport
from remote_artwork.errors import ConfigurationError, ExitCode

__all__ = ["PassResult", "PassStatus"]

FailedPart = Literal["settings"] | Part
"""What a failed pass could not use. ``settings``: the merchant was not opened, or the scan did not start."""

StoppedBy = Literal["deadline", "stop"]
"""What ends a pass early."""


class PassStatus(enum.StrEnum):
    """How a pass ended, or why there was none."""

    DONE = "done"
    """The merchant was scanned. Orders may still need a person."""
    FAILED = "failed"
    """The merchant could not be scanned."""
    BUSY = "busy"
    """Another worker scans this merchant now."""
    NOT_DUE = "not_due"
    """The merchant was already scanned since its latest slot."""
    NOT_STARTED = "not_started"
    """The worker is to end. The merchant stays due."""
    QUARANTINED = "quarantined"
    """The merchant has failed again and again, and its next probe is not due."""


@frozen(kw_only=True)
class PassResult:
    """What one call of ``scan_merchant`` did. It pickles, and ``to_dict`` makes plain JSON of it.

    Args:
        merchant: The id.
        status: How the pass ended. Only ``done`` and ``failed`` say that the merchant was tried.
        because: Why it failed; None unless it did.
        part: What could not be used; None unless it failed.
        counts: How many items have each status.
        needs_person: Codes of the items that need a person → how many items have them.
        oldest_pending: When the oldest order that still waits was created, where the shop says so.
        requests: Requests to the storage by kind.
        timings: Where the time of the scan went, in seconds.
        seconds: How long the pass took.
        stopped_by: What ended it early, or None. After ``deadline``, the pass in the next slot continues. After
            ``stop``, the merchant is due immediately.
    """

    merchant: str
    status: PassStatus
    because: Reason | None = None
    part: FailedPart | None = None
    counts: Mapping[str, int] = field(factory=dict, hash=False)
    needs_person: Mapping[str, int] = field(factory=dict, hash=False)
    oldest_pending: datetime | None = None
    requests: Mapping[str, int] = field(factory=dict, hash=False)
    timings: Mapping[str, Any] = field(factory=dict, hash=False)
    seconds: float = 0.0
    stopped_by: StoppedBy | None = None

    @property
    def reason(self) -> str:
        """Why it failed, in English. Empty unless it did."""
        return self.because.render() if self.because else ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, for the result of a task. Times are ISO 8601 in UTC."""
        return {
            "merchant": self.merchant,
            "status": str(self.status),
            **(self.because.to_dict() if self.because else {"code": "", "details": {}}),
            "reason": self.reason,
            "part": self.part,
            "counts": dict(self.counts),
            "needs_person": dict(self.needs_person),
            "oldest_pending": self.oldest_pending.astimezone(UTC).isoformat() if self.oldest_pending else None,
            "requests": dict(self.requests),
            "timings": dict(self.timings),
            "seconds": self.seconds,
            "stopped_by": self.stopped_by,
        }


def result_of_report(merchant: str, report: ScanReport, *, seconds: float, stopped_by: StoppedBy | None) -> PassResult:
    """The result of a scan that returned a report. A fault in the report is a failed pass."""
    done = PassResult(
        merchant=merchant,
        status=PassStatus.DONE,
        counts={str(status): count for status, count in report.counts.items()},
        needs_person=dict(Counter(item.code for item in report.items if item.needs_person)),
        oldest_pending=report.oldest_pending,
        requests=dict(report.requests),
        timings=report.timings.to_dict(),
        seconds=seconds,
        stopped_by=stopped_by,
    )
    return _failed(done, report.faults[0]) if report.faults else done


def result_of_fault(merchant: str, fault: Fault, *, seconds: float) -> PassResult:
    """The result of a probe that found a fault."""
    return _failed(PassResult(merchant=merchant, status=PassStatus.FAILED, seconds=seconds), fault)


def _failed(result: PassResult, fault: Fault) -> PassResult:
    part: FailedPart = "settings" if fault.exit_code is ExitCode.WRONG_SETTING else fault.part
    return evolve(result, status=PassStatus.FAILED, because=fault.because, part=part)


def result_of_error(merchant: str, code: str, error: Exception, *, seconds: float = 0.0) -> PassResult:
    """The result of a pass that raised an error.

    Args:
        merchant: The id.
        code: The reason's code.
        error: What was raised. The name of its class is shown, unless it is an error of this library.
        seconds: How long the pass took.
    """
    text = str(error) if isinstance(error, ConfigurationError) else f"{type(error).__name__}: {error}"
    because = reason(code, error=text)
    return PassResult(merchant=merchant, status=PassStatus.FAILED, because=because, part="settings", seconds=seconds)


def result_of_tenant(merchant: str, tenant: str, *, seconds: float) -> PassResult:
    """The result of a pass whose scanner belongs to another tenant. Scanning would mix up the orders of the two."""
    because = reason("merchant_tenant_differs", tenant=tenant, merchant=merchant)
    return PassResult(merchant=merchant, status=PassStatus.FAILED, because=because, part="settings", seconds=seconds)

"""Findings: how a check reports what it measured."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from attrs import evolve

from remote_artwork.core.reasons import Reason
from remote_artwork.core.report import Finding, Severity


def passed(code: str, measured: str, required: str | None = None, **details: Any) -> Finding:
    """Make a finding about a value that meets the requirement."""
    return Finding(severity=Severity.PASS, code=code, details=details, measured=measured, required=required)


def warning(
    code: str, measured: str | None = None, required: str | None = None, *notes: Reason, **details: Any
) -> Finding:
    """Make a finding that a person should look at. It does not prevent the file from being printed."""
    return Finding(
        severity=Severity.WARN, code=code, details=details, notes=notes, measured=measured, required=required
    )


def rejection(
    code: str, measured: str | None = None, required: str | None = None, *notes: Reason, **details: Any
) -> Finding:
    """Make a finding that prevents the file from being printed."""
    return Finding(
        severity=Severity.REJECT, code=code, details=details, notes=notes, measured=measured, required=required
    )


def apply_reject_for(findings: Iterable[Finding], reject_for: Collection[str]) -> Iterator[Finding]:
    """Turn warnings with these codes into rejections. Leave all other findings unchanged."""
    for finding in findings:
        reject = finding.severity is Severity.WARN and finding.code in reject_for
        yield evolve(finding, severity=Severity.REJECT) if reject else finding

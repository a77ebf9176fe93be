"""Findings, said shortly; and a warning that a shop has decided to reject for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from attrs import evolve

from remote_artwork.core.findings import Finding, Severity


def passed(code: str, message: str, measured: str, required: str | None = None) -> Finding:
    """A figure that is as it should be."""
    return Finding(severity=Severity.PASS, code=code, message=message, measured=measured, required=required)


def warning(code: str, message: str, measured: str | None = None, required: str | None = None) -> Finding:
    """Something a person should look at; the file goes to print all the same."""
    return Finding(severity=Severity.WARN, code=code, message=message, measured=measured, required=required)


def rejection(code: str, message: str, measured: str | None = None, required: str | None = None) -> Finding:
    """What keeps the file from going to print."""
    return Finding(severity=Severity.REJECT, code=code, message=message, measured=measured, required=required)


def strictly(findings: Iterable[Finding], reject_for: Collection[str]) -> Iterator[Finding]:
    """The findings, in which warnings with these codes are rejections."""
    for finding in findings:
        strict = finding.severity is Severity.WARN and finding.code in reject_for
        yield evolve(finding, severity=Severity.REJECT) if strict else finding

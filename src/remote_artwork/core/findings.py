"""What a preflight check says of a file."""

from __future__ import annotations

import enum

from attrs import frozen


class Severity(enum.StrEnum):
    """How bad a finding is."""

    PASS = "pass"  # noqa: S105  a verdict, no password
    WARN = "warn"
    REJECT = "reject"


@frozen(kw_only=True)
class Finding:
    """One result of one check.

    Args:
        severity: ``reject`` keeps the file from going to print.
        code: For machines, for example ``truncated``.
        message: For the merchant: what is wrong and what to do.
        measured: The figure found, with its unit, where there is one.
        required: The figure asked for, with its unit, where there is one.
    """

    severity: Severity
    code: str
    message: str
    measured: str | None = None
    required: str | None = None

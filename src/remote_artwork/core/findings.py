"""What a preflight check says of a file."""

from __future__ import annotations

import enum
from typing import Literal

from attrs import frozen

Colour = Literal["grey", "rgb", "cmyk"]
"""What a picture is made of; transparency and a palette change nothing."""

WARNINGS = (
    "bleed",
    "colour_mode",
    "font_not_embedded",
    "grey_end",
    "low_resolution",
    "not_decoded",
    "page_size",
    "repaired",
)
"""Codes of findings that warn, unless a shop's policy rejects for them."""


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

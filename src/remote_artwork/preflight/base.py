"""Runs the checks of a shop over one file."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from remote_artwork.client import ArtworkReader, PreflightCheck
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.reasons import Reason
from remote_artwork.core.report import Color, Finding, Severity
from remote_artwork.errors import StorageError

Size = tuple[float, float]


@frozen(kw_only=True)
class PictureFacts:
    """One picture.

    Args:
        width: In pixels.
        height: In pixels.
        color: The colors it is made of.
        flaw: Why it cannot be decoded completely, as a word of the catalog; empty where it can, or was not tried.
        decoded: Whether decoding was tried to the end.
        gray_end: Whether it ends in the gray that stands for lacking data.
    """

    width: int
    height: int
    color: Color
    flaw: str = ""
    decoded: bool = True
    gray_end: bool = False

    @property
    def pixels(self) -> int:
        """How many it has."""
        return self.width * self.height


@frozen(kw_only=True)
class PageFacts:
    """One page of a PDF, as it is shown.

    Args:
        size: (width, height) of the sheet with its bleed, in millimetres.
        trim: (width, height) of what is left after the cut, in millimetres, where the page tells it.
    """

    size: Size
    trim: Size | None


@frozen(kw_only=True)
class PdfFacts:
    """One PDF.

    Args:
        flaw: Why it cannot be opened, as a word of the catalog; empty where it can.
        encrypted: Whether it has a password, be it only one against printing.
        stand_in: ``portfolio`` or ``dynamic_form`` where its pages only stand in for what it holds; else empty.
        repaired: Whether it could be opened only by mending it.
        pages: How many it has.
        sheets: Its first pages, up to 1,000 of them.
        fonts: Names of fonts that are used and not embedded, sorted.
    """

    flaw: str = ""
    encrypted: bool = False
    stand_in: str = ""
    repaired: bool = False
    pages: int = 0
    sheets: tuple[PageFacts, ...] = ()
    fonts: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> PdfFacts:
        """From plain lists and dictionaries, as they come out of JSON."""
        sheets = tuple(
            PageFacts(size=_size(sheet["size"]), trim=None if sheet["trim"] is None else _size(sheet["trim"]))
            for sheet in found.get("sheets", ())
        )
        return cls(**{**found, "sheets": sheets, "fonts": tuple(found.get("fonts", ()))})


def _size(sides: Sequence[float]) -> Size:
    width, height = sides
    return width, height


def passed(code: str, measured: str, required: str | None = None, **details: Any) -> Finding:
    """A measured value that is as it should be."""
    return Finding(severity=Severity.PASS, code=code, details=details, measured=measured, required=required)


def warning(
    code: str, measured: str | None = None, required: str | None = None, *notes: Reason, **details: Any
) -> Finding:
    """A doubt that a person should look at. The file is printed all the same."""
    return Finding(
        severity=Severity.WARN, code=code, details=details, notes=notes, measured=measured, required=required
    )


def rejection(
    code: str, measured: str | None = None, required: str | None = None, *notes: Reason, **details: Any
) -> Finding:
    """A fault that keeps the file from going to print."""
    return Finding(
        severity=Severity.REJECT, code=code, details=details, notes=notes, measured=measured, required=required
    )


def strictly(findings: Iterable[Finding], reject_for: Collection[str]) -> Iterator[Finding]:
    """The findings, in which warnings with these codes are rejections."""
    for finding in findings:
        strict = finding.severity is Severity.WARN and finding.code in reject_for
        yield evolve(finding, severity=Severity.REJECT) if strict else finding


log: logging.Logger = logging.getLogger(__name__)


def run_checks(checks: Iterable[PreflightCheck], artwork: ArtworkReader, item: OrderItem) -> tuple[Finding, ...]:
    """What the checks say of the file, in their order; the first check that rejects it is the last to be asked.

    A check that breaks rejects the file with the code ``check_failed``: unchecked files do not go to print.

    Raises:
        StorageError: The file could not be read, so nothing is known about it.
    """
    findings: list[Finding] = []
    for check in checks:
        findings += _run(check, artwork, item)
        if any(finding.severity is Severity.REJECT for finding in findings):
            break
    return tuple(findings)


def _run(check: PreflightCheck, artwork: ArtworkReader, item: OrderItem) -> list[Finding]:
    name = type(check).__name__
    try:
        return list(check.check(artwork, item))
    except StorageError:
        raise
    except Exception as error:
        log.exception("preflight_check_failed", extra={"check": name, "file": artwork.file.name})
        return [rejection("check_failed", check=name, error=type(error).__name__)]

"""Checks that a PDF is ready for print: it opens without a password, its content is whole, its pages fit, and its fonts
are embedded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from remote_artwork.client import ArtworkReader
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import Finding, Severity
from remote_artwork.preflight.base import apply_reject_for, passed, rejection, warning
from remote_artwork.preflight.sandbox import CPU_SECONDS, ResourceLimitExceeded, run_in_sandbox

Size = tuple[float, float]
"""(width, height) in millimeters."""

_TOLERANCE_MM = 0.5
"""On each edge."""
_DECODING_SHARE = 0.6
"""Of the CPU time of the sandbox. When it is used up, the rest of the content is not decoded."""
_USUAL_BLEED_MM = 5.0
"""A page that is larger than the print by up to this much on each side is a page with bleed."""


@frozen(kw_only=True)
class PageFacts:
    """What was measured of one page, with its rotation applied. Nothing reaches beyond the media box.

    Args:
        size: The size of the page with its bleed.
        trim: The size after the page is cut, if the page declares it.
        bleed: How far the page reaches beyond its trim on the side where this is least, in millimeters.
        ignored_boxes: The names of boxes that are invalid. The page is measured as if it did not declare them.
    """

    size: Size
    trim: Size | None = None
    bleed: float = 0.0
    ignored_boxes: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> PageFacts:
        """Make the facts from plain lists and dictionaries."""
        trim, ignored = facts["trim"], tuple(facts["ignored_boxes"])
        return cls(size=_size(facts["size"]), trim=trim and _size(trim), bleed=facts["bleed"], ignored_boxes=ignored)


@frozen(kw_only=True)
class PdfFacts:
    """What was measured of one PDF.

    Args:
        flaw: Why it cannot be printed, as a word of the catalog. Empty if it can.
        encrypted: Whether it needs a password to open it.
        printing_forbidden: Whether it opens without a password, and does not permit printing in full quality.
        placeholder: ``portfolio`` or ``dynamic_form`` if its page is only a note and the content is elsewhere. Else
            empty.
        repaired: Whether it had to be repaired to open it, so that a person should compare it with the original.
        partly_decoded: Whether there was not enough time or memory to decode all of its content.
        pages: The number of pages.
        measured_pages: Its first pages, up to 1,000.
        missing_fonts: The names of fonts that draw something and are not embedded, sorted.
        fonts_unknown: Whether its fonts could not be determined.
    """

    flaw: str = ""
    encrypted: bool = False
    printing_forbidden: bool = False
    placeholder: str = ""
    repaired: bool = False
    partly_decoded: bool = False
    pages: int = 0
    measured_pages: tuple[PageFacts, ...] = ()
    missing_fonts: tuple[str, ...] = ()
    fonts_unknown: bool = False

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> PdfFacts:
        """Make the facts from the plain lists and dictionaries that the sandbox returns."""
        measured = tuple(PageFacts.from_json(page) for page in facts.get("measured_pages", ()))
        fonts = tuple(facts.get("missing_fonts", ()))
        return cls(**{**facts, "measured_pages": measured, "missing_fonts": fonts})


def _size(sides: Sequence[float]) -> Size:
    width, height = sides
    return width, height


@frozen(kw_only=True)
class PdfCheck:
    """Opens a PDF and measures its pages. Ignores other files. Needs the extra ``preflight``.

    Rejects with the codes ``damaged``, ``too_complex``, ``encrypted``, ``printing_forbidden``, ``portfolio``,
    ``dynamic_form``, ``no_pages`` and ``too_many_pages``. Warns with ``repaired``, ``partly_decoded``, ``box_ignored``,
    ``page_size``, ``bleed``, ``font_not_embedded`` and ``fonts_unknown``. Passes with ``pages``, ``page_size`` and
    ``fonts``.

    Args:
        bleed_mm: How far a page must extend beyond the item's print size on each side, in millimeters.
        max_pages: The check rejects a PDF with more pages. None means no limit.
        reject_for: Codes of warnings that reject the file instead.
    """

    bleed_mm: float = 0.0
    max_pages: int | None = None
    reject_for: tuple[str, ...] = ()

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:
        """Measure the PDF and compare it with the requirements. Reads everything that is printed.

        Raises:
            StorageError: The file could not be read.
        """
        if artwork.file.extension != "pdf":
            return []
        try:
            facts = PdfFacts.from_json(run_in_sandbox("pdf", artwork, cpu_seconds=CPU_SECONDS * _DECODING_SHARE))
        except ResourceLimitExceeded as error:
            return [rejection("too_complex", medium="pdf_file", cause=error.cause)]
        return apply_reject_for(self._compare(facts, item.print_size_mm), self.reject_for)

    def _compare(self, facts: PdfFacts, print_size_mm: Size | None) -> Iterator[Finding]:
        if facts.encrypted:
            yield rejection("encrypted")
        elif facts.printing_forbidden:
            yield rejection("printing_forbidden")
        elif facts.flaw:
            yield rejection("damaged", medium="pdf_file", flaw=facts.flaw)
        elif facts.placeholder:
            yield rejection(facts.placeholder)
        elif facts.pages == 0:
            yield rejection("no_pages", "0 pages", "at least 1 page")
        elif self.max_pages is not None and facts.pages > self.max_pages:
            measured, required = _pages(facts.pages), f"at most {_pages(self.max_pages)}"
            yield rejection("too_many_pages", measured, required, pages=facts.pages, limit=self.max_pages)
        else:
            yield passed("pages", _pages(facts.pages), pages=facts.pages)
            if facts.repaired:
                yield warning("repaired")
            if facts.partly_decoded:
                yield warning("partly_decoded")
            yield from _ignored_boxes(facts.measured_pages)
            if print_size_mm is not None:
                yield self._compare_pages(facts.measured_pages, print_size_mm)
            yield _fonts(facts)

    def _compare_pages(self, pages: Iterable[PageFacts], print_size_mm: Size) -> Finding:
        """Return the finding of the first page that does not fit, else that of the first page."""
        findings = [self._compare_page(number, page, print_size_mm) for number, page in enumerate(pages, start=1)]
        return next((finding for finding in findings if finding.severity is not Severity.PASS), findings[0])

    def _compare_page(self, number: int, page: PageFacts, print_size_mm: Size) -> Finding:
        shown = page.trim or page.size
        measured, required = _mm(shown), _mm(print_size_mm)
        details = {"page": number, "width_mm": shown[0], "height_mm": shown[1]}
        margins = _margins(page.size, print_size_mm)
        bleed = max(min(margins) if page.trim is None else page.bleed, 0.0)
        if page.trim is not None:
            fits = all(abs(margin) <= _TOLERANCE_MM for margin in _margins(page.trim, print_size_mm))
        else:
            max_bleed = max(self.bleed_mm, _USUAL_BLEED_MM)
            fits = min(margins) >= -_TOLERANCE_MM and max(margins) <= max_bleed + _TOLERANCE_MM
        if not fits:
            note = reason("page_size_differs", width_mm=print_size_mm[0], height_mm=print_size_mm[1])
            return warning("page_size", measured, required, note, **details)
        if bleed < self.bleed_mm - _TOLERANCE_MM:
            least = f"at least {self.bleed_mm:g} mm"
            return warning("bleed", f"{bleed:.1f} mm", least, page=number, bleed_mm=bleed, required_mm=self.bleed_mm)
        return passed("page_size", measured, required, **details)


def _margins(size: Size, print_size_mm: Size) -> tuple[float, float]:
    """How far the short and the long side extend beyond the print, on each edge. Pages are rotated to fit."""
    short, long = (side - length for side, length in zip(sorted(size), sorted(print_size_mm), strict=True))
    return short / 2, long / 2


def _ignored_boxes(pages: Sequence[PageFacts]) -> Iterator[Finding]:
    """Return one finding, for the first page that has an invalid box."""
    for number, page in enumerate(pages, start=1):
        if page.ignored_boxes:
            yield warning("box_ignored", page=number, boxes=list(page.ignored_boxes))
            return


def _fonts(facts: PdfFacts) -> Finding:
    required, missing = "all fonts embedded", facts.missing_fonts
    if missing:
        return warning("font_not_embedded", f"not embedded: {', '.join(missing)}", required, fonts=list(missing))
    return warning("fonts_unknown", None, required) if facts.fonts_unknown else passed("fonts", required, required)


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"


def _mm(size: Size) -> str:
    return f"{size[0]:.0f} × {size[1]:.0f} mm"

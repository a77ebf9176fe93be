"""Is a PDF fit for print: does it open without a password, are its pages of the right size, are its fonts in it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import frozen

from remote_artwork.core.findings import Finding, Severity
from remote_artwork.core.model import OrderItem
from remote_artwork.interfaces import ArtworkReader
from remote_artwork.preflight.apart import Exhausted, measure_apart
from remote_artwork.preflight.facts import PageFacts, PdfFacts, Size
from remote_artwork.preflight.verdicts import passed, rejection, strictly, warning

_TOLERANCE_MM = 0.5
"""On each edge."""
_STAND_INS: Mapping[str, str] = {
    "portfolio": "the PDF is a collection of files, and its page only a note; upload the one that is to be printed",
    "dynamic_form": "the PDF is a dynamic form (XFA), and its page only a note; print it into a PDF and upload that",
}
_USUAL_BLEED_MM = 5.0
"""A sheet that is larger than the print by no more than this a side is taken for one with bleed."""


@frozen(kw_only=True)
class PdfCheck:
    """Opens a PDF and measures its pages. Says nothing of other files. Needs the extra ``preflight``.

    Rejects with the codes ``damaged``, ``too_complex``, ``encrypted``, ``portfolio``, ``dynamic_form``, ``no_pages``
    and ``too_many_pages``. Warns with ``repaired``, ``page_size``, ``bleed`` and ``font_not_embedded``. Passes with
    ``pages``, ``page_size``, ``fonts``.

    Args:
        bleed_mm: How far a page has to reach beyond the item's print size on each side, in millimetres.
        max_pages: A PDF with more is rejected; None: any number will do.
        reject_for: Codes of warnings that reject the file instead.
    """

    bleed_mm: float = 0.0
    max_pages: int | None = None
    reject_for: tuple[str, ...] = ()

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:
        """What was measured, and how it compares. Reads only parts of a large file.

        Raises:
            StorageError: The file could not be read.
        """
        if artwork.file.extension != "pdf":
            return []
        try:
            facts = PdfFacts.of(measure_apart("pdf", artwork))
        except Exhausted as error:
            return [rejection("too_complex", f"the PDF cannot be checked: {error}; export it again, flattened")]
        return strictly(self._judge(facts, item.print_size_mm), self.reject_for)

    def _judge(self, facts: PdfFacts, print_size_mm: Size | None) -> Iterator[Finding]:
        if facts.encrypted:
            yield rejection("encrypted", "the PDF is protected by a password; save it without one")
        elif facts.flaw:
            yield rejection("damaged", f"the PDF is damaged: {facts.flaw}; export it again and upload it")
        elif facts.stand_in:
            yield rejection(facts.stand_in, _STAND_INS[facts.stand_in])
        elif facts.pages == 0:
            yield rejection("no_pages", "the PDF has no page; export it again", "0 pages", "at least 1 page")
        elif self.max_pages is not None and facts.pages > self.max_pages:
            measured, required = _pages(facts.pages), f"at most {_pages(self.max_pages)}"
            message = f"the PDF has {measured}, and {required} can be printed; save only what is to be printed"
            yield rejection("too_many_pages", message, measured, required)
        else:
            yield passed("pages", f"the PDF has {_pages(facts.pages)}", _pages(facts.pages))
            if facts.repaired:
                yield warning("repaired", "the PDF is damaged and was mended to be read; export it again to be sure")
            if print_size_mm is not None:
                yield self._size(facts.sheets, print_size_mm)
            yield _fonts(facts.fonts)

    def _size(self, sheets: Iterable[PageFacts], print_size_mm: Size) -> Finding:
        """The first page that does not fit, else the first page."""
        verdicts = [self._sheet(number, sheet, print_size_mm) for number, sheet in enumerate(sheets, start=1)]
        return next((verdict for verdict in verdicts if verdict.severity is not Severity.PASS), verdicts[0])

    def _sheet(self, number: int, sheet: PageFacts, print_size_mm: Size) -> Finding:
        measured, required = _mm(sheet.trim or sheet.size), _mm(print_size_mm)
        beyond = _beyond(sheet.size, print_size_mm)
        if sheet.trim is not None:
            fits = all(abs(side) <= _TOLERANCE_MM for side in _beyond(sheet.trim, print_size_mm))
        else:
            fits = min(beyond) >= -_TOLERANCE_MM and max(beyond) <= max(self.bleed_mm, _USUAL_BLEED_MM) + _TOLERANCE_MM
        if not fits:
            message = f"page {number} is {measured}, but the print is {required}; export it in the print's size"
            return warning("page_size", message, measured, required)
        if min(beyond) < self.bleed_mm - _TOLERANCE_MM:
            has, least = f"{max(min(beyond), 0):.1f} mm", f"{self.bleed_mm:g} mm"
            message = f"page {number} has {has} of bleed, so a white edge may show; export it with {least} on each side"
            return warning("bleed", message, has, f"at least {least}")
        return passed("page_size", f"page {number} is {measured}", measured, required)


def _beyond(size: Size, print_size_mm: Size) -> tuple[float, float]:
    """How far the shorter and the longer sides reach beyond the print, on each edge; pages are turned to fit."""
    short, long = (side - length for side, length in zip(sorted(size), sorted(print_size_mm), strict=True))
    return short / 2, long / 2


def _fonts(lacking: tuple[str, ...]) -> Finding:
    required = "all fonts embedded"
    if not lacking:
        return passed("fonts", required, required, required)
    names = ", ".join(lacking)
    message = f"fonts are not in the PDF ({names}), so others may be printed; export it with fonts embedded"
    return warning("font_not_embedded", message, f"not embedded: {names}", required)


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"


def _mm(size: Size) -> str:
    return f"{size[0]:.0f} × {size[1]:.0f} mm"

"""Checks that a PDF is ready for print: it opens without a password, its pages fit, and its fonts are embedded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BufferedReader
from typing import Any

from attrs import frozen

from remote_artwork.client import ArtworkReader
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import Finding, Severity
from remote_artwork.preflight.base import apply_reject_for, passed, rejection, warning
from remote_artwork.preflight.sandbox import ResourceLimitExceeded, run_in_sandbox

Size = tuple[float, float]
"""(width, height) in millimeters."""

_TOLERANCE_MM = 0.5
"""On each edge."""
_USUAL_BLEED_MM = 5.0
"""A page that is larger than the print by up to this much on each side is a page with bleed."""


@frozen(kw_only=True)
class PageFacts:
    """What was measured of one page, with its rotation applied.

    Args:
        size: The size of the page with its bleed.
        trim: The size after the page is cut, if the page declares it.
    """

    size: Size
    trim: Size | None


@frozen(kw_only=True)
class PdfFacts:
    """What was measured of one PDF.

    Args:
        flaw: Why it cannot be opened, as a word of the catalog. Empty if it can.
        encrypted: Whether it has a password, even one that only restricts printing.
        placeholder: ``portfolio`` or ``dynamic_form`` if its page is only a note and the content is elsewhere. Else
            empty.
        repaired: Whether it had to be repaired to open it.
        pages: The number of pages.
        measured_pages: Its first pages, up to 1,000.
        missing_fonts: The names of fonts that are used and not embedded, sorted.
    """

    flaw: str = ""
    encrypted: bool = False
    placeholder: str = ""
    repaired: bool = False
    pages: int = 0
    measured_pages: tuple[PageFacts, ...] = ()
    missing_fonts: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> PdfFacts:
        """Make the facts from the plain lists and dictionaries that the sandbox returns."""
        measured = tuple(
            PageFacts(size=_size(page["size"]), trim=None if page["trim"] is None else _size(page["trim"]))
            for page in facts.get("measured_pages", ())
        )
        fonts = tuple(facts.get("missing_fonts", ()))
        return cls(**{**facts, "measured_pages": measured, "missing_fonts": fonts})


def _size(sides: Sequence[float]) -> Size:
    width, height = sides
    return width, height


@frozen(kw_only=True)
class PdfCheck:
    """Opens a PDF and measures its pages. Ignores other files. Needs the extra ``preflight``.

    Rejects with the codes ``damaged``, ``too_complex``, ``encrypted``, ``portfolio``, ``dynamic_form``, ``no_pages``
    and ``too_many_pages``. Warns with ``repaired``, ``page_size``, ``bleed`` and ``font_not_embedded``. Passes with
    ``pages``, ``page_size`` and ``fonts``.

    Args:
        bleed_mm: How far a page must extend beyond the item's print size on each side, in millimeters.
        max_pages: The check rejects a PDF with more pages. None means no limit.
        reject_for: Codes of warnings that reject the file instead.
    """

    bleed_mm: float = 0.0
    max_pages: int | None = None
    reject_for: tuple[str, ...] = ()

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:
        """Measure the PDF and compare it with the requirements. Reads only parts of a large file.

        Raises:
            StorageError: The file could not be read.
        """
        if artwork.file.extension != "pdf":
            return []
        try:
            facts = PdfFacts.from_json(run_in_sandbox("pdf", artwork))
        except ResourceLimitExceeded as error:
            return [rejection("too_complex", medium="pdf_file", cause=error.cause)]
        return apply_reject_for(self._compare(facts, item.print_size_mm), self.reject_for)

    def _compare(self, facts: PdfFacts, print_size_mm: Size | None) -> Iterator[Finding]:
        if facts.encrypted:
            yield rejection("encrypted")
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
            if print_size_mm is not None:
                yield self._compare_pages(facts.measured_pages, print_size_mm)
            yield _fonts(facts.missing_fonts)

    def _compare_pages(self, pages: Iterable[PageFacts], print_size_mm: Size) -> Finding:
        """Return the finding of the first page that does not fit, else that of the first page."""
        findings = [self._compare_page(number, page, print_size_mm) for number, page in enumerate(pages, start=1)]
        return next((finding for finding in findings if finding.severity is not Severity.PASS), findings[0])

    def _compare_page(self, number: int, page: PageFacts, print_size_mm: Size) -> Finding:
        shown = page.trim or page.size
        measured, required = _mm(shown), _mm(print_size_mm)
        details = {"page": number, "width_mm": shown[0], "height_mm": shown[1]}
        margins = _margins(page.size, print_size_mm)
        if page.trim is not None:
            fits = all(abs(margin) <= _TOLERANCE_MM for margin in _margins(page.trim, print_size_mm))
        else:
            max_bleed = max(self.bleed_mm, _USUAL_BLEED_MM)
            fits = min(margins) >= -_TOLERANCE_MM and max(margins) <= max_bleed + _TOLERANCE_MM
        if not fits:
            note = reason("page_size_differs", width_mm=print_size_mm[0], height_mm=print_size_mm[1])
            return warning("page_size", measured, required, note, **details)
        if min(margins) < self.bleed_mm - _TOLERANCE_MM:
            bleed = max(min(margins), 0)
            least = f"at least {self.bleed_mm:g} mm"
            return warning("bleed", f"{bleed:.1f} mm", least, page=number, bleed_mm=bleed, required_mm=self.bleed_mm)
        return passed("page_size", measured, required, **details)


def _margins(size: Size, print_size_mm: Size) -> tuple[float, float]:
    """How far the short and the long side extend beyond the print, on each edge. Pages are rotated to fit."""
    short, long = (side - length for side, length in zip(sorted(size), sorted(print_size_mm), strict=True))
    return short / 2, long / 2


def _fonts(missing: tuple[str, ...]) -> Finding:
    required = "all fonts embedded"
    if not missing:
        return passed("fonts", required, required)
    return warning("font_not_embedded", f"not embedded: {', '.join(missing)}", required, fonts=list(missing))


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"


def _mm(size: Size) -> str:
    return f"{size[0]:.0f} × {size[1]:.0f} mm"


# Measuring, with pikepdf. This code runs in the sandbox.

_MM_PER_POINT = 25.4 / 72
_MAX_PAGES = 1_000
_MAX_RESOURCES = 20_000
"""Resources to search for fonts, over all pages."""
_MAX_PARENTS = 64
_MAX_FONTS = 20


def measure_pdf(file: BufferedReader) -> dict[str, Any]:
    """Measure a PDF. Returns the argument of ``PdfFacts.from_json``."""
    import pikepdf

    try:
        document = pikepdf.open(file, suppress_warnings=True)
    except pikepdf.PasswordError:
        return {"encrypted": True}
    except (pikepdf.PdfError, ValueError, RuntimeError):
        return {"flaw": "not_openable"}
    with document:
        if document.is_encrypted:
            return {"encrypted": True}
        try:
            pages = [page.obj for page in document.pages[:_MAX_PAGES]]
            return {
                "placeholder": _placeholder(document.Root),
                "pages": len(document.pages),
                "measured_pages": [_measure_page(page) for page in pages],
                "missing_fonts": sorted(_missing_fonts(pages))[:_MAX_FONTS],
                "repaired": bool(document.get_warnings()),
            }
        except (pikepdf.PdfError, ValueError, RuntimeError, TypeError, ArithmeticError, AttributeError):
            return {"flaw": "pages_damaged"}


def _placeholder(root: Any) -> str:
    """Return the type of a document whose page is only a note to the reader, else an empty string."""
    if "/Collection" in root:
        return "portfolio"
    form = root.get("/AcroForm")
    return "dynamic_form" if root.get("/NeedsRendering") and form is not None and "/XFA" in form else ""


def _inherited(page: Any, key: str) -> Any:
    """Return the value of the page, or of its nearest ancestor in the page tree that has one."""
    for _ in range(_MAX_PARENTS):
        if page is None or key in page:
            break
        page = page.get("/Parent")
    return None if page is None else page.get(key)


def _measure_page(page: Any) -> dict[str, Any]:
    scale = float(page.get("/UserUnit", 1)) * _MM_PER_POINT
    is_rotated = int(_inherited(page, "/Rotate") or 0) % 180 != 0

    def size(box: Any) -> Size:
        left, bottom, right, top = map(float, box)
        width, height = abs(right - left) * scale, abs(top - bottom) * scale
        if not width * height:
            raise ValueError("the page has no area")
        return (height, width) if is_rotated else (width, height)

    box = page.get("/BleedBox") or _inherited(page, "/CropBox") or _inherited(page, "/MediaBox")
    trim = page.get("/TrimBox")
    return {"size": size(box), "trim": None if trim is None else size(trim)}


def _missing_fonts(pages: list[Any]) -> set[str]:
    return {
        _font_name(font)
        for resources in _all_resources(pages)
        for font in _values(resources, "/Font")
        if not _is_embedded(font)
    }


def _all_resources(pages: list[Any]) -> Iterator[Any]:
    """Yield the resources of the pages, and of all forms and patterns drawn on them, each once."""
    import pikepdf

    remaining = [_inherited(page, "/Resources") for page in pages]
    seen: set[tuple[int, int]] = set()
    for _ in range(_MAX_RESOURCES):
        if not remaining:
            return
        resources = remaining.pop()
        if not isinstance(resources, pikepdf.Dictionary) or (resources.is_indirect and resources.objgen in seen):
            continue
        seen.add(resources.objgen)
        yield resources
        for category in ("/XObject", "/Pattern"):
            for drawn in _values(resources, category):
                if drawn.objgen not in seen and "/Resources" in drawn:
                    seen.add(drawn.objgen)
                    remaining.append(drawn["/Resources"])


def _values(resources: Any, category: str) -> list[Any]:
    import pikepdf

    named = resources.get(category)
    values = [value for _, value in named.items()] if isinstance(named, pikepdf.Dictionary) else []
    return [value for value in values if isinstance(value, pikepdf.Dictionary | pikepdf.Stream)]


def _is_embedded(font: Any) -> bool:
    """Whether the outlines of the font are in the file. A Type 3 font consists of drawings, which always are."""
    if font.get("/Subtype") == "/Type3":
        return True
    descendants = font.get("/DescendantFonts")
    described = descendants[0] if descendants is not None and len(descendants) else font
    descriptor = described.get("/FontDescriptor")
    return descriptor is not None and any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3"))


def _font_name(font: Any) -> str:
    return str(font.get("/BaseFont", "/(no name)")).lstrip("/")

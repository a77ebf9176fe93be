"""Is a PDF fit for print: does it open without a password, are its pages of the right size, are its fonts in it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BufferedReader
from typing import Any

from attrs import frozen

from remote_artwork.client import ArtworkReader
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import Finding, Severity
from remote_artwork.preflight.base import PageFacts, PdfFacts, Size, passed, rejection, strictly, warning
from remote_artwork.preflight.sandbox import ResourceLimitExceeded, measure_apart

_MM = 25.4 / 72
_MOST_PAGES = 1_000
_MOST_OBJECTS = 20_000
"""Resources that are looked through for fonts, counted over all pages."""
_MOST_PARENTS = 64
_MOST_FONTS = 20


def pdf_facts(file: BufferedReader) -> dict[str, Any]:
    """The arguments of ``PdfFacts`` for a file that begins as a PDF."""
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
            pages = [page.obj for page in document.pages[:_MOST_PAGES]]
            return {
                "stand_in": _stand_in(document.Root),
                "pages": len(document.pages),
                "sheets": [_sheet(page) for page in pages],
                "fonts": sorted(_lacking_fonts(pages))[:_MOST_FONTS],
                "repaired": bool(document.get_warnings()),
            }
        except (pikepdf.PdfError, ValueError, RuntimeError, TypeError, ArithmeticError, AttributeError):
            return {"flaw": "pages_damaged"}


def _stand_in(root: Any) -> str:
    """What the document shows in place of its pages, which are only a note to the reader; empty where it is they."""
    if "/Collection" in root:
        return "portfolio"
    form = root.get("/AcroForm")
    return "dynamic_form" if root.get("/NeedsRendering") and form is not None and "/XFA" in form else ""


def _inherited(page: Any, key: str) -> Any:
    """A page's own value, or that of the nearest branch of the page tree which has one."""
    for _ in range(_MOST_PARENTS):
        if page is None or key in page:
            break
        page = page.get("/Parent")
    return None if page is None else page.get(key)


def _sheet(page: Any) -> dict[str, Any]:
    scale = float(page.get("/UserUnit", 1)) * _MM
    turned = int(_inherited(page, "/Rotate") or 0) % 180 != 0

    def size(box: Any) -> tuple[float, float]:
        left, bottom, right, top = map(float, box)
        width, height = abs(right - left) * scale, abs(top - bottom) * scale
        if not width * height:
            raise ValueError("a page of no size")
        return (height, width) if turned else (width, height)

    box = page.get("/BleedBox") or _inherited(page, "/CropBox") or _inherited(page, "/MediaBox")
    trim = page.get("/TrimBox")
    return {"size": size(box), "trim": None if trim is None else size(trim)}


def _lacking_fonts(pages: list[Any]) -> set[str]:
    return {_name(font) for resources in _all_resources(pages) for font in _values(resources, "/Font") if _lacks(font)}


def _all_resources(pages: list[Any]) -> Iterator[Any]:
    """The resources of the pages, and of all forms that are drawn within them, each once."""
    import pikepdf

    left = [_inherited(page, "/Resources") for page in pages]
    seen: set[tuple[int, int]] = set()
    for _ in range(_MOST_OBJECTS):
        if not left:
            return
        resources = left.pop()
        if not isinstance(resources, pikepdf.Dictionary) or (resources.is_indirect and resources.objgen in seen):
            continue
        seen.add(resources.objgen)
        yield resources
        for kind in ("/XObject", "/Pattern"):
            for drawn in _values(resources, kind):
                if drawn.objgen not in seen and "/Resources" in drawn:
                    seen.add(drawn.objgen)
                    left.append(drawn["/Resources"])


def _values(resources: Any, kind: str) -> list[Any]:
    import pikepdf

    named = resources.get(kind)
    values = [value for _, value in named.items()] if isinstance(named, pikepdf.Dictionary) else []
    return [value for value in values if isinstance(value, pikepdf.Dictionary | pikepdf.Stream)]


def _lacks(font: Any) -> bool:
    """Whether a font's outlines are not in the file; a Type 3 font is made of drawings in the file."""
    if font.get("/Subtype") == "/Type3":
        return False
    inner = font.get("/DescendantFonts")
    descriptor = (inner[0] if inner is not None and len(inner) else font).get("/FontDescriptor")
    return descriptor is None or not any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3"))


def _name(font: Any) -> str:
    return str(font.get("/BaseFont", "/(no name)")).lstrip("/")


_TOLERANCE_MM = 0.5
"""On each edge."""
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
        except ResourceLimitExceeded as error:
            return [rejection("too_complex", medium="pdf_file", error=str(error))]
        return strictly(self._judge(facts, item.print_size_mm), self.reject_for)

    def _judge(self, facts: PdfFacts, print_size_mm: Size | None) -> Iterator[Finding]:
        if facts.encrypted:
            yield rejection("encrypted")
        elif facts.flaw:
            yield rejection("damaged", medium="pdf_file", flaw=facts.flaw)
        elif facts.stand_in:
            yield rejection(facts.stand_in)
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
                yield self._size(facts.sheets, print_size_mm)
            yield _fonts(facts.fonts)

    def _size(self, sheets: Iterable[PageFacts], print_size_mm: Size) -> Finding:
        """The first page that does not fit, else the first page."""
        verdicts = [self._sheet(number, sheet, print_size_mm) for number, sheet in enumerate(sheets, start=1)]
        return next((verdict for verdict in verdicts if verdict.severity is not Severity.PASS), verdicts[0])

    def _sheet(self, number: int, sheet: PageFacts, print_size_mm: Size) -> Finding:
        shown = sheet.trim or sheet.size
        measured, required = _mm(shown), _mm(print_size_mm)
        page = {"page": number, "width_mm": shown[0], "height_mm": shown[1]}
        beyond = _beyond(sheet.size, print_size_mm)
        if sheet.trim is not None:
            fits = all(abs(side) <= _TOLERANCE_MM for side in _beyond(sheet.trim, print_size_mm))
        else:
            fits = min(beyond) >= -_TOLERANCE_MM and max(beyond) <= max(self.bleed_mm, _USUAL_BLEED_MM) + _TOLERANCE_MM
        if not fits:
            note = reason("page_size_differs", width_mm=print_size_mm[0], height_mm=print_size_mm[1])
            return warning("page_size", measured, required, note, **page)
        bleed = max(min(beyond), 0)
        if min(beyond) < self.bleed_mm - _TOLERANCE_MM:
            least = f"at least {self.bleed_mm:g} mm"
            return warning("bleed", f"{bleed:.1f} mm", least, page=number, bleed_mm=bleed, required_mm=self.bleed_mm)
        return passed("page_size", measured, required, **page)


def _beyond(size: Size, print_size_mm: Size) -> tuple[float, float]:
    """How far the shorter and the longer sides reach beyond the print, on each edge; pages are turned to fit."""
    short, long = (side - length for side, length in zip(sorted(size), sorted(print_size_mm), strict=True))
    return short / 2, long / 2


def _fonts(lacking: tuple[str, ...]) -> Finding:
    required = "all fonts embedded"
    if not lacking:
        return passed("fonts", required, required)
    return warning("font_not_embedded", f"not embedded: {', '.join(lacking)}", required, fonts=list(lacking))


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"


def _mm(size: Size) -> str:
    return f"{size[0]:.0f} × {size[1]:.0f} mm"

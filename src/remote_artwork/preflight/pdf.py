"""Measures a PDF with pikepdf (qpdf). Runs in a process of its own: see ``apart``.

Only what is asked for is read: the cross-reference table, the pages, and what they say of their fonts.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from typing import Any

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
        return {"flaw": "it cannot be opened"}
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
            return {"flaw": "its pages are damaged"}


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

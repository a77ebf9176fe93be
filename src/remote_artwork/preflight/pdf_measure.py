"""Opens a PDF and measures it: its pages and boxes, whether it permits printing, and whether it was repaired.

Runs in the sandbox. pikepdf (qpdf) opens the file. What it refuses, PDFium opens, because a printer may as well.
"""

from __future__ import annotations

import io
import math
import os
import re
import zlib
from typing import Any, BinaryIO

from remote_artwork.preflight.pdf_content import ContentCheck
from remote_artwork.preflight.pdf_fonts import fonts_not_embedded
from remote_artwork.preflight.range_file import RangeFile

Rectangle = tuple[float, float, float, float]
"""(left, bottom, right, top) in points."""

_MM_PER_POINT = 25.4 / 72
_LETTER: Rectangle = (0.0, 0.0, 612.0, 792.0)
"""The page that programs show if its media box is missing or invalid."""
_MAX_INFLATED = 64 * 1024**2
"""Bytes of the data that describes objects. Pictures are inflated in parts."""
_MAX_PAGES = 1_000
_MAX_PARENTS = 64
_MAX_FONTS = 20


def measure_pdf(file: BinaryIO, *, cpu_seconds: float = math.inf) -> dict[str, Any]:
    """Measure a PDF. Returns the argument of ``PdfFacts.from_json``.

    Args:
        file: The file.
        cpu_seconds: CPU time after which the rest of the content is not decoded.
    """
    import pikepdf

    pikepdf.settings.set_qpdf_limits(flate_max_memory=_MAX_INFLATED, run_length_max_memory=_MAX_INFLATED)
    try:
        document, repaired = _open(file)
    except _NotOpenedError as error:
        return error.facts
    with document:
        try:
            facts = _measure(document, repaired=repaired, cpu_seconds=cpu_seconds)
        except (pikepdf.PdfError, ValueError, RuntimeError, TypeError, ArithmeticError, AttributeError):
            return {"flaw": "pages_damaged"}
    if facts.get("repaired") and facts["pages"] != _pages_in_pdfium(file):
        return {"flaw": "not_openable"}
    return facts


def _measure(document: Any, *, repaired: bool, cpu_seconds: float) -> dict[str, Any]:
    if document.is_encrypted and not document.allow.print_highres:
        return {"printing_forbidden": True}
    pages = [page.obj for page in document.pages[:_MAX_PAGES]]
    content = ContentCheck(cpu_seconds=cpu_seconds)
    content.check(pages)
    if content.is_damaged:
        return {"flaw": "content_damaged"}
    fonts = fonts_not_embedded(document, pages, has_time=content.has_time)
    warnings = _Warnings(document)
    if warnings.lost_objects or (content.has_lost_objects and warnings.is_damaged):
        return {"flaw": "part_missing"}
    return {
        "placeholder": _placeholder(document.Root),
        "pages": len(document.pages),
        "measured_pages": [
            _measure_page(page, has_media_box=page.objgen not in warnings.no_media_box) for page in pages
        ],
        "missing_fonts": sorted(fonts or ())[:_MAX_FONTS],
        "fonts_unknown": fonts is None,
        "partly_decoded": content.is_partial or len(document.pages) > _MAX_PAGES,
        "repaired": repaired or warnings.repaired,
    }


# Opening.

_END_MARKER = b"%%EOF"
_QPDF_TAIL = 1_024
"""qpdf and other programs look for the end marker in this many bytes. They repair a file with more behind it."""
_MAX_TAIL = 4 * 1024**2
_TABLE_OFFSET = re.compile(rb"startxref\s+(\d+)")
_OBJECT_STREAM = re.compile(rb"/(?:ObjStm|XRef)\b.{0,500}?\bstream\r?\n", re.DOTALL)
_MAX_SEARCHED = 16 * 1024**2
_TABLE = re.compile(rb"\s*(?:xref\b|\d+\s+\d+\s+obj\b)")


class _NotOpenedError(Exception):
    """The file cannot be opened. ``facts`` says why."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(facts)
        self.facts = facts


def _open(file: BinaryIO) -> tuple[Any, bool]:
    """Return the document, and whether it had to be repaired although qpdf does not say so."""
    import pikepdf

    try:
        return pikepdf.open(_without_trailer(file), suppress_warnings=True), False
    except pikepdf.PasswordError:
        raise _NotOpenedError(encrypted=True) from None
    except (pikepdf.PdfError, ValueError, RuntimeError):
        if _has_too_large_objects(file):
            raise _NotOpenedError(flaw="memory_limit") from None
        copy = _copy_with_pdfium(file)
        if copy is None:
            raise _NotOpenedError(flaw="not_openable") from None
        return copy, not _has_table(file)


def _without_trailer(file: BinaryIO) -> Any:
    """Return the file without what follows its end marker, if that is more than qpdf accepts."""
    size = file.seek(0, os.SEEK_END)
    if _END_MARKER in _read(file, size - _QPDF_TAIL, _QPDF_TAIL):
        return file
    start = max(size - _MAX_TAIL, 0)
    end = _read(file, start, _MAX_TAIL).rfind(_END_MARKER)
    return file if end < 0 else io.BufferedReader(_Beginning(file, start + end + len(_END_MARKER)))


def _read(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(max(start, 0))
    return file.read(length)


class _Beginning(RangeFile):
    """The first bytes of a file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(size)
        self._file = file

    def _read_at(self, start: int, length: int) -> bytes:
        return _read(self._file, start, length)


def _copy_with_pdfium(file: BinaryIO) -> Any:
    """Return a document with the same pages, with its objects numbered anew, or None if PDFium cannot open the file.

    qpdf refuses a valid file with high object numbers and few bytes.
    """
    import pikepdf
    import pypdfium2

    file.seek(0)
    try:
        original = pypdfium2.PdfDocument(file)
        if len(original) == 0:
            return None
        copy, data = pypdfium2.PdfDocument.new(), io.BytesIO()
        copy.import_pages(original)
        copy.save(data)
        return pikepdf.open(data, suppress_warnings=True)
    except (pypdfium2.PdfiumError, pikepdf.PdfError, ValueError, RuntimeError):
        return None


def _pages_in_pdfium(file: BinaryIO) -> int:
    """Return the number of pages that PDFium finds, or 0 if it cannot repair the file."""
    import pypdfium2

    file.seek(0)
    try:
        return len(pypdfium2.PdfDocument(file))
    except pypdfium2.PdfiumError:
        return 0


def _has_too_large_objects(file: BinaryIO) -> bool:
    """Whether a stream of objects inflates to more than any program needs. PDFium would take all memory."""
    data = _read(file, 0, _MAX_SEARCHED)
    for found in _OBJECT_STREAM.finditer(data):
        stream = zlib.decompressobj()
        try:
            stream.decompress(data[found.end() :], _MAX_INFLATED)
        except zlib.error:
            continue
        if stream.unconsumed_tail:
            return True
    return False


def _has_table(file: BinaryIO) -> bool:
    """Whether the table of the objects is where the file says."""
    size = file.seek(0, os.SEEK_END)
    offsets = _TABLE_OFFSET.findall(_read(file, size - _QPDF_TAIL, _QPDF_TAIL))
    return bool(offsets) and _TABLE.match(_read(file, int(offsets[-1]), 64)) is not None


class _Warnings:
    """What qpdf warned about. Most warnings are about details that have no effect on what is printed."""

    _NO_MEDIA_BOX = re.compile(r"object (\d+) (\d+)\b.*MediaBox is undefined")
    _LOST = re.compile(
        r"giving up on reading object|unable to recover stream data|not found in file after regenerating"
        r"|tree includes non-dictionary"
    )
    _REPAIRED = re.compile(r"Attempting to reconstruct|unknown token|unexpected|expected dictionary key|treating")

    _DAMAGED = re.compile(r"file is damaged|expected n n obj|expected end|EOF|duplicated key")

    def __init__(self, document: Any) -> None:
        texts = [str(warning) for warning in document.get_warnings()]
        media_boxes = [found for text in texts if (found := self._NO_MEDIA_BOX.search(text))]
        self.no_media_box = {(int(found.group(1)), int(found.group(2))) for found in media_boxes}
        self.lost_objects = any(self._LOST.search(text) for text in texts)
        self.repaired = any(self._REPAIRED.search(text) for text in texts)
        self.is_damaged = self.repaired or any(self._DAMAGED.search(text) for text in texts)


def _placeholder(root: Any) -> str:
    """Return the type of a document whose page is only a note to the reader, else an empty string."""
    names = root.get("/Names")
    if "/Collection" in root and names is not None and "/EmbeddedFiles" in names:
        return "portfolio"
    form = root.get("/AcroForm")
    return "dynamic_form" if root.get("/NeedsRendering") and form is not None and "/XFA" in form else ""


# Pages and their boxes.


def inherited(page: Any, key: str) -> Any:
    """Return the value of the page, or of its nearest ancestor in the page tree that has one."""
    for _ in range(_MAX_PARENTS):
        if page is None or key in page:
            break
        page = page.get("/Parent")
    return None if page is None else page.get(key)


def _measure_page(page: Any, *, has_media_box: bool) -> dict[str, Any]:
    unit = _number(page.get("/UserUnit")) or 1.0
    scale = (unit if unit > 0 else 1.0) * _MM_PER_POINT
    is_rotated = int((_number(inherited(page, "/Rotate")) or 0.0) / 90) % 2 != 0
    ignored: list[str] = []

    def box(name: str, value: Any, within: Rectangle | None) -> Rectangle | None:
        found = _rectangle(value)
        if found is not None and within is not None:
            found = _intersection(found, within)
        if found is None and value is not None:
            ignored.append(name)
        return found

    def size(rectangle: Rectangle) -> tuple[float, float]:
        width, height = (rectangle[2] - rectangle[0]) * scale, (rectangle[3] - rectangle[1]) * scale
        return (height, width) if is_rotated else (width, height)

    media = box("MediaBox", inherited(page, "/MediaBox"), None) if has_media_box else None
    if media is None:
        media, ignored = _LETTER, ["MediaBox"]
    shown = box("CropBox", inherited(page, "/CropBox"), media) or media
    trim = box("TrimBox", page.get("/TrimBox"), media)
    bleed = box("BleedBox", page.get("/BleedBox"), media if trim else shown) or shown
    margins = trim and (trim[0] - bleed[0], trim[1] - bleed[1], bleed[2] - trim[2], bleed[3] - trim[3])
    return {
        "size": size(bleed),
        "trim": trim and size(trim),
        "bleed": min(margins) * scale if margins else 0.0,
        "ignored_boxes": ignored,
    }


def _number(value: Any) -> float | None:
    """Return a finite number, or None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) and not isinstance(value, str) else None


def _rectangle(value: Any) -> Rectangle | None:
    """Return a box with an area, or None. Its corners can have any order."""
    try:
        left, bottom, right, top = map(_number, value)
    except (TypeError, ValueError):
        return None
    if left is None or bottom is None or right is None or top is None:
        return None
    return _with_area((min(left, right), min(bottom, top), max(left, right), max(bottom, top)))


def _intersection(one: Rectangle, other: Rectangle) -> Rectangle | None:
    left, bottom = max(one[0], other[0]), max(one[1], other[1])
    return _with_area((left, bottom, min(one[2], other[2]), min(one[3], other[3])))


def _with_area(rectangle: Rectangle) -> Rectangle | None:
    left, bottom, right, top = rectangle
    return rectangle if right > left and top > bottom else None

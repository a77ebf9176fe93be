"""The fonts that draw something in a PDF and are not embedded in it. Runs in the sandbox.

A font counts if text is drawn with it: on a page, in a form or pattern drawn on it, in an annotation, or in the value
of a form field that has no drawing yet. Invisible text, as text recognition adds it, does not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from attrs import define, field

_MAX_DEPTH = 32
_HIDDEN = 2
"""The flag of an annotation that is neither shown nor printed."""
_INVISIBLE = 3
"""The text rendering mode."""
_FONT_OF_FIELD = re.compile(rb"/([^\s/<>()\[\]]+)\s+[-+.\d]+\s+Tf")
_OPERATORS = "Tf Tr Tj TJ ' \" gs q Q Do"
_FONT_FILES = ("/FontFile", "/FontFile2", "/FontFile3")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")


def fonts_not_embedded(document: Any, pages: Iterable[Any], *, has_time: Callable[[], bool]) -> set[str] | None:
    """Return the names of the fonts, or None if they cannot be determined.

    Args:
        document: The document.
        pages: Its pages.
        has_time: Returns whether there is time to read drawing operations. Without, all fonts of a page count.
    """
    import pikepdf

    search = _FontSearch(has_time=has_time)
    try:
        for page in pages:
            search.add_page(page)
        search.add_form_fields(document.Root.get("/AcroForm"))
    except (pikepdf.PdfError, ValueError, TypeError, AttributeError, RuntimeError, ArithmeticError):
        return None
    return search.names


@define(kw_only=True)
class _FontSearch:
    """Collects the names of fonts."""

    has_time: Callable[[], bool]
    names: set[str] = field(factory=set)
    _drawn: set[tuple[int, int]] = field(factory=set)
    _searched: dict[tuple[int, int], bool] = field(factory=dict)

    def add_page(self, page: Any) -> None:
        from remote_artwork.preflight.pdf_measure import inherited

        _remove_empty_content(page)
        self._add_drawing(page, inherited(page, "/Resources"), depth=0)
        for annotation in _dictionaries(page.get("/Annots")):
            for appearance in _appearances(annotation):
                self._add_drawing(appearance, appearance.get("/Resources"), depth=1)

    def add_form_fields(self, form: Any) -> None:
        """Add the fonts of values that a program draws when it opens the file."""
        if form is None:
            return
        for leaf, default, value in _fields(form.get("/Fields"), form.get("/DA"), None):
            if value is None or any(True for _ in _appearances(leaf)):
                continue
            named = _FONT_OF_FIELD.search(bytes(default or b""))
            fonts = (form.get("/DR") or {}).get("/Font")
            if named and fonts is not None:
                key = "/" + named.group(1).decode("utf-8", "replace")
                self._add_font(fonts.get(key))

    def _add_drawing(self, drawing: Any, resources: Any, *, depth: int) -> None:
        """Add the fonts that a page or form draws text with."""
        if depth > _MAX_DEPTH or not self._has_missing_font(resources, depth):
            return
        fonts, drawn = _named(resources, "/Font"), _named(resources, "/XObject")
        used, shown = self._operations(drawing, fonts, resources)
        for font in used:
            self._add_font(font)
        for name, form in drawn.items():
            if (shown is None or name in shown) and form.get("/Subtype") == "/Form" and form.objgen not in self._drawn:
                self._drawn.add(form.objgen)
                self._add_drawing(form, form.get("/Resources", resources), depth=depth + 1)
        for pattern in _named(resources, "/Pattern").values():
            if "/Resources" in pattern and pattern.objgen not in self._drawn:
                self._drawn.add(pattern.objgen)
                self._add_drawing(pattern, pattern.get("/Resources"), depth=depth + 1)
        for font in fonts.values():
            if font.get("/Subtype") == "/Type3" and "/Resources" in font and font.objgen not in self._drawn:
                self._drawn.add(font.objgen)
                for glyph in (font.get("/CharProcs") or {}).values():
                    self._add_drawing(glyph, font.get("/Resources"), depth=depth + 1)

    def _has_missing_font(self, resources: Any, depth: int) -> bool:
        """Whether a font below these resources is not embedded. In most files there is none, and that is all."""
        import pikepdf

        if not isinstance(resources, pikepdf.Dictionary) or depth > _MAX_DEPTH:
            return False
        if resources.is_indirect and resources.objgen in self._searched:
            return self._searched[resources.objgen]
        if resources.is_indirect:
            self._searched[resources.objgen] = False
        found = any(not _is_embedded(font) for font in _named(resources, "/Font").values()) or any(
            self._has_missing_font(drawing.get("/Resources"), depth + 1)
            for category in ("/XObject", "/Pattern", "/Font")
            for drawing in _named(resources, category).values()
            if "/Resources" in drawing
        )
        if resources.is_indirect:
            self._searched[resources.objgen] = found
        return found

    def _operations(self, drawing: Any, fonts: dict[str, Any], resources: Any) -> tuple[list[Any], set[str] | None]:
        """Return the fonts that visible text is drawn with, and the names of the forms that are drawn.

        The names are None, and the fonts are all, if the operations cannot be read.
        """
        import pikepdf

        if not self.has_time():
            return list(fonts.values()), None
        text = _Text(fonts=fonts, states=_named(resources, "/ExtGState"))
        try:
            for instruction in pikepdf.parse_content_stream(drawing, operators=_OPERATORS):
                text.apply(str(instruction.operator), list(instruction.operands))
        except (pikepdf.PdfError, ValueError, TypeError):
            return list(fonts.values()), None
        return list(text.used.values()), text.forms

    def _add_font(self, font: Any) -> None:
        if font is not None and not _is_embedded(font):
            self.names.add(_font_name(font))


@define(kw_only=True)
class _Text:
    """The state of text while drawing operations are read.

    Args:
        fonts: The fonts by the names of the operations.
        states: The graphics states by their names.
        used: The fonts that visible text was drawn with.
        forms: The names of the forms and pictures that were drawn.
    """

    fonts: dict[str, Any]
    states: dict[str, Any]
    used: dict[str, Any] = field(factory=dict)
    forms: set[str] = field(factory=set)
    _font: str = ""
    _mode: int = 0
    _saved: list[tuple[str, int]] = field(factory=list)

    def apply(self, operator: str, operands: list[Any]) -> None:
        """Apply one operation."""
        if operator == "q":
            self._saved.append((self._font, self._mode))
        elif operator == "Q":
            self._font, self._mode = self._saved.pop() if self._saved else ("", 0)
        elif operands:
            self._apply_value(operator, operands)

    def _apply_value(self, operator: str, operands: list[Any]) -> None:
        if operator == "Tf":
            self._font = str(operands[0])
        elif operator == "Tr":
            self._mode = int(operands[0])
        elif operator == "Do":
            self.forms.add(str(operands[0]))
        elif operator == "gs":
            self._apply_state(str(operands[0]))
        elif self._font in self.fonts and self._mode != _INVISIBLE and _draws(operands[-1]):
            self.used[self._font] = self.fonts[self._font]

    def _apply_state(self, name: str) -> None:
        described = self.states[name].get("/Font") if name in self.states else None
        if described is not None:
            self._font = f"{name} of the graphics state"
            self.fonts[self._font] = described[0]


def _remove_empty_content(page: Any) -> None:
    """Remove the entries of a page's content that are not there. pikepdf refuses them, and programs ignore them."""
    import pikepdf

    content = page.get("/Contents")
    if isinstance(content, pikepdf.Array) and not all(isinstance(part, pikepdf.Stream) for part in content):
        page["/Contents"] = pikepdf.Array([part for part in content if isinstance(part, pikepdf.Stream)])


def _draws(text: Any) -> bool:
    """Whether there is anything but spaces in a string, or in a list of strings and distances."""
    import pikepdf

    parts = text if isinstance(text, pikepdf.Array) else [text]
    return any(bytes(part).strip(b" ") for part in parts if isinstance(part, pikepdf.String))


def _named(resources: Any, category: str) -> dict[str, Any]:
    """Return the dictionaries and streams of a category of resources by their names."""
    import pikepdf

    named = resources.get(category) if isinstance(resources, pikepdf.Dictionary) else None
    values = named.items() if isinstance(named, pikepdf.Dictionary) else ()
    return {name: value for name, value in values if isinstance(value, pikepdf.Dictionary | pikepdf.Stream)}


def _dictionaries(values: Any) -> Iterator[Any]:
    import pikepdf

    if isinstance(values, pikepdf.Array):
        yield from (value for value in values if isinstance(value, pikepdf.Dictionary))


def _appearances(annotation: Any) -> Iterator[Any]:
    """Yield the drawing of an annotation that is shown."""
    import pikepdf

    drawings = annotation.get("/AP")
    drawing = drawings.get("/N") if isinstance(drawings, pikepdf.Dictionary) else None
    if int(annotation.get("/F", 0)) & _HIDDEN or annotation.get("/Subtype") == "/Popup":
        return
    if isinstance(drawing, pikepdf.Dictionary) and not isinstance(drawing, pikepdf.Stream):
        drawing = drawing.get(str(annotation.get("/AS", "/Off")))
    if isinstance(drawing, pikepdf.Stream):
        yield drawing


def _fields(fields: Any, default: Any, value: Any, depth: int = 0) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (field, its default appearance, its value) for each field without further fields."""
    for child in _dictionaries(fields):
        own_default, own_value = child.get("/DA", default), child.get("/V", value)
        if "/Kids" in child and depth < _MAX_DEPTH:
            yield from _fields(child.get("/Kids"), own_default, own_value, depth + 1)
        else:
            yield child, own_default, own_value


def _is_embedded(font: Any) -> bool:
    """Whether the outlines of the font are in the file. A Type 3 font consists of drawings, which always are."""
    import pikepdf

    if font.get("/Subtype") == "/Type3":
        return True
    descendants = font.get("/DescendantFonts")
    described = descendants[0] if isinstance(descendants, pikepdf.Array) and len(descendants) else font
    descriptor = described.get("/FontDescriptor") if isinstance(described, pikepdf.Dictionary) else None
    return isinstance(descriptor, pikepdf.Dictionary) and any(key in descriptor for key in _FONT_FILES)


def _font_name(font: Any) -> str:
    """Return the name. It may have any encoding: bytes that are not UTF-8 are shown as in the file: ``#CB#CE``."""
    name = font.get("/BaseFont")
    if name is None:
        return "(no name)"
    raw = _ESCAPED.sub(lambda found: bytes.fromhex(found.group(1).decode()), name.unparse().lstrip(b"/"))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "".join(chr(byte) if 0x20 < byte < 0x7F else f"#{byte:02X}" for byte in raw)

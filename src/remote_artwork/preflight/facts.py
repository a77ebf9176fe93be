"""What was measured in a file. Checks judge these figures; nothing here decides anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from remote_artwork.core.findings import Colour

Size = tuple[float, float]


@frozen(kw_only=True)
class PictureFacts:
    """One picture.

    Args:
        width: In pixels.
        height: In pixels.
        colour: The colours it is made of.
        flaw: Why it cannot be decoded whole; empty where it can, or where that was not tried.
        decoded: Whether decoding was tried to the end.
        grey_end: Whether it ends in the grey that stands for lacking data.
    """

    width: int
    height: int
    colour: Colour
    flaw: str = ""
    decoded: bool = True
    grey_end: bool = False

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
        flaw: Why it cannot be opened; empty where it can.
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

"""Draws a small picture of a print file. Runs in a process of its own: see ``apart``."""

from __future__ import annotations

import base64
from io import BufferedReader, BytesIO
from typing import Any

_QUALITY = 82


def drawn(file: BufferedReader, *, pdf: bool, side: int) -> dict[str, Any]:
    """``{"jpeg": base64}`` of a picture or of a PDF's first page, at most ``side`` pixels wide and high."""
    picture = _first_page(file, side) if pdf else _picture(file, side)
    out = BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY)
    return {"jpeg": base64.b64encode(out.getvalue()).decode()}


def _picture(file: BufferedReader, side: int) -> Any:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # the process has no memory for a bomb
    with Image.open(file, formats=("JPEG", "PNG")) as picture:
        picture.draft("RGB", (side, side))
        if picture.mode.startswith("I"):  # 16 bits a sample
            small: Any = picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
        else:
            small = picture
        small.thumbnail((side, side))
        small = ImageOps.exif_transpose(small).convert("RGBA")
    paper = Image.new("RGB", small.size, "white")
    paper.paste(small, mask=small.getchannel("A"))
    return paper


def _first_page(file: BufferedReader, side: int) -> Any:
    import pypdfium2

    page = pypdfium2.PdfDocument(file)[0]
    return page.render(scale=side / max(page.get_size()), draw_annots=False).to_pil().convert("RGB")

"""A small picture of a print file, for people; bounded in memory and time whatever is in the file."""

from __future__ import annotations

import base64
import logging
from io import BufferedReader, BytesIO
from typing import Any

from remote_artwork.client import ArtworkReader
from remote_artwork.preflight.sandbox import ResourceLimitExceeded, measure_apart
from remote_artwork.preflight.signature import PDF, PROMISED

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


log: logging.Logger = logging.getLogger(__name__)


def thumbnail(artwork: ArtworkReader, *, side: int = 240) -> bytes | None:
    """A JPEG of at most ``side`` pixels a side: the picture, or the first page of a PDF.

    Returns:
        None where it cannot be drawn: it is damaged or too large, or the packages for it (the extra ``report``) lack.

    Raises:
        StorageError: The file could not be read.
    """
    promised = PROMISED.get(artwork.file.extension)
    if promised is None or artwork.file.size == 0:
        return None
    try:
        return base64.b64decode(measure_apart("thumbnail", artwork, pdf=promised == PDF, side=side)["jpeg"])
    except ResourceLimitExceeded as error:
        log.info("thumbnail_not_drawn", extra={"file": artwork.file.name, "why": error.what})
    except RuntimeError:
        log.warning("thumbnails_need_the_extra_report", extra={"file": artwork.file.name})
    return None

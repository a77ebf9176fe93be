"""Thumbnails: small pictures of print files for the contact sheet. The sandbox draws them."""

from __future__ import annotations

import base64
import logging
from io import BufferedReader, BytesIO
from typing import Any

from remote_artwork.client import ArtworkReader
from remote_artwork.preflight.sandbox import ResourceLimitExceeded, run_in_sandbox
from remote_artwork.preflight.signature import EXPECTED_TYPES, PDF

_JPEG_QUALITY = 82

log: logging.Logger = logging.getLogger(__name__)


def thumbnail(artwork: ArtworkReader, *, side: int = 240) -> bytes | None:
    """Draw the picture, or the first page of a PDF, as a JPEG of at most ``side`` × ``side`` pixels.

    Returns:
        None if the file cannot be drawn: it is damaged or too large, or the extra ``report`` is not installed.

    Raises:
        StorageError: The file could not be read.
    """
    file_type = EXPECTED_TYPES.get(artwork.file.extension)
    if file_type is None or artwork.file.size == 0:
        return None
    try:
        return base64.b64decode(run_in_sandbox("thumbnail", artwork, pdf=file_type == PDF, side=side)["jpeg"])
    except ResourceLimitExceeded as error:
        log.info("thumbnail_not_drawn", extra={"file": artwork.file.name, "cause": error.cause})
    except RuntimeError:
        log.warning("thumbnails_need_the_extra_report", extra={"file": artwork.file.name})
    return None


# Drawing. This code runs in the sandbox.


def draw(file: BufferedReader, *, pdf: bool, side: int) -> dict[str, Any]:
    """Draw a picture, or the first page of a PDF. Returns ``{"jpeg": base64}``."""
    picture = _draw_first_page(file, side) if pdf else _draw_picture(file, side)
    out = BytesIO()
    picture.save(out, "JPEG", quality=_JPEG_QUALITY)
    return {"jpeg": base64.b64encode(out.getvalue()).decode()}


def _draw_picture(file: BufferedReader, side: int) -> Any:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # the memory limit of the sandbox applies instead
    with Image.open(file, formats=("JPEG", "PNG")) as picture:
        picture.draft("RGB", (side, side))
        if picture.mode.startswith("I"):  # 16 bits per sample
            small: Any = picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
        else:
            small = picture
        small.thumbnail((side, side))
        small = ImageOps.exif_transpose(small).convert("RGBA")
    background = Image.new("RGB", small.size, "white")
    background.paste(small, mask=small.getchannel("A"))
    return background


def _draw_first_page(file: BufferedReader, side: int) -> Any:
    import pypdfium2

    document = pypdfium2.PdfDocument(file)
    document.init_forms()  # otherwise the values of form fields are not drawn
    page = document[0]
    return page.render(scale=side / max(page.get_size()), optimize_mode="print").to_pil().convert("RGB")

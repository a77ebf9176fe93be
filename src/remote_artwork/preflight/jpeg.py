"""Measures a JPEG with Pillow. Runs in a process of its own: see ``apart``.

Decoding in draft mode reads every byte of coded data, yet holds an eighth of the pixels a side only.
"""

from __future__ import annotations

from io import BufferedReader
from typing import Any

_COLOURS = {"L": "grey", "RGB": "rgb", "CMYK": "cmyk"}
_NO_DATA = {"L": {128}, "RGB": {128}, "CMYK": {127, 128}}
"""Values of the channels where there are none in the file; those of CMYK are mostly stored inverted."""
_ROOM = 128 * 1024**2
"""Bytes of coefficients, which progressive pictures hold whole, for which memory is surely there."""


def jpeg_facts(file: BufferedReader, *, max_pixels: int) -> dict[str, Any]:
    """The arguments of ``PictureFacts`` for a file that begins as a JPEG."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    Image.MAX_IMAGE_PIXELS = None  # the limit here is ours
    try:
        picture = JpegImageFile(file)
    except (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError):
        return {"width": 0, "height": 0, "colour": "rgb", "flaw": "its header is damaged"}
    width, height = picture.size
    facts = {"width": width, "height": height, "colour": _COLOURS.get(picture.mode, "rgb")}
    if width * height > max_pixels:
        return facts | {"decoded": False}
    densest = max(h * v for _, h, v, _ in picture.layer)
    coefficients = 2 * sum(width * height * h * v // densest for _, h, v, _ in picture.layer)
    try:
        picture.draft(None, (max(width // 8, 1), max(height // 8, 1)))
        picture.load()
    except (OSError, SyntaxError, ValueError, MemoryError) as error:
        if coefficients > _ROOM or isinstance(error, MemoryError):
            return facts | {"decoded": False}
        return facts | {"flaw": "its picture data is damaged, or a part of it is missing"}
    return facts | {"grey_end": _ends_grey(picture)}


def _ends_grey(picture: Any) -> bool:
    """Whether the last row is of the grey that a decoder puts where coded data lack, which is no error to it."""
    last = picture.crop((0, picture.height - 1, picture.width, picture.height))
    return set(last.tobytes()) <= _NO_DATA.get(last.mode, set())

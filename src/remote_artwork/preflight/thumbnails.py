"""A small picture of a print file, for people; bounded in memory and time whatever is in the file."""

from __future__ import annotations

import base64
import logging

from remote_artwork.interfaces import ArtworkReader
from remote_artwork.preflight.apart import Exhausted, measure_apart
from remote_artwork.preflight.kinds import PDF, PROMISED

_log = logging.getLogger(__name__)


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
    except Exhausted as error:
        _log.info("thumbnail_not_drawn", extra={"file": artwork.file.name, "why": error.what})
    except RuntimeError:
        _log.warning("thumbnails_need_the_extra_report", extra={"file": artwork.file.name})
    return None

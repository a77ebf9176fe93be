"""Whether the end of a file is there, as far as its first and its last bytes tell. Bytes behind the end are legal."""

from __future__ import annotations

import re

from attrs import frozen

from remote_artwork.preflight.jpeg_end import jpeg_is_whole
from remote_artwork.preflight.kinds import JPEG, PDF, PNG

_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"  # length 0, name, CRC
_PDF_END = b"%%EOF"
_PDF_GOES_ON = re.compile(rb"\b(?:obj|endobj|endstream|xref|startxref|trailer)\b")
_LINEARIZED = re.compile(rb"/Linearized\b[^>]*?/L\s+(\d+)|/L\s+(\d+)[^>]*?/Linearized\b", re.DOTALL)


@frozen(kw_only=True)
class Ends:
    """The first and the last bytes of a file; both are all of it where it is small.

    Args:
        head: The first bytes.
        tail: The last bytes.
        size: Of the whole file, in bytes.
    """

    head: bytes
    tail: bytes
    size: int


def is_whole(kind: str, ends: Ends) -> bool:
    """Whether a file of this kind has its end marker where one may stand."""
    if kind == PNG:
        return _PNG_END in ends.tail
    if kind == JPEG:
        return jpeg_is_whole(ends.head, ends.tail, ends.size)
    if kind == PDF:
        return _pdf_is_whole(ends)
    raise ValueError(f"no end is known for {kind}")


def promised_length(ends: Ends) -> int | None:
    """The length in bytes that a linearized PDF gives for itself."""
    found = _LINEARIZED.search(ends.head)
    return int(found.group(1) or found.group(2)) if found else None


def _pdf_is_whole(ends: Ends) -> bool:
    if (promised_length(ends) or 0) > ends.size:  # its first part has an end marker of its own
        return False
    _, marker, behind = ends.tail.rpartition(_PDF_END)
    # Objects behind the last end marker are an update that broke off, or the marker was that of an attachment.
    return bool(marker) and _PDF_GOES_ON.search(behind) is None

"""What a file really is, told from its first bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping

JPEG, PNG, PDF = "a JPEG picture", "a PNG picture", "a PDF"

PROMISED: Mapping[str, str] = {"jpg": JPEG, "jpeg": JPEG, "png": PNG, "pdf": PDF}
"""Extension → what the file has to be."""

SIGNATURES: Mapping[str, bytes] = {JPEG: b"\xff\xd8\xff", PNG: b"\x89PNG\r\n\x1a\n", PDF: b"%PDF-"}
"""What a whole file of the kind begins with."""

_PNG_HEADER = re.compile(rb"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
_BEFORE_PDF = re.compile(rb"\A(?:\xef\xbb\xbf)?[\0\t\n\f\r ]*")

_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (rb"\xff\xd8\xff", JPEG),
    (_PNG_HEADER.pattern, PNG),
    (rb"\x89PNG", "a damaged PNG picture, perhaps by a transfer in text mode"),
    (rb"GIF8[79]a", "a GIF picture"),
    (rb"RIFF.{4}WEBP", "a WebP picture"),
    (rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]", "a TIFF picture"),
    (rb"8BPS", "a Photoshop file (PSD)"),
    (rb".{4}ftyp(?:heic|heix|heim|heis|hevc|hevx|mif1|msf1)", "a HEIC picture"),
    (rb".{4}ftyp(?:avif|avis)", "an AVIF picture"),
    (rb".{4}ftyp", "a video"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "a JPEG XL picture"),
    (rb"BM.{4}\0\0\0\0", "a BMP picture"),
    (rb"%!PS-Adobe(?=.*%%Creator:[^\r\n]*Illustrator)", "an Adobe Illustrator file (AI)"),
    (rb"%!PS-Adobe[^\r\n]*EPSF|\xc5\xd0\xd3\xc6", "an EPS file"),
    (rb"%!", "a PostScript file"),
    (rb"\x06\x06\xed\xf5", "an InDesign file"),
    (rb"PK(?:\x03\x04|\x05\x06)", "a ZIP archive or an office document"),
    (rb"Rar!|7z\xbc\xaf|\x1f\x8b", "an archive"),
)
_TEXTS: tuple[tuple[bytes, str], ...] = (
    (rb"<(?:!doctype\s+html|html|head|body)\b", "a web page (an error page was perhaps saved in place of the picture)"),
    (rb"(?:<\?xml.*?)?(?:<!--.*?-->\s*)?(?:<!doctype\s+svg.*?)?<svg\b", "an SVG drawing"),
    (rb"(?:<\?xml.*?)?<error>", "an error message of a storage, not the file itself"),
    (rb"<\?xml", "an XML file"),
    (rb"%PDF-", PDF),
)
_KINDS = [
    *((re.compile(rb"\A(?:" + pattern + rb")", re.DOTALL), kind) for pattern, kind in _BEGINNINGS),
    *((re.compile(_BEFORE_PDF.pattern + pattern, re.DOTALL | re.IGNORECASE), kind) for pattern, kind in _TEXTS),
    (re.compile(rb".*?%PDF-\d", re.DOTALL), "a PDF with foreign bytes in front of it"),
]


def kind_of(head: bytes) -> str | None:
    """What the file is, with its article; None when it cannot be told.

    Args:
        head: The first bytes of the file, 1,024 or all of them.
    """
    return next((kind for pattern, kind in _KINDS if pattern.match(head)), None)


def breaks_off_within(head: bytes, promised: str) -> bool:
    """Whether the whole file is no more than the first bytes of what it has to be.

    Args:
        head: The whole file.
        promised: A key of ``SIGNATURES``.
    """
    longest = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" if promised == PNG else SIGNATURES[promised]
    return longest.startswith(head)

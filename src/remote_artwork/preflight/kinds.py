"""What a file really is, told from its first bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping

JPEG, PNG, PDF = "a JPEG picture", "a PNG picture", "a PDF"
WEB_PAGE, ERROR_MESSAGE = "a web page, perhaps an error page", "the error message of a storage"

PROMISED: Mapping[str, str] = {"jpg": JPEG, "jpeg": JPEG, "png": PNG, "pdf": PDF}
"""Extension → what the file has to be."""

_SIGNATURES: Mapping[str, bytes] = {
    JPEG: b"\xff\xd8\xff",
    PNG: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    PDF: b"%PDF-",
}
_BEFORE_TEXT = rb"\A(?:\xef\xbb\xbf)?[\0\t\n\f\r ]*"

_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (rb"\xff\xd8\xff", JPEG),
    (rb"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", PNG),
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
    (rb"<(?:!doctype\s+html|html|head|body)\b", WEB_PAGE),
    (rb"(?:<\?xml.*?)?(?:<!--.*?-->\s*)?(?:<!doctype\s+svg.*?)?<svg\b", "an SVG drawing"),
    (rb"(?:<\?xml.*?)?<error>", ERROR_MESSAGE),
    (rb"<\?xml", "an XML file"),
    (rb"(?-i:%PDF-)", PDF),
)
_KINDS = [
    *((re.compile(rb"\A(?:" + pattern + rb")", re.DOTALL), kind) for pattern, kind in _BEGINNINGS),
    *((re.compile(_BEFORE_TEXT + pattern, re.DOTALL | re.IGNORECASE), kind) for pattern, kind in _TEXTS),
    (re.compile(rb".*?%PDF-\d", re.DOTALL), "a PDF with foreign bytes in front of it"),
]


def kind_of(head: bytes) -> str | None:
    """What the file is, with its article; None when it cannot be told.

    Args:
        head: The first bytes of the file, 1,024 or all of them.
    """
    return next((kind for pattern, kind in _KINDS if pattern.match(head)), None)


def breaks_off_at_once(head: bytes, promised: str) -> bool:
    """Whether ``head``, all of the file, is only the beginning of what a ``promised`` file begins with."""
    return _SIGNATURES[promised].startswith(head)

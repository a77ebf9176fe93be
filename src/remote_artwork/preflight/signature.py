"""Checks that a file has the type that its name says, and is complete. Needs no package.

Two short reads are enough for most files. If they do not show the end of a file, more of it is read: see
``completeness``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from attrs import frozen

from remote_artwork.client import ArtworkReader
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.reasons import FILE_TYPES, reason
from remote_artwork.core.report import Finding
from remote_artwork.core.text import counted
from remote_artwork.preflight.base import rejection
from remote_artwork.preflight.completeness import (
    Ends,
    declared_length,
    is_text_mode,
    jpeg_is_complete,
    pdf_is_complete,
    png_is_complete,
)

HEAD_SIZE = 1_024
"""Bytes to read from the beginning of the file."""
TAIL_SIZE = 64_000
"""Bytes to read from the end. Both together are less than 64 KiB; a file no larger than that is read at once."""

JPEG, PNG, PDF = "jpeg", "png", "pdf"
WEB_PAGE, ERROR_MESSAGE, PREFIXED_PDF = "web_page", "storage_error", "prefixed_pdf"

EXPECTED_TYPES: Mapping[str, str] = {"jpg": JPEG, "jpeg": JPEG, "png": PNG, "pdf": PDF}
"""Extension → the type that the file must have."""

SIGNATURES: Mapping[str, bytes] = {
    JPEG: b"\xff\xd8\xff",
    PNG: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    PDF: b"%PDF-",
}
"""File type → the bytes that such a file begins with."""
_IS_COMPLETE: Mapping[str, Callable[[Ends, ArtworkReader], bool]] = {
    JPEG: jpeg_is_complete,
    PNG: png_is_complete,
    PDF: pdf_is_complete,
}


@frozen(kw_only=True)
class SignatureCheck:
    """The check that every file must pass before it goes to print.

    Rejects with the codes ``empty``, ``too_large``, ``wrong_type``, ``format_not_printed``, ``text_mode`` and
    ``truncated``.

    Args:
        max_file_size: In bytes. A larger file is rejected without reading it.
    """

    max_file_size: int = 1024**3

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:  # noqa: ARG002 - of the interface
        """Return at most one finding. Two reads, of less than 64 KiB together, are enough for most complete files.

        Raises:
            StorageError: The file could not be read.
        """
        size = artwork.file.size
        if size == 0:
            return [rejection("empty", _bytes(0))]
        if size > self.max_file_size:
            limit = self.max_file_size
            return [rejection("too_large", _bytes(size), f"at most {_bytes(limit)}", size=size, limit=limit)]
        return list(_check_content(artwork))


def _check_content(artwork: ArtworkReader) -> Iterator[Finding]:
    extension, size = artwork.file.extension, artwork.file.size
    expected = EXPECTED_TYPES.get(extension)
    if expected is None:
        yield rejection("format_not_printed", extension=extension)
        return
    first_read = size if size <= HEAD_SIZE + TAIL_SIZE else HEAD_SIZE
    head = artwork.read(0, first_read)
    found = detect_file_type(head[:HEAD_SIZE])
    if found == PREFIXED_PDF and expected == PDF:  # programs that open PDFs skip up to 1 KB before it
        found = PDF
    # A file that is shorter than its signature is truncated; its type is not wrong.
    if found != expected and not (len(head) < HEAD_SIZE and is_start_of(expected, head)):
        yield _wrong_type(extension, expected, found)
        return
    tail = head if first_read == size else artwork.read(size - TAIL_SIZE, TAIL_SIZE)
    received = len(head) if first_read == size else size - TAIL_SIZE + len(tail)
    ends = Ends(head=head, tail=tail, size=size)
    if received < size:
        note = reason("delivered_less", size=size, received=received)
        yield rejection("truncated", _bytes(received), _bytes(size), note)
    elif is_text_mode(tail):
        yield rejection("text_mode")
    elif found != expected or not _IS_COMPLETE[expected](ends, artwork):
        length = declared_length(ends)
        note = reason("end_missing", type=expected)
        yield rejection("truncated", _bytes(size), None if length is None else _bytes(length), note)


def _wrong_type(extension: str, expected: str, found: str | None) -> Finding:
    format_name = expected.upper()
    if found in (WEB_PAGE, ERROR_MESSAGE):
        note = reason("saved_instead_of_file", format=format_name)
    elif found is not None and found in EXPECTED_TYPES.values():
        note = reason("rename_or_save_as", extension=found, format=format_name)
    else:
        note = reason("save_as", format=format_name)
    measured = FILE_TYPES[found] if found else None
    file_type = found or f"not_{expected}"
    return rejection("wrong_type", measured, FILE_TYPES[expected], note, extension=extension, type=file_type)


def _bytes(count: int) -> str:
    return counted(count, "byte")


# The file type.

_BINARY_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (re.escape(SIGNATURES[JPEG]), JPEG),
    (re.escape(SIGNATURES[PNG]), PNG),
    (rb"\x89PNG", "damaged_png"),
    (rb"GIF8[79]a", "gif"),
    (rb"RIFF.{4}WEBP", "webp"),
    (rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]", "tiff"),
    (rb"8BPS", "psd"),
    (rb".{4}ftyp(?:heic|heix|heim|heis|hevc|hevx|mif1|msf1)", "heic"),
    (rb".{4}ftyp(?:avif|avis)", "avif"),
    (rb".{4}ftyp", "video"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "jpeg_2000"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "jpeg_xl"),
    (rb"BM.{4}\0\0\0\0", "bmp"),
    (rb"%!PS-Adobe(?=.*%%Creator:[^\r\n]*Illustrator)", "ai"),
    (rb"%!PS-Adobe[^\r\n]*EPSF|\xc5\xd0\xd3\xc6", "eps"),
    (rb"%!", "postscript"),
    (rb"\x06\x06\xed\xf5", "indesign"),
    (rb"PK(?:\x03\x04|\x05\x06)", "zip"),
    (rb"Rar!|7z\xbc\xaf|\x1f\x8b|.{257}ustar", "archive"),
)
"""Patterns of the first bytes, as they are."""
_BEFORE_TAG = rb"(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*"
_TEXT_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (_BEFORE_TAG + rb"<(?:!doctype\s+html|html|head|body|title|meta|script)\b", WEB_PAGE),
    (rb"<br\s*/?>\s*<b>(?:fatal error|parse error|warning|notice|deprecated)\b(?!.*%PDF-\d)", WEB_PAGE),  # of PHP
    (rb"(?:<\?xml.*?)?(?:<!--.*?-->\s*)?(?:<!doctype\s+svg.*?)?<svg\b", "svg"),
    (rb"(?:<\?xml.*?)?<error>", ERROR_MESSAGE),
    (rb"\{\s*\"(?:errors?|message|code|status(?:code)?|detail|title|fault|exception|success)\"\s*:", ERROR_MESSAGE),
    (rb"<\?xml", "xml"),
    (rb"(?-i:%PDF-)", PDF),
)
"""Patterns after a byte order mark and white space, in any letter case."""
_BEFORE_TEXT = rb"\A(?:\xef\xbb\xbf)?[\0\t\n\f\r ]*"
_FILE_TYPES = [
    *((re.compile(rb"\A(?:" + pattern + rb")", re.DOTALL), name) for pattern, name in _BINARY_SIGNATURES),
    *((re.compile(_BEFORE_TEXT + pattern, re.DOTALL | re.IGNORECASE), name) for pattern, name in _TEXT_SIGNATURES),
    (re.compile(rb".*?%PDF-\d", re.DOTALL), PREFIXED_PDF),
]


def detect_file_type(head: bytes) -> str | None:
    """Return the type of the file, as a code of ``core.reasons.FILE_TYPES``, or None if it is unknown.

    Args:
        head: The first 1,024 bytes of the file, or all of them.
    """
    return next((name for pattern, name in _FILE_TYPES if pattern.match(head)), None)


def is_start_of(file_type: str, content: bytes) -> bool:
    """Whether ``content``, a whole file, is the beginning of the signature of ``file_type``."""
    return SIGNATURES[file_type].startswith(content)

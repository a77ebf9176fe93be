"""Checks that a file has the type that its name says, and is complete. Needs two short reads and no package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from attrs import evolve, frozen

from remote_artwork.client import ArtworkReader
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.reasons import FILE_TYPES, reason
from remote_artwork.core.report import Finding
from remote_artwork.preflight.base import rejection

HEAD_SIZE = 1_024
"""Bytes to read from the beginning of the file."""
TAIL_SIZE = 64_000
"""Bytes to read from the end. Both together are less than 64 KiB; a file no larger than that is read at once."""

JPEG, PNG, PDF = "jpeg", "png", "pdf"
WEB_PAGE, ERROR_MESSAGE = "web_page", "storage_error"

EXPECTED_TYPES: Mapping[str, str] = {"jpg": JPEG, "jpeg": JPEG, "png": PNG, "pdf": PDF}
"""Extension → the type that the file must have."""

SIGNATURES: Mapping[str, bytes] = {
    JPEG: b"\xff\xd8\xff",
    PNG: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    PDF: b"%PDF-",
}
"""File type → the bytes that such a file begins with."""


@frozen(kw_only=True)
class SignatureCheck:
    """The check that every file must pass before it goes to print.

    Rejects with the codes ``empty``, ``too_large``, ``wrong_type``, ``format_not_printed`` and ``truncated``.

    Args:
        max_file_size: In bytes. A larger file is rejected without reading it.
    """

    max_file_size: int = 1024**3

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:  # noqa: ARG002 - of the interface
        """Return at most one finding. Makes at most two reads, of less than 64 KiB together.

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


@frozen(kw_only=True)
class Ends:
    """The first and the last bytes of a file. In a small file, each of the two is the whole file.

    Args:
        head: The first bytes.
        tail: The last bytes. They may overlap with ``head``.
        size: The size of the whole file in bytes.
    """

    head: bytes
    tail: bytes
    size: int


def _check_content(artwork: ArtworkReader) -> Iterator[Finding]:
    extension, size = artwork.file.extension, artwork.file.size
    expected = EXPECTED_TYPES.get(extension)
    if expected is None:
        yield rejection("format_not_printed", extension=extension)
        return
    first_read = size if size <= HEAD_SIZE + TAIL_SIZE else HEAD_SIZE
    head = artwork.read(0, first_read)
    found = detect_file_type(head[:HEAD_SIZE])
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
    elif found != expected or not is_complete(expected, ends):
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
    return f"{count:,} bytes"


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
    (rb"Rar!|7z\xbc\xaf|\x1f\x8b", "archive"),
)
"""Patterns of the first bytes, as they are."""
_TEXT_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (rb"<(?:!doctype\s+html|html|head|body)\b", WEB_PAGE),
    (rb"(?:<\?xml.*?)?(?:<!--.*?-->\s*)?(?:<!doctype\s+svg.*?)?<svg\b", "svg"),
    (rb"(?:<\?xml.*?)?<error>", ERROR_MESSAGE),
    (rb"<\?xml", "xml"),
    (rb"(?-i:%PDF-)", PDF),
)
"""Patterns after a byte order mark and white space, in any letter case."""
_BEFORE_TEXT = rb"\A(?:\xef\xbb\xbf)?[\0\t\n\f\r ]*"
_FILE_TYPES = [
    *((re.compile(rb"\A(?:" + pattern + rb")", re.DOTALL), name) for pattern, name in _BINARY_SIGNATURES),
    *((re.compile(_BEFORE_TEXT + pattern, re.DOTALL | re.IGNORECASE), name) for pattern, name in _TEXT_SIGNATURES),
    (re.compile(rb".*?%PDF-\d", re.DOTALL), "prefixed_pdf"),
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


# Truncation.

_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"  # length 0, name, CRC
_PDF_END = b"%%EOF"
_PDF_OBJECTS = re.compile(rb"\b(?:obj|endobj|endstream|xref|startxref|trailer)\b")
_LINEARIZED = re.compile(rb"/Linearized\b[^>]*?/L\s+(\d+)|/L\s+(\d+)[^>]*?/Linearized\b", re.DOTALL)


def is_complete(file_type: str, ends: Ends) -> bool:
    """Whether a file of this type has its end marker in a valid position."""
    if file_type == PNG:
        return _PNG_END in ends.tail
    if file_type == JPEG:
        return _jpeg_is_complete(ends)
    if file_type == PDF:
        return _pdf_is_complete(ends)
    raise ValueError(f"no end marker is known for {file_type}")


def declared_length(ends: Ends) -> int | None:
    """Return the length in bytes that a linearized PDF declares for itself."""
    found = _LINEARIZED.search(ends.head)
    return int(found.group(1) or found.group(2)) if found else None


def _pdf_is_complete(ends: Ends) -> bool:
    if (declared_length(ends) or 0) > ends.size:  # the first part of a linearized file has its own end marker
        return False
    _, marker, rest = ends.tail.rpartition(_PDF_END)
    # Objects after the last end marker belong to a truncated update, or the marker was part of an attachment.
    return bool(marker) and _PDF_OBJECTS.search(rest) is None


# A JPEG consists of segments that declare their length, and of coded data that does not. Its metadata can contain
# thumbnails, which are complete JPEGs. So an end marker counts if the segments lead to it. If they do not reach the
# tail, it counts if it follows coded data that cannot belong to a thumbnail.

_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))  # TEM, RST0 to RST7, SOI
# In coded data, FF is followed by 00 or a restart marker. Anything else ends the data.
_END_OF_DATA = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
# After the end of a thumbnail comes the next segment of the header, or the next resource of Photoshop.
_HEADER_CONTINUES = re.compile(rb"\0?(?:\xff[\xc0-\xcf\xdb\xdd\xe0-\xef\xfe]|8BIM)", re.DOTALL)
_SCAN_HEADER = re.compile(rb"\xff\xda\x00[\x06-\x0c][\x01-\x04]", re.DOTALL)
_MIN_CODED_DATA = 4_096  # this many bytes without a stray marker are coded data; a color profile has one per 256 bytes


@frozen(kw_only=True)
class _JpegPosition:
    """A position in a JPEG: at the marker of a segment, or in coded data.

    Args:
        at: Offset in the file.
        in_data: Whether it is in coded data.
        ended: Whether the end marker of the picture was found.
        lost: Whether there is no marker where one must be.
    """

    at: int
    in_data: bool = False
    ended: bool = False
    lost: bool = False


def _jpeg_is_complete(ends: Ends) -> bool:
    """Whether the end marker of the picture itself is there, not only that of a thumbnail in it."""
    tail_at = ends.size - len(ends.tail)
    position = _follow_segments(ends.head, 0, _JpegPosition(at=2))
    if not position.ended and position.at < tail_at and (position.lost or not position.in_data):
        return _ends_after_coded_data(ends.tail)
    if not position.ended:
        position = _follow_segments(ends.tail, tail_at, evolve(position, at=max(position.at, tail_at)))
    if position.lost:
        return _ends_after_coded_data(ends.tail[max(position.at - tail_at, 0) :])
    return position.ended


def _follow_segments(chunk: bytes, offset: int, position: _JpegPosition) -> _JpegPosition:
    """Continue through a chunk of the file that starts at ``offset``."""
    at, in_data = position.at - offset, position.in_data
    while True:
        if in_data:
            found = _END_OF_DATA.search(chunk, at)
            if found is None:
                return _JpegPosition(at=offset + max(at, len(chunk)), in_data=True)
            at, in_data = found.start(), False
        if at + 1 >= len(chunk):
            return _JpegPosition(at=offset + at)
        if chunk[at] != 0xFF:
            return _JpegPosition(at=offset + at, lost=True)
        marker = chunk[at + 1]
        if marker == _END_OF_IMAGE:
            return _JpegPosition(at=offset + at + 2, ended=True)
        if marker == 0xFF:  # padding
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif at + 4 > len(chunk):
            return _JpegPosition(at=offset + at)
        else:
            at += 2 + int.from_bytes(chunk[at + 2 : at + 4])
            in_data = marker == _START_OF_SCAN


def _ends_after_coded_data(tail: bytes) -> bool:
    """Whether an end marker follows coded data that cannot belong to a thumbnail."""
    last_scan = max((found.start() for found in _SCAN_HEADER.finditer(tail)), default=None)
    end = _END_OF_DATA.search(tail, 0 if last_scan is None else last_scan + 4)
    if end is None or end.group(1) != b"\xd9" or _HEADER_CONTINUES.match(tail, end.end()):
        return False
    return last_scan is not None or end.start() >= _MIN_CODED_DATA

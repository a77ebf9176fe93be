"""Is the file what its name says, and is all of it there? Needs two short reads and no package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from attrs import evolve, frozen

from remote_artwork.client import ArtworkReader
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.reasons import FILE_TYPES, reason
from remote_artwork.core.report import Finding
from remote_artwork.preflight.base import rejection

JPEG, PNG, PDF = "jpeg", "png", "pdf"
WEB_PAGE, ERROR_MESSAGE = "web_page", "storage_error"

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
_TEXTS: tuple[tuple[bytes, str], ...] = (
    (rb"<(?:!doctype\s+html|html|head|body)\b", WEB_PAGE),
    (rb"(?:<\?xml.*?)?(?:<!--.*?-->\s*)?(?:<!doctype\s+svg.*?)?<svg\b", "svg"),
    (rb"(?:<\?xml.*?)?<error>", ERROR_MESSAGE),
    (rb"<\?xml", "xml"),
    (rb"(?-i:%PDF-)", PDF),
)
_KINDS = [
    *((re.compile(rb"\A(?:" + pattern + rb")", re.DOTALL), kind) for pattern, kind in _BEGINNINGS),
    *((re.compile(_BEFORE_TEXT + pattern, re.DOTALL | re.IGNORECASE), kind) for pattern, kind in _TEXTS),
    (re.compile(rb".*?%PDF-\d", re.DOTALL), "prefixed_pdf"),
]


def kind_of(head: bytes) -> str | None:
    """What the file is, as a code of ``core.reasons.FILE_TYPES``; None when it is not recognized.

    Args:
        head: The first bytes of the file, 1,024 or all of them.
    """
    return next((kind for pattern, kind in _KINDS if pattern.match(head)), None)


def breaks_off_at_once(head: bytes, promised: str) -> bool:
    """Whether ``head``, all of the file, is only the beginning of what a ``promised`` file begins with."""
    return _SIGNATURES[promised].startswith(head)


_END = 0xD9
_LONE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length: TEM, RST0 to RST7, SOI
_SCAN = 0xDA
# In coded data FF is followed by 00 or a restart marker; anything else ends the data.
_AFTER_DATA = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
# What stands behind a thumbnail's end: the next segment of the header, or Photoshop's next resource.
_HEADER_GOES_ON = re.compile(rb"\0?(?:\xff[\xc0-\xcf\xdb\xdd\xe0-\xef\xfe]|8BIM)", re.DOTALL)
_START_OF_SCAN = re.compile(rb"\xff\xda\x00[\x06-\x0c][\x01-\x04]", re.DOTALL)

_PROOF = 4_096  # bytes without a stray marker are coded data; a color profile has one every 256 bytes or so


@frozen(kw_only=True)
class _Walk:
    """Where the walk stands: at a segment's marker, or within coded data."""

    at: int
    in_data: bool = False
    ended: bool = False
    lost: bool = False


def jpeg_is_whole(head: bytes, tail: bytes, size: int) -> bool:
    """Whether the end marker of the picture itself is there.

    Args:
        head: The first bytes, from the start of the picture on.
        tail: The last bytes; may overlap ``head``.
        size: Of the whole file, in bytes.
    """
    tail_at = size - len(tail)
    walk = _walk(head, 0, _Walk(at=2))
    if not walk.ended and walk.at < tail_at and (walk.lost or not walk.in_data):
        return _follows_coded_data(tail)
    if not walk.ended:
        walk = _walk(tail, tail_at, evolve(walk, at=max(walk.at, tail_at)))
    if walk.lost:
        return _follows_coded_data(tail[max(walk.at - tail_at, 0) :])
    return walk.ended


def _walk(piece: bytes, offset: int, walk: _Walk) -> _Walk:
    """Goes on through one known piece of the file, which begins at ``offset``."""
    at, in_data = walk.at - offset, walk.in_data
    while True:
        if in_data:
            found = _AFTER_DATA.search(piece, at)
            if found is None:
                return _Walk(at=offset + max(at, len(piece)), in_data=True)
            at, in_data = found.start(), False
        if at + 1 >= len(piece):
            return _Walk(at=offset + at)
        if piece[at] != 0xFF:
            return _Walk(at=offset + at, lost=True)
        marker = piece[at + 1]
        if marker == _END:
            return _Walk(at=offset + at + 2, ended=True)
        if marker == 0xFF:
            at += 1
        elif marker in _LONE:
            at += 2
        elif at + 4 > len(piece):
            return _Walk(at=offset + at)
        else:
            at += 2 + int.from_bytes(piece[at + 2 : at + 4])
            in_data = marker == _SCAN


def _follows_coded_data(tail: bytes) -> bool:
    """Whether an end marker stands behind coded data that cannot be a thumbnail's."""
    last_scan = max((found.start() for found in _START_OF_SCAN.finditer(tail)), default=None)
    end = _AFTER_DATA.search(tail, 0 if last_scan is None else last_scan + 4)
    if end is None or end.group(1) != b"\xd9" or _HEADER_GOES_ON.match(tail, end.end()):
        return False
    return last_scan is not None or end.start() >= _PROOF


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


HEAD = 1_024
"""Bytes read from the beginning."""
TAIL = 64_000
"""Bytes read from the end; together below 64 KiB. A file no larger than both is read in one go."""


@frozen(kw_only=True)
class SignatureCheck:
    """The check that every file passes through before it goes to print.

    Rejects with the codes ``empty``, ``too_large``, ``wrong_type`` and ``truncated``.

    Args:
        max_file_size: In bytes; a larger file is rejected unread.
    """

    max_file_size: int = 1024**3

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:  # noqa: ARG002 - of the interface
        """At most one finding. Makes at most two reads, of less than 64 KiB together.

        Raises:
            StorageError: The file could not be read.
        """
        size = artwork.file.size
        if size == 0:
            return [rejection("empty", _bytes(0))]
        if size > self.max_file_size:
            limit = self.max_file_size
            return [rejection("too_large", _bytes(size), f"at most {_bytes(limit)}", size=size, limit=limit)]
        return list(_content(artwork))


def _content(artwork: ArtworkReader) -> Iterator[Finding]:
    extension, size = artwork.file.extension, artwork.file.size
    promised = PROMISED.get(extension)
    if promised is None:
        yield rejection("format_not_printed", extension=extension)
        return
    wanted = size if size <= HEAD + TAIL else HEAD
    head = artwork.read(0, wanted)
    kind = kind_of(head[:HEAD])
    if kind != promised and not (len(head) < HEAD and breaks_off_at_once(head, promised)):
        yield _wrong_type(extension, promised, kind)
        return
    tail = head if wanted == size else artwork.read(size - TAIL, TAIL)
    received = len(head) if wanted == size else size - TAIL + len(tail)
    ends = Ends(head=head, tail=tail, size=size)
    if received < size:
        note = reason("delivered_less", size=size, received=received)
        yield rejection("truncated", _bytes(received), _bytes(size), note)
    elif kind != promised or not is_whole(promised, ends):
        length = promised_length(ends)
        note = reason("end_missing", type=promised)
        yield rejection("truncated", _bytes(size), None if length is None else _bytes(length), note)


def _wrong_type(extension: str, promised: str, kind: str | None) -> Finding:
    wanted = promised.upper()
    if kind in (WEB_PAGE, ERROR_MESSAGE):
        note = reason("saved_instead_of_file", format=wanted)
    elif kind is not None and kind in PROMISED.values():
        note = reason("rename_or_save_as", extension=kind, format=wanted)
    else:
        note = reason("save_as", format=wanted)
    measured = FILE_TYPES[kind] if kind else None
    what = kind or f"not_{promised}"
    return rejection("wrong_type", measured, FILE_TYPES[promised], note, extension=extension, type=what)


def _bytes(count: int) -> str:
    return f"{count:,} bytes"

"""Whether a JPEG, PNG or PDF has its own end, and whether a transfer in text mode changed it.

For most files, the first and the last bytes show this. If they do not, because much data follows the end of the picture
or precedes its coded data, more of the file is read until its end is found.
"""

from __future__ import annotations

import re
import zlib
from codecs import getincrementaldecoder

from attrs import evolve, frozen

from remote_artwork.client import ArtworkReader

_PART = 1024**2
"""Bytes of one read when the file is read on."""


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

    @property
    def tail_at(self) -> int:
        """The offset of the tail in the file."""
        return self.size - len(self.tail)


# PNG: a sequence of chunks that declare their length.

_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"  # length 0, name, CRC


def png_is_complete(ends: Ends, artwork: ArtworkReader) -> bool:
    """Whether the chunks lead to the last one. More data may follow it."""
    if _PNG_END in ends.tail:
        return True
    part, part_at, at = b"", 0, 8
    while at + 12 <= ends.size:
        if not part_at <= at <= part_at + len(part) - 8:
            part, part_at = artwork.read(at, _PART), at
        length, name = int.from_bytes(part[at - part_at :][:4]), part[at - part_at + 4 :][:4]
        at += 12 + length
        if name == b"IEND":
            return at <= ends.size
    return False


# PDF: the end marker comes last. Only padding and what programs append may follow it.

_PDF_END = b"%%EOF"
_PDF_TAIL = 4 * 1024**2
"""How far from the end of the file the end marker is looked for."""
_PDF_OBJECTS = re.compile(rb"\d\s+obj\b|\b(?:endobj|endstream)\b|\b(?:xref|startxref)\s+\d|\btrailer\s*<<")
_PDF_START_OF_TABLE = re.compile(rb".*\bstartxref\s+(\d+)(?:\s|\Z)", re.DOTALL)
_PDF_TABLE = re.compile(rb"\s*(?:xref\b|\d+\s+\d+\s+obj\b)")
_LINEARIZED = re.compile(rb"/Linearized\b[^>]*?/L\s+(\d+)|/L\s+(\d+)[^>]*?/Linearized\b", re.DOTALL)
_LINE_ENDS = 16
"""A linearized PDF may be shorter by this much than it declares: a program removed the line end of its last line."""


def pdf_is_complete(ends: Ends, artwork: ArtworkReader) -> bool:
    """Whether the file has its end marker, and no object after it."""
    if _PDF_END not in ends.tail and ends.tail_at > 0:
        start = max(ends.size - _PDF_TAIL, 0)
        ends = evolve(ends, tail=artwork.read(start, ends.size - start))
    before, marker, rest = ends.tail.rpartition(_PDF_END)
    if not marker:
        return _ends_with_table(ends, artwork)
    if _PDF_OBJECTS.search(rest):  # they belong to a truncated update, or the marker was part of an attachment
        return False
    missing = (declared_length(ends) or 0) - ends.size  # the first part of a linearized file has its own end marker
    return missing <= 0 or (missing <= _LINE_ENDS and not rest.strip() and before.rstrip()[-1:].isdigit())


def _ends_with_table(ends: Ends, artwork: ArtworkReader) -> bool:
    """Whether only the end marker is lost: the last line but one says where the table of all objects is."""
    found = _PDF_START_OF_TABLE.match(ends.tail)
    if found is None or _PDF_OBJECTS.search(ends.tail, found.end()):
        return False
    table_at = int(found.group(1))
    return 0 < table_at < ends.size and _PDF_TABLE.match(artwork.read(table_at, 64)) is not None


def declared_length(ends: Ends) -> int | None:
    """Return the length in bytes that a linearized PDF declares for itself."""
    found = _LINEARIZED.search(ends.head)
    return int(found.group(1) or found.group(2)) if found else None


# A JPEG consists of segments that declare their length, and of coded data that does not. Its metadata can contain
# thumbnails, which are complete JPEGs. So an end marker counts if the segments lead to it. If they do not reach the
# tail, it counts if it follows coded data that cannot belong to a thumbnail. Otherwise, more of the file is read.

_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))  # TEM, RST0 to RST7, SOI
# In coded data, FF is followed by 00 or a restart marker. Anything else ends the data.
_END_OF_DATA = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
# After the end of a thumbnail comes the next segment of the header, or the next resource of Photoshop.
_HEADER_CONTINUES = re.compile(rb"\0?(?:\xff[\xc0-\xcf\xdb\xdd\xe0-\xef\xfe]|8BIM)", re.DOTALL)
_SCAN_HEADER = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)", re.DOTALL)  # length, components
_MIN_CODED_DATA = 4_096  # this many bytes without a stray marker are coded data; a color profile has one per 256 bytes
_MIN_STUFFED = 16  # coded data has FF 00 about once in 256 bytes; what cameras append has other bytes after FF


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


def jpeg_is_complete(ends: Ends, artwork: ArtworkReader) -> bool:
    """Whether the end marker of the picture itself is there, not only that of a thumbnail in it."""
    start = _follow_segments(ends.head, 0, _JpegPosition(at=2))
    if start.ended or start.at >= ends.tail_at:
        end = start if start.ended else _follow_segments(ends.tail, ends.tail_at, start)
        return end.ended or (end.lost and _ends_after_coded_data(ends.tail[max(end.at - ends.tail_at, 0) :]))
    if start.lost:
        return _ends_after_coded_data(ends.tail)
    if start.in_data:
        if _is_coded_data(ends.tail):
            return False
        if _follow_segments(ends.tail, ends.tail_at, evolve(start, at=ends.tail_at)).ended:
            return True
    elif _ends_after_coded_data(ends.tail):
        return True
    end = _read_on(artwork, start)
    return end.ended or (end.lost and _ends_after_coded_data(ends.tail))


def _read_on(artwork: ArtworkReader, position: _JpegPosition) -> _JpegPosition:
    """Follow the segments and the coded data through the file, part by part."""
    while not position.ended and not position.lost:
        part = artwork.read(position.at, _PART)
        following = _follow_segments(part, position.at, position)
        if following == position:
            break
        position = following
    return position


def _follow_segments(chunk: bytes, offset: int, position: _JpegPosition) -> _JpegPosition:
    """Continue through a chunk of the file that starts at ``offset``."""
    at, in_data = position.at - offset, position.in_data
    while True:
        if in_data:
            found = _END_OF_DATA.search(chunk, at)
            if found is None:
                # The last byte may be the first half of a marker.
                until = len(chunk) - chunk.endswith(b"\xff")
                return _JpegPosition(at=offset + max(at, until), in_data=True)
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


def _is_coded_data(tail: bytes) -> bool:
    """Whether there is nothing but coded data."""
    return _END_OF_DATA.search(tail) is None and tail.count(b"\xff\x00") >= _MIN_STUFFED


def _ends_after_coded_data(tail: bytes) -> bool:
    """Whether an end marker follows coded data that cannot belong to a thumbnail."""
    last_scan = max((found.start() for found in _SCAN_HEADER.finditer(tail)), default=None)
    end = _END_OF_DATA.search(tail, 0 if last_scan is None else last_scan + 4)
    if end is None or end.group(1) != b"\xd9" or _HEADER_CONTINUES.match(tail, end.end()):
        return False
    return last_scan is not None or end.start() >= _MIN_CODED_DATA


# A transfer in text mode changes line ends: LF becomes CR LF, or CR is dropped. In text that is harmless. Some programs
# also take the bytes for characters, and write these as UTF-8.

_BLOCK = 8
_MIN_BINARY_DATA = 16_000
"""Bytes of binary data, without repetitions, that are needed to tell. LF and CR are each about 60 times among them."""
_HIGH_BYTES = bytes(range(0x80, 0x100))
_CONTINUATION = bytes(range(0x80, 0xC0))
_CONTROL = frozenset(range(0x20)) - frozenset(b"\t\n\f\r")
_MIN_CONTROL, _MIN_RECODED = 20, 500
"""Kinds of control characters, and characters that are not ASCII. Text has no control characters; binary data has all
kinds, and is not valid UTF-8."""


def is_text_mode(data: bytes) -> bool:
    """Whether binary data was changed by a transfer in text mode."""
    if _is_recoded(data):
        return True
    if len(data) < _MIN_BINARY_DATA or (b"\r" in data and data.count(b"\n") != data.count(b"\r\n")):
        return False
    binary = b"".join(block for at in range(0, len(data), _BLOCK) if _is_binary(block := data[at : at + _BLOCK]))
    return len(set(binary)) >= 255 and len(zlib.compress(binary, 1)) >= _MIN_BINARY_DATA


def _is_recoded(data: bytes) -> bool:
    """Whether binary data was taken for text and written as UTF-8."""
    if len(_CONTROL.intersection(data)) < _MIN_CONTROL:
        return False
    try:  # the data can begin and end within a character
        text = getincrementaldecoder("utf-8")().decode(data.lstrip(_CONTINUATION))
    except UnicodeDecodeError:
        return False
    return sum(not character.isascii() for character in text) >= _MIN_RECODED


def _is_binary(block: bytes) -> bool:
    return len(block) - len(block.translate(None, _HIGH_BYTES)) >= 2

"""Measures a PNG: every chunk is walked and the picture is inflated piece by piece, so memory does not grow with it.

Source: W3C, Portable Network Graphics (PNG) Specification (Third Edition), sections 5, 10 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from attrs import define, field

from remote_artwork.core.findings import Colour
from remote_artwork.interfaces import ArtworkReader
from remote_artwork.preflight.facts import PictureFacts

_PIECE = 256 * 1024
_LOOK_AHEAD = 64 * 1024
"""Bytes read where a chunk begins: short chunks cost no request each."""
_BEGIN = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_KNOWN = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
"""Chunks that a decoder has to understand; one that it does not know makes a file unreadable."""
_COLOURS: dict[int, Colour] = {0: "grey", 2: "rgb", 3: "rgb", 4: "grey", 6: "rgb"}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
_FILTERS = bytes(range(5))
_BYTES_A_CHUNK = 256
"""A file with shorter chunks than this on average, beyond the first 10,000, was made to waste time."""


class _Flaw(Exception):
    """Says what is wrong with the file."""


def png_facts(artwork: ArtworkReader, *, max_pixels: int) -> PictureFacts:
    """Measures a PNG; above ``max_pixels`` only its header is read.

    Raises:
        StorageError: The file could not be read.
    """
    head = artwork.read(0, 29)
    if len(head) < 29 or not head.startswith(_BEGIN):
        return PictureFacts(width=0, height=0, colour="rgb", flaw="its header is damaged")
    width, height, depth, colour, compression, filtering, interlaced = struct.unpack(">IIBBBBB", head[16:])
    methods = compression == filtering == 0 and interlaced <= 1
    if depth not in _DEPTHS.get(colour, ()) or not methods or not 0 < width < 2**31 or not 0 < height < 2**31:
        return PictureFacts(width=width, height=height, colour="rgb", flaw="its header is damaged")
    flaw, decoded = "", width * height <= max_pixels
    if decoded:
        try:
            rows = _Rows(list(_passes(width, height, depth * _SAMPLES[colour], interlaced=bool(interlaced))))
            _walk(artwork, rows, needs_palette=colour == _PALETTE)
        except _Flaw as error:
            flaw = str(error)
    return PictureFacts(width=width, height=height, colour=_COLOURS[colour], flaw=flaw, decoded=decoded)


def _passes(width: int, height: int, bits: int, *, interlaced: bool) -> Iterator[tuple[int, int]]:
    """(rows, bytes of a row with its filter byte) of each pass that has any."""
    for left, right_step, top, down_step in _ADAM7 if interlaced else ((0, 1, 0, 1),):
        columns, rows = -(-(width - left) // right_step), -(-(height - top) // down_step)
        if columns > 0 and rows > 0:
            yield rows, 1 + (columns * bits + 7) // 8


@define
class _Rows:
    """Takes the inflated rows: counts their bytes and looks at each row's filter byte."""

    passes: list[tuple[int, int]]
    seen: int = 0
    _stream: zlib._Decompress = field(factory=zlib.decompressobj)

    @property
    def expected(self) -> int:
        """Bytes of all rows."""
        return sum(rows * length for rows, length in self.passes)

    def inflate(self, data: bytes) -> None:
        """Goes on with a piece of the picture's data; what is beyond the last row is not looked at."""
        while data and self.seen < self.expected and not self._stream.eof:
            try:
                rows = self._stream.decompress(data, _PIECE)
            except zlib.error:
                raise _Flaw("its picture data is damaged") from None
            self._look(rows)
            self.seen += len(rows)
            data = self._stream.unconsumed_tail

    def _look(self, rows: bytes) -> None:
        begin = 0
        for count, length in self.passes:
            after = begin + count * length
            first = max(begin, self.seen + (begin - self.seen) % length) - self.seen
            filters = rows[first : max(after - self.seen, 0) : length]
            if filters.translate(None, _FILTERS):
                raise _Flaw("its picture data is damaged")
            begin = after


def _walk(artwork: ArtworkReader, rows: _Rows, *, needs_palette: bool) -> None:
    at, chunks, size, before = 8, 0, artwork.file.size, b""
    known, begin = b"", 0
    while True:
        if not begin <= at <= begin + len(known) - 8:
            known, begin = artwork.read(at, _LOOK_AHEAD), at
        head = known[at - begin : at - begin + 8]
        if len(head) < 8 or chunks > 10_000 + size // _BYTES_A_CHUNK:
            raise _Flaw("it is not built as a PNG has to be")
        length, name = int.from_bytes(head[:4]), head[4:]
        if at + 12 + length > size:
            raise _Flaw("a part of it is missing")
        if not name[0] & 0x20:  # critical: a decoder may not do without it
            scattered = name == b"IDAT" != before and 0 < rows.seen < rows.expected
            if name not in _KNOWN or scattered:
                raise _Flaw("it is not built as a PNG has to be")
            if name == b"IDAT" and needs_palette:
                raise _Flaw("its palette is missing")
            _read_chunk(artwork, at + 8, length, name, rows)
            needs_palette = needs_palette and name != b"PLTE"
        if name == b"IEND":
            break
        at, chunks, before = at + 12 + length, chunks + 1, name
    if rows.seen < rows.expected:
        raise _Flaw("a part of the picture is missing")


def _read_chunk(artwork: ArtworkReader, start: int, length: int, name: bytes, rows: _Rows) -> None:
    checksum = zlib.crc32(name)
    for offset in range(0, length, _PIECE):
        piece = artwork.read(start + offset, min(_PIECE, length - offset))
        checksum = zlib.crc32(piece, checksum)
        if name == b"IDAT":
            rows.inflate(piece)
    if artwork.read(start + length, 4) != checksum.to_bytes(4):
        raise _Flaw("its picture data is damaged")

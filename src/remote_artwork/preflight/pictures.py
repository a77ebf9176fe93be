"""Is a JPEG or PNG fit for print: does it decode whole, is it large enough, are its colors accepted?"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterable, Iterator
from io import BufferedReader
from typing import Any

from attrs import define, field, frozen

from remote_artwork.client import ArtworkReader
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.reasons import WORDS, reason
from remote_artwork.core.report import Color, Finding
from remote_artwork.preflight.base import PictureFacts, passed, rejection, strictly, warning
from remote_artwork.preflight.sandbox import ResourceLimitExceeded, measure_apart

_COLOURS = {"L": "gray", "RGB": "rgb", "CMYK": "cmyk"}
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
        return {"width": 0, "height": 0, "color": "rgb", "flaw": "header_damaged"}
    width, height = picture.size
    facts = {"width": width, "height": height, "color": _COLOURS.get(picture.mode, "rgb")}
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
        return facts | {"flaw": "data_incomplete"}
    return facts | {"gray_end": _ends_grey(picture)}


def _ends_grey(picture: Any) -> bool:
    """Whether the last row is of the gray that a decoder puts where coded data lack, which is no error to it."""
    last = picture.crop((0, picture.height - 1, picture.width, picture.height))
    return set(last.tobytes()) <= _NO_DATA.get(last.mode, set())


_PIECE = 256 * 1024
_LOOK_AHEAD = 64 * 1024
"""Bytes read where a chunk begins: short chunks cost no request each."""
_BEGIN = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_KNOWN = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
"""Chunks that a decoder has to understand; one that it does not know makes a file unreadable."""
_COLOURS_png: dict[int, Color] = {0: "gray", 2: "rgb", 3: "rgb", 4: "gray", 6: "rgb"}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
_FILTERS = bytes(range(5))
_BYTES_A_CHUNK = 256
"""A file with shorter chunks than this on average, beyond the first 10,000, was made to waste time."""


class _Flaw(Exception):
    """The file is damaged; the argument is a word of the catalog."""


def png_facts(artwork: ArtworkReader, *, max_pixels: int) -> PictureFacts:
    """Measures a PNG; above ``max_pixels`` only its header is read.

    Raises:
        StorageError: The file could not be read.
    """
    head = artwork.read(0, 29)
    if len(head) < 29 or not head.startswith(_BEGIN):
        return PictureFacts(width=0, height=0, color="rgb", flaw="header_damaged")
    width, height, depth, color, compression, filtering, interlaced = struct.unpack(">IIBBBBB", head[16:])
    methods = compression == filtering == 0 and interlaced <= 1
    if depth not in _DEPTHS.get(color, ()) or not methods or not 0 < width < 2**31 or not 0 < height < 2**31:
        return PictureFacts(width=width, height=height, color="rgb", flaw="header_damaged")
    flaw, decoded = "", width * height <= max_pixels
    if decoded:
        try:
            rows = _Rows(list(_passes(width, height, depth * _SAMPLES[color], interlaced=bool(interlaced))))
            _walk(artwork, rows, needs_palette=color == _PALETTE)
        except _Flaw as error:
            flaw = str(error)
    return PictureFacts(width=width, height=height, color=_COLOURS_png[color], flaw=flaw, decoded=decoded)


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
                raise _Flaw("data_damaged") from None
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
                raise _Flaw("data_damaged")
            begin = after


def _walk(artwork: ArtworkReader, rows: _Rows, *, needs_palette: bool) -> None:
    at, chunks, size, before = 8, 0, artwork.file.size, b""
    known, begin = b"", 0
    while True:
        if not begin <= at <= begin + len(known) - 8:
            known, begin = artwork.read(at, _LOOK_AHEAD), at
        head = known[at - begin : at - begin + 8]
        if len(head) < 8 or chunks > 10_000 + size // _BYTES_A_CHUNK:
            raise _Flaw("invalid_structure")
        length, name = int.from_bytes(head[:4]), head[4:]
        if at + 12 + length > size:
            raise _Flaw("part_missing")
        if not name[0] & 0x20:  # critical: a decoder may not do without it
            scattered = name == b"IDAT" != before and 0 < rows.seen < rows.expected
            if name not in _KNOWN or scattered:
                raise _Flaw("invalid_structure")
            if name == b"IDAT" and needs_palette:
                raise _Flaw("palette_missing")
            _read_chunk(artwork, at + 8, length, name, rows)
            needs_palette = needs_palette and name != b"PLTE"
        if name == b"IEND":
            break
        at, chunks, before = at + 12 + length, chunks + 1, name
    if rows.seen < rows.expected:
        raise _Flaw("rows_missing")


def _read_chunk(artwork: ArtworkReader, start: int, length: int, name: bytes, rows: _Rows) -> None:
    checksum = zlib.crc32(name)
    for offset in range(0, length, _PIECE):
        piece = artwork.read(start + offset, min(_PIECE, length - offset))
        checksum = zlib.crc32(piece, checksum)
        if name == b"IDAT":
            rows.inflate(piece)
    if artwork.read(start + length, 4) != checksum.to_bytes(4):
        raise _Flaw("data_damaged")


_MM_AN_INCH = 25.4
_SMALLEST_SIDE = 16
"""Pixels; below, it is a placeholder or a tracking pixel, whatever it is printed on."""


@frozen(kw_only=True)
class PictureCheck:
    """Decodes a picture whole and measures it. Says nothing of other files. JPEG needs the extra ``preflight``.

    Rejects with the codes ``damaged``, ``too_complex``, ``too_many_pixels`` and ``too_small``. Warns with
    ``low_resolution``, ``color_mode``, ``gray_end`` and ``not_decoded``. Passes with ``pixels``, ``resolution`` and
    ``color_mode``.

    Args:
        min_dpi: Pixels an inch at the item's print size, below which it warns.
        max_pixels: A picture with more is rejected by its header alone.
        color_modes: Of ``gray``, ``rgb`` and ``cmyk``, those that the shop prints well; it warns of others.
        reject_for: Codes of warnings that reject the file instead.
    """

    min_dpi: float = 150.0
    max_pixels: int = 179_000_000
    color_modes: tuple[Color, ...] = ("gray", "rgb", "cmyk")
    reject_for: tuple[str, ...] = ()

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:
        """What was measured, and how it compares.

        Raises:
            StorageError: The file could not be read.
        """
        extension = artwork.file.extension
        try:
            if extension == "png":
                facts = png_facts(artwork, max_pixels=self.max_pixels)
            elif extension in ("jpg", "jpeg"):
                facts = PictureFacts(**measure_apart("jpeg", artwork, max_pixels=self.max_pixels))
            else:
                return []
        except ResourceLimitExceeded as error:
            return [rejection("too_complex", medium="picture_file", error=str(error))]
        return strictly(self._judge(facts, item.print_size_mm), self.reject_for)

    def _judge(self, facts: PictureFacts, print_size_mm: tuple[float, float] | None) -> Iterator[Finding]:
        width, height, limit = facts.width, facts.height, self.max_pixels
        size = _pixels((width, height))
        if facts.pixels > limit:
            measured, required = f"{facts.pixels:,} pixels", f"at most {limit:,} pixels"
            yield rejection("too_many_pixels", measured, required, width=width, height=height, limit=limit)
        elif facts.flaw:
            yield rejection("damaged", medium="picture_file", flaw=facts.flaw)
        elif min(width, height) < _SMALLEST_SIDE:
            least = f"at least {_pixels((_SMALLEST_SIDE, _SMALLEST_SIDE))}"
            yield rejection("too_small", size, least, width=width, height=height)
        else:
            yield passed("pixels", size, width=width, height=height)
            if not facts.decoded:
                yield warning("not_decoded")
            if facts.gray_end:
                yield warning("gray_end")
            if print_size_mm is not None:
                yield _resolution(facts, print_size_mm, self.min_dpi)
            yield _color(facts.color, self.color_modes)


def _resolution(facts: PictureFacts, print_size_mm: tuple[float, float], least: float) -> Finding:
    """Compares long side with long side: a product's picture is turned to fit."""
    sides, lengths = sorted((facts.width, facts.height)), sorted(print_size_mm)
    dpi = round(min(pixels / length * _MM_AN_INCH for pixels, length in zip(sides, lengths, strict=True)), 1)
    measured, required = f"{dpi:.0f} dpi", f"at least {least:.0f} dpi"
    if dpi >= least:
        return passed("resolution", measured, required, dpi=dpi)
    width, height = print_size_mm
    return warning(
        "low_resolution",
        measured,
        required,
        dpi=dpi,
        width_mm=width,
        height_mm=height,
        width=round(width / _MM_AN_INCH * least),
        height=round(height / _MM_AN_INCH * least),
    )


def _color(color: Color, accepted: Collection[Color]) -> Finding:
    measured, required = WORDS[color], " or ".join(WORDS[mode] for mode in accepted)
    if color in accepted:
        return passed("color_mode", measured, required, color=color)
    note = reason("color_not_accepted", accepted=list(accepted))
    return warning("color_mode", measured, required, note, color=color)


def _pixels(sides: tuple[int, int]) -> str:
    return f"{sides[0]:,} × {sides[1]:,} pixels"

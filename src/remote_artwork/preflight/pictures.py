"""Checks that a JPEG or PNG is ready for print: it decodes completely, is large enough, and has accepted colors.

The sandbox decodes it: a JPEG row by row, a PNG chunk by chunk.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from attrs import define, field, frozen

from remote_artwork.client import ArtworkReader
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.reasons import WORDS, reason
from remote_artwork.core.report import Color, Finding
from remote_artwork.preflight.base import apply_reject_for, passed, rejection, warning
from remote_artwork.preflight.jpeg_decoder import decode_jpeg
from remote_artwork.preflight.sandbox import ResourceLimitExceeded, run_in_sandbox
from remote_artwork.preflight.signature import EXPECTED_TYPES, JPEG, PNG, SIGNATURES

MM_PER_INCH = 25.4
_MIN_SIDE = 16
"""In pixels. A smaller picture is a placeholder or a tracking pixel, whatever the print size."""


@frozen(kw_only=True)
class PictureFacts:
    """What was measured of one picture.

    Args:
        width: In pixels.
        height: In pixels.
        color: Its color mode.
        flaw: Why it cannot be decoded completely, as a word of the catalog. Empty if it can, or if that was not tried.
        decoded: Whether decoding was tried.
        gray_end: Whether it ends in the gray that a decoder uses for missing data.
        scans_missing: Whether it is a progressive JPEG that ends before its last scans.
        unusual_coding: Whether it is a JPEG that many programs cannot open.
    """

    width: int
    height: int
    color: Color
    flaw: str = ""
    decoded: bool = True
    gray_end: bool = False
    scans_missing: bool = False
    unusual_coding: bool = False

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.width * self.height


@frozen(kw_only=True)
class PictureCheck:
    """Decodes a picture completely and measures it. Ignores other files. JPEG needs the extra ``preflight``.

    Rejects with the codes ``damaged``, ``too_complex``, ``too_many_pixels`` and ``too_small``. Warns with
    ``low_resolution``, ``color_mode``, ``gray_end``, ``scans_missing``, ``unusual_coding`` and ``not_decoded``. Passes
    with ``pixels``, ``resolution`` and ``color_mode``.

    Args:
        min_dpi: Pixels per inch at the item's print size. The check warns about a picture with less.
        max_pixels: The check rejects a picture with more pixels, and reads only its header.
        color_modes: Those of ``gray``, ``rgb`` and ``cmyk`` that the shop prints well. The check warns about others.
        reject_for: Codes of warnings that reject the file instead.
    """

    min_dpi: float = 150.0
    max_pixels: int = 179_000_000
    color_modes: tuple[Color, ...] = ("gray", "rgb", "cmyk")
    reject_for: tuple[str, ...] = ()

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:
        """Measure the picture and compare it with the requirements.

        Raises:
            StorageError: The file could not be read.
        """
        file_type = EXPECTED_TYPES.get(artwork.file.extension)
        if file_type not in (JPEG, PNG):
            return []
        try:
            facts = PictureFacts(**run_in_sandbox(file_type, artwork, max_pixels=self.max_pixels))
        except ResourceLimitExceeded as error:
            return [rejection("too_complex", medium="picture_file", cause=error.cause)]
        return apply_reject_for(self._compare(facts, item.print_size_mm), self.reject_for)

    def _compare(self, facts: PictureFacts, print_size_mm: tuple[float, float] | None) -> Iterator[Finding]:
        width, height, limit = facts.width, facts.height, self.max_pixels
        size = _pixels(width, height)
        if facts.pixels > limit:
            measured, required = f"{facts.pixels:,} pixels", f"at most {limit:,} pixels"
            yield rejection("too_many_pixels", measured, required, width=width, height=height, limit=limit)
        elif facts.flaw:
            yield rejection("damaged", medium="picture_file", flaw=facts.flaw)
        elif min(width, height) < _MIN_SIDE:
            required = f"at least {_pixels(_MIN_SIDE, _MIN_SIDE)}"
            yield rejection("too_small", size, required, width=width, height=height)
        else:
            yield passed("pixels", size, width=width, height=height)
            if not facts.decoded:
                yield warning("not_decoded")
            for code in ("gray_end", "scans_missing", "unusual_coding"):
                if getattr(facts, code):
                    yield warning(code)
            if print_size_mm is not None:
                yield _resolution(facts, print_size_mm, self.min_dpi)
            yield _color(facts.color, self.color_modes)


def _resolution(facts: PictureFacts, print_size_mm: tuple[float, float], min_dpi: float) -> Finding:
    """Compare the long sides and the short sides: a picture is rotated to fit."""
    sides, lengths = sorted((facts.width, facts.height)), sorted(print_size_mm)
    dpi = round(min(pixels / length * MM_PER_INCH for pixels, length in zip(sides, lengths, strict=True)), 1)
    measured, required = f"{dpi:.0f} dpi", f"at least {min_dpi:.0f} dpi"
    width, height = print_size_mm
    if dpi >= min_dpi:
        return passed("resolution", measured, required, dpi=dpi, width_mm=width, height_mm=height)
    return warning(
        "low_resolution",
        measured,
        required,
        dpi=dpi,
        width_mm=width,
        height_mm=height,
        width=round(width / MM_PER_INCH * min_dpi),
        height=round(height / MM_PER_INCH * min_dpi),
    )


def _color(color: Color, accepted: Collection[Color]) -> Finding:
    measured, required = WORDS[color], " or ".join(WORDS[mode] for mode in accepted)
    if color in accepted:
        return passed("color_mode", measured, required, color=color)
    note = reason("color_not_accepted", accepted=list(accepted))
    return warning("color_mode", measured, required, note, color=color)


def _pixels(width: int, height: int) -> str:
    return f"{width:,} × {height:,} pixels"


# The rest of this code runs in the sandbox. JPEG: Pillow reads the header, and libjpeg decodes the data.

_PILLOW_COLORS: Mapping[str, Color] = {"L": "gray", "RGB": "rgb", "CMYK": "cmyk"}
_MISSING_DATA: Mapping[Color, set[int]] = {"gray": {128}, "rgb": {128}, "cmyk": {127, 128}}
"""Values of the channels that a decoder uses for missing data. CMYK channels are usually stored inverted."""


def measure_jpeg(file: BinaryIO, *, max_pixels: int) -> dict[str, Any]:
    """Measure a JPEG. Returns the arguments of ``PictureFacts``."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    Image.MAX_IMAGE_PIXELS = None  # max_pixels applies instead
    try:
        picture = JpegImageFile(file)
    except (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError):
        return _header_damaged()
    width, height = picture.size
    color = _PILLOW_COLORS.get(picture.mode, "rgb")
    facts = {"width": width, "height": height, "color": color}
    if width * height > max_pixels:
        return facts | {"decoded": False}
    file.seek(0)
    decoded = decode_jpeg(file, (width, height))
    if decoded.too_large:
        return facts | {"decoded": False}
    if decoded.corrupt:
        return facts | {"flaw": "data_incomplete"}
    return facts | {
        "gray_end": set(decoded.last_row) <= _MISSING_DATA[color],
        "scans_missing": decoded.scans_missing,
        "unusual_coding": decoded.unusual,
    }


def _header_damaged(width: int = 0, height: int = 0) -> dict[str, Any]:
    return {"width": width, "height": height, "color": "rgb", "flaw": "header_damaged"}


# PNG.

_CHUNK_READ = 256 * 1024
_PNG_COLORS: dict[int, Color] = {0: "gray", 2: "rgb", 3: "rgb", 4: "gray", 6: "rgb"}
_SAMPLES_PER_PIXEL = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BIT_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_WITH_PALETTE = 3
_KNOWN_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
"""The critical chunks. A decoder must not show a file with any other critical chunk."""
_INTERLACED_PASSES = (
    (0, 8, 0, 8),
    (4, 8, 0, 8),
    (0, 4, 4, 8),
    (2, 4, 0, 4),
    (0, 2, 2, 4),
    (1, 2, 0, 2),
    (0, 1, 1, 2),
)
"""Adam7: (first column, column step, first row, row step) of each pass."""
_ROW_FILTERS = bytes(range(5))
_MIN_BYTES_PER_CHUNK = 256
"""After the first 10,000 chunks, a file with shorter chunks on average was made to waste time."""


class _Damaged(Exception):
    """The picture is damaged. The argument is a word of the catalog."""


def measure_png(file: BinaryIO, *, max_pixels: int) -> dict[str, Any]:
    """Measure a PNG. Returns the arguments of ``PictureFacts``."""
    file.seek(0)
    head = file.read(29)
    if len(head) < 29 or not head.startswith(SIGNATURES[PNG]):
        return _header_damaged()
    width, height, depth, color, compression, filtering, interlaced = struct.unpack(">IIBBBBB", head[16:])
    methods_known = compression == filtering == 0 and interlaced <= 1
    sides_valid = 0 < width < 2**31 and 0 < height < 2**31
    if depth not in _BIT_DEPTHS.get(color, ()) or not methods_known or not sides_valid:
        return _header_damaged(width, height)
    facts = {"width": width, "height": height, "color": _PNG_COLORS[color]}
    if width * height > max_pixels:
        return facts | {"decoded": False}
    try:
        passes = list(_passes(width, height, depth * _SAMPLES_PER_PIXEL[color], interlaced=bool(interlaced)))
        _decode_chunks(file, _Rows(passes), needs_palette=color == _WITH_PALETTE)
    except _Damaged as error:
        return facts | {"flaw": str(error)}
    return facts


def _passes(width: int, height: int, bits_per_pixel: int, *, interlaced: bool) -> Iterator[tuple[int, int]]:
    """Yield (rows, bytes per row including its filter byte) for each pass that is not empty."""
    for left, column_step, top, row_step in _INTERLACED_PASSES if interlaced else ((0, 1, 0, 1),):
        columns, rows = -(-(width - left) // column_step), -(-(height - top) // row_step)
        if columns > 0 and rows > 0:
            yield rows, 1 + (columns * bits_per_pixel + 7) // 8


@define
class _Rows:
    """Inflates the rows of a picture, counts their bytes, and validates the filter byte of each row."""

    passes: list[tuple[int, int]]
    inflated: int = 0
    _stream: zlib._Decompress = field(factory=zlib.decompressobj)

    @property
    def expected(self) -> int:
        """The number of bytes of all rows."""
        return sum(rows * length for rows, length in self.passes)

    def inflate(self, data: bytes) -> None:
        """Inflate the next part of the picture's data. Ignores everything after the last row."""
        while data and self.inflated < self.expected and not self._stream.eof:
            try:
                rows = self._stream.decompress(data, _CHUNK_READ)
            except zlib.error:
                raise _Damaged("data_damaged") from None
            self._validate_filters(rows)
            self.inflated += len(rows)
            data = self._stream.unconsumed_tail

    def _validate_filters(self, rows: bytes) -> None:
        start = 0
        for count, length in self.passes:
            end = start + count * length
            first = max(start, self.inflated + (start - self.inflated) % length) - self.inflated
            filters = rows[first : max(end - self.inflated, 0) : length]
            if filters.translate(None, _ROW_FILTERS):
                raise _Damaged("data_damaged")
            start = end


def _decode_chunks(file: BinaryIO, rows: _Rows, *, needs_palette: bool) -> None:
    """Read every chunk and decode all rows.

    Raises:
        _Damaged: The file is not a complete and valid PNG.
    """
    size = file.seek(0, os.SEEK_END)
    position, chunks, previous = 8, 0, b""
    while True:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or chunks > 10_000 + size // _MIN_BYTES_PER_CHUNK:
            raise _Damaged("invalid_structure")
        length, name = int.from_bytes(head[:4]), head[4:]
        if position + 12 + length > size:
            raise _Damaged("part_missing")
        is_critical = not name[0] & 0x20
        if is_critical:
            is_scattered = name == b"IDAT" != previous and 0 < rows.inflated < rows.expected
            if name not in _KNOWN_CHUNKS or is_scattered:
                raise _Damaged("invalid_structure")
            if name == b"IDAT" and needs_palette:
                raise _Damaged("palette_missing")
            _read_chunk(file, length, name, rows)
            needs_palette = needs_palette and name != b"PLTE"
        if name == b"IEND":
            break
        position, chunks, previous = position + 12 + length, chunks + 1, name
    if rows.inflated < rows.expected:
        raise _Damaged("rows_missing")


def _read_chunk(file: BinaryIO, length: int, name: bytes, rows: _Rows) -> None:
    """Read one chunk, verify its checksum, and inflate it if it holds picture data."""
    checksum = zlib.crc32(name)
    for offset in range(0, length, _CHUNK_READ):
        data = file.read(min(_CHUNK_READ, length - offset))
        checksum = zlib.crc32(data, checksum)
        if name == b"IDAT":
            rows.inflate(data)
    if file.read(4) != checksum.to_bytes(4):
        raise _Damaged("data_damaged")

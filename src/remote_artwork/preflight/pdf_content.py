"""Decodes the content of PDF pages, to see whether it is whole: drawings, pictures, fonts, color profiles.

Programs that show a PDF leave out what they cannot decode, and report no error. Runs in the sandbox.
"""

from __future__ import annotations

import io
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from attrs import define, field

from remote_artwork.preflight.pictures import measure_jpeg

_MAX_OBJECTS = 50_000
_STEP = 256 * 1024
_MAX_PIXELS = 10**9
_MAX_DECODED_AT_ONCE = 16 * 1024**2
"""Bytes of a stream that qpdf decodes."""
_NOT_PRINTED = frozenset(
    ("/Parent", "/P", "/Dest", "/A", "/AA", "/PieceInfo", "/Metadata", "/Thumb", "/B", "/Popup", "/IRT", "/Alternates",
     "/AF", "/FS")
)  # fmt: skip
"""Keys that lead to other pages, or to what is not printed."""
_REQUIRED = frozenset(
    ("/Contents", "/Resources", "/XObject", "/Font", "/ColorSpace", "/Pattern", "/Shading", "/ExtGState", "/SMask",
     "/FontDescriptor", "/DescendantFonts", "/FontFile", "/FontFile2", "/FontFile3")
)  # fmt: skip
"""Keys of objects that are printed, or of lists of them. If one of these objects is missing, the page is incomplete."""
_FLATE = ("/FlateDecode", "/Fl")
_JPEG = ("/DCTDecode", "/DCT")
_BY_QPDF = (
    "/LZWDecode",
    "/LZW",
    "/ASCII85Decode",
    "/A85",
    "/ASCIIHexDecode",
    "/AHx",
    "/RunLengthDecode",
    "/RL",
)
_HOLE = re.compile(rb"\0{64}")
_INLINE_PICTURE = re.compile(rb"\bBI\b")
_FLUSHED = b"\0\0\xff\xff"
"""The last bytes of data of a program that never wrote the end of its data."""
_START_OF_JPEG = b"\xff\xd8"
_END_OF_JPEG = b"\xff\xd9"
"""Some programs leave it out, since the PDF declares the length."""


class _Found(NamedTuple):
    """An object of a page.

    Args:
        value: The object.
        key: The key of the dictionary that it, or the list that contains it, was found at.
    """

    value: Any
    key: str


class _Corrupt(Exception):
    """Data cannot be decoded."""


class _OutOfTime(Exception):
    """There was no time or memory to decode data."""


@define(kw_only=True)
class ContentCheck:
    """Decodes everything that pages print, each object once.

    Args:
        cpu_seconds: The CPU time of this process after which the rest is not decoded.
        is_damaged: Whether something cannot be decoded.
        has_lost_objects: Whether an object that is printed is not in the file.
        is_partial: Whether not everything was decoded.
    """

    cpu_seconds: float
    is_damaged: bool = False
    has_lost_objects: bool = False
    is_partial: bool = False
    _seen: set[tuple[int, int]] = field(factory=set)

    def has_time(self) -> bool:
        """Whether CPU time is left."""
        return time.process_time() < self.cpu_seconds

    def check(self, pages: Iterable[Any]) -> None:
        """Decode the content of pages, until something is damaged."""
        import pikepdf

        remaining = [_Found(page, "") for page in pages]
        remaining.reverse()
        for _ in range(_MAX_OBJECTS):
            if not remaining or self.is_damaged or not self.has_time():
                break
            found = remaining.pop()
            if isinstance(found.value, pikepdf.Stream):
                self._check_stream(found)
            remaining += self._objects_below(found)
        self.is_partial |= bool(remaining)

    def _objects_below(self, found: _Found) -> Iterator[_Found]:
        """Yield the lists, dictionaries and streams in an object that were not seen before."""
        import pikepdf

        is_list = isinstance(found.value, pikepdf.Array)
        for name, child in ((found.key, child) for child in found.value) if is_list else found.value.items():
            key = found.key if found.key in _REQUIRED else name
            if key in _NOT_PRINTED:
                continue
            if child is None or (found.key == "/XObject" and not isinstance(child, pikepdf.Stream)):
                self.has_lost_objects |= key in _REQUIRED
            elif isinstance(child, pikepdf.Array | pikepdf.Dictionary | pikepdf.Stream):
                if child.is_indirect and child.objgen in self._seen:
                    continue
                self._seen.add(child.objgen)
                yield _Found(child, name)

    def _check_stream(self, found: _Found) -> None:
        try:
            self._decode(found)
        except _Corrupt:
            self.is_damaged = True
        except (_OutOfTime, MemoryError):
            self.is_partial = True

    def _decode(self, found: _Found) -> None:

        stream, filters = found.value, _filters(found.value)
        data = memoryview(stream.get_raw_stream_buffer())
        size = len(data)
        for position, name in enumerate(filters):
            if name in _JPEG:
                self._decode_jpeg(bytes(data))
                return
            if name in _FLATE:
                inflated, size = self._inflate(data, keep=position < len(filters) - 1)
                data = memoryview(inflated)
            elif name in _BY_QPDF:
                data = memoryview(_decode_with_qpdf(data, name, _parameters(stream, position)))
                size = len(data)
            else:  # fax, JBIG2 and JPEG 2000 pictures are not decoded
                return
        if stream.get("/Subtype") == "/Image" and size < _least_size(stream, len(filters) - 1):
            raise _Corrupt
        is_drawing = found.key == "/Contents" or stream.get("/Subtype") == "/Form"
        if not filters and is_drawing and _HOLE.search(data) and not _INLINE_PICTURE.search(data):
            raise _Corrupt

    def _decode_jpeg(self, data: bytes) -> None:
        start = max(data.find(_START_OF_JPEG, 0, 1_024), 0)
        facts = measure_jpeg(io.BytesIO(data[start:] + _END_OF_JPEG), max_pixels=_MAX_PIXELS)
        if facts.get("flaw"):
            raise _Corrupt
        if not facts.get("decoded", True):
            raise _OutOfTime

    def _inflate(self, data: memoryview, *, keep: bool) -> tuple[bytes, int]:
        """Inflate data. Return it, or nothing if it is not to be kept, and its size.

        Programs that read PDFs ignore a missing checksum, and an end that was flushed instead of written.
        """
        header = int.from_bytes(data[:2])
        if not bytes(data[:_STEP]).strip():
            return b"", 0
        if header % 31 or header >> 8 & 0x0F != zlib.DEFLATED:
            raise _Corrupt
        stream, checksum, kept, size, at = zlib.decompressobj(-zlib.MAX_WBITS), 1, b"", 0, 2
        while at < len(data) and not stream.eof:
            remaining: Any = data[at : at + _STEP]
            at += _STEP
            while remaining and not stream.eof:  # what follows the end remains for ever
                part = self._inflate_part(stream, remaining)
                checksum = zlib.adler32(part, checksum)
                size += len(part)
                kept += part if keep else b""
                if len(kept) > _MAX_DECODED_AT_ONCE:
                    raise _OutOfTime
                remaining = stream.unconsumed_tail
        if not stream.eof and not bytes(data[-_STEP:]).rstrip().endswith(_FLUSHED):
            raise _Corrupt
        stored = (stream.unused_data + bytes(data[at : at + 4]))[:4]
        if len(stored) == 4 and int.from_bytes(stored) != checksum:
            raise _Corrupt
        return kept, size

    def _inflate_part(self, stream: Any, data: Any) -> bytes:
        if not self.has_time():
            raise _OutOfTime
        try:
            return bytes(stream.decompress(data, _STEP))
        except zlib.error as error:
            raise _Corrupt from error


def _decode_with_qpdf(data: memoryview, name: str, parameters: Any) -> Any:
    """Decode data that has one filter."""
    import pikepdf

    if len(data) > _MAX_DECODED_AT_ONCE:
        raise _OutOfTime
    with pikepdf.new() as document:
        stream = pikepdf.Stream(document, bytes(data), Filter=pikepdf.Name(name), DecodeParms=parameters)
        try:
            return stream.get_stream_buffer(pikepdf.StreamDecodeLevel.specialized)
        except (pikepdf.PdfError, ValueError, RuntimeError) as error:
            raise _Corrupt from error


def _parameters(stream: Any, position: int) -> Any:
    """Return how LZW data was encoded, or None. What a filter does to the samples of a picture does not matter here."""
    import pikepdf

    early = _parameters_of_filter(stream, position).get("/EarlyChange")
    return None if early is None else pikepdf.Dictionary(EarlyChange=early)


def _parameters_of_filter(stream: Any, position: int) -> Any:
    import pikepdf

    found = stream.get("/DecodeParms", stream.get("/DP"))
    if isinstance(found, pikepdf.Array):
        found = found[position] if 0 <= position < len(found) else None
    return found if isinstance(found, pikepdf.Dictionary) else pikepdf.Dictionary()


# Programs draw nothing, or black, where a picture has too little data.

_PNG_PREDICTORS = 10
"""From this predictor on, each row begins with a byte of its own."""
_SAMPLES: Mapping[str, int] = {
    "/DeviceGray": 1, "/CalGray": 1, "/Indexed": 1, "/Separation": 1, "/DeviceRGB": 3, "/CalRGB": 3, "/Lab": 3,
    "/DeviceCMYK": 4,
}  # fmt: skip
"""Color space → samples of a pixel."""


def _least_size(picture: Any, last_filter: int) -> int:
    """Return the bytes that a picture without its last row has, or 0 if that is unknown."""
    try:
        width, height = int(picture.get("/Width", 0)), int(picture.get("/Height", 0))
        is_mask = bool(picture.get("/ImageMask", False))
        bits = 1 if is_mask else int(picture.get("/BitsPerComponent", 0)) * _samples_per_pixel(picture)
        predictor = int(_parameters_of_filter(picture, last_filter).get("/Predictor", 1))
    except (TypeError, ValueError, ArithmeticError, LookupError):
        return 0
    row = (width * bits + 7) // 8 + (1 if predictor >= _PNG_PREDICTORS else 0)
    return row * (height - 1) if bits > 0 else 0


def _samples_per_pixel(picture: Any) -> int:
    """Return the samples of a pixel, or 0 if that is unknown."""
    import pikepdf

    space = picture.get("/ColorSpace")
    family = space[0] if isinstance(space, pikepdf.Array) and len(space) else space
    if family == "/ICCBased" and isinstance(space[1], pikepdf.Stream):
        return int(space[1].get("/N", 0))
    if family == "/DeviceN" and isinstance(space[1], pikepdf.Array):
        return len(space[1])
    return _SAMPLES.get(str(family), 0) if isinstance(family, pikepdf.Name) else 0


def _filters(stream: Any) -> list[str]:
    import pikepdf

    names = stream.get("/Filter", stream.get("/F"))
    return [str(name) for name in names] if isinstance(names, pikepdf.Array) else [] if names is None else [str(names)]

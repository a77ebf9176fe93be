"""Decodes a JPEG with the libjpeg that Pillow loads, and sees its warnings about corrupt data. Runs in the sandbox.

libjpeg replaces data that is missing or corrupt with something, reports a warning and continues. Pillow ignores these
warnings, so it decodes a file with a hole without an error. Other packages do not fit either:

- simplejpeg (``strict=True``) reports the same damage, but stops at the first warning of any kind. So it also refuses
  padding, stray bytes between segments and an unknown JFIF version, which cameras write and every program shows. It
  needs numpy and the whole file in memory.
- pyvips (``fail_on="warning"``) misses a hole, and a part that is there twice, in the middle of a baseline JPEG.
- imagecodecs ignores the warnings, as Pillow does.
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Callable
from ctypes import POINTER, c_char, c_double, c_int, c_long, c_size_t, c_uint, c_void_p
from functools import partial
from queue import SimpleQueue
from typing import Any, BinaryIO

from attrs import define, field, frozen

_FILL = 256 * 1024
"""Bytes of the file that libjpeg receives at once."""
_STRAY = 2
"""Some cameras leave this many bytes between the coded data and the end marker."""
_RUN = 64
"""If this many bytes before padding are equal to it, the picture itself continues into the padding."""
_FIELDS_SIZE = 4_096
"""More than ``sizeof(struct jpeg_decompress_struct)`` of any version."""
_STACK_SIZE = 1024**2
_CORRUPT = "Corrupt JPEG data"
_NO_MEMORY = "Insufficient memory"
_SKIPPED = re.compile(r"(\d+) extraneous bytes before marker")
_END = b"\xff\xd9"
_TRACE = 1
"""The level of the messages about the structure of the file."""
_FRAME = re.compile(r"Start Of Frame 0x([0-9a-f]{2}): .*components=(\d+)")
_COMPONENT = re.compile(r"\s*Component (\d+): dc=")
_SCAN = re.compile(r"\s*Ss=(\d+), Se=(\d+), Ah=\d+, Al=(\d+)")
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_COEFFICIENTS = 64


@frozen(kw_only=True)
class DecodedJpeg:
    """What was seen while a JPEG was decoded.

    Args:
        corrupt: Whether data is corrupt or missing.
        too_large: Whether there was not enough memory. Then nothing else is known.
        scans_missing: Whether it is progressive and ends before its last scans.
        unusual: Whether its coding is neither baseline nor progressive, with Huffman codes.
        last_row: The samples of the last row, at an eighth of the size.
    """

    corrupt: bool = False
    too_large: bool = False
    scans_missing: bool = False
    unusual: bool = False
    last_row: bytes = b""


def decode_jpeg(file: BinaryIO, size: tuple[int, int]) -> DecodedJpeg:
    """Decode a JPEG at an eighth of its size, which needs little memory but all of the data.

    Args:
        file: Read from its beginning.
        size: What its header says, to verify that libjpeg is used correctly.

    Raises:
        ImportError: Pillow does not come with a libjpeg that can be used.
    """
    # libjpeg cannot return from a fatal error, and Python cannot jump out of it. So it runs in a thread that waits for
    # ever after such an error. The process of the sandbox ends with its result.
    outcomes: SimpleQueue[DecodedJpeg | BaseException] = SimpleQueue()
    usual_size = threading.stack_size(_STACK_SIZE)
    threading.Thread(target=_decode, args=(file, size, outcomes.put), daemon=True).start()
    threading.stack_size(usual_size)
    outcome = outcomes.get()
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _decode(file: BinaryIO, size: tuple[int, int], finish: Callable[[DecodedJpeg | BaseException], None]) -> None:
    try:
        finish(_Decoder(file, finish).decode(size))
    except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
        finish(error)


# The structures of libjpeg, as far as they are the same in all its versions.

_ON_ERROR = ctypes.CFUNCTYPE(None, c_void_p)
_ON_MESSAGE = ctypes.CFUNCTYPE(None, c_void_p, c_int)
_FORMAT_MESSAGE = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
_INIT_SOURCE = ctypes.CFUNCTYPE(None, c_void_p)
_FILL_BUFFER = ctypes.CFUNCTYPE(c_int, c_void_p)
_SKIP_DATA = ctypes.CFUNCTYPE(None, c_void_p, c_long)


class _ErrorManager(ctypes.Structure):
    _fields_ = (
        ("error_exit", _ON_ERROR),
        ("emit_message", _ON_MESSAGE),
        ("output_message", c_void_p),
        ("format_message", _FORMAT_MESSAGE),
        ("rest", c_char * 512),
    )


class _SourceManager(ctypes.Structure):
    _fields_ = (
        ("next_input_byte", c_void_p),
        ("bytes_in_buffer", c_size_t),
        ("init_source", _INIT_SOURCE),
        ("fill_input_buffer", _FILL_BUFFER),
        ("skip_input_data", _SKIP_DATA),
        ("resync_to_restart", c_void_p),
        ("term_source", _INIT_SOURCE),
    )


class _Decompress(ctypes.Structure):
    _fields_ = (
        ("err", POINTER(_ErrorManager)),
        ("mem", c_void_p),
        ("progress", c_void_p),
        ("client_data", c_void_p),
        ("is_decompressor", c_int),
        ("global_state", c_int),
        ("src", POINTER(_SourceManager)),
        ("image_width", c_uint),
        ("image_height", c_uint),
        ("num_components", c_int),
        ("jpeg_color_space", c_int),
        ("out_color_space", c_int),
        ("scale_num", c_uint),
        ("scale_denom", c_uint),
        ("output_gamma", c_double),
        ("options", c_int * 12),
        ("output_width", c_uint),
        ("output_height", c_uint),
        ("out_color_components", c_int),
        ("output_components", c_int),
        ("rest", c_char * _FIELDS_SIZE),
    )


def _load_libjpeg() -> Any:
    from PIL import _imaging

    library = ctypes.CDLL(_imaging.__file__)  # the names of the libraries that it needs are visible through it
    try:
        library.jpeg_std_error.restype = c_void_p
        library.jpeg_std_error.argtypes = (c_void_p,)
        library.jpeg_CreateDecompress.argtypes = (c_void_p, c_int, c_size_t)
        library.jpeg_read_header.argtypes = (c_void_p, c_int)
        library.jpeg_start_decompress.argtypes = (c_void_p,)
        library.jpeg_read_scanlines.argtypes = (c_void_p, c_void_p, c_uint)
        library.jpeg_read_scanlines.restype = c_uint
        library.jpeg_finish_decompress.argtypes = (c_void_p,)
        _ = library.jpeg_resync_to_restart
    except AttributeError as error:
        raise ImportError("Pillow does not come with a shared libjpeg") from error
    return library


@define
class _Structure:
    """What libjpeg reports about the frame and the scans."""

    frame: int = _BASELINE
    components: int = 0
    _of_scan: list[int] = field(factory=list)
    _exact: dict[int, set[int]] = field(factory=dict)
    """Component → its coefficients that all bits were read of."""

    def add(self, message: str) -> None:
        """Add what a message says."""
        if found := _FRAME.match(message):
            self.frame, self.components = int(found.group(1), 16), int(found.group(2))
        elif message.startswith("Start Of Scan"):
            self._of_scan = []
        elif found := _COMPONENT.match(message):
            self._of_scan.append(int(found.group(1)))
        elif found := _SCAN.match(message):
            first, last, missing_bits = map(int, found.groups())
            for component in self._of_scan if missing_bits == 0 else ():
                self._exact.setdefault(component, set()).update(range(first, last + 1))

    @property
    def lacks_scans(self) -> bool:
        """Whether it is progressive, and bits of a coefficient were never read."""
        exact = [component for component in self._exact.values() if len(component) == _COEFFICIENTS]
        return self.frame == _PROGRESSIVE and len(exact) < self.components


@define
class _Decoder:
    """One run of libjpeg, with the callbacks that it makes."""

    file: BinaryIO
    finish: Callable[[DecodedJpeg], None]
    corrupt: bool = False
    _library: Any = field(factory=_load_libjpeg)
    _buffer: bytes = b""
    _failure: BaseException | None = None
    _created: bool = False
    _in_data: bool = False
    _structure: _Structure = field(factory=_Structure)

    def decode(self, size: tuple[int, int]) -> DecodedJpeg:
        """Decode everything up to the end marker, or to the first corrupt data."""
        library, errors, source, image = self._library, _ErrorManager(), _SourceManager(), _Decompress()
        library.jpeg_std_error(ctypes.byref(errors))
        errors.error_exit = _ON_ERROR(partial(self._on_error, errors))
        errors.emit_message = _ON_MESSAGE(partial(self._on_message, errors, source))
        image.err = ctypes.pointer(errors)
        # It reports another version or size as a fatal error. If that is ignored, it continues with its own.
        library.jpeg_CreateDecompress(ctypes.byref(image), 62, ctypes.sizeof(image))
        self._created = True
        source.init_source = source.term_source = _INIT_SOURCE(lambda _image: None)
        source.fill_input_buffer = _FILL_BUFFER(lambda _image: self._fill(source))
        source.skip_input_data = _SKIP_DATA(lambda _image, count: self._skip(source, count))
        source.resync_to_restart = ctypes.cast(library.jpeg_resync_to_restart, c_void_p)
        image.src = ctypes.pointer(source)

        library.jpeg_read_header(ctypes.byref(image), 1)
        if (image.image_width, image.image_height) != size:
            raise ImportError("Pillow comes with a libjpeg of another kind")
        image.scale_num, image.scale_denom, self._in_data = 1, 8, True
        library.jpeg_start_decompress(ctypes.byref(image))
        row = ctypes.create_string_buffer(image.output_width * image.output_components)
        rows = (c_void_p * 1)(ctypes.addressof(row))
        for _ in range(image.output_height):
            if self._is_done():
                break
            library.jpeg_read_scanlines(ctypes.byref(image), rows, 1)
        if not self._is_done():
            library.jpeg_finish_decompress(ctypes.byref(image))
        if self._failure is not None:
            raise self._failure
        return DecodedJpeg(
            corrupt=self.corrupt,
            scans_missing=self._structure.lacks_scans,
            unusual=self._structure.frame not in (_BASELINE, _EXTENDED, _PROGRESSIVE),
            last_row=row.raw,
        )

    def _is_done(self) -> bool:
        return self.corrupt or self._failure is not None

    def _on_error(self, errors: _ErrorManager, image: int) -> None:
        if not self._created:
            return
        too_large = _NO_MEMORY in _text(errors, image)
        self.finish(DecodedJpeg(corrupt=not too_large, too_large=too_large))
        threading.Event().wait()

    def _on_message(self, errors: _ErrorManager, source: _SourceManager, image: int, level: int) -> None:
        if level == _TRACE:
            self._structure.add(_text(errors, image))
        if level >= 0 or self.corrupt:  # not a warning
            return
        text = _text(errors, image)
        skipped = _SKIPPED.search(text)
        if skipped:
            self.corrupt = self._in_data and not self._is_padding(source, int(skipped.group(1)))
        elif text.startswith(_CORRUPT):
            self.corrupt = True

    def _is_padding(self, source: _SourceManager, count: int) -> bool:
        """Whether the bytes that were skipped after the coded data only fill space."""
        at = self.file.tell()
        end = at - source.bytes_in_buffer
        start = max(end - count - _RUN, 0)
        self.file.seek(start)
        run = self.file.read(end - start)
        self.file.seek(at)
        return count <= _STRAY or (len(set(run[-count:])) == 1 and len(set(run)) > 1)

    def _fill(self, source: _SourceManager) -> int:
        data = b""
        try:
            data = self.file.read(_FILL)
        except BaseException as error:  # noqa: BLE001 - it cannot pass through libjpeg; raised when that returns
            self._failure = error
        if not data:  # libjpeg ends at this marker
            self.corrupt, data = True, _END
        self._buffer = data
        source.next_input_byte = ctypes.cast(ctypes.c_char_p(data), c_void_p)
        source.bytes_in_buffer = len(data)
        return 1

    def _skip(self, source: _SourceManager, count: int) -> None:
        while count > source.bytes_in_buffer:
            count -= source.bytes_in_buffer
            self._fill(source)
            if self._is_done():
                return
        if count > 0:
            source.next_input_byte += count
            source.bytes_in_buffer -= count


def _text(errors: _ErrorManager, image: int) -> str:
    text = ctypes.create_string_buffer(512)
    errors.format_message(image, ctypes.cast(text, c_void_p))
    return text.value.decode("ascii", "replace")

"""PNG: what is measured, and that every flaw of the picture's data is seen."""

import io
import struct
import zlib

import pytest
from PIL import Image

from print_files import chunk, picture, png, reader
from remote_artwork.preflight.pictures import measure_png
from remote_artwork.storage.reader import RangeReader

GOOD = picture("PNG")
ROWS = b"".join(b"\4" + bytes(range(30)) for _ in range(20))  # of 10 by 20 pixels
# Interlaced, 5 by 5 pixels of one byte: (rows, columns) of the seven passes.
PASSES = ((1, 1), (1, 1), (1, 2), (2, 1), (1, 3), (3, 2), (2, 5))
ADAM7 = b"".join((b"\0" + bytes(columns)) * rows for rows, columns in PASSES)


def facts(data, limit=10**6):
    return measure_png(reader("1.png", data), max_pixels=limit)


@pytest.mark.parametrize(
    ("mode", "color"),
    [("1", "gray"), ("L", "gray"), ("LA", "gray"), ("P", "rgb"), ("RGB", "rgb"), ("RGBA", "rgb"), ("I;16", "gray")],
)
def test_every_pixel_format_is_measured(mode, color):
    file = io.BytesIO()
    Image.new(mode, (37, 21)).save(file, "PNG")
    found = facts(file.getvalue())
    assert (found.width, found.height, found.color, found.flaw, found.decoded) == (37, 21, color, "", True)


def test_an_interlaced_picture_is_read_pass_by_pass():
    assert facts(png(5, 5, ADAM7, color=0, interlaced=1)).flaw == ""
    assert facts(png(5, 5, ADAM7[:-1], color=0, interlaced=1)).flaw == "rows_missing"


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 2)])
def test_small_interlaced_pictures_have_empty_passes(size):
    file = io.BytesIO(png(*size, b"\0" * 1_000, color=0, interlaced=1))
    Image.open(file).load()
    assert facts(file.getvalue()).flaw == ""


def test_optional_chunks_are_skipped_even_if_they_are_damaged():
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(5_000_000)))
    broken = chunk(b"tEXt", b"Title\0x" * 100, checksum=1)
    assert facts(png(10, 20, ROWS, extra=bomb + broken)).flaw == ""


def test_data_after_the_last_row_is_not_inflated():
    assert facts(png(10, 20, ROWS + bytes(10_000_000))).flaw == ""


def test_only_the_header_of_a_picture_above_the_limit_is_read():
    bomb = reader("1.png", png(30_000, 30_000, bytes(1_000)))
    found = measure_png(bomb, max_pixels=10**8)
    assert (found.pixels, found.decoded, found.flaw) == (900_000_000, False, "")
    assert bomb.reads == [(0, 29)]


@pytest.mark.parametrize(
    "data",
    [b"", b"\x89PNG\r\n\x1a\n", GOOD[:28], b"GIF89a" + bytes(40), png(0, 5, b""), png(5, 5, b"", depth=3),
     png(5, 5, b"", color=5), png(5, 5, b"", interlaced=2), png(2**31, 1, b"")],
)  # fmt: skip
def test_an_invalid_header_is_a_flaw(data):
    assert facts(data).flaw == "header_damaged"


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_truncated_picture_is_a_flaw(tenth):
    assert facts(GOOD[: len(GOOD) * tenth // 10]).flaw


def test_any_flipped_byte_of_the_picture_is_a_flaw():
    data = png(10, 20, ROWS)
    begin, end = data.index(b"IDAT"), data.index(b"IEND") - 8
    for at in range(begin + 4, end):
        assert facts(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]).flaw == "data_damaged"


def test_missing_or_invalid_rows_are_flaws():
    assert facts(png(10, 20, ROWS[:-1])).flaw == "rows_missing"
    assert facts(png(10, 20, ROWS[:-31] + b"\5" + ROWS[-30:])).flaw == "data_damaged"
    assert facts(png(10, 20, b"\7" + ROWS[1:])).flaw == "data_damaged"


def by_hand(*chunks, methods=b"\0\0", color=2):
    header = struct.pack(">IIBB", 10, 20, 8, color) + methods + b"\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


PACKED = zlib.compress(ROWS)
WHOLE, FIRST, SECOND = chunk(b"IDAT", PACKED), chunk(b"IDAT", PACKED[:40]), chunk(b"IDAT", PACKED[40:])
INDEXED = chunk(b"IDAT", zlib.compress((b"\0" + bytes(10)) * 20))


@pytest.mark.parametrize(
    ("data", "flaw"),
    [
        (by_hand(WHOLE, methods=b"\1\0"), "header_damaged"),
        (by_hand(WHOLE, methods=b"\0\1"), "header_damaged"),
        (by_hand(chunk(b"ABCD", b"?"), WHOLE), "invalid_structure"),
        (by_hand(FIRST, chunk(b"tEXt", b"a\0b"), SECOND), "invalid_structure"),
        (by_hand(INDEXED, color=3), "palette_missing"),
        (by_hand(INDEXED, chunk(b"PLTE", bytes(9)), color=3), "palette_missing"),
    ],
    ids=["compression", "filtering", "unknown chunk", "scattered data", "no palette", "palette too late"],
)
def test_a_picture_that_no_decoder_may_show_is_a_flaw(data, flaw):
    assert facts(data).flaw == flaw


def test_a_palette_and_several_data_chunks_are_valid():
    assert facts(by_hand(chunk(b"PLTE", bytes(9)), INDEXED, color=3)).flaw == ""
    assert facts(by_hand(FIRST, SECOND, chunk(b"tEXt", b"a\0b"))).flaw == ""


def test_a_chunk_longer_than_the_file_is_a_flaw():
    assert facts(png(10, 20, ROWS, extra=(2**31).to_bytes(4) + b"tEXt")).flaw == "part_missing"


def test_a_file_with_too_many_chunks_is_a_flaw():
    data = png(10, 20, ROWS, extra=chunk(b"tEXt", b"") * 50_000)
    watched = reader("1.png", data)
    assert measure_png(watched, max_pixels=10**6).flaw == "invalid_structure"
    assert len(watched.reads) < 20


def test_short_chunks_do_not_need_a_request_each():
    file = reader("1.png", png(10, 20, ROWS, extra=chunk(b"tEXt", b"a" * 250) * 20_000))
    requests = []

    def fetch(start, end):
        requests.append(start)
        return file.data[start:end]

    assert measure_png(RangeReader(file.file, fetch), max_pixels=10**6).flaw == ""
    assert len(requests) < 20

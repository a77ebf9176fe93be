"""The picture check: its findings, with the measured and the required value, and each flaw of a PNG."""

import base64
import io
import re
import struct
import zlib

import pytest
from PIL import Image

from print_files import JUNK, chunk, picture, png, reader
from remote_artwork.client import PreflightCheck
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.reasons import WORDS
from remote_artwork.core.report import WARNINGS, Severity
from remote_artwork.preflight.jpeg_decoder import decode_jpeg
from remote_artwork.preflight.pictures import PictureCheck, PictureFacts, measure_jpeg, measure_png
from remote_artwork.storage.reader import FilePart, PinnedFile, RangeReader

JPEG, PNG = picture("JPEG"), picture("PNG")


def check(data, name="1.png", *, size_mm=None, **options):
    item = OrderItem("1", print_size_mm=size_mm)
    return {finding.code: finding for finding in PictureCheck(**options).check(reader(name, data), item)}


def only(found):
    [finding] = found.values()
    return finding


@pytest.mark.parametrize(
    ("name", "data", "colors"),
    [
        ("1.jpg", JPEG, "RGB"),
        ("1.JPEG", picture("JPEG", progressive=True), "RGB"),
        ("1.jpg", picture("JPEG", mode="L"), "grayscale"),
        ("1.jpg", picture("JPEG", mode="CMYK"), "CMYK"),
        ("1.png", PNG, "RGB"),
        ("1.png", picture("PNG", mode="RGBA"), "RGB"),
        ("1.PNG", picture("PNG", mode="LA"), "grayscale"),
    ],
)
def test_a_good_picture_passes_with_its_measured_values(name, data, colors):
    found = check(data, name)
    assert {finding.severity for finding in found.values()} == {Severity.PASS}
    assert found["pixels"].measured == "400 × 300 pixels"
    assert found["color_mode"].measured == colors


def test_resolution_is_measured_at_the_print_size():
    found = check(PNG, size_mm=(50.8, 38.1))["resolution"]
    assert (found.severity, found.measured, found.required) == (Severity.PASS, "200 dpi", "at least 150 dpi")


def test_a_low_resolution_warning_names_the_required_pixels():
    found = check(PNG, size_mm=(101.6, 76.2))["low_resolution"]
    assert (found.severity, found.measured, found.required) == (Severity.WARN, "100 dpi", "at least 150 dpi")
    assert found.message.endswith("upload it with 600 × 450 pixels or more")


def test_a_picture_is_rotated_to_fit_and_its_lower_resolution_counts():
    assert check(PNG, size_mm=(38.1, 50.8))["resolution"].measured == "200 dpi"
    assert check(PNG, size_mm=(50.8, 50.8))["resolution"].measured == "150 dpi"


def test_a_shop_sets_the_minimum_resolution_and_its_severity():
    assert "resolution" in check(PNG, size_mm=(101.6, 76.2), min_dpi=100)
    found = check(PNG, size_mm=(101.6, 76.2), reject_for=("low_resolution",))
    assert found["low_resolution"].severity is Severity.REJECT


def test_without_a_print_size_the_resolution_is_not_checked():
    assert set(check(PNG)) == {"pixels", "color_mode"}


def test_a_color_mode_that_is_not_accepted_is_a_warning():
    found = check(picture("JPEG", mode="CMYK"), "1.jpg", color_modes=("rgb", "gray"))["color_mode"]
    assert (found.severity, found.measured, found.required) == (Severity.WARN, "CMYK", "RGB or grayscale")


@pytest.mark.parametrize("name", ["1.png", "1.jpg"])
def test_too_many_pixels_are_rejected(name):
    found = only(check(PNG if name == "1.png" else JPEG, name, max_pixels=119_999))
    assert (found.severity, found.code) == (Severity.REJECT, "too_many_pixels")
    assert (found.measured, found.required) == ("120,000 pixels", "at most 119,999 pixels")


def test_only_the_header_of_a_jpeg_above_the_limit_is_read():
    noise = reader("1.jpg", picture("JPEG", (1_500, 1_500), quality=100))
    [found] = PictureCheck(max_pixels=2_000_000).check(noise, OrderItem("1"))
    assert found.code == "too_many_pixels"
    assert sum(length for _, length in noise.reads) <= 256 * 1024 < noise.file.size


def test_a_single_pixel_is_rejected():
    found = only(check(picture("PNG", (1, 1))))
    assert (found.code, found.measured, found.required) == ("too_small", "1 × 1 pixels", "at least 16 × 16 pixels")
    assert only(check(picture("JPEG", (500, 15)), "1.jpg")).code == "too_small"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("1.png", PNG[: len(PNG) // 2]),
        ("1.png", png(20, 20, b"\0" * 100)),
        ("1.jpg", JPEG[: len(JPEG) // 2]),
        ("1.jpg", JPEG[:20]),
        ("1.jpg", b""),
        ("1.jpg", JPEG[:200] + bytes(range(256)) * 20),
        ("1.jpg", PNG),
    ],
)
def test_a_picture_that_cannot_be_decoded_has_one_finding(name, data):
    found = only(check(data, name))
    assert (found.severity, found.code) == (Severity.REJECT, "damaged")
    assert found.message.endswith("; export it again and upload it")


def test_a_progressive_picture_too_large_for_memory_is_a_warning(monkeypatch):
    monkeypatch.setattr("remote_artwork.preflight.sandbox.MEMORY_LIMIT", 150 * 1024**2)
    huge = picture("JPEG", (5_000, 4_500), progressive=True, subsampling=0, quality=10)
    found = check(huge, "1.jpg")
    assert found["not_decoded"].severity is Severity.WARN
    assert found["pixels"].measured == "5,000 × 4,500 pixels"


LARGE_CMYK = picture("JPEG", (600, 600), mode="CMYK")
ADOBE = LARGE_CMYK.index(b"Adobe") + 11  # the byte that says how the channels are stored
COLORS = {
    "RGB": picture("JPEG", (600, 600)),
    "gray": picture("JPEG", (600, 600), mode="L"),
    "CMYK": LARGE_CMYK,
    "YCCK": LARGE_CMYK[:ADOBE] + b"\2" + LARGE_CMYK[ADOBE + 1 :],
}


@pytest.mark.parametrize("color", COLORS)
def test_a_picture_without_its_lower_part_is_damaged(color):
    whole = COLORS[color]
    found = only(check(whole[: len(whole) // 2] + b"\xff\xd9", "1.jpg"))
    assert (found.severity, found.code) == (Severity.REJECT, "damaged")
    assert {finding.severity for finding in check(whole, "1.jpg").values()} == {Severity.PASS}


@pytest.mark.parametrize(("mode", "gray"), [("RGB", (128, 128, 128)), ("L", 128), ("CMYK", (128, 127, 127, 128))])
def test_a_picture_that_was_saved_without_its_lower_part_is_a_warning(mode, gray):
    lost = Image.open(io.BytesIO(picture("JPEG", (600, 600), mode=mode)))
    lost.paste(gray, (0, 320, 600, 600))
    file = io.BytesIO()
    lost.save(file, "JPEG")
    assert check(file.getvalue(), "1.jpg")["gray_end"].severity is Severity.WARN


# Corrupt data of a JPEG, which libjpeg replaces with something without an error.

PHOTOS = {
    "baseline": picture("JPEG", (1_200, 900), quality=90),
    "progressive": picture("JPEG", (1_200, 900), quality=90, progressive=True),
    "restart markers": picture("JPEG", (1_200, 900), quality=90, restart_marker_blocks=8),
    "CMYK": picture("JPEG", (1_200, 900), mode="CMYK", quality=80),
    "gray": picture("JPEG", (1_200, 900), mode="L", quality=90),
}
AT = 40_000
DAMAGES = {
    "zeros": lambda data: data[:AT] + bytes(4_096) + data[AT + 4_096 :],
    "zeros to the end": lambda data: data[:-16_384] + bytes(16_382) + data[-2:],
    "FF": lambda data: data[:AT] + b"\xff" * 4_096 + data[AT + 4_096 :],
    "random bytes": lambda data: data[:AT] + JUNK[:4_096] + data[AT + 4_096 :],
    "a part of it twice": lambda data: data[: AT + 4_096] + data[AT:],
    "a part left out": lambda data: data[:AT] + data[AT + 4_096 :],
    "half of another picture": lambda data: data[:AT] + picture("JPEG", (900, 1_200), quality=60)[AT // 2 :],
    "the end of the picture": lambda data: data[:-4_096],
    "LF to CR LF": lambda data: data.replace(b"\n", b"\r\n"),
    "a byte lost in each 4 KB": lambda data: (
        b"".join(data[at : at + 4_095] for at in range(0, len(data) - 4_096, 4_095)) + data[-4_096:]
    ),
    "CR dropped": lambda data: data.replace(b"\r", b""),
}


def flaw_of_jpeg(data):
    """Return the flaw in words. Runs without the sandbox, to save the time to start a process."""
    facts = PictureFacts(**measure_jpeg(io.BytesIO(data), max_pixels=10**8))
    return WORDS[facts.flaw] if facts.flaw else ""


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", PHOTOS)
def test_corrupt_data_in_the_middle_of_a_jpeg_is_damage(kind, damage):
    assert "damaged" in flaw_of_jpeg(DAMAGES[damage](PHOTOS[kind]))


def with_segments(data, *segments):
    """Insert segments after the start of the picture."""
    return data[:2] + b"".join(name + (len(body) + 2).to_bytes(2) + body for name, body in segments) + data[2:]


HARMLESS = {
    "padding with zeros before the end": lambda data: data[:-2] + bytes(3_000) + data[-2:],
    "padding with FF before the end": lambda data: data[:-2] + b"\xff" * 3_000 + data[-2:],
    "two bytes before the end": lambda data: data[:-2] + b"\x12\x34" + data[-2:],
    "stray bytes between segments": lambda data: with_segments(data, (b"\xff\xfe", b"note")).replace(
        b"note", b"note stray"
    ),
    "a film behind it": lambda data: data + JUNK,
    "another picture behind it": lambda data: data + PHOTOS["gray"],
    "a large comment": lambda data: with_segments(data, *[(b"\xff\xfe", JUNK[:60_000])] * 5),
    "an unknown JFIF version": lambda data: data.replace(b"JFIF\0\1", b"JFIF\0\7", 1),
}


@pytest.mark.parametrize("change", HARMLESS)
@pytest.mark.parametrize("kind", PHOTOS)
def test_what_is_not_picture_data_does_not_damage_a_jpeg(kind, change):
    assert flaw_of_jpeg(HARMLESS[change](PHOTOS[kind])) == ""


def test_a_picture_of_one_color_has_long_runs_of_one_byte_and_is_valid():
    file = io.BytesIO()
    Image.new("RGB", (2_000, 2_000), (200, 30, 30)).save(file, "JPEG", optimize=True)
    assert {finding.severity for finding in check(file.getvalue(), "1.jpg").values()} == {Severity.PASS}


def test_a_libjpeg_that_cannot_be_used_does_not_blame_the_file(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _path: object())
    with pytest.raises(ImportError, match="does not come with a shared libjpeg"):
        decode_jpeg(io.BytesIO(JPEG), (400, 300))


def test_an_error_while_reading_is_raised_after_libjpeg_returned():
    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 50_000:
                raise OSError("the disk is broken")
            return super().read(min(size, 10_000))

    with pytest.raises(OSError, match="the disk is broken"):
        decode_jpeg(Broken(PHOTOS["baseline"]), (1_200, 900))


ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6j"
    "q62rZ4C8ybqmx5moq6T/yQALCAAgACABAREA/8wABgAQEAX/2gAIAQEAAD8A/wA+Mc8PYXgId0jQUmQPsZm8gFgmh6VwO7yAXIbO"
    "tr6WgbktfNRu77QDHdYEFrmLEDLCqtUE8J25LCHaWPFDjqqfKRSqb/33EqzWjmHq3R+eVwRkj6IdM3dHMaHHBPTyXGNvoYtIO7am"
    "skKcCjCqTP/Z"
)
"""32 × 32 pixels, written by ``cjpeg -arithmetic``. Pillow cannot write it."""


def test_a_jpeg_that_few_programs_can_open_is_a_warning():
    assert check(ARITHMETIC, "1.jpg")["unusual_coding"].severity is Severity.WARN


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_progressive_jpeg_without_its_last_scans_is_a_warning(mode):
    data = picture("JPEG", (600, 400), mode=mode, progressive=True)
    scans = [found.start() for found in re.finditer(b"\xff\xda", data)]
    assert {finding.severity for finding in check(data, "1.jpg").values()} == {Severity.PASS}
    for scan in scans[1:]:
        assert check(data[:scan] + b"\xff\xd9", "1.jpg")["scans_missing"].severity is Severity.WARN


def test_other_files_are_ignored():
    pdf = reader("1.pdf", b"%PDF-1.7")
    assert list(PictureCheck().check(pdf, OrderItem("1"))) == []
    assert pdf.reads == []


def test_a_policy_can_reject_for_each_warning():
    assert {"low_resolution", "color_mode", "gray_end", "not_decoded", "scans_missing", "unusual_coding"} <= set(
        WARNINGS
    )


def test_it_is_a_preflight_check_and_its_repr_shows_its_settings():
    assert isinstance(PictureCheck(), PreflightCheck)
    assert repr(PictureCheck(min_dpi=200)) == (
        "PictureCheck(min_dpi=200, max_pixels=179000000, color_modes=('gray', 'rgb', 'cmyk'), reject_for=())"
    )


# The data of a PNG.

ROWS = b"".join(b"\4" + bytes(range(30)) for _ in range(20))  # of 10 by 20 pixels
# Interlaced, 5 by 5 pixels of one byte: (rows, columns) of the seven passes.
PASSES = ((1, 1), (1, 1), (1, 2), (2, 1), (1, 3), (3, 2), (2, 5))
ADAM7 = b"".join((b"\0" + bytes(columns)) * rows for rows, columns in PASSES)


def measure(data, limit=10**6):
    return PictureFacts(**measure_png(io.BytesIO(data), max_pixels=limit))


@pytest.mark.parametrize(
    ("mode", "color"),
    [("1", "gray"), ("L", "gray"), ("LA", "gray"), ("P", "rgb"), ("RGB", "rgb"), ("RGBA", "rgb"), ("I;16", "gray")],
)
def test_every_pixel_format_is_measured(mode, color):
    file = io.BytesIO()
    Image.new(mode, (37, 21)).save(file, "PNG")
    found = measure(file.getvalue())
    assert (found.width, found.height, found.color, found.flaw, found.decoded) == (37, 21, color, "", True)


def test_an_interlaced_picture_is_read_pass_by_pass():
    assert measure(png(5, 5, ADAM7, color=0, interlaced=1)).flaw == ""
    assert measure(png(5, 5, ADAM7[:-1], color=0, interlaced=1)).flaw == "rows_missing"


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 2)])
def test_small_interlaced_pictures_have_empty_passes(size):
    file = io.BytesIO(png(*size, b"\0" * 1_000, color=0, interlaced=1))
    Image.open(file).load()
    assert measure(file.getvalue()).flaw == ""


def test_optional_chunks_are_skipped_even_if_they_are_damaged():
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(5_000_000)))
    broken = chunk(b"tEXt", b"Title\0x" * 100, checksum=1)
    assert measure(png(10, 20, ROWS, extra=bomb + broken)).flaw == ""


def test_data_after_the_last_row_is_not_inflated():
    assert measure(png(10, 20, ROWS + bytes(10_000_000))).flaw == ""


def test_only_the_header_of_a_png_above_the_limit_is_read():
    bomb = io.BytesIO(png(30_000, 30_000, bytes(1_000)))
    found = PictureFacts(**measure_png(bomb, max_pixels=10**8))
    assert (found.pixels, found.decoded, found.flaw) == (900_000_000, False, "")
    assert bomb.tell() == 29


@pytest.mark.parametrize(
    "data",
    [b"", b"\x89PNG\r\n\x1a\n", PNG[:28], b"GIF89a" + bytes(40), png(0, 5, b""), png(5, 5, b"", depth=3),
     png(5, 5, b"", color=5), png(5, 5, b"", interlaced=2), png(2**31, 1, b"")],
)  # fmt: skip
def test_an_invalid_png_header_is_a_flaw(data):
    assert measure(data).flaw == "header_damaged"


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_truncated_png_is_a_flaw(tenth):
    assert measure(PNG[: len(PNG) * tenth // 10]).flaw


def test_any_flipped_byte_of_the_png_data_is_a_flaw():
    data = png(10, 20, ROWS)
    begin, end = data.index(b"IDAT"), data.index(b"IEND") - 8
    for at in range(begin + 4, end):
        assert measure(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]).flaw == "data_damaged"


def test_missing_or_invalid_rows_are_flaws():
    assert measure(png(10, 20, ROWS[:-1])).flaw == "rows_missing"
    assert measure(png(10, 20, ROWS[:-31] + b"\5" + ROWS[-30:])).flaw == "data_damaged"
    assert measure(png(10, 20, b"\7" + ROWS[1:])).flaw == "data_damaged"


def png_of(*chunks, methods=b"\0\0", color=2):
    header = struct.pack(">IIBB", 10, 20, 8, color) + methods + b"\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


PACKED = zlib.compress(ROWS)
WHOLE, FIRST, SECOND = chunk(b"IDAT", PACKED), chunk(b"IDAT", PACKED[:40]), chunk(b"IDAT", PACKED[40:])
INDEXED = chunk(b"IDAT", zlib.compress((b"\0" + bytes(10)) * 20))


@pytest.mark.parametrize(
    ("data", "flaw"),
    [
        (png_of(WHOLE, methods=b"\1\0"), "header_damaged"),
        (png_of(WHOLE, methods=b"\0\1"), "header_damaged"),
        (png_of(chunk(b"ABCD", b"?"), WHOLE), "invalid_structure"),
        (png_of(FIRST, chunk(b"tEXt", b"a\0b"), SECOND), "invalid_structure"),
        (png_of(INDEXED, color=3), "palette_missing"),
        (png_of(INDEXED, chunk(b"PLTE", bytes(9)), color=3), "palette_missing"),
    ],
    ids=["compression", "filtering", "unknown chunk", "scattered data", "no palette", "palette too late"],
)
def test_a_picture_that_no_decoder_may_show_is_a_flaw(data, flaw):
    assert measure(data).flaw == flaw


def test_a_palette_and_several_data_chunks_are_valid():
    assert measure(png_of(chunk(b"PLTE", bytes(9)), INDEXED, color=3)).flaw == ""
    assert measure(png_of(FIRST, SECOND, chunk(b"tEXt", b"a\0b"))).flaw == ""


def test_a_chunk_longer_than_the_file_is_a_flaw():
    assert measure(png(10, 20, ROWS, extra=(2**31).to_bytes(4) + b"tEXt")).flaw == "part_missing"


def test_a_png_with_too_many_chunks_is_a_flaw():
    data = png(10, 20, ROWS, extra=chunk(b"tEXt", b"") * 50_000)
    watched = reader("1.png", data)
    [found] = PictureCheck().check(watched, OrderItem("1"))
    assert found.code == "damaged"
    assert "not a valid PNG" in found.message
    assert len(watched.reads) < 20


def test_short_chunks_do_not_need_a_request_each():
    file = reader("1.png", png(20, 20, (b"\0" + bytes(60)) * 20, extra=chunk(b"tEXt", b"a" * 250) * 20_000))
    requests = []

    def fetch(_file, start, end):
        requests.append(start)
        return FilePart(content=file.data[start:end])

    findings = PictureCheck().check(RangeReader(PinnedFile(file.file, look_up=reader, fetch=fetch)), OrderItem("1"))
    assert [finding.code for finding in findings] == ["pixels", "color_mode"]
    assert len(requests) < 20

# ruff: noqa: ARG002 - doubles have the interface's arguments
"""The signature check. Pillow, pikepdf or the test itself makes each file; reads and their bytes are counted."""

import io
import random
import re
import struct

import pikepdf
import pytest
from attrs import define, field
from PIL import Image

from remote_artwork.client import PreflightCheck
from remote_artwork.core.orders import OrderItem, StoredFile
from remote_artwork.core.report import Finding, Severity
from remote_artwork.errors import FileGone
from remote_artwork.preflight.signature import SignatureCheck

ITEM = OrderItem("1")
JUNK = random.Random(7).randbytes(3_000_000)


@define
class Reader:
    file: StoredFile
    data: bytes
    reads: list[int] = field(factory=list)

    def read(self, start, length):
        self.reads.append(length)
        return self.data[start : start + length]


def check(name: str, data: bytes, *, size: int | None = None, limit: int = 10**9) -> Finding | None:
    reader = Reader(StoredFile(name=name, size=len(data) if size is None else size, etag="e"), data)
    findings = list(SignatureCheck(max_file_size=limit).check(reader, ITEM))
    assert len(findings) <= 1
    if not findings or findings[0].code != "truncated":  # before it says that an end is missing, it looks for it
        assert len(reader.reads) <= 2
        assert sum(reader.reads) < 64 * 1024
    return findings[0] if findings else None


def code(name: str, data: bytes, **more) -> str | None:
    finding = check(name, data, **more)
    assert finding is None or finding.severity is Severity.REJECT
    return finding.code if finding else None


def picture(kind: str, side: int, **options) -> bytes:
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), JUNK[: 3 * side * side]).save(file, kind, **options)
    return file.getvalue()


def with_thumbnail(jpeg: bytes, *, segments: bytes = b"") -> bytes:
    """Insert an EXIF segment with a thumbnail, which is a complete JPEG, and other segments after SOI."""
    thumbnail = picture("JPEG", 100, quality=60)
    body = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + thumbnail
    return jpeg[:2] + segment(0xE1, body) + segments + jpeg[2:]


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body


def photoshop_thumbnail() -> bytes:
    thumbnail = picture("JPEG", 120, quality=60)
    body = b"Photoshop 3.0\x008BIM\x04\x0c\0\0" + (28 + len(thumbnail)).to_bytes(4) + bytes(28) + thumbnail
    return segment(0xED, body + b"8BIM\x04\x04\0\0\0\0\0\0" + bytes(2_000))


def color_profile() -> bytes:
    pieces = [JUNK[at : at + 65_000] for at in range(0, 1_000_000, 65_000)]
    return b"".join(segment(0xE2, b"ICC_PROFILE\0\x01\x10" + piece) for piece in pieces)


def pdf(*, linearized: bool = False, payload: int = 0) -> bytes:
    document = pikepdf.new()
    for _ in range(4):
        document.add_blank_page(page_size=(200, 300))
    if payload:
        document.pages[0].Contents = document.make_stream(JUNK[:payload])
    file = io.BytesIO()
    document.save(file, linearize=linearized)
    return file.getvalue()


WHOLE = {
    "small.jpg": picture("JPEG", 40),
    "large.jpeg": picture("JPEG", 600, quality=95),
    "progressive.jpg": picture("JPEG", 600, quality=95, progressive=True),
    "restart.jpg": picture("JPEG", 600, quality=95, restart_marker_blocks=1),
    "thumbnail-small.jpg": with_thumbnail(picture("JPEG", 60)),
    "thumbnail-middle.jpg": with_thumbnail(picture("JPEG", 250, quality=95)),
    "thumbnail-large.jpg": with_thumbnail(picture("JPEG", 600, quality=95)),
    "thumbnails.jpg": with_thumbnail(
        picture("JPEG", 600, quality=95), segments=segment(0xE1, bytes(60_000)) + photoshop_thumbnail()
    ),
    "profile.JPG": with_thumbnail(picture("JPEG", 600, quality=95), segments=color_profile()),
    "small.png": picture("PNG", 8),
    "large.png": picture("PNG", 300),
    "small.pdf": pdf(),
    "large.pdf": pdf(payload=200_000),
    "linearized.pdf": pdf(linearized=True, payload=200_000),
    "linearized-small.pdf": pdf(linearized=True),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_complete_file_passes(name):
    assert check(name, WHOLE[name]) is None


@pytest.mark.parametrize("name", WHOLE)
def test_bytes_after_the_end_are_valid(name):
    assert check(name, WHOLE[name] + b"\r\n<!-- appended by a scanner -->\xff\x00" * 50) is None


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_cut_at_any_point_is_truncated(name):
    data = WHOLE[name]
    cuts = {len(data) * tenth // 10 for tenth in range(1, 10)} | {1, 2, 5, len(data) - 10, len(data) - 2_000}
    for cut in sorted(cut for cut in cuts if 0 < cut < len(data)):
        assert code(name, data[:cut]) == "truncated", f"cut at {cut} of {len(data)}"


def test_a_picture_cut_right_after_its_thumbnail_is_truncated():
    data = WHOLE["thumbnails.jpg"]
    end = data.index(b"\xff\xd9", data.index(b"Photoshop")) + 2
    assert code("1.jpg", data[: end + 100]) == "truncated"


def test_an_end_marker_in_a_color_profile_is_not_the_end():
    profile = WHOLE["profile.JPG"][:500_000]
    early = profile[:-64_000] + bytes(100) + b"\xff\xd9" + profile[-63_898:]
    assert code("1.jpg", early) == "truncated"


def test_a_second_picture_after_the_first_is_valid():
    assert check("1.jpg", WHOLE["thumbnail-large.jpg"] + WHOLE["small.jpg"]) is None


def test_padding_before_a_marker_is_valid():
    data = WHOLE["small.jpg"]
    assert check("1.jpg", data[:2] + b"\xff\xff" + data[2:]) is None


def test_stray_bytes_between_segments_do_not_hide_the_end():
    data = WHOLE["small.jpg"]
    assert check("1.jpg", data[:20] + b"\0" + data[20:]) is None


def test_a_pdf_with_a_truncated_update_is_truncated():
    assert code("1.pdf", WHOLE["small.pdf"] + b"\n12 0 obj\n<< /Type /Page") == "truncated"


def test_a_linearized_pdf_declares_its_length():
    data = WHOLE["linearized.pdf"]
    finding = check("1.pdf", data[: len(data) // 2])
    assert finding.measured == f"{len(data) // 2:,} bytes"
    assert finding.required == f"{len(data):,} bytes"


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n", b"  \t"])
def test_a_pdf_can_begin_with_a_byte_order_mark_or_spaces(before):
    assert check("1.pdf", before + WHOLE["small.pdf"]) is None


def passes_after_reading_on(name: str, data: bytes) -> bool:
    """Whether a file passes, and two reads were not enough to tell. Only a few more are made."""
    reader = Reader(StoredFile(name=name, size=len(data), etag="e"), data)
    findings = list(SignatureCheck().check(reader, ITEM))
    assert 2 < len(reader.reads) <= 3 + len(data) // 2**20
    return not findings


def cmyk(**options) -> bytes:
    file = io.BytesIO()
    Image.frombytes("CMYK", (120, 120), JUNK[: 4 * 120 * 120]).save(file, "JPEG", **options)
    return file.getvalue()


def film(size: int) -> bytes:
    header = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"mp42", 0, b"isom", b"mp42")
    return header + struct.pack(">I4s", size, b"mdat") + JUNK[:size]


def test_a_short_cmyk_picture_after_its_color_profile_is_complete():
    data = cmyk(icc_profile=JUNK[:557_168])
    assert check("1.jpg", data) is None
    assert code("1.jpg", data[:-2]) == "truncated"


TRAILERS = {
    "film": film(2_000_000),
    "zeros": bytes(200_000),
    "depth map": picture("PNG", 300),
    "restart markers": b"\xff\xd0" * 50_000,
}


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("name", ["large.jpeg", "progressive.jpg", "thumbnail-large.jpg", "profile.JPG"])
def test_a_jpeg_with_more_than_64_kilobytes_after_its_end_is_complete(name, trailer):
    assert passes_after_reading_on(name, WHOLE[name] + TRAILERS[trailer])


@pytest.mark.parametrize("trailer", ["film", "zeros"])
def test_a_jpeg_without_its_end_is_truncated_even_if_other_data_follows(trailer):
    data = WHOLE["large.jpeg"]
    assert code("1.jpg", data[:100_000] + TRAILERS[trailer].replace(b"\xff\xd9", b"\xff\0")) == "truncated"


def test_a_png_with_more_than_64_kilobytes_after_its_end_is_complete():
    data = WHOLE["large.png"]
    assert passes_after_reading_on("1.png", data + JUNK[:200_000])
    assert code("1.png", data[:-20] + bytes(200_000)) == "truncated"


def test_a_pdf_with_more_than_64_kilobytes_of_padding_after_its_end_is_complete():
    assert passes_after_reading_on("1.pdf", WHOLE["small.pdf"] + bytes(70_000))
    assert passes_after_reading_on("1.pdf", WHOLE["large.pdf"] + b"\n" * 70_000)
    assert code("1.pdf", WHOLE["large.pdf"][:-2_000] + bytes(70_000)) == "truncated"


def test_words_after_the_end_of_a_pdf_are_not_objects():
    assert check("1.pdf", WHOLE["small.pdf"] + b"<!-- the trailer of the page, objectives, xref -->") is None


@pytest.mark.parametrize("lost", [1, 2, 5, 6])
def test_a_pdf_that_lost_only_a_part_of_its_end_marker_is_complete(lost):
    assert check("1.pdf", WHOLE["small.pdf"][:-lost]) is None


def test_a_pdf_that_does_not_say_where_its_objects_are_is_truncated():
    wrong = re.sub(rb"startxref\n(\d+)\n%%EOF\n", rb"startxref\n1\1\n", WHOLE["small.pdf"])
    assert code("1.pdf", wrong) == "truncated"


def test_a_linearized_pdf_can_lack_its_last_line_end():
    data = WHOLE["linearized.pdf"]
    assert check("1.pdf", data.rstrip(b"\n")) is None
    longer = re.sub(rb"/L (\d+)", lambda found: b"/L %d" % (int(found.group(1)) + 1), data, count=1)
    assert check("1.pdf", longer) is None
    assert code("1.pdf", data[:-20]) == "truncated"


PREFIXES = {
    "printer language": b"\x1b%-12345X@PJL ENTER LANGUAGE=PDF\r\n",
    "HTTP header": b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n",
    "form data": b'------boundary\r\nContent-Disposition: form-data; name="f"\r\n\r\n',
    "MacBinary": b"\0\x05a.pdf" + bytes(121),
    "1,000 bytes": b"x" * 1_000,
}


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_a_pdf_can_begin_within_the_first_kilobyte(prefix):
    assert check("1.pdf", prefix + WHOLE["small.pdf"]) is None


@pytest.mark.parametrize(
    "prefix",
    [b"x" * 1_100, b"<html>", b"PK\x03\x04", b"\xff\xd8\xff", b"card.pdf".ljust(257, b"\0") + b"ustar\0" + bytes(249)],
    ids=["too late", "web page", "ZIP", "JPEG", "tar"],
)
def test_a_file_of_another_type_that_contains_a_pdf_is_not_a_pdf(prefix):
    assert code("1.pdf", prefix + WHOLE["small.pdf"]) == "wrong_type"


TEXT_MODES = {
    "CR LF": lambda data: data.replace(b"\n", b"\r\n"),
    "CR dropped": lambda data: data.replace(b"\r", b""),
    "CR": lambda data: data.replace(b"\n", b"\r"),
}


@pytest.mark.parametrize("mode", TEXT_MODES)
@pytest.mark.parametrize("name", ["large.jpeg", "large.pdf", "linearized.pdf"])
def test_a_transfer_in_text_mode_is_named(name, mode):
    found = check(name, TEXT_MODES[mode](WHOLE[name]))
    assert (found.severity, found.code) == (Severity.REJECT, "text_mode")
    assert found.message.endswith("; upload it again in binary mode")


RECODINGS = {
    "Latin-1 to UTF-8": lambda data: data.decode("latin-1").encode(),
    "Windows-1252 to UTF-8": lambda data: data.decode("cp1252", "replace").encode(),
    "not UTF-8 replaced": lambda data: data.decode("utf-8", "replace").encode(),
}


@pytest.mark.parametrize("recoding", RECODINGS)
@pytest.mark.parametrize("name", ["large.pdf", "linearized.pdf"])
def test_a_transfer_that_changed_the_character_set_is_named(name, recoding):
    assert code(name, RECODINGS[recoding](WHOLE[name])) == "text_mode"


def test_a_pdf_can_contain_much_text_in_utf_8():
    text = "<</Title (Füße 漢字)>>\n".encode() * 2_000
    assert check("1.pdf", b"%PDF-1.4\n1 0 obj\n" + text + bytes(1_000) + b"endobj\n%%EOF") is None


@pytest.mark.parametrize("mode", TEXT_MODES)
def test_text_in_a_pdf_can_have_any_line_ends(mode):
    text = b"".join(b"%d 0 obj\n<</Title (Stra\xdfe \xe4\xf6\xfc)>>\nendobj\n" % number for number in range(2_000))
    assert check("1.pdf", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + TEXT_MODES[mode](text) + b"%%EOF") is None


def test_a_picture_of_tiles_that_happens_to_lack_one_byte_is_not_text_mode():
    tile = bytes(value for value in JUNK[:3_000] if value not in (0x0D, 0xFF))
    data = WHOLE["large.jpeg"]
    assert check("1.jpg", data[:2_000] + tile * 40 + b"\xff\xd9") is None


def test_long_runs_of_one_byte_do_not_take_long():
    data = WHOLE["large.jpeg"]
    for run in (b"\xff" * 2_000_000, b"\xff\0" * 1_000_000, bytes(2_000_000)):
        check("1.jpg", data[:100_000] + run)


def test_an_empty_file_is_rejected_without_reading_it():
    reader = Reader(StoredFile(name="1.png", size=0, etag="e"), b"")
    [finding] = SignatureCheck().check(reader, ITEM)
    assert (finding.severity, finding.code, reader.reads) == (Severity.REJECT, "empty", [])


def test_a_file_above_the_size_limit_is_rejected_without_reading_it():
    reader = Reader(StoredFile(name="1.png", size=1001, etag="e"), bytes(1001))
    [finding] = SignatureCheck(max_file_size=1000).check(reader, ITEM)
    assert (finding.code, finding.measured, finding.required) == ("too_large", "1,001 bytes", "at most 1,000 bytes")
    assert reader.reads == []


def test_a_file_at_the_size_limit_passes():
    data = WHOLE["small.png"]
    assert check("1.png", data, limit=len(data)) is None


@pytest.mark.parametrize(("name", "reads"), [("small.png", 1), ("large.png", 2), ("thumbnail-small.jpg", 1)])
def test_a_small_file_is_read_once_and_a_large_one_twice(name, reads):
    reader = Reader(StoredFile(name=name, size=len(WHOLE[name]), etag="e"), WHOLE[name])
    assert list(SignatureCheck().check(reader, ITEM)) == []
    assert len(reader.reads) == reads


@pytest.mark.parametrize("size", [65_023, 65_024, 65_025])
def test_a_file_near_the_size_limit_of_one_read_is_checked_to_its_end(size):
    data = WHOLE["small.png"]
    assert check("1.png", data + bytes(63_000 - len(data)), size=63_000) is None
    padded = data[:-12] + bytes(size - len(data)) + data[-12:]
    assert check("1.png", padded) is None
    assert code("1.png", padded[:-1]) == "truncated"


def test_a_file_shorter_than_listed_is_truncated():
    finding = check("1.png", WHOLE["small.png"], size=len(WHOLE["small.png"]) + 5)
    assert finding.code == "truncated"
    assert finding.required == f"{len(WHOLE['small.png']) + 5:,} bytes"


def heif(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + bytes(100)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (picture("GIF", 8), "GIF"),
        (picture("WEBP", 8), "WebP"),
        (picture("TIFF", 8), "TIFF"),
        (picture("BMP", 8), "BMP"),
        (b"MM\0*" + bytes(50), "TIFF"),
        (b"8BPS\0\1" + bytes(50), "PSD"),
        (heif(b"heic"), "HEIC"),
        (heif(b"avif"), "AVIF"),
        (b"PK\x03\x04" + bytes(50), "ZIP"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"<svg/>", "SVG"),
        (b"\n<!DOCTYPE html><html><body>404", "web page"),
        (b"\xef\xbb\xbf<!-- saved from url=(0014)about:internet -->\n<html><body>Sign in", "web page"),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML">', "web page"),
        (b"<br />\n<b>Fatal error</b>:  Allowed memory size exhausted in <b>export.php</b>", "web page"),
        (b"<script>window.location='/login'</script>", "web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "error message"),
        (b'{"error": {"code": 404, "message": "not found"}}', "error message"),
        (b'{\n  "message": "Unauthorized"\n}', "error message"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "EPS"),
        (b"%!PS-Adobe-3.0\n%%Creator: Adobe Illustrator(R) 8.0\n", "AI"),
        (b"\x89PNG\n\x1a\n" + bytes(50), "damaged PNG"),
        (b"junk junk\n%PDF-1.7\n", "other data before its beginning"),
        (b"hello", "is not a PNG picture"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (WHOLE["small.pdf"], "PDF"),
    ],
)
def test_a_wrong_type_is_named_with_what_to_do(data, name):
    finding = check("1001_1.png", data)
    assert finding.code == "wrong_type"
    assert name in finding.message
    assert "; " in finding.message
    assert finding.required == "a PNG picture"


def test_a_message_before_a_pdf_does_not_make_it_a_web_page():
    assert code("1.pdf", b"<br />\n<b>Warning</b>:  Undefined variable<br />\n" + WHOLE["small.pdf"]) is None


@pytest.mark.parametrize(("name", "data"), [("1.jpg", "small.png"), ("1.pdf", "small.jpg"), ("1.png", "small.pdf")])
def test_a_printable_file_of_another_type_can_be_renamed(name, data):
    finding = check(name, WHOLE[data])
    assert finding.code == "wrong_type"
    assert f"end in .{'jpeg' if data.endswith('jpg') else data[-3:]}" in finding.message


def test_a_format_that_is_not_printed_is_rejected():
    assert code("1.gif", WHOLE["small.png"]) == "format_not_printed"


def test_a_storage_error_is_raised():
    class Gone(Reader):
        def read(self, start, length):
            raise FileGone("1.png")

    with pytest.raises(FileGone):
        SignatureCheck().check(Gone(StoredFile(name="1.png", size=10, etag="e"), b""), ITEM)


def test_it_is_a_preflight_check():
    assert isinstance(SignatureCheck(), PreflightCheck)

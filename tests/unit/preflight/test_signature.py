# ruff: noqa: ARG002 - doubles have the interface's arguments
"""The signature check. Pillow, pikepdf or the test itself makes each file; reads and their bytes are counted."""

import io
import random

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
    assert len(reader.reads) <= 2
    assert sum(reader.reads) < 64 * 1024
    assert len(findings) <= 1
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
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "error message"),
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

"""Thumbnails: a small picture of whatever can be drawn, and none of what cannot."""

import io

import pikepdf
import pytest
from PIL import Image

from print_files import changed_pdf, object_stream_bomb, pdf, picture, png, reader
from remote_artwork.errors import FileGone
from remote_artwork.preflight.thumbnails import thumbnail


def drawn(name, data, side=100):
    made = thumbnail(reader(name, data), side=side)
    return Image.open(io.BytesIO(made))


@pytest.mark.parametrize(
    ("name", "data", "size"),
    [
        ("1.jpg", picture("JPEG", (800, 400)), (100, 50)),
        ("1.jpeg", picture("JPEG", (400, 800), mode="CMYK"), (50, 100)),
        ("1.png", picture("PNG", (300, 300), mode="RGBA"), (100, 100)),
        ("1.png", picture("PNG", (300, 300), mode="L"), (100, 100)),
        ("1.png", picture("PNG", (40, 20)), (40, 20)),
        ("1.png", png(20, 20, b"".join(b"\0" + bytes([200, 0] * 20) for _ in range(20)), depth=16, color=0), (20, 20)),
        ("1.PDF", pdf((105, 148), (10, 10)), (71, 100)),
    ],
)
def test_a_thumbnail_keeps_the_aspect_ratio(name, data, size):
    small = drawn(name, data)
    assert (small.format, small.mode) == ("JPEG", "RGB")
    assert all(abs(a - b) <= 1 for a, b in zip(small.size, size, strict=True))


def test_sixteen_bits_keep_their_brightness():
    rows = b"".join(b"\0" + bytes([128, 0] * 20) for _ in range(20))
    assert abs(drawn("1.png", png(20, 20, rows, depth=16, color=0)).getpixel((5, 5))[0] - 128) < 3


def test_transparency_becomes_white():
    file = io.BytesIO()
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(file, "PNG")
    assert drawn("1.png", file.getvalue()).getpixel((5, 5)) == (255, 255, 255)


def test_a_photo_is_rotated_as_its_exif_says():
    turned = Image.new("RGB", (400, 200))
    exif = turned.getexif()
    exif[0x0112] = 6
    file = io.BytesIO()
    turned.save(file, "JPEG", exif=exif)
    assert drawn("1.jpg", file.getvalue()).size == (50, 100)


def with_annotation(flags, *, is_field):
    """Make a white page that is covered by a black annotation or form field."""

    def change(document):
        form = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Form, "BBox": [0, 0, 300, 450]}
        drawing = pikepdf.Dictionary(N=document.make_stream(b"0 g 0 0 300 450 re f", **form))
        kind = pikepdf.Name.Widget if is_field else pikepdf.Name.Stamp
        annotation = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=kind, Rect=[0, 0, 300, 450], F=flags, AP=drawing
        )
        if is_field:
            annotation.FT, annotation.T, annotation.V = pikepdf.Name.Tx, "name", "x"
        document.pages[0].Annots = [document.make_indirect(annotation)]
        if is_field:
            document.Root.AcroForm = pikepdf.Dictionary(Fields=[document.pages[0].Annots[0]])

    return changed_pdf(change, pdf((100, 150)))


@pytest.mark.parametrize(
    ("flags", "is_field", "is_printed"),
    [(4, True, True), (4, False, True), (0, False, False), (6, True, False), (6, False, False)],
)
def test_annotations_and_form_fields_are_drawn_if_they_are_printed(flags, is_printed, is_field):
    red, green, blue = drawn("1.pdf", with_annotation(flags, is_field=is_field)).getpixel((30, 50))
    assert max(red, green, blue) < 130 if is_printed else min(red, green, blue) > 240


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("1.jpg", b""),
        ("1.jpg", b"junk"),
        ("1.pdf", b"junk"),
        ("1.pdf", pdf()),
        ("1.pdf", object_stream_bomb(1_000)),
        ("1.png", png(30_000, 30_000, bytes(1_000))),
        ("1.gif", picture("GIF")),
    ],
    ids=["empty", "junk.jpg", "junk.pdf", "no-pages", "bomb.pdf", "bomb.png", "gif"],
)
def test_a_file_that_cannot_be_drawn_has_no_thumbnail(name, data):
    assert thumbnail(reader(name, data)) is None


def test_missing_packages_are_logged(monkeypatch, caplog, tmp_path):
    (tmp_path / "PIL.py").write_text("raise ImportError('it is not installed')")
    monkeypatch.syspath_prepend(tmp_path)  # where that process looks first, too
    assert thumbnail(reader("1.png", picture("PNG"))) is None
    assert caplog.records[0].getMessage() == "thumbnails_need_the_extra_report"


def test_a_storage_error_is_raised():
    class Gone(type(reader("1.png", b""))):
        def read(self, start, length):  # noqa: ARG002 - the interface has them
            raise FileGone("1.png")

    with pytest.raises(FileGone):
        thumbnail(Gone(reader("1.jpg", b"x").file, b"x"))

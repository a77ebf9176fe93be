"""The PDF check: its findings, with the measured and the required value."""

import base64
import io
import time
import zlib

import pikepdf
import pypdfium2
import pytest
from PIL import Image

from print_files import (
    JUNK,
    MM,
    changed_pdf,
    embedded_font,
    object_stream_bomb,
    pdf,
    picture,
    reader,
    sparse_pdf,
    standard_font,
)
from remote_artwork.client import PreflightCheck
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.report import WARNINGS, Severity
from remote_artwork.preflight.pdf import PdfCheck, PdfFacts
from remote_artwork.preflight.pdf_measure import measure_pdf
from remote_artwork.preflight.sandbox import CPU_SECONDS
from remote_artwork.storage.reader import FilePart, PinnedFile, RangeReader

A6 = (105, 148)
CARD = pdf(A6)


def check(data, *, size_mm=None, **options):
    item = OrderItem("1", print_size_mm=size_mm)
    return {finding.code: finding for finding in PdfCheck(**options).check(reader("1.pdf", data), item)}


def only(found):
    [finding] = found.values()
    return finding


def severity(data, code, **options):
    return check(data, **options)[code].severity


@pytest.mark.parametrize(
    "data",
    [CARD, pdf(A6, force_version="2.0"), pdf(A6, linearize=True), CARD + b"\r\n<!-- a scanner's advertisement -->" * 20,
     b"\r\n" + CARD, pdf(A6, object_stream_mode=pikepdf.ObjectStreamMode.generate)],
)  # fmt: skip
def test_a_good_pdf_passes_with_its_measured_values(data):
    found = check(data, size_mm=A6)
    assert {finding.severity for finding in found.values()} == {Severity.PASS}
    assert found["pages"].measured == "1 page"
    assert (found["page_size"].measured, found["page_size"].required) == ("105 × 148 mm", "105 × 148 mm")


def test_a_large_pdf_is_read_completely_with_few_requests():
    file, requests = reader("1.pdf", card_with_picture(compress_streams=False, pixels=1_500)), []

    def fetch(_file, start, end):
        requests.append(start)
        return FilePart(content=file.data[start:end])

    found = PdfCheck().check(RangeReader(PinnedFile(file.file, look_up=reader, fetch=fetch)), OrderItem("1"))
    assert {finding.severity for finding in found} == {Severity.PASS}
    assert file.file.size > 6_000_000
    assert len(requests) < 12


def encrypted(*, user="", **permissions):
    allow = pikepdf.Permissions(**permissions)
    return pdf(A6, encryption=pikepdf.Encryption(owner="owner", user=user, allow=allow))


def test_a_password_is_rejected():
    found = only(check(encrypted(user="secret")))
    assert (found.severity, found.code) == (Severity.REJECT, "encrypted")


@pytest.mark.parametrize("permissions", [{"print_highres": False}, {"print_highres": False, "print_lowres": False}])
def test_a_pdf_that_does_not_permit_printing_in_full_quality_is_rejected(permissions):
    found = only(check(encrypted(**permissions)))
    assert (found.severity, found.code) == (Severity.REJECT, "printing_forbidden")


@pytest.mark.parametrize("revision", [3, 4, 6])
def test_a_pdf_that_opens_without_a_password_and_permits_printing_is_printed(revision):
    modern = {} if revision > 3 else {"aes": False, "metadata": False}
    data = pdf(A6, encryption=pikepdf.Encryption(owner="owner", user="", R=revision, **modern))
    assert {finding.severity for finding in check(data).values()} == {Severity.PASS}


def test_a_pdf_without_pages_is_rejected():
    found = only(check(pdf()))
    assert (found.severity, found.code, found.measured, found.required) == (
        Severity.REJECT, "no_pages", "0 pages", "at least 1 page",
    )  # fmt: skip


def changed(change, data=CARD):
    return changed_pdf(change, data)


def form(document, *, dynamic=True):
    document.Root.AcroForm = pikepdf.Dictionary(Fields=[], XFA=document.make_stream(b"<xdp/>"))
    document.Root.NeedsRendering = dynamic


def portfolio(document):
    document.attachments["card.pdf"] = CARD
    document.Root.Collection = pikepdf.Dictionary(View=pikepdf.Name.D)


@pytest.mark.parametrize(("change", "code"), [(portfolio, "portfolio"), (form, "dynamic_form")])
def test_a_pdf_with_only_a_placeholder_page_is_rejected(change, code):
    found = only(check(changed(change)))
    assert (found.severity, found.code) == (Severity.REJECT, code)
    assert "its page is only a note; " in found.message


def test_an_attachment_and_a_form_with_its_own_pages_are_accepted():
    def attach(document):
        document.attachments["notes.txt"] = b"matt paper, please"

    for change in (attach, lambda document: form(document, dynamic=False)):
        assert {finding.severity for finding in check(changed(change)).values()} == {Severity.PASS}


def test_a_portfolio_without_files_is_printed():
    def only_a_view(document):
        document.Root.Collection = pikepdf.Dictionary(View=pikepdf.Name.D)

    assert {finding.severity for finding in check(changed(only_a_view)).values()} == {Severity.PASS}


def test_too_many_pages_are_rejected_if_there_is_a_limit():
    two = pdf(A6, A6)
    assert check(two)["pages"].measured == "2 pages"
    assert check(two, max_pages=2)["pages"].severity is Severity.PASS
    found = only(check(two, max_pages=1))
    assert (found.severity, found.measured, found.required) == (Severity.REJECT, "2 pages", "at most 1 page")


def test_a_page_of_another_size_is_named_in_a_warning():
    found = check(pdf(A6, (210, 297)), size_mm=A6)["page_size"]
    assert (found.severity, found.measured, found.required) == (Severity.WARN, "210 × 297 mm", "105 × 148 mm")
    assert found.message.startswith("page 2 is 210 × 297 mm")
    assert severity(CARD, "page_size", size_mm=(210, 297)) is Severity.WARN


def test_reject_for_turns_a_warning_into_a_rejection():
    assert severity(CARD, "page_size", size_mm=(210, 297), reject_for=("page_size",)) is Severity.REJECT


@pytest.mark.parametrize("page", [(148, 105), (105.5, 147.5), (111, 154), (115, 158)])
def test_a_page_can_be_rotated_and_can_have_bleed(page):
    assert severity(pdf(page), "page_size", size_mm=A6) is Severity.PASS


@pytest.mark.parametrize("page", [(103, 148), (125, 168), (105, 160)])
def test_a_page_too_small_or_much_too_large_has_another_size(page):
    assert severity(pdf(page), "page_size", size_mm=A6) is Severity.WARN


def test_missing_bleed_is_a_warning_if_bleed_is_required():
    found = check(CARD, size_mm=A6, bleed_mm=3)["bleed"]
    assert (found.severity, found.measured, found.required) == (Severity.WARN, "0.0 mm", "at least 3 mm")
    assert severity(pdf((111, 154)), "page_size", size_mm=A6, bleed_mm=3) is Severity.PASS
    assert severity(pdf((119, 162)), "page_size", size_mm=A6, bleed_mm=7) is Severity.PASS


def test_the_trim_box_decides_the_size():
    with_marks = pdf((145, 188), trim=A6)
    assert severity(with_marks, "page_size", size_mm=A6, bleed_mm=3) is Severity.PASS
    found = check(with_marks, size_mm=(100, 148))["page_size"]
    assert (found.severity, found.measured) == (Severity.WARN, "105 × 148 mm")


def test_a_rotated_page_is_measured_as_shown():
    assert check(pdf((105, 148), rotate=90), size_mm=A6)["page_size"].measured == "148 × 105 mm"


def test_fonts_that_are_not_embedded_are_named_in_a_warning():
    found = check(pdf(A6, font=standard_font))["font_not_embedded"]
    assert (found.severity, found.measured, found.required) == (
        Severity.WARN, "not embedded: Helvetica", "all fonts embedded",
    )  # fmt: skip
    assert severity(pdf(A6, font=embedded_font), "fonts") is Severity.PASS


def test_a_repaired_pdf_is_a_warning():
    assert severity(CARD.replace(b"startxref\n", b"startxref\n9"), "repaired") is Severity.WARN


@pytest.mark.parametrize(
    "data",
    [b"", b"%PDF-1.7\n%%EOF", b"%PDF-1.7\n" + bytes(range(256)) * 50, b"%PDF-1.4\n" + b"[" * 200_000,
     object_stream_bomb(1_000)],
    ids=["empty", "bare", "junk", "deep", "bomb"],
)  # fmt: skip
def test_a_pdf_that_cannot_be_opened_has_one_finding(data):
    found = only(check(data))
    assert (found.severity, found.code in ("damaged", "too_complex")) == (Severity.REJECT, True)
    assert "; export it again" in found.message


def test_other_files_are_ignored():
    assert list(PdfCheck().check(reader("1.png", b"x"), OrderItem("1"))) == []


def test_a_policy_can_reject_for_each_warning():
    codes = {"repaired", "partly_decoded", "box_ignored", "page_size", "bleed", "font_not_embedded", "fonts_unknown"}
    assert codes <= set(WARNINGS)


def test_it_is_a_preflight_check():
    assert isinstance(PdfCheck(), PreflightCheck)


# What was measured, without the sandbox, to save the time to start a process.


def facts(data):
    cpu_seconds = time.process_time() + CPU_SECONDS
    return PdfFacts.from_json(measure_pdf(io.BytesIO(data), cpu_seconds=cpu_seconds))


def measured_page(**entries):
    def change(document):
        for name, value in entries.items():
            if value is None:
                del document.pages[0].obj[f"/{name}"]
            else:
                document.pages[0].obj[f"/{name}"] = value

    [page] = facts(changed(change, pdf((100, 150)))).measured_pages
    return page


def box(*millimeters):
    return [number * MM for number in millimeters]


def rounded(size):
    return None if size is None else tuple(round(side) for side in size)


@pytest.mark.parametrize(
    ("boxes", "size", "trim", "bleed"),
    [
        ({"CropBox": box(0, 0, 50, 75)}, (50, 75), None, 0),
        ({"CropBox": box(-9, -9, 500, 750)}, (100, 150), None, 0),
        ({"CropBox": box(0, 0, 50, 75), "BleedBox": box(0, 0, 100, 150)}, (50, 75), None, 0),
        ({"BleedBox": box(-3, -3, 103, 153)}, (100, 150), None, 0),
        ({"TrimBox": box(0, 0, 100, 150), "BleedBox": box(-3, -3, 103, 153)}, (100, 150), (100, 150), 0),
        ({"TrimBox": box(-50, -50, 150, 200)}, (100, 150), (100, 150), 0),
        ({"TrimBox": box(5, 5, 95, 145)}, (100, 150), (90, 140), 5),
        ({"TrimBox": box(5, 5, 95, 145), "BleedBox": box(3, 3, 97, 147)}, (94, 144), (90, 140), 2),
        ({"TrimBox": box(0, 5, 90, 145)}, (100, 150), (90, 140), 0),
        ({"TrimBox": box(5, 5, 95, 145), "UserUnit": 2}, (200, 300), (180, 280), 10),
        ({"MediaBox": box(100, 150, 0, 0)}, (100, 150), None, 0),
        ({"ArtBox": box(0, 0, 0, 0)}, (100, 150), None, 0),
    ],
)  # fmt: skip
def test_boxes_end_at_the_media_box(boxes, size, trim, bleed):
    page = measured_page(**boxes)
    assert (rounded(page.size), rounded(page.trim), round(page.bleed)) == (size, trim, bleed)
    assert page.ignored_boxes == ()


@pytest.mark.parametrize("name", ["CropBox", "TrimBox", "BleedBox"])
@pytest.mark.parametrize(
    "value",
    [[0, 0, 0, 0], [0, 0, 100], [0, 0, 100, 150, 0], pikepdf.Name("/x"), 7, box(500, 500, 600, 650),
     [0, 0, pikepdf.String("1"), 5]],
)  # fmt: skip
def test_an_invalid_box_is_ignored_and_named(name, value):
    page = measured_page(**{name: value})
    assert (rounded(page.size), page.trim, page.ignored_boxes) == ((100, 150), None, (name,))


@pytest.mark.parametrize("value", [None, [0, 0, 300, 0], [0, 0, 100], pikepdf.Name("/x")])
def test_a_page_without_a_media_box_has_the_size_that_programs_show(value):
    page = measured_page(MediaBox=value)
    assert (rounded(page.size), page.ignored_boxes) == ((216, 279), ("MediaBox",))


def test_an_ignored_box_is_a_warning():
    def no_area(document):
        document.pages[0].TrimBox = [0, 0, 0, 0]

    found = check(changed(no_area))["box_ignored"]
    assert found.severity is Severity.WARN
    assert found.message.startswith("page 1: its TrimBox cannot be used")


@pytest.mark.parametrize(
    ("rotation", "is_rotated"),
    [(90, True), (-90, True), (270, True), (90.0, True), (450, True), (0, False), (180, False), (45, False),
     (pikepdf.String("90"), False), (pikepdf.Name("/90"), False)],
)  # fmt: skip
def test_an_invalid_rotation_is_ignored(rotation, is_rotated):
    assert rounded(measured_page(Rotate=rotation).size) == ((150, 100) if is_rotated else (100, 150))


@pytest.mark.parametrize("unit", [0, -1, pikepdf.Name("/x")])
def test_an_invalid_unit_is_ignored(unit):
    assert rounded(measured_page(UserUnit=unit).size) == (100, 150)


def test_bleed_on_one_side_only_is_missing_bleed():
    def off_center(document):
        document.pages[0].TrimBox = box(0, 3, 105, 151)

    found = check(changed(off_center, pdf((111, 154))), size_mm=A6, bleed_mm=3)["bleed"]
    assert (found.severity, found.measured) == (Severity.WARN, "0.0 mm")


# Fonts.


def with_text(content, *, resources=None, annotation=None, form=None, font=standard_font):
    """Make a page with a font that is not embedded, and other things that can draw text."""

    def change(document):
        page = document.pages[0]
        entry = document.make_indirect(font(document))
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=entry), **(resources or dict)(document, entry))
        page.Contents = document.make_stream(content)
        if annotation is not None:
            page.Annots = [document.make_indirect(annotation(document, entry))]
        if form is not None:
            document.Root.AcroForm = form(document, entry)

    return facts(changed_pdf(change, CARD)).missing_fonts


def stream_with_font(document, entry, content=b"BT /F1 9 Tf (x) Tj ET", **entries):
    fonts = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=entry))
    form = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Form, "BBox": [0, 0, 9, 9], "Resources": fonts}
    return document.make_stream(content, **{**form, **entries})


def form_resources(document, entry):
    return {"XObject": pikepdf.Dictionary(X1=stream_with_font(document, entry))}


def nothing(_document, _entry):
    return {}


@pytest.mark.parametrize(
    "content",
    [b"BT /F1 12 Tf (hi) Tj ET", b"BT /F1 12 Tf [(h) -20 (i)] TJ ET", b"BT /F1 12 Tf (hi) ' ET", b"/F1 9 Tf <00> Tj",
     b'BT /F1 12 Tf 1 2 (hi) " ET', b"BT /F1 12 Tf 3 Tr (a) Tj 0 Tr (b) Tj ET", b"q 3 Tr Q BT /F1 12 Tf (hi) Tj ET",
     b"BT /F1 12 Tf 7 Tr (clip) Tj ET"],
)  # fmt: skip
def test_a_font_that_text_is_drawn_with_counts(content):
    assert with_text(content, resources=nothing) == ("Helvetica",)


@pytest.mark.parametrize(
    "content",
    [b"", b"BT /F1 12 Tf ET", b"BT /F1 12 Tf () Tj ET", b"BT /F1 12 Tf (   ) Tj ET", b"BT 3 Tr /F1 12 Tf (hi) Tj ET",
     b"BT /F1 12 Tf [-20 ( )] TJ ET", b"q BT /F1 12 Tf ET Q BT (hi) Tj ET"],
)  # fmt: skip
def test_a_font_that_draws_nothing_does_not_count(content):
    assert with_text(content, resources=nothing) == ()


def test_an_empty_entry_in_the_content_of_a_page_changes_nothing():
    def change(document):
        page = document.pages[0].obj
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=standard_font(document)))
        page.Contents = pikepdf.Array([None, page.Contents])

    found = facts(changed_pdf(change, CARD))
    assert (found.flaw, found.missing_fonts) == ("", ())


def test_a_font_in_a_form_counts_if_the_form_is_drawn():
    assert with_text(b"/X1 Do", resources=form_resources) == ("Helvetica",)
    assert with_text(b"0 0 9 9 re f", resources=form_resources) == ()


def test_a_font_in_a_pattern_or_a_glyph_counts():
    def pattern(document, entry):
        tile = {"Type": pikepdf.Name.Pattern, "PatternType": 1, "PaintType": 1, "TilingType": 1, "XStep": 9, "YStep": 9}
        return {"Pattern": pikepdf.Dictionary(P1=stream_with_font(document, entry, **tile))}

    def type_3(document):
        glyph = document.make_stream(b"BT /F1 9 Tf (x) Tj ET")
        fonts = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=document.make_indirect(standard_font(document))))
        return pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type3, CharProcs=pikepdf.Dictionary(a=glyph), Resources=fonts
        )

    assert with_text(b"/Pattern cs /P1 scn 0 0 9 9 re f", resources=pattern) == ("Helvetica",)
    assert with_text(b"BT /F1 9 Tf (a) Tj ET", resources=nothing, font=type_3) == ("Helvetica",)


def test_a_font_of_a_graphics_state_counts():
    def state(_document, entry):
        return {"ExtGState": pikepdf.Dictionary(G1=pikepdf.Dictionary(Font=[entry, 12]))}

    assert with_text(b"/G1 gs BT (hi) Tj ET", resources=state) == ("Helvetica",)


@pytest.mark.parametrize(("flags", "fonts"), [(4, ("Helvetica",)), (0, ("Helvetica",)), (2, ())])
def test_a_font_in_an_annotation_counts_unless_it_is_hidden(flags, fonts):
    def annotation(document, entry):
        drawing = pikepdf.Dictionary(N=stream_with_font(document, entry))
        return pikepdf.Dictionary(Subtype=pikepdf.Name.FreeText, Rect=[0, 0, 9, 9], F=flags, AP=drawing)

    assert with_text(b"", resources=nothing, annotation=annotation) == fonts


def test_a_font_in_a_state_of_a_check_box_counts_if_it_is_shown():
    def check_box(state):
        def annotation(document, entry):
            states = pikepdf.Dictionary(On=stream_with_font(document, entry), Off=document.make_stream(b""))
            drawing = pikepdf.Dictionary(N=states)
            return pikepdf.Dictionary(Subtype=pikepdf.Name.Widget, Rect=[0, 0, 9, 9], AS=state, AP=drawing)

        return annotation

    def form(document, _entry):
        return pikepdf.Dictionary(Fields=[document.pages[0].Annots[0]])

    for state, fonts in ((pikepdf.Name.On, ("Helvetica",)), (pikepdf.Name.Off, ())):
        assert with_text(b"", resources=nothing, annotation=check_box(state), form=form) == fonts


@pytest.mark.parametrize(("value", "fonts"), [("Ada", ("Helvetica",)), (None, ())])
def test_a_font_of_a_form_field_counts_if_the_field_has_a_value(value, fonts):
    def form(document, entry):
        text_field = pikepdf.Dictionary(FT=pikepdf.Name.Tx, T="name", DA=pikepdf.String("/F1 12 Tf 0 g"))
        if value is not None:
            text_field.V = value
        resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=entry))
        return pikepdf.Dictionary(Fields=[document.make_indirect(text_field)], DR=resources)

    assert with_text(b"", resources=nothing, form=form) == fonts


@pytest.mark.parametrize(
    ("name", "shown"),
    [("/宋体".encode(), "宋体"), ("/宋体".encode("gbk"), "#CB#CE#CC#E5"), (b"/#CB#CE#CC#E5", "#CB#CE#CC#E5"),
     (b"/M\xfcnster", "M#FCnster"), (b"/A#20B", "A B"), (b"/MS-#96#BE#92#A9", "MS-#96#BE#92#A9")],
)  # fmt: skip
def test_a_font_can_be_named_in_any_encoding(name, shown):
    data = pdf(A6, font=standard_font, compress_streams=False).replace(b"/Helvetica", name)
    assert facts(data).missing_fonts == (shown,)


def test_a_resource_can_be_named_in_any_encoding():
    key = "/宋体".encode("gbk")
    data = pdf(A6, font=standard_font, compress_streams=False).replace(b"/F1", key)
    assert facts(data).flaw == ""


def test_fonts_that_cannot_be_read_are_a_warning():
    def invalid(document):
        document.pages[0].Annots = [pikepdf.Dictionary(Subtype=pikepdf.Name.Text, F=pikepdf.Name("/x"))]

    found = check(changed(invalid))["fonts_unknown"]
    assert (found.severity, found.required) == (Severity.WARN, "all fonts embedded")


# Opening.


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("first", "padding"), [(1, 0), (250, 0), (9_000, 0), (9_000, 30_000), (150_000, 100_000)])
def test_objects_can_have_high_numbers(first, padding, stream):
    found = facts(sparse_pdf(first, stream=stream, padding=padding))
    assert (found.flaw, found.pages, found.repaired, found.missing_fonts) == ("", 1, False, ())
    assert rounded(found.measured_pages[0].size) == (100, 150)


@pytest.mark.parametrize("position", [b"startxref\n1", b"startxref\n"])
def test_a_pdf_with_high_numbers_that_had_to_be_repaired_is_a_warning(position):
    found = facts(sparse_pdf(9_000).replace(b"startxref\n", position))
    assert found.flaw or found.repaired or position == b"startxref\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + bytes(70_000),
        lambda data: data + b"<!-- trailer -->" * 5_000,
        lambda data: data.rstrip(b"\n"),
        lambda data: b"".join(data.rpartition(b"%%EOF")[::2]),
        lambda data: b"\x1b%-12345X@PJL ENTER LANGUAGE=PDF\r\n" + data,
        lambda data: bytes([0, 5]) + b"a.pdf" + bytes(121) + data,
        lambda data: b"x" * 1_000 + b"\n" + data,
    ],
    ids=["zeros behind", "text behind", "no line end", "no end marker", "printer language", "MacBinary", "1 KB before"],
)
@pytest.mark.parametrize("options", [{}, {"linearize": True}], ids=["plain", "linearized"])
def test_what_is_around_a_pdf_needs_no_repair(change, options):
    found = facts(change(pdf(A6, **options)))
    assert (found.flaw, found.pages, found.repaired) == ("", 1, False)


def test_a_wrong_length_of_a_stream_needs_no_repair():
    data = pdf(A6, compress_streams=False)
    assert facts(data.replace(b"/Length 1602", b"/Length 1600")).repaired is False


@pytest.mark.parametrize(
    ("written", "sloppy"),
    [(b"/Count 1", b"/Count 7"), (b"/Size 5", b"/Size 9"), (b"/Type/Page/", b"/Tipe/Page/"), (b"/Parent", b"/Pxrent"),
     (b"/Length 27", b"/Length 20"), (b"/Length 27", b"/Length 99"), (b"%PDF-1.5", b"%PDF-1.9"),
     (b"/Contents 4 0 R", b"/Contentx 4 0 R")],
)  # fmt: skip
def test_a_sloppy_pdf_that_every_program_shows_needs_no_repair(written, sloppy):
    data = sparse_pdf(1)
    assert written in data
    found = facts(data.replace(written, sloppy))
    assert (found.flaw, found.pages, found.repaired) == ("", 1, False)


# Damage inside.


def card_with_picture(*, jpeg=False, pixels=200, tiled=False, **options):
    """Make a PDF with a picture. ``tiled``: it repeats itself, so that its data inflates to many times its size."""

    def change(document):
        page = document.pages[0]
        image = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Image, "Width": pixels, "Height": pixels}
        image |= {"BitsPerComponent": 8, "ColorSpace": pikepdf.Name.DeviceRGB}
        noise = Image.frombytes("RGB", (100, 100), JUNK[:30_000]).resize((pixels, pixels))
        tiles = (JUNK[:30_000] * (pixels * pixels // 10_000)) if tiled else noise.tobytes()
        data = picture("JPEG", (pixels, pixels)) if jpeg else tiles
        if jpeg:
            image["Filter"] = pikepdf.Name.DCTDecode
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I1=document.make_stream(data, **image)))
        page.Contents = document.make_stream(b"q 200 0 0 200 9 9 cm /I1 Do Q\n" * 20)

    with pikepdf.open(io.BytesIO(CARD)) as document:
        change(document)
        file = io.BytesIO()
        document.save(file, **options)
    return file.getvalue()


def with_picture_filtered(encode, name, data):
    """Add a filter to the picture of a PDF, as ReportLab does."""

    def change(document):
        image = document.pages[0].Resources.XObject.I1
        filters = pikepdf.Array([pikepdf.Name(name), image.Filter])
        image.write(encode(image.read_raw_bytes()), filter=filters)

    return changed_pdf(change, data)


def ascii85(data):
    return base64.a85encode(data) + b"~>"


WITH_PICTURE = {
    "flate": card_with_picture(),
    "tiled flate": card_with_picture(pixels=600, tiled=True),
    "JPEG": card_with_picture(jpeg=True),
    "object streams": card_with_picture(object_stream_mode=pikepdf.ObjectStreamMode.generate),
    "linearized": card_with_picture(linearize=True),
}
DAMAGES = {
    "zeros": lambda data: data[: len(data) // 3] + bytes(5_000) + data[len(data) // 3 + 5_000 :],
    "random bytes": lambda data: data[: len(data) // 3] + JUNK[:5_000] + data[len(data) // 3 + 5_000 :],
    "a part left out": lambda data: data[: len(data) // 3] + data[len(data) // 3 + 5_000 :],
    "LF to CR LF": lambda data: data.replace(b"\n", b"\r\n"),
    "CR dropped": lambda data: data.replace(b"\r", b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", WITH_PICTURE)
def test_damaged_content_is_damage(kind, damage):
    whole = facts(WITH_PICTURE[kind])
    assert (whole.flaw, whole.partly_decoded) == ("", False)
    assert facts(DAMAGES[damage](WITH_PICTURE[kind])).flaw in ("content_damaged", "part_missing", "not_openable")


@pytest.mark.parametrize("damage", ["zeros", "random bytes", "a part left out"])
@pytest.mark.parametrize("jpeg", [True, False])
def test_damaged_content_with_several_filters_is_damage(jpeg, damage):
    data = with_picture_filtered(ascii85, "/ASCII85Decode", card_with_picture(jpeg=jpeg))
    assert facts(data).flaw == ""
    assert facts(DAMAGES[damage](data)).flaw == "content_damaged"


def test_a_hole_anywhere_is_damage_or_changes_nothing_that_is_printed():
    data = WITH_PICTURE["flate"]
    [page] = pypdfium2.PdfDocument(data)
    drawn = page.render().to_pil().tobytes()
    for at in range(20, len(data) - 700, len(data) // 60):
        damaged = data[:at] + bytes(600) + data[at + 600 :]
        if not facts(damaged).flaw:
            assert pypdfium2.PdfDocument(damaged)[0].render().to_pil().tobytes() == drawn, f"a hole at {at}"


def test_a_repaired_pdf_that_another_program_cannot_open_is_damage():
    data = WITH_PICTURE["linearized"]
    table = data.index(b"xref")
    damaged = data[: table + 4] + bytes(150) + data[table + 154 :]
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(damaged)
    with pikepdf.open(io.BytesIO(damaged)) as document:
        assert len(document.pages) == 1
    assert facts(damaged).flaw == "not_openable"


def test_an_object_that_is_printed_and_is_not_there_is_damage():
    data = sparse_pdf(1)
    assert facts(data).flaw == ""
    assert facts(data.replace(b"4 0 obj\n", b"\0" * 8)).flaw == "part_missing"


def test_a_reference_to_an_object_that_never_existed_is_no_damage():
    assert facts(sparse_pdf(1).replace(b"/Contents 4 0 R", b"/Contents 9 0 R")).flaw == ""


def test_a_jpeg_in_a_pdf_can_lack_its_end_marker_but_not_its_data():
    def jpeg(lost):
        def change(document):
            stream = document.pages[0].Resources.XObject.I1
            stream.write(stream.read_raw_bytes()[:-lost], filter=pikepdf.Name.DCTDecode)

        return facts(changed_pdf(change, WITH_PICTURE["JPEG"])).flaw

    assert (jpeg(2), jpeg(2_000)) == ("", "content_damaged")


def separation(document):
    return pikepdf.Array(
        [pikepdf.Name.Separation, pikepdf.Name.Gold, pikepdf.Name.DeviceGray, document.make_stream(b"")]
    )


def device_n(document):
    names = pikepdf.Array([pikepdf.Name.Gold, pikepdf.Name.Black])
    return pikepdf.Array([pikepdf.Name.DeviceN, names, pikepdf.Name.DeviceGray, document.make_stream(b"")])


def profile(document):
    return pikepdf.Array([pikepdf.Name.ICCBased, document.make_stream(b"profile", N=4)])


SAMPLES = [
    (lambda _document: pikepdf.Name.DeviceGray, 8, 100),
    (lambda _document: pikepdf.Name.DeviceGray, 1, 13),
    (lambda _document: pikepdf.Name.DeviceRGB, 16, 600),
    (lambda _document: pikepdf.Array([pikepdf.Name.Lab, pikepdf.Dictionary()]), 8, 300),
    (lambda _document: pikepdf.Array([pikepdf.Name.Indexed, pikepdf.Name.DeviceRGB, 1, b"abcdef"]), 4, 50),
    (separation, 8, 100),
    (device_n, 8, 200),
    (profile, 8, 400),
]
"""(color space, bits of one sample, bytes of one row of 100 pixels)"""


def with_samples(
    rows, row, filter_name=None, predictor=0, bits=8, color_space=lambda _document: pikepdf.Name.DeviceGray
):
    """Return the flaw of a PDF with a picture of 100 × 50 pixels that has this many rows of data."""

    def change(document):
        filters = {} if filter_name is None else {"filter": pikepdf.Name(filter_name)}
        if predictor:
            filters["decode_parms"] = pikepdf.Dictionary(Predictor=predictor, Columns=100)
        encode = {"/FlateDecode": zlib.compress, "/ASCIIHexDecode": lambda data: data.hex().encode() + b">"}
        entries = {"Width": 100, "Height": 50, "BitsPerComponent": bits, "ColorSpace": color_space(document)}
        image = document.make_stream(b"", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, **entries)
        image.write(encode.get(filter_name, bytes)(JUNK[: rows * row]), **filters)
        document.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I1=image))

    return facts(changed_pdf(change, CARD)).flaw


@pytest.mark.parametrize(("color_space", "bits", "row"), SAMPLES)
def test_a_picture_in_a_pdf_has_data_for_all_its_rows(color_space, bits, row):
    assert with_samples(50, row, bits=bits, color_space=color_space) == ""
    assert with_samples(48, row, bits=bits, color_space=color_space) == "content_damaged"


@pytest.mark.parametrize(
    ("filter_name", "predictor"),
    [("/FlateDecode", 0), ("/FlateDecode", 2), ("/FlateDecode", 15), ("/ASCIIHexDecode", 0), (None, 0)],
)
def test_missing_rows_of_a_picture_are_damage_behind_any_filter(filter_name, predictor):
    row = 101 if predictor == 15 else 100
    assert with_samples(50, row, filter_name, predictor) == ""
    assert with_samples(20, row, filter_name, predictor) == "content_damaged"


@pytest.mark.parametrize(
    "color_space",
    [pikepdf.Name.Custom, pikepdf.Array([pikepdf.Name.Custom]), pikepdf.Array([pikepdf.Name.ICCBased]), 7],
)
def test_the_rows_of_a_picture_with_unknown_colors_are_not_counted(color_space):
    assert with_samples(1, 100, color_space=lambda _document: color_space) == ""


def test_data_without_a_checksum_is_valid():
    def unfinished(document):
        packer = zlib.compressobj()
        flushed = packer.compress(b"0 0 9 9 re f\n" * 200) + packer.flush(zlib.Z_SYNC_FLUSH)
        whole = zlib.compress(b"0 0 9 9 re f\n" * 200)[:-4]
        flate = pikepdf.Name.FlateDecode
        streams = [pikepdf.Stream(document, data, Filter=flate) for data in (flushed, whole, whole + b"\r\n")]
        document.pages[0].Contents = pikepdf.Array([document.make_indirect(stream) for stream in streams])

    assert facts(changed_pdf(unfinished, CARD)).flaw == ""


@pytest.mark.parametrize("filters", [["/ASCII85Decode", "/FlateDecode"], ["/ASCIIHexDecode"]])
def test_other_filters_are_decoded_too(filters):
    def change(document):
        names = pikepdf.Array([pikepdf.Name(name) for name in filters])
        document.pages[0].Contents = pikepdf.Stream(document, b"\xff\xfe broken z~> \x80" * 3, Filter=names)

    assert facts(changed_pdf(change, CARD)).flaw == "content_damaged"


def test_content_that_takes_too_long_is_checked_partly():
    found = PdfFacts.from_json(measure_pdf(io.BytesIO(WITH_PICTURE["flate"]), cpu_seconds=0))
    assert (found.flaw, found.partly_decoded) == ("", True)
    assert list(PdfCheck()._compare(found, None))[1].severity is Severity.WARN

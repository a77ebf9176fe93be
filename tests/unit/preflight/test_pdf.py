"""The PDF check: its findings, with the measured and the required value."""

import io

import pikepdf
import pytest

from print_files import embedded_font, object_stream_bomb, pdf, reader, standard_font
from remote_artwork.client import PreflightCheck
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.report import WARNINGS, Severity
from remote_artwork.preflight.pdf import PdfCheck

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


def test_only_the_ends_of_a_large_pdf_are_read():
    document = pikepdf.new()
    document.add_blank_page().Contents = document.make_stream(bytes(5_000_000))
    file = io.BytesIO()
    document.save(file, compress_streams=False)
    large = reader("1.pdf", file.getvalue())
    assert {finding.severity for finding in PdfCheck().check(large, OrderItem("1"))} == {Severity.PASS}
    assert sum(length for _, length in large.reads) < 300_000


@pytest.mark.parametrize("password", ["", "secret"])
def test_a_password_is_rejected_even_if_it_only_restricts_printing(password):
    data = pdf(A6, encryption=pikepdf.Encryption(owner="owner", user=password))
    found = only(check(data))
    assert (found.severity, found.code) == (Severity.REJECT, "encrypted")


def test_a_pdf_without_pages_is_rejected():
    found = only(check(pdf()))
    assert (found.severity, found.code, found.measured, found.required) == (
        Severity.REJECT, "no_pages", "0 pages", "at least 1 page",
    )  # fmt: skip


def changed(change, data=CARD):
    with pikepdf.open(io.BytesIO(data)) as document:
        change(document)
        file = io.BytesIO()
        document.save(file)
    return file.getvalue()


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


def test_a_page_without_area_is_damaged():
    def flat(document):
        document.pages[0].MediaBox = [0, 0, 300, 0]

    assert only(check(changed(flat))).code == "damaged"


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
    assert {"repaired", "page_size", "bleed", "font_not_embedded"} <= set(WARNINGS)


def test_it_is_a_preflight_check():
    assert isinstance(PdfCheck(), PreflightCheck)

"""Deep checks of a corpus of several hundred print files. Pillow, PDFium and pdffonts say what is right."""

import io
import subprocess

import pypdfium2
import pytest
from PIL import Image
from pypdfium2 import raw as pdfium

import remote_artwork as ra
from parts import program
from print_file_corpus import BROKEN, VALID
from print_files import reader
from remote_artwork.preflight import preflight_checks
from remote_artwork.preflight.checks import run_checks
from remote_artwork.preflight.pdf import PdfFacts
from remote_artwork.preflight.pdf_measure import measure_pdf
from remote_artwork.preflight.pictures import measure_jpeg, measure_png
from remote_artwork.reports import Severity

POINT = 25.4 / 72
COLORS = {"1": "grayscale", "L": "grayscale", "LA": "grayscale", "I;16": "grayscale", "CMYK": "CMYK"}
PRINT_SIZE = (100, 150)


@pytest.fixture(autouse=True)
def without_processes(monkeypatch):
    """Run the checks in this process. The sandbox has its own tests, and a process for each file takes minutes."""
    tasks = {"jpeg": measure_jpeg, "png": measure_png, "pdf": measure_pdf}

    def run(task, artwork, **options):
        options.pop("cpu_seconds", None)  # this process has used CPU time for other tests
        return tasks[task](io.BytesIO(artwork.data), **options)

    monkeypatch.setattr("remote_artwork.preflight.pictures.run_in_sandbox", run)
    monkeypatch.setattr("remote_artwork.preflight.pdf.run_in_sandbox", run)


def check(name, data):
    policy = ra.Policy(preflight="deep", min_dpi=1)
    item = ra.OrderItem("1", print_size_mm=PRINT_SIZE)
    findings = run_checks(preflight_checks(policy), reader(name, data), item)
    return {finding.code: finding for finding in findings}


def codes(findings, severity):
    return [code for code, finding in findings.items() if finding.severity is severity]


def test_the_corpus_has_at_least_300_valid_files_of_every_format():
    assert len(VALID) >= 300
    assert len(BROKEN) >= 100
    for extension in (".jpg", ".png", ".pdf"):
        assert sum(name.endswith(extension) for name in VALID) >= 80
        assert sum(name.endswith(extension) for name in BROKEN) >= 20


@pytest.mark.parametrize("name", VALID)
def test_no_valid_file_is_rejected(name):
    findings = check(name, VALID[name])
    assert codes(findings, Severity.REJECT) == []
    assert {
        "repaired",
        "box_ignored",
        "partly_decoded",
        "gray_end",
        "not_decoded",
        "scans_missing",
    } & findings.keys() == set()


@pytest.mark.parametrize("name", BROKEN)
def test_no_broken_file_passes(name):
    assert len(codes(check(name, BROKEN[name]), Severity.REJECT)) == 1


@pytest.mark.parametrize("name", [name for name in VALID if not name.endswith(".pdf")])
def test_the_size_resolution_and_colors_of_a_picture_are_those_of_pillow(name):
    findings = check(name, VALID[name])
    with Image.open(io.BytesIO(VALID[name])) as picture:
        (width, height), mode = picture.size, picture.mode
    if not name.startswith("color-4-depth-16"):  # Pillow converts gray with transparency and 16 bits to RGBA
        assert findings["color_mode"].measured == COLORS.get(mode, "RGB")
    if min(width, height) >= 16:
        assert findings["pixels"].details == {"width": width, "height": height}
        short, long = sorted((width, height))
        dpi = min(short / PRINT_SIZE[0], long / PRINT_SIZE[1]) * 25.4
        assert findings["resolution"].details["dpi"] == pytest.approx(dpi, abs=0.06)


PDFS = [name for name in VALID if name.endswith(".pdf")]


def facts(name):
    return PdfFacts.from_json(measure_pdf(io.BytesIO(VALID[name])))


@pytest.mark.parametrize("name", PDFS)
def test_the_pages_and_boxes_of_a_pdf_are_those_of_pdfium(name):
    found, document = facts(name), pypdfium2.PdfDocument(VALID[name])
    assert found.pages == len(document) == len(found.measured_pages)
    for measured, page in zip(found.measured_pages, document, strict=True):
        sides = [side * POINT for side in page.get_size()]
        if "bleed" not in name:  # the size of a page with a bleed box is that of the bleed box
            assert measured.size == pytest.approx(sides, abs=0.05)
        trim = page.get_trimbox(fallback_ok=False)
        assert (measured.trim is None) == (trim is None)
        if trim is not None:
            clipped = clip(trim, page.get_mediabox())
            assert sorted(measured.trim) == pytest.approx(sorted(lengths(clipped)), abs=0.05)


def clip(box, limit):
    return (max(box[0], limit[0]), max(box[1], limit[1]), min(box[2], limit[2]), min(box[3], limit[3]))


def lengths(box):
    return (box[2] - box[0]) * POINT, (box[3] - box[1]) * POINT


@pytest.mark.parametrize("name", [name for name in PDFS if not name.startswith(("FreeText", "Stamp", "Widget"))])
def test_the_fonts_of_the_text_that_is_drawn_are_those_of_pdfium(name):
    document, missing = pypdfium2.PdfDocument(VALID[name]), set()
    for page in document:
        for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT]):
            font = pdfium.FPDFTextObj_GetFont(item.raw)
            invisible = pdfium.FPDFTextObj_GetTextRenderMode(item.raw) == pdfium.FPDF_TEXTRENDERMODE_INVISIBLE
            if not invisible and not pdfium.FPDFFont_GetIsEmbedded(font):
                missing.add(base_name(font))
    assert facts(name).missing_fonts == tuple(sorted(missing))


def base_name(font):
    length = pdfium.FPDFFont_GetBaseFontName(font, None, 0)
    text = (pdfium.c_char * length)()
    pdfium.FPDFFont_GetBaseFontName(font, text, length)
    return text.value.decode()


@pytest.mark.parametrize("kind", ["FreeText", "Stamp", "Widget"])
def test_the_font_of_an_annotation_counts_unless_it_is_hidden(kind):
    assert facts(f"{kind}-4.pdf").missing_fonts == ("Helvetica",)
    assert facts(f"{kind}-2.pdf").missing_fonts == ()


@pytest.mark.parametrize("name", [name for name in PDFS if name.startswith("font-") and "drawn" in name])
def test_the_fonts_are_those_of_pdffonts(name, tmp_path):
    (tmp_path / "1.pdf").write_bytes(VALID[name])
    shown = subprocess.run(
        [program("pdffonts"), tmp_path / "1.pdf"], capture_output=True, text=True, check=False
    ).stdout
    rows = [line.split() for line in shown.splitlines()[2:]]
    assert facts(name).missing_fonts == tuple(row[0] for row in rows if row[-5] == "no")

"""The picture check: verdicts with a code, the measured figure and the required one."""

import pytest

from print_files import picture, png, reader
from remote_artwork.client import PreflightCheck
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.report import WARNINGS, Severity
from remote_artwork.preflight.pictures import PictureCheck

JPEG, PNG = picture("JPEG"), picture("PNG")


def look(data, name="1.png", *, size_mm=None, **options):
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
    found = look(data, name)
    assert {finding.severity for finding in found.values()} == {Severity.PASS}
    assert found["pixels"].measured == "400 × 300 pixels"
    assert found["color_mode"].measured == colors


def test_resolution_is_measured_at_the_print_size():
    found = look(PNG, size_mm=(50.8, 38.1))["resolution"]
    assert (found.severity, found.measured, found.required) == (Severity.PASS, "200 dpi", "at least 150 dpi")


def test_a_low_resolution_warning_names_the_required_pixels():
    found = look(PNG, size_mm=(101.6, 76.2))["low_resolution"]
    assert (found.severity, found.measured, found.required) == (Severity.WARN, "100 dpi", "at least 150 dpi")
    assert found.message.endswith("upload it with 600 × 450 pixels or more")


def test_a_picture_is_rotated_to_fit_and_its_lower_resolution_counts():
    assert look(PNG, size_mm=(38.1, 50.8))["resolution"].measured == "200 dpi"
    assert look(PNG, size_mm=(50.8, 50.8))["resolution"].measured == "150 dpi"


def test_a_shop_sets_the_minimum_resolution_and_its_severity():
    assert "resolution" in look(PNG, size_mm=(101.6, 76.2), min_dpi=100)
    found = look(PNG, size_mm=(101.6, 76.2), reject_for=("low_resolution",))
    assert found["low_resolution"].severity is Severity.REJECT


def test_without_a_print_size_the_resolution_is_not_checked():
    assert set(look(PNG)) == {"pixels", "color_mode"}


def test_a_color_mode_that_is_not_accepted_is_a_warning():
    found = look(picture("JPEG", mode="CMYK"), "1.jpg", color_modes=("rgb", "gray"))["color_mode"]
    assert (found.severity, found.measured, found.required) == (Severity.WARN, "CMYK", "RGB or grayscale")


@pytest.mark.parametrize("name", ["1.png", "1.jpg"])
def test_too_many_pixels_are_rejected(name):
    found = only(look(PNG if name == "1.png" else JPEG, name, max_pixels=119_999))
    assert (found.severity, found.code) == (Severity.REJECT, "too_many_pixels")
    assert (found.measured, found.required) == ("120,000 pixels", "at most 119,999 pixels")


def test_only_the_header_of_a_jpeg_above_the_limit_is_read():
    noise = reader("1.jpg", picture("JPEG", (1_500, 1_500), quality=100))
    [found] = PictureCheck(max_pixels=2_000_000).check(noise, OrderItem("1"))
    assert found.code == "too_many_pixels"
    assert sum(length for _, length in noise.reads) <= 256 * 1024 < noise.file.size


def test_a_single_pixel_is_rejected():
    found = only(look(picture("PNG", (1, 1))))
    assert (found.code, found.measured, found.required) == ("too_small", "1 × 1 pixels", "at least 16 × 16 pixels")
    assert only(look(picture("JPEG", (500, 15)), "1.jpg")).code == "too_small"


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
    found = only(look(data, name))
    assert (found.severity, found.code) == (Severity.REJECT, "damaged")
    assert found.message.endswith("; export it again and upload it")


def test_a_progressive_picture_too_large_for_memory_is_a_warning(monkeypatch):
    monkeypatch.setattr("remote_artwork.preflight.sandbox.MEMORY_LIMIT", 150 * 1024**2)
    huge = picture("JPEG", (5_000, 4_500), progressive=True, subsampling=0, quality=10)
    found = look(huge, "1.jpg")
    assert found["not_decoded"].severity is Severity.WARN
    assert found["pixels"].measured == "5,000 × 4,500 pixels"


LARGE_CMYK = picture("JPEG", (600, 600), mode="CMYK")
ADOBE = LARGE_CMYK.index(b"Adobe") + 11  # where its marker tells how the channels are stored


@pytest.mark.parametrize(
    "whole",
    [
        picture("JPEG", (600, 600)),
        picture("JPEG", (600, 600), mode="L"),
        LARGE_CMYK,
        LARGE_CMYK[:ADOBE] + b"\2" + LARGE_CMYK[ADOBE + 1 :],
    ],
    ids=["RGB", "gray", "CMYK", "YCCK"],
)
def test_a_picture_without_its_lower_part_is_a_warning(whole):
    found = look(whole[: len(whole) // 2] + b"\xff\xd9", "1.jpg")["gray_end"]
    assert found.severity is Severity.WARN
    assert "gray_end" not in look(whole, "1.jpg")


def test_other_files_are_ignored():
    pdf = reader("1.pdf", b"%PDF-1.7")
    assert list(PictureCheck().check(pdf, OrderItem("1"))) == []
    assert pdf.reads == []


def test_a_policy_can_reject_for_each_warning():
    assert {"low_resolution", "color_mode", "gray_end", "not_decoded"} <= set(WARNINGS)


def test_it_is_a_preflight_check_and_its_repr_shows_its_settings():
    assert isinstance(PictureCheck(), PreflightCheck)
    assert repr(PictureCheck(min_dpi=200)) == (
        "PictureCheck(min_dpi=200, max_pixels=179000000, color_modes=('gray', 'rgb', 'cmyk'), reject_for=())"
    )

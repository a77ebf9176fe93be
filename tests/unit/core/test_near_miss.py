"""Near misses: which rule a name broke, and which likeness is too little."""

import time

import pytest

from remote_artwork.core.expected import expect_files
from remote_artwork.core.near_miss import NearMissIndex, clean_name, normalize
from remote_artwork.core.orders import Order, OrderItem
from remote_artwork.core.pattern import DEFAULT_PATTERN, FilenamePattern

SEPARATOR = "other_separator"
COPY = "marked_as_copy"
HASH = "number_sign"
ZEROS = "leading_zeros"
TWICE = "two_extensions"
UPLOADING = "upload_not_finished"
SPACES = "extra_spaces"
FOLDER = "in_a_folder"
FRONT = "word_in_front"
INVISIBLE = "invisible_characters"
EXTENSION = "other_extension"
AFTER = "text_after_extension"
CAPITALS = "letter_case"
WIDE = "compatibility_characters"


def near(name, *stems, pattern="{order_number}"):
    """The near miss of ``name`` among names of single-item orders: its broken rules, and the name it should have."""
    orders = [Order(stem, [OrderItem("1")]) for stem in stems]
    parsed = FilenamePattern(pattern)
    clean = clean_name(name)
    if not clean.is_printed:
        return None
    found = NearMissIndex.build(expect_files(orders, parsed).by_basename.values(), parsed).find(clean.basename)
    if found is None:
        return None
    return (*clean.rules, *found.rules), f"{found.expected.basename}.{clean.extension.lower()}"


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("1001-1.pdf", SEPARATOR),
        ("1001 1.pdf", SEPARATOR),
        ("1001.1.pdf", SEPARATOR),
        ("1001__1.pdf", SEPARATOR),
        ("1001–1.pdf", SEPARATOR),  # an en dash, as word processors make it
        ("1001_1 (1).pdf", COPY),
        ("1001_1(12).pdf", COPY),
        ("1001_1_v2.pdf", COPY),
        ("1001_1v2.pdf", COPY),
        ("1001_1 (copy).pdf", COPY),
        ("1001_1[1].pdf", COPY),
        ("1001_1 - Cópia (2).pdf", COPY),
        ("1001_1 (final) [v2].pdf", COPY),
        ("1001_1 copy.pdf", COPY),
        ("1001_1 copy 2.pdf", COPY),
        ("1001_1 - Copy.pdf", COPY),
        ("1001_1_FINAL.pdf", COPY),
        ("1001_1_final_v2 (1).pdf", COPY),
        ("1001_1 - Kopie.pdf", COPY),
        ("1001_1_rev3.pdf", COPY),
        ("1001_1/1001_1.pdf", FOLDER),
        ("Order 1001_1/#1001-1/1001_1.pdf", FOLDER),
        ("order1001_1.pdf", FRONT),
        ("Order #1001_1.pdf", FRONT),
        ("Copy of 1001_1.pdf", FRONT),
        ("1001\u200b_1.pdf", INVISIBLE),
        ("\u20601001\u22121.pdf", (INVISIBLE, SEPARATOR)),
        ("١٠٠١_١.pdf", WIDE),
        ("#1001_1.pdf", HASH),
        ("01001_1.pdf", ZEROS),
        ("1001_01.pdf", ZEROS),
        ("1001_1.PDF.pdf", TWICE),
        ("1001_1.jpg.pdf", TWICE),
        ("1001_1.pdf.part", UPLOADING),
        ("1001_1.pdf.crdownload", UPLOADING),
        ("1001_1.pdf.partial", UPLOADING),
        ("1001_1.jpeg.pdf.partial", (UPLOADING, TWICE)),
        ("1001_1.pdf.a1b2c3d4.partial", UPLOADING),
        ("1001_1.pdf.opdownload", UPLOADING),
        ("1001_1.pdf.download", UPLOADING),
        ("~syncthing~1001_1.pdf.tmp", UPLOADING),
        ("1001_1.pdf. ", AFTER),
        ("1001_1.PDF%20", AFTER),
        ("1001_1.pdf\ufeff", INVISIBLE),
        ("1001 _1.pdf", SPACES),
        ("1001_1 .pdf", SPACES),
        (" 1001_1.pdf", SPACES),
        ("１００１_１.pdf", WIDE),
        ("1001＿1.pdf", WIDE),
        ("# 1001-01.pdf", (SPACES, HASH, ZEROS, SEPARATOR)),
        ("1001-1 (1).PDF.pdf.part", (UPLOADING, TWICE, COPY, SEPARATOR)),
        ("01001_1 (1).pdf", (COPY, ZEROS)),
    ],
)
def test_the_rule_a_name_broke_is_named_and_no_other(name, rules):
    found = near(name, "1001_1", "1001_2", "1002_1")
    broken = (rules,) if isinstance(rules, str) else rules
    assert found == (broken, "1001_1.pdf")


def test_the_suggestion_keeps_the_format_in_small_letters_and_the_shops_spelling():
    found = near("#abc-1.JPEG", "#ABC-1")
    assert found == ((CAPITALS,), "#ABC-1.jpeg")


@pytest.mark.parametrize("extension", ["jfif", "JPE", "pjpeg"])
def test_another_extension_for_jpeg_is_corrected(extension):
    assert near(f"1001_1.{extension}", "1001_1") == ((EXTENSION,), "1001_1.jpg")
    assert near(f"1001-1.{extension}", "1001_1") == ((EXTENSION, SEPARATOR), "1001_1.jpg")


def test_a_name_that_two_items_nearly_have_is_exactly_that_of_one():
    assert near("001_1.jfif", "001_1", "1_1") == ((EXTENSION,), "001_1.jpg")


def test_an_unfinished_download_keeps_a_long_extension():
    assert clean_name("1001_1.jpeg.partial") == ("1001_1", "jpeg", (UPLOADING,))


def test_a_hash_that_is_lacking_is_a_near_miss_too():
    found = near("1001_1.pdf", "#1001_1")
    assert found == ((HASH,), "#1001_1.pdf")


def test_a_half_uploaded_file_in_another_unicode_form_lacks_nothing_but_its_end():
    assert near("e\u0301_1.pdf.part", "é_1") == ((UPLOADING,), "é_1.pdf")


@pytest.mark.parametrize(
    "name",
    [
        "1001_10.pdf",
        "1001_11.pdf",
        "11001_1.pdf",
        "10010_1.pdf",
        "10001_1.pdf",
        "1001_1_2.pdf",
        "1001_1a.pdf",
        "1001_1_vase.pdf",
        "1001_1_back.pdf",
        "10011.pdf",
        "1001.pdf",
        "1_1001.pdf",
        "1001_1.tiff",
        "1001_1.txt",
        "1001_1",
        "pdf",
        "",
        ".pdf",
        "1001_l.pdf",
        "disorder1001_1.pdf",
        "archive/2025/1001_1.pdf",
        "in/Old/1001_1.pdf",
        ".trash/1001_1.pdf",
        "__MACOSX/1001_1.pdf",
        "item1001_1.pdf",
        "10Q1_1.pdf",
        "1001_1.pdf/",
        "x/1001_1.pdf",
        "Plakate/Mai 2026/1001_1.pdf",
        "1001_1/old/1001_1.pdf",
        "1001_1 old/1001_1.pdf",
        "1OO1_1.pdf",
        "1001_1.pdf.zip",
        "1001_1.download",
    ],
)
def test_no_other_likeness_is_a_near_miss(name):
    assert near(name, "1001_1") is None


def test_two_equally_near_items_suggest_nothing():
    assert near("1001-1.pdf", "1001_1", "1001 1") is None
    assert near("abc.pdf", "ABC", "Abc", "aBC") is None


def test_a_name_with_fewer_slips_wins_over_one_with_more():
    assert near("abcV12.pdf", "ABC", "ABCV12")[1] == "ABCV12.pdf"
    assert near("1001_1_V2.PDF.pdf", "1001_1", "1001_1_v2")[1] == "1001_1_v2.pdf"


def test_a_version_is_not_cut_off_a_word():
    assert near("ABCV12.pdf", "ABC") is None
    assert near("semifinal.pdf", "semi") is None


def test_a_copy_of_what_two_items_nearly_have_suggests_neither():
    assert near("abc (1).pdf", "ABC", "Abc") is None


def test_a_hostile_name_is_given_up_soon():
    names = [" " * 255 + ".pdf", "_" * 251 + ".pdf", "#" * 10**6 + ".pdf", " copy" * 50 + ".pdf", "0" * 251 + ".pdf"]
    begun = time.process_time()
    assert [near(name, "1001_1") for name in names] == [None] * len(names)
    assert time.process_time() - begun < 0.5


def test_a_spelling_forgets_what_the_folds_forget():
    assert normalize("#００1001 - Ab") == normalize("1001_aB") == "1001_ab"
    assert normalize(DEFAULT_PATTERN) != normalize("")

"""Matching: what a listing's names hit, and what they do not."""

import pytest

from remote_artwork.core.expected import expect_files
from remote_artwork.core.matching import Matches, Page, partition_names
from remote_artwork.core.orders import Order, OrderItem, StoredFile
from remote_artwork.core.pattern import DEFAULT_PATTERN, FilenamePattern
from remote_artwork.errors import StorageMisbehaved

NFC, NFD = "é_1.pdf", "e\u0301_1.pdf"


def page(*names):
    return Page(names, lambda i: StoredFile(name=names[i], size=i, etag=names[i]))


def matches(*orders, pattern=DEFAULT_PATTERN):
    return Matches(expect_files(orders, FilenamePattern(pattern)))


def found(taken, order_id, item="1", placement="default"):
    return [file.name for file in taken.files_for((order_id, item), placement)]


ORDER = Order("1001", [OrderItem("1"), OrderItem("2")])


@pytest.mark.parametrize("extension", ["jpg", "jpeg", "png", "pdf", "JPG", "Jpeg", "pNg", "PDF"])
def test_each_printed_format_is_found_in_any_case(extension):
    taken = matches(ORDER)
    assert taken.add_page(page(f"1001_1.{extension}")) == []
    assert found(taken, "1001") == [f"1001_1.{extension}"]


@pytest.mark.parametrize(
    "name",
    [
        "1001_1",
        "1001_10.pdf",
        "11001_1.pdf",
        "1001_1.pdf.pdf",
        "1001-1.pdf",
        "1001_A.pdf",
        "x/1001_1.pdf",
        "1001_1.pdf/",
        ".pdf",
        "",
    ],
)
def test_nothing_but_the_very_name_is_found(name):
    taken = matches(ORDER)
    assert taken.add_page(page(name)) == [name]
    assert (taken.found, taken.unsupported, taken.ambiguous) == ({}, [], [])


def test_capitals_and_small_letters_of_a_stem_differ():
    taken = matches(Order("a", [OrderItem("1")]))
    assert taken.add_page(page("A_1.pdf")) == ["A_1.pdf"]


def test_a_file_is_built_for_hits_alone_and_from_its_own_place_in_the_page():
    built = []
    names = ["x.pdf", "1001_2.pdf", "y.pdf", "1001_1.pdf"]

    def build(position):
        built.append(position)
        return StoredFile(name=names[position], size=position, etag="e")

    taken = matches(ORDER)
    assert taken.add_page(Page(names, build)) == ["x.pdf", "y.pdf"]
    assert built == [1, 3]
    assert taken.files_for(("1001", "1"), "default")[0].size == 3
    assert taken.names_seen == 4


def test_a_file_in_a_folder_named_like_an_awaited_file_is_no_hit():
    taken = matches(ORDER)
    assert taken.add_page(page("1001_1.d/notes", "1001_1.pdf/x.pdf")) == ["1001_1.d/notes", "1001_1.pdf/x.pdf"]
    assert not taken.unsupported


def test_a_file_in_another_format_is_unsupported():
    taken = matches(ORDER)
    assert taken.add_page(page("1001_1.tiff", "1001_1.")) == []
    assert taken.unsupported == ["1001_1.tiff", "1001_1."]
    assert found(taken, "1001") == []


@pytest.mark.parametrize("number", ["é", "e\u0301"])
def test_both_unicode_forms_of_a_name_are_found_and_are_two_files(number):
    taken = matches(Order(number, [OrderItem("1")]))
    assert taken.add_page(page(NFC, NFD)) == []
    assert sorted(found(taken, number)) == sorted([NFC, NFD])


def test_a_name_that_is_listed_twice_is_one_file():
    taken = matches(ORDER)
    taken.add_page(page("1001_1.pdf"))
    taken.add_page(page("1001_1.pdf", "1001_1.pdf"))
    assert found(taken, "1001") == ["1001_1.pdf"]


def test_files_of_one_item_are_listed_by_name_whatever_the_order_of_pages():
    for names in (["1001_1.pdf", "1001_1.jpg"], ["1001_1.jpg", "1001_1.pdf"]):
        taken = matches(ORDER)
        for name in names:
            taken.add_page(page(name))
        assert found(taken, "1001") == ["1001_1.jpg", "1001_1.pdf"]


def test_what_nothing_is_known_of_is_kept_by_its_stem_in_either_form_of_its_letters():
    taken = matches(Order("é", [OrderItem("1")]))
    taken.add_page(Page([], page().file, unknown={NFD: "HTTP 403"}))
    taken.add_page(Page([], page().file, unknown={NFC: "HTTP 500"}, complete=True))
    taken.add_page(Page([], page().file))
    assert taken.unknown == {"é_1": {NFD: "HTTP 403", NFC: "HTTP 500"}}
    assert taken.complete


def test_a_file_that_the_storage_describes_badly_is_unknown_and_its_siblings_are_found():
    def describe(place):
        if place == 0:
            raise StorageMisbehaved("it names no size")
        return StoredFile(name="1001_2.png", size=1, etag="e")

    taken = matches(ORDER)
    taken.add_page(Page(["1001_1.png", "1001_2.png"], describe))
    assert taken.unknown == {"1001_1": {"1001_1.png": "it names no size"}}
    assert found(taken, "1001", "2") == ["1001_2.png"]


def test_placements_are_kept_apart():
    item = OrderItem("1", placements=("front", "back"))
    taken = matches(Order("9", [item]), pattern="{order_number}[_{placement}]")
    taken.add_page(page("9_front.png", "9_back.pdf", "9.pdf"))
    assert found(taken, "9", placement="front") == ["9_front.png"]
    assert found(taken, "9", placement="back") == ["9_back.pdf"]


def test_a_contested_name_goes_to_nobody_and_is_reported_with_all_who_expect_it():
    taken = matches(Order("1", [OrderItem("é_3")]), Order("1_é", [OrderItem("3"), OrderItem("4")]))
    left = taken.add_page(page("1_e\u0301_3.pdf", "other.pdf", "1_é_4.pdf", "1_é_3.pdf/x"))
    assert left == ["other.pdf", "1_é_3.pdf/x"]
    assert [(name, sorted(file.key for file in files)) for name, files in taken.ambiguous] == [
        ("1_e\u0301_3.pdf", [("1", "é_3"), ("1_é", "3")])
    ]
    assert found(taken, "1_é", "4") == ["1_é_4.pdf"]


def test_names_that_are_no_text_hit_nothing_and_break_nothing():
    taken = matches(ORDER)
    assert taken.add_page(page("1001_1\udcff.pdf", "\udcff")) == ["1001_1\udcff.pdf", "\udcff"]


def test_hits_are_positions_and_misses_are_names():
    assert partition_names(["a.x", "b", "c.pdf"], {"a": 1, "c": 1}) == ([0, 2], ["b"])

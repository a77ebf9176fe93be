"""A corpus of misnamed files in one folder: what the report says of each, and which name it suggests, or none.

A wrong suggestion is worse than none: somebody prints the wrong picture.
"""

import json

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.testing import FakeShop
from shop_files import PDF

ORDERS = [
    ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")]),
    ra.Order("1002", [ra.OrderItem("1"), ra.OrderItem("01")]),
    ra.Order("A-77", [ra.OrderItem("x")], id="5678901234567"),
    ra.Order("2050", [ra.OrderItem("7", placements=("front", "back"))]),
    ra.Order("3000", [ra.OrderItem("1", requires_artwork=False)]),
    ra.Order("10", [ra.OrderItem("1-1")]),
]
"""What is pending. Order 1000 was fulfilled with 1000_1.pdf, and order 1500 was cancelled."""

TO_1001 = [
    ("1001-1.pdf", "the wrong separator"),
    ("1001 1.pdf", "the wrong separator"),
    ("1001.1.pdf", "the wrong separator"),
    ("1001__1.pdf", "the wrong separator"),
    ("1001–1.pdf", "the wrong separator"),
    ("1001_1 (1).pdf", "a copy or a version"),
    ("1001_1(2).pdf", "a copy or a version"),
    ("1001_1_v2.pdf", "a copy or a version"),
    ("1001_1 copy.pdf", "a copy or a version"),
    ("1001_1 copy 3.pdf", "a copy or a version"),
    ("1001_1 - Copy.pdf", "a copy or a version"),
    ("1001_1 - Kopie.pdf", "a copy or a version"),
    ("1001_1_final.pdf", "a copy or a version"),
    ("1001_1_final_v2.pdf", "a copy or a version"),
    ("1001_1_rev3.pdf", "a copy or a version"),
    ("#1001_1.pdf", "'#'"),
    ("##1001_1.pdf", "'#'"),
    ("01001_1.pdf", "leading zeros"),
    ("1001_01.pdf", "leading zeros"),
    ("1001_001.pdf", "leading zeros"),
    ("1001_1.PDF.pdf", "two extensions"),
    ("1001_1.png.pdf", "two extensions"),
    ("1001_1.pdf.part", "upload is not finished"),
    ("1001_1.pdf.crdownload", "upload is not finished"),
    ("1001_1.pdf.filepart", "upload is not finished"),
    ("1001_1.pdf.tmp", "upload is not finished"),
    ("1001 _1.pdf", "extra spaces"),
    ("1001_ 1.pdf", "extra spaces"),
    (" 1001_1.pdf", "extra spaces"),
    ("1001_1 .pdf", "extra spaces"),
    ("order1001_1.pdf", "an extra word"),
    ("Order 1001_1.pdf", "an extra word"),
    ("ORDER-1001_1.pdf", "an extra word"),
    ("Bestellung 1001_1.pdf", "an extra word"),
    ("Copy of 1001_1.pdf", "an extra word"),
    ("1_1001.pdf", "swapped"),
    ("1-1001.pdf", "swapped"),
    ("1001/1001_1.pdf", "in a folder"),
    ("Order 1001/1001_1.pdf", "in a folder"),
    ("1001/1.pdf", "in a folder"),
    ("Order 1001 Item 1.pdf", "extra words"),
    ("PRINT_1001_FINAL_ITEM_1.pdf", "extra words"),
    ("\u200e1001_1.pdf", "invisible characters"),
    ("1001\u22121.pdf", "the wrong separator"),
    ("1001_1.pdf.a1b2c3d4.partial", "upload is not finished"),
    ("１００１_１.pdf", "full-width"),
    ("1001＿1.pdf", "full-width"),
    ("1OO1_1.pdf", "the letter O"),
    ("10o1_1.pdf", "the letter O"),
    ("#1001-1 (2).PDF.pdf", "two extensions; it is marked as a copy"),
]
TO_OTHERS = [
    ("a-77_x.pdf", "upper and lower case", "A-77_x.pdf"),
    ("A77_x.pdf", "a separator is missing", "A-77_x.pdf"),
    ("1001_1.jfif", "another extension of the same format", "1001_1.jpg"),
    ("5678901234567_x.pdf", "the id of the order", "A-77_x.pdf"),
    ("A-77.pdf", "which item", "A-77_x.pdf"),
    ("A_77_x.pdf", "the wrong separator", "A-77_x.pdf"),
    ("2050_7_Front.pdf", "upper and lower case", "2050_7_front.pdf"),
    ("2050-7-back.pdf", "the wrong separator", "2050_7_back.pdf"),
    ("1001_1.jpg.part", "upload is not finished", "1001_1.jpg"),
]
TO_NOBODY = [
    ("1002-1.pdf", "near_miss", "1002_01, 1002_1"),  # items 1 and 01 are equally near
    ("1001_3.pdf", "near_miss", "1001_1, 1001_2"),
    ("1001_11.pdf", "near_miss", "1001_1, 1001_2"),
    ("1001_1a.pdf", "near_miss", "1001_1, 1001_2"),
    ("1001_1_print.pdf", "near_miss", "1001_1, 1001_2"),
    ("1001_l.pdf", "near_miss", "1001_1, 1001_2"),
    ("2050_7.pdf", "near_miss", "2050_7_back, 2050_7_front"),
    ("2050_7_side.pdf", "near_miss", "2050_7_back, 2050_7_front"),
    ("3000_1.pdf", "near_miss", "no item that needs artwork"),
    (
        "10-1_1.pdf",
        "near_miss",
        "order 10 does not expect this name; it expects 10_1-1; rename the file if it is for this order",
    ),
    ("1010_1.pdf", "early", "no pending order expects it yet"),
    ("11001_1.pdf", "early", "no pending order expects it yet"),
    ("100_1.pdf", "early", "no pending order expects it yet"),
    ("1001A_1.pdf", "early", "no pending order expects it yet"),
    ("order9999_1.pdf", "early", "no pending order expects it yet"),
    ("1000_1.png", "unrelated", "order 1000 is already fulfilled"),
    ("1000_2.pdf", "unrelated", "order 1000 is already fulfilled"),
    ("1500_1.png", "unrelated", "order 1500 is cancelled; this file is not used"),
    ("1001_1.tiff", "unsupported", "save it as JPEG, PNG or PDF"),
    ("1001_2.ai", "unsupported", "save it as JPEG, PNG or PDF"),
    ("1001_1.jpg~", "unsupported", "save it as JPEG, PNG or PDF"),
    ("1001_1", "unsupported", "no extension"),
    ("old/1001_1.pdf", "near_miss", "in the folder old,"),
    ("archive 2025/1001_1.pdf", "near_miss", "in the folder archive 2025,"),
    ("to print/cancelled/1001_1.pdf", "near_miss", "in the folder to print/cancelled,"),
    ("first proofs/1001_1.pdf", "near_miss", "in the folder first proofs,"),
    ("#recycle/1001_1.pdf", "near_miss", "in the folder #recycle,"),
    ("uploads/1001_1.pdf", "near_miss", "in the folder uploads,"),
    ("May 2026/posters/1001_1.pdf", "near_miss", "in the folder May 2026/posters,"),
    ("2050/1001_1.pdf", "near_miss", "several pending orders: 1001, 2050"),
    ("order 2050/1001_1.pdf", "near_miss", "several pending orders: 1001, 2050"),
    ("1001_2/A-77_x.pdf", "near_miss", "several pending orders: 1001, A-77"),
    (".trash/1001_1.pdf", "near_miss", "in the folder .trash,"),
    ("._1001_1.pdf", "unrelated", "hidden file"),
    ("10011.pdf", "unrelated", "does not follow the pattern"),
    ("1001.pdf", "near_miss", "1001_1, 1001_2"),
    ("IMG_1001_1.jpg", "near_miss", "1001_1, 1001_2"),
    ("invoice 1001.pdf", "near_miss", "1001_1, 1001_2"),
    ("logo.pdf", "unrelated", "does not follow the pattern"),
    ("price list.xlsx", "unrelated", "it is not a print file"),
]
EVERY_NAME = [name for name, *_ in (*TO_1001, *TO_OTHERS, *TO_NOBODY)]
PATTERN = "{order_number}_{order_item_number}[_{placement}]"


@pytest.fixture(scope="module")
def shop_before():
    """A folder and a ledger after the orders 1000 and 1500."""
    files = fsspec.filesystem("memory")
    storage, ledger = ra.ArtworkStorage(files, "/misnamed"), ra.MemoryLedger()
    files.pipe({"/misnamed/1000_1.pdf": PDF, "/misnamed/1500_1.pdf": PDF})
    shop = FakeShop([ra.Order("1000", [ra.OrderItem("1")]), ra.Order("1500", [ra.OrderItem("1")])])
    shop.fail_next("attach_artwork", ra.NotPending("cancelled by the customer"))
    first = ra.Scanner(storage, shop, ledger=ledger, pattern=PATTERN)
    assert [item.status for item in first.scan(orders=["1500"]).items] == [ra.ItemStatus.CANCELLED]
    shop.cancel("1500")
    assert [item.status for item in first.scan().items] == [ra.ItemStatus.FULFILLED]
    yield files, storage, ledger
    files.rm("/misnamed", recursive=True)


@pytest.fixture
def report_of(shop_before):
    """Scans the folder with these further files."""
    files, storage, ledger = shop_before
    uploaded = []

    def scan(*names):
        uploaded.extend(f"/misnamed/{name}" for name in names)
        files.pipe(dict.fromkeys(uploaded, PDF))
        return ra.Scanner(storage, FakeShop(ORDERS), ledger=ledger, pattern=PATTERN).scan()

    yield scan
    for path in set(uploaded):
        files.rm(path)


def said_of(report, name):
    [file] = [file for file in report.files if file.name == name]
    return file


@pytest.mark.parametrize(("name", "why"), TO_1001)
def test_the_right_name_is_suggested_for_a_misnamed_file(report_of, name, why):
    file = said_of(report_of(name), name)
    assert (file.status, file.suggestion) == (ra.FileStatus.NEAR_MISS, "1001_1.pdf"), file
    assert why in file.reason
    assert file.reason.endswith("item 1 of order 1001 waits for 1001_1.pdf")


@pytest.mark.parametrize(("name", "why", "suggestion"), TO_OTHERS)
def test_other_shapes_of_numbers_are_understood_as_well(report_of, name, why, suggestion):
    file = said_of(report_of(name), name)
    assert file.suggestion == suggestion, file
    assert why in file.reason


@pytest.mark.parametrize(("name", "status", "why"), TO_NOBODY)
def test_an_ambiguous_name_gets_no_suggestion(report_of, name, status, why):
    file = said_of(report_of(name), name)
    assert (file.status, file.suggestion) == (status, None), file
    assert why in file.reason


def test_files_that_can_be_the_same_print_get_no_suggestion(report_of):
    names = [name for name, _ in TO_1001]
    report = report_of(*names)
    assert sorted(file.name for file in report.files) == sorted(names)
    assert {(file.status, file.code, file.suggestion) for file in report.files} == {
        ("near_miss", "near_miss_of_several", None)
    }


def test_nothing_is_matched_by_likeness(report_of):
    report = report_of(*EVERY_NAME)
    assert {item.status for item in report.items} == {ra.ItemStatus.MISSING, ra.ItemStatus.NOT_REQUIRED}
    assert report.requests["get"] == 0


def test_the_corpus_is_large_and_every_file_of_it_has_one_reason(report_of):
    report = report_of(*EVERY_NAME)
    assert len(set(EVERY_NAME)) == len(EVERY_NAME) >= 80
    assert sorted(file.name for file in report.files) == sorted(EVERY_NAME)
    others = sum(status != "near_miss" for _, status, _ in TO_NOBODY)
    assert json.loads(report.to_json())["file_counts"]["near_miss"] == len(EVERY_NAME) - others


def test_a_misnamed_file_beside_the_right_one_is_not_suggested(report_of):
    report = report_of("1001_1.jfif", "Order 1001 Item 1.pdf", "1001_1.pdf")
    assert {(file.name, file.code, file.suggestion) for file in report.files} == {
        ("1001_1.jfif", "near_miss_has_file", None),
        ("Order 1001 Item 1.pdf", "near_miss_has_file", None),
    }


def test_an_order_number_alone_is_not_enough_beside_another_file_of_the_order(report_of):
    assert said_of(report_of("A-77.pdf"), "A-77.pdf").suggestion == "A-77_x.pdf"
    report = report_of("A-77.pdf", "A-77 back.pdf")
    assert said_of(report, "A-77.pdf").suggestion is None
    assert "there are other similar names: A-77 back.pdf" in said_of(report, "A-77.pdf").reason

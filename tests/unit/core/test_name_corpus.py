"""How people and programs name print files, and the right verdict for each name, one file at a time.

A name that contains the number or the id of a pending order is never ``early`` or ``unrelated``. A name is suggested
only where exactly one print is possible.
"""

import pytest

from remote_artwork.core.expected import expect_files
from remote_artwork.core.orders import Order, OrderItem
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.unmatched import UnmatchedClassifier

ORDERS = [
    Order("1001", [OrderItem("1"), OrderItem("2")]),
    Order("1002", [OrderItem("1")]),
    Order("1003", [OrderItem("1", id="9876543210")], id="5678901234567"),
    Order("1004", [OrderItem("1")], id="6f1c2d3e-8a4b-4c5d-9e6f-7a8b9c0d1e2f"),
    Order("A-77", [OrderItem("x")]),
    Order("2050", [OrderItem("7", placements=("front", "back"))]),
    Order("2024-0001", [OrderItem("1"), OrderItem("2")]),
    Order("3000", [OrderItem("1", requires_artwork=False)]),
    Order("12", [OrderItem("1"), OrderItem("2")]),
    Order("B2C-4401", [OrderItem("1")]),
    Order("7701", [OrderItem("14556677889900"), OrderItem("14556677889901")], id="4556677889900"),
]
NEAR, EARLY, OTHER_FORMAT, UNRELATED = "near_miss", "early", "unsupported", "unrelated"

SUGGESTED = [
    # separators
    ("1001-2.pdf", "1001_2.pdf"),
    ("1001 2.pdf", "1001_2.pdf"),
    ("1001\u22122.pdf", "1001_2.pdf"),
    ("1001\u20142.pdf", "1001_2.pdf"),
    ("1001\xa02.pdf", "1001_2.pdf"),
    ("1001,2.pdf", "1001_2.pdf"),
    ("_1001_2.pdf", "1001_2.pdf"),
    ("1001_2_.pdf", "1001_2.pdf"),
    ("1001_2-.pdf", "1001_2.pdf"),
    ("(1001_2).pdf", "1001_2.pdf"),
    ("[1001] 2.pdf", "1001_2.pdf"),
    ("#1001 #2.pdf", "1001_2.pdf"),
    # labels
    ("Order 1001 Item 2.pdf", "1001_2.pdf"),
    ("order-1001-item-2.png", "1001_2.png"),
    ("Order1001Item2.pdf", "1001_2.pdf"),
    ("order number 1001_2.pdf", "1001_2.pdf"),
    ("Order No. 1001 - Pos. 2.pdf", "1001_2.pdf"),
    ("Bestellung 1001 Artikel 2.pdf", "1001_2.pdf"),
    ("Auftragsnr. 1001 Position 2.pdf", "1001_2.pdf"),
    ("Commande n° 1001 article 2.pdf", "1001_2.pdf"),
    ("Pedido Nº 1001 línea 2.pdf", "1001_2.pdf"),
    ("PRINT_1001_2.pdf", "1001_2.pdf"),
    ("PRINT_1004_FINAL_1.png", "1004_1.png"),
    ("[PRINT] 1001_2 (final).pdf", "1001_2.pdf"),
    ("Order 1001 Item 2 (copy).pdf", "1001_2.pdf"),
    ("PRINT_1001_FINAL_Item_2.png", "1001_2.png"),
    ("FINAL 1001 pos. 2 v3.pdf", "1001_2.pdf"),
    ("Order%201001%20Item%202.pdf", "1001_2.pdf"),
    ("1001%5F2.pdf", "1001_2.pdf"),
    ("artwork 1001_2.pdf", "1001_2.pdf"),
    ("Druckdaten_1001_2.pdf", "1001_2.pdf"),
    ("copy_of_1001_2.pdf", "1001_2.pdf"),
    ("Copy of Order 1001_2.pdf", "1001_2.pdf"),
    ("1001_item_2.pdf", "1001_2.pdf"),
    ("1001-line-2.pdf", "1001_2.pdf"),
    ("Order 2050 item 7 front.pdf", "2050_7_front.pdf"),
    # invisible characters
    ("\u200e1001_2.pdf", "1001_2.pdf"),
    ("\ufeff1001_2.pdf", "1001_2.pdf"),
    ("1001\u200b_2.pdf", "1001_2.pdf"),
    ("1001\u00ad_2.pdf", "1001_2.pdf"),
    ("1001_2\u200f.pdf", "1001_2.pdf"),
    ("1001_2\ufe0f.pdf", "1001_2.pdf"),
    # letters and digits
    ("l001_2.pdf", "1001_2.pdf"),
    ("I001_2.pdf", "1001_2.pdf"),
    ("1O0I_2.pdf", "1001_2.pdf"),
    ("\u0410-77_\u0445.pdf", "A-77_x.pdf"),
    ("١٠٠١_٢.pdf", "1001_2.pdf"),
    ("A77_x.pdf", "A-77_x.pdf"),
    ("a77-x.pdf", "A-77_x.pdf"),
    ("20240001_2.pdf", "2024-0001_2.pdf"),
    ("2024_0001_2.pdf", "2024-0001_2.pdf"),
    # the id
    ("5678901234567_1.png", "1003_1.png"),
    ("order 5678901234567.pdf", "1003_1.pdf"),
    ("1_5678901234567.pdf", "1003_1.pdf"),
    ("6f1c2d3e-8a4b-4c5d-9e6f-7a8b9c0d1e2f_1.pdf", "1004_1.pdf"),
    ("6F1C2D3E8A4B4C5D9E6F7A8B9C0D1E2F_1.pdf", "1004_1.pdf"),
    ("1003_9876543210.pdf", "1003_1.pdf"),
    ("b2c_4401-1.pdf", "B2C-4401_1.pdf"),
    ("B2C4401_1.pdf", "B2C-4401_1.pdf"),
    ("B2C 4401.pdf", "B2C-4401_1.pdf"),
    ("4556677889900_14556677889901.pdf", "7701_14556677889901.pdf"),
    # the wrong way round
    ("14556677889901_7701.pdf", "7701_14556677889901.pdf"),
    ("14556677889901-4556677889900.pdf", "7701_14556677889901.pdf"),
    ("2_1001.pdf", "1001_2.pdf"),
    ("Item 2 Order 1001.pdf", "1001_2.pdf"),
    ("Pos. 2 - 1001.pdf", "1001_2.pdf"),
    ("Item 2 of order 1001.pdf", "1001_2.pdf"),
    ("print-ready 1001_2.pdf", "1001_2.pdf"),
    ("2-2024-0001.pdf", "2024-0001_2.pdf"),
    # one print
    ("1004.pdf", "1004_1.pdf"),
    ("#1004.pdf", "1004_1.pdf"),
    ("Order 1004.pdf", "1004_1.pdf"),
    ("order_1004_final.pdf", "1004_1.pdf"),
    ("1004 (1).pdf", "1004_1.pdf"),
    ("2050_front.pdf", "2050_7_front.pdf"),
    # folders that name the order
    ("1001/1001_2.pdf", "1001_2.pdf"),
    ("1001/2.pdf", "1001_2.pdf"),
    ("Order 1001/Item 2.pdf", "1001_2.pdf"),
    ("#1004/artwork.pdf", "1004_1.pdf"),
    ("#1004/1004.pdf", "1004_1.pdf"),
    ("Bestellung 1004/Druckdaten.pdf", "1004_1.pdf"),
    ("5678901234567/1.pdf", "1003_1.pdf"),
    ("A-77/x.pdf", "A-77_x.pdf"),
    ("2050/front.pdf", "2050_7_front.pdf"),
    ("12/2.pdf", "12_2.pdf"),
    # extensions and unfinished uploads
    ("1001_2.jfif", "1001_2.jpg"),
    ("1001_2.JPE", "1001_2.jpg"),
    ("1001-2.jfif", "1001_2.jpg"),
    ("1001_2.pdf.", "1001_2.pdf"),
    ("1001_2.pdf ", "1001_2.pdf"),
    ("1001_2.pdf%20", "1001_2.pdf"),
    ("1001_2.pdf\u200b", "1001_2.pdf"),
    ("1001_2.pdf.partial", "1001_2.pdf"),
    ("1001_2.pdf.a1b2c3d4.partial", "1001_2.pdf"),
    ("1001_2.pdf.opdownload", "1001_2.pdf"),
    ("1001_2.pdf.download", "1001_2.pdf"),
    ("~syncthing~1001_2.pdf.tmp", "1001_2.pdf"),
]
"""Exactly one print is possible."""

FOLDERS = [
    "#recycle", "@Recycle", "$RECYCLE.BIN", "Recycle Bin", "lost+found", "~snapshot", "Input_Success", "Input_Error",
    "Processed", "Do not print", "low res", "Mockups", "Papierkorb", "old", "archive/2025", "to print/cancelled", "in",
    "uploads", "May 2026/posters", "print", "final", "1001 old", "1001 (cancelled)", "old/1001", "1001/proofs",
    "1002/old", "Copy of 1001", "1001 v1", "1",
]  # fmt: skip
"""Folders that say something other than the order's number. What they mean is not known, so nothing is suggested."""

NOT_SUGGESTED = [
    # what else the file may be is not known
    ("_0G63D_1001_2.pdf", NEAR),
    ("1001-2__Business Card.pdf", NEAR),
    ("IMG_1001_2.jpg", NEAR),
    ("~$1001_2.pdf", NEAR),
    ("1001_2_proof.pdf", NEAR),
    ("1001_2_back.pdf", NEAR),
    ("proof 1001_2.pdf", NEAR),
    ("do not print 1001_2.pdf", NEAR),
    ("cancelled order 1001_2.pdf", NEAR),
    ("reorder 1001_2.pdf", NEAR),
    ("re-order 1001_2.pdf", NEAR),
    ("invoice 1004.pdf", NEAR),
    ("Rechnung_1004.pdf", NEAR),
    ("1004 mockup.png", NEAR),
    ("1004_1_lowres.pdf", NEAR),
    ("1004_1_page2.pdf", NEAR),
    ("1004_1_2.pdf", NEAR),
    ("1004_2.pdf", NEAR),
    ("1004 (2).pdf", NEAR),
    ("1001.pdf", NEAR),
    ("1001 (1).pdf", NEAR),
    ("1001 (copy).pdf", NEAR),
    ("1004 (another copy).pdf", NEAR),
    ("1001[1].pdf", NEAR),
    ("1001_1&2.pdf", NEAR),
    ("1001_1+2.pdf", NEAR),
    ("1001 + 1002.pdf", NEAR),
    ("1001_1 1002_1.pdf", NEAR),
    ("1002/1001_2.pdf", NEAR),
    ("Item 1001 Order 2.pdf", NEAR),
    ("Artikel 1004.pdf", NEAR),
    ("1004 order 1.pdf", NEAR),
    ("2024-05-17_1004_1.pdf", NEAR),
    ("20240517 1004 1.pdf", NEAR),
    ("1004_1_70x100cm.pdf", NEAR),
    ("Artboard 1 1004.pdf", NEAR),
    ("WhatsApp Image 1004.jpeg", NEAR),
    ("1004_1.sync-conflict-20260101-101010-ABCDEFG.pdf", NEAR),
    ("1004_1 (Anna's conflicted copy 2026-01-01).pdf", NEAR),
    ("2050_7.pdf", NEAR),
    ("2050 item 7.pdf", NEAR),
    ("3000.pdf", NEAR),
    ("order 3000 logo.pdf", NEAR),
    ("12.pdf", NEAR),
    ("12/cover.pdf", NEAR),
    ("5678 9012 34567_1.pdf", NEAR),
    ("1001/cover.pdf", NEAR),
    ("1004/1/artwork.pdf", NEAR),
    (".1004_1.pdf", NEAR),
    ("PRINT_1001_FINAL_2.png", NEAR),  # the second version of either item
    ("1001 artwork 2.pdf", NEAR),
    ("1004_FINAL_2.pdf", NEAR),
    ("2 order 1001.pdf", NEAR),
    ("2 of order 1001.pdf", NEAR),
    ("#2 1001.pdf", NEAR),
    ("#2_1001.pdf", NEAR),
    ("Order 2 1001.pdf", NEAR),
    ("1.001_2.pdf", NEAR),  # as spreadsheets write numbers
    ("1 001-2.pdf", NEAR),
    ("print 2 1001.pdf", NEAR),
    ("No1001_2.pdf", NEAR),
    ("NO 1001_2.pdf", NEAR),
    ("ORD1001_2.pdf", NEAR),
    ("IMG1001.jpg", NEAR),
    ("1001front_2.pdf", NEAR),
    ("1001+item+2.pdf", NEAR),
    ("1001 A.pdf", NEAR),
    ("12-1_1.pdf", NEAR),
    ("1004_1 2.pdf", NEAR),  # a copy made by macOS, or the second page
    ("1004_1-01.pdf", NEAR),
    ("1004_1_Artboard 1.pdf", NEAR),
    ("1004_1-DESKTOP-4F2.pdf", NEAR),
    ("1004_1-Edit.jpg", NEAR),
    ("1004_1~2.jpg", NEAR),
    ("1004_1.2026-01-01.pdf", NEAR),
    ("scan 1004_1.pdf", NEAR),
    ("Screenshot 1004_1.png", NEAR),
    ("label 1004_1.pdf", NEAR),
    ("packing slip 1004.pdf", NEAR),
    ("1004_1_CMYK.pdf", NEAR),
    ("1004_1 x 3.pdf", NEAR),
    ("1004 A4.pdf", NEAR),
    ("1004 1 of 2.pdf", NEAR),
    ("1004_1_old.pdf", NEAR),
    ("1004_1_FINAL_FINAL_really.pdf", NEAR),
    ("old\uff0f1001_2.pdf", NEAR),
    ("1001/1001/old/1001_2.pdf", NEAR),
    ("1001_1/1001_2.pdf", NEAR),
    ("1001 2/1.pdf", NEAR),
    ("1001/page 2.pdf", NEAR),
    ("1001/artwork.pdf", NEAR),
    ("12/artwork 3.pdf", NEAR),
    ("1003/5678901234567_2.pdf", NEAR),
    ("2024.pdf", UNRELATED),
    ("2024-0001.pdf", NEAR),
    ("14556677889901.pdf", NEAR),  # only an item
    ("old/14556677889901.pdf", NEAR),
    ("14556677889901_1001.pdf", NEAR),
    ("4401_1.pdf", NEAR),
    ("2024-0001-1-2.pdf", NEAR),
    ("1O01l.pdf", UNRELATED),
    # other orders
    ("1001A_1.pdf", EARLY),
    ("A1001_1.pdf", EARLY),
    ("1001B-2_1.pdf", EARLY),
    ("10011_1.pdf", EARLY),
    ("11001_1.pdf", EARLY),
    ("100_1.pdf", EARLY),
    ("1005_1.pdf", EARLY),
    ("order 1005_1.pdf", EARLY),
    ("1005_12.pdf", EARLY),
    ("B-77_x.pdf", EARLY),
    ("2024-0002_1.pdf", EARLY),
    ("5678901234568_1.pdf", EARLY),
    # no order
    ("logo.pdf", UNRELATED),
    ("DSC01005.JPG", UNRELATED),
    ("poster 70x100.pdf", UNRELATED),
    ("DSC01001.JPG", NEAR),
    ("price list.xlsx", UNRELATED),
    ("._1001_2.pdf", UNRELATED),
    (".DS_Store", UNRELATED),
    ("10012.pdf", UNRELATED),
    # other formats
    ("1001_2.tiff", OTHER_FORMAT),
    ("1004.psd", OTHER_FORMAT),
    ("Order 1001 Item 2.ai", OTHER_FORMAT),
    ("1001_2", OTHER_FORMAT),
    ("1005_1.jfif", OTHER_FORMAT),
    ("1005_1.pdf.part", OTHER_FORMAT),
    ("1001_2.jpg~", OTHER_FORMAT),
    ("1001_2.part", OTHER_FORMAT),
    ("1001-2.pdf.zip", OTHER_FORMAT),
    ("1001-2.pdf.lnk", OTHER_FORMAT),
    ("1005_1.pdf.", OTHER_FORMAT),
]
"""Several prints are possible, or none."""

PATTERN = FilenamePattern("{order_number}_{order_item_number}[_{placement}]")
CLASSIFIER = UnmatchedClassifier(PATTERN, expect_files(ORDERS, PATTERN), ORDERS)


def classify(name):
    return CLASSIFIER.classify(name, {})


@pytest.mark.parametrize(("name", "suggestion"), SUGGESTED)
def test_the_one_possible_print_is_suggested(name, suggestion):
    outcome = classify(name)
    assert (outcome.status, outcome.suggestion) == (NEAR, suggestion), outcome.reason
    assert f"waits for {suggestion}" in outcome.reason


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_is_suggested_out_of_a_folder_that_does_not_name_only_the_order(folder):
    outcome = classify(f"{folder}/1001_2.pdf")
    assert (outcome.status, outcome.suggestion) == (NEAR, None), outcome.reason
    assert f"in the folder {folder}" in outcome.reason or "1001, 1002" in outcome.reason


@pytest.mark.parametrize(("name", "status"), NOT_SUGGESTED)
def test_nothing_is_suggested_where_several_prints_or_none_are_possible(name, status):
    outcome = classify(name)
    assert (outcome.status, outcome.suggestion) == (status, None), outcome.reason


def test_the_corpus_is_large():
    names = [*(name for name, _ in SUGGESTED), *(name for name, _ in NOT_SUGGESTED), *FOLDERS]
    assert len(set(names)) == len(names) > 220


def test_invisible_characters_never_join_two_numbers():
    orders = [Order("1001", [OrderItem("1")]), Order("10011", [OrderItem("1")])]
    classifier = UnmatchedClassifier(PATTERN, expect_files(orders, PATTERN), orders)
    assert classifier.classify("1001\u200b1.pdf", {}).suggestion is None
    assert classifier.classify("1001\u200b_1.pdf", {}).suggestion == "1001_1.pdf"


def test_a_letter_at_the_end_of_a_number_may_be_the_size_of_another_order():
    orders = [Order("1001", [OrderItem("1")]), Order("100", [OrderItem("1")])]
    classifier = UnmatchedClassifier(PATTERN, expect_files(orders, PATTERN), orders)
    assert classifier.classify("100l_1.pdf", {}).code == "several_orders_in_name"
    assert classifier.classify("1O01_1.pdf", {}).suggestion == "1001_1.pdf"


SHOPS = [
    Order("2024-00042", [OrderItem("1")]),
    Order("b1c9a8d2-5f1e-4c7f-9b5e-1c2d3e4f5a6b", [OrderItem("1")]),
    Order("3412345678", [OrderItem("4523456789")]),
    Order("000000123", [OrderItem("1")]),
    Order("SW10023", [OrderItem("1")]),
    Order("OHSATILRP", [OrderItem("1")]),
]
"""Numbers as shops make them: by year, a UUID, long numbers, leading zeros, letters."""


@pytest.mark.parametrize(
    ("name", "number", "is_suggested"),
    [
        ("2024/00042_1.pdf", "2024-00042", False),  # the folder may be all of the year
        ("orders/2024/42.pdf", "2024-00042", False),
        ("2024/00042/1.pdf", "2024-00042", False),
        ("b1c9a8d25f1e4c7f9b5e1c2d3e4f5a6b_1.pdf", "b1c9a8d2-5f1e-4c7f-9b5e-1c2d3e4f5a6b", True),
        ("B1C9A8D25F1E4C7F9B5E1C2D3E4F5A6B-1.png", "b1c9a8d2-5f1e-4c7f-9b5e-1c2d3e4f5a6b", True),
        ("34123456784523456789.pdf", "3412345678", False),  # may be a number of its own
        ("0000001231.pdf", "000000123", False),
        ("sw100231.pdf", "SW10023", False),
        ("ohsatilrp1.pdf", "OHSATILRP", False),
        ("0HSAT1LRP_1.pdf", "OHSATILRP", False),
        ("0hsatilrp.pdf", "OHSATILRP", False),
    ],
)
def test_a_number_of_a_shop_is_a_mention_in_every_spelling(name, number, is_suggested):
    classifier = UnmatchedClassifier(PATTERN, expect_files(SHOPS, PATTERN), SHOPS)
    outcome = classifier.classify(name, {})
    [item] = next(order for order in SHOPS if order.number == number).items
    expected = f"{number}_{item.number}"
    assert (outcome.status, outcome.suggestion) == (NEAR, expected + name[-4:] if is_suggested else None)
    assert expected in outcome.reason


@pytest.mark.parametrize(
    "name",
    ["2024/photos/00042_1.pdf", "2024/00041_1.pdf", "SW1002_31.pdf", "IMG34123456784523456789.jpg", "0HSATILRX_1.pdf"],
)
def test_a_number_in_other_parts_is_no_mention(name):
    classifier = UnmatchedClassifier(PATTERN, expect_files(SHOPS, PATTERN), SHOPS)
    assert classifier.classify(name, {}).status in (EARLY, UNRELATED)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("2024", "2024.pdf"),  # a year
        ("123", "123.pdf"),
        ("10-1", "10-1.pdf"),  # item 1 of order 10
        ("10-1", "10 1.pdf"),
        ("1001A", "1001-A.pdf"),  # item A of order 1001
        ("1001A", "1001_A.pdf"),
        ("XKCDEF", "xkcdef.pdf"),
        ("2024-0517", "20240517.pdf"),
        ("10-01", "1001_1.pdf"),
        ("240517-1", "2405171_1.pdf"),
        ("20240517", "20240517.pdf"),  # a date
        ("A77", "A 77.pdf"),  # item 77 of order A
        ("A-77", "A77.pdf"),
    ],
)
def test_a_number_alone_is_suggested_only_if_it_can_be_nothing_else(number, name):
    orders = [Order(number, [OrderItem("1")])]
    classifier = UnmatchedClassifier(PATTERN, expect_files(orders, PATTERN), orders)
    assert classifier.classify(name, {}).suggestion is None


def test_a_number_without_separators_may_be_that_of_another_order():
    orders = [Order("2024-0001", [OrderItem("1")]), Order("20240002", [OrderItem("1")])]
    classifier = UnmatchedClassifier(PATTERN, expect_files(orders, PATTERN), orders)
    outcome = classifier.classify("20240001_1.pdf", {})
    assert (outcome.status, outcome.suggestion) == (NEAR, None)


@pytest.mark.parametrize(
    ("pattern", "name", "suggestion"),
    [
        ("{order_number}", "Order 1004.pdf", "1004.pdf"),
        ("{order_number}/{order_item_number}", "1001_2.pdf", "1001/2.pdf"),
        ("{order_number}/{order_item_number}", "Order 1001/Item 2.pdf", "1001/2.pdf"),
        ("{order_number}/{order_item_number}", "1001/1001-2.pdf", "1001/2.pdf"),
        ("{order_number}/{order_item_number}", "old/1001/2.pdf", None),
        ("prints/{order_number}_{order_item_number}", "prints/Order 1001 Item 2.pdf", "prints/1001_2.pdf"),
        ("prints/{order_number}_{order_item_number}", "Prints/1001/2.pdf", "prints/1001_2.pdf"),
        ("approved/{order_number}_{order_item_number}", "1001_2.pdf", None),
        ("approved/{order_number}_{order_item_number}", "rejected/1001_2.pdf", None),
        ("approved_{order_number}_{order_item_number}", "1001_2.pdf", None),
        ("approved_{order_number}_{order_item_number}", "Approved 1001-2.pdf", "approved_1001_2.pdf"),
        ("order-{order_number}-item-{order_item_number}", "1001_2.pdf", "order-1001-item-2.pdf"),
        ("{order_number}-{order_item_position}", "Order 1001 Line 2.pdf", "1001-2.pdf"),
        ("{order_item_number}_{order_number}", "Order 1001 Item 2.pdf", "2_1001.pdf"),
    ],
)
def test_suggestions_follow_the_pattern(pattern, name, suggestion):
    parsed = FilenamePattern(pattern)
    outcome = UnmatchedClassifier(parsed, expect_files(ORDERS, parsed), ORDERS).classify(name, {})
    assert (outcome.status, outcome.suggestion) == (NEAR, suggestion), outcome.reason


def test_items_of_several_orders_may_have_the_same_long_number():
    orders = [Order(number, [OrderItem("4006381333931"), OrderItem("4006381333948")]) for number in ("1001", "1002")]
    classifier = UnmatchedClassifier(PATTERN, expect_files(orders, PATTERN), orders)
    assert classifier.classify("4006381333931.pdf", {}).status == UNRELATED
    assert classifier.classify("1002-4006381333931 (1).pdf", {}).suggestion == "1002_4006381333931.pdf"
    assert classifier.classify("4006381333931_1002.pdf", {}).suggestion == "1002_4006381333931.pdf"


@pytest.mark.parametrize(
    "part",
    [
        "order ",
        "of ",
        "of _",
        "1001 ",
        "1001_",
        "1001.1 ",
        "item",
        "copy of ",
        "6f1c2d3e-",
        "l",
        "1l",
        "\u200b1",
        "#",
        "(1)",
        "1/",
    ],
)
def test_a_hostile_name_is_classified(part):
    for name in (part * 2000, f"1001 {part * 200}2.pdf", f"{part * 200}1001.pdf", f"{part * 200}.pdf", part * 300_000):
        assert classify(name).suggestion in (None, "1001_1.pdf", "1001_2.pdf", "12_1.pdf")

"""Items that a shop names by title and SKU: reports use the words that a merchant knows."""

import json
from io import StringIO

import pytest
from rich.console import Console

import remote_artwork as ra
from remote_artwork.core.orders import item_label
from remote_artwork.errors import InvalidOrder
from remote_artwork.reporting.terminal import print_report
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

MUG = ra.OrderItem("48213", id="line-9", title="Blue  mug\n", sku="MUG-B")
POSTER = ra.OrderItem("48214", title="Poster")
ORDER = ra.Order("1001", [MUG, POSTER])


@pytest.fixture
def report(root):
    _, storage = memory_folder(root, "1001_48214.jpg")
    return ra.Scanner(storage, FakeShop([ORDER]), ledger=ra.MemoryLedger()).scan()


@pytest.mark.parametrize(
    ("title", "sku", "position", "label"),
    [
        (None, None, 2, "48213"),
        ("Blue mug", None, 2, "2: Blue mug"),
        (None, "MUG-B", 2, "2: MUG-B"),
        ("Blue mug", "MUG-B", 2, "2: Blue mug (MUG-B)"),
        ("Blue mug", "MUG-B", None, "Blue mug (MUG-B)"),
        ("x" * 61, None, 1, f"1: {'x' * 60}…"),
    ],
)
def test_the_label_of_an_item(title, sku, position, label):
    assert item_label("48213", position=position, title=title, sku=sku) == label
    assert ra.OrderItem("48213", position=position, title=title, sku=sku).label == label


def test_a_title_may_be_any_text():
    assert ra.OrderItem("1", title=" \n").title is None
    assert ra.OrderItem("1", title=" Blue\tmug ", sku=" M ").label == "Blue mug (M)"
    for name in ("title", "sku"):
        with pytest.raises(InvalidOrder, match=f"OrderItem.{name} must be text, not 7"):
            ra.OrderItem("1", **{name: 7})


def test_an_outcome_has_what_the_shop_calls_its_item(report):
    mug, poster = report.items
    assert (mug.item_id, mug.position, mug.title, mug.sku) == ("line-9", 1, "Blue mug", "MUG-B")
    assert mug.label == "1: Blue mug (MUG-B)"
    assert poster.label == "2: Poster"
    [note] = poster.notes
    assert note.details["items"] == [{"item_number": "48213", "label": mug.label, "status": "missing"}]
    assert "the order waits for item 1: Blue mug (MUG-B) (missing)" in poster.reason


def test_a_saved_report_keeps_them(report):
    assert ra.ScanReport.from_dict(json.loads(report.to_json())) == report


def test_terminal_and_contact_sheet_show_them(report):
    stream = StringIO()
    print_report(report, Console(file=stream, width=200))
    assert "1: Blue mug (MUG-B)" in stream.getvalue()
    page = report.to_html()
    assert "item <bdi>1: Blue mug (MUG-B)</bdi>" in page
    assert "1001_48213" in page  # the name that the file needs


def test_a_new_title_is_no_other_order():
    assert ORDER.same_work(ra.Order("1001", [ra.OrderItem("48213", id="line-9"), ra.OrderItem("48214", title="x")]))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "orders.json",
            '{"orders": [{"number": "1", "status": "pending", "items": [{"number": "7", "title": "Mug", "sku": 12}]}]}',
        ),
        ("orders.csv", "number,item,status,title,sku\n1,7,pending,Mug,12\n"),
    ],
)
def test_an_orders_file_may_have_them(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    [order] = ra.OrdersFile(path).pending_orders()
    assert order.items[0].label == "1: Mug (12)"


def test_a_near_miss_and_a_shared_name_use_the_words_of_the_shop(root):
    _, storage = memory_folder(root, "1001-48213.jpg")
    orders = [ORDER, ra.Order("1002", [MUG, ra.OrderItem("2")])]
    scanner = ra.Scanner(storage, FakeShop(orders), ledger=ra.MemoryLedger())
    [file] = scanner.scan(sweep=True).files
    assert "item 1: Blue mug (MUG-B) of order 1001 waits for 1001_48213.jpg" in file.reason
    assert file.details["print"]["item_number"] == "48213"
    scanner = ra.Scanner(storage, FakeShop([ORDER]), ledger=ra.MemoryLedger(), pattern="{order_number}")
    mug, poster = scanner.plan().items
    assert "is also expected by item 2: Poster of order 1001" in mug.reason
    assert "is also expected by item 1: Blue mug (MUG-B) of order 1001" in poster.reason


def test_an_explanation_uses_the_words_of_the_shop(root):
    _, storage = memory_folder(root, "1001_48214.jpg")
    scanner = ra.Scanner(storage, FakeShop([ORDER]), ledger=ra.MemoryLedger())
    assert "item 2: Poster of order 1001 expects it" in str(scanner.explain("1001_48214.jpg"))
    assert "item 1: Blue mug (MUG-B) of order 1001 expects it" in str(scanner.explain("1001_48213.jpg"))
    scanner.scan()
    explanation = str(scanner.explain(order="1001"))
    assert "item 1: Blue mug (MUG-B) has the status missing" in explanation
    assert "item 2: Poster" in explanation
    assert "item 48" not in explanation

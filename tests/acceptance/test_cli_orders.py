"""``remote-artwork orders``: a person without code creates an orders file, fills it, and scans with it."""

import json
import logging

import pytest
from typer.testing import CliRunner

import remote_artwork as ra
from command_line import tree
from remote_artwork.cli.app import app
from shop_files import OF, uploaded


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    logger = logging.getLogger("remote_artwork")
    before = logger.handlers[:], logger.level, logger.propagate
    yield tmp_path
    logger.handlers[:], logger.level, logger.propagate = before[0], before[1], before[2]


def run(*arguments, code=0):
    ended = CliRunner().invoke(app, [str(each) for each in arguments])
    assert ended.exit_code == code, ended.output
    return ended.output.replace("\n", " ") if code else ended.output


@pytest.mark.parametrize("file", ["orders.csv", "orders.json"])
def test_from_nothing_to_a_fulfilled_order(home, file):
    assert f"orders add {file} NUMBER --item N" in run("orders", "new", file)
    assert "The file has no orders." in run("orders", "show", file)
    assert "Added 1 item to order 1001" in run("orders", "add", file, "1001", "--item", "1")
    both = ["--placement", "front", "--placement", "back", "--quantity", "3"]
    assert "Added 2 items to order 1002" in run("orders", "add", file, "1002", "--item", "1", "--item", "2", *both)
    run("orders", "add", file, "1002", "--item", "3", "--no-artwork")

    pattern = "{order_number}_{order_item_number}[_{placement}]"
    shown = run("orders", "show", file, "--pattern", pattern)
    assert "1001   pending  1        1001_1" in shown
    assert "1002_1_front, 1002_1_back, 1002_2_front, 1002_2_back" in shown
    assert "Several files of one order would have the same name" in run("orders", "show", file)

    (home / "artwork").mkdir()
    uploaded(home / "artwork" / "1001_1.jpg", OF["jpg"])
    where = [(home / "artwork").as_uri(), "--orders-file", file, "--pattern", pattern]
    assert "with all their files: 1" in run("check", *where)
    run("scan", *where)
    [first, second] = json.loads(run("orders", "show", file, "--json"))
    assert (first["state"], second["state"]) == ("fulfilled", "pending")
    assert second["items"] == ["1", "2", "3"]
    assert "1001_1.jpg" in (home / file).read_text()
    assert "give the new order its own number" in run("orders", "add", file, "1001", "--item", "2", code=2)


def test_a_name_that_a_shop_chose_is_pointed_out(home):
    (home / "orders.csv").write_text("number,item,status\n1001,1,on_hold\n1002,1,pending\n")
    shown = run("orders", "show", "orders.csv")
    assert "Orders with a status of your own: 1. Scans ignore them" in shown
    (home / "orders.json").write_text('{"orders": []}')
    message = run("check", "--orders-file", "orders.json")
    assert "no order is pending; an order of the file is pending if its status is pending_approval" in message


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (["new", "orders.txt"], "ends in .json or .csv"),
        (["new", "here.csv"], "already exists; choose another name"),
        (["new", "nowhere/orders.csv"], "choose another folder"),
        (["add", "orders.txt", "1", "--item", "1"], "ends in .json or .csv"),
        (["add", "nowhere.csv", "1", "--item", "1"], "give the path of a file with the orders"),
        (["add", "here.csv", "1", "--item", "1"], "already has an item '1'"),
        (["add", "here.csv", "2", "--item", " "], "--item must be text that is not empty"),
        (["add", "here.csv", "", "--item", "1"], "NUMBER must be text that is not empty"),
        (["add", "here.csv", "2", "--item", "1", "--item", "1"], "'1'"),
        (["add", "here.csv", "2"], "--item"),
        (["add", "here.csv", "2", "--item", "1", "--quantity", "0"], "--quantity"),
        (
            ["add", "here.csv", "2", "--item", "1", "--placement", "a", "--placement", "a"],
            "--placement contains a placement twice",
        ),
        (["add", "here.csv", "2", "--item", "1", "--placement", "a|b"], "write each placement by itself"),
        (["show", "nowhere.json"], "give the path of a file with the orders"),
        (["show", "here.csv", "--pattern", "{order}"], "unknown variable {order}"),
        (["show", "csv.json"], "looks like a CSV file; give it a name that ends in .csv"),
        (["show", "list.json"], "the whole file is a list"),
        (["show", "empty.json"], "is empty"),
    ],
)
def test_a_mistake_ends_with_2_and_changes_nothing(home, words, cure):
    (home / "here.csv").write_text("number,item,status\n1,1,pending\n")
    (home / "csv.json").write_text("number,item,status\n1,1,pending\n")
    (home / "list.json").write_text("[]")
    (home / "empty.json").write_text("")
    before = tree(home)
    assert cure in run("orders", *words, code=2)
    assert tree(home) == before


def test_an_item_without_a_possible_name(home):
    (home / "orders.csv").write_text("number,item,status\n/../1,1,pending\n")
    assert "no name is possible" in run("orders", "show", "orders.csv")


@pytest.mark.parametrize("file", ["orders.csv", "orders.json"])
def test_a_product_has_a_title_and_a_sku(home, file):
    run("orders", "new", file)
    run("orders", "add", file, "1001", "--item", "1", "--title", "Blue mug", "--sku", "MUG-B")
    run("orders", "add", file, "1002", "--item", "1", "--item", "2", "--sku", "MUG-B")
    [first, _] = ra.OrdersFile(home / file).pending_orders()
    assert first.items[0].label == "1: Blue mug (MUG-B)"
    assert "add --reuse if that is right" in run("orders", "show", file, "--pattern", "{sku}", code=2)
    shown = run("orders", "show", file, "--pattern", "{sku}", "--reuse")
    assert "MUG-B, MUG-B" in shown
    assert "would have the same name" not in shown


def test_the_files_that_a_manifest_names_are_shown(home):
    rows = ["1001,1,pending", "1002,1,pending", "1003,1,pending", "1004,1,fulfilled"]
    (home / "orders.csv").write_text("number,item,status\n" + "".join(f"{row}\n" for row in rows))
    lines = ["1001,1,rose.png", "1002,7,lily.png", "1004,1,old.png"]
    (home / "artwork.csv").write_text("order_number,order_item_number,file\n" + "\n".join(lines))
    options = ["orders.csv", "--manifest", "artwork.csv"]
    files = {order["number"]: order["files"] for order in json.loads(run("orders", "show", *options, "--json"))}
    problem = "none can be used: line 3 of the manifest names item 7, but the items of the order are 1; correct it"
    assert files == {"1001": ["rose.png"], "1002": [problem], "1003": ["1003_1"], "1004": ["1004_1"]}
    shown = run("orders", "show", *options)
    assert "The manifest: it has 1 lines for orders that are not pending, such as 1004 (lines 4)" in shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory; give the path of a copy on this machine"),
        (b"a,b\n", "must name the columns order_number"),
        (b"x" * (4 * 1024**2 + 1), "has more than 4"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(home, content, message):
    (home / "orders.csv").write_text("number,item,status\n1001,1,pending\n")
    if content is not None:
        (home / "artwork.csv").write_bytes(content)
    assert message in run("orders", "show", "orders.csv", "--manifest", "artwork.csv", code=2)

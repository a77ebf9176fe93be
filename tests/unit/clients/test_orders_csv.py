"""An orders file in CSV: read, refused with line and column, and edited in place."""

from datetime import UTC, datetime

import pytest

import remote_artwork as ra
from remote_artwork.errors import InvalidOrder, InvalidOrdersFile

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ROWS = [
    "number,item,status,note,placements",
    '1001,1,pending,"a, ""b""",',
    "1001,2,,,front|back",
    ",,,,",
    "1002,1,pending_approval,Zoë",
]
TEXT = "".join(f"{row}\r\n" for row in ROWS)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_bytes(TEXT.encode())
    return path


def client(path):
    return ra.OrdersFile(path, clock=lambda: NOW)


def artwork(name, placement="default"):
    url = f"https://files.example/{name}"
    return ra.Artwork(url=url, name=name, placement=placement, media_type="image/png", size=1, version="v")


def parse(tmp_path, text):
    path = tmp_path / "orders.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return client(path).orders()


def refusal(tmp_path, text):
    with pytest.raises(InvalidOrdersFile) as caught:
        parse(tmp_path, text)
    return str(caught.value).removeprefix(f"{tmp_path}/")


def test_rows_with_one_number_are_one_order(path):
    assert client(path).pending_orders() == [
        ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2", placements=("front", "back"))]),
        ra.Order("1002", [ra.OrderItem("1")]),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_column_is_read(tmp_path, separator, mark):
    rows = [
        ["number", "order_id", "approval", "created_at", "status", "item", "item_id", "position", "requires_artwork"],
        ["1001", "gid-7", "2", "2026-03-01T09:30:00Z", "pending", "5", "line-5", "3", "No"],
    ]
    rows[0] += [" placements ", "quantity", "print_size_mm", "fulfillment_key", "pages", "min_pixels"]
    rows[1] += ["front | back", "2", "210 x 297.5", "", "4", "20x30"]
    text = "\n".join(separator.join(row) for row in rows)
    item = ra.OrderItem(
        "5",
        id="line-5",
        position=3,
        requires_artwork=False,
        placements=("front", "back"),
        quantity=2,
        print_size_mm=(210, 297.5),
        pages=4,
        min_pixels=(20, 30),
    )
    assert list(parse(tmp_path, mark + text.encode())) == [
        ra.Order("1001", [item], id="gid-7", approval="2", created_at=NOW)
    ]


def test_an_edit_changes_only_the_rows_of_its_order(path):
    shop = client(path)
    order = shop.get_order("1001")
    shop.attach_artwork(order, order.items[0], [artwork("1001_1.png")], idempotency_key="k")
    lines = path.read_bytes().decode().split("\r\n")
    assert lines[0] == "number,item,status,note,placements,artwork,artwork_url"
    assert lines[1] == '1001,1,pending,"a, ""b""",,1001_1.png,https://files.example/1001_1.png'
    assert lines[2:] == TEXT.split("\r\n")[2:]

    sides = [artwork("front.png", "front"), artwork("back.png", "back")]
    receipt = shop.fulfill(order, {"1": [artwork("1001_1.png")], "2": sides}, idempotency_key="key")
    lines = path.read_bytes().decode().split("\r\n")
    assert lines[0].endswith(",artwork,artwork_url,fulfillment_key,fulfilled_at,receipt")
    assert lines[1].startswith('1001,1,fulfilled,"a, ""b""",,1001_1.png,')
    assert lines[2] == (
        "1001,2,fulfilled,,front|back,front.png|back.png,https://files.example/front.png|https://files.example/back.png,"
        f"key,{NOW.isoformat()},{receipt}"
    )
    assert lines[3:] == TEXT.split("\r\n")[3:]
    assert client(path).get_order("1001") == shop.get_order("1001")
    assert client(path).get_order("1001").state == "fulfilled"
    assert shop.fulfill(order, {}, idempotency_key="key") == receipt


def test_an_order_or_item_that_is_gone(path):
    shop = client(path)
    order = shop.get_order("1002")
    with pytest.raises(ra.OrderGone):
        shop.get_order("7")
    with pytest.raises(ra.ItemNotFound):
        shop.attach_artwork(order, ra.OrderItem("9"), [artwork("x.png")], idempotency_key="k")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "orders.csv: is empty; the first line must have the columns number,item,status"),
        ('{"orders": []}', "orders.csv: looks like JSON; give it a name that ends in .json"),
        (b"number,item,status\n1,1,\xff\n", "line 2: is not UTF-8; save it as UTF-8"),
        ("number,item\n", "line 1: the column status is missing; add it"),
        ("order_number,item,status\n", "line 1: the column number is missing; rename order_number to number"),
        ("number,item,status,item\n", "line 1: the column item appears twice; keep one"),
        ("number,item,status,placement\n", "line 1, placement: is not a column that is read; write placements"),
        ("number,item,Status\n", "line 1, Status: is not a column that is read; write status"),
        ('number,item,status\n1,1,"pending\n', "line 2: is not valid CSV"),
        ("number,item,status\n1,1,pending,x\n", "line 2: has 4 cells, but there are 3 columns"),
        ("number,item,status\n1,1,pending\n,2,pending\n", "line 3, number: is empty; each row needs it"),
        ("number,item,status\n1,,pending\n", "line 2, item: is empty; each row needs it"),
        ("number,item,status\n1,1,\n", "line 2, status: is missing; add it"),
        ("number,item,status\n1,1,Pending\n", "line 2, status: 'Pending' is not a known status; write pending"),
        ("number,item,status\n1,1,pending\n1,1,\n", "line 3, item: the item number '1' is repeated"),
        (
            "number,item,status\n1,1,pending\n1,2,fulfilled\n",
            "line 3, status: is 'fulfilled', but 'pending' on line 2 of the same order; write the same",
        ),
        ("number,item,status,quantity\n1,1,pending,many\n", "line 2, quantity: must be a whole number from 1"),
        ("number,item,status,requires_artwork\n1,1,pending,maybe\n", "must be yes or no, not 'maybe'"),
        ("number,item,status,print_size_mm\n1,1,pending,A4\n", "print_size_mm: must be width x height"),
        ("number,item,status,print_size_mm\n1,1,pending,1.2.3x4\n", "print_size_mm: must be width x height"),
        ("number,item,status,min_pixels\n1,1,pending,20\n", "min_pixels: must be width x height in pixels"),
        ("number,item,status,pages\n1,1,pending,few\n", "line 2, pages: must be a whole number from 1"),
        ("number,item,status,sha256\n1,1,pending,ab\n", "line 2, sha256: must be 64 hexadecimal digits"),
        (
            f"number,item,status,placements,sha256\n1,1,pending,a|b,{'ab' * 32}\n",
            "line 2, sha256: is the digest of one file, but",
        ),
        ("number,item,status,created_at\n1,1,pending,today\n", "line 2, created_at: must be a time with a zone"),
        ("number,item,status,placements\n1,1,pending,a|a\n", "line 2, placements: "),
    ],
)
def test_a_broken_table_is_refused(tmp_path, text, said):
    assert said in refusal(tmp_path, text)


ITEMS = [ra.OrderItem("8"), ra.OrderItem("9", placements=("front", "back"), quantity=3, requires_artwork=False)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("orders.csv", "number,item,status\n"),
        ("orders.csv", "number;item;status"),
        ("orders.csv", "status,order_id,number,item\npending,7,1001,1\n"),
        ("orders.CSV", "status,quantity,number,item\npending,2,1001,1"),
        ("orders.json", '{"orders": []}'),
        ("orders.json", '{\n  "orders": []\n}\n'),
        ("orders.json", '{"orders": [{"number": 1001, "status": "pending", "items": [{"number": "1"}]}]}'),
        (
            "orders.json",
            '{"orders": [\n {"number": "1001", "id": 7, "status": "pending",\n  "items": [\n   {"number": 1}]}]}',
        ),
        ("orders.json", '{"orders": [\n\t{\n\t\t"number": "1001",\n\t\t"status": "pending",\n\t\t"items": []\n\t}\n]}'),
    ],
)
def test_orders_and_items_are_added(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    shop = ra.OrdersFile(path)
    before = list(shop.orders())
    shop.add("1001", ITEMS)
    shop.add("-7 é", ITEMS[:1])
    [order, other] = ra.OrdersFile(path).pending_orders()
    existing = before[0].items if before else ()
    assert order.items[: len(existing)] == existing
    assert [(item.number, item.placements, item.quantity, item.requires_artwork) for item in order.items[-2:]] == [
        ("8", ("default",), 1, True),
        ("9", ("front", "back"), 3, False),
    ]
    assert (order.number, order.id) == ("1001", before[0].id if before else "1001")
    assert other == ra.Order("-7 é", ITEMS[:1])
    assert shop.orders() == ra.OrdersFile(path).orders()


@pytest.mark.parametrize("name", ["orders.csv", "orders.json"])
def test_what_cannot_be_added_changes_nothing(tmp_path, name):
    path = tmp_path / name
    text = {"orders.csv": "number,item,status\n1,1,pending\n2,1,cancelled\n"}.get(
        name,
        '{"orders": [{"number": "1", "status": "pending", "items": [{"number": "1"}]}, '
        '{"number": "2", "status": "cancelled", "items": []}]}',
    )
    path.write_text(text)
    shop = ra.OrdersFile(path)
    item = ra.OrderItem("1")
    for number, items, error in [
        ("1", [item], InvalidOrder),
        ("1", [], InvalidOrder),
        ("3", [item, item], InvalidOrder),
        (" ", [item], InvalidOrder),
        ("2", [item], ra.NotPending),
    ]:
        with pytest.raises(error):
            shop.add(number, items)
    assert path.read_text() == text
    path.write_text("[")
    with pytest.raises(InvalidOrdersFile):
        shop.add("1", [item])

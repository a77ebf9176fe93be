"""A malformed orders file is refused with its line and field."""

import json
from datetime import UTC, datetime

import pytest

import remote_artwork as ra
from remote_artwork.errors import InvalidOrdersFile

GOOD = {"number": "1001", "status": "pending_approval", "items": [{"number": "1"}]}


def parse(tmp_path, text):
    path = tmp_path / "orders.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    client = ra.OrdersFile(path)
    before = path.read_bytes()
    try:
        return client.pending_orders()
    finally:
        assert path.read_bytes() == before
        assert [each.name for each in tmp_path.iterdir()] == ["orders.json"]


def refusal(tmp_path, text) -> str:
    with pytest.raises(InvalidOrdersFile) as caught:
        parse(tmp_path, text)
    return str(caught.value).removeprefix(f"{tmp_path}/")


def with_order(**fields) -> str:
    return json.dumps({"orders": [GOOD, {**GOOD, "number": "1002", **fields}]})


def with_item(**fields) -> str:
    return with_order(items=[{"number": "1"}, {"number": "2", **fields}])


def test_every_field_is_read(tmp_path):
    text = """{"orders": [{"number": 1001, "id": 77, "status": "pending", "approval": 2,
        "created_at": "2026-03-01T09:30:00Z", "fulfillment_key": null,
        "items": [{"number": 5, "id": "line-5", "position": 3, "requires_artwork": false, "quantity": 2,
                   "placements": ["front", "back"], "print_size_mm": [210, 297.5], "pages": 4,
                   "min_pixels": [20, 30]}]}]}"""
    item = ra.OrderItem(
        "5",
        id="line-5",
        position=3,
        requires_artwork=False,
        quantity=2,
        placements=("front", "back"),
        print_size_mm=(210, 297.5),
        pages=4,
        min_pixels=(20, 30),
    )
    created = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert parse(tmp_path, text) == [ra.Order("1001", [item], id="77", approval="2", created_at=created)]


@pytest.mark.parametrize("status", ["fulfilled", "cancelled", "canceled", "on_hold", "unfulfilled", "pending_payment"])
def test_only_the_known_words_wait_for_approval(tmp_path, status):
    assert [order.number for order in parse(tmp_path, with_order(status=status))] == ["1001"]


@pytest.mark.parametrize(
    ("status", "state"),
    [("fulfilled", "fulfilled"), ("cancelled", "cancelled"), ("canceled", "cancelled"), ("on_hold", "other")],
)
def test_a_status_is_a_state(tmp_path, status, state):
    parse(tmp_path, with_order(status=status))
    assert ra.OrdersFile(tmp_path / "orders.json").get_order("1002").state == state


def test_a_byte_order_mark_is_fine(tmp_path):
    assert len(parse(tmp_path, b"\xef\xbb\xbf" + with_order().encode())) == 2


def test_no_orders_are_fine(tmp_path):
    assert parse(tmp_path, '{"orders": []}') == []


def test_the_line_is_that_of_the_field(tmp_path):
    text = json.dumps({"orders": [GOOD, {**GOOD, "number": "2", "items": [{"number": 1.5}]}]}, indent=1)
    line = text.split("\n").index('     "number": 1.5') + 1
    assert refusal(tmp_path, text) == (
        f"orders.json, line {line}, orders[1].items[0].number: must be text or a whole number, not 1.5"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1, column 1: the file is empty; correct the file"),
        ('{"orders": [\n}', "line 2, column 1: the file is not valid JSON (Expecting value); correct the file"),
        ("[]", 'line 1: the whole file is a list; write {"orders": in front of it and } after it'),
        ("7", "line 1: the whole file must be an object, not 7; correct the file"),
        ("number,status\n1001,pending\n", "orders.json: looks like a CSV file; give it a name that ends in .csv"),
        ("number;status\n", "orders.json: looks like a CSV file"),
        ('{"order": []}', "line 1, order: is not a field that is read; write orders"),
        ("{}", "line 1, orders: is missing"),
        ('{"orders": {}}', "orders: must be a list, not {}"),
        ('{"orders": [\n7]}', "line 2, orders[0]: must be an object, not 7"),
        (b'{"orders":\n["\xff"]}', "line 2: is not UTF-8"),
        ('{"orders": [],\n"x": [NaN]}', "line 2, x[0]: NaN is not"),
        ('{"orders": [], "x": -Infinity}', "x: -Infinity is not"),
        ('{"x": {"a": 1,\n"a": 2}, "orders": []}', "line 1, x.a: appears twice in one object, again on line 2"),
        ('{"a": 1, "a": 2, "orders": [}', "column"),
        (f'{{"orders": [], "x": {"[" * 100_000}', "recursion"),
    ],
)
def test_a_broken_file_is_refused(tmp_path, text, said):
    assert said in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"number": None}, "orders[1].number: must be text or a whole number, not null"),
        ({"number": True}, "orders[1].number: must be text or a whole number, not true"),
        ({"number": " "}, "orders[1].number: must be text that is not empty"),
        ({"number": "a\nb"}, "orders[1].number: contains a control character"),
        ({"id": 1.0}, "orders[1].id: must be text or a whole number, not 1.0"),
        ({"id": "1001"}, "orders[1].id: the order id '1001' is already used by orders[0]"),
        ({"number": 1001}, "orders[1].number: the order id '1001' is already used by orders[0]"),
        ({"status": None}, "orders[1].status: must be text, not null"),
        ({"status": ""}, "orders[1].status: is empty"),
        ({"items": None}, "orders[1].items: must be a list, not null"),
        ({"items": ["1"]}, 'orders[1].items[0]: must be an object, not "1"'),
        ({"items": [{}]}, "orders[1].items[0].number: is missing"),
        ({"items": [{"number": "1"}, {"number": 1}]}, "orders[1].items[1].number: the item number '1' is repeated"),
        ({"created_at": "2026-03-01T09:30:00"}, "orders[1].created_at: must be a time with a zone"),
        ({"created_at": 5}, "orders[1].created_at: must be a time with a zone"),
        ({"approval": False}, "orders[1].approval: must be text"),
        ({"fulfillment_key": []}, "orders[1].fulfillment_key: must be text"),
    ],
)
def test_a_broken_order_is_refused(tmp_path, fields, said):
    assert said in refusal(tmp_path, with_order(**fields))


@pytest.mark.parametrize("name", ["number", "status", "items"])
def test_a_missing_field_of_an_order_is_refused(tmp_path, name):
    order = {key: value for key, value in GOOD.items() if key != name}
    assert f"orders[0].{name}: is missing" in refusal(tmp_path, json.dumps({"orders": [order]}))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"number": ""}, "items[1].number: must be text that is not empty"),
        ({"id": {}}, "items[1].id: must be text"),
        ({"position": 0}, "items[1].position: must be a whole number from 1, not 0"),
        ({"position": "1"}, "items[1].position: must be a whole number"),
        ({"quantity": 1.5}, "items[1].quantity: must be a whole number from 1, not 1.5"),
        ({"quantity": True}, "items[1].quantity: must be a whole number"),
        ({"requires_artwork": "no"}, "items[1].requires_artwork: must be true or false"),
        ({"placements": "front"}, "items[1].placements: must be a list of names"),
        ({"placements": []}, "items[1].placements"),
        ({"placements": ["a", "a"]}, "items[1].placements"),
        ({"placements": [{}]}, "items[1].placements: must be text"),
        ({"print_size_mm": 5}, "items[1].print_size_mm: must be [width, height]"),
        ({"print_size_mm": [1, 0]}, "items[1].print_size_mm: must be (width, height) above 0"),
        ({"print_size_mm": [1]}, "items[1].print_size_mm: must be (width, height) above 0"),
        ({"pages": 0}, "items[1].pages: must be a whole number from 1"),
        ({"min_pixels": [1, 2.5]}, "items[1].min_pixels: must be (width, height) in whole numbers"),
        ({"sha256": 7}, "items[1].sha256: must be 64 hexadecimal digits"),
        ({"placements": ["a", "b"], "sha256": "ab" * 32}, "items[1].sha256: is the digest of one file, but"),
    ],
)
def test_a_broken_item_is_refused(tmp_path, fields, said):
    assert f"orders[1].{said}" in refusal(tmp_path, with_item(**fields))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Created_At": "x"}, "orders[1].Created_At: is not a field that is read; write created_at"),
        ({"createdAt": "x"}, "orders[1].createdAt: is not a field that is read; write created_at"),
        ({"ID": "x"}, "orders[1].ID: is not a field that is read; write id"),
        ({"status": "Pending"}, "orders[1].status: 'Pending' is not a known status; write pending"),
        ({"status": "pending approval"}, "'pending approval' is not a known status; write pending_approval"),
        ({"status": "fulfiled"}, "'fulfiled' is not a known status; write fulfilled"),
    ],
)
def test_a_word_that_is_almost_known_is_refused(tmp_path, fields, said):
    assert said in refusal(tmp_path, with_order(**fields))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("placement", "placements"),
        ("placments", "placements"),
        ("print_size", "print_size_mm"),
        ("Quantity", "quantity"),
    ],
)
def test_a_field_of_an_item_that_is_almost_known_is_refused(tmp_path, name, meant):
    assert f"items[1].{name}: is not a field that is read; write {meant}" in refusal(tmp_path, with_item(**{name: 1}))


def test_fields_of_the_shop_are_left_alone(tmp_path):
    own = {"note": 1, "updated_at": 1, "customer": 1, "approved_by": 1, "size": 1}
    assert len(parse(tmp_path, with_order(**own))) == 2
    assert len(parse(tmp_path, with_item(**own, artwork=[], title="x", sku_code="y"))) == 2
    assert len(parse(tmp_path, with_item(placements=["front"], placement="front"))) == 2


def test_a_missing_number_may_have_a_longer_name(tmp_path):
    text = json.dumps({"orders": [{"order_number": "1001", "status": "pending", "items": []}]})
    assert "orders[0].number: is missing; rename order_number to number" in refusal(tmp_path, text)


def test_an_endless_print_is_refused(tmp_path):
    text = with_item(print_size_mm=[1, 2]).replace("[1, 2]", "[1, 1e999]")
    assert "print_size_mm: is too large; write a size in millimeters" in refusal(tmp_path, text)


def test_a_long_value_is_cut_short_in_the_message(tmp_path):
    assert len(refusal(tmp_path, with_item(id=["x" * 5000]))) < 200

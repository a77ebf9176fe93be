"""Orders, items and files: what is refused at the edge, and what is filled in."""

from datetime import UTC, datetime

import pytest
from attrs import evolve

from remote_artwork.core.orders import Artwork, Order, OrderItem, OrderState, StoredFile
from remote_artwork.errors import InvalidOrder

NOT_TEXT = [None, "", "  ", 7, b"1", "a\nb", "a\x00", "a\x85", "a\udcff"]


@pytest.mark.parametrize("value", NOT_TEXT)
def test_an_item_number_is_text_people_can_read(value):
    with pytest.raises(InvalidOrder, match=r"OrderItem\.number"):
        OrderItem(value)


@pytest.mark.parametrize("value", NOT_TEXT)
def test_an_order_number_is_text_people_can_read(value):
    with pytest.raises(InvalidOrder, match=r"Order\.number"):
        Order(value, [])


@pytest.mark.parametrize("value", [0, 7, False, b"", "a\tb", " "])
@pytest.mark.parametrize("build", [lambda id_: OrderItem("1", id=id_), lambda id_: Order("1", [], id=id_)])
def test_an_id_is_text_or_left_out(build, value):
    with pytest.raises(InvalidOrder, match=r"\.id"):
        build(value)


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_id_that_is_left_out_is_the_number(nothing):
    assert OrderItem("1", id=nothing).id == "1"
    assert Order("1001", [], id=nothing).id == "1001"
    assert Order("1001", [], id="gid://1").id == "gid://1"


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", True])
@pytest.mark.parametrize("name", ["position", "quantity"])
def test_positions_and_quantities_are_whole_numbers_from_one(name, value):
    with pytest.raises(InvalidOrder, match=rf"OrderItem\.{name}"):
        OrderItem("1", **{name: value})


def test_a_quantity_cannot_be_left_open():
    with pytest.raises(InvalidOrder, match=r"OrderItem\.quantity"):
        OrderItem("1", quantity=None)


@pytest.mark.parametrize("value", ["no", 0, None])
def test_requires_artwork_is_true_or_false(value):
    with pytest.raises(InvalidOrder, match=r"OrderItem\.requires_artwork"):
        OrderItem("1", requires_artwork=value)


@pytest.mark.parametrize("value", [(), [], "front", None, 5, ["front", "front"], [""], [1], [["front"]], ["a\n"]])
def test_placements_are_distinct_names(value):
    with pytest.raises(InvalidOrder, match=r"OrderItem\.placements"):
        OrderItem("1", placements=value)


def test_placements_may_come_as_a_list():
    assert OrderItem("1", placements=["front", "back"]).placements == ("front", "back")


@pytest.mark.parametrize(
    "value", [5, "ab", (1,), (1, 2, 3), (0, 1), (1, -1), (1, "2"), (True, 1), (float("nan"), 1), (1, float("inf"))]
)
def test_a_print_size_is_two_lengths_above_zero(value):
    with pytest.raises(InvalidOrder, match="print_size_mm"):
        OrderItem("1", print_size_mm=value)


@pytest.mark.parametrize("value", [5, (1,), (0, 1), (1, 2.5), (True, 1)])
def test_least_pixels_are_two_whole_numbers(value):
    with pytest.raises(InvalidOrder, match="min_pixels"):
        OrderItem("1", min_pixels=value)


@pytest.mark.parametrize("value", [5, "ab", "x" * 64, b"a" * 64])
def test_a_sha256_has_64_digits(value):
    with pytest.raises(InvalidOrder, match="sha256 must be 64 hexadecimal digits"):
        OrderItem("1", sha256=value)


def test_a_sha256_is_compared_in_lower_case():
    assert OrderItem("1", sha256="AB" * 32) == OrderItem("1", sha256="ab" * 32)


def test_a_sha256_needs_an_item_with_one_placement():
    with pytest.raises(InvalidOrder, match="the item has 2 placements; leave it out"):
        OrderItem("1", placements=["front", "back"], sha256="ab" * 32)


def test_a_print_size_may_come_as_a_list():
    assert OrderItem("1", print_size_mm=[210, 297.5]).print_size_mm == (210, 297.5)


def test_items_without_a_position_are_counted_from_one():
    order = Order("1001", [OrderItem("a"), OrderItem("b", position=9), OrderItem("c")])
    assert [item.position for item in order.items] == [1, 9, 3]


def test_items_may_come_from_a_generator():
    assert [item.number for item in Order("1001", (OrderItem(n) for n in "ab")).items] == ["a", "b"]


@pytest.mark.parametrize("items", [None, 5, "ab", [{"number": "1"}], OrderItem("1")])
def test_items_are_a_list_of_order_items(items):
    with pytest.raises(InvalidOrder, match=r"Order\.items"):
        Order("1001", items)


def test_an_item_number_is_not_repeated_inside_an_order():
    with pytest.raises(InvalidOrder, match=r"order '1001' contains item '1' twice"):
        Order("1001", [OrderItem("1"), OrderItem("2"), OrderItem("1", id="other")])


@pytest.mark.parametrize("value", ["bogus", None, 1])
def test_an_unknown_state_is_refused(value):
    with pytest.raises(InvalidOrder, match=r"Order\.state must be one of pending, fulfilled, cancelled, other"):
        Order("1001", [], state=value)


def test_a_state_may_come_as_text():
    assert Order("1001", [], state="fulfilled").state is OrderState.FULFILLED


@pytest.mark.parametrize("value", [datetime(2026, 1, 1), "2026-01-01T00:00:00Z", 0])  # noqa: DTZ001  is what is refused
def test_created_at_is_a_time_with_a_zone(value):
    with pytest.raises(InvalidOrder, match="created_at must be a datetime with a time zone"):
        Order("1001", [], created_at=value)


@pytest.mark.parametrize("value", [None, 2])
def test_an_approval_is_text(value):
    with pytest.raises(InvalidOrder, match="approval must be text"):
        Order("1001", [], approval=value)


ORDER = Order(
    "1001", [OrderItem("1"), OrderItem("2")], id="x", approval="a", created_at=datetime(2026, 1, 1, tzinfo=UTC)
)


@pytest.mark.parametrize(
    "change",
    [{"state": "fulfilled"}, {"created_at": None}, {"fulfillment_key": "k"}],
    ids=lambda change: next(iter(change)),
)
def test_an_order_in_another_state_asks_for_the_same_work(change):
    assert ORDER.same_work(evolve(ORDER, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"id": "y"},
        {"number": "1002"},
        {"approval": "b"},
        {"items": [OrderItem("1")]},
        {"items": [OrderItem("1", quantity=2), OrderItem("2")]},
        {"items": [OrderItem("1", placements=["front"]), OrderItem("2")]},
        {"items": [OrderItem("1", print_size_mm=(1, 2)), OrderItem("2")]},
        {"items": [OrderItem("1", requires_artwork=False), OrderItem("2")]},
        {"items": [OrderItem("1", pages=2), OrderItem("2")]},
        {"items": [OrderItem("1", min_pixels=(1, 2)), OrderItem("2")]},
        {"items": [OrderItem("1", sha256="ab" * 32), OrderItem("2")]},
        {"items": [OrderItem("1"), OrderItem("2"), OrderItem("3")]},
    ],
    ids=str,
)
def test_any_change_of_what_is_printed_is_other_work(change):
    assert not ORDER.same_work(evolve(ORDER, **change))


def test_the_same_items_told_in_another_order_are_the_same_work_unless_positions_matter():
    shuffled = evolve(ORDER, items=[OrderItem("2"), OrderItem("1")])
    assert ORDER.same_work(shuffled)
    assert ORDER.work == shuffled.work
    assert not ORDER.same_work(shuffled, positions=True)
    assert ORDER.same_work(ORDER, positions=True)


@pytest.mark.parametrize("field", ["approval", "fulfillment_key"])
def test_half_a_character_is_refused(field):
    with pytest.raises(InvalidOrder, match=field):
        Order("1001", [], **{field: "\ud800"})


FILE = StoredFile(name="in/1001_1.PDF", size=5, etag="e")


def test_a_file_tells_its_extension_in_small_letters():
    assert FILE.extension == "pdf"


def test_the_version_id_is_a_more_precise_name_than_the_etag():
    assert FILE.version == "e"
    assert evolve(FILE, version_id="v").version == "v"


def test_the_url_of_an_artwork_is_not_shown():
    artwork = Artwork(name="a.pdf", url="https://h/a.pdf?sig=SECRET", media_type="application/pdf", size=1, version="e")
    assert "SECRET" not in repr(artwork)

"""The expected names: one for each print, and what happens where two items expect one name."""

import itertools

import pytest

from remote_artwork.core.expected import ExpectedFiles, SearchQuery, expect_files, split_extension
from remote_artwork.core.orders import Order, OrderItem
from remote_artwork.core.pattern import DEFAULT_PATTERN, FilenamePattern
from remote_artwork.core.report import ItemStatus

SIDES = "{order_number}_{order_item_number}[_{placement}]"
FRONT_BACK = ("front", "back")


def order(number, *items, **more):
    return Order(number, [item if isinstance(item, OrderItem) else OrderItem(item) for item in items], **more)


def awaited(*orders, pattern=DEFAULT_PATTERN):
    return expect_files(orders, FilenamePattern(pattern))


def test_every_placement_of_every_item_that_requires_artwork_is_awaited():
    result = awaited(
        order("1001", "1", OrderItem("2", placements=FRONT_BACK), OrderItem("3", requires_artwork=False)), pattern=SIDES
    )
    assert set(result.by_basename) == {"1001_1", "1001_2_front", "1001_2_back"}
    assert result.basenames == {
        ("1001", "1"): {"default": "1001_1"},
        ("1001", "2"): {"front": "1001_2_front", "back": "1001_2_back"},
    }
    assert not result.excluded
    assert not result.ambiguous


def test_nothing_pending_awaits_nothing():
    result = awaited()
    assert result == ExpectedFiles()


def test_two_orders_with_one_number_and_different_ids_are_both_refused_and_others_go_on():
    result = awaited(order("7", "1", id="b"), order("7", "2", id="a"), order("8", "1"))
    assert set(result.by_basename) == {"8_1"}
    assert set(result.excluded) == {("b", "1"), ("a", "2")}
    for exclusion in result.excluded.values():
        assert exclusion.status is ItemStatus.CONFLICT
        assert "7 is the number of several pending orders (ids a, b)" in exclusion.reason
    assert set(result.ambiguous) == {"7_1", "7_2"}


def test_one_number_in_two_unicode_forms_is_one_number():
    result = awaited(order("é", "1", id="a"), order("e\u0301", "2", id="b"))
    assert not result.by_basename
    assert len(result.excluded) == 2


def test_an_order_that_needs_no_artwork_still_contests_its_number():
    result = awaited(order("7", "1", id="a"), order("7", OrderItem("1", requires_artwork=False), id="b"))
    assert result.excluded["a", "1"].status is ItemStatus.CONFLICT


def test_items_of_two_orders_that_render_to_one_name_are_refused_and_siblings_go_on():
    result = awaited(order("1", "2_3", "4"), order("1_2", "3", "5"))
    assert set(result.by_basename) == {"1_4", "1_2_5"}
    assert set(result.ambiguous) == {"1_2_3"}
    assert result.excluded["1", "2_3"].status is ItemStatus.CONFLICT
    assert "1_2_3 is also expected by item 3 of order 1_2" in result.excluded["1", "2_3"].reason
    assert "1_2_3 is also expected by item 2_3 of order 1" in result.excluded["1_2", "3"].reason


def test_items_of_one_order_that_render_to_one_name_are_refused():
    result = awaited(order("1001", "1", "2"), pattern="{order_number}")
    assert set(result.excluded) == {("1001", "1"), ("1001", "2")}
    assert "also expected by item 2 of order 1001" in result.excluded["1001", "1"].reason


def test_items_told_apart_by_their_unicode_form_alone_are_refused():
    result = awaited(order("1001", "é", "e\u0301"))
    assert len(result.excluded) == 2


def test_several_placements_need_a_pattern_that_tells_them_apart():
    result = awaited(order("1001", OrderItem("1", placements=FRONT_BACK), "2"))
    assert set(result.by_basename) == {"1001_2"}
    assert "gives all placements of this item the name 1001_1; add {placement}" in result.excluded["1001", "1"].reason


def test_no_placement_of_a_refused_item_is_served():
    result = awaited(order("1", OrderItem("2", placements=FRONT_BACK)), order("1_2", "front", "4"), pattern=SIDES)
    assert set(result.by_basename) == {"1_2_4"}
    assert set(result.ambiguous) == {"1_2_front", "1_2_back"}


def test_an_item_no_file_can_be_named_after_fails_and_its_siblings_go_on():
    result = awaited(order("1001", "a//1", "2"))
    exclusion = result.excluded["1001", "a//1"]
    assert exclusion.status is ItemStatus.FAILED
    assert exclusion.reason.endswith("change the number in the shop")
    assert set(result.by_basename) == {"1001_2"}


def test_the_order_of_orders_changes_no_reason():
    orders = [
        order("1", OrderItem("2", placements=FRONT_BACK)),
        order("1_2", "front"),
        order("1_2_back", "x"),
        Order("1", [OrderItem("9")], id="twin"),
        order("5", OrderItem("6", placements=FRONT_BACK)),
        order("5_6", "front"),
        order("5_6", "back", id="other"),
    ]
    results = [awaited(*some, pattern=SIDES) for some in itertools.permutations(orders)]
    first = results[0]
    for result in results[1:]:
        assert (result.excluded, result.ambiguous, result.by_basename) == (
            first.excluded,
            first.ambiguous,
            first.by_basename,
        )


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("1001_1.pdf", ("1001_1", "pdf")),
        ("a.b.PDF", ("a.b", "PDF")),
        ("1001_1", ("1001_1", "")),
        ("a.b/1001_1", ("a.b/1001_1", "")),
        ("1001_1.pdf/", ("1001_1.pdf/", "")),
        (".DS_Store", ("", "DS_Store")),
        ("", ("", "")),
    ],
)
def test_a_dot_in_the_name_of_a_folder_begins_no_extension(name, parts):
    assert split_extension(name) == parts


def test_a_storage_is_asked_for_served_and_contested_names_sorted_and_for_others_besides():
    result = awaited(order("2", "1"), order("7", "1"), order("7", "1", id="other"), order("e\u0301", "1"))
    assert result.query(["b.png", "a.txt"]) == SearchQuery(
        basenames=["2_1", "7_1", "é_1"], names=["a.txt", "b.png"], case_matters=frozenset({"é_1"})
    )


@pytest.mark.parametrize("number", ["\u212a1", "s\u0307\u0323"], ids=["kelvin sign", "marks in another order"])
def test_a_number_that_is_neither_nfc_nor_nfd_is_asked_for_as_the_shop_spells_it(number):
    assert awaited(order(number, "1")).query().basenames == [f"{number}_1"]

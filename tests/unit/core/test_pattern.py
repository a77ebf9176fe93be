"""FilenamePattern: what it renders, what it refuses and where, what it reads back."""

import time

import pytest

from remote_artwork.core.orders import Order, OrderItem
from remote_artwork.core.pattern import DEFAULT_PATTERN, FilenamePattern, basename_problem
from remote_artwork.errors import InvalidPattern

SIDES = "{order_number}_{order_item_number}[_{placement}]"


def render(pattern, *, number="1001", item="7", placements=("default",), placement="default"):
    order = Order(number, [OrderItem("first"), OrderItem(item, placements=placements)])
    return FilenamePattern(pattern).render(order, order.items[1], placement)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (DEFAULT_PATTERN, "1001_7"),
        ("PRINT_{order_number}_FINAL_{order_item_number}", "PRINT_1001_FINAL_7"),
        ("{order_number}-{order_item_position}", "1001-2"),
        ("{order_number}", "1001"),
        ("{order_number}/{order_number}_{order_item_number}", "1001/1001_7"),
        ("in/{order_number}/{order_item_number}", "in/1001/7"),
        ("{order_item_number}.of.{order_number}", "7.of.1001"),
        ("{order_number}_{placement}", "1001_default"),
        (SIDES, "1001_7"),
    ],
)
def test_variables_constants_and_folders_are_rendered(pattern, name):
    assert render(pattern) == name


def test_the_optional_group_is_left_out_exactly_for_the_default_placement_alone():
    assert render(SIDES, placements=("front", "back"), placement="back") == "1001_7_back"
    assert render(SIDES, placements=("front",), placement="front") == "1001_7_front"
    assert render(SIDES, placements=("default", "back"), placement="default") == "1001_7_default"


def test_the_optional_group_may_stand_anywhere():
    assert render("[{placement}/]{order_number}", placements=("front",), placement="front") == "front/1001"
    assert render("[{placement}/]{order_number}") == "1001"


@pytest.mark.parametrize(
    ("pattern", "position", "why"),
    [
        ("", 1, "{order_number} is missing"),
        ("{order_item_number}", 20, "{order_number} is missing"),
        ("[{order_number}_{placement}]x", 30, "{order_number} is missing"),
        ("{order_number}_{item}", 16, "unknown variable {item}; the variables are {order_number}, {order_item_number}"),
        ("{order_number}{}", 15, "unknown variable {}"),
        ("{Order_Number}", 1, "unknown variable {Order_Number}"),
        ("{order_number", 1, "a brace without its counterpart"),
        ("a{order_number}}", 16, "a brace without its counterpart"),
        ("{{order_number}}", 1, "a brace without its counterpart"),
        ("{order_number}]", 15, "a ']' without its '['"),
        ("]{order_number}[{placement}]", 1, "a ']' without its '['"),
        ("{order_number}[{placement}]]", 28, "a ']' without its '['"),
        ("{order_number}[{placement}", 15, "a '[' without its ']'"),
        ("{order_number}[[{placement}]]", 16, "a second '['"),
        ("{order_number}[{placement}][{placement}]", 28, "a second '['"),
        ("{order_number}[_{order_item_number}]", 15, "the optional group must contain {placement}"),
        ("{order_number}[]", 15, "the optional group must contain {placement}"),
        ("{order_number}.pdf", 15, "leave out '.pdf': the pattern has no extension"),
        ("{order_number}_{order_item_number}.JPG", 35, "leave out '.JPG'"),
        ("{order_number}.*", 15, "leave out '.*'"),
        ("{order_number}.<file-extension>", 15, "leave out '.<file-extension>'"),
        ("{order_number}.png[_{placement}]", 15, "leave out '.png'"),
        ("{order_number}[_{placement}.jpeg]", 28, "leave out '.jpeg'"),
        ("/{order_number}", 1, "the folder name '' is not allowed"),
        ("{order_number}/", 16, "the folder name '' is not allowed"),
        ("a//{order_number}", 3, "the folder name '' is not allowed"),
        ("./{order_number}", 1, "the folder name '.' is not allowed"),
        ("a/../{order_number}", 3, "the folder name '..' is not allowed"),
        ("{order_number}/[{placement}]/a", 29, "the folder name '' is not allowed"),
        ("{order_number}[/{placement}/]", 30, "the folder name '' is not allowed"),
        ("{order_number}\\a", 15, r"'\\' cannot be part of a file name"),
        ("{order_number}a\n", 16, r"'\n' cannot be part of a file name"),
        ("{order_number}\udc80", 15, r"'\udc80' cannot be part of a file name"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_position(pattern, position, why):
    with pytest.raises(InvalidPattern) as caught:
        FilenamePattern(pattern)
    assert str(caught.value).startswith(f"pattern {pattern!r}, position {position}: {why}")


@pytest.mark.parametrize(
    "pattern", ["{order_number}.v2", "pdf_{order_number}", "{order_number}.pdf_x", "a.pdf/{order_number}"]
)
def test_a_dot_alone_makes_no_extension(pattern):
    assert str(FilenamePattern(pattern)) == pattern


def test_two_spellings_of_one_pattern_are_one():
    assert FilenamePattern("é{order_number}") == FilenamePattern("e\u0301{order_number}")


def test_a_pattern_tells_which_variables_it_uses():
    pattern = FilenamePattern("placement_{order_number}[_{placement}]")
    assert pattern.uses("placement")
    assert not FilenamePattern("placement_{order_number}").uses("placement")


@pytest.mark.parametrize("number", ["..", "a\\b", "a//b", "/a", "x/../y", "n" * 1001])
def test_numbers_that_can_stand_in_no_file_name_are_refused(number):
    with pytest.raises(ValueError, match="no file can have the name"):
        render("{order_number}/{order_item_number}", number=number)


@pytest.mark.parametrize("stem", ["", "a/", "a\x7f", "é" * 501])
def test_a_stem_has_flaws(stem):
    assert basename_problem(stem)


@pytest.mark.parametrize("stem", ["a", "a/b", "a.b", "..a", "100%_#1", "x" * 1000])
def test_a_stem_without_flaws(stem):
    assert basename_problem(stem) is None


def test_every_reading_of_a_name_is_found():
    found = FilenamePattern(SIDES).readings("A_1_2")
    assert found == [
        {"order_number": "A", "order_item_number": "1_2"},
        {"order_number": "A_1", "order_item_number": "2"},
        {"order_number": "A", "order_item_number": "1", "placement": "2"},
    ]


@pytest.mark.parametrize("stem", ["", "A", "_A", "A_", "x/A_1", "A_1/2", "A_1_", "_"])
def test_values_are_not_empty_and_hold_no_folder(stem):
    readings = FilenamePattern(DEFAULT_PATTERN).readings(stem)
    assert all(value and "/" not in value for reading in readings for value in reading.values())
    assert bool(readings) is (stem == "A_1_")


@pytest.mark.parametrize(("stem", "fits"), [("1/1_2", True), ("1/2_2", False), ("a_b/a_b_c", True), ("a_b/a_c", False)])
def test_a_variable_that_stands_twice_has_one_value(stem, fits):
    assert FilenamePattern("{order_number}/{order_number}_{order_item_number}").fits(stem) is fits


def test_constants_are_no_expressions():
    pattern = FilenamePattern("a.b(+{order_number})")
    assert pattern.fits("a.b(+1)")
    assert not pattern.fits("axb(+1)")


@pytest.mark.parametrize(
    "pattern",
    [
        "{order_number}{order_item_number}{order_item_position}{placement}!",
        "{order_number}_{order_item_number}_{order_item_position}_{placement}!",
        "_{order_number}" * 40 + "{order_item_number}",
    ],
)
@pytest.mark.parametrize("stem", ["_" * 255, "a_" * 127, "_" * 10**6, "/" * 255, "a/" * 10**5])
def test_hostile_names_are_given_up_soon(pattern, stem):
    pattern = FilenamePattern(pattern)
    begun = time.process_time()
    readings = pattern.readings(stem)
    assert time.process_time() - begun < 0.5  # unbounded, the first pattern takes minutes
    assert len(readings) <= 32


def test_a_long_name_that_fits_is_read_however_late_its_constant_stands():
    stem = "a_" * 100 + "b!" + "!" * 20 + "c"
    assert FilenamePattern("{order_number}_{order_item_number}!c").fits(stem)

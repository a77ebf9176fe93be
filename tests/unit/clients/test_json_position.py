import json

import pytest

from remote_artwork.clients.orders_json import format_path, line_at, locate, members, root, walk

TEXT = """{
  "orders": [
    {"number": "a\\"}]", "price": 1e999},

    {
      "number"
        : -1.5E+3, "items": [ ], "none": null,
      "deep": [[1], {"x": {}}]
    }
  ]
}
"""


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("orders",), None, 2),
        (("orders", 0), None, 3),
        (("orders", 0, "number"), '"a\\"}]"', 3),
        (("orders", 0, "price"), "1e999", 3),
        (("orders", 1), None, 5),
        (("orders", 1, "number"), "-1.5E+3", 6),
        (("orders", 1, "items"), "[ ]", 7),
        (("orders", 1, "none"), "null", 7),
        (("orders", 1, "deep", 1, "x"), "{}", 8),
    ],
)
def test_a_member_is_found_with_its_line(path, value, line):
    member = locate(TEXT, path)
    assert line_at(TEXT, member.at) == line
    assert value in (None, TEXT[member.start : member.end])


@pytest.mark.parametrize(
    ("path", "line"), [(("orders", 7), 2), (("orders", 1, "lacks", 3), 5), (("lacks",), 1), ((), 1)]
)
def test_a_missing_member_is_located_at_its_parent(path, line):
    assert line_at(TEXT, locate(TEXT, path).at) == line


def test_every_value_is_walked_and_reads_as_the_parser_reads_it():
    whole = json.loads(TEXT)
    for path, member in walk(TEXT):
        value = whole
        for step in path:
            value = value[step]
        assert json.loads(TEXT[member.start : member.end]) == value
    assert len(list(walk(TEXT))) == 13


def test_a_walk_goes_as_deep_as_the_text():
    depth = 400
    assert len(list(walk("[" * depth + "]" * depth))) == depth - 1


def test_numbers_of_any_length_are_skipped():
    text = f'{{"long": {"9" * 10_000}, "next": 1}}'
    assert locate(text, ("next",)).start == len(text) - 2


@pytest.mark.parametrize("text", ["1", " null ", '"text"'])
def test_a_plain_value_has_no_members(text):
    assert list(members(text, root(text).start)) == []


def test_both_of_two_equal_names_are_walked():
    assert [path for path, _ in walk('{"a": 1, "a": 2}')] == [("a",), ("a",)]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("orders", 1, "items", 0, "number"), "orders[1].items[0].number"),
        (("Größe", "a b", "1"), 'Größe["a b"]["1"]'),
        ((3,), "[3]"),
        ((), ""),
    ],
)
def test_a_path_is_formatted_as_people_write_it(path, shown):
    assert format_path(path) == shown

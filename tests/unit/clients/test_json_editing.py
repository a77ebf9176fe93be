import json

import pytest

from remote_artwork.clients.orders_json import with_fields

ARTWORK = [{"name": "é.png", "size": 1}]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a":1}', '{"a":2,"b":[{"name":"é.png","size":1}]}'),
        ('{"a": 1 }', '{"a": 2, "b": [{"name": "é.png", "size": 1}] }'),
        (
            '{\n\t"a": 1\n}\n',
            '{\n\t"a": 2,\n\t"b": [\n\t\t{\n\t\t\t"name": "é.png",\n\t\t\t"size": 1\n\t\t}\n\t]\n}\n',
        ),
        (
            '{\r\n  "a": 1.10\r\n}',
            '{\r\n  "a": 2,\r\n  "b": [\r\n    {\r\n      "name": "é.png",\r\n      "size": 1\r\n    }\r\n  ]\r\n}',
        ),
    ],
    ids=["compact", "one line", "tabs", "Windows lines"],
)
def test_fields_are_set_in_the_layout_of_the_object(before, after):
    assert with_fields(before, (), {"a": 2, "b": ARTWORK}) == after


def test_a_field_that_is_there_keeps_its_place_and_its_neighbors_their_spelling():
    before = '{"x": 1.10, "list": [{"a" : "old", "b": "\\u00e9", "c": 1e999}]}'
    assert with_fields(before, ("list", 0), {"a": "new"}) == before.replace("old", "new")


def test_the_result_is_read_as_the_fields_say():
    text = with_fields('{"list": [1, {"a": {"deep": [1]}}]}', ("list", 1), {"a": None, "b": ARTWORK})
    assert json.loads(text) == {"list": [1, {"a": None, "b": ARTWORK}]}

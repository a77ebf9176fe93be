from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_artwork.storage.key_validation import all_valid_keys, is_invalid_key, why_unusable
from remote_artwork.storage.url_syntax import forbidden_character

IMPOSSIBLE = [
    "",
    "/",
    "/a",
    "a/",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    "./a",
    "a/..",
    "a\\b",
    "a\nb",
    "a\x7f",
    "\x9f",
    "\ud800",
    "a\u2028b",
    "a\u2029b",
]
POSSIBLE = ["a", "a/b", ".a", "..a", "a/.b", "a/..b", "a..b", "a b", "é", "a\u00a0b", "a//b", "%2F"]


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_key_that_leaves_the_folder_or_is_unprintable_is_invalid(name):
    assert is_invalid_key(name)
    assert not all_valid_keys(["a.png", name, "b.png"])


@pytest.mark.parametrize("name", POSSIBLE)
def test_an_unusual_key_is_valid(name):
    assert not is_invalid_key(name)


@pytest.mark.parametrize("names", [[], ["a.png"], ["1_1.png", "in/1_2.jpg", "é b+c%.pdf"]])
def test_usual_keys_are_validated_together(names):
    assert all_valid_keys(names)


@pytest.mark.parametrize("character", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xD800, 0xDFFF])
def test_characters_that_are_invalid_in_keys_are_invalid_in_urls(character):
    assert is_invalid_key(f"a{chr(character)}b")
    assert forbidden_character(f"a{chr(character)}b") == "a control character"


@pytest.mark.parametrize("character", ["\u202e", "\u200d", "\xa0", "\ufeff", "\ue000"])
def test_characters_that_are_valid_in_keys_are_valid_in_urls(character):
    assert not is_invalid_key(f"a{character}b")
    assert forbidden_character(f"a{character}b") is None


@given(st.lists(st.text(st.sampled_from("a./\\\n\x7f\ud800\u2028 "), max_size=4), max_size=4))
def test_keys_that_are_valid_together_are_valid_one_by_one(names):
    if all_valid_keys(names):
        assert not any(is_invalid_key(name) for name in names)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("/a", "key_in_nameless_folder"),
        ("a/../b", "key_with_dot_folder"),
        ("a\\b", "key_with_backslash"),
        ("a\nb", "key_unprintable"),
        ("a" * 1025, "key_too_long"),
        ("a", None),
        ("a/", None),
        ("", None),
    ],
)
def test_a_file_with_an_invalid_key_has_a_reason_and_a_folder_has_none(key, code):
    because = why_unusable(key)
    assert (because and because.code) == code

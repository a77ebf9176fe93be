from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_artwork.storage.names import all_plain, is_impossible

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
]
POSSIBLE = ["a", "a/b", ".a", "..a", "a/.b", "a/..b", "a..b", "a b", "é", "a\u00a0b", "a//b", "%2F"]


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_name_that_leads_elsewhere_or_is_no_text_is_impossible(name):
    assert is_impossible(name)
    assert not all_plain(["a.png", name, "b.png"])


@pytest.mark.parametrize("name", POSSIBLE)
def test_an_odd_name_is_possible(name):
    assert not is_impossible(name)


@pytest.mark.parametrize("names", [[], ["a.png"], ["1_1.png", "in/1_2.jpg", "é b+c%.pdf"]])
def test_usual_names_are_passed_without_a_look_at_each(names):
    assert all_plain(names)


@given(st.lists(st.text(st.sampled_from("a./\\\n\x7f\ud800 "), max_size=4), max_size=4))
def test_names_that_are_all_plain_are_all_possible(names):
    if all_plain(names):
        assert not any(is_impossible(name) for name in names)

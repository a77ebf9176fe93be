from __future__ import annotations

import unicodedata
from bisect import bisect_right

import pytest

from remote_artwork.core.skip_scan import (
    FullListing,
    KeyRange,
    Request,
    is_sorted_after,
    key_upper_bound,
    search_targets,
)
from remote_artwork.errors import StorageMisbehaved


def test_a_stem_is_looked_for_where_its_files_and_their_neighbors_lie():
    for name in ("1001_1.png", "1001_1.", "1001_1 (1).png", "1001_1-copy.jpg"):
        assert "1001_1" < name < key_upper_bound("1001_1")
    for name in ("1001_1", "1001_10.png", "1001_1/x.png", "1001_1_1.png", "1001_0.png"):
        assert not "1001_1" < name < key_upper_bound("1001_1")


def test_both_unicode_forms_of_a_stem_are_looked_for():
    assert search_targets(["é1_1"]) == [unicodedata.normalize("NFD", "é1_1"), "é1_1"]


def test_a_spelling_that_is_neither_is_looked_for_besides():
    assert search_targets(["\u212a1_1"]) == ["K1_1", "\u212a1_1"]


def test_a_stretch_within_another_is_not_looked_for_twice():
    assert search_targets(["1_1-2", "1_1", "1_1.5", "1_10", "1_1"]) == ["1_1", "1_10"]


def test_nothing_awaited_asks_nothing():
    assert KeyRange(search_targets([])).request is None


def test_the_first_page_begins_at_the_first_awaited_name():
    assert KeyRange(search_targets(["7_1", "3_1"])).request == Request(after="3_1")


def test_a_listing_that_ends_settles_all():
    scan = KeyRange(search_targets(["3_1", "7_1"]))
    assert scan.add_page(["3_1.png"], None) == 1
    assert scan.request is None


def test_names_between_two_awaited_ones_are_skipped():
    scan = KeyRange(search_targets(["3_1", "4_1", "7_1"]))
    scan.add_page(["3_1.png", "5_1.png"], "more")
    assert scan.request == Request(after="7_1")


def test_a_page_that_ends_among_the_files_of_a_stem_goes_on_after_its_last_name():
    scan = KeyRange(search_targets(["3_1", "7_1"]))
    scan.add_page(["3_1.jpg"], "more")
    assert scan.request == Request(after="3_1.jpg")


def test_an_empty_page_is_followed_by_its_token():
    scan = KeyRange(search_targets(["3_1", "7_1"]))
    assert scan.add_page([], "more") == 0
    assert scan.request == Request(after="3_1", token="more")
    scan.add_page(["4"], "even more")
    assert scan.request == Request(after="7_1")


@pytest.mark.parametrize("tokens", [["again", "again"], ["one", "two", "one"], [""]])
def test_empty_pages_that_lead_nowhere_are_an_error_and_no_endless_loop(tokens):
    scan = KeyRange(search_targets(["3_1", "7_1"]))
    for token in tokens[:-1]:
        scan.add_page([], token)
    with pytest.raises(StorageMisbehaved, match="listing does not end"):
        scan.add_page([], tokens[-1])


def test_a_sparse_range_gives_half_of_what_is_left_away():
    scan = KeyRange(search_targets(f"{number:03}" for number in range(41)))
    assert scan.split() is None  # nothing is known yet
    scan.add_page(["000.png", "001"], "more")
    farther = scan.split()
    assert scan.request == Request(after="001")
    assert farther.request == Request(after="021")
    assert (scan.end, farther.end) == ("021", None)
    assert len(scan.targets) == len(farther.targets) == 20


def test_names_of_the_next_range_are_left_to_it():
    scan = KeyRange(search_targets(f"{number:03}" for number in range(41)))
    scan.add_page(["000.png", "001"], "more")
    scan.split()
    assert scan.add_page(["001.png", "021", "021.png"], "more") == 2
    assert scan.request is None


@pytest.mark.parametrize(("stems", "settled"), [(19, 1), (200, 20), (2, 1)])
def test_a_range_with_few_pages_to_expect_stays_whole(stems, settled):
    scan = KeyRange(search_targets(f"{number:03}" for number in range(stems)))
    scan.add_page(["000.png", f"{settled:03}"], "more")
    assert scan.split() is None


def test_a_half_that_shows_nothing_yet_is_not_divided_further():
    scan = KeyRange(search_targets(f"{number:04}" for number in range(1000)))
    scan.add_page(["0000.png", "0001"], "more")
    assert scan.split().split() is None
    assert scan.split() is None


@pytest.mark.parametrize(
    ("names", "after", "kept"),
    [
        ([], "b", True),
        (["c"], "b", True),
        (["c", "d"], "b", True),
        (["b"], "b", False),
        (["a"], "b", False),
        (["d", "c"], "b", False),
        (["\uffff", "\U0001f600"], "b", True),  # by their bytes, not by UTF-16
    ],
)
def test_a_page_is_in_order(names, after, kept):
    assert is_sorted_after(names, after) is kept


def test_a_walk_follows_tokens_whatever_the_order_of_names():
    walk = FullListing("10")
    assert walk.request == Request(prefix="10")
    assert walk.add_page(["10b", "10a"], "two") == 2
    assert walk.request == Request(prefix="10", token="two")
    walk.add_page([], "three")
    assert walk.request == Request(prefix="10", token="three")
    walk.add_page(["10"], None)
    assert walk.request is None
    assert walk.split() is None


@pytest.mark.parametrize("following", ["two", ""])
def test_a_walk_whose_token_leads_nowhere_goes_on_behind_the_last_name(following):
    walk = FullListing()
    walk.add_page(["a", "b"], "two")
    walk.add_page(["c"], following)
    assert walk.request == Request(after="c")
    walk.add_page(["d"], "four")
    assert walk.request == Request(token="four")


def test_a_walk_that_is_broken_off_can_be_resumed_behind_the_last_name():
    walk = FullListing()
    assert not walk.resume()
    walk.add_page(["a", "b"], "two")
    assert walk.resume()
    assert walk.request == Request(after="b")


def test_an_unsorted_walk_cannot_be_resumed():
    walk = FullListing()
    walk.add_page(["b", "a"], "two")
    assert not walk.resume()
    with pytest.raises(StorageMisbehaved, match="listing does not end"):
        walk.add_page(["c"], "two")


def test_a_walk_in_circles_is_an_error():
    walk = FullListing()
    walk.add_page(["a", "b"], "two")
    walk.add_page(["c"], "two")
    with pytest.raises(StorageMisbehaved, match="listing does not end"):
        walk.add_page(["a", "b"], "two")


@pytest.mark.parametrize("stuck", [2, 4, 6, 8])
def test_a_walk_whose_tokens_stay_the_same_goes_on_behind_the_last_name_and_repeats_no_page(stuck):
    names, walk, requests = [f"{number:02}" for number in range(20)], FullListing(), 0
    seen = []
    while request := walk.request:
        requests += 1
        begin = bisect_right(names, request.after) if request.after else int(request.token or 0)
        page = names[begin : begin + 2]
        seen += page
        walk.add_page(page, str(min(begin + 2, stuck)) if begin + 2 < len(names) else None)
    assert seen == names
    assert requests == 10

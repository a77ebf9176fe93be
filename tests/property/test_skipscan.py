"""Skip-scan on a model of a storage finds what a full listing finds, with no more pages."""

from __future__ import annotations

from bisect import bisect_right
from math import ceil

from hypothesis import assume, event, given
from hypothesis import strategies as st

from remote_artwork.core.skip_scan import KeyRange, is_sorted_after, search_targets, spellings


class Storage:
    """A sorted listing in pages. Some are empty, as real storages return them after deletions."""

    def __init__(self, names, page, empty_every=0):
        self.names = sorted(names)
        self.page = page
        self.empty_every = empty_every
        self.requests = 0

    def list(self, request):
        self.requests += 1
        begin = int(request.token) if request.token else bisect_right(self.names, request.after)
        if self.empty_every and request.token is None and self.requests % self.empty_every == 0:
            return [], str(begin)
        names = self.names[begin : begin + self.page]
        return names, str(begin + self.page) if begin + self.page < len(self.names) else None


def scan(storage, stems):
    """Run all ranges, the newest first, so that their order cannot matter. Return the names and the ranges."""
    ranges, seen, count = [KeyRange(search_targets(stems))], [], 1
    while ranges:
        key_range = ranges.pop()
        request = key_range.request
        if request is None:
            continue
        names, next_token = storage.list(request)
        assert is_sorted_after(names, request.after)
        seen += names[: key_range.add_page(names, next_token)]
        farther = key_range.split()
        count += farther is not None
        ranges += filter(None, (key_range, farther))
    return seen, count


def hits(names, stems):
    spelled = {spelling for stem in stems for spelling in spellings(stem)}
    return sorted(name for name in names if name.rpartition(".")[0] in spelled)


letters = st.text(st.sampled_from("019ae_-.!é~\U0001f600"), min_size=1, max_size=4)
stems_of_anything = st.sets(letters, max_size=30)


@given(
    stems=stems_of_anything,
    others=st.sets(letters.map(lambda text: f"{text}.png"), max_size=60),
    data=st.data(),
    page=st.integers(1, 7),
    empty_every=st.sampled_from([0, 2, 3]),
)
def test_it_finds_exactly_what_a_full_listing_finds(stems, others, data, page, empty_every):
    spelled = sorted(spelling for stem in stems for spelling in spellings(stem))
    there = data.draw(st.sets(st.sampled_from(spelled))) if spelled else set()
    names = others | {f"{stem}.{extension}" for stem in there for extension in ("png", "JPG")}
    storage = Storage(names, page, empty_every)
    seen, _ = scan(storage, stems)
    assert hits(seen, stems) == hits(names, stems)
    assert len(seen) == len(set(seen))
    assert set(seen) <= names


orders = st.integers(0, 4000).map(lambda number: f"{number:04}")


@given(
    present=st.sets(orders, max_size=300),
    pending=st.sets(orders, min_size=1, max_size=200),
    items=st.integers(1, 3),
    page=st.integers(4, 40),
)
def test_it_asks_for_no_more_pages_than_either_way_of_the_others(present, pending, items, page):
    names = {f"{order}_{item}.png" for order in present for item in range(items)}
    assume(names)
    storage = Storage(names, page)
    _, ranges = scan(storage, {f"{order}_{item}" for order in pending for item in range(items)})
    event(f"{min(ranges, 5)} ranges")
    whole_listing = ceil(len(names) / page)
    assert storage.requests <= whole_listing + ranges
    # An order may be divided between two ranges, each of which then asks for its part.
    assert storage.requests <= len(pending) + ranges - 1
    if ranges == 1:
        assert storage.requests <= min(len(pending), whole_listing + 1)


@given(present=st.integers(1, 3000), pending=st.integers(1, 400))
def test_pending_orders_at_the_recent_end_cost_the_pages_they_fill(present, pending):
    pending = min(pending, present)
    storage = Storage({f"{order:06}_1.png" for order in range(present)}, page=20)
    scan(storage, {f"{order:06}_1" for order in range(present - pending, present)})
    assert storage.requests <= ceil(pending / 20) * 1.1 + 1

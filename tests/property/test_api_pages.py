"""A list that changes while it is read: every order that is in it the whole time is found, once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from remote_artwork.clients.api import Page, iter_by_offset

BOUNDED = settings(max_examples=200, deadline=None)

CHANGES = st.lists(st.tuples(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30))), max_size=8)
"""Before each request: ids that leave the list, and ids that enter it."""


@BOUNDED
@given(st.sets(st.integers(0, 30)), CHANGES, st.integers(2, 6), st.booleans(), st.integers(2, 6))
def test_an_order_that_stays_in_the_list_is_found_once(orders, changes, size, tells_total, cap):
    now, stayed, to_come = set(orders), set(orders), iter(changes)

    def fetch(offset):
        leaving, entering = next(to_come, (set(), set()))
        now.difference_update(leaving)
        stayed.difference_update(leaving)
        now.update(entering)
        ids = sorted(now)[offset : offset + min(size, cap)]
        return Page([{"id": each} for each in ids], total=len(now) if tells_total else None)

    found = [record["id"] for record in iter_by_offset(fetch, size=size)]
    assert len(found) == len(set(found))
    assert stayed <= set(found)

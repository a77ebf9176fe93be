"""Lists in pages: every record once, and an error instead of a list that is not complete."""

from itertools import count

import pytest

import remote_artwork as ra
from remote_artwork.clients.api import (
    Page,
    iter_by_cursor,
    iter_by_number,
    iter_by_offset,
    iter_since,
    parse_connection,
)


def records(*ids):
    return [{"id": each} for each in ids]


def ids(found):
    return [each["id"] for each in found]


class Shop:
    """A list of ids, from which ``leaving`` removes some before the request with that number, from 0."""

    def __init__(self, *known, leaving=None, total=False):
        self.ids, self.leaving, self.total, self.requests = [*known], leaving or {}, total, []

    def part(self, start, size):
        for each in self.leaving.get(len(self.requests), ()):
            self.ids.remove(each)
        self.requests.append(start)
        return Page(records(*self.ids[start : start + size]), total=len(self.ids) if self.total else None)


class TestOffset:
    def test_every_page_begins_with_the_last_record_of_the_one_before(self):
        shop = Shop(*range(7))
        assert ids(iter_by_offset(lambda offset: shop.part(offset, 3), size=3)) == [*range(7)]
        assert shop.requests == [0, 2, 4, 6]

    @pytest.mark.parametrize(("length", "requests"), [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3)])
    def test_a_total_saves_the_request_after_the_last_record(self, length, requests):
        shop = Shop(*range(length), total=True)
        assert ids(iter_by_offset(lambda offset: shop.part(offset, 3), size=3)) == [*range(length)]
        assert len(shop.requests) == requests

    def test_no_record_is_skipped_when_others_leave_the_list(self):
        shop = Shop(*range(8), leaving={1: [0, 1, 2], 3: [3]})
        assert ids(iter_by_offset(lambda offset: shop.part(offset, 3), size=3)) == [*range(8)]

    def test_no_record_is_skipped_when_all_known_records_leave(self):
        shop = Shop(*range(6), leaving={1: [0, 1, 2]})
        assert ids(iter_by_offset(lambda offset: shop.part(offset, 3), size=3)) == [*range(6)]
        assert shop.requests[:3] == [0, 2, 0]

    def test_a_list_that_loses_some_records_at_every_request_is_read_with_more_overlap(self):
        shop = Shop(*range(400), leaving={request: range(7 * request, 7 * request + 7) for request in range(1, 30)})
        assert ids(iter_by_offset(lambda offset: shop.part(offset, 50), size=50)) == [*range(400)]
        assert len(shop.requests) < 20

    def test_new_records_in_front_do_not_hide_others(self):
        shop = Shop(*range(5))

        def fetch(offset):
            if offset == 2:
                shop.ids[:0] = ["new", "newer"]
            return shop.part(offset, 3)

        assert set(ids(iter_by_offset(fetch, size=3))) >= {*range(5)}

    def test_pages_that_are_shorter_than_requested_are_not_the_end(self):
        for total in (False, True):
            shop = Shop(*range(9), total=total)
            assert ids(iter_by_offset(lambda offset, shop=shop: shop.part(offset, 2), size=100)) == [*range(9)]

    def test_a_total_that_is_too_high_does_not_loop(self):
        shop = Shop(*range(5))

        def fetch(offset):
            return Page(shop.part(offset, 3).records, total=99)

        assert ids(iter_by_offset(fetch, size=3)) == [*range(5)]

    def test_a_total_that_is_too_low_does_not_end_the_list_at_a_full_page(self):
        shop = Shop(*range(7))
        assert ids(iter_by_offset(lambda offset: Page(shop.part(offset, 3).records, total=3), size=3)) == [*range(7)]

    def test_a_shop_that_ignores_the_offset_is_an_error(self):
        requests = count()

        def fetch(_offset):
            next(requests)
            return Page(records(1, 2, 3))

        with pytest.raises(ra.Unavailable, match="repeats its pages"):
            ids(iter_by_offset(fetch, size=3))
        assert next(requests) < 20

    def test_a_list_that_never_keeps_still_is_an_error(self):
        fresh = count(step=3)

        def fetch(_offset):
            start = next(fresh)
            return Page(records(start, start + 1, start + 2))

        with pytest.raises(ra.Unavailable, match="too many pages"):
            ids(iter_by_offset(fetch, size=3, max_pages=50))

    def test_a_size_of_one_leaves_no_room_for_the_known_record(self):
        with pytest.raises(ValueError, match="at least 2"):
            ids(iter_by_offset(lambda _offset: Page(()), size=1))


class TestCursor:
    def test_a_record_that_two_pages_have_is_yielded_once(self):
        pages = {None: Page(records(1, 2), "b"), "b": Page(records(2, 3), "c"), "c": Page(records(4))}
        assert ids(iter_by_cursor(pages.__getitem__)) == [1, 2, 3, 4]

    def test_an_empty_page_with_a_cursor_is_not_the_end(self):
        pages = {None: Page((), "b"), "b": Page(records(1))}
        assert ids(iter_by_cursor(pages.__getitem__)) == [1]

    def test_a_cursor_that_returns_is_an_error(self):
        pages = {None: Page(records(1), "b"), "b": Page(records(2), "c"), "c": Page(records(3), "b")}
        with pytest.raises(ra.Unavailable, match="leads back"):
            ids(iter_by_cursor(pages.__getitem__))

    def test_cursors_that_never_end_are_an_error(self):
        fresh = count()
        with pytest.raises(ra.Unavailable, match="repeats its pages"):
            ids(iter_by_cursor(lambda _cursor: Page(records(1), next(fresh))))

    def test_the_records_of_a_broken_list_come_before_the_error(self):
        pages = {None: Page(records(1), "b"), "b": Page(records(2), "b")}
        found = []
        with pytest.raises(ra.Unavailable):
            found.extend(iter_by_cursor(pages.__getitem__))
        assert ids(found) == [1, 2]

    @pytest.mark.parametrize("shape", ["nodes", "edges"])
    def test_a_graphql_connection_is_a_page(self, shape):
        nodes = records(1, 2)
        rows = nodes if shape == "nodes" else [{"node": node} for node in nodes]
        page = parse_connection({shape: rows, "pageInfo": {"hasNextPage": True, "endCursor": "c"}})
        assert (page.records, page.next) == (nodes, "c")
        assert parse_connection({shape: rows, "pageInfo": {"hasNextPage": False, "endCursor": "c"}}).next is None

    @pytest.mark.parametrize(
        "connection",
        [
            None,
            {},
            {"nodes": []},
            {"pageInfo": {"hasNextPage": False, "endCursor": None}},
            {"nodes": [], "pageInfo": {"endCursor": "c"}},
            {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}},
            {"edges": [{}], "pageInfo": {"hasNextPage": False, "endCursor": None}},
        ],
    )
    def test_a_connection_without_what_is_needed_is_an_error(self, connection):
        with pytest.raises(ra.Unavailable, match="without"):
            parse_connection(connection)


class TestSince:
    def test_no_record_is_skipped_whatever_leaves(self):
        listed, asked = [1, 2, 3, 4, 5], []

        def fetch(last):
            asked.append(last)
            if last is not None:
                listed.remove(last)
            return records(*[each for each in listed if each > (last or 0)][:2])

        assert ids(iter_since(fetch)) == [1, 2, 3, 4, 5]
        assert asked == [None, 2, 4, 5]

    @pytest.mark.parametrize("page", [records(3, 2, 4), records(2, 2), records(1)])
    def test_a_page_that_is_not_sorted_or_repeats_an_id_is_an_error(self, page):
        pages = iter([records(1), page])
        with pytest.raises(ra.Unavailable, match="not sorted by id"):
            ids(iter_since(lambda _last: next(pages)))

    def test_ids_that_are_text_are_compared_as_the_key_says(self):
        pages = iter([records("9"), records("10"), []])
        assert ids(iter_since(lambda _last: next(pages), key=lambda record: int(record["id"]))) == ["9", "10"]


class TestNumber:
    def test_the_list_is_read_until_a_reading_finds_nothing_new(self):
        shop = Shop(*range(6), leaving={1: [0, 1]})
        assert ids(iter_by_number(lambda number: shop.part(2 * (number - 1), 2))) == [0, 1, 4, 5, 2, 3]

    def test_a_list_of_one_page_is_read_once(self):
        shop = Shop(1, 2, total=True)
        assert ids(iter_by_number(lambda number: shop.part(2 * number, 2), first=0)) == [1, 2]
        assert shop.requests == [0]

    def test_one_page_under_two_numbers_is_an_error(self):
        with pytest.raises(ra.Unavailable, match="under two numbers"):
            ids(iter_by_number(lambda _number: Page(records(1, 2))))

    def test_a_list_that_changes_in_every_reading_is_an_error(self):
        fresh = count()
        with pytest.raises(ra.Unavailable, match="changes faster"):
            ids(iter_by_number(lambda number: Page(records(next(fresh)) if number == 1 else ())))


def test_a_record_without_an_id_is_an_error():
    with pytest.raises(ra.Unavailable, match="KeyError: 'id'"):
        ids(iter_by_cursor(lambda _cursor: Page([{"number": "1"}])))


def test_ids_that_cannot_be_compared_are_an_error():
    pages = iter([records(1), records("2")])
    with pytest.raises(ra.Unavailable, match="not sorted by id"):
        ids(iter_since(lambda _last: next(pages)))

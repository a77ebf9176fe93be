"""Listing and searching in pages, against an in-memory storage that lists in order or, on request, does not."""

from __future__ import annotations

import threading
from bisect import bisect_right
from concurrent.futures import Future
from contextlib import suppress

import pytest

from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import KeyRange, search_targets
from remote_artwork.errors import FileGone, StorageMisbehaved, StorageUnreachable
from remote_artwork.storage.backends.listing import MAX_CONCURRENT, Lister, _PageFetcher, names_below, page_below

PAGE = 10


class Storage:
    """Lists ten names per page, and looks up only names that it has."""

    def __init__(self, *names, skips=True, shuffled=False):
        self.names = sorted(names)
        self.skips = skips
        self.shuffled = shuffled
        self.requests = []
        self.lock = threading.Lock()

    @staticmethod
    def send(_kind, request, /, **_about):
        return request()

    def page(self, request):
        with self.lock:
            self.requests.append(request)
        names = [name for name in self.names if name.startswith(request.prefix)]
        begin = int(request.token or 0)
        if request.token is None and self.skips:
            begin = bisect_right(names, request.after)
        some = names[begin : begin + PAGE]
        if self.shuffled:
            some = some[::-1]
        more = begin + PAGE < len(names)
        return page_of(some, str(begin + PAGE) if more else None)

    def head(self, name):
        if name not in self.names:
            raise FileGone(name)
        return StoredFile(name=name, size=2, etag="e")


def page_of(names, next_token=None):
    return Page(names, lambda i: StoredFile(name=names[i], size=1, etag="e"), next_token)


def numbers(count):
    return [f"{number:04}_1.png" for number in range(count)]


def names_found(pages):
    return [name for page in pages for name in page.names]


def test_each_page_of_a_folder_is_requested_once():
    storage = Storage(*numbers(35))
    assert [len(page.names) for page in Lister().pages(storage, storage.send)] == [10, 10, 10, 5]
    assert len(storage.requests) == 4


def test_the_first_page_alone_costs_one_request():
    storage = Storage(*numbers(35))
    pages = Lister().pages(storage, storage.send)
    next(pages)
    pages.close()
    assert len(storage.requests) == 1


def test_expected_names_are_found_with_few_requests():
    storage = Storage(*numbers(500))
    found = list(Lister().search(storage, SearchQuery(basenames=["0003_1", "0490_1", "0499_1"]), storage.send))
    assert {"0003_1.png", "0490_1.png", "0499_1.png"} <= set(names_found(found))
    assert len(storage.requests) == 2
    assert {page.strategy for page in found} == {"skip-scan"}
    assert not any(page.complete for page in found)


def test_a_sparse_search_reads_several_key_ranges_concurrently():
    storage = Storage(*numbers(5000))
    together, most = 0, 0

    def send(_kind, request, /):
        nonlocal together, most
        with storage.lock:
            together += 1
            most = max(most, together)
        try:
            return request()
        finally:
            with storage.lock:
                together -= 1

    gate = threading.Barrier(4)
    plain_page = storage.page

    def page(request):
        if request.after > "3":
            with suppress(threading.BrokenBarrierError):
                gate.wait(0.2)  # waits for the other ranges, but not forever
        return plain_page(request)

    storage.page = page
    stems = [f"{number:04}_1" for number in range(0, 5000, 10)]
    found = names_found(Lister().search(storage, SearchQuery(basenames=stems), send))
    assert {f"{stem}.png" for stem in stems} <= set(found)
    assert len(found) == len(set(found))
    assert 1 < most <= MAX_CONCURRENT
    assert len(storage.requests) <= 550


def test_an_empty_search_makes_no_request():
    storage = Storage(*numbers(5))
    for in_order in (True, False):
        assert list(Lister(in_order=in_order).search(storage, SearchQuery(), storage.send)) == []
    assert storage.requests == []


def test_a_whole_name_is_looked_up_directly():
    storage = Storage(*numbers(50), "readme.txt")
    found = list(Lister().search(storage, SearchQuery(names=["no.txt", "readme.txt"]), storage.send))
    assert names_found(found) == ["readme.txt"]
    assert storage.requests == []


def test_a_whole_name_with_an_expected_stem_is_not_looked_up_again():
    storage = Storage(*numbers(5))
    found = names_found(Lister().search(storage, SearchQuery(basenames=["0001_1"], names=["0001_1.png"]), storage.send))
    assert found.count("0001_1.png") == 1


@pytest.mark.parametrize("disorder", [{"skips": False}, {"shuffled": True}])
def test_a_storage_that_does_not_list_in_order_is_listed_completely(disorder):
    storage = Storage(*numbers(25), **disorder)
    lister = Lister()
    wanted = SearchQuery(basenames=["0003_1", "0005_1", "0021_1"])
    found = list(lister.search(storage, wanted, storage.send))
    assert sorted(names_found(found)) == numbers(25)
    assert found[-1].complete
    assert len(storage.requests) == 1 + 3
    storage.requests.clear()
    list(lister.search(storage, wanted, storage.send))
    assert len(storage.requests) == 3  # the lister remembers the missing order


def test_few_names_in_a_large_unsorted_folder_are_listed_by_prefix():
    storage = Storage(*numbers(500), skips=False)
    found = list(
        Lister(in_order=False).search(storage, SearchQuery(basenames=["0003_1", "0400_1", "0499_1"]), storage.send)
    )
    assert {"0003_1.png", "0400_1.png", "0499_1.png"} <= set(names_found(found))
    assert len(storage.requests) <= 3 + 1 + 3  # pages, one page that was already requested, and prefixes
    assert {page.strategy for page in found} == {"listing", "prefixes"}
    assert not any(page.complete for page in found)


def test_an_order_that_breaks_late_loses_no_file():
    storage = Storage(*numbers(200))
    plain_page = storage.page

    def page(request):
        storage.skips = len(storage.requests) < 3
        return plain_page(request)

    storage.page = page
    stems = [f"{number:04}_1" for number in range(0, 200, 20)]
    found = names_found(Lister().search(storage, SearchQuery(basenames=stems), storage.send))
    assert {f"{stem}.png" for stem in stems} <= set(found)


def test_a_listing_resumes_after_the_last_name_if_its_token_is_refused():
    storage = Storage(*numbers(35))
    plain_page = storage.page

    def page(request):
        if request.token == "20":
            raise StorageMisbehaved("no such token")
        return plain_page(request)

    storage.page = page
    assert [name for page in Lister().pages(storage, storage.send) for name in page.names] == numbers(35)


def test_a_page_that_is_always_refused_ends_the_listing():
    storage = Storage(*numbers(35))
    plain_page = storage.page

    def page(request):
        if request.token or request.after:
            raise StorageMisbehaved("no")
        return plain_page(request)

    storage.page = page
    with pytest.raises(StorageMisbehaved, match="no"):
        list(Lister().pages(storage, storage.send))


def test_throttling_reduces_the_concurrency():
    storage = Storage(*numbers(5000))
    busy = threading.Lock()
    refused = 0

    def send(_kind, request, /):
        nonlocal refused
        if not busy.acquire(blocking=False):
            refused += 1
            raise StorageUnreachable("slow down")
        try:
            return request()
        finally:
            busy.release()

    stems = [f"{number:04}_1" for number in range(0, 5000, 10)]
    found = names_found(Lister().search(storage, SearchQuery(basenames=stems), send))
    assert {f"{stem}.png" for stem in stems} <= set(found)


def test_an_outage_ends_a_search_after_every_cursor_was_tried():
    storage = Storage(*numbers(5000))
    tried = 0

    def send(_kind, request, /):
        nonlocal tried
        tried += 1
        if tried > 40:
            raise StorageUnreachable("down")
        return request()

    with pytest.raises(StorageUnreachable):
        list(Lister().search(storage, SearchQuery(basenames=[f"{n:04}_1" for n in range(0, 5000, 10)]), send))
    assert tried <= 40 + MAX_CONCURRENT + 1


def test_an_outage_ends_a_listing_at_once():
    tried = 0

    def send(_kind, _request, /):
        nonlocal tried
        tried += 1
        raise StorageUnreachable("down")

    with pytest.raises(StorageUnreachable):
        list(Lister().pages(Storage(), send))
    assert tried == 1


def test_a_page_has_the_names_below_the_folder_without_its_marker():
    keys = ["elsewhere.png", "in/", "in/a.png", "in/b/c.png", "india.png"]
    for some in (keys, keys[2:4]):
        page = page_below("in/", some, lambda i, name, some=some: (some[i], name), "more")
        assert [page.file(i) for i, _ in enumerate(page.names)] == [("in/a.png", "a.png"), ("in/b/c.png", "b/c.png")]
        assert page.next_token == "more"
    assert list(page_below("in/", [], StoredFile, None).names) == []


def test_for_a_check_keys_of_other_folders_become_empty_names():
    assert names_below("in/", ["elsewhere.png", "in/", "in/a.png", "india.png"]) == ["", "a.png", ""]
    assert names_below("", ["a.png", "b/c.png"]) == ["a.png", "b/c.png"]


def test_there_are_never_more_key_ranges_than_concurrent_requests():
    names = [f"{number:05}_1.png" for number in range(40_000)]

    def submit(request):
        begin = bisect_right(names, request.after)
        answer = Future()
        more = str(begin + PAGE) if begin + PAGE < len(names) else None
        answer.set_result(page_of(names[begin : begin + PAGE], more))
        return answer

    fetcher = _PageFetcher(submit, [KeyRange(search_targets(name.removesuffix(".png") for name in names))])
    requests, most = 0, 0
    fetcher.start()
    while fetcher.running:
        most = max(most, len(fetcher.running) + len(fetcher.waiting))
        fetcher.finish(next(iter(fetcher.running)))
        requests += 1
        fetcher.start()
    assert most == MAX_CONCURRENT
    assert requests <= 4_000 + 2 * MAX_CONCURRENT

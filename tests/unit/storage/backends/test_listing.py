"""Listing and searching in pages, against an in-memory storage that lists in order or, on request, does not."""

from __future__ import annotations

import itertools
import threading
import unicodedata
from bisect import bisect_right
from concurrent.futures import Future
from contextlib import suppress
from hashlib import sha256

import pytest

from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import KeyRange, search_targets
from remote_artwork.errors import FileGone, StorageMisbehaved, StorageUnreachable
from remote_artwork.storage.backends.listing import (
    MAX_CONCURRENT,
    KeysOutsideFolder,
    Lister,
    _PageFetcher,
    is_full_page,
    page_below,
)

PAGE = 10


class Storage:
    """Lists ten names per page, and looks up only names that it has."""

    folder = ""

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


@pytest.mark.parametrize(
    ("disorder", "requests"), [({"skips": False}, 1 + 3), ({"shuffled": True}, 3)], ids=["no skips", "no order"]
)
def test_a_storage_that_does_not_list_in_order_is_listed_completely(disorder, requests):
    storage = Storage(*numbers(25), **disorder)
    lister = Lister()
    wanted = SearchQuery(basenames=["0003_1", "0005_1", "0021_1"])
    found = list(lister.search(storage, wanted, storage.send))
    assert sorted(names_found(found)) == numbers(25)
    assert found[-1].complete
    assert len(storage.requests) == requests
    storage.requests.clear()
    list(lister.search(storage, wanted, storage.send))
    assert len(storage.requests) == 3  # the lister remembers the missing order


def test_few_names_in_a_large_unsorted_folder_are_listed_by_prefix():
    storage = Storage(*numbers(500), skips=False)
    found = list(
        Lister(in_order=False).search(storage, SearchQuery(basenames=["0003_1", "0400_1", "0499_1"]), storage.send)
    )
    assert {"0003_1.png", "0400_1.png", "0499_1.png"} <= set(names_found(found))
    assert len(storage.requests) <= 3 + 1 + 1 + 3  # pages, one already requested, a known name's prefix, prefixes
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
    keys = ["in/", "in/a.png", "in/b/c.png"]
    for some in (keys, keys[1:]):
        page = page_below("in/", some, lambda i, name, some=some: (some[i], name), "more")
        assert [page.file(i) for i, _ in enumerate(page.names)] == [("in/a.png", "a.png"), ("in/b/c.png", "b/c.png")]
        assert page.next_token == "more"
    assert list(page_below("in/", [], StoredFile, None).names) == []


@pytest.mark.parametrize("stray", ["elsewhere.png", "india.png", "in%2Fa.png"])
def test_a_key_outside_the_folder_is_an_error_and_not_left_out(stray):
    with pytest.raises(KeysOutsideFolder, match="outside it"):
        page_below("in/", ["in/a.png", stray], StoredFile, None)


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


class OtherOrder(Storage):
    """Sorts its names by a key of its own, and starts a page after a name in that order."""

    def __init__(self, *names, key, page=PAGE):
        super().__init__(*names)
        self.key = key
        self.page_size = page

    def page(self, request):
        with self.lock:
            self.requests.append(request)
        names = sorted((name for name in self.names if name.startswith(request.prefix)), key=self.key)
        begin = int(request.token or 0)
        if request.token is None and request.after:
            begin = sum(self.key(name) <= self.key(request.after) for name in names)
        end = begin + self.page_size
        return page_of(names[begin:end], str(end) if end < len(names) else None)


def tree(name):
    return name.replace("/", "\0")


def scrambled(name):
    return sha256(name.encode()).hexdigest()


def folders_first(name):
    return [(not folder, part) for folder, part in parts(name)]


def files_first(name):
    return [(folder, part) for folder, part in parts(name)]


def parts(name):
    *folders, file = name.split("/")
    return [*((True, folder) for folder in folders), (False, file)]


def utf_16(name):
    return name.encode("utf-16-be")


@pytest.mark.parametrize("page", [1, 3, 20])
@pytest.mark.parametrize(
    "key", [scrambled, str.casefold, utf_16, tree, folders_first, files_first, lambda name: name[::-1]]
)
def test_no_order_of_a_storage_hides_an_expected_file(key, page):
    there = [
        f"{number}_1" for number in ("7", "70", "B7", "a7", "b7", "2024-01", "2024-02", "2025", "\uff01", "\U0001f600")
    ]
    there += ["2024/7_1", "z/7_1"]
    folder = [f"2024/{number:03}.pdf" for number in range(30)] + [f"b/{number}.pdf" for number in range(9)]
    storage = OtherOrder(*(f"{stem}.pdf" for stem in there), *folder, key=key, page=page)
    found = names_found(Lister().search(storage, SearchQuery(basenames=sorted([*there, "9_1"])), storage.send))
    assert {f"{stem}.pdf" for stem in there} <= set(found)
    assert len(found) == len(set(found))


def test_a_page_that_ends_in_a_folder_of_a_tree_leaves_the_names_beside_the_folder_open():
    names = ["2023-00900_1.pdf", "2024-00017_1.pdf", "2025-00001_1.pdf", *(f"2024/{n:03}.pdf" for n in range(50))]
    storage = OtherOrder(*names, key=tree, page=20)
    lister = Lister()
    stems = ["2023-00900_1", "2024-00017_1", "2025-00001_1", "2024-00018_1"]
    found = list(lister.search(storage, SearchQuery(basenames=sorted(stems)), storage.send))
    assert {f"{stem}.pdf" for stem in stems[:3]} <= set(names_found(found))
    assert lister.in_order  # no page contradicts the order of bytes
    assert len(storage.requests) == 2 + 1 + 2  # pages, a known name's prefix, the two open ones


@pytest.mark.parametrize(("key", "stem"), [(folders_first, "1001_1"), (files_first, "1405/5_1")])
def test_a_walk_through_folders_hides_no_file(key, stem):
    names = (
        [f"old/{n:03}.pdf" for n in range(50)] if key is folders_first else [f"{n}_1.pdf" for n in range(1400, 1600)]
    )
    storage = OtherOrder(*names, f"{stem}.pdf", key=key, page=20)
    found = list(Lister().search(storage, SearchQuery(basenames=[stem]), storage.send))
    assert f"{stem}.pdf" in names_found(found)


def test_files_before_an_archive_cost_no_request_for_a_possible_walk():
    names = [f"{n}_1.pdf" for n in range(1000, 1100)] + [f"archive/{n}.pdf" for n in range(100)]
    storage = OtherOrder(*names, key=str.encode, page=20)
    list(Lister().search(storage, SearchQuery(basenames=["1050_1", "1099_1", "9999_1"]), storage.send))
    assert len(storage.requests) == 3  # the last page has a file and the archive: not a walk that has folders first


def test_a_page_that_shows_the_order_of_bytes_leaves_no_name_beside_a_folder_open():
    names = [f"2024-{n:03}_1.pdf" for n in range(15)] + [f"2024/{n:03}.pdf" for n in range(50)]
    storage = OtherOrder(*names, key=str.encode, page=20)
    list(Lister().search(storage, SearchQuery(basenames=["2024-003_1", "2024-0031_1"]), storage.send))
    assert len(storage.requests) == 1


def test_in_a_small_folder_one_request_finds_everything_in_any_order():
    storage = OtherOrder("3_1.png", "1_1.png", "2_1.png", key=scrambled)
    found = list(Lister().search(storage, SearchQuery(basenames=["1_1", "2_1", "3_1"]), storage.send))
    assert sorted(names_found(found)) == ["1_1.png", "2_1.png", "3_1.png"]
    assert found[-1].complete
    assert len(storage.requests) == 1


def test_a_prefix_that_does_not_find_a_known_name_proves_no_absence():
    storage = Storage(*numbers(500), skips=False)
    plain_page = storage.page

    def page(request):  # a prefix is a whole folder here
        return page_of([]) if request.prefix else plain_page(request)

    storage.page = page
    with pytest.raises(StorageMisbehaved, match="but leaves it out when it is asked"):
        list(Lister(in_order=False).search(storage, SearchQuery(basenames=["0400_1"]), storage.send))


def test_a_storage_that_ignores_the_prefix_proves_no_absence():
    storage = Storage(*numbers(500), skips=False)
    storage.page = lambda request: page_of(storage.names[:PAGE], "" if request.prefix else "10")
    with pytest.raises(StorageMisbehaved, match="lists others"):
        list(Lister(in_order=False).search(storage, SearchQuery(basenames=["0400_1"]), storage.send))


def test_prefixes_help_where_a_listing_leads_nowhere():
    storage = Storage(*numbers(350))
    storage.page = lambda request: page_of(
        [name for name in storage.names if name.startswith(request.prefix)][:PAGE], None if request.prefix[:4] else ""
    )
    stems = [f"{number:04}_1" for number in range(300, 310)]
    found = names_found(Lister().search(storage, SearchQuery(basenames=stems), storage.send))
    assert {f"{stem}.png" for stem in stems} <= set(found)


@pytest.mark.parametrize("key", [str.encode, scrambled], ids=["sorted", "not sorted"])
@pytest.mark.parametrize("way", ["sweep", "search"])
def test_a_full_page_that_says_it_is_the_last_is_followed_by_one_more_request(key, way):
    storage = OtherOrder(*numbers(250), key=key, page=100)
    plain_page = storage.page

    def page(request):
        page = plain_page(request)
        return page_of(page.names, "" if len(page.names) == 100 else None)

    storage.page = page
    query = SearchQuery(basenames=[name.removesuffix(".png") for name in numbers(250)])
    pages = Lister().pages(storage, storage.send) if way == "sweep" else Lister().search(storage, query, storage.send)
    assert sorted(names_found(pages)) == numbers(250)


@pytest.mark.parametrize(
    ("count", "known", "declared", "full"),
    [
        (0, None, 1000, False),
        (1000, None, 1000, True),
        (999, None, 1000, False),
        (7, None, 7, True),
        (500, None, 1000, True),
        (3, None, None, False),
        (500, 1000, 1000, False),
        (70, 70, 1000, True),
    ],
)
def test_a_page_is_full_with_the_page_size_or_a_number_that_may_be_one(count, known, declared, full):
    assert is_full_page(count, known, declared) is full


def test_after_a_change_of_strategy_no_file_is_counted_twice():
    storage = Storage(*numbers(200))
    plain_page = storage.page

    def page(request):
        storage.skips = len(storage.requests) < 5
        return plain_page(request)

    storage.page = page
    stems = [f"{number:04}_1" for number in range(0, 200, 20)]
    pages = list(Lister().search(storage, SearchQuery(basenames=stems), storage.send))
    assert {"skip-scan", "listing"} <= {page.strategy for page in pages}
    found = names_found(pages)
    assert {f"{stem}.png" for stem in stems} <= set(found)
    assert len(found) == len(set(found))
    assert all(page.file(i).name == name for page in pages for i, name in enumerate(page.names))


FOLDERS = [unicodedata.normalize(form, "Aufträge/") for form in ("NFC", "NFD")]


class Folders:
    """Keys below several folders."""

    def __init__(self, folder, *keys):
        self.folder = folder
        self.keys = sorted(keys)

    def page(self, _request):
        return page_of([key.removeprefix(self.folder) for key in self.keys if key.startswith(self.folder)])


@pytest.mark.parametrize(("given", "kept"), list(itertools.product(FOLDERS, FOLDERS)))
def test_a_folder_is_found_in_either_unicode_form(given, kept):
    for keys, names in (([f"{kept}1_1.pdf"], ["1_1.pdf"]), ([], [])):
        storage = Folders(given, *keys)
        assert names_found(Lister().pages(storage, Storage.send)) == names
        assert storage.folder == (kept if keys else given)
        storage = Folders(given, *keys)
        assert names_found(Lister().search(storage, SearchQuery(basenames=["1_1"]), Storage.send)) == names


def test_two_folders_that_look_the_same_are_an_error():
    storage = Folders(FOLDERS[0], *(f"{folder}1_1.pdf" for folder in FOLDERS))
    with pytest.raises(StorageMisbehaved, match="two folders"):
        list(Lister().search(storage, SearchQuery(basenames=["1_1"]), Storage.send))

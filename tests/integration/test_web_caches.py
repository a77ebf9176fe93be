"""Caches in front of public web folders: an old response is never a missing file, and never the current one."""

from __future__ import annotations

import pytest

import remote_artwork as ra
from remote_artwork.core.expected import SearchQuery
from remote_artwork.errors import StorageMisbehaved
from remote_artwork.storage.doctor import check_location
from remote_artwork.testing import FakeShop
from shop_files import PDF
from web_server import Cache, listing

AGED = {"X-Cache": "Hit from cloudfront", "Age": "80000"}
YOUNG = {"X-Cache": "Hit from cloudfront", "Age": "5"}


@pytest.fixture
def folder(web_server):
    web_server.folder.files = {"1002_1.pdf": PDF, "1003_1.pdf": PDF}
    return web_server.folder


@pytest.fixture
def look(web_server, local_network):
    """Scan or plan anew, as another process would; order number → status and reason."""
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in ("1001", "1002", "1003")])

    def look(method="plan"):
        storage = ra.open_storage(web_server.url, network=local_network)
        report = getattr(ra.Scanner(storage, shop, ledger=ra.MemoryLedger()), method)()
        return {item.order_number: (str(item.status), item.reason) for item in report.items}

    return look


def statuses(items):
    return [status for status, _ in items.values()]


def change_all(folder):
    """Upload 1001, replace 1002, delete 1003."""
    folder.files = {"1001_1.pdf": PDF, "1002_1.pdf": PDF + b"% other"}


@pytest.mark.parametrize("hit", [{"X-Cache": "HIT"}, AGED, {"CF-Cache-Status": "HIT"}, {"Cache-Status": '"c"; hit'}])
@pytest.mark.parametrize("by_query", [True, False])
def test_old_responses_of_a_cache_are_neither_missing_nor_the_file(folder, look, hit, by_query):
    folder.cache = Cache(by_query=by_query, hit=hit)
    assert statuses(look()) == ["missing", "matched", "matched"]
    change_all(folder)
    items = look("scan")
    assert statuses(items) == ["unreadable"] * 3
    assert all("a cache in front of the server" in reason for _, reason in items.values())


def test_a_cache_that_lets_new_queries_through_is_passed(folder, look):
    folder.cache = Cache(by_query=True)
    look()
    assert statuses(look("scan")) == ["missing", "fulfilled", "fulfilled"]


def test_one_scan_behind_a_cache_that_cannot_be_passed_sends_the_files_it_found(folder, look):
    folder.cache = Cache()
    assert statuses(look("scan")) == ["missing", "fulfilled", "fulfilled"]


def test_a_young_response_about_a_file_is_current_and_one_about_absence_is_not(folder, look):
    folder.cache = Cache(hit=YOUNG)
    look()
    items = look()
    assert statuses(items) == ["unreadable"] * 3  # the other names of a file that was found are absent, too
    folder.cache.kept = {path: content for path, content in folder.cache.kept.items() if content is not None}
    assert statuses(look()) == ["missing", "matched", "matched"]


def test_a_cache_that_revalidates_is_believed(folder, look):
    folder.cache = Cache(hit={"X-Cache": "RefreshHit from cloudfront"})
    look()
    assert statuses(look()) == ["missing", "matched", "matched"]


@pytest.mark.usefixtures("folder")
def test_caches_are_asked_for_the_servers_own_response(look, web_server):
    look("scan")
    assert len(web_server.headers) > 20
    assert all("no-cache" in headers for headers in web_server.headers)


@pytest.mark.parametrize(("by_query", "verdict"), [(True, "ok"), (False, "warning")])
def test_check_warns_of_a_cache_that_keeps_missing_files(folder, web_server, local_network, by_query, verdict):
    folder.cache = Cache(by_query=by_query)
    (step,) = [step for step in check_location(web_server.url, network=local_network).steps if step.name == "list"]
    assert str(step.verdict) == verdict
    assert ("exclude the folder from the cache" in step.message) == (verdict == "warning")


@pytest.mark.parametrize("headers", [AGED, YOUNG, {"X-Cache": "HIT"}])
def test_a_listing_from_a_cache_is_not_used(folder, look, web_server, local_network, headers):
    folder.pages, folder.page_headers = {"": listing("1002_1.pdf")}, headers
    folder.files["1001_1.pdf"] = PDF
    assert statuses(look()) == ["matched"] * 3
    storage = ra.open_storage(web_server.url, network=local_network)
    assert "each expected name is requested" in storage.probe_capability().description
    with pytest.raises(StorageMisbehaved, match="listing comes from a cache"):
        list(storage.pages())


def test_a_listing_that_a_cache_refreshes_for_a_new_query_is_used(folder, web_server, local_network):
    folder.pages, folder.page_headers = {"": listing("1002_1.pdf")}, {"Age": "0"}
    storage = ra.open_storage(web_server.url, network=local_network)
    pages = list(storage.search(SearchQuery(basenames=["1002_1"])))
    assert pages[-1].complete
    assert storage.requests == {"list": 1, "head": 0, "get": 0}

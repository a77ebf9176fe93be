"""Every listing and search ends in time, whatever the storage does. The clock counts requests."""

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.matching import Page
from remote_artwork.errors import StorageMisbehaved
from remote_artwork.storage.backends.base import ListingTimeout
from remote_artwork.storage.backends.listing import Lister
from remote_artwork.storage.backends.web_probing import MAX_CONCURRENT_PROBES

LIMIT = 5


@pytest.fixture
def clock(monkeypatch):
    """A list whose length is the time."""
    ticks = []
    monkeypatch.setattr("remote_artwork.storage.storage.monotonic", lambda: float(len(ticks)))
    return ticks


def test_a_web_folder_is_not_probed_after_the_time_limit(web_server, clock):
    web_server.folder.requests = clock
    network = ra.NetworkPolicy(allow_private=True, allow_http=True, listing_timeout=LIMIT)
    storage = ra.open_storage(web_server.url, network=network)
    with pytest.raises(StorageMisbehaved, match="stopped after 5 seconds"):
        list(storage.search(SearchQuery(basenames=[f"{number}_1" for number in range(200)])))
    assert LIMIT < len(clock) <= LIMIT + MAX_CONCURRENT_PROBES


def test_folders_are_not_listed_after_the_time_limit(clock):
    class Endless(fsspec.AbstractFileSystem):
        protocol = "endless"
        cachable = False

        def ls(self, path, **_options):
            clock.append(path)
            return [{"name": f"{path}/a", "size": 0, "type": "directory"}]

    with pytest.raises(StorageMisbehaved, match="stopped after 5 seconds"):
        list(ra.ArtworkStorage(Endless(), "in", listing_timeout=LIMIT).pages())
    assert len(clock) == LIMIT + 1


def test_the_message_of_the_time_limit_also_fits_a_folder_without_files(clock):
    class Empty(fsspec.AbstractFileSystem):
        protocol = "empty"
        cachable = False

        def ls(self, path, **_options):
            clock.append(path)
            return [{"name": f"{path}/a", "size": 0, "type": "directory"}]

    with pytest.raises(StorageMisbehaved, match=r"if the folder has many files.*if it has few.*its listing never ends"):
        list(ra.ArtworkStorage(Empty(), "in", listing_timeout=LIMIT).pages())


def test_a_request_is_not_retried_after_the_time_limit(clock):
    class Down(fsspec.AbstractFileSystem):
        protocol = "down"
        cachable = False

        def ls(self, path, **_options):
            clock.append(path)
            raise ConnectionResetError

    retry = ra.RetryPolicy(attempts=50, sleep=lambda _seconds: None)
    with pytest.raises(StorageMisbehaved, match="stopped after 5 seconds"):
        list(ra.ArtworkStorage(Down(), "in", retry=retry, listing_timeout=LIMIT).pages())
    assert len(clock) == LIMIT + 1


def test_a_listing_is_not_resumed_after_the_time_limit():
    asked = []

    class Cut:
        folder = ""

        def page(self, _request):
            return Page(["a.png"], next_token="more")

    def ask(_kind, request, /, **_about):
        asked.append(request)
        if len(asked) > 1:
            raise ListingTimeout("later")
        return request()

    with pytest.raises(ListingTimeout):
        list(Lister().pages(Cut(), ask))
    assert len(asked) == 2

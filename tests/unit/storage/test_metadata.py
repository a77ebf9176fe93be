"""What a storage says about a file becomes a ``StoredFile``, whose change token proves something."""

from datetime import datetime, timedelta, timezone

import pytest

from attacks import IMPOSSIBLE_TIMES
from remote_artwork.errors import StorageMisbehaved
from remote_artwork.storage.metadata import change_token, stored_file


@pytest.mark.parametrize(
    "time",
    [
        *IMPOSSIBLE_TIMES,
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-10))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        1e30,
        10**400,
        float("inf"),
        float("nan"),
    ],
)
def test_a_time_that_no_clock_can_show_is_unknown(time):
    assert stored_file("a.png", size=1, etag="e", last_modified=time).last_modified is None
    assert change_token(modified=time, size=1, unique=7) is None


@pytest.mark.parametrize("size", [None, -1, "3", True])
def test_a_file_without_a_size_is_refused(size):
    with pytest.raises(StorageMisbehaved, match="does not report the size"):
        stored_file("a.png", size=size, etag="e")


@pytest.mark.parametrize("etag", [None, "", '""', 'W/""', '"0"', "null", '" "', '"D41D8CD98F00B204E9800998ECF8427E"'])
def test_a_file_without_a_change_token_is_refused(etag):
    with pytest.raises(StorageMisbehaved, match="without an ETag"):
        stored_file("a.png", size=1, etag=etag)


def test_an_empty_file_may_have_the_etag_of_an_empty_file():
    empty = "d41d8cd98f00b204e9800998ecf8427e"
    assert stored_file("a.png", size=0, etag=empty).etag == empty


NOON = "Fri, 01 May 2026 12:00:00 GMT"


def test_a_weak_etag_counts_only_together_with_time_and_size():
    token = change_token(etag='W/"e"', modified=NOON, size=3)
    assert token == "e-1777636800.000000-3"
    assert change_token(etag='W/"e"', modified="noon", size=3) is None
    assert change_token(etag='"e"', modified="noon", size=3) == "e"


@pytest.mark.parametrize(
    "time",
    ["", "Sat, 28 11 2026 01:00:00 GMT", "So, 28 lis 2026 01:00:00 GMT", "2026-05-01", "1970-01-01T00:00:00Z", 0],
)
def test_a_time_that_proves_nothing_is_no_change_token(time):
    assert change_token(modified=time, size=3, unique=7) is None


def test_without_an_etag_the_time_the_size_and_the_id_of_the_file_count():
    token = change_token(modified=NOON, size=3, unique=7)
    assert token == "7-1777636800.000000-3"
    for other in ({"modified": "Fri, 01 May 2026 12:00:01 GMT"}, {"size": 4}, {"unique": 8}):
        assert change_token(**{"modified": NOON, "size": 3, "unique": 7, **other}) not in (None, token)

"""What a storage says about a file becomes a ``StoredFile``, whose change token proves something."""

from datetime import datetime, timedelta, timezone

import pytest

from attacks import IMPOSSIBLE_TIMES
from remote_artwork.errors import StorageMisbehaved
from remote_artwork.storage.metadata import file_change_token, stored_file, weak_change_token


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
    assert file_change_token(7, time, 1) == "7-0.000000-1"


@pytest.mark.parametrize("size", [None, -1, "3", True])
def test_a_file_without_a_size_is_refused(size):
    with pytest.raises(StorageMisbehaved, match="does not report the size"):
        stored_file("a.png", size=size, etag="e")


@pytest.mark.parametrize("etag", [None, "", '""', 'W/""'])
def test_a_file_without_a_change_token_is_refused(etag):
    with pytest.raises(StorageMisbehaved, match="without an ETag"):
        stored_file("a.png", size=1, etag=etag)


def test_a_weak_etag_counts_only_together_with_time_and_size():
    assert weak_change_token('W/"e"', "noon", 3) == "e-noon-3"

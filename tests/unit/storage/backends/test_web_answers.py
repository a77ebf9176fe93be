"""What an answer about one file says, by its status and headers."""

import pytest

from remote_artwork.errors import FileGone, StorageDenied, StorageMisbehaved
from remote_artwork.http import Response
from remote_artwork.storage.backends.web import file_from_response

MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"
WHOLE = {"content-length": "10", "etag": '"e"', "last-modified": MODIFIED}


def described(status, headers):
    return file_from_response("a.png", Response(status=status, headers=headers, body=b""))


def version(status=200, **headers):
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return described(status, WHOLE | told).etag


@pytest.mark.parametrize(
    ("status", "headers", "size"),
    [
        (200, {}, 10),
        (206, {"content-length": "1", "content-range": "bytes 0-0/123"}, 123),
        (416, {"content-length": "0", "content-range": "bytes */0"}, 0),
    ],
)
def test_the_size_is_that_of_the_whole_file(status, headers, size):
    assert described(status, WHOLE | headers).size == size


def test_a_strong_etag_alone_is_the_version():
    assert version() == version(last_modified="Wed, 15 Nov 2023 22:13:20 GMT") == "e"
    assert version() != version(etag='"f"')


@pytest.mark.parametrize("etag", ['W/"e"', ""])
def test_without_a_strong_etag_time_and_size_are_part_of_the_version(etag):
    same = version(etag=etag)
    assert same == version(etag=etag)
    assert same != version(etag=etag, last_modified="Wed, 15 Nov 2023 22:13:20 GMT")
    assert same != version(etag=etag, content_length="11")


@pytest.mark.parametrize(
    ("status", "headers", "error", "says"),
    [
        (404, {}, FileGone, "does not exist"),
        (410, {}, FileGone, "does not exist"),
        (412, {}, FileGone, "replaced"),
        (416, {"content-range": "bytes */5"}, FileGone, "replaced"),
        (401, {}, StorageDenied, "HTTP 401"),
        (403, {}, StorageDenied, "make the file public"),
        (301, {}, StorageMisbehaved, "redirects are not followed"),
        (400, {}, StorageMisbehaved, "HTTP 400"),
        (204, {}, StorageMisbehaved, "HTTP 204"),
        (200, {"content-type": "text/html; charset=utf-8"}, StorageMisbehaved, "web page"),
        (200, {"content-encoding": "gzip"}, StorageMisbehaved, "compresses"),
        (200, {"content-length": ""}, StorageMisbehaved, "file's size"),
        (200, {"content-length": "9" * 5000}, StorageMisbehaved, "file's size"),
        (206, {"content-range": "nonsense"}, StorageMisbehaved, "file's size"),
        (206, {"content-range": f"bytes 0-0/{'9' * 5000}"}, StorageMisbehaved, "file's size"),
        (200, {"etag": "", "last-modified": ""}, StorageMisbehaved, "neither ETag nor Last-Modified"),
    ],
)
def test_an_answer_that_is_none_of_a_file_is_an_error_that_names_it(status, headers, error, says):
    with pytest.raises(error, match=says) as raised:
        described(status, WHOLE | headers)
    assert type(raised.value) is error
    assert "a.png" in str(raised.value)

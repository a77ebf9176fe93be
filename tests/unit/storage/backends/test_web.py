"""The web backend: what a response says about a file, listings in S3's form, and probing of names."""

from collections import Counter

import pytest

from remote_artwork.core.expected import SearchQuery
from remote_artwork.errors import FileGone, StorageDenied, StorageError, StorageMisbehaved, StorageUnreachable
from remote_artwork.http import Response
from remote_artwork.storage.backends.web import (
    MAX_CONCURRENT_PROBES,
    MAX_UNREACHABLE,
    NameProbe,
    file_from_response,
    names_of,
    read_listing,
)
from web_server import listing

# One file

MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"
WHOLE = {"content-length": "10", "etag": '"e"', "last-modified": MODIFIED}


def described(status, headers):
    return file_from_response("a.png", Response(status=status, headers=headers, body=b""))


def token_of(status=200, **headers):
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
def test_the_size_is_the_whole_files(status, headers, size):
    assert described(status, WHOLE | headers).size == size


def test_a_strong_etag_is_the_change_token():
    assert token_of() == token_of(last_modified="Wed, 15 Nov 2023 22:13:20 GMT") == "e"
    assert token_of() != token_of(etag='"f"')


@pytest.mark.parametrize("etag", ['W/"e"', ""])
def test_without_a_strong_etag_the_change_token_has_time_and_size(etag):
    same = token_of(etag=etag)
    assert same == token_of(etag=etag)
    assert same != token_of(etag=etag, last_modified="Wed, 15 Nov 2023 22:13:20 GMT")
    assert same != token_of(etag=etag, content_length="11")


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
        (200, {"etag": "", "last-modified": ""}, StorageMisbehaved, "neither an ETag that identifies"),
    ],
)
def test_a_response_that_does_not_describe_a_file_is_an_error(status, headers, error, says):
    with pytest.raises(error, match=says) as raised:
        described(status, WHOLE | headers)
    assert type(raised.value) is error
    assert "a.png" in str(raised.value)


# Listings

BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<ListBucketResult><Contents><Key>&b;</Key><Size>1</Size></Contents></ListBucketResult>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/hostname"><ListBucketResult></ListBucketResult>"""


def names(document, folder="/in/"):
    return list(read_listing(document, folder=folder).names)


def test_keys_are_names_below_the_folder():
    assert names(listing("1001_1.jpg", "sub/a&amp;b.png")) == ["1001_1.jpg", "sub/a&b.png"]


def test_keys_of_a_listing_with_a_prefix_become_names_below_the_folder():
    document = listing("in/1001_1.jpg", "elsewhere/x.png", prefix="in/")
    assert names(document, "/bucket/in/") == ["1001_1.jpg", ""]
    for other in ("/bucket/out/", "/bucket/main/"):
        with pytest.raises(StorageError, match="another folder"):
            read_listing(document, folder=other)


def test_a_listed_file_has_size_etag_and_time():
    file = read_listing(listing("a.png"), folder="/in/").file(0)
    assert (file.size, file.etag) == (1, "2d711642b726b044")
    assert file.last_modified.isoformat() == "2023-11-14T22:13:20+00:00"


@pytest.mark.parametrize(
    ("more", "following"),
    [
        ("<IsTruncated>false</IsTruncated>", None),
        ("<IsTruncated>true</IsTruncated>", "marker=z"),
        ("<IsTruncated>true</IsTruncated><NextMarker>a b&amp;c</NextMarker>", "marker=a+b%26c"),
        (
            "<IsTruncated>true</IsTruncated><NextContinuationToken>1+/=</NextContinuationToken>",
            "list-type=2&continuation-token=1%2B%2F%3D",
        ),
    ],
)
def test_the_next_token_is_the_servers_token_or_marker(more, following):
    document = f"<ListBucketResult>{more}<Contents><Key>z</Key><Size>1</Size></Contents></ListBucketResult>"
    assert read_listing(document.encode(), folder="/").next_token == following


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        (b"<ListBucketResult><Contents>", "not a listing"),
        (b"<ListBucketResult><Contents><Key>a\x01</Key></Contents></ListBucketResult>", "not a listing"),
        (b"<html><!-- <ListBucketResult --></html>", "not in the form of S3"),
        (b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "without a token"),
        (b"<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>", "without its size"),
        (b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>", "without its size"),
        (
            b"<ListBucketResult><Contents><Key>a</Key><Size>%s</Size></Contents></ListBucketResult>" % (b"9" * 5000),
            "without its size",
        ),
    ],
)
def test_an_invalid_listing_is_refused(document, says):
    with pytest.raises(StorageError, match=says):
        read_listing(document, folder="/in/")


# Probing


def probing(answer):
    """A probe, and how often each name was requested; ``answer`` gives a status or raises."""
    asked = Counter()

    def request(name):
        asked[name] += 1
        return Response(status=answer(name), headers={"content-length": "1", "etag": "e"}, body=b"")

    return NameProbe("https://host/in/", request), asked


def run(probe, *stems, names=()):
    pages = list(probe.run(SearchQuery(basenames=stems, names=names)))
    return [name for page in pages for name in page.names], {k: v for page in pages for k, v in page.unknown.items()}


def test_names_are_probed_in_both_cases_and_both_unicode_forms():
    assert names_of("1") == ["1.jpg", "1.jpeg", "1.png", "1.pdf", "1.JPG", "1.JPEG", "1.PNG", "1.PDF"]
    assert set(names_of("é")) == {f"{e}{name[1:]}" for e in ("é", "e\u0301") for name in names_of("1")}


def test_an_empty_search_probes_nothing():
    probe, asked = probing(lambda _: 404)
    assert run(probe) == ([], {})
    assert not asked


def test_whole_names_are_requested_once():
    probe, asked = probing(lambda _: 404)
    run(probe, "1", names=["1.jpg", "other.txt"])
    assert asked == dict.fromkeys([*names_of("1"), "other.txt"], 1)


def test_one_random_name_per_extension_is_requested():
    probe, asked = probing(lambda name: 200 if len(name) < 9 and name.endswith("jpg") else 404)
    hits, _ = run(probe, *map(str, range(600)))
    assert hits == [f"{number}.jpg" for number in range(600)]
    assert asked.total() == 600 * 8 + 1


def test_an_unreachable_server_ends_the_probe_after_a_few_files():
    def never(_name):
        raise StorageUnreachable("later")

    probe, asked = probing(never)
    with pytest.raises(StorageUnreachable):
        run(probe, *map(str, range(600)))
    assert MAX_UNREACHABLE < asked.total() <= MAX_UNREACHABLE + MAX_CONCURRENT_PROBES


def test_a_file_without_a_clear_response_is_unknown_and_others_are_found():
    def one_is_odd(name):
        if name == "2.png":
            raise StorageMisbehaved("odd")
        return 200 if name in ("1.jpg", "2.jpg") else 404

    probe, _ = probing(one_is_odd)
    assert run(probe, "1", "2") == (["1.jpg"], {"2.png": "odd"})


def test_no_clear_response_at_all_is_an_error():
    def odd(_name):
        raise StorageMisbehaved("odd")

    probe, _ = probing(odd)
    with pytest.raises(StorageMisbehaved, match="odd"):
        run(probe, *map(str, range(40)))


def test_expected_names_that_a_server_treats_as_one_are_unknown():
    probe, _ = probing(lambda name: 200 if name.lower() in ("a.jpg", "1.jpg") else 404)
    hits, unknown = run(probe, "1", "A", "a")
    assert hits == ["1.jpg"]
    assert set(unknown) == {"A.jpg", "a.jpg"}
    assert "ignores upper and lower case" in unknown["a.jpg"]


def test_names_in_different_case_can_be_two_files():
    probe, _ = probing(lambda name: 200 if name in ("1.jpg", "1.JPG") else 404)
    assert run(probe, "1") == (["1.jpg", "1.JPG"], {})

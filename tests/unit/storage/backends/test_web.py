"""The web backend: what a response says about a file, listings in S3's form, and probing of names."""

import math
import re
from collections import Counter

import pytest

from remote_artwork.core.expected import SearchQuery
from remote_artwork.errors import (
    FileGone,
    FileReplaced,
    StorageDenied,
    StorageError,
    StorageMisbehaved,
    StorageUnreachable,
)
from remote_artwork.http import Response
from remote_artwork.storage.backends.web_files import file_from_response
from remote_artwork.storage.backends.web_listing import read_listing
from remote_artwork.storage.backends.web_probing import (
    MAX_CONCURRENT_PROBES,
    MAX_UNREACHABLE,
    NameProbe,
    is_misspelling,
    lookalike,
    names_of,
    shape_of,
)
from remote_artwork.storage.backends.web_requests import cache_age
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
        (412, {}, FileReplaced, "replaced"),
        (416, {"content-range": "bytes */5"}, FileReplaced, "replaced"),
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


@pytest.mark.parametrize(
    "headers",
    [
        {"content-location": "a.png.old"},
        {"content-location": "/in/a.png.en"},
        {"content-location": "https://host/in/b.png"},
        {"content-location": "A.png"},
        {"content-location": "http://[/a.png"},
        {"tcn": "choice"},
        {"vary": "Accept-Encoding, Negotiate"},
        {"alternates": '{"a.png.en" 1 {language en}}'},
    ],
)
def test_a_response_about_another_file_is_not_the_file(headers):
    with pytest.raises(StorageMisbehaved, match="has no file of this name"):
        described(200, WHOLE | headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-location": "a.png"},
        {"content-location": "https://origin.example/store/a.png?v=2"},
        {"content-location": "%61.png"},
        {"content-location": ""},
        {"vary": "Origin"},
        *({"content-encoding": value} for value in ("", "identity", "aws-chunked", "utf-8", "aws-chunked, UTF-8")),
    ],
)
def test_headers_that_name_the_file_or_encode_nothing_are_harmless(headers):
    assert described(200, WHOLE | headers).size == 10


@pytest.mark.parametrize("encoding", ["gzip", "br", "aws-chunked, gzip", "x-unknown"])
def test_an_encoded_file_is_an_error(encoding):
    with pytest.raises(StorageMisbehaved, match="compresses"):
        described(200, WHOLE | {"content-encoding": encoding})


# Caches


@pytest.mark.parametrize(
    ("headers", "age"),
    [
        ({}, 0),
        ({"age": "0", "x-cache": "HIT"}, 0),
        ({"age": "80000", "x-cache": "Hit from cloudfront"}, 80000),
        ({"x-cache": "Hit from cloudfront"}, math.inf),
        ({"x-cache": "RefreshHit from cloudfront"}, 0),
        ({"x-cache": "TCP_HIT"}, math.inf),
        ({"x-cache": "TCP_REFRESH_HIT"}, 0),
        ({"x-cache": "MISS", "x-cache-lookup": "HIT from proxy:3128", "x-cache-hits": "0"}, 0),
        ({"cf-cache-status": "STALE"}, math.inf),
        ({"cf-cache-status": "DYNAMIC"}, 0),
        ({"cache-status": '"CDN"; hit; ttl=30'}, math.inf),
        ({"cache-status": '"CDN"; fwd=stale'}, 0),
        ({"x-proxy-cache": "HIT"}, math.inf),
        ({"cache-control": "stale-while-revalidate=60"}, 0),
        ({"age": "soon"}, 0),
    ],
)
def test_the_age_of_a_cached_response_is_read_from_its_headers(headers, age):
    assert cache_age(Response(status=200, headers=headers, body=b"")) == age


# Listings

BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<ListBucketResult><Contents><Key>&b;</Key><Size>1</Size></Contents></ListBucketResult>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/hostname"><ListBucketResult></ListBucketResult>"""


def names(document, folder="/in/"):
    return list(read_listing(document, folder=folder).page.names)


def test_keys_are_names_below_the_folder():
    assert names(listing("1001_1.jpg", "sub/a&amp;b.png")) == ["1001_1.jpg", "sub/a&b.png"]


def test_keys_of_a_listing_with_a_prefix_become_names_below_the_folder():
    document = listing("in/1001_1.jpg", "in/x.png", prefix="in/")
    assert names(document, "/bucket/in/") == ["1001_1.jpg", "x.png"]
    for other in ("/bucket/out/", "/bucket/main/"):
        with pytest.raises(StorageError, match="another folder"):
            read_listing(document, folder=other)


def test_keys_that_are_declared_as_encoded_are_decoded():
    document = listing("a%20b%2B.png", "c+d.png").replace(b"<Name>", b"<EncodingType>url</EncodingType><Name>")
    assert names(document) == ["a b+.png", "c d.png"]


@pytest.mark.parametrize(
    ("count", "known", "declared", "query"),
    [
        (3, None, None, None),
        (3, None, 3, "marker=2.png"),
        (50, None, None, "marker=49.png"),
        (3, 3, None, "marker=2.png"),
        (2, 3, None, None),
    ],
)
def test_a_full_page_may_not_be_the_last_one(count, known, declared, query):
    size = f"<MaxKeys>{declared}</MaxKeys><Name>" if declared else "<Name>"
    document = listing(*(f"{i}.png" for i in range(count))).replace(b"<Name>", size.encode())
    assert read_listing(document, folder="/").query_after(known) == query


def test_a_listed_file_has_size_etag_and_time():
    file = read_listing(listing("a.png"), folder="/in/").page.file(0)
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
    assert read_listing(document.encode(), folder="/").page.next_token == following


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        (b"<ListBucketResult><Contents>", "not a listing"),
        (b"<ListBucketResult><Contents><Key>a\x01</Key></Contents></ListBucketResult>", "not a listing"),
        (b"<html><!-- <ListBucketResult --></html>", "not in the form of S3"),
        (b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "without a token"),
        (b"<ListBucketResult><IsTruncated>True</IsTruncated></ListBucketResult>", "without a token"),
        (listing("in/1.png", "out/2.png", prefix="in/"), "outside the folder"),
        (listing("a%20b.png"), "encoded names"),
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


def probing(answer, etag="of {}"):
    """A probe, and how often each name was requested; ``answer`` gives a status or raises."""
    asked = Counter()

    def request(name):
        asked[name] += 1
        return Response(status=answer(name), headers={"content-length": "1", "etag": etag.format(name)}, body=b"")

    return NameProbe("https://host/in/", request), asked


def run(probe, *stems, names=()):
    pages = list(probe.run(SearchQuery(basenames=stems, names=names)))
    return [name for page in pages for name in page.names], {k: v for page in pages for k, v in page.unknown.items()}


def test_names_are_probed_in_both_cases_and_both_unicode_forms():
    assert names_of("1") == ["1.jpg", "1.jpeg", "1.png", "1.pdf", "1.JPG", "1.JPEG", "1.PNG", "1.PDF"]
    assert set(names_of("é")) == {f"{e}{name[1:]}" for e in ("é", "e\u0301") for name in names_of("1")}


@pytest.mark.parametrize("stem", ["1001_1", "0017-2", "7", "PRINT_1004_FINAL_1", "2024/1001/1", "abc", "Ä", "A1_b2"])
def test_a_random_name_looks_like_the_name_it_stands_for(stem):
    for attempt in range(2):
        assert lookalike(stem, attempt) != stem
        assert shape_of(lookalike(stem, attempt)).startswith(shape_of(stem))
    words = re.findall("[A-Za-z]+", stem) if re.search("[0-9]", stem) else []
    assert all(word in lookalike(stem, 4) for word in words)


def test_no_number_gets_a_leading_zero():
    assert not any(re.search("(?<![0-9])0", lookalike("1001_12")) for _ in range(100))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("1001_1.PDF", True),
        ("1001_1.png", True),
        ("1003_1.pdf", True),
        ("10001_1.pdf", True),
        ("001_1.pdf", True),
        ("0101_1.pdf", True),
        ("1001_1.pdfx", True),
        ("1010_1.pdf", True),
        ("1023_1.pdf", False),
        ("3fa9c0.pdf", False),
        ("login", False),
        ("100_1.pd", False),
    ],
)
def test_a_misspelling_is_another_case_or_extension_or_one_character(other, expected):
    assert is_misspelling("1001_1.pdf", other) is is_misspelling(other, "1001_1.pdf") is expected


def test_a_fallback_for_names_of_one_form_is_detected():
    probe, _ = probing(lambda name: 200 if re.fullmatch(r"[1-9][0-9]{3}_[0-9]\.pdf", name) else 404)
    with pytest.raises(StorageMisbehaved, match=r"a random name ending in \.pdf"):
        run(probe, "1001_1")


def test_a_placeholder_for_one_item_number_is_detected():
    probe, _ = probing(lambda name: 200 if name.endswith("_1.pdf") else 404, etag="placeholder")
    with pytest.raises(StorageMisbehaved, match=r"a random name ending in \.pdf"):
        run(probe, "1001_1")


def test_a_full_folder_of_real_files_is_no_placeholder():
    probe, _ = probing(lambda name: 200 if re.fullmatch(r"[0-9]{4}_1\.pdf", name) else 404)
    assert run(probe, "1001_1", "1002_1") == (["1001_1.pdf", "1002_1.pdf"], {})


def test_a_random_name_that_is_a_real_file_proves_nothing():
    probe, _ = probing(lambda name: 200 if re.fullmatch(r"[1-9]\.pdf", name) else 404)  # nine files in a full folder
    assert run(probe, "1", "2") == (["1.pdf", "2.pdf"], {})


def test_403_is_missing_only_if_every_random_name_gets_it_and_a_file_was_found():
    probe, _ = probing(lambda name: 200 if name == "1001_1.pdf" else 403)
    assert run(probe, "1001_1", "1002_1") == (["1001_1.pdf"], {})
    probe, _ = probing(lambda _: 403)
    with pytest.raises(StorageDenied, match="refuses every name"):
        run(probe, "1001_1", "1002_1")


def test_a_rule_against_one_extension_is_not_missing():
    probe, asked = probing(lambda name: 403 if name.endswith(".pdf") else 200 if name == "1001_1.png" else 404)
    hits, unknown = run(probe, "1001_1", "1002_1", *map(str, range(2000, 2020)))
    assert hits == []
    assert len(unknown) == 22
    assert all("every name ending in .pdf" in problem for problem in unknown.values())
    assert sum(name.endswith(".pdf") for name in asked) <= 16 + 1  # at most one for each file that was in progress


def test_a_server_that_refuses_everything_half_way_reports_nothing_as_missing():
    responses = iter(range(10**6))
    probe, _ = probing(lambda _: 404 if next(responses) < 40 else 403)
    hits, unknown = run(probe, *(f"{number}_1" for number in range(1001, 1041)))
    assert hits == []
    assert len(unknown) >= 40 - 40 // 8


def test_a_server_that_loses_a_file_that_it_sent_reports_nothing_as_missing():
    responses = Counter()

    def forgets(name):
        responses[name] += 1
        return 200 if name == "1001_1.pdf" and responses[name] == 1 else 404

    probe, _ = probing(forgets)
    hits, unknown = run(probe, "1001_1", "1002_1")
    assert hits == ["1001_1.pdf"]
    assert list(unknown) == ["1002_1.jpg"]
    assert "prove nothing" in unknown["1002_1.jpg"]


def test_a_403_before_the_first_404_is_not_missing_either():
    probe, _ = probing(lambda name: 403 if name == "1001_1.jpg" else 200 if name == "1002_1.png" else 404)
    hits, unknown = run(probe, "1001_1", "1002_1")
    assert hits == ["1002_1.png"]
    assert list(unknown) == ["1001_1.jpg"]


def test_on_a_server_that_ignores_case_a_number_with_letters_is_unknown():
    probe, _ = probing(lambda name: 200 if name.lower() in ("a1_1.pdf", "print_7.pdf") else 404)
    query = SearchQuery(basenames=["A1_1", "PRINT_7"], case_matters=frozenset({"A1_1"}))
    pages = list(probe.run(query))
    assert [name for page in pages for name in page.names] == ["PRINT_7.pdf"]
    (problem,) = [problem for page in pages for problem in page.unknown.values()]
    assert "ignores upper and lower case" in problem


def test_an_empty_search_probes_nothing():
    probe, asked = probing(lambda _: 404)
    assert run(probe) == ([], {})
    assert not asked


def test_whole_names_are_requested_once():
    probe, asked = probing(lambda _: 404)
    run(probe, "1", names=["1.jpg", "other.txt"])
    assert asked == dict.fromkeys([*names_of("1"), "other.txt"], 1)


def test_one_random_name_per_extension_is_requested():
    files = {f"{number}_1.jpg" for number in range(1000, 1600)}
    probe, asked = probing(lambda name: 200 if name in files else 404)
    hits, _ = run(probe, *(f"{number}_1" for number in range(1000, 1600)))
    assert set(hits) == files
    assert 600 * 8 + 1 <= asked.total() <= 600 * 8 + 5  # more if the random name is that of a file


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

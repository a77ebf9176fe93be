"""S3-style listings as documents from outside: what is taken from them, and what is refused."""

import pytest

from remote_artwork.errors import StorageError
from remote_artwork.storage.backends.web import read_listing
from web_server import listing

BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<ListBucketResult><Contents><Key>&b;</Key><Size>1</Size></Contents></ListBucketResult>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/hostname"><ListBucketResult></ListBucketResult>"""


def names(document, folder="/in/"):
    return list(read_listing(document, folder=folder).names)


def test_keys_are_names_below_the_folder():
    assert names(listing("1001_1.jpg", "sub/a&amp;b.png")) == ["1001_1.jpg", "sub/a&b.png"]


def test_keys_of_a_listing_with_a_prefix_are_cut_to_the_folder_that_was_asked_for():
    document = listing("in/1001_1.jpg", "elsewhere/x.png", prefix="in/")
    assert names(document, "/bucket/in/") == ["1001_1.jpg", ""]
    for other in ("/bucket/out/", "/bucket/main/"):
        with pytest.raises(StorageError, match="another folder"):
            read_listing(document, folder=other)


def test_an_entry_tells_size_etag_and_time_of_a_file():
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
def test_the_next_page_is_asked_for_as_the_server_says(more, following):
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
def test_what_is_no_sound_listing_is_refused(document, says):
    with pytest.raises(StorageError, match=says):
        read_listing(document, folder="/in/")

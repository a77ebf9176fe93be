from __future__ import annotations

import re

import pytest

from remote_artwork.errors import StorageMisbehaved
from remote_artwork.storage.backends.s3 import read_page

SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
OBJECT = (
    "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;e1&quot;</ETag>"
    "<Size>12</Size><Owner><ID>o</ID><DisplayName>&lt;Key&gt;</DisplayName></Owner></Contents>"
)
MORE = "<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b==</NextContinuationToken>"
END = "<IsTruncated>false</IsTruncated>"


def page(*keys, end=END, head='<?xml version="1.0" encoding="UTF-8"?>\n'):
    objects = "".join(map(OBJECT.format, keys))
    return f"{head}<ListBucketResult {SPACE}><Name>b</Name>{objects}{end}</ListBucketResult>".encode()


def test_keys_are_in_order_and_files_are_parsed_on_demand():
    read = read_page(page("in/b.png", "in/a.png"))
    assert list(read.names) == ["in/b.png", "in/a.png"]
    assert read.next_token is None
    file = read.file(1)
    assert (file.size, file.etag, file.last_modified.isoformat()) == (12, "e1", "2026-01-01T00:00:00+00:00")


def test_the_token_of_the_next_page_is_unescaped():
    assert read_page(page("a", end=MORE)).next_token == "a&b=="
    assert read_page(page(end=MORE.replace("a&amp;b==", ""))).next_token == ""
    assert read_page(page("a", end="<IsTruncated>true</IsTruncated>")).next_token == ""


def test_an_empty_listing_has_no_keys():
    assert list(read_page(page()).names) == []


def test_keys_are_decoded_if_the_storage_says_they_are_encoded():
    encoded = page("a%2Bb+c%0A%C3%A9", end=f"<EncodingType>url</EncodingType>{END}")
    assert list(read_page(encoded).names) == ["a+b c\né"]
    assert list(read_page(page("a%2Bb+c")).names) == ["a%2Bb+c"]


USUAL = page("a&amp;b", "cé").decode()


@pytest.mark.parametrize(
    "unusual",
    [
        USUAL,
        USUAL.replace("<Contents>", "<Contents >"),
        USUAL.replace("<Contents>", '<Contents xmlns="">'),
        USUAL.replace("<Contents><Key>c", "<Contents ><Key>c"),
        USUAL.replace("<Key>", "<Key><![CDATA[").replace("</Key>", "]]></Key>").replace("&amp;", "&"),
        re.sub("<(/?)([A-Z])", r"<\1s3:\2", USUAL).replace("xmlns=", "xmlns:s3="),
    ],
    ids=["entities", "a space", "a name space", "mixed", "CDATA", "a prefix"],
)
def test_a_listing_in_unusual_xml_is_read(unusual):
    read = read_page(unusual.encode())
    assert list(read.names) == ["a&b", "cé"]
    assert read.file(1).size == 12


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html></html>",
        b"\xff\xfe<",
        page("a")[:-5],
        page("a", "b").replace(b"</Contents>", b"", 1),
        page("a", end=""),
        page("a").replace(b"ListBucketResult", b"ListAllMyBucketsResult"),
        page("a&nosuch;b"),
        page("a<b"),
    ],
    ids=["empty", "html", "not UTF-8", "cut", "open", "no end", "another root", "no such entity", "stray"],
)
def test_a_response_that_is_not_a_listing_is_refused(answer):
    with pytest.raises(StorageMisbehaved):
        read_page(answer)


@pytest.mark.parametrize("keys", [("a", ""), ("", "a")])
def test_an_object_without_a_key_is_refused(keys):
    with pytest.raises(StorageMisbehaved, match="without a name"):
        read_page(page(*keys))


def test_entities_are_never_expanded():
    laughs = '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    with pytest.raises(StorageMisbehaved, match="document type"):
        read_page(page("x&b;", head=laughs))


def test_external_entities_are_never_read():
    outer = '<!DOCTYPE x [<!ENTITY % f SYSTEM "file:///etc/hostname">]>'
    with pytest.raises(StorageMisbehaved, match="document type"):
        read_page(page("x", head=outer))


@pytest.mark.parametrize("size", ["", "-1", "12 apples", "9" * 5000])
def test_a_size_that_is_not_a_number_is_an_error_when_the_file_is_used(size):
    read = read_page(page("a").replace(b"<Size>12<", f"<Size>{size}<".encode()))
    with pytest.raises(StorageMisbehaved, match="size"):
        read.file(0)


def test_an_object_in_broken_xml_is_refused_when_it_is_used():
    read = read_page(page("a").replace(b"<Size>", b"<Size size>"))
    with pytest.raises(StorageMisbehaved):
        read.file(0)


def test_an_object_in_unusual_xml_is_read():
    read = read_page(page("a").replace(b"<Size>", b'<Size unit="byte">'))
    assert read.file(0).size == 12

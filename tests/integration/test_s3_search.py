"""Searching real S3 servers for expected names: unusual keys, small pages, and a server that throttles."""

from __future__ import annotations

import unicodedata
import uuid

import pytest

import remote_artwork as ra
from remote_artwork.core.expected import SearchQuery

pytestmark = pytest.mark.server

NFC = "é1_1"
ODD = (
    "a b",
    "a+b",
    "a%2Fb",
    "%41",
    "a&<>'\"",
    "x?versionId=1",
    "#",
    "a//b",
    "a..b",
    "front/1001_1",
    "~",
    "日本_1",
    "\U0001f600_1",
    "a" * 1016,
)
"""Stems that servers and clients often get wrong. The last one makes a key of 1,024 bytes with its folder."""


@pytest.fixture
def bucket(s3_server):
    return s3_server.create_bucket(f"search-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def storage(s3_server, bucket, local_network):
    return ra.open_storage(s3_server.url(bucket, "in"), credentials=s3_server.keys, network=local_network)


def found(storage, *stems, names=()):
    pages = storage.search(SearchQuery(basenames=sorted(stems), names=names))
    return {name for page in pages for name in page.names}


@pytest.mark.parametrize("at_once", [True, False], ids=["all at once", "each by itself"])
def test_unusual_names_are_found(s3_server, bucket, storage, at_once):
    for stem in ODD:
        s3_server.put(bucket, f"in/{stem}.png")
    s3_server.put(bucket, "in/")
    s3_server.put(bucket, "elsewhere.png")
    looks = [ODD] if at_once else [(stem,) for stem in ODD]
    for stems in looks:
        assert {f"{stem}.png" for stem in stems} <= found(storage, *stems)
    assert storage.requests["list"] == len(looks)


def test_both_unicode_forms_of_a_name_are_found(s3_server, bucket, storage):
    for form in ("NFC", "NFD"):
        s3_server.put(bucket, f"in/{unicodedata.normalize(form, NFC)}.png")
    assert found(storage, NFC) == {f"{unicodedata.normalize(form, NFC)}.png" for form in ("NFC", "NFD")}


def test_a_page_and_a_lookup_agree_about_a_file(s3_server, bucket, storage):
    s3_server.put(bucket, "in/1001_1.png", b"some content")
    [page] = [page for page in storage.search(SearchQuery(basenames=["1001_1"])) if page.names]
    listed, looked_at = page.file(0), storage.stat("1001_1.png")
    assert (listed.size, listed.etag) == (looked_at.size, looked_at.etag) == (12, looked_at.etag)
    assert abs((listed.last_modified - looked_at.last_modified).total_seconds()) < 1


def test_a_name_is_looked_up_directly(s3_server, bucket, storage):
    s3_server.put(bucket, "in/readme.txt")
    assert found(storage, names=["nothing.txt", "readme.txt"]) == {"readme.txt"}
    assert storage.requests == {"list": 0, "head": 2, "get": 0}


def test_a_users_file_system_still_lists_for_the_user(s3_server, bucket):
    import s3fs

    s3_server.put(bucket, "in/1001_1.png")
    fs = s3fs.S3FileSystem(
        key="k", secret="s", endpoint_url=s3_server.endpoint, skip_instance_cache=True, use_listings_cache=False
    )
    storage = ra.ArtworkStorage(fs, f"{bucket}/in")
    assert found(storage, "1001_1") == {"1001_1.png"}
    assert fs.find(bucket) == [f"{bucket}/in/1001_1.png"]
    assert found(storage, "1001_1") == {"1001_1.png"}

"""Public folders of real web servers on loopback."""

from __future__ import annotations

import functools
import http.server
import threading
import urllib.request
from datetime import timedelta
from unicodedata import normalize

import pytest

import remote_artwork as ra
from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.reasons import reason
from remote_artwork.errors import FileGone, StorageMisbehaved
from remote_artwork.storage.backends import web
from web_server import PIECE, listing

HOUR = timedelta(hours=1)


@pytest.fixture
def storage(web_server, local_network):
    return ra.open_storage(web_server.url, network=local_network)


def search(storage, *stems, names=()):
    """The files found, the unknown names, the caveats, and whether everything was seen."""
    pages = list(storage.search(SearchQuery(basenames=stems, names=names)))
    files = {page.names[place]: page.file(place) for page in pages for place in range(len(page.names))}
    unknown = {name: why for page in pages for name, why in page.unknown.items()}
    return files, unknown, {page.caveat for page in pages} - {None}, any(page.complete for page in pages)


def test_expected_names_are_found_and_every_request_is_counted(web_server, storage):
    web_server.folder.files = {"1001_1.jpg": b"x", "1002_1.PDF": b"y", "9999_1.png": b"z"}
    files, unknown, caveat, whole = search(storage, "1001_1", "1002_1", "1003_1")
    assert (set(files), unknown, caveat, whole) == ({"1001_1.jpg", "1002_1.PDF"}, {}, set(), False)
    # Eight names each, a random name for each extension with a file, and one file again because another is missing.
    assert storage.requests == {"list": 1, "head": 3 * 8 + 2 + 1, "get": 0}
    assert (len(web_server.folder.asked("GET")), len(web_server.folder.asked("HEAD"))) == (1 + 27, 0)


@pytest.mark.parametrize("etag", ["strong", "weak", "none"])
@pytest.mark.parametrize("head", [None, 403, 405])
@pytest.mark.parametrize("ranges", [True, False])
def test_unusual_names_work_with_every_kind_of_server(web_server, storage, etag, head, ranges):
    odd = ["a b", "a+b", "a%2Fb", "%41", "é", "a&<>'\"", "x?y=1", "#1", "a;b", "sub/a", "~$!*(),=:@"]
    web_server.folder.files = {f"{stem}.png": stem.encode() for stem in odd} | {"e\u0301.pdf": b"decomposed"}
    web_server.folder.etag, web_server.folder.head, web_server.folder.ranges = etag, head, ranges
    files, unknown, _, _ = search(storage, *odd)
    assert set(files) == set(web_server.folder.files)
    assert unknown == {}
    assert storage.requests["head"] == len(web_server.folder.requests) - 1
    for name, file in files.items():
        content = web_server.folder.files[name]
        assert storage.stat(name) == file
        assert storage.reader(file).read(0, 100) == content
        url, expires_at = storage.url(file, expires_in=HOUR)
        assert expires_at is None
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.read() == content


def test_a_server_that_ignores_ranges_is_read_only_as_far_as_needed(web_server, storage):
    size = 8 * 1024**2
    web_server.folder.files, web_server.folder.ranges = {"1.jpg": bytes(size - 3) + b"end"}, False
    file = storage.stat("1.jpg")
    assert storage.reader(file).read(0, 16) == bytes(16)
    # Data already sent when the connection closes stays in the buffers of both ends.
    assert web_server.folder.bytes_sent < size
    assert storage.reader(file).read(size - 3, 3) == b"end"


def test_only_the_needed_range_is_requested(web_server, storage):
    web_server.folder.files = {"1.jpg": bytes(10 * PIECE)}
    assert storage.reader(storage.stat("1.jpg")).read(9 * PIECE, 10) == bytes(10)
    assert web_server.folder.ranges_asked == ["bytes=0-0", f"bytes={9 * PIECE}-{9 * PIECE + 9}"]
    assert web_server.folder.bytes_sent == 1 + 10


def test_a_wrong_range_is_an_error(web_server, storage):
    web_server.folder.files, web_server.folder.shifted = {"1.jpg": bytes(10)}, 1
    with pytest.raises(StorageMisbehaved, match="another part"):
        storage.reader(storage.stat("1.jpg")).read(0, 5)


@pytest.mark.parametrize("etag", ["strong", "weak", "none"])
def test_a_replaced_file_is_gone_for_its_reader(web_server, storage, etag):
    web_server.folder.files, web_server.folder.etag = {"1.jpg": b"old"}, etag
    file = storage.stat("1.jpg")
    web_server.folder.files, web_server.folder.modified = {"1.jpg": b"new"}, web_server.folder.modified + 1
    with pytest.raises(FileGone, match="replaced"):
        storage.reader(file).read(0, 3)
    assert storage.stat("1.jpg").version != file.version
    web_server.folder.files.clear()
    with pytest.raises(FileGone):
        storage.reader(file).read(0, 3)
    with pytest.raises(FileGone):
        storage.stat("1.jpg")


def test_a_403_is_unknown_if_missing_files_get_a_404(web_server, storage):
    web_server.folder.files, web_server.folder.refused = {"1.jpg": b"x"}, frozenset({"2.png"})
    files, unknown, caveat, _ = search(storage, "1", "2")
    assert set(files) == {"1.jpg"}
    assert "it is not known whether the file exists" in unknown["2.png"]
    assert caveat == set()


def test_a_403_is_missing_with_a_caveat_if_missing_files_get_a_403(web_server, storage):
    web_server.folder.files, web_server.folder.missing = {"1.jpg": b"x"}, 403
    files, unknown, caveat, _ = search(storage, "1", "2")
    assert (set(files), unknown) == ({"1.jpg"}, {})
    assert caveat == {reason("private_looks_missing")}
    # Eight names each, a random name per extension, and the file again.
    assert storage.requests["head"] == len(web_server.folder.requests) - 1 == 2 * 8 + 8 + 1 + 1
    capability = storage.probe_capability()
    assert "HTTP 403" in capability.description
    assert capability.caution


def test_a_server_that_reports_every_name_is_refused_after_few_requests(web_server, storage):
    web_server.folder.missing = 200
    with pytest.raises(StorageMisbehaved, match="a random name"):
        search(storage, *map(str, range(100, 300)))
    assert len(web_server.folder.requests) <= 1 + 16 + 1
    with pytest.raises(StorageMisbehaved, match="respond with 404"):
        storage.probe_capability()


def test_a_server_that_ignores_case_has_one_file_and_not_two(web_server, storage):
    web_server.folder.files, web_server.folder.folds_case = {"1.JPG": b"x"}, True
    assert set(search(storage, "1")[0]) == {"1.jpg"}


@pytest.mark.parametrize("name", ["Müller", "Äpfel-Öl"])
def test_a_server_that_ignores_unicode_forms_has_one_file_and_not_two(web_server, storage, name):
    web_server.folder.files, web_server.folder.composes = {f"{normalize('NFD', name)}.jpg": b"x"}, True
    assert set(search(storage, name)[0]) == {f"{name}.jpg"}


@pytest.mark.parametrize(("name", "other"), [("Müller", b"another"), ("Äpfel-Öl", b"x")])
def test_two_files_whose_names_differ_in_their_unicode_form_stay_two(web_server, storage, name, other):
    web_server.folder.files = {f"{name}.jpg": b"x", f"{normalize('NFD', name)}.jpg": other}
    assert len(search(storage, name)[0]) == 2


def test_a_listing_in_s3s_form_is_read_page_by_page(web_server, storage):
    web_server.folder.pages = {"": listing("a.png", "../b.png", following="a.png"), "a.png": listing("c.png")}
    files, _, _, whole = search(storage, "c", names=["d.png"])
    assert (set(files), whole) == ({"a.png", "c.png"}, True)
    assert [name for page in storage.pages() for name in page.names] == ["a.png", "c.png"]
    assert storage.probe_capability() is None
    assert storage.requests == {"list": 5, "head": 0, "get": 0}


def test_a_listing_that_repeats_a_page_or_breaks_off_is_an_error(web_server, storage):
    web_server.folder.pages = {"": listing("a.png", following="x"), "x": listing("b.png", following="x")}
    with pytest.raises(StorageMisbehaved, match="repeats a page"):
        search(storage, "a")
    web_server.folder.pages["x"] = b"<html/>"
    with pytest.raises(StorageMisbehaved, match="breaks off"):
        search(storage, "a")
    assert len(web_server.folder.requests) == 4


def test_a_full_page_that_is_called_the_last_one_is_not(web_server, storage):
    numbers = [f"{number}_1.png" for number in range(1000, 1100)]
    web_server.folder.pages = {"": listing(*numbers[:50]), numbers[49]: listing(*numbers[50:])}
    assert len(search(storage, "1000_1")[0]) == 100
    web_server.folder.pages = {"": listing(*numbers[:50])}  # no further page, or the same one again
    assert len(search(storage, "1000_1")[0]) == 50
    web_server.folder.pages[numbers[49]] = web_server.folder.pages[""]
    assert len(search(storage, "1000_1")[0]) == 50


def test_a_listing_that_contradicts_itself_is_replaced_by_requests_for_names(web_server, storage):
    web_server.folder.files = {"1.jpg": b"x"}
    for page in (listing("in/2.jpg", "out/3.jpg", prefix="in/"), listing("a%20b.jpg")):
        web_server.folder.pages = {"": page}
        assert set(search(storage, "1")[0]) == {"1.jpg"}


def test_an_unreadable_listing_is_ignored_and_names_are_requested(web_server, storage):
    web_server.folder.pages = {"": b"<!DOCTYPE a [<!ENTITY b 'c'>]><ListBucketResult>&b;</ListBucketResult>"}
    web_server.folder.files = {"1.jpg": b"x"}
    assert set(search(storage, "1")[0]) == {"1.jpg"}


def test_a_folder_without_a_listing_cannot_be_swept(web_server, storage):
    with pytest.raises(ra.ConfigurationError, match="has no listing"):
        list(storage.pages())
    assert web_server.folder.requests == ["GET /in/"]


def test_pythons_own_web_server_serves_a_folder(tmp_path, local_network):
    (tmp_path / "1001_1.jpg").write_bytes(b"content")
    (tmp_path / "1002_1.png").mkdir()
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    handler = functools.partial(quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        storage = ra.open_storage(f"web+http://127.0.0.1:{server.server_port}/", network=local_network)
        files, unknown, _, _ = search(storage, "1001_1", "1002_1")
        assert set(files) == {"1001_1.jpg"}
        assert "redirects" in unknown["1002_1.png"]
        assert storage.reader(files["1001_1.jpg"]).read(3, 4) == b"tent"
        server.shutdown()


def test_no_cookies_and_no_settings_of_this_machine_are_sent(
    web_server, faulty_server, local_network, monkeypatch, tmp_path
):
    import fsspec.config

    (tmp_path / "netrc").write_text("machine 127.0.0.1 login bait password bait")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, faulty_server.endpoint)
    settings = {"client_kwargs": {"headers": {"X-Bait": "bait"}}, "headers": {"X-Bait": "bait"}}
    for protocol in ("http", "https"):
        monkeypatch.setitem(fsspec.config.conf, protocol, settings)
    web_server.folder.files = {"1.jpg": b"content"}
    storage = ra.open_storage(web_server.url, network=local_network)
    assert storage.reader(storage.stat("1.jpg")).read(0, 7) == b"content"
    assert len(web_server.headers) == 2
    for headers in web_server.headers:
        assert not {"bait", "Authorization", "Cookie"} & set(headers.replace(":", " ").split())
    assert faulty_server.requests == []


def test_a_server_that_ignores_ranges_is_not_read_to_the_end_of_a_huge_file(web_server, storage, monkeypatch):
    monkeypatch.setattr(web, "MAX_SKIPPED", PIECE)
    web_server.folder.files, web_server.folder.ranges = {"1.jpg": bytes(4 * PIECE)}, False
    reader = storage.reader(storage.stat("1.jpg"))
    assert reader.read(PIECE, 1) == b"\0"
    with pytest.raises(StorageMisbehaved, match="support Range requests"):
        reader.read(3 * PIECE, 1)


@pytest.mark.server
def test_a_public_s3_bucket_behind_a_web_address_is_listed(s3_server, local_network):
    bucket = s3_server.create_bucket("public-folder")
    s3_server.put_many(bucket, ["1_1.png", "2_1.png", "sub/a b+ü.png"])
    storage = ra.open_storage(f"web+{s3_server.endpoint}/{bucket}/", network=local_network)
    files, _, _, whole = search(storage, "1_1")
    assert (set(files), whole) == ({"1_1.png", "2_1.png", "sub/a b+ü.png"}, True)
    assert storage.requests == {"list": 1, "head": 0, "get": 0}

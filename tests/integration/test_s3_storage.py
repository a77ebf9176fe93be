from __future__ import annotations

import itertools
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import attrs
import pytest

import remote_artwork as ra
from parts import package

pytestmark = pytest.mark.server

HOUR = timedelta(hours=1)
numbers = itertools.count(1)


@pytest.fixture
def bucket(s3_server):
    return s3_server.create_bucket(f"prints-{next(numbers)}")


@pytest.fixture
def open_s3(s3_server, local_network):
    def open_(bucket, prefix="in", **options):
        options.setdefault("credentials", s3_server.keys)
        return ra.open_storage(s3_server.url(bucket, prefix), network=local_network, **options)

    return open_


def files(storage):
    return {
        page.names[position]: page.file(position) for page in storage.pages() for position in range(len(page.names))
    }


def download(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def test_a_listing_names_every_file_below_the_folder_and_nothing_else(s3_server, bucket, open_s3):
    for key in ["in/1001_1.png", "in/sub/2.pdf", "in/", "in/sub/", "in", "in2/3.png", "out/4.png"]:
        s3_server.put(bucket, key)
    assert set(files(open_s3(bucket))) == {"1001_1.png", "sub/2.pdf"}
    assert "in2/3.png" in files(open_s3(bucket, ""))


def test_odd_keys_arrive_as_they_are_and_can_be_used(s3_server, bucket, open_s3):
    odd = [
        "a b.png",
        "a+b.png",
        "a%2Fb.png",
        "%41.png",
        "ü.png",
        "u\u0308.png",
        "a&<>'\".png",
        "x?versionId=1.png",
        "#.png",
        "a//b.png",
    ]
    for key in odd:
        s3_server.put(bucket, f"in/{key}", key.encode())
    storage = open_s3(bucket)
    found = files(storage)
    assert set(found) == set(odd)
    for name, file in found.items():
        assert attrs.evolve(storage.stat(name), version_id=None, last_modified=None) == attrs.evolve(
            file, last_modified=None
        )
        assert storage.reader(file).read(0, 100) == name.encode()
        assert download(storage.url(file, expires_in=HOUR)[0]) == name.encode()


def test_names_that_would_lead_out_of_the_folder_are_left_out(faulty_server, local_network):
    faulty_server.answer("impossible names")
    storage = ra.open_storage(faulty_server.url(prefix="in"), network=local_network)
    assert set(files(storage)) == {"good.png", "two..dots.png"}
    with pytest.raises(ra.FileGone, match="no name"):
        storage.stat("../secret.png")
    assert storage.requests == {"list": 1, "head": 0, "get": 0}


def test_a_listing_of_more_than_a_thousand_files_is_whole_and_costs_a_request_a_page(s3_server, bucket, open_s3):
    names = {f"{number}_1.png" for number in range(1005)}
    s3_server.put_many(bucket, [f"in/{name}" for name in names])
    storage = open_s3(bucket)
    pages = list(storage.pages())
    assert [len(page.names) for page in pages] == [1000, 5]
    assert {name for page in pages for name in page.names} == names
    assert storage.requests == {"list": 2, "head": 0, "get": 0}


def test_a_long_lived_storage_sees_new_files_and_forgets_removed_ones(s3_server, bucket, open_s3):
    storage = open_s3(bucket)
    assert files(storage) == {}
    s3_server.put(bucket, "in/a.png")
    assert set(files(storage)) == {"a.png"}
    s3_server.delete(bucket, "in/a.png")
    assert files(storage) == {}


def test_a_bucket_that_does_not_exist_is_not_an_empty_one(open_s3):
    with pytest.raises(ra.LocationNotFound, match="no-such-bucket"):
        files(open_s3("no-such-bucket"))


def test_a_missing_file_costs_one_head_and_is_gone(bucket, open_s3):
    storage = open_s3(bucket)
    with pytest.raises(ra.FileGone, match=r"'nope\.png'"):
        storage.stat("nope.png")
    assert storage.requests == {"list": 0, "head": 1, "get": 0}


def test_reading_and_url_keep_to_the_version_that_was_looked_at(s3_server, local_network):
    bucket = s3_server.create_bucket(f"prints-{next(numbers)}", versioned=True)
    version = s3_server.put(bucket, "in/a.png", b"first")
    storage = ra.open_storage(s3_server.url(bucket, "in"), credentials=s3_server.keys, network=local_network)
    file = storage.stat("a.png")
    assert file.version_id == version
    s3_server.put(bucket, "in/a.png", b"other")
    assert storage.reader(file).read(0, 5) == b"first"
    assert download(storage.url(file, expires_in=HOUR)[0]) == b"first"
    assert storage.stat("a.png").version != file.version
    s3_server.delete(bucket, "in/a.png")
    with pytest.raises(ra.FileGone):
        storage.stat("a.png")


def test_without_versions_a_replaced_file_is_not_read_as_the_old_one(s3_server, bucket, open_s3):
    s3_server.put(bucket, "in/a.png", b"first")
    storage = open_s3(bucket)
    reader = storage.reader(storage.stat("a.png"))
    s3_server.put(bucket, "in/a.png", b"other")
    with pytest.raises(ra.FileGone, match="replaced"):
        reader.read(0, 5)
    s3_server.delete(bucket, "in/a.png")
    with pytest.raises(ra.FileGone):
        reader.read(0, 5)


def test_a_reader_fetches_no_piece_twice(s3_server, bucket, open_s3):
    content = bytes(range(256)) * 2000
    s3_server.put(bucket, "in/a.png", content)
    storage = open_s3(bucket)
    reader = storage.reader(storage.stat("a.png"))
    assert reader.read(0, 8) == content[:8]
    assert reader.read(len(content) - 8, 100) == content[-8:]
    assert reader.read(0, len(content)) == content
    assert reader.read(1000, 100_000) == content[1000:101_000]
    assert storage.requests["get"] == 3


def test_a_signed_url_says_until_when_it_works(s3_server, bucket, open_s3):
    s3_server.put(bucket, "in/a.png", b"content")
    storage = open_s3(bucket)
    file = storage.stat("a.png")
    before = datetime.now(UTC).replace(microsecond=0)
    artwork = storage.artwork(file, "front", expires_in=HOUR)
    assert before + HOUR <= artwork.expires_at <= datetime.now(UTC) + HOUR
    assert (artwork.placement, artwork.media_type, artwork.size) == ("front", "image/png", 7)
    with pytest.raises(ra.ConfigurationError, match="seven days"):
        storage.url(file, expires_in=timedelta(days=8))


def test_an_anonymous_url_is_plain_and_lives_as_long_as_the_file(s3_server, bucket, open_s3):
    s3_server.put(bucket, "in/a b+ü.png")
    storage = open_s3(bucket, credentials=ra.Anonymous())
    url, expires_at = storage.url(files(storage)["a b+ü.png"], expires_in=HOUR)
    assert url == f"{s3_server.endpoint}/{bucket}/in/a%20b%2B%C3%BC.png"
    assert expires_at is None


def test_one_storage_serves_several_threads_and_counts_every_request(s3_server, bucket, open_s3):
    s3_server.put(bucket, "in/a.png")
    storage = open_s3(bucket)
    with ThreadPoolExecutor(8) as threads:
        sizes = list(threads.map(lambda _: storage.stat("a.png").size, range(40)))
    assert sizes == [1] * 40
    assert storage.requests["head"] == 40


def test_a_file_system_handed_over_works_like_a_url(s3_server, bucket):
    s3fs = package("s3fs")
    s3_server.put(bucket, "in/a.png", b"content")
    fs = s3fs.S3FileSystem(
        key=s3_server.keys.access_key,
        secret=s3_server.keys.secret_key,
        endpoint_url=s3_server.endpoint,
        client_kwargs={"region_name": "us-east-1"},
    )
    storage = ra.ArtworkStorage(fs, f"{bucket}/in")
    assert set(files(storage)) == {"a.png"}
    assert storage.reader(storage.stat("a.png")).read(0, 7) == b"content"
    assert s3_server.keys.secret_key not in repr(storage) + storage.location


def test_nothing_of_this_machines_aws_settings_is_used(s3_server, bucket, open_s3, monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile ours]\nregion = nowhere\n")
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKOURS",
        "AWS_SECRET_ACCESS_KEY": "ours",
        "AWS_SESSION_TOKEN": "ours",
        "AWS_PROFILE": "there-is-no-such-profile",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_DEFAULT_REGION": "nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    import fsspec.config

    monkeypatch.setitem(fsspec.config.conf, "s3", {"key": "AKOURS", "secret": "ours", "profile": "ours"})
    s3_server.put(bucket, "in/a.png")
    for credentials in (ra.Anonymous(), s3_server.keys):
        storage = open_s3(bucket, credentials=credentials)
        url, _ = storage.url(files(storage)["a.png"], expires_in=HOUR)
        assert "AKOURS" not in url
        assert "Security-Token" not in url


def test_the_right_key_opens_and_a_wrong_one_is_denied(rclone_server, local_network):
    bucket = rclone_server.create_bucket("prints")
    rclone_server.put(bucket, "in/a b.png", b"content")
    url = rclone_server.url(bucket, "in")
    storage = ra.open_storage(url, credentials=rclone_server.keys, network=local_network)
    listed = files(storage)["a b.png"]
    assert listed.etag == storage.stat("a b.png").etag
    assert storage.reader(listed).read(3, 4) == b"tent"
    assert download(storage.url(listed, expires_in=HOUR)[0]) == b"content"
    for keys in (ra.Keys("AKTESTKEY", "another-secret"), ra.Keys("AKOTHERKEY", "another-secret")):
        denied = ra.open_storage(url, credentials=keys, network=local_network)
        for use in (lambda of=denied: files(of), lambda of=denied: of.stat("a b.png")):
            with pytest.raises(ra.StorageDenied) as error:
                use()
            assert "another-secret" not in str(error.value)
        assert denied.requests == {"list": 1, "head": 1, "get": 0}
    with pytest.raises(urllib.error.HTTPError):
        download(storage.url(listed, expires_in=HOUR)[0].partition("?")[0])
    with pytest.raises(ra.LocationNotFound):
        files(ra.open_storage(rclone_server.url("other", "in"), credentials=rclone_server.keys, network=local_network))

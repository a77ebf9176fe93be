"""Behavior of S3 storages beyond the storage contract and ``test_cloud_storages``."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

import remote_artwork as ra
from parts import package
from remote_artwork.errors import StorageDenied
from remote_artwork.testing.storage import HOUR, download, listed

pytestmark = pytest.mark.server

numbers = itertools.count(1)


@pytest.fixture
def bucket(s3_server):
    return s3_server.create_bucket(f"prints-{next(numbers)}")


@pytest.fixture
def open_s3(s3_server, local_network):
    def open_(bucket, credentials=s3_server.keys):
        return ra.open_storage(s3_server.url(bucket, "in"), credentials=credentials, network=local_network)

    return open_


def test_a_url_is_pinned_to_the_files_version(s3_server, open_s3):
    bucket = s3_server.create_bucket(f"prints-{next(numbers)}", versioned=True)
    version = s3_server.put(bucket, "in/a.png", b"first")
    storage = open_s3(bucket)
    file = storage.stat("a.png")
    assert file.version_id == version
    s3_server.put(bucket, "in/a.png", b"other")
    assert download(storage.url(file, expires_in=HOUR)[0]) == b"first"


def test_a_url_is_signed_for_seven_days_at_most(s3_server, bucket, open_s3):
    s3_server.put(bucket, "in/a.png", b"content")
    storage = open_s3(bucket)
    file = storage.stat("a.png")
    artwork = storage.artwork(file, "front", expires_in=timedelta(days=7))
    assert (artwork.placement, artwork.media_type, artwork.size) == ("front", "image/png", 7)
    with pytest.raises(ra.ConfigurationError, match="seven days"):
        storage.url(file, expires_in=timedelta(days=8))


def test_a_users_file_system_works_like_a_url(s3_server, bucket):
    s3fs = package("s3fs")
    s3_server.put(bucket, "in/a.png", b"content")
    fs = s3fs.S3FileSystem(
        key=s3_server.keys.access_key,
        secret=s3_server.keys.secret_key,
        endpoint_url=s3_server.endpoint,
        client_kwargs={"region_name": "us-east-1"},
    )
    storage = ra.ArtworkStorage(fs, f"{bucket}/in")
    assert set(listed(storage)) == {"a.png"}
    assert storage.reader(storage.stat("a.png")).read(0, 7) == b"content"
    assert s3_server.keys.secret_key not in repr(storage) + storage.location


def test_this_machines_aws_settings_are_not_used(s3_server, bucket, open_s3, monkeypatch, tmp_path):
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
        url, _ = storage.url(listed(storage)["a.png"], expires_in=HOUR)
        assert "AKOURS" not in url
        assert "Security-Token" not in url


@pytest.mark.parametrize("access_key", ["AKTESTKEY", "AKOTHERKEY"])
def test_wrong_keys_are_denied_and_not_shown(rclone_server, local_network, access_key):
    bucket = rclone_server.create_bucket(f"prints-{next(numbers)}")
    rclone_server.put(bucket, "in/a b.png", b"content")
    keys = ra.Keys(access_key, "another-secret")
    denied = ra.open_storage(rclone_server.url(bucket, "in"), credentials=keys, network=local_network)
    for use in (listed, lambda of: of.stat("a b.png")):
        with pytest.raises(StorageDenied) as error:
            use(denied)
        assert "another-secret" not in str(error.value)
    assert denied.requests == {"list": 1, "head": 1, "get": 0}

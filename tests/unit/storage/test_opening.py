import subprocess
import sys
from datetime import timedelta

import pytest

import remote_artwork as ra

KEYS = ra.Keys("AKTESTKEY", "hush")


def test_a_local_folder_and_memory_open_by_url(tmp_path):
    (tmp_path / "a b.png").write_bytes(b"x")
    storage = ra.open_storage(tmp_path.as_uri())
    assert [name for page in storage.pages() for name in page.names] == ["a b.png"]
    assert ra.open_storage(ra.Location.parse("memory://somewhere/")).location == "memory://somewhere/"


def test_a_location_of_this_machine_takes_no_keys(tmp_path):
    with pytest.raises(ra.ConfigurationError, match="takes no credentials"):
        ra.open_storage(tmp_path.as_uri(), credentials=KEYS)


def test_plain_http_needs_an_operators_word():
    url = "s3+http://s3.example.com/prints/in/"
    network = ra.NetworkPolicy(allow_http=True)
    assert ra.open_storage(url, network=network).location.startswith("s3+http://s3.example.com/prints/in/")
    with pytest.raises(ra.InvalidLocation):
        ra.open_storage(url)


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ra.MissingExtra, match=r"pip install 'remote_artwork\[s3\]'"):
        ra.open_storage("s3://prints/in/?region=eu-west-1")


def test_nothing_that_is_shown_holds_a_key():
    storage = ra.open_storage("s3://prints/in/?region=eu-west-1", credentials=KEYS)
    for text in (repr(storage), str(storage), storage.location):
        assert "s3://prints/in/" in text
        assert "AKTESTKEY" not in text
        assert "hush" not in text


def test_an_aws_url_is_signed_for_its_own_host_and_region():
    storage = ra.open_storage("s3://prints/in/?region=eu-west-1", credentials=KEYS)
    url, _ = storage.url(ra.StoredFile(name="a.png", size=1, etag="e"), expires_in=timedelta(hours=1))
    assert url.startswith("https://prints.s3.eu-west-1.amazonaws.com/in/a.png?")
    assert "%2Feu-west-1%2Fs3%2F" in url


def test_no_sdk_is_loaded_before_a_location_needs_it():
    loaded = "import sys, remote_artwork.storage.opening; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert "remote_artwork.storage.storage" in modules
    assert not {"s3fs", "aiobotocore", "botocore", "aiohttp", "gcsfs", "adlfs"} & set(modules)

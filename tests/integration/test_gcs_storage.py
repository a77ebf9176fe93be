"""Behavior of Google storages beyond the storage contract and ``test_cloud_storages``."""

from __future__ import annotations

import itertools
import json
import urllib.error
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

import gcs_server as gcs
import remote_artwork as ra
from parts import package
from remote_artwork.storage import StoredFile
from remote_artwork.testing.storage import HOUR, download, listed

pytestmark = pytest.mark.server

numbers = itertools.count(1)


@pytest.fixture
def bucket(gcs_server):
    return gcs_server.create_bucket(f"prints-{next(numbers)}")


@pytest.fixture
def open_gcs(gcs_server, local_network):
    def open_(bucket, **options):
        return gcs.open_gcs(gcs_server, bucket, local_network, **options)

    return open_


def test_a_signed_url_has_a_generation_and_needs_no_request(gcs_server, bucket, open_gcs, service_account_key):
    generation = gcs_server.put(bucket, "in/a b.png", b"first")
    file = open_gcs(bucket).stat("a b.png")
    storage = open_gcs(bucket, credentials=ra.ServiceAccount(service_account_key))
    assert file.version_id == file.version == generation
    url, _ = storage.url(file, expires_in=HOUR)
    assert download(url) == b"first"
    gcs_server.put(bucket, "in/a b.png", b"other")
    with pytest.raises(urllib.error.HTTPError):
        download(url)
    assert storage.requests == {"list": 0, "head": 0, "get": 0}


def test_a_signed_url_is_valid_for_google(service_account_key):
    padding = package("cryptography.hazmat.primitives.asymmetric.padding")
    from cryptography.hazmat.primitives.hashes import SHA256, Hash
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    storage = ra.open_storage("gs://prints/in/", credentials=ra.ServiceAccount(service_account_key))
    file = StoredFile(name="a b+ü.png", size=1, etag="17", version_id="17")
    url, _ = storage.url(file, expires_in=timedelta(days=7))
    address, _, signature = url.partition("&X-Goog-Signature=")
    parts = urlsplit(address)
    assert address.startswith("https://storage.googleapis.com/prints/in/a%20b%2B%C3%BC.png?")
    query = {name: value for name, [value] in parse_qs(parts.query).items()}
    assert query["generation"] == "17"
    assert query["X-Goog-Expires"] == "604800"
    # The signature as Google's documentation describes it, computed here independently.
    request = f"GET\n{parts.path}\n{parts.query}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    digest = Hash(SHA256())
    digest.update(request.encode())
    scope = query["X-Goog-Credential"].partition("/")[2]
    signed = f"GOOG4-RSA-SHA256\n{query['X-Goog-Date']}\n{scope}\n{digest.finalize().hex()}"
    key = load_pem_private_key(service_account_key["private_key"].encode(), None).public_key()
    key.verify(bytes.fromhex(signature), signed.encode(), padding.PKCS1v15(), SHA256())
    with pytest.raises(ra.ConfigurationError, match="seven days"):
        storage.url(file, expires_in=timedelta(days=8))


@pytest.mark.parametrize("module", ["gcsfs", "gcsfs.core"])
def test_a_users_file_system_works_like_a_url(gcs_server, bucket, module):
    gcs_server.put(bucket, "in/a.png", b"content")
    fs = package(module).GCSFileSystem(token="anon", endpoint_url=gcs_server.endpoint, project="tests")
    storage = ra.ArtworkStorage(fs, f"gs://{bucket}/in")
    assert storage.location == f"gs://{bucket}/in"
    file = listed(storage)["a.png"]
    assert storage.stat("a.png") == file
    assert storage.reader(file).read(0, 7) == b"content"
    assert download(storage.url(file, expires_in=HOUR)[0]) == b"content"


def test_this_machines_google_settings_are_not_used(
    gcs_server, bucket, open_gcs, faulty_google, monkeypatch, tmp_path, service_account_key
):
    bait = tmp_path / "bait.json"
    ours = dict.fromkeys(("client_id", "client_secret", "refresh_token"), "ours")
    bait.write_text(json.dumps({"type": "authorized_user"} | ours))
    for name, value in {
        "STORAGE_EMULATOR_HOST": faulty_google.endpoint,
        "GOOGLE_APPLICATION_CREDENTIALS": str(bait),
        "GOOGLE_CLOUD_PROJECT": "ours",
        "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "ours.example",
        "GCE_METADATA_HOST": faulty_google.endpoint.removeprefix("http://"),
        "HTTP_PROXY": faulty_google.endpoint,
        "http_proxy": faulty_google.endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    import fsspec.config

    settings = {"token": str(bait), "endpoint_url": faulty_google.endpoint, "requester_pays": "ours"}
    for protocol in ("gs", "gcs"):
        monkeypatch.setitem(fsspec.config.conf, protocol, settings)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # for this test's own requests
    gcs_server.put(bucket, "in/a.png", b"content")
    monkeypatch.delenv("NO_PROXY")
    storage = open_gcs(bucket)
    file = listed(storage)["a.png"]
    assert storage.reader(file).read(0, 7) == b"content"
    assert storage.url(file, expires_in=HOUR)[0].startswith(gcs_server.endpoint)
    at_google = ra.open_storage("gs://prints/in/", credentials=ra.ServiceAccount(service_account_key))
    assert at_google.url(file, expires_in=HOUR)[0].startswith("https://storage.googleapis.com/prints/in/a.png?")
    fs = ra.open_storage("gs://prints/in/")._backend._fs
    assert fs.base == "https://storage.googleapis.com/storage/v1/"
    assert fs.credentials.credentials is None
    assert not fs.requester_pays
    assert faulty_google.requests == []

"""Behavior of Azure storages beyond the storage contract and ``test_cloud_storages``."""

from __future__ import annotations

import gc
import itertools
import time
import urllib.error
import weakref
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

import remote_artwork as ra
from parts import package
from remote_artwork.errors import FileGone, LocationNotFound, StorageDenied
from remote_artwork.storage import StoredFile
from remote_artwork.storage.backends import azure_client
from remote_artwork.testing.storage import HOUR, download, listed

pytestmark = pytest.mark.server

OTHER_KEY = ra.AccountKey("b3RoZXIga2V5IG9mIG5vYm9keQ==")
numbers = itertools.count(1)


@pytest.fixture
def container(azure_server):
    return azure_server.create_container(f"prints-{next(numbers)}")


@pytest.fixture
def open_azure(azure_server, local_network):
    def open_(container, credentials=azure_server.key):
        return azure_server.open(f"{container}/in", credentials, local_network)

    return open_


def test_a_folder_of_a_hierarchical_namespace_is_not_a_file(azure_server, container, open_azure):
    azure_server.put(container, "in/sub.png", b"", metadata={"hdi_isfolder": "true"})
    azure_server.put(container, "in/sub.png/a.png")
    storage = open_azure(container)
    assert set(listed(storage)) == {"sub.png/a.png"}
    with pytest.raises(FileGone):
        storage.stat("sub.png")


def test_a_missing_container_is_not_a_missing_file(open_azure):
    storage = open_azure("no-such-container")
    with pytest.raises(LocationNotFound, match="no-such-container"):
        storage.stat("a.png")
    assert storage.requests == {"list": 0, "head": 1, "get": 0}


def test_a_url_signed_with_the_account_key_opens_one_file(azure_server, container, open_azure):
    for name in ("in/a b+ü.png", "in/other.png"):
        azure_server.put(container, name, b"content")
    storage = open_azure(container)
    file = storage.stat("a b+ü.png")
    artwork = storage.artwork(file, expires_in=HOUR)
    assert artwork.url.startswith(f"{azure_server.endpoint}/{container}/in/a%20b%2B%C3%BC.png?")
    assert download(artwork.url) == b"content"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        download(artwork.url.replace("a%20b%2B%C3%BC", "other"))
    with pytest.raises(ra.ConfigurationError, match="one second"):
        storage.url(file, expires_in=timedelta(0))


def test_a_signed_url_is_pinned_to_the_files_version(container, open_azure):
    # Azurite keeps no versions, so the service's own response is not tested here.
    file = StoredFile(name="a.png", size=1, etag="e", version_id="2026-05-01T12:00:00.0000000Z")
    query = parse_qs(urlsplit(open_azure(container).url(file, expires_in=HOUR)[0]).query)
    assert query["versionid"] == [file.version_id]
    assert (query["sr"], query["sp"]) == (["bv"], ["r"])


def test_a_sas_lists_and_reads_and_is_shared_only_if_allowed(azure_server, container, open_azure):
    azure_server.put(container, "in/a b.png", b"content")
    sas = azure_server.sas(container)
    storage = open_azure(container, ra.SasToken(sas))
    file = listed(storage)["a b.png"]
    assert storage.stat("a b.png") == file
    assert storage.reader(file).read(3, 4) == b"tent"
    with pytest.raises(ra.ConfigurationError, match="share_sas=True") as error:
        storage.url(file, expires_in=HOUR)
    assert sas not in str(error.value)
    assert "sig=" not in repr(storage) + storage.location

    sharing = open_azure(container, ra.SasToken(f"?{sas}", share_sas=True))
    url, expires_at = sharing.url(file, expires_in=HOUR)
    assert download(url) == b"content"
    assert abs(expires_at - datetime.now(UTC) - 2 * HOUR) < timedelta(minutes=1)
    with pytest.raises(ra.ConfigurationError, match="too early for a URL that contains it"):
        sharing.url(file, expires_in=3 * HOUR)


def test_wrong_keys_and_an_expired_sas_are_denied_and_not_shown(azure_server, container, open_azure):
    azure_server.put(container, "in/a.png")
    ended = ra.SasToken(azure_server.sas(container, lives=timedelta(hours=-1)))
    elsewhere = ra.SasToken(azure_server.sas("another-container"))
    for credentials in (OTHER_KEY, ended, elsewhere):
        denied = open_azure(container, credentials)
        for use in (listed, lambda of: of.stat("a.png")):
            with pytest.raises(StorageDenied) as error:
                use(denied)
            assert "sig=" not in str(error.value)
            assert OTHER_KEY.key not in str(error.value)
        assert denied.requests == {"list": 1, "head": 1, "get": 0}


def test_a_sas_without_list_permission_is_denied(azure_server, container, open_azure):
    azure_server.put(container, "in/a.png")
    storage = open_azure(container, ra.SasToken(azure_server.sas(container, permission="r")))
    assert storage.stat("a.png").size == 1
    with pytest.raises(StorageDenied, match="list"):
        listed(storage)


def test_an_unsigned_url_of_a_public_container_has_no_version(azure_server, open_azure):
    container = azure_server.create_container(f"prints-{next(numbers)}", public="container")
    azure_server.put(container, "in/a b+ü.png", b"content")
    storage = open_azure(container, ra.Anonymous())
    pinned = attrs.evolve(storage.stat("a b+ü.png"), version_id="2026-05-01T12:00:00.0000000Z")
    url, expires_at = storage.url(pinned, expires_in=HOUR)
    assert url == f"{azure_server.endpoint}/{container}/in/a%20b%2B%C3%BC.png"
    assert expires_at is None
    assert download(url) == b"content"


def test_a_private_container_without_credentials_is_not_empty(azure_server, container, open_azure):
    azure_server.put(container, "in/a.png")
    storage = open_azure(container, ra.Anonymous())
    for use in (listed, lambda of: of.stat("a.png")):
        with pytest.raises((StorageDenied, LocationNotFound)):
            use(storage)


def test_an_unused_storage_closes_its_connections(azure_server, container, local_network):
    fs = azure_client.guarded_adlfs(azure_server.endpoint, "devstoreaccount1", azure_server.key, local_network)
    storage = ra.ArtworkStorage(fs, container)
    storage.internals.backend.write("a.png", b"content")  # through the SDK
    assert set(listed(storage)) == {"a.png"}
    transport, gone = fs.service_client._pipeline._transport, weakref.ref(fs)
    session = transport.session
    del fs, storage
    gc.collect()
    assert gone() is None
    deadline = time.monotonic() + 10
    while not session.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert session.closed


@pytest.mark.parametrize("kind", ["key", "sas"])
def test_a_users_file_system_works_like_a_url(azure_server, container, kind):
    adlfs = package("adlfs")
    azure_server.put(container, "in/a.png", b"content")
    secret = {
        "key": f"AccountKey={azure_server.key.key}",
        "sas": f"SharedAccessSignature={azure_server.sas(container)}",
    }[kind]
    fs = adlfs.AzureBlobFileSystem(
        connection_string=f"BlobEndpoint={azure_server.endpoint};AccountName=devstoreaccount1;{secret}"
        if kind == "key"
        else f"BlobEndpoint={azure_server.endpoint};{secret}",
        skip_instance_cache=True,
    )
    storage = ra.ArtworkStorage(fs, f"{container}/in")
    assert set(listed(storage)) == {"a.png"}
    assert storage.reader(storage.stat("a.png")).read(0, 7) == b"content"
    assert storage.location == f"abfs://{container}/in"
    if kind == "key":
        assert download(storage.url(storage.stat("a.png"), expires_in=HOUR)[0]) == b"content"
    else:
        with pytest.raises(ra.ConfigurationError, match="share_sas"):
            storage.url(storage.stat("a.png"), expires_in=HOUR)


def test_this_machines_azure_settings_are_not_used(azure_server, container, open_azure, faulty_server, monkeypatch):
    import fsspec.config

    azure_server.put(container, "in/a.png")
    ours = f"BlobEndpoint={faulty_server.endpoint};AccountName=ours;AccountKey={OTHER_KEY.key}"
    for name, value in {
        "AZURE_STORAGE_CONNECTION_STRING": ours,
        "AZURE_STORAGE_ACCOUNT_NAME": "ours",
        "AZURE_STORAGE_ACCOUNT_KEY": OTHER_KEY.key,
        "AZURE_STORAGE_SAS_TOKEN": "sv=1&sig=ours",
        "AZURE_STORAGE_CLIENT_ID": "ours",
        "AZURE_STORAGE_CLIENT_SECRET": "ours",
        "AZURE_STORAGE_TENANT_ID": "ours",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(fsspec.config.conf, "abfs", {"account_key": OTHER_KEY.key, "sas_token": "sv=1&sig=ours"})
    storage = open_azure(container)
    url, _ = storage.url(listed(storage)["a.png"], expires_in=HOUR)
    assert download(url) == b"x"
    with pytest.raises((StorageDenied, LocationNotFound)):
        listed(open_azure(container, ra.Anonymous()))
    assert faulty_server.requests == []

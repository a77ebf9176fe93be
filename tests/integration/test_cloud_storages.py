"""Behavior of all cloud storages beyond the storage contract, which ``compat`` runs."""

from __future__ import annotations

from uuid import uuid4

import pytest

import gcs_server as gcs
import remote_artwork as ra
from remote_artwork.errors import FileGone, LocationNotFound
from remote_artwork.testing.storage import listed

pytestmark = pytest.mark.server


def s3_by_url(server, bucket, folder, network):
    return ra.open_storage(server.url(bucket, folder), credentials=server.keys, network=network)


def gcs_by_url(server, bucket, folder, network):
    return gcs.open_gcs(server, bucket, network, prefix=folder)


def azure_by_url(server, container, folder, network):
    return server.open(f"{container}/{folder}".rstrip("/"), server.key, network)


CLOUDS = {"s3_server": s3_by_url, "gcs_server": gcs_by_url, "azure_server": azure_by_url}


@pytest.fixture
def server(request, cloud):
    return request.getfixturevalue(cloud)


@pytest.fixture
def bucket(server):
    make = getattr(server, "create_bucket", None) or server.create_container
    return make(f"prints-{uuid4().hex[:12]}")


@pytest.fixture
def open_(server, cloud, local_network):
    return lambda bucket, folder: CLOUDS[cloud](server, bucket, folder, local_network)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_folder_markers_are_not_files_and_a_whole_bucket_can_be_opened(server, bucket, open_):
    for name in ["in/1001_1.png", "in/sub/2.pdf", "in/", "in/sub/", "in", "in2/3.png"]:
        server.put(bucket, name)
    assert set(listed(open_(bucket, "in"))) == {"1001_1.png", "sub/2.pdf"}
    assert set(listed(open_(bucket, ""))) == {"in/1001_1.png", "in/sub/2.pdf", "in", "in2/3.png"}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_folder_can_have_an_unusual_name(server, bucket, open_):
    server.put(bucket, "in #1+%41?ü/a.png", b"content")
    storage = open_(bucket, "in #1+%41?ü")
    file = listed(storage)["a.png"]
    assert storage.stat("a.png").etag == file.etag
    assert storage.reader(file).read(0, 7) == b"content"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_missing_bucket_is_named(open_):
    with pytest.raises(LocationNotFound, match="no-such-bucket"):
        listed(open_("no-such-bucket", "in"))


@pytest.mark.parametrize("cloud", ["s3_server", "azure_server"])  # Google responds as for a deleted file
def test_a_reader_reports_a_replaced_file(server, bucket, open_):
    server.put(bucket, "in/a.png", b"first")
    storage = open_(bucket, "in")
    reader = storage.reader(storage.stat("a.png"))
    server.put(bucket, "in/a.png", b"other")
    with pytest.raises(FileGone, match="replaced"):
        reader.read(0, 5)

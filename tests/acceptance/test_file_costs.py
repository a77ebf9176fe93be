"""What a fulfilled file costs in requests on each kind of storage, after the listing that found it."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest

import gcs_server as gcs
import remote_artwork as ra
from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.lifecycle import FileRecord
from remote_artwork.storage.reader import PIECE
from remote_artwork.testing import FakeShop
from shop_files import PDF, uploaded

pytestmark = pytest.mark.server

LARGE = PDF[:-6] + b"\n%" + b"x" * (2 * PIECE) + b"\n" + PDF[-6:]
"""A complete PDF that is read at both ends: its first kilobyte, and its last 64,000 bytes."""


class OnS3:
    """A folder on S3; moto's server."""

    heads_of_look = 1
    versioned = False

    def __init__(self, server, network):
        self.server, self.bucket = server, server.create_bucket(f"prints-{uuid4().hex[:12]}", versioned=self.versioned)
        self.storage = ra.open_storage(server.url(self.bucket, "in"), credentials=server.keys, network=network)

    def put(self, name, content):
        self.server.put(self.bucket, f"in/{name}", content)


class OnVersionedS3(OnS3):
    """A folder of a bucket that keeps versions."""

    versioned = True


class OnGoogle(OnS3):
    """A folder on Google Cloud Storage."""

    heads_of_look = 0

    def __init__(self, server, network):
        self.server, self.bucket = server, server.create_bucket(f"prints-{uuid4().hex[:12]}")
        self.storage = gcs.open_gcs(server, self.bucket, network, prefix="in")


class OnAzure(OnGoogle):
    """A folder on Azure; Azurite."""

    def __init__(self, server, network):
        self.server, self.bucket = server, server.create_container(f"prints-{uuid4().hex[:12]}")
        self.storage = server.open(f"{self.bucket}/in", server.key, network)


CLOUDS = {OnS3: "s3_server", OnVersionedS3: "s3_server", OnGoogle: "gcs_server", OnAzure: "azure_server"}


@pytest.fixture(params=CLOUDS, ids=lambda cloud: cloud.__name__)
def folder(request, local_network):
    return request.param(request.getfixturevalue(CLOUDS[request.param]), local_network)


def spent(storage, use):
    """What ``use`` returns, and the requests that it made."""
    before = storage.requests
    result = use()
    return result, {kind: count - before[kind] for kind, count in storage.requests.items()}


def listed(storage, name):
    return next(page.file(page.names.index(name)) for page in storage.pages() if name in page.names)


@pytest.mark.parametrize(("content", "gets"), [(PDF, 1), (LARGE, 2)], ids=["small", "large"])
def test_reading_pins_the_version_without_a_lookup(folder, content, gets):
    folder.put("1001_1.pdf", content)
    storage = folder.storage
    reader = storage.reader(listed(storage, "1001_1.pdf"))

    def read():
        reader.read(0, 1024)
        reader.read(len(content) - 64_000 if len(content) > PIECE else 0, 64_000)
        return reader.pinned()

    pinned, requests = spent(storage, read)
    assert requests == {"list": 0, "head": 0, "get": gets}
    assert pinned == storage.stat("1001_1.pdf")
    assert not pinned.listed


def test_siblings_tell_all_where_no_lookup_is_needed(folder):
    folder.put("1001_1.pdf", PDF)
    storage = folder.storage
    record = FileRecord.of("default", storage.stat("1001_1.pdf"))

    def current():
        [page] = storage.siblings(["1001_1"])
        return page.file(page.names.index("1001_1.pdf"))

    found, requests = spent(storage, current)
    assert requests == {"list": 1, "head": 0, "get": 0}
    assert record.describes(found)
    assert storage.lists_tell_all == (folder.heads_of_look == 0)
    folder.put("1001_1.pdf", PDF + b"\n")
    assert not record.describes(current())


@pytest.mark.parametrize("attaching", ra.Attaching)
@pytest.mark.parametrize(("content", "gets"), [(PDF, 1), (LARGE, 2)], ids=["small", "large"])
def test_a_fulfilled_file_is_read_looked_at_and_compared_afterwards(folder, content, gets, attaching):
    numbers = ("1001", "1002", "1003")
    for number in numbers:
        folder.put(f"{number}_1.pdf", content)
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in numbers], attaching=attaching)
    report = ra.Scanner(folder.storage, shop, ledger=ra.MemoryLedger()).scan()
    assert report.counts == {"fulfilled": 3}
    each = {"list": 1, "head": folder.heads_of_look + 1, "get": gets}
    assert report.requests == {kind: 3 * count + (kind == "list") for kind, count in each.items()}


def test_a_file_that_was_checked_in_an_earlier_scan_is_not_read_again(folder):
    folder.put("1001_1.pdf", PDF)
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])])
    scanner = ra.Scanner(folder.storage, shop, ledger=ra.MemoryLedger())
    assert scanner.scan().counts == {"matched": 1, "missing": 1}
    shop.put(ra.Order("1001", [ra.OrderItem("1")]))
    report = scanner.scan()
    assert report.counts == {"fulfilled": 1}
    assert report.requests == {"list": 2, "head": folder.heads_of_look + 1, "get": 0}


def test_a_file_of_a_web_folder_is_read_without_a_lookup(web_server, local_network):
    web_server.folder.files = {"1001_1.pdf": PDF}
    storage = ra.open_storage(web_server.url, network=local_network)
    [page] = [page for page in storage.search(SearchQuery(basenames=["1001_1"])) if page.names]
    reader = storage.reader(page.file(0))

    def read():
        reader.read(0, 8)
        return reader.pinned()

    pinned, requests = spent(storage, read)
    assert requests == {"list": 0, "head": 0, "get": 1}
    assert pinned == storage.stat("1001_1.pdf")


def test_a_local_file_is_looked_up_after_it_was_read(tmp_path):
    uploaded(tmp_path / "1001_1.pdf", PDF)
    storage = ra.open_storage(tmp_path.as_uri(), network=ra.NetworkPolicy(allow_local=True))
    reader = storage.reader(listed(storage, "1001_1.pdf"))
    reader.read(0, 8)
    pinned, requests = spent(storage, reader.pinned)
    assert requests == {"list": 0, "head": 1, "get": 0}
    assert pinned == storage.stat("1001_1.pdf")
    reader = storage.reader(listed(storage, "1001_1.pdf"))
    reader.read(0, 8)
    before = (tmp_path / "1001_1.pdf").stat()
    (tmp_path / "1001_1.pdf").write_bytes(PDF.replace(b"%PDF", b"%PDX"))
    os.utime(tmp_path / "1001_1.pdf", ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    with pytest.raises(ra.errors.FileReplaced):
        reader.pinned()

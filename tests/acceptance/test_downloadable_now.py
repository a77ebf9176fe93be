"""A file that was checked once is judged again just before it is sent: can a shop download it, and for how long?"""

import base64
import uuid
from datetime import timedelta
from urllib.request import urlopen

import pytest

import remote_artwork as ra
from remote_artwork.storage import StoredFile
from remote_artwork.storage.backends.s3 import Backend
from remote_artwork.testing import FakeShop
from shop_files import PDF

HEAD_OF = {"content-length": str(len(PDF)), "etag": '"e"', "last-modified": "Fri, 01 May 2026 00:00:00 GMT"}
NAMES = {
    "ArchiveStatus": "x-amz-archive-status",
    "ContentEncoding": "content-encoding",
    "Expiration": "x-amz-expiration",
    "Restore": "x-amz-restore",
    "StorageClass": "x-amz-storage-class",
    "VersionId": "x-amz-version-id",
}
"""What the documentation of S3 calls a field of the response → its header."""

SOON, LATER = "Sat, 02 May 2026 00:00:00 GMT", "Fri, 01 May 2099 00:00:00 GMT"
RESTORED = 'ongoing-request="false", expiry-date="{}"'


class Bucket:
    """A bucket of one backend whose responses to HEAD are given."""

    def __init__(self, *, anonymous=False, **head):
        self.storage = ra.open_storage(
            "s3://prints/in/?region=eu-west-1", credentials=None if anonymous else ra.Keys("an-access-key", "a-secret")
        )
        backend = self.storage.internals.backend
        assert isinstance(backend, Backend)
        headers = {**HEAD_OF, **{NAMES[name]: value for name, value in head.items()}}
        backend._look_up = lambda _name: headers

    def stat(self):
        return self.storage.stat("1001_1.pdf")


@pytest.mark.parametrize(
    "head",
    [
        {"StorageClass": "GLACIER"},
        {"StorageClass": "DEEP_ARCHIVE"},
        {"StorageClass": "GLACIER", "Restore": 'ongoing-request="true"'},
        {"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "ARCHIVE_ACCESS"},
        {"StorageClass": "ColdArchive"},
        {"StorageClass": "ACCELERATED"},
    ],
)
def test_a_file_in_an_archive_is_unreadable(head):
    with pytest.raises(ra.errors.StorageMisbehaved, match="is in the archive"):
        Bucket(**head).stat()


@pytest.mark.parametrize("head", [{}, {"StorageClass": "GLACIER_IR"}, {"StorageClass": "INTELLIGENT_TIERING"}])
def test_a_file_that_can_be_read_at_once_has_no_end(head):
    assert Bucket(**head).stat().available_until is None


@pytest.mark.parametrize(
    ("head", "until"),
    [
        ({"StorageClass": "GLACIER", "Restore": RESTORED.format(SOON)}, 2026),
        ({"StorageClass": "DEEP_ARCHIVE", "Restore": RESTORED.format(LATER)}, 2099),
        ({"Expiration": f'expiry-date="{SOON}", rule-id="clean up"'}, 2026),
        ({"StorageClass": "GLACIER", "Restore": RESTORED.format(LATER), "Expiration": f'expiry-date="{SOON}"'}, 2026),
        ({"StorageClass": "GLACIER", "Restore": 'ongoing-request="false"'}, None),
    ],
)
def test_a_restored_copy_and_a_rule_that_deletes_end_the_access(head, until):
    available_until = Bucket(**head).stat().available_until
    assert (available_until and available_until.year) == until


def test_a_rule_that_deletes_a_file_only_hides_its_version():
    assert Bucket(VersionId="v1", Expiration=f'expiry-date="{SOON}"').stat().available_until is None


@pytest.mark.parametrize("label", ["gzip", "GZIP", "identity, br", "aws-chunked,gzip", "deflate"])
def test_a_file_labelled_as_compressed_is_unreadable(label):
    with pytest.raises(ra.errors.StorageMisbehaved, match="labeled as compressed"):
        Bucket(ContentEncoding=label).stat()


@pytest.mark.parametrize("label", ["", "identity", "aws-chunked", "utf-8", "none", "binary"])
def test_a_label_that_changes_no_byte_does_not_matter(label):
    assert Bucket(ContentEncoding=label).stat().size == len(PDF)


def test_a_version_that_urls_cannot_name_is_not_a_version():
    assert Bucket(VersionId="v1").stat().version_id == "v1"
    assert Bucket(anonymous=True, VersionId="v1").stat().version_id is None


def azure_with(**headers):
    """An Azure storage whose response to HEAD has these headers."""
    key = base64.b64encode(b"an-account-key").decode()
    storage = ra.open_storage("az://prints@account/in/", credentials=ra.AccountKey(key))
    answer = HEAD_OF | {name.replace("_", "-"): value for name, value in headers.items()}
    storage.internals.backend._look_up = lambda _name: answer
    return storage


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({"x_ms_access_tier": "Archive"}, "must be moved to another access tier first"),
        ({"x_ms_access_tier": "Archive", "x_ms_archive_status": "rehydrate-pending-to-hot"}, "is being restored"),
    ],
)
def test_a_blob_in_the_archive_tier_is_unreadable(properties, says):
    with pytest.raises(ra.errors.StorageMisbehaved, match=says):
        azure_with(**properties).stat("1001_1.pdf")


def test_a_blob_in_another_tier_is_readable_unless_it_is_labelled_as_compressed():
    storage = azure_with(x_ms_access_tier="Cool")
    assert storage.stat("1001_1.pdf").size == len(PDF)
    with pytest.raises(ra.errors.StorageMisbehaved, match="labeled as compressed"):
        azure_with(content_encoding="gzip").stat("1001_1.pdf")


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"contentEncoding": "gzip"}, "labeled as compressed"),
        ({"customerEncryption": {"encryptionAlgorithm": "AES256"}}, "encrypted with a key of the customer"),
    ],
)
def test_an_object_of_google_that_a_url_cannot_open_is_unreadable(metadata, says):
    storage = ra.open_storage("gs://prints/in/")
    described = {"size": str(len(PDF)), "generation": "17", "updated": "2026-05-01T12:00:00Z"}
    storage.internals.backend._get_json = lambda *_arguments, **_parameters: described
    assert storage.stat("1001_1.pdf").version_id == "17"
    described |= metadata
    with pytest.raises(ra.errors.StorageMisbehaved, match=says):
        storage.stat("1001_1.pdf")


FILE = StoredFile(name="1001_1.pdf", size=9, etag="1700000000000001", version_id="1700000000000001")
SAS = "sv=2023-11-03&ss=b&srt=sco&sp=rl&se=2099-01-01T00:00:00Z&sig=c2ln"


@pytest.mark.parametrize(
    ("url", "credentials", "pin"),
    [
        ("gs://bucket/in/", None, "?generation=1700000000000001"),
        ("az://prints@account/in/", ra.SasToken(SAS, share_sas=True), "?versionid=1700000000000001&sv="),
    ],
)
def test_urls_of_storages_that_keep_versions_name_the_version(url, credentials, pin):
    assert pin in ra.open_storage(url, credentials=credentials).url(FILE, expires_in=timedelta(hours=1))[0]


@pytest.fixture
def bucket(s3_server):
    return s3_server.create_bucket(f"now-{uuid.uuid4().hex[:12]}")


def order(*items):
    return ra.Order("1001", [ra.OrderItem(item) for item in items or ("1",)])


def archive(server, bucket, key):
    """What a lifecycle rule does over night: the storage class changes, and nothing else."""
    source = {"Bucket": bucket, "Key": key}
    server.call("copy_object", Bucket=bucket, Key=key, CopySource=source, StorageClass="GLACIER")


@pytest.mark.server
def test_a_file_archived_after_its_check_is_not_sent_until_it_is_restored(s3_server, local_network, bucket):
    storage = ra.open_storage(s3_server.url(bucket, "in"), credentials=s3_server.keys, network=local_network)
    s3_server.put(bucket, "in/1001_1.pdf", PDF)
    shop = FakeShop([order("1", "2")], attaching=ra.Attaching.WITH_FULFILL)
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger())
    assert [str(item.status) for item in scanner.scan().items] == ["matched", "missing"]
    archive(s3_server, bucket, "in/1001_1.pdf")
    s3_server.put(bucket, "in/1001_2.pdf", PDF)
    held = scanner.scan()
    assert [str(item.status) for item in held.items] == ["unreadable", "matched"]
    assert "is in the archive" in held.items[0].reason
    assert (held.exit_code, shop.artwork) == (1, {})
    s3_server.call("restore_object", Bucket=bucket, Key="in/1001_1.pdf", RestoreRequest={"Days": 3})
    scanner.url_lifetime = timedelta(days=5)
    short = scanner.scan()
    assert [str(item.status) for item in short.items] == ["unreadable", "matched"]
    assert "is available only until" in short.items[0].reason
    scanner.url_lifetime = timedelta(hours=24)
    assert [str(item.status) for item in scanner.scan().items] == ["fulfilled", "fulfilled"]
    for artworks in shop.artwork.values():
        with urlopen(artworks[0].url, timeout=10) as answer:
            assert answer.read() == PDF


@pytest.mark.server
def test_a_version_that_vanished_when_files_moved_is_not_in_the_url(s3_server, local_network, bucket):
    old = s3_server.create_bucket(f"old-{uuid.uuid4().hex[:12]}", versioned=True)
    s3_server.put(old, "in/1001_1.pdf", PDF)
    shop = FakeShop([order("1", "2")], attaching=ra.Attaching.WITH_FULFILL)
    ledger = ra.MemoryLedger()

    def scan(name):
        storage = ra.open_storage(s3_server.url(name, "in"), credentials=s3_server.keys, network=local_network)
        return [str(item.status) for item in ra.Scanner(storage, shop, ledger=ledger).scan().items]

    assert scan(old) == ["matched", "missing"]
    for number in (1, 2):
        s3_server.put(bucket, f"in/1001_{number}.pdf", PDF)
    assert scan(bucket) == ["fulfilled", "fulfilled"]
    for artworks in shop.artwork.values():
        assert "versionId" not in artworks[0].url
        with urlopen(artworks[0].url, timeout=10) as answer:
            assert answer.read() == PDF


@pytest.mark.server
def test_a_file_replaced_in_a_public_bucket_may_be_printed_unchecked_although_it_keeps_versions(
    s3_server, local_network
):
    public = s3_server.create_bucket(f"public-{uuid.uuid4().hex[:12]}", versioned=True)
    s3_server.call("put_bucket_acl", Bucket=public, ACL="public-read")
    key = {"Bucket": public, "Key": "in/1001_1.pdf", "ACL": "public-read"}
    s3_server.call("put_object", **key, Body=PDF)
    shop = FakeShop([order()], attaching=ra.Attaching.WITH_FULFILL)

    def download(artwork):
        s3_server.call("put_object", **key, Body=b"never checked")
        with urlopen(artwork.url, timeout=10) as answer:
            return answer.read()

    shop.download = download
    storage = ra.open_storage(s3_server.url(public, "in"), network=local_network)
    [item] = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan().items
    assert (str(item.status), item.code) == ("late_replacement", "replaced_after_send_unpinned")

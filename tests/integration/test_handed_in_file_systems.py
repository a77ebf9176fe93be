"""File systems that the host made: their caches are not used, their calls end, and those without URLs are refused."""

import os
import threading
import uuid
from datetime import timedelta
from urllib.request import urlopen

import fsspec
import pytest
from fsspec.implementations.cached import SimpleCacheFileSystem
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.ftp import FTPFileSystem

import remote_artwork as ra
from parts import package
from remote_artwork.errors import FileGone, StorageUnreachable
from remote_artwork.events import ItemVerified
from remote_artwork.storage.doctor import check_storage
from remote_artwork.testing import FakeShop
from shop_files import PDF

OTHER = b"<html>never checked</html>".ljust(len(PDF))
NOW = ra.Policy(settle_for=None)


@pytest.fixture
def root():
    """A folder of the in-memory file system, empty and the test's own."""
    folder = f"/{uuid.uuid4().hex}"
    yield folder
    memory = fsspec.filesystem("memory")
    if memory.exists(folder):
        memory.rm(folder, recursive=True)


def order(number, *items):
    return ra.Order(number, [ra.OrderItem(item) for item in items or ("1",)])


def scanner(storage, *orders, **options):
    return ra.Scanner(storage, FakeShop(orders), ledger=ra.MemoryLedger(), policy=NOW, **options)


class OnceVerified:
    def __init__(self, act):
        self.act = act

    def on_event(self, event):
        if isinstance(event, ItemVerified):
            self.act()


@pytest.mark.parametrize("protocol", ["filecache", "simplecache", "blockcache"])
def test_a_cache_of_contents_is_not_read(tmp_path, root, protocol):
    memory = fsspec.filesystem("memory")
    memory.pipe(f"{root}/1001_1.pdf", PDF)
    cache = fsspec.filesystem(protocol, target_protocol="memory", cache_storage=str(tmp_path / "cache"))
    storage = ra.ArtworkStorage(cache, root)
    [item] = scanner(storage, order("1001")).plan(verify=True).items
    assert item.status == "matched"
    memory.pipe(f"{root}/1001_1.pdf", OTHER)
    [item] = scanner(storage, order("1001")).scan().items
    assert item.status == "rejected"


def test_a_cache_behind_a_folder_is_not_read_either(tmp_path, root):
    memory = fsspec.filesystem("memory")
    memory.pipe(f"{root}/in/1001_1.pdf", PDF)
    cache = fsspec.filesystem("filecache", target_protocol="memory", cache_storage=str(tmp_path / "cache"))
    storage = ra.ArtworkStorage(DirFileSystem(path=root, fs=cache), "in")
    assert storage.location == f"memory://{root}/in"
    before = storage.stat("1001_1.pdf")
    assert storage.reader(before).read(0, 4) == b"%PDF"
    memory.pipe(f"{root}/in/1001_1.pdf", OTHER)
    assert storage.stat("1001_1.pdf").etag != before.etag
    assert storage.reader(storage.stat("1001_1.pdf")).read(0, 5) == b"<html"


class OwnCache(SimpleCacheFileSystem):
    """A host's own kind of cache: how to go around it is not known."""


class OwnFolder(DirFileSystem):
    """A host's own kind of wrapper."""


def test_a_cache_that_is_not_fsspecs_own_is_refused(tmp_path):
    cache = OwnCache(target_protocol="memory", cache_storage=str(tmp_path), skip_instance_cache=True)
    for fs in (cache, OwnFolder(path="/in", fs=cache, skip_instance_cache=True)):
        with pytest.raises(ra.ConfigurationError, match="keeps copies of files"):
            ra.ArtworkStorage(fs, "/in")


@pytest.mark.server
def test_a_bucket_behind_a_folder_is_read_past_its_kept_listings(s3_server):
    s3fs = package("s3fs")
    bucket = s3_server.create_bucket(f"folder-{uuid.uuid4().hex[:12]}")
    for number in (1001, 1002):
        s3_server.put(bucket, f"shop/in/{number}_1.pdf", PDF)
    inner = s3fs.S3FileSystem(
        key=s3_server.keys.access_key,
        secret=s3_server.keys.secret_key,
        endpoint_url=s3_server.endpoint,
        skip_instance_cache=True,
    )
    storage = ra.ArtworkStorage(DirFileSystem(path=f"{bucket}/shop", fs=inner), "in")

    def change():
        s3_server.delete(bucket, "shop/in/1001_1.pdf")
        s3_server.put(bucket, "shop/in/1002_1.pdf", OTHER)

    items = scanner(storage, order("1001"), order("1002"), observer=OnceVerified(change)).scan().items
    assert [str(item.status) for item in items] == ["missing", "rejected"]
    s3_server.put(bucket, "shop/in/1003_1.pdf", PDF)
    scans = scanner(storage, order("1003"))
    [item] = scans.scan().items
    assert item.status == "fulfilled"
    [artwork] = scans.client.artwork["1003", "1"]
    assert artwork.expires_at is not None
    with urlopen(artwork.url, timeout=10) as answer:
        assert answer.read() == PDF


class FtpWithUrls(FTPFileSystem):
    """FTP itself has no URLs that expire, so a host adds them."""

    cachable = False

    def sign(self, path, expiration=100, **_options):
        return f"https://files.example.com{path}?for={expiration}"


def ftp(server, kind):
    return kind("127.0.0.1", server.port, server.user, server.password)


def write(path, content, seconds):
    path.write_bytes(content)
    os.utime(path, (seconds, seconds))


@pytest.mark.server
def test_files_on_ftp_have_their_times_and_are_looked_up_past_kept_listings(ftp_server):
    write(ftp_server.folder / "1001_1.pdf", PDF, 1_700_000_000)
    storage = ra.ArtworkStorage(ftp(ftp_server, FtpWithUrls), "/")
    [listed] = [page.file(0) for page in storage.pages() if page.names]
    before = storage.stat("1001_1.pdf")
    assert listed == before
    assert before.last_modified.timestamp() == 1_700_000_000
    write(ftp_server.folder / "1001_1.pdf", OTHER, 1_700_000_100)
    after = storage.stat("1001_1.pdf")
    assert (after.size, after.etag != before.etag) == (before.size, True)
    (ftp_server.folder / "1001_1.pdf").unlink()
    with pytest.raises(FileGone):
        storage.stat("1001_1.pdf")


@pytest.mark.server
def test_a_file_replaced_on_ftp_after_its_check_is_not_sent(ftp_server):
    path = ftp_server.folder / "in" / "1002_1.pdf"
    path.parent.mkdir()
    write(path, PDF, 1_700_000_000)
    storage = ra.ArtworkStorage(ftp(ftp_server, FtpWithUrls), "/in")
    replace = OnceVerified(lambda: write(path, OTHER, 1_700_000_100))
    [item] = scanner(storage, order("1002"), observer=replace).scan().items
    assert item.status == "rejected"
    write(path, PDF, 1_700_000_200)
    scans = scanner(storage, order("1002"))
    [item] = scans.scan().items
    assert item.status == "fulfilled"
    assert scans.client.artwork["1002", "1"][0].url == "https://files.example.com/in/1002_1.pdf?for=86400"


@pytest.mark.server
def test_a_file_just_written_on_ftp_waits(ftp_server):
    (ftp_server.folder / "1003_1.pdf").write_bytes(PDF)
    storage = ra.ArtworkStorage(ftp(ftp_server, FtpWithUrls), "/")
    [item] = ra.Scanner(storage, FakeShop([order("1003")]), ledger=ra.MemoryLedger()).plan().items
    assert item.status == "settling"


@pytest.mark.server
def test_a_file_system_that_cannot_sign_is_refused_as_a_setting(ftp_server):
    storage = ra.ArtworkStorage(ftp(ftp_server, FTPFileSystem), "/")
    with pytest.raises(ra.ConfigurationError, match="FTPFileSystem cannot make URLs"):
        scanner(storage, order("1001"))
    (ftp_server.folder / "1001_1.pdf").write_bytes(PDF)
    failed = [step for step in check_storage(storage) if step.verdict == "failed"]
    assert [(step.name, type(step.error)) for step in failed] == [("sign", ra.ConfigurationError)]


class Unsigned(FtpWithUrls):
    """Has the method, as many file systems have, but not what it takes."""

    def sign(self, path, expiration=100, **_options):
        raise NotImplementedError


@pytest.mark.server
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_method_that_only_raises_cannot_sign(ftp_server, wrapped):
    fs = ftp(ftp_server, Unsigned)
    storage = ra.ArtworkStorage(OwnFolder(path="/", fs=fs, skip_instance_cache=True) if wrapped else fs, "/")
    with pytest.raises(ra.ConfigurationError, match="cannot make URLs"):
        scanner(storage, order("1001"))


class Hanging(fsspec.AbstractFileSystem):
    """Stops to respond until it is released."""

    protocol = "hanging"
    cachable = False

    def __init__(self):
        super().__init__()
        self.released, self.calls = threading.Event(), 0

    def sign(self, path, expiration=100, **_options):
        return f"https://files.example.com{path}?for={expiration}"

    def ls(self, _path, **_options):
        return self._hang()

    def info(self, _path, **_options):
        return self._hang()

    def _hang(self):
        self.calls += 1
        assert self.released.wait(60)
        return []


def test_a_file_system_that_never_responds_is_an_outage_and_gets_no_second_call():
    fs = Hanging()
    storage = ra.ArtworkStorage(fs, "/", call_timeout=0.05, retry=ra.RetryPolicy(sleep=lambda _seconds: None))
    try:
        with pytest.raises(StorageUnreachable, match=r"within 0\.05 seconds.*call_timeout"):
            storage.stat("1001_1.pdf")
        report = scanner(storage, order("1001")).scan()
        assert ([str(item.status) for item in report.items], report.exit_code) == (["unreadable"], 3)
        assert fs.calls == 1
    finally:
        fs.released.set()


def test_the_limit_is_that_of_the_storage_and_not_of_the_url_alone(root):
    class Signing(type(fsspec.filesystem("memory"))):
        protocol = "signing"
        cachable = False

        def sign(self, path, expiration=100, **_options):
            return f"https://files.example.com{path}?for={expiration}"

    fs = Signing()
    fs.pipe(f"{root}/a.pdf", PDF)
    storage = ra.ArtworkStorage(fs, root, call_timeout=60)
    file = ra.storage.StoredFile(name="a.pdf", size=len(PDF), etag="e")
    url, expires_at = storage.url(file, expires_in=timedelta(hours=2))
    assert url.endswith("?for=7200")
    assert expires_at is not None

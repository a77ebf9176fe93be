import os
import uuid
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import fsspec
import pytest

import remote_artwork as ra
from parts import package
from remote_artwork.client import ArtworkReader
from remote_artwork.errors import FileGone, LocationNotFound, StorageDenied, StorageMisbehaved, StorageUnreachable
from remote_artwork.storage import StoredFile
from remote_artwork.testing import Faults, FaultyStorage

HOUR = timedelta(hours=1)


def at_once(_seconds):
    """A retry without a wait."""


@pytest.fixture(params=["file", "memory"])
def folder(request, tmp_path):
    """A file system and an empty folder in it."""
    fs = fsspec.filesystem(request.param)
    root = str(tmp_path / "in") if request.param == "file" else f"/{uuid.uuid4().hex}"
    fs.makedirs(root)
    yield fs, root
    fs.rm(root, recursive=True)


@pytest.fixture
def storage(folder):
    return ra.ArtworkStorage(*folder, retry=ra.RetryPolicy(sleep=at_once))


def write(folder, name, content=b"x"):
    fs, root = folder
    path = f"{root}/{name}"
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    fs.pipe_file(path, content)


def files(storage):
    return {page.names[place]: page.file(place) for page in storage.pages() for place in range(len(page.names))}


def test_pages_list_the_plain_files_of_all_folders(folder, storage):
    names = {"1001_1.png", "sub/2.pdf", "sub/deeper/ü b.jpg"}
    for name in names:
        write(folder, name)
    folder[0].makedirs(f"{folder[1]}/empty")
    assert set(files(storage)) == names
    assert storage.requests == {"list": 4, "head": 0, "get": 0}


def test_an_empty_folder_has_no_files_and_a_missing_one_is_an_error(folder, storage):
    assert files(storage) == {}
    fs, root = folder
    with pytest.raises(LocationNotFound, match="nowhere"):
        files(ra.ArtworkStorage(fs, f"{root}/nowhere"))


def test_a_file_cannot_be_opened_as_a_folder(folder):
    write(folder, "1001_1.png")
    fs, root = folder
    with pytest.raises(LocationNotFound, match="not a folder"):
        files(ra.ArtworkStorage(fs, f"{root}/1001_1.png"))


def test_a_listing_and_a_stat_agree_until_the_file_is_replaced(folder, storage):
    write(folder, "a.png", b"first")
    listed = files(storage)["a.png"]
    assert storage.stat("a.png") == listed
    write(folder, "a.png", b"longer")
    assert storage.stat("a.png").version != listed.version
    folder[0].rm(f"{folder[1]}/a.png")
    with pytest.raises(FileGone, match=r"'a\.png'"):
        storage.stat("a.png")


def test_a_folder_is_not_a_file(folder, storage):
    write(folder, "sub/a.png")
    with pytest.raises(FileGone):
        storage.stat("sub")


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../a.png", "sub/../../a.png", "sub/..", "a\\b.png", "a\nb", "sub/"]
)
def test_an_invalid_key_causes_no_request(storage, name):
    file = StoredFile(name=name, size=1, etag="e")
    for use in (storage.stat, lambda _: storage.reader(file), lambda _: storage.url(file, expires_in=HOUR)):
        with pytest.raises(FileGone):
            use(name)
    assert storage.requests == {"list": 0, "head": 0, "get": 0}


def test_a_file_is_read_in_ranges(folder, storage):
    write(folder, "a.png", bytes(range(256)))
    reader = storage.reader(storage.stat("a.png"))
    assert isinstance(reader, ArtworkReader)
    assert reader.read(2, 3) == bytes([2, 3, 4])
    assert reader.read(250, 100) == bytes(range(250, 256))
    assert reader.read(300, 1) == b""
    assert storage.requests["get"] == 1


def test_an_artwork_of_a_local_folder_has_a_file_url(folder, storage):
    write(folder, "sub/a b#ü.png", b"content")
    artwork = storage.artwork(storage.stat("sub/a b#ü.png"), expires_in=HOUR)
    protocol = folder[0].protocol if isinstance(folder[0].protocol, str) else folder[0].protocol[0]
    parts = urlsplit(artwork.url)
    assert parts.scheme == protocol
    assert unquote(parts.netloc + parts.path).endswith("sub/a b#ü.png")
    assert (artwork.media_type, artwork.expires_at, artwork.placement) == ("image/png", None, "default")


def test_links_are_not_followed_out_of_the_folder(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    root = tmp_path / "in"
    root.mkdir()
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "nowhere.pdf").symlink_to(tmp_path / "nothing")
    (root / "link.txt").symlink_to(tmp_path / "secret.png")
    os.mkfifo(root / "pipe.jpg")
    (root / "folder").symlink_to(tmp_path)
    storage = ra.ArtworkStorage(fsspec.filesystem("file"), str(root))
    assert files(storage) == {}
    with pytest.raises(FileGone):
        storage.stat("link.png")


def test_a_replacement_with_the_same_time_stamp_is_noticed(tmp_path):
    (tmp_path / "a.png").write_bytes(b"first")
    storage = ra.ArtworkStorage(fsspec.filesystem("file"), str(tmp_path))
    before = storage.stat("a.png")
    stamp = (tmp_path / "a.png").stat()
    (tmp_path / "new").write_bytes(b"other")
    os.utime(tmp_path / "new", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    (tmp_path / "new").rename(tmp_path / "a.png")
    assert storage.stat("a.png").version != before.version


class Flaky(fsspec.AbstractFileSystem):
    """Fails a given number of times, then lists one file."""

    protocol = "flaky"
    cachable = False

    def __init__(self, failures, error):
        super().__init__()
        self.failures, self.error = failures, error

    def ls(self, path, **_options):
        self.failures -= 1
        if self.failures >= 0:
            raise self.error
        return [{"name": f"{path}/a.png", "size": 1, "type": "file", "mtime": 1.0}]


def test_an_outage_is_retried_and_every_attempt_counted():
    storage = ra.ArtworkStorage(Flaky(2, ConnectionResetError("reset")), "in", retry=ra.RetryPolicy(sleep=at_once))
    assert set(files(storage)) == {"a.png"}
    assert storage.requests["list"] == 3


def test_a_permanent_error_is_not_retried_and_not_an_empty_listing():
    storage = ra.ArtworkStorage(Flaky(1, PermissionError("no")), "in", retry=ra.RetryPolicy(sleep=at_once))
    with pytest.raises(StorageDenied) as error:
        files(storage)
    assert str(error.value.__cause__) == "builtins.PermissionError"
    assert storage.requests["list"] == 1


def test_a_subfolder_that_cannot_be_listed_is_an_error():
    class Half(Flaky):
        def ls(self, path, **options):
            if path == "in":
                return [{"name": "in/sub", "size": 0, "type": "directory"}]
            return super().ls(path, **options)

    with pytest.raises(StorageDenied):
        files(ra.ArtworkStorage(Half(1, PermissionError("no")), "in"))


@pytest.mark.parametrize("size", [None, "many", 1.5])
def test_a_listed_file_without_a_size_is_an_error_that_names_it(size):
    class Sizeless(Flaky):
        def ls(self, path, **_options):
            return [{"name": f"{path}/a.png", "size": size, "type": "file"}]

    (page,) = ra.ArtworkStorage(Sizeless(0, None), "in").pages()
    with pytest.raises(StorageMisbehaved, match=r"flaky://in: .*'a\.png'"):
        page.file(0)


def test_a_storage_that_cannot_make_urls_says_so():
    storage = ra.ArtworkStorage(Flaky(0, OSError()), "in")
    with pytest.raises(ra.ConfigurationError, match="cannot make URLs"):
        storage.url(files(storage)["a.png"], expires_in=HOUR)


def test_an_asynchronous_file_system_is_refused():
    http = package("fsspec.implementations.http")
    fs = http.HTTPFileSystem(asynchronous=True, skip_instance_cache=True)
    with pytest.raises(ra.ConfigurationError, match="asynchronous"):
        ra.ArtworkStorage(fs, "https://example.com/in")


def test_a_root_is_normalized_by_its_file_system(tmp_path):
    fs = fsspec.filesystem("file")
    assert ra.ArtworkStorage(fs, f"file://{tmp_path}/").location == f"file://{tmp_path}"
    (Path(tmp_path) / "a.png").write_bytes(b"x")
    assert set(files(ra.ArtworkStorage(fs, f"{tmp_path}/"))) == {"a.png"}


@pytest.mark.parametrize(
    ("url", "requests", "dollars"),
    [
        ("s3://prints/in/?region=eu-west-1", {"list": 10, "head": 0, "get": 0}, 0.0365),
        ("s3://prints/in/?region=eu-west-1", {"list": 10, "head": 100, "get": 50}, 0.0803),
        ("s3://prints/in/?region=eu-west-1", {"list": 0, "head": 0, "get": 0}, 0.0),
        ("https://s3.wasabisys.com/prints/in/", {"list": 10, "head": 100, "get": 50}, 0.0),
        ("https://s3.us-west-004.backblazeb2.com/prints/in/", {"list": 10, "head": 0, "get": 0}, 0.0292),
        ("https://s3.us-west-004.backblazeb2.com/prints/in/", {"list": 10, "head": 1, "get": 0}, None),
        ("s3+https://minio.example.com/prints/in/?provider=minio", {"list": 10, "head": 0, "get": 0}, None),
    ],
)
def test_monthly_cost_uses_the_providers_list_prices(url, requests, dollars):
    cost = ra.open_storage(url).monthly_cost(requests)
    assert cost == (None if dollars is None else pytest.approx(dollars))


def test_a_users_own_file_system_has_no_known_price():
    assert ra.ArtworkStorage(fsspec.filesystem("memory"), "/in").monthly_cost({"list": 1}) is None


def test_internal_requests_are_counted_and_retried_and_attempts_are_not(storage):
    tries = []

    def fails():
        tries.append(None)
        raise ConnectionResetError("secret words")

    with pytest.raises(StorageUnreachable, match=r"a\.png"):
        storage.internals.attempt(fails, name="a.png")
    assert (len(tries), storage.requests["list"]) == (1, 0)
    with pytest.raises(StorageUnreachable):
        storage.internals.send("list", fails)
    assert storage.requests["list"] == len(tries) - 1 > 1


def test_internal_requests_of_a_faulty_storage_have_its_faults(storage):
    faults = Faults()
    faults.fail("storage.list", StorageDenied("told so"))
    faulty = FaultyStorage(storage, faults)
    with pytest.raises(StorageDenied, match="told so"):
        faulty.internals.send("list", list)


def test_only_signed_urls_have_a_maximum_lifetime(storage):
    assert storage.max_url_lifetime is None
    assert ra.open_storage("s3://prints/in/").max_url_lifetime == timedelta(days=7)

import hashlib
import os
import tracemalloc
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
from remote_artwork.storage.reader import MAX_IN_MEMORY, PIECE, RangeReader
from remote_artwork.testing import Faults, FaultyStorage

HOUR = timedelta(hours=1)


def at_once(_seconds):
    """Lets a retry wait for nothing."""


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


def test_files_of_all_folders_are_listed_and_nothing_else(folder, storage):
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


def test_a_file_is_no_folder(folder):
    write(folder, "1001_1.png")
    fs, root = folder
    with pytest.raises(LocationNotFound, match="not a folder"):
        files(ra.ArtworkStorage(fs, f"{root}/1001_1.png"))


def test_a_listing_and_a_stat_tell_the_same_until_the_file_is_replaced(folder, storage):
    write(folder, "a.png", b"first")
    listed = files(storage)["a.png"]
    assert storage.stat("a.png") == listed
    write(folder, "a.png", b"longer")
    assert storage.stat("a.png").version != listed.version
    folder[0].rm(f"{folder[1]}/a.png")
    with pytest.raises(FileGone, match=r"'a\.png'"):
        storage.stat("a.png")


def test_a_folder_is_not_taken_for_a_file(folder, storage):
    write(folder, "sub/a.png")
    with pytest.raises(FileGone):
        storage.stat("sub")


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../a.png", "sub/../../a.png", "sub/..", "a\\b.png", "a\nb", "sub/"]
)
def test_a_name_that_leads_out_of_the_folder_is_never_asked_for(storage, name):
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


def test_an_artwork_has_a_url_of_this_machine(folder, storage):
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
    (root / "folder").symlink_to(tmp_path)
    storage = ra.ArtworkStorage(fsspec.filesystem("file"), str(root))
    assert files(storage) == {}
    with pytest.raises(FileGone):
        storage.stat("link.png")


def test_a_file_replaced_with_its_time_stamp_kept_is_noticed(tmp_path):
    (tmp_path / "a.png").write_bytes(b"first")
    storage = ra.ArtworkStorage(fsspec.filesystem("file"), str(tmp_path))
    before = storage.stat("a.png")
    stamp = (tmp_path / "a.png").stat()
    (tmp_path / "new").write_bytes(b"other")
    os.utime(tmp_path / "new", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    (tmp_path / "new").rename(tmp_path / "a.png")
    assert storage.stat("a.png").version != before.version


class Flaky(fsspec.AbstractFileSystem):
    """Fails a given number of times, then lists one file; counts what it was asked."""

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


def test_what_will_not_pass_is_asked_once_and_never_an_empty_listing():
    storage = ra.ArtworkStorage(Flaky(1, PermissionError("no")), "in", retry=ra.RetryPolicy(sleep=at_once))
    with pytest.raises(StorageDenied) as error:
        files(storage)
    assert str(error.value.__cause__) == "builtins.PermissionError"
    assert storage.requests["list"] == 1


def test_a_folder_below_that_cannot_be_listed_is_an_error():
    class Half(Flaky):
        def ls(self, path, **options):
            if path == "in":
                return [{"name": "in/sub", "size": 0, "type": "directory"}]
            return super().ls(path, **options)

    with pytest.raises(StorageDenied):
        files(ra.ArtworkStorage(Half(1, PermissionError("no")), "in"))


@pytest.mark.parametrize("size", [None, "many", 1.5])
def test_a_listed_file_that_is_none_is_an_error_with_its_place_and_name(size):
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


def test_a_file_system_for_coroutines_is_refused():
    http = package("fsspec.implementations.http")
    fs = http.HTTPFileSystem(asynchronous=True, skip_instance_cache=True)
    with pytest.raises(ra.ConfigurationError, match="asynchronous"):
        ra.ArtworkStorage(fs, "https://example.com/in")


def test_a_root_is_understood_as_the_file_system_spells_it(tmp_path):
    fs = fsspec.filesystem("file")
    assert ra.ArtworkStorage(fs, f"file://{tmp_path}/").location == f"file://{tmp_path}"
    (Path(tmp_path) / "a.png").write_bytes(b"x")
    assert set(files(ra.ArtworkStorage(fs, f"{tmp_path}/"))) == {"a.png"}


def reader_of(content):
    fetched = []

    def fetch(start, end):
        fetched.append((start, end))
        return content[start:end]

    file = StoredFile(name="a.pdf", size=len(content), etag="e")
    return RangeReader(file, fetch), fetched


def test_reading_from_front_to_back_needs_few_requests():
    content = os.urandom(PIECE * 40 + 5)
    reader, fetched = reader_of(content)
    whole = b"".join(reader.read(start, 1000) for start in range(0, len(content), 1000))
    assert whole == content
    assert len(fetched) <= 7
    assert sum(end - start for start, end in fetched) == len(content)


def test_the_two_ends_of_a_file_cost_what_they_hold():
    reader, fetched = reader_of(bytes(PIECE * 40))
    reader.read(0, 8)
    reader.read(PIECE * 40 - 100, 100)
    assert fetched == [(0, 8), (PIECE * 40 - 100, PIECE * 40)]


def test_what_was_read_is_not_fetched_again_however_reads_overlap():
    content = os.urandom(PIECE * 3)
    reader, fetched = reader_of(content)
    for start, length in [(10, 10), (30, 10), (0, 50), (15, 20), (PIECE * 2, 9), (PIECE * 2 - 5, 20), (0, PIECE * 3)]:
        assert reader.read(start, length) == content[start : start + length]
    assert sum(end - start for start, end in fetched) == len(content)


def test_a_short_answer_is_no_end_of_the_file():
    file = StoredFile(name="a.pdf", size=100, etag="e")
    with pytest.raises(StorageMisbehaved, match=r"sent 5 bytes instead of 100"):
        RangeReader(file, lambda _start, _end: b"short").read(0, 10)


def test_a_reader_refuses_figures_below_zero():
    reader, _ = reader_of(b"content")
    with pytest.raises(ValueError, match="must not be negative"):
        reader.read(-1, 2)


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
def test_requests_of_every_hour_cost_what_a_provider_is_known_to_ask(url, requests, dollars):
    cost = ra.open_storage(url).monthly_cost(requests)
    assert cost == (None if dollars is None else pytest.approx(dollars))


def test_a_file_system_that_was_handed_over_has_no_known_price():
    assert ra.ArtworkStorage(fsspec.filesystem("memory"), "/in").monthly_cost({"list": 1}) is None


def test_the_pieces_of_a_large_file_are_kept_on_disk_and_are_gone_with_the_reader():
    content = os.urandom(MAX_IN_MEMORY + PIECE + 5)
    reader, fetched = reader_of(content)
    tracemalloc.start()
    whole = hashlib.sha256()
    for start in range(0, len(content), PIECE):
        whole.update(reader.read(start, PIECE))
    assert tracemalloc.get_traced_memory()[1] < MAX_IN_MEMORY
    tracemalloc.stop()
    assert whole.digest() == hashlib.sha256(content).digest()
    requests = len(fetched)
    assert reader.read(PIECE * 3 - 7, PIECE) == content[PIECE * 3 - 7 : PIECE * 4 - 7]
    assert len(fetched) == requests
    del reader  # a temporary file that is left open would be a warning, and so an error


def test_inside_what_is_asked_is_counted_and_repeated_and_what_is_attempted_is_not(storage):
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


def test_inside_a_faulty_storage_its_own_faults_break_in_too(storage):
    faults = Faults()
    faults.fail("storage.list", StorageDenied("told so"))
    faulty = FaultyStorage(storage, faults)
    with pytest.raises(StorageDenied, match="told so"):
        faulty.internals.send("list", list)


def test_how_long_urls_live_is_known_only_where_they_are_signed(storage):
    assert storage.max_url_lifetime is None
    assert ra.open_storage("s3://prints/in/").max_url_lifetime == timedelta(days=7)

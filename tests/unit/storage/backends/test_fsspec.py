import zipfile
from datetime import UTC, datetime, timedelta, timezone

import fsspec
import pytest
from fsspec.implementations.cached import WholeFileCacheFileSystem
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.implementations.zip import ZipFileSystem

import remote_artwork as ra
from remote_artwork.errors import FileGone, StorageMisbehaved
from remote_artwork.storage import StoredFile
from remote_artwork.storage.backends.fsspec import file_from_info

HOUR = timedelta(hours=1)


def files(storage):
    return {page.names[place]: page.file(place) for page in storage.pages() for place in range(len(page.names))}


def whole_folder(path):
    """A file system whose root is the folder itself."""
    return DirFileSystem(path=str(path), fs=fsspec.filesystem("file"), skip_instance_cache=True)


def archive(path):
    """The folder as a ZIP archive."""
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as zipped:
        for file in path.rglob("*.*"):
            zipped.write(file, file.relative_to(path))
    return ZipFileSystem(str(path.with_suffix(".zip")), skip_instance_cache=True)


def memory(path):
    """A memory file system of its own with the folder's files."""
    own = type("OwnMemory", (MemoryFileSystem,), {"store": {}, "pseudo_dirs": [""]})
    fs = own(skip_instance_cache=True)
    for file in path.rglob("*.*"):
        fs.pipe_file(f"/{file.relative_to(path).as_posix()}", file.read_bytes())
    return fs


@pytest.mark.parametrize("make", [whole_folder, archive, memory])
@pytest.mark.parametrize("root", ["", "/"])
def test_the_root_of_a_file_system_can_be_the_folder(tmp_path, make, root):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "1001_1.png").write_bytes(b"one")
    (tmp_path / "in" / "sub" / "2.pdf").write_bytes(b"second")
    storage = ra.ArtworkStorage(make(tmp_path / "in"), root)
    listed = files(storage)
    assert {name: file.size for name, file in listed.items()} == {"1001_1.png": 3, "sub/2.pdf": 6}
    for name, file in listed.items():
        assert storage.stat(name).size == file.size
    assert storage.reader(listed["sub/2.pdf"]).read(0, 3) == b"sec"


def test_the_root_of_this_machine_is_not_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "a.png").write_bytes(b"x")
    with pytest.raises(FileGone):
        ra.ArtworkStorage(fsspec.filesystem("file"), "/").stat("proc/a.png")


class Listing(fsspec.AbstractFileSystem):
    """Lists the same entries for every path."""

    protocol = ("listing", "profile")
    cachable = False

    def __init__(self, **types):
        super().__init__()
        self.types = types

    def ls(self, _path, **_options):
        return [{"name": name, "size": 1, "type": kind} for name, kind in self.types.items()]


@pytest.mark.parametrize("stray", [{"elsewhere/a.png": "file"}, {"elsewhere": "directory"}, {"inside/a.png": "file"}])
def test_a_listed_path_outside_the_folder_is_an_error(stray):
    storage = ra.ArtworkStorage(Listing(**{"in/a.png": "file", **stray}), "in")
    with pytest.raises(StorageMisbehaved, match=r"listing://in: .*outside the folder"):
        files(storage)
    assert storage.requests["list"] == 1


def test_the_folder_and_its_parents_are_left_out():
    above = {"": "directory", "x": "directory", "x/in": "directory", "x/in/": "file"}
    assert set(files(ra.ArtworkStorage(Listing(**above, **{"x/in/a.png": "file"}), "x/in"))) == {"a.png"}


@pytest.mark.parametrize("root", ["in", "/in"])
def test_a_leading_slash_makes_no_difference(root):
    entries = Listing(**{"in/a.png": "file", "/in/b.png": "file"})
    assert set(files(ra.ArtworkStorage(entries, root))) == {"a.png", "b.png"}


@pytest.mark.parametrize("fs", [WholeFileCacheFileSystem(target_protocol="memory"), Listing()])
def test_a_protocol_with_a_similar_name_gets_no_file_url(fs):
    file = StoredFile(name="a.png", size=1, etag="e")
    with pytest.raises(ra.ConfigurationError, match="cannot make URLs"):
        ra.ArtworkStorage(fs, "/in").url(file, expires_in=HOUR)


NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "info",
    [
        {"Size": 3, "ETag": '"abc"', "LastModified": NOON},
        {"size": 3, "ETag": "abc", "LastModified": NOON.astimezone(timezone(timedelta(hours=2)))},
        {"ContentLength": 3, "ETag": '"abc"', "LastModified": NOON, "VersionId": "null"},
        {"size": 3, "etag": "abc", "updated": "2026-05-01T12:00:00.000Z"},
        {"size": 3, "etag": '"abc"', "last_modified": NOON.replace(tzinfo=None)},
        {"size": 3, "ETag": 'W/"abc"', "Last-Modified": "Fri, 01 May 2026 12:00:00 GMT"},
    ],
)
def test_every_vocabulary_gives_the_same_file(info):
    assert file_from_info("a.png", info) == StoredFile(name="a.png", size=3, etag="abc", last_modified=NOON)


def test_versions_and_generations_are_version_ids():
    assert file_from_info("a.png", {"size": 1, "ETag": "e", "VersionId": "v1"}).version_id == "v1"
    assert file_from_info("a.png", {"size": 1, "etag": "e", "generation": 17}).version_id == "17"


def test_a_file_without_an_etag_gets_a_change_token():
    before = {"size": 3, "mtime": 1000.25, "ino": 7}
    token = file_from_info("a.png", before).etag
    assert token == file_from_info("a.png", dict(before)).etag
    for change in ({"size": 4}, {"mtime": 1000.5}, {"ino": 8}):
        assert token != file_from_info("a.png", before | change).etag
    created = {"size": 3, "created": NOON}
    assert file_from_info("a.png", created) == file_from_info("a.png", created | {"created": NOON.timestamp()})

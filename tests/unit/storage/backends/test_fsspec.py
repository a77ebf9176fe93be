import zipfile
from datetime import UTC, datetime, timedelta, timezone

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.implementations.zip import ZipFileSystem

import remote_artwork as ra
from remote_artwork.errors import FileGone, LocationNotFound, StorageMisbehaved
from remote_artwork.storage import StoredFile
from remote_artwork.storage.backends.fsspec import file_from_info

HOUR = timedelta(hours=1)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


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
        return [{"name": name, "size": 1, "type": kind, "mtime": NOON} for name, kind in self.types.items()]


@pytest.mark.parametrize("stray", [{"elsewhere/a.png": "file"}, {"elsewhere": "directory"}, {"inside/a.png": "file"}])
def test_a_listed_path_outside_the_folder_is_an_error(stray):
    storage = ra.ArtworkStorage(Listing(**{"in/a.png": "file", **stray}), "in")
    with pytest.raises(StorageMisbehaved, match=r"listing://in: .*outside the folder"):
        files(storage)
    assert storage.requests["list"] == 1


class MissingFolders(fsspec.AbstractFileSystem):
    """Reports folders below ``in`` as missing when they are opened.

    Attributes:
        removed: Folders that are no longer listed once one of them was opened.
    """

    protocol = "missing"
    cachable = False

    def __init__(self, *, removed=()):
        super().__init__()
        self.removed = removed
        self.gone = set()

    def ls(self, path, **_options):
        folders = {"in": ["in/sub", "in/years"], "in/years": ["in/years/2026"]}
        if path not in folders or path in self.gone:
            self.gone |= set(self.removed)
            raise FileNotFoundError(path)
        return [{"name": each, "size": 0, "type": "directory"} for each in folders[path] if each not in self.gone]


def test_a_folder_that_is_listed_and_cannot_be_opened_is_an_error():
    """An FTP server does this if the account may not open a folder. Its files are not missing."""
    storage = ra.ArtworkStorage(MissingFolders(), "in")
    with pytest.raises(StorageMisbehaved, match=r"lists the folder 'in/\S+' and reports it as missing"):
        files(storage)


@pytest.mark.parametrize("removed", [["in/sub", "in/years/2026"], ["in/sub", "in/years"]], ids=["it", "its parent"])
def test_a_folder_that_is_removed_during_a_listing_has_no_files(removed):
    assert files(ra.ArtworkStorage(MissingFolders(removed=removed), "in")) == {}


def test_a_listing_ends_if_the_whole_folder_is_removed_meanwhile():
    with pytest.raises(LocationNotFound):
        files(ra.ArtworkStorage(MissingFolders(removed=["in", "in/years"]), "in"))


def test_the_folder_and_its_parents_are_left_out():
    above = {"": "directory", "x": "directory", "x/in": "directory", "x/in/": "file"}
    assert set(files(ra.ArtworkStorage(Listing(**above, **{"x/in/a.png": "file"}), "x/in"))) == {"a.png"}


@pytest.mark.parametrize("root", ["in", "/in"])
def test_a_leading_slash_makes_no_difference(root):
    entries = Listing(**{"in/a.png": "file", "/in/b.png": "file"})
    assert set(files(ra.ArtworkStorage(entries, root))) == {"a.png", "b.png"}


def test_a_protocol_with_a_similar_name_gets_no_file_url():
    file = StoredFile(name="a.png", size=1, etag="e")
    with pytest.raises(ra.ConfigurationError, match="cannot make URLs"):
        ra.ArtworkStorage(Listing(), "/in").url(file, expires_in=HOUR)


@pytest.mark.parametrize(
    "info",
    [
        {"Size": 3, "ETag": '"abc"', "LastModified": NOON},
        {"size": 3, "ETag": "abc", "LastModified": NOON.astimezone(timezone(timedelta(hours=2)))},
        {"ContentLength": 3, "ETag": '"abc"', "LastModified": NOON, "VersionId": "null"},
        {"size": 3, "etag": "abc", "updated": "2026-05-01T12:00:00.000Z"},
        {"size": 3, "etag": '"abc"', "last_modified": NOON.replace(tzinfo=None)},
    ],
)
def test_every_vocabulary_gives_the_same_file(info):
    assert file_from_info("a.png", info) == StoredFile(name="a.png", size=3, etag="abc", last_modified=NOON)


def test_a_version_is_a_change_token_only_because_urls_are_not_pinned_to_it():
    for info in ({"size": 1, "ETag": "e", "VersionId": "v1"}, {"size": 1, "etag": "e", "generation": 17}):
        assert file_from_info("a.png", info) == StoredFile(name="a.png", size=1, etag="e")
    assert file_from_info("a.png", {"size": 1, "generation": 17}) == StoredFile(name="a.png", size=1, etag="17")


def test_a_weak_etag_counts_only_together_with_time_and_size():
    weak = {"size": 3, "etag": 'W/"abc"', "modified": NOON}
    token = file_from_info("a.png", weak).etag
    for change in ({"size": 4}, {"modified": NOON + HOUR}, {"etag": 'W/"abd"'}):
        assert file_from_info("a.png", weak | change).etag != token
    with pytest.raises(StorageMisbehaved, match="neither an ETag nor a time"):
        file_from_info("a.png", weak | {"modified": "yesterday"})


@pytest.mark.parametrize("proof", [{}, {"created": NOON}, {"mtime": 0}, {"ino": 7}, {"modify": "Nov 28 10:41"}])
def test_a_file_whose_replacement_would_not_be_noticed_is_unreadable(proof):
    with pytest.raises(StorageMisbehaved, match=r"'a\.png': .*neither an ETag nor a time"):
        file_from_info("a.png", {"size": 3, "type": "file", **proof})


@pytest.mark.parametrize(
    "info",
    [
        {"modify": "20260501120000", "unique": "801g4F"},
        {"modify": "20260501120000.000"},
        {"mtime": NOON, "time": NOON + HOUR},
        {"modified": NOON, "created": NOON - HOUR},
        {"last_write_time": NOON, "create_time": NOON - HOUR},
        {"modificationTime": NOON.timestamp() * 1000},
    ],
    ids=["FTP", "FTP with a fraction", "SFTP", "WebDAV", "SMB", "WebHDFS"],
)
def test_the_time_of_the_last_change_is_read_in_every_vocabulary(info):
    file = file_from_info("a.png", {"size": 3, **info})
    assert file.last_modified == NOON
    assert file_from_info("a.png", {"size": 3, **info, "unique": "801g50"}).etag != file.etag


def test_a_file_without_an_etag_gets_a_change_token():
    before = {"size": 3, "mtime": 1000.25, "ino": 7}
    token = file_from_info("a.png", before).etag
    assert token == file_from_info("a.png", dict(before)).etag
    for change in ({"size": 4}, {"mtime": 1000.5}, {"ino": 8}):
        assert token != file_from_info("a.png", before | change).etag
    modified = {"size": 3, "modified": NOON}
    assert file_from_info("a.png", modified) == file_from_info("a.png", modified | {"modified": NOON.timestamp()})

"""``StorageContract``: the tests that every storage must pass. A project inherits it in its own tests."""

# ruff: noqa: S101, D102 - contract tests assert, and their names say what

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal, Protocol, TypeVar

import pytest
from attrs import evolve

from remote_artwork.core.expected import SearchQuery
from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import ConfigurationError, FileGone, LocationNotFound, StorageDenied, StorageError
from remote_artwork.storage.doctor import list_names_after
from remote_artwork.storage.providers import Capability
from remote_artwork.storage.storage import ArtworkStorage

Caller = Literal["owner", "wrong_credentials", "anonymous"]
"""Who opens the storage: with valid credentials, with wrong ones, or with none."""

Test = TypeVar("Test", bound=Callable[..., Any])

HOUR = timedelta(hours=1)
SHORT_READ = 16
DOWNLOAD_TIMEOUT = 30.0

THREADS = 32
"""As many as a scan uses at most."""

LARGE = bytes(range(256)) * 1024
"""256 KiB: more than a reader caches in one piece."""

ODD_NAMES = (
    "a b.png",
    "a+b.png",
    "a%2Fb.png",
    "%41.png",
    "100%.png",
    "ü.png",
    "u\u0308.png",
    "寿司.png",
    "🖼.png",
    "a&<>'\".png",
    "x?versionId=1.png",
    "y?versionid=1.png",
    "z?generation=1.png",
    "#.png",
    "~!$@;,=:()*[]{}|^`.png",
    "a//b.png",
    "two..dots.png",
    "...png",
)
"""Valid names that software often loses or changes."""

IMPOSSIBLE_NAMES = (
    "up/../up.png",
    "./here.png",
    "tab\t.png",
    "line\nend.png",
    "back\\slash.png",
    "marker/",
    "/top.png",
)
"""Names that a storage may contain and that every listing leaves out."""


class StorageBench(Protocol):
    """Prepares one storage for the contract. Names are object keys below the location that the bench uses.

    Attributes:
        lacks: What this storage cannot do, and why. The test of such a capability verifies that it is missing, or is
            skipped with the reason where that cannot be verified. A reason that begins with ``not tried`` always
            skips the test.
        altered_names: The names of ``ODD_NAMES`` that this storage changes or refuses. Empty unless ``lacks`` contains
            ``odd_names``.
        page_size: The number of files on a full page of its listings.
    """

    lacks: Mapping[Capability, str]
    altered_names: frozenset[str]
    page_size: int

    def open(self, folder: str, *, caller: Caller = "owner") -> ArtworkStorage:
        """Open a new storage for one folder. For ``anonymous`` it is a public folder, where there is one."""

    def open_missing(self) -> ArtworkStorage:
        """Open, with valid credentials, a bucket or a top-level folder that does not exist."""

    def put(self, files: Mapping[str, bytes], *, public: bool = False) -> None:
        """Store files. Return when all of them can be read.

        Raises:
            OSError: The storage does not accept such a name.
        """

    def delete(self, names: Iterable[str]) -> None:
        """Delete files. A storage that keeps versions keeps the older ones."""


def covers(capability: Capability) -> Callable[[Test], Test]:
    """Mark a test with the capability that it verifies. A report of results can read the attribute ``covers``."""

    def mark(test: Test) -> Test:
        test.__dict__["covers"] = capability
        return test

    return mark


def skip_if_not_tried(lacks: Mapping[Capability, str], capability: Capability) -> None:
    """Skip the test when ``lacks`` says that the capability was not tried."""
    if lacks.get(capability, "").startswith("not tried"):
        pytest.skip(lacks[capability])


def listed(storage: ArtworkStorage) -> dict[str, StoredFile]:
    """List every file of a storage. Returns name → file."""
    return {page.names[index]: page.file(index) for page in storage.pages() for index in range(len(page.names))}


def download(url: str, *, length: int = SHORT_READ) -> bytes:
    """Download the first bytes of a URL as a shop without credentials does.

    Raises:
        OSError: The server refused the request or did not respond.
    """
    if not url.startswith(("http://", "https://", "file://")):
        raise ValueError("a shop cannot download from this URL")
    request = urllib.request.Request(url, headers={"Range": f"bytes=0-{length - 1}"})  # noqa: S310 - checked above
    context = ssl.create_default_context()
    with urllib.request.urlopen(request, timeout=DOWNLOAD_TIMEOUT, context=context) as response:  # noqa: S310
        return bytes(response.read(length))


class StorageReading:
    """Tests that only read. ``storage`` must contain a file with at least one byte on its first page."""

    @pytest.fixture
    def lacks(self) -> Mapping[Capability, str]:
        """What this storage cannot do, and why. See ``StorageBench``."""
        return {}

    @pytest.fixture
    def storage(self) -> ArtworkStorage:
        """An open storage."""
        raise NotImplementedError("override the fixture `storage` and return your own storage")

    @pytest.fixture
    def file(self, storage: ArtworkStorage) -> StoredFile:
        """A file of the storage that is not empty, as the listing describes it."""
        for page in storage.pages():
            for position in islice(range(len(page.names)), 100):
                file = page.file(position)
                if file.size:
                    return file
        pytest.fail(f"{storage.location} contains no file to read; upload one and run the tests again")

    @covers("listing")
    def test_names_are_relative_and_stay_inside_the_folder(self, storage: ArtworkStorage) -> None:
        first = next(page for page in storage.pages() if page.names)
        assert len(set(first.names)) == len(first.names)
        assert not [name for name in first.names if name.startswith("/") or ".." in name.split("/")]

    @covers("order")
    def test_a_listing_is_sorted_by_the_bytes_of_the_names(
        self, storage: ArtworkStorage, lacks: Mapping[Capability, str]
    ) -> None:
        if "order" in lacks:
            pytest.skip(lacks["order"])  # files that are sorted by chance prove nothing
        for page in islice(storage.pages(), 3):
            assert list(page.names) == sorted(page.names, key=str.encode)

    @covers("reading")
    def test_a_listing_and_stat_agree(self, storage: ArtworkStorage, file: StoredFile) -> None:
        now = storage.stat(file.name)
        assert evolve(now, version_id=None, last_modified=None) == evolve(file, version_id=None, last_modified=None)

    @covers("reading")
    def test_both_ends_of_a_file_can_be_read_separately(self, storage: ArtworkStorage, file: StoredFile) -> None:
        beginning = storage.reader(file).read(0, SHORT_READ)
        assert len(beginning) == min(SHORT_READ, file.size)
        reader = storage.reader(storage.stat(file.name))
        assert reader.read(file.size - 1, SHORT_READ) == reader.read(0, file.size)[-1:]

    @covers("reading")
    def test_a_missing_file_is_gone_after_one_request(self, storage: ArtworkStorage) -> None:
        with pytest.raises(FileGone):
            storage.stat("there-is-no-such-file_1.png")
        assert storage.requests == {"list": 0, "head": 1, "get": 0}

    @covers("signed_url")
    def test_a_signed_url_downloads_the_file_without_credentials(
        self, storage: ArtworkStorage, file: StoredFile, lacks: Mapping[Capability, str]
    ) -> None:
        file = storage.stat(file.name)
        if "signed_url" in lacks:
            try:
                _, expires_at = storage.url(file, expires_in=HOUR)
            except ConfigurationError:
                return
            assert expires_at is None
            return
        before = datetime.now(UTC).replace(microsecond=0)
        url, expires_at = storage.url(file, expires_in=HOUR)
        assert expires_at is not None
        assert before + HOUR <= expires_at <= datetime.now(UTC) + HOUR
        assert download(url) == storage.reader(file).read(0, SHORT_READ)

    @covers("access")
    def test_a_url_without_its_signature_is_refused(
        self, storage: ArtworkStorage, file: StoredFile, lacks: Mapping[Capability, str]
    ) -> None:
        for capability in ("signed_url", "access"):
            if capability in lacks:
                pytest.skip(lacks[capability])
        unsigned = storage.url(file, expires_in=HOUR)[0].partition("?")[0]
        with pytest.raises(urllib.error.HTTPError):
            download(unsigned)


class StorageContract(StorageReading):
    """Tests that every storage must pass. Inherit it in a test module and return a bench from a fixture.

    For example::

        class TestMyStorage(StorageContract):
            @pytest.fixture
            def bench(self, my_server):
                return MyBench(my_server)

    ``MyBench`` has the members of ``StorageBench``. Each test writes to a folder with a unique name and leaves its
    files there. ``bench.lacks`` declares what the storage cannot do, with the reason. The test then verifies that, or
    is skipped with that reason. ``StorageReading`` contains only the tests that read; to use them alone, inherit it
    and override its fixture ``storage``.
    """

    @pytest.fixture
    def bench(self) -> StorageBench:
        """The bench of the storage under test."""
        raise NotImplementedError("override the fixture `bench` and return your own bench")

    @pytest.fixture
    def lacks(self, bench: StorageBench) -> Mapping[Capability, str]:
        """What the bench declares."""
        return bench.lacks

    @pytest.fixture
    def folder(self) -> str:
        """A folder that no other test uses."""
        return f"contract-{uuid.uuid4().hex}"

    @pytest.fixture
    def storage(self, bench: StorageBench, folder: str) -> ArtworkStorage:
        """A folder with a few files."""
        bench.put({f"{folder}/{name}": name.encode() * 5 for name in ("B.png", "a.png", "a/c.pdf", "ä.jpg", "Z.jpg")})
        return bench.open(folder)

    # Listing.

    @covers("listing")
    def test_an_empty_folder_is_no_error(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}x/a.png": b"another folder", f"{folder}/a.png": b"deleted below"})
        bench.delete([f"{folder}/a.png"])
        assert listed(bench.open(folder)) == {}

    @covers("listing")
    def test_a_listing_has_every_file_of_the_folder_and_no_other(self, bench: StorageBench, folder: str) -> None:
        names = {"1001_1.png", "1001_2.jpg", "sub/1002_1.pdf", "sub/sub/1003_1.pdf"}
        outside = (f"{folder}2/1001_1.png", f"{folder}.png", f"{folder[:-1]}/1001_1.png")
        bench.put({f"{folder}/{name}": name.encode() for name in names} | dict.fromkeys(outside, b"not ours"))
        storage = bench.open(folder)
        found = listed(storage)
        assert set(found) == names
        assert {name: file.size for name, file in found.items()} == {name: len(name) for name in names}
        sub = bench.open(f"{folder}/sub")
        assert set(listed(sub)) == {"1002_1.pdf", "sub/1003_1.pdf"}

    @covers("listing")
    def test_an_open_storage_sees_new_files_and_deletions(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/a.png": b"a"})
        storage = bench.open(folder)
        assert set(listed(storage)) == {"a.png"}
        bench.put({f"{folder}/b.png": b"b"})
        assert set(listed(storage)) == {"a.png", "b.png"}
        bench.delete([f"{folder}/a.png"])
        assert set(listed(storage)) == {"b.png"}

    @covers("listing")
    def test_a_search_finds_files_in_both_unicode_forms(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/{name}": b"x" for name in ("1001_1.png", "1001_10.png", "u\u0308_1.pdf", "9_9.jpg")})
        pages = bench.open(folder).search(SearchQuery(basenames=["1001_1", "1002_1", "\u00fc_1"], names=["9_9.jpg"]))
        found = {name for page in pages for name in page.names}
        assert found >= {"1001_1.png", "u\u0308_1.pdf", "9_9.jpg"}
        assert not [name for name in found if name.startswith("1002")]

    @covers("listing")
    def test_siblings_are_the_files_with_the_same_basename_now(self, bench: StorageBench, folder: str) -> None:
        storage = bench.open(folder)
        bench.put({f"{folder}/{name}": b"x" for name in ("1001_1.png", "1001_10.png", "u\u0308_1.pdf")})
        assert set(_siblings(storage, "1001_1", "\u00fc_1")) >= {"1001_1.png", "u\u0308_1.pdf"}
        bench.put({f"{folder}/1001_1.PDF": b"xy"})
        found = _siblings(storage, "1001_1")
        assert {"1001_1.png", "1001_1.PDF"} <= set(found)
        assert found["1001_1.PDF"] == storage.stat("1001_1.PDF").size == 2

    @covers("start_after")
    def test_a_listing_can_start_after_a_name(self, bench: StorageBench, folder: str) -> None:
        names = [f"{number}_1.png" for number in range(1001, 1005)]
        bench.put({f"{folder}/{name}": b"x" for name in names} | {f"{folder}x/1.png": b"another folder"})
        found = list_names_after(bench.open(folder), names[1])
        assert found == (None if "start_after" in bench.lacks else names[2:])

    @covers("pages")
    def test_a_listing_of_several_pages_is_complete(self, bench: StorageBench, folder: str) -> None:
        if "pages" in bench.lacks:
            pytest.skip(bench.lacks["pages"])
        names = {f"{number}_1.png" for number in range(bench.page_size + 5)}
        bench.put({f"{folder}/{name}": b"x" for name in names})
        storage = bench.open(folder)
        pages = [page.names for page in storage.pages()]
        assert [len(page) for page in pages] == [bench.page_size, 5]
        assert {name for page in pages for name in page} == names
        assert storage.requests == {"list": 2, "head": 0, "get": 0}, "one request for each page"

    @covers("odd_names")
    def test_odd_names_stay_unchanged_and_can_be_used(self, bench: StorageBench, folder: str) -> None:
        assert bench.altered_names <= set(ODD_NAMES)
        assert bool(bench.altered_names) == ("odd_names" in bench.lacks)
        for name in ODD_NAMES:
            try:
                bench.put({f"{folder}/{name}": name.encode()})
            except OSError:
                assert name in bench.altered_names
        storage = bench.open(folder)
        found = listed(storage)
        assert set(ODD_NAMES) - set(found) == bench.altered_names
        for name in set(ODD_NAMES) - bench.altered_names:
            file = storage.stat(name)
            assert file.etag == found[name].etag
            assert storage.reader(file).read(0, 100) == name.encode()
            if "signed_url" not in bench.lacks:
                assert download(storage.url(file, expires_in=HOUR)[0], length=100) == name.encode()

    @covers("odd_names")
    def test_names_that_point_elsewhere_are_left_out(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/good.png": b"good"})
        for name in IMPOSSIBLE_NAMES:
            with suppress(OSError, ValueError):
                bench.put({f"{folder}/{name}": b"bad"})
        found = listed(bench.open(folder))
        assert "good.png" in found
        assert set(IMPOSSIBLE_NAMES).isdisjoint(found)

    # Reading.

    @covers("reading")
    def test_ranges_can_be_read_and_no_byte_is_requested_twice(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/a.pdf": LARGE})
        storage = bench.open(folder)
        reader = storage.reader(listed(storage)["a.pdf"])
        assert reader.read(0, 8) == LARGE[:8]
        assert reader.read(len(LARGE) - 8, 100) == LARGE[-8:]
        assert storage.requests["get"] == 2
        assert reader.read(1000, 200_000) == LARGE[1000:201_000]
        for _ in range(2):
            assert reader.read(0, len(LARGE)) == LARGE
        assert storage.requests["get"] == 5, "the reader does not request bytes again that it has"
        assert reader.read(len(LARGE), 8) == b""

    @covers("reading")
    def test_an_empty_file_is_read_without_a_request(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/a.pdf": b""})
        storage = bench.open(folder)
        file = storage.stat("a.pdf")
        assert (file.size, storage.reader(file).read(0, 8)) == (0, b"")
        assert storage.requests["get"] == 0

    @covers("reading")
    def test_a_deleted_file_is_gone(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/a.png": b"first", f"{folder}/b.png": b"another"})
        storage = bench.open(folder)
        reader = storage.reader(storage.stat("a.png"))
        bench.delete([f"{folder}/a.png"])
        with pytest.raises(FileGone, match=r"a\.png"):
            storage.stat("a.png")
        if "versions" in bench.lacks:
            with pytest.raises(FileGone):
                reader.read(0, 5)
        else:
            assert reader.read(0, 5) == b"first"

    @covers("reading")
    def test_several_threads_can_use_one_storage(self, bench: StorageBench, folder: str) -> None:
        contents = {f"{number}.png": b"%d" % number * 100 for number in range(4)}
        bench.put({f"{folder}/{name}": content for name, content in contents.items()})
        storage = bench.open(folder)
        files = {name: storage.stat(name) for name in contents}
        names = [*contents] * 16
        with ThreadPoolExecutor(THREADS) as threads:
            found = list(threads.map(lambda name: storage.stat(name).etag, names))
            read = list(threads.map(lambda name: storage.reader(files[name]).read(0, 100), names))
        assert found == [files[name].etag for name in names]
        assert read == [contents[name] for name in names]
        requests = storage.requests  # more than the calls, if the storage was busy and a request was sent again
        assert (requests["list"], requests["head"] >= 4 + 64, requests["get"] >= 64) == (0, True, True), requests

    # Replaced files and versions.

    @covers("replacement")
    def test_an_overwritten_file_has_another_version(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/a.png": b"first"})
        storage = bench.open(folder)
        before = storage.stat("a.png")
        bench.put({f"{folder}/a.png": b"other"})
        after = storage.stat("a.png")
        assert (before.version, before.etag) != (after.version, after.etag)
        assert listed(storage)["a.png"].etag == after.etag
        assert storage.reader(after).read(0, 5) == b"other"

    @covers("replacement")
    def test_a_reader_never_returns_the_bytes_of_a_replacement(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/a.png": b"first"})
        storage = bench.open(folder)
        reader = storage.reader(storage.stat("a.png"))
        bench.put({f"{folder}/a.png": b"other"})
        if "replacement" in bench.lacks:
            assert reader.read(0, 5) == b"other"
        elif "versions" in bench.lacks:
            with pytest.raises(FileGone):
                reader.read(0, 5)
        else:
            assert reader.read(0, 5) == b"first"

    @covers("versions")
    def test_an_older_version_can_be_read_where_versions_are_kept(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/a.png": b"first"})
        storage = bench.open(folder)
        older = storage.stat("a.png")
        bench.put({f"{folder}/a.png": b"other"})
        if "versions" in bench.lacks:
            newer = storage.stat("a.png")
            assert older.version_id is None or older.version_id != newer.version_id
            return
        assert older.version_id is not None
        bench.delete([f"{folder}/a.png"])
        assert storage.reader(older).read(0, 5) == b"first"

    # Access.

    @covers("missing_bucket")
    def test_a_missing_bucket_is_not_an_empty_folder(self, bench: StorageBench) -> None:
        storage = bench.open_missing()
        with pytest.raises(LocationNotFound):
            listed(storage)
        assert storage.requests == {"list": 1, "head": 0, "get": 0}

    @covers("access")
    def test_wrong_credentials_are_denied_without_a_retry(self, bench: StorageBench, folder: str) -> None:
        skip_if_not_tried(bench.lacks, "access")
        bench.put({f"{folder}/a.png": b"content"})
        denied = bench.open(folder, caller="wrong_credentials")
        if "access" in bench.lacks:
            assert set(listed(denied)) == {"a.png"}
            return
        for use in (lambda: listed(denied), lambda: denied.stat("a.png"), lambda: denied.stat("b.png")):
            with pytest.raises(StorageDenied):
                use()
        assert denied.requests == {"list": 1, "head": 2, "get": 0}

    @covers("public")
    def test_a_public_folder_needs_no_credentials(self, bench: StorageBench, folder: str) -> None:
        skip_if_not_tried(bench.lacks, "public")
        public = "public" not in bench.lacks
        bench.put({f"{folder}/a b+ü.png": b"content"}, public=public)
        anonymous = bench.open(folder, caller="anonymous")
        if not public:
            if "access" not in bench.lacks:
                with pytest.raises(StorageError):
                    listed(anonymous)
            return
        file = listed(anonymous)["a b+ü.png"]
        assert anonymous.reader(anonymous.stat(file.name)).read(0, 7) == b"content"
        url, expires_at = anonymous.url(file, expires_in=HOUR)
        assert expires_at is None
        assert not [word for word in ("signature", "sig=", "credential") if word in url.lower()]
        assert download(url) == b"content"


def _siblings(storage: ArtworkStorage, *basenames: str) -> dict[str, int]:
    """The files that have one of these basenames now, and their sizes."""
    pages = storage.siblings(basenames)
    return {name: page.file(i).size for page in pages for i, name in enumerate(page.names)}

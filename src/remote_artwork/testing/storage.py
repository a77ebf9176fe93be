"""What every storage must do, as tests that a host inherits for its own."""

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
from remote_artwork.storage.doctor import names_after
from remote_artwork.storage.providers import Capability
from remote_artwork.storage.storage import ArtworkStorage

Caller = Literal["owner", "stranger", "anonymous"]
"""``owner`` has the credentials, ``stranger`` has wrong ones, ``anonymous`` has none."""

Test = TypeVar("Test", bound=Callable[..., Any])


class StorageBench(Protocol):
    """One storage on the bench. Names are keys relative to the place that the bench works in.

    Attributes:
        lacks: What this storage cannot do, and why. Such a test shows that it cannot, or is skipped with the reason
            where that cannot be shown. So is one whose reason begins with ``not tried``.
        lost_names: The names of ``ODD_NAMES`` that it does not keep as they are. Empty unless ``odd_names`` is lacked.
        page: Files in a full page of its listings.
    """

    lacks: Mapping[Capability, str]
    lost_names: frozenset[str]
    page: int

    def open(self, folder: str, *, who: Caller = "owner") -> ArtworkStorage:
        """A storage of its own, of one folder; for ``anonymous`` the folder on the public side, where there is one."""

    def open_nowhere(self) -> ArtworkStorage:
        """The owner's storage of a bucket, or of a top folder, that does not exist."""

    def put(self, files: Mapping[str, bytes], *, public: bool = False) -> None:
        """Stores files, each whole, and returns when all are there.

        Raises:
            OSError: The storage does not take such a name.
        """

    def delete(self, names: Iterable[str]) -> None:
        """Removes files; where the storage keeps versions, hides them."""


def shows(capability: Capability) -> Callable[[Test], Test]:
    """Says of a test what it shows about a storage; read by whoever makes a table of it."""

    def mark(test: Test) -> Test:
        test.__dict__["shows"] = capability
        return test

    return mark


def skip_if_not_tried(lacks: Mapping[Capability, str], capability: Capability) -> None:
    """Skips the test where nobody knows: the reason begins with ``not tried``."""
    if lacks.get(capability, "").startswith("not tried"):
        pytest.skip(lacks[capability])


def listed(storage: ArtworkStorage) -> dict[str, StoredFile]:
    """Every file of a storage by its name, as the listing describes it."""
    return {page.names[index]: page.file(index) for page in storage.pages() for index in range(len(page.names))}


# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what


class StorageAccess:
    """Needs the fixtures ``bench`` and ``folder``."""

    @shows("missing_bucket")
    def test_a_bucket_that_does_not_exist_is_not_an_empty_one(self, bench: StorageBench) -> None:
        storage = bench.open_nowhere()
        with pytest.raises(LocationNotFound):
            listed(storage)
        assert storage.requests == {"list": 1, "head": 0, "get": 0}

    @shows("access")
    def test_wrong_credentials_are_denied_at_once(self, bench: StorageBench, folder: str) -> None:
        skip_if_not_tried(bench.lacks, "access")
        bench.put({f"{folder}/a.png": b"content"})
        stranger = bench.open(folder, who="stranger")
        if "access" in bench.lacks:
            assert set(listed(stranger)) == {"a.png"}
            return
        for use in (lambda: listed(stranger), lambda: stranger.stat("a.png"), lambda: stranger.stat("b.png")):
            with pytest.raises(StorageDenied):
                use()
        assert stranger.requests == {"list": 1, "head": 2, "get": 0}

    @shows("public")
    def test_a_public_folder_needs_no_credentials(self, bench: StorageBench, folder: str) -> None:
        skip_if_not_tried(bench.lacks, "public")
        public = "public" not in bench.lacks
        bench.put({f"{folder}/a b+ü.png": b"content"}, public=public)
        anonymous = bench.open(folder, who="anonymous")
        if not public:
            if "access" not in bench.lacks:
                with pytest.raises(StorageError):
                    listed(anonymous)
            return
        file = listed(anonymous)["a b+ü.png"]
        assert anonymous.reader(anonymous.stat(file.name)).read(0, 7) == b"content"
        url, expires_at = anonymous.url(file, expires_in=HOUR)
        assert (expires_at, "?" in url) == (None, False)
        assert download(url) == b"content"


# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what


LONG = bytes(range(256)) * 1024
"""256 KiB: more than is kept together while a file is read."""


class StorageFiles:
    """Needs the fixtures ``bench`` and ``folder``."""

    @shows("reading")
    def test_ranges_are_read_and_no_byte_twice(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/a.pdf": LONG})
        storage = bench.open(folder)
        reader = storage.reader(listed(storage)["a.pdf"])
        assert reader.read(0, 8) == LONG[:8]
        assert reader.read(len(LONG) - 8, 100) == LONG[-8:]
        assert storage.requests["get"] == 2
        assert reader.read(1000, 200_000) == LONG[1000:201_000]
        for _ in range(2):
            assert reader.read(0, len(LONG)) == LONG
        assert storage.requests["get"] == 5, "what was read already is not asked for again"
        assert reader.read(len(LONG), 8) == b""

    @shows("reading")
    def test_an_empty_file_is_empty_and_costs_no_request_to_read(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/a.pdf": b""})
        storage = bench.open(folder)
        file = storage.stat("a.pdf")
        assert (file.size, storage.reader(file).read(0, 8)) == (0, b"")
        assert storage.requests["get"] == 0

    @shows("reading")
    def test_a_removed_file_is_gone(self, bench: StorageBench, folder: str) -> None:
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

    @shows("reading")
    def test_one_storage_serves_several_threads_and_counts_every_request(
        self, bench: StorageBench, folder: str
    ) -> None:
        bench.put({f"{folder}/a.png": b"first"})
        storage = bench.open(folder)
        with ThreadPoolExecutor(8) as threads:
            sizes = list(threads.map(lambda _: storage.stat("a.png").size, range(40)))
        assert sizes == [5] * 40
        assert storage.requests == {"list": 0, "head": 40, "get": 0}

    @shows("replacement")
    def test_an_overwritten_file_has_another_version(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/a.png": b"first"})
        storage = bench.open(folder)
        before = storage.stat("a.png")
        bench.put({f"{folder}/a.png": b"other"})
        after = storage.stat("a.png")
        assert (before.version, before.etag) != (after.version, after.etag)
        assert listed(storage)["a.png"].etag == after.etag
        assert storage.reader(after).read(0, 5) == b"other"

    @shows("replacement")
    def test_a_replaced_file_is_never_read_as_the_one_that_was_looked_at(
        self, bench: StorageBench, folder: str
    ) -> None:
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

    @shows("versions")
    def test_an_older_version_can_still_be_read_where_versions_are_kept(self, bench: StorageBench, folder: str) -> None:
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


# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what


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
"""Names that a file may have, and that careless programs lose or change."""

IMPOSSIBLE_NAMES = (
    "up/../up.png",
    "./here.png",
    "tab\t.png",
    "line\nend.png",
    "back\\slash.png",
    "marker/",
    "/top.png",
)
"""Names that a storage may hold, and that are left out of every listing."""


class StorageListing:
    """Needs the fixtures ``bench`` and ``folder``."""

    @shows("listing")
    def test_an_empty_folder_is_no_error(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}x/a.png": b"beside it", f"{folder}/a.png": b"gone soon"})
        bench.delete([f"{folder}/a.png"])
        assert listed(bench.open(folder)) == {}

    @shows("listing")
    def test_a_listing_names_every_file_below_the_folder_and_nothing_else(
        self, bench: StorageBench, folder: str
    ) -> None:
        names = {"1001_1.png", "1001_2.jpg", "sub/1002_1.pdf", "sub/sub/1003_1.pdf"}
        foreign = (f"{folder}2/1001_1.png", f"{folder}.png", f"{folder[:-1]}/1001_1.png")
        bench.put({f"{folder}/{name}": name.encode() for name in names} | dict.fromkeys(foreign, b"another's"))
        storage = bench.open(folder)
        found = listed(storage)
        assert set(found) == names
        assert {name: file.size for name, file in found.items()} == {name: len(name) for name in names}
        sub = bench.open(f"{folder}/sub")
        assert set(listed(sub)) == {"1002_1.pdf", "sub/1003_1.pdf"}

    @shows("listing")
    def test_a_long_lived_storage_sees_new_files_and_forgets_removed_ones(
        self, bench: StorageBench, folder: str
    ) -> None:
        bench.put({f"{folder}/a.png": b"a"})
        storage = bench.open(folder)
        assert set(listed(storage)) == {"a.png"}
        bench.put({f"{folder}/b.png": b"b"})
        assert set(listed(storage)) == {"a.png", "b.png"}
        bench.delete([f"{folder}/a.png"])
        assert set(listed(storage)) == {"b.png"}

    @shows("start_after")
    def test_a_listing_begins_after_a_name_and_keeps_to_its_folder(self, bench: StorageBench, folder: str) -> None:
        names = [f"{number}_1.png" for number in range(1001, 1005)]
        bench.put({f"{folder}/{name}": b"x" for name in names} | {f"{folder}x/1.png": b"beside it"})
        found = names_after(bench.open(folder), names[1])
        assert found == (None if "start_after" in bench.lacks else names[2:])

    @shows("listing")
    def test_wanted_files_are_found_in_both_forms_of_their_names(self, bench: StorageBench, folder: str) -> None:
        bench.put({f"{folder}/{name}": b"x" for name in ("1001_1.png", "1001_10.png", "u\u0308_1.pdf", "9_9.jpg")})
        pages = bench.open(folder).search(SearchQuery(stems=["1001_1", "1002_1", "\u00fc_1"], names=["9_9.jpg"]))
        found = {name for page in pages for name in page.names}
        assert found >= {"1001_1.png", "u\u0308_1.pdf", "9_9.jpg"}
        assert not [name for name in found if name.startswith("1002")]

    @shows("pages")
    def test_a_listing_of_several_pages_is_whole_and_costs_a_request_a_page(
        self, bench: StorageBench, folder: str
    ) -> None:
        if "pages" in bench.lacks:
            pytest.skip(bench.lacks["pages"])
        names = {f"{number}_1.png" for number in range(bench.page + 5)}
        bench.put({f"{folder}/{name}": b"x" for name in names})
        storage = bench.open(folder)
        pages = [page.names for page in storage.pages()]
        assert [len(page) for page in pages] == [bench.page, 5]
        assert {name for page in pages for name in page} == names
        assert storage.requests == {"list": 2, "head": 0, "get": 0}

    @shows("odd_names")
    def test_odd_names_come_back_as_they_are_and_can_be_used(self, bench: StorageBench, folder: str) -> None:
        assert bench.lost_names <= set(ODD_NAMES)
        assert bool(bench.lost_names) == ("odd_names" in bench.lacks)
        for name in ODD_NAMES:
            try:
                bench.put({f"{folder}/{name}": name.encode()})
            except OSError:
                assert name in bench.lost_names
        storage = bench.open(folder)
        found = listed(storage)
        assert set(ODD_NAMES) - set(found) == bench.lost_names
        for name in set(ODD_NAMES) - bench.lost_names:
            file = storage.stat(name)
            assert file.etag == found[name].etag
            assert storage.reader(file).read(0, 100) == name.encode()
            if "signed_url" not in bench.lacks:
                assert download(storage.url(file, expires_in=HOUR)[0], length=100) == name.encode()

    @shows("odd_names")
    def test_names_that_would_lead_elsewhere_are_left_out_and_break_nothing(
        self, bench: StorageBench, folder: str
    ) -> None:
        bench.put({f"{folder}/good.png": b"good"})
        for name in IMPOSSIBLE_NAMES:
            with suppress(OSError, ValueError):
                bench.put({f"{folder}/{name}": b"bad"})
        found = listed(bench.open(folder))
        assert "good.png" in found
        assert set(IMPOSSIBLE_NAMES).isdisjoint(found)


# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what


HOUR = timedelta(hours=1)
FEW = 16
PATIENCE = 30.0


def download(url: str, *, length: int = FEW) -> bytes:
    """The first bytes behind a URL, as a host without any credentials gets them.

    Raises:
        OSError: It is refused, or nobody answers.
    """
    if not url.startswith(("http://", "https://", "file://")):
        raise ValueError("this is no URL that a host could download from")
    request = urllib.request.Request(url, headers={"Range": f"bytes=0-{length - 1}"})  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=PATIENCE, context=ssl.create_default_context()) as answer:  # noqa: S310
        return bytes(answer.read(length))


class StorageReading:
    """Tests that only read. ``storage`` must hold a file; those of its first page that have a byte are looked at."""

    @pytest.fixture
    def lacks(self) -> Mapping[Capability, str]:
        """What this storage cannot do, and why; see ``StorageBench``."""
        return {}

    @pytest.fixture
    def storage(self) -> ArtworkStorage:
        """An open storage."""
        raise NotImplementedError("override the fixture `storage` with one that returns your own")

    @pytest.fixture
    def file(self, storage: ArtworkStorage) -> StoredFile:
        """Some file of the storage, as the listing describes it."""
        for page in storage.pages():
            for position in islice(range(len(page.names)), 100):
                file = page.file(position)
                if file.size:
                    return file
        pytest.fail(f"{storage.location} holds no file to look at: upload one, then try again")

    @shows("listing")
    def test_names_are_relative_and_lead_nowhere_else(self, storage: ArtworkStorage) -> None:
        first = next(page for page in storage.pages() if page.names)
        assert len(set(first.names)) == len(first.names)
        assert not [name for name in first.names if name.startswith("/") or ".." in name.split("/")]

    @shows("order")
    def test_a_listing_is_in_the_order_of_the_names_bytes(
        self, storage: ArtworkStorage, lacks: Mapping[Capability, str]
    ) -> None:
        if "order" in lacks:
            pytest.skip(lacks["order"])  # files that happen to be in order show nothing
        for page in islice(storage.pages(), 3):
            assert list(page.names) == sorted(page.names, key=str.encode)

    @shows("reading")
    def test_a_listing_and_a_stat_agree(self, storage: ArtworkStorage, file: StoredFile) -> None:
        now = storage.stat(file.name)
        assert evolve(now, version_id=None, last_modified=None) == evolve(file, version_id=None, last_modified=None)

    @shows("reading")
    def test_both_ends_of_a_file_can_be_read_on_their_own(self, storage: ArtworkStorage, file: StoredFile) -> None:
        begin = storage.reader(file).read(0, FEW)
        assert len(begin) == min(FEW, file.size)
        reader = storage.reader(storage.stat(file.name))
        assert reader.read(file.size - 1, FEW) == reader.read(0, file.size)[-1:]

    @shows("reading")
    def test_a_file_that_is_not_there_is_gone_after_one_request(self, storage: ArtworkStorage) -> None:
        with pytest.raises(FileGone):
            storage.stat("there-is-no-such-file_1.png")
        assert storage.requests == {"list": 0, "head": 1, "get": 0}

    @shows("signed_url")
    def test_a_signed_url_gives_the_bytes_to_whoever_has_it(
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
        assert download(url) == storage.reader(file).read(0, FEW)

    @shows("access")
    def test_without_its_signature_a_url_gives_nothing(
        self, storage: ArtworkStorage, file: StoredFile, lacks: Mapping[Capability, str]
    ) -> None:
        for capability in ("signed_url", "access"):
            if capability in lacks:
                pytest.skip(lacks[capability])
        bare = storage.url(file, expires_in=HOUR)[0].partition("?")[0]
        with pytest.raises(urllib.error.HTTPError):
            download(bare)


class StorageContract(StorageReading, StorageListing, StorageFiles, StorageAccess):
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
        """The storage on its bench."""
        raise NotImplementedError("override the fixture `bench` with one that returns your own")

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
        """A folder with a few files in it."""
        bench.put({f"{folder}/{name}": name.encode() * 5 for name in ("B.png", "a.png", "a/c.pdf", "ä.jpg", "Z.jpg")})
        return bench.open(folder)

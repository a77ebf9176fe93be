# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what
"""The part of the contract of storages about single files: what is read is what was looked at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from remote_artwork.errors import FileGone
from remote_artwork.testing.storage_bench import StorageBench, listed, shows

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

# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what
"""The part of the contract of storages about listings."""

from __future__ import annotations

from contextlib import suppress

import pytest

from remote_artwork.core.awaited import Wanted
from remote_artwork.storage.trials import names_after
from remote_artwork.testing.storage_bench import StorageBench, listed, shows
from remote_artwork.testing.storage_reading import HOUR, download

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
        pages = bench.open(folder).search(Wanted(stems=["1001_1", "1002_1", "\u00fc_1"], names=["9_9.jpg"]))
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

# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what
"""The part of the contract of storages about who is let in, and about places that do not exist."""

from __future__ import annotations

import pytest

from remote_artwork.errors import LocationNotFound, StorageDenied, StorageError
from remote_artwork.testing.storage_bench import StorageBench, listed, shows, skip_if_not_tried
from remote_artwork.testing.storage_reading import HOUR, download


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

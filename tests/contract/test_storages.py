"""The storage contract on the local storages, and proof that it detects broken ones."""

from __future__ import annotations

from uuid import uuid4

import pytest

import remote_artwork as ra
from remote_artwork.testing import StorageContract
from remote_artwork.testing.own_storage import OwnStorage


class TestMemory(StorageContract):
    @pytest.fixture
    def bench(self):
        bench = OwnStorage(
            ra.Location.parse(f"memory://{uuid4().hex}/"), ra.Anonymous(), ra.NetworkPolicy(allow_local=True)
        )
        yield bench
        bench.clean_up()


class TestLocalFolder(StorageContract):
    @pytest.fixture
    def bench(self, tmp_path):
        return OwnStorage(ra.Location.parse(f"{tmp_path}/"), ra.Anonymous(), ra.NetworkPolicy(allow_local=True))

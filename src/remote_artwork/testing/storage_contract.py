"""What every storage must do, as tests that a host inherits for its own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import pytest

from remote_artwork.storage.provider_row import Capability
from remote_artwork.storage.storage import ArtworkStorage
from remote_artwork.testing.storage_access import StorageAccess
from remote_artwork.testing.storage_bench import StorageBench
from remote_artwork.testing.storage_files import StorageFiles
from remote_artwork.testing.storage_listing import StorageListing
from remote_artwork.testing.storage_reading import StorageReading


class StorageContract(StorageReading, StorageListing, StorageFiles, StorageAccess):
    """Inherit it in a test module and put your storage on a bench; pytest then runs every test on it.

        class TestMyStorage(StorageContract):
            @pytest.fixture
            def bench(self, my_server):
                return MyBench(my_server)

    ``MyBench`` has the members of ``StorageBench``. Each test writes into a folder of its own, with a name that nobody
    else uses, and leaves its files there. What a storage cannot do is declared in ``bench.lacks``, with the reason; a
    test then shows that this is so, or is skipped with that reason. ``StorageReading`` is the part that only reads: to
    inherit that alone, override its fixture ``storage``.
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

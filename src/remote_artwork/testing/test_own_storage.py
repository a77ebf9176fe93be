# ruff: noqa: D102 - a fixture's name says what
"""The tests that ``pytest --pyargs remote_artwork.testing --storage-url URL`` runs on somebody's own storage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from remote_artwork.http import NetworkPolicy
from remote_artwork.storage.credentials import Credentials
from remote_artwork.storage.location import Location
from remote_artwork.storage.providers import Capability
from remote_artwork.storage.storage import ArtworkStorage, open_storage
from remote_artwork.testing.own_storage import OwnStorage, declared, place_named
from remote_artwork.testing.storage import StorageBench, StorageContract, StorageReading


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> tuple[Location, Credentials, NetworkPolicy]:
    """What the options name."""
    option = request.config.getoption
    if not option("--storage-url"):
        pytest.skip("say which storage: --storage-url URL")
    return place_named(
        option("--storage-url"),
        credentials=option("--storage-credentials"),
        provider=option("--storage-provider"),
        private=option("--allow-private-network"),
    )


@pytest.fixture(scope="module")
def own_storage(
    request: pytest.FixtureRequest, place: tuple[Location, Credentials, NetworkPolicy]
) -> Iterator[OwnStorage]:
    """The storage to write to; cleaned up at the end."""
    if not request.config.getoption("--storage-write"):
        pytest.skip("it would write: allow it by --storage-write")
    bench = OwnStorage(*place)
    yield bench
    bench.clean_up()


class TestReading(StorageReading):
    """Only reads, one file and at most three pages."""

    @pytest.fixture
    def lacks(self, place: tuple[Location, Credentials, NetworkPolicy]) -> Mapping[Capability, str]:
        return declared(place[0], place[1])

    @pytest.fixture
    def storage(self, place: tuple[Location, Credentials, NetworkPolicy]) -> ArtworkStorage:
        location, credentials, network = place
        return open_storage(location, credentials=credentials, network=network)


class TestWriting(StorageContract):
    """The whole contract, in new folders below the one that was given."""

    @pytest.fixture
    def bench(self, own_storage: OwnStorage) -> StorageBench:
        return own_storage

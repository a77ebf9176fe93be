"""The tests that ``pytest --pyargs remote_artwork.testing --storage-url URL`` runs on an operator's own storage."""

# ruff: noqa: D102 - the name of a fixture says what it returns

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from remote_artwork.http import NetworkPolicy
from remote_artwork.storage.credentials import Credentials
from remote_artwork.storage.location import Location
from remote_artwork.storage.providers import Capability
from remote_artwork.storage.storage import ArtworkStorage, open_storage
from remote_artwork.testing.own_storage import OwnStorage, declared_gaps, parse_target
from remote_artwork.testing.storage import StorageBench, StorageContract, StorageReading

Target = tuple[Location, Credentials, NetworkPolicy]


@pytest.fixture(scope="module")
def target(request: pytest.FixtureRequest) -> Target:
    """The storage that the options name."""
    option = request.config.getoption
    if not option("--storage-url"):
        pytest.skip("no storage was given; add --storage-url URL")
    return parse_target(
        option("--storage-url"),
        credentials=option("--storage-credentials"),
        provider=option("--storage-provider"),
        private=option("--allow-private-network"),
    )


@pytest.fixture(scope="module")
def own_storage(request: pytest.FixtureRequest, target: Target) -> Iterator[OwnStorage]:
    """The storage to write to. Its files are deleted at the end."""
    if not request.config.getoption("--storage-write"):
        pytest.skip("this test writes files; add --storage-write to allow it")
    bench = OwnStorage(*target)
    yield bench
    bench.clean_up()


class TestReading(StorageReading):
    """Reads one file and at most three pages. Writes nothing."""

    @pytest.fixture
    def lacks(self, target: Target) -> Mapping[Capability, str]:
        return declared_gaps(target[0], target[1])

    @pytest.fixture
    def storage(self, target: Target) -> ArtworkStorage:
        location, credentials, network = target
        return open_storage(location, credentials=credentials, network=network)


class TestWriting(StorageContract):
    """The whole contract, in new folders below the given one."""

    @pytest.fixture
    def bench(self, own_storage: OwnStorage) -> StorageBench:
        return own_storage

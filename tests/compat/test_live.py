"""The contract on the providers themselves, where an operator names a bucket; see CONTRIBUTING.

For ``aws``: ``REMOTE_ARTWORK_COMPAT_AWS_URL`` with ``…_ACCESS_KEY`` and ``…_SECRET_KEY``, ``…_SAS``, or a file in
``…_CREDENTIALS``. Only reads, unless ``…_WRITE`` is 1.
"""

import os

import pytest

import remote_artwork as ra
from compat.stand_ins import FRONT_DOORS
from remote_artwork.cli.credentials_file import read_credentials
from remote_artwork.testing import StorageContract, StorageReading
from remote_artwork.testing.own_storage import OwnStorage, declared


def told(provider, what):
    return os.environ.get(f"REMOTE_ARTWORK_COMPAT_{provider.upper()}_{what}")


def credentials(provider):
    if told(provider, "ACCESS_KEY"):
        return ra.Keys(told(provider, "ACCESS_KEY"), told(provider, "SECRET_KEY"))
    if told(provider, "SAS"):
        return ra.SasToken(told(provider, "SAS"), share_sas=True)
    return read_credentials(told(provider, "CREDENTIALS") or "anonymous") or ra.Anonymous()


READ = [provider for provider in FRONT_DOORS if told(provider, "URL")]
WRITTEN = [provider for provider in READ if told(provider, "WRITE") == "1"]


# Without a bucket there is nothing to collect: no skip for each of them clutters the summary.
if READ:

    @pytest.mark.parametrize("provider", READ)
    class TestLiveReading(StorageReading):
        @pytest.fixture
        def location(self, provider):
            return ra.Location.parse(told(provider, "URL"), None if provider != "minio" else provider)

        @pytest.fixture
        def lacks(self, provider, location):
            return declared(location, credentials(provider))

        @pytest.fixture
        def storage(self, provider, location):
            return ra.open_storage(location, credentials=credentials(provider))


if WRITTEN:

    @pytest.mark.parametrize("provider", WRITTEN)
    class TestLiveWriting(StorageContract):
        @pytest.fixture
        def bench(self, provider):
            location = ra.Location.parse(told(provider, "URL"), None if provider != "minio" else provider)
            bench = OwnStorage(location, credentials(provider), ra.NetworkPolicy())
            yield bench
            bench.clean_up()

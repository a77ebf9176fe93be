"""The contract on the providers themselves, where an operator names a bucket; see CONTRIBUTING.

For ``aws``: ``REMOTE_ARTWORK_COMPAT_AWS_URL`` with ``…_ACCESS_KEY`` and ``…_SECRET_KEY``, ``…_SAS``, or a file in
``…_CREDENTIALS``; a SAS may also stand in the URL. Only reads, unless ``…_WRITE`` is 1.
"""

import os

import pytest
from compat.stand_ins import FRONT_DOORS

import remote_artwork as ra
from remote_artwork.cli.options import read_credentials
from remote_artwork.storage.storage import resolve_location
from remote_artwork.testing import StorageContract, StorageReading
from remote_artwork.testing.own_storage import OwnStorage, declared_gaps


def told(provider, what):
    return os.environ.get(f"REMOTE_ARTWORK_COMPAT_{provider.upper()}_{what}")


def credentials(provider):
    if told(provider, "ACCESS_KEY"):
        return ra.Keys(told(provider, "ACCESS_KEY"), told(provider, "SECRET_KEY"))
    if told(provider, "SAS"):
        return ra.SasToken(told(provider, "SAS"), share_sas=True)
    return read_credentials(told(provider, "CREDENTIALS") or "anonymous")


def place(provider):
    """Where the URL leads, and what it is opened with: credentials, or a SAS in the URL itself."""
    return resolve_location(told(provider, "URL"), credentials(provider), provider if provider == "minio" else None)


READ = [provider for provider in FRONT_DOORS if told(provider, "URL")]
WRITTEN = [provider for provider in READ if told(provider, "WRITE") == "1"]


# Without a bucket there is nothing to collect: no skip for each of them clutters the summary.
if READ:

    @pytest.mark.parametrize("provider", READ)
    class TestLiveReading(StorageReading):
        @pytest.fixture
        def lacks(self, provider):
            return declared_gaps(*place(provider))

        @pytest.fixture
        def storage(self, provider):
            location, opened_with = place(provider)
            return ra.open_storage(location, credentials=opened_with)


if WRITTEN:

    @pytest.mark.parametrize("provider", WRITTEN)
    class TestLiveWriting(StorageContract):
        @pytest.fixture
        def bench(self, provider):
            bench = OwnStorage(*place(provider), ra.NetworkPolicy())
            yield bench
            bench.clean_up()

"""The contract on the providers themselves, if an operator names a bucket; see CONTRIBUTING.

For ``aws``: ``REMOTE_ARTWORK_COMPAT_AWS_URL`` with ``…_ACCESS_KEY`` and ``…_SECRET_KEY``, ``…_SAS``, or a file in
``…_CREDENTIALS``; a SAS may also be part of the URL. Only reads, unless ``…_WRITE`` is 1.
"""

import os

import pytest
from compat.stand_ins import SETUPS

import remote_artwork as ra
from remote_artwork.cli.options import read_credentials
from remote_artwork.storage.storage import resolve_location
from remote_artwork.testing import StorageContract, StorageReading
from remote_artwork.testing.own_storage import OwnStorage, declared_gaps


def setting(provider, what):
    return os.environ.get(f"REMOTE_ARTWORK_COMPAT_{provider.upper()}_{what}")


def credentials(provider):
    if setting(provider, "ACCESS_KEY"):
        return ra.Keys(setting(provider, "ACCESS_KEY"), setting(provider, "SECRET_KEY"))
    if setting(provider, "SAS"):
        return ra.SasToken(setting(provider, "SAS"), share_sas=True)
    return read_credentials(setting(provider, "CREDENTIALS") or "anonymous")


def target(provider):
    """The location, and its credentials: those of the environment, or a SAS in the URL."""
    return resolve_location(setting(provider, "URL"), credentials(provider), provider if provider == "minio" else None)


READ = [provider for provider in SETUPS if setting(provider, "URL")]
WRITTEN = [provider for provider in READ if setting(provider, "WRITE") == "1"]


# Without a bucket nothing is collected, so that the summary does not list a skip for each provider.
if READ:

    @pytest.mark.parametrize("provider", READ)
    class TestLiveReading(StorageReading):
        @pytest.fixture
        def lacks(self, provider):
            return declared_gaps(*target(provider))

        @pytest.fixture
        def storage(self, provider):
            location, opened_with = target(provider)
            return ra.open_storage(location, credentials=opened_with)


if WRITTEN:

    @pytest.mark.parametrize("provider", WRITTEN)
    class TestLiveWriting(StorageContract):
        @pytest.fixture
        def bench(self, provider):
            bench = OwnStorage(*target(provider), ra.NetworkPolicy())
            yield bench
            bench.clean_up()

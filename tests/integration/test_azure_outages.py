"""Outages and faults that only Azure has; ``test_outages`` covers those of all protocols."""

from __future__ import annotations

import pytest

import remote_artwork as ra
from outages import ACCOUNT_KEY, SAS, TWICE, USES, failure, open_azure
from parts import package
from remote_artwork.errors import StorageDenied, StorageMisbehaved, StorageUnreachable

package("adlfs")


@pytest.fixture
def storage(faulty_azure, local_network):
    return open_azure(faulty_azure, SAS, local_network)


def test_a_private_account_denies_unsigned_requests(faulty_azure, local_network):
    faulty_azure.answer("409 private")
    storage = open_azure(faulty_azure, ra.Anonymous(), local_network)
    assert type(failure(storage, USES["list"])) is StorageDenied


@pytest.mark.parametrize("fault", ["empty 200", "html 200", "xhtml 200"])
def test_a_web_page_is_never_an_empty_listing(storage, faulty_azure, fault):
    faulty_azure.CONTENT_TYPE = "text/html"
    faulty_azure.answer(fault)
    assert type(failure(storage, USES["list"])) is StorageMisbehaved
    assert len(faulty_azure.requests) == 1


@pytest.mark.parametrize("fault", ["empty 200", "html 200"])
def test_a_response_that_is_not_a_blob_is_never_read_as_one(storage, faulty_azure, fault):
    faulty_azure.answer(fault)
    assert type(failure(storage, USES["get"])) is StorageMisbehaved


def test_a_redirect_is_not_followed_with_an_account_key(faulty_azure, local_network):
    faulty_azure.redirect_to = f"{faulty_azure.endpoint}/internal"
    storage = open_azure(faulty_azure, ACCOUNT_KEY, local_network)
    for use in USES.values():
        faulty_azure.answer("redirect", "ok")
        assert type(failure(storage, use)) is StorageMisbehaved
        assert len(faulty_azure.requests) == 1
        assert "internal" not in faulty_azure.requests[0]


def test_a_users_file_system_is_retried_by_this_librarys_policy_only(faulty_azure):
    adlfs = package("adlfs")
    fs = adlfs.AzureBlobFileSystem(
        connection_string=f"BlobEndpoint={faulty_azure.endpoint}/account;SharedAccessSignature={SAS.token}",
        skip_instance_cache=True,
    )
    storage = ra.ArtworkStorage(fs, "c/in", retry=TWICE)
    for use in USES.values():
        faulty_azure.answer("503")
        assert type(failure(storage, use)) is StorageUnreachable
        assert len(faulty_azure.requests) == 2

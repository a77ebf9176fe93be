"""Outages and faults that only Google has; ``test_outages`` covers those of all protocols."""

from __future__ import annotations

import attrs
import pytest

import gcs_server as gcs
import remote_artwork as ra
from outages import TOKEN, TWICE, USES, failure
from parts import package
from remote_artwork.errors import FileGone, LocationNotFound, StorageDenied, StorageUnreachable


@pytest.fixture
def patient_in_all(local_network):
    """A long timeout for a whole call, and a short one between bytes."""
    return attrs.evolve(local_network, read_timeout=0.4, call_timeout=30.0)


def handed_over(server, credentials):
    gcsfs = package("gcsfs.core")
    fs = gcsfs.GCSFileSystem(token=credentials, endpoint_url=server.endpoint, project="", skip_instance_cache=True)
    return ra.ArtworkStorage(fs, "b/in", retry=TWICE, call_timeout=5)


def test_a_404_is_a_missing_bucket_for_listings_and_a_missing_file_otherwise(faulty_google, local_network):
    storage = gcs.open_gcs(faulty_google, "b", local_network, retry=TWICE)
    faulty_google.answer("404")
    meanings = [type(failure(storage, use)) for use in USES.values()]
    assert meanings == [LocationNotFound, FileGone, FileGone]


@pytest.mark.parametrize("kind", USES)
def test_a_silent_server_times_out_before_the_call_timeout(faulty_google, patient_in_all, kind):
    faulty_google.answer("hang")
    storage = gcs.open_gcs(faulty_google, "b", patient_in_all, retry=TWICE)
    assert type(failure(storage, USES[kind])) is StorageUnreachable


@pytest.mark.parametrize("fault", ["401", "403", "503", "reset", "redirect nowhere", "html 200"])
def test_no_error_contains_the_token(faulty_google, fault):
    storage = handed_over(faulty_google, package("google.oauth2.credentials").Credentials(TOKEN))
    faulty_google.answer(fault)
    failure(storage, USES["list"])
    assert TOKEN not in f"{storage!r} {storage.location}"


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [("400 invalid grant", StorageDenied), ("refused", StorageUnreachable)],
)
def test_errors_of_googles_token_endpoint_are_translated(faulty_google, service_account_key, answer, meaning):
    account = package("google.oauth2.service_account").Credentials
    key = service_account_key | {"token_uri": f"{faulty_google.endpoint}/token"}
    storage = handed_over(faulty_google, account.from_service_account_info(key, scopes=["read"]))
    faulty_google.answer(answer if answer != "refused" else "ok")
    if answer == "refused":
        faulty_google.close()
    assert type(failure(storage, USES["list"])) is meaning
    assert not any("/b/b/o" in request for request in faulty_google.requests)

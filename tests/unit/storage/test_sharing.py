from __future__ import annotations

import gc
import weakref

import pytest

import remote_artwork as ra

KEYS = ra.Keys("AKTESTKEY", "a-secret-of-tests")
URL = "s3+https://minio.example.com/{}/?provider=minio&region=eu-1"


def file_system(url="s3+https://minio.example.com/prints/in/?provider=minio&region=eu-1", **options):
    options.setdefault("credentials", KEYS)
    storage = ra.open_storage(url, **options)
    return storage, storage._pager._fs


@pytest.fixture(autouse=True)
def _needs_s3():
    pytest.importorskip("s3fs")


def test_folders_and_buckets_at_one_place_share_a_client():
    kept, first = file_system()
    for folder in ("prints/in", "prints/other", "posters/in"):
        assert file_system(URL.format(folder), credentials=ra.Keys("AKTESTKEY", "a-secret-of-tests"))[1] is first
    assert "/prints/in/" in kept.location


@pytest.mark.parametrize(
    "other",
    [
        {"credentials": ra.Keys("AKTESTKEY", "another-secret")},
        {"credentials": ra.Keys("AKTESTKEY", "a-secret-of-tests", token="t")},
        {"credentials": ra.Anonymous()},
        {"network": ra.NetworkPolicy(read_timeout=1.0)},
        {"network": ra.NetworkPolicy(allow_private=True)},
        {"url": "s3+https://minio.example.com/prints/in/?provider=minio&region=eu-2"},
        {"url": "s3+https://minio.example.com:9000/prints/in/?provider=minio&region=eu-1"},
        {"url": "s3+https://minio.example.com/prints/in/?provider=minio&region=eu-1&style=virtual"},
    ],
    ids=lambda other: str(next(iter(other))),
)
def test_whoever_has_other_credentials_another_policy_or_another_place_has_a_client_of_his_own(other):
    kept, first = file_system()
    assert file_system(**other)[1] is not first
    assert kept


def test_buckets_whose_region_is_not_known_share_nothing():
    kept, first = file_system("s3://prints/in/")
    assert file_system("s3://prints/other/")[1] is first
    assert file_system("s3://posters/in/")[1] is not first
    assert kept


def test_credentials_of_the_machine_are_looked_for_anew():
    kept, first = file_system("s3://prints/in/?region=eu-west-1", credentials=ra.Ambient())
    assert file_system("s3://prints/in/?region=eu-west-1", credentials=ra.Ambient())[1] is not first
    assert kept


def test_a_client_that_no_storage_uses_is_let_go():
    storage, first = file_system(URL.format("let-go"), credentials=ra.Keys("AKLETGO", "a-secret-of-tests"))
    gone = weakref.ref(first)
    del storage, first
    gc.collect()
    assert gone() is None

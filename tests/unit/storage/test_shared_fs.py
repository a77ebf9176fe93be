from __future__ import annotations

import gc
import threading
import weakref

import pytest

import remote_artwork as ra
from parts import package
from remote_artwork.storage.storage import shared_fs

KEYS = ra.Keys("AKTESTKEY", "a-secret-of-tests")
URL = "s3+https://minio.example.com/{}/?provider=minio&region=eu-1"


def file_system(url="s3+https://minio.example.com/prints/in/?provider=minio&region=eu-1", **options):
    options.setdefault("credentials", KEYS)
    storage = ra.open_storage(url, **options)
    return storage, storage._backend._fs


@pytest.fixture(autouse=True)
def _needs_s3():
    package("s3fs")


def test_folders_and_buckets_of_one_endpoint_share_a_client():
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
def test_other_credentials_policies_and_endpoints_share_no_client(other):
    kept, first = file_system()
    assert file_system(**other)[1] is not first
    assert kept


def test_buckets_with_an_unknown_region_share_no_client():
    kept, first = file_system("s3://prints/in/")
    assert file_system("s3://prints/other/")[1] is first
    assert file_system("s3://posters/in/")[1] is not first
    assert kept


def test_ambient_credentials_share_no_client():
    kept, first = file_system("s3://prints/in/?region=eu-west-1", credentials=ra.Ambient())
    assert file_system("s3://prints/in/?region=eu-west-1", credentials=ra.Ambient())[1] is not first
    assert kept


def test_an_unused_client_is_released():
    storage, first = file_system(URL.format("let-go"), credentials=ra.Keys("AKLETGO", "a-secret-of-tests"))
    gone = weakref.ref(first)
    del storage, first
    gc.collect()
    assert gone() is None


class Client:
    """A stand-in for a file system that allows weak references."""


def place(port):
    return ra.Location.parse(f"https://minio.example.com:{port}/prints/in/?provider=minio")


def test_a_slow_connection_does_not_block_another_endpoint(monkeypatch):
    begun, go_on, made = threading.Event(), threading.Event(), []

    def connect(location, *_):
        if location.endpoint.endswith(":9001"):
            begun.set()
            assert go_on.wait(30)
        return Client()

    monkeypatch.setattr("remote_artwork.storage.storage.connect", connect)

    def other():
        made.append(shared_fs(place(9002), KEYS, ra.NetworkPolicy()))

    slow = threading.Thread(target=shared_fs, args=(place(9001), KEYS, ra.NetworkPolicy()))
    quick = threading.Thread(target=other)
    slow.start()
    assert begun.wait(30)
    quick.start()
    quick.join(10)
    was_made = list(made)
    go_on.set()
    slow.join()
    quick.join()
    assert len(was_made) == 1


def test_two_threads_that_connect_to_one_endpoint_at_the_same_time_share_one_client(monkeypatch):
    together, made = threading.Barrier(2), []

    def connect(*_):
        together.wait(30)
        return Client()

    monkeypatch.setattr("remote_artwork.storage.storage.connect", connect)

    def take():
        made.append(shared_fs(place(9003), KEYS, ra.NetworkPolicy()))

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made[0] is made[1]

"""What memory many storages take, and a folder of many files; measured in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import weakref

import pytest

import remote_artwork as ra
from canned import COMMAND, Canned
from parts import package
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.testing import FakeShop
from servers import free_port, running
from shop_files import memory_folder

pytestmark = pytest.mark.server

COMMON = """
import gc, resource, sys
import remote_artwork as ra

def opened(bucket, key="AKTESTKEY"):
    url = f"s3+{sys.argv[1]}/{bucket}/?provider=minio"
    network = ra.NetworkPolicy(allow_private=True, allow_http=True)
    return ra.open_storage(url, credentials=ra.Keys(key, "a-secret-of-tests"), network=network)

def megabytes():
    gc.collect()
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * resource.getpagesize() / 1e6
"""
MANY = """
def used(number):
    storage = opened(f"n5/t{number}", key="AKTESTKEY" + str(number % int(sys.argv[3])))
    list(storage.pages())
    return storage

count = int(sys.argv[2])
kept = [used(number) for number in range(3)]
before = megabytes()
kept += [used(3 + number) for number in range(count)]
print((megabytes() - before) / count)
"""
SWEEP = """
storage = opened(f"n{sys.argv[2]}/in")
assert sum(len(page.names) for page in storage.pages()) == int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    package("s3fs")
    port = free_port()
    with running([*COMMAND, str(port)], port=port, log=tmp_path_factory.mktemp("canned") / "log"):
        yield Canned(port)


def megabytes(server, code, *arguments):
    command = [sys.executable, "-c", COMMON + code, server.endpoint, *map(str, arguments)]
    return float(subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_further_storage_takes_little_and_one_that_shares_a_client_next_to_nothing(server):
    assert megabytes(server, MANY, 1000, 1) < 0.02
    assert megabytes(server, MANY, 60, 100) < 0.5


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count in other units")
def test_a_sweep_takes_no_more_for_more_files(server):
    assert megabytes(server, SWEEP, 200_000) - megabytes(server, SWEEP, 10_000) < 20


class Watched(ra.ArtworkStorage):
    """Eighty pages of files that no order expects; counts how many of them are kept."""

    most = 0

    def pages(self):
        given = []
        for number in range(80):
            page = Page([f"{number}{place:03}_1.png" for place in range(1000)], StoredFile)
            given.append(weakref.ref(page))
            yield page
            del page
            self.most = max(self.most, sum(kept() is not None for kept in given))


def test_a_sweep_that_judges_every_file_keeps_few_pages(root):
    files, _ = memory_folder(root)
    storage = Watched(files, root)
    report = ra.Scanner(storage, FakeShop([]), ledger=ra.MemoryLedger()).plan(sweep=True)
    assert report.file_counts == {"early": 80_000}
    assert storage.most <= 35

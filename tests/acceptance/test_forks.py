"""A scanner that was made, and used, before its process forked."""

import os
import signal
import threading
import traceback
import uuid

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.ledgers.engine import OPENING
from remote_artwork.ledgers.schema import _MIGRATING
from remote_artwork.locks import ProcessLock
from remote_artwork.storage.storage import _lock as opening_storage
from remote_artwork.testing import FakeShop
from remote_artwork.testing.ledger import KEY, claim
from shop_files import JPEG, memory_folder


def order(number):
    return ra.Order(number, [ra.OrderItem("1")])


def in_child(work):
    """What ``work`` returns, as text, in a forked process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.alarm(300)  # a child that waits forever ends, and says nothing
        try:
            text = str(work())
        except BaseException:  # noqa: BLE001 - the child must not go on with the tests of its parent
            text = traceback.format_exc()
        os.write(writer, text.encode()[:60_000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        text = stream.read().decode()
    os.waitpid(child, 0)
    return text


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("used", [False, True])
def test_a_bucket_opened_before_the_fork_is_read_in_the_child(s3_server, local_network, tmp_path, used):
    bucket = s3_server.create_bucket(f"forked-{uuid.uuid4().hex[:12]}")
    s3_server.put(bucket, "in/1001_1.jpg", JPEG)
    s3_server.put(bucket, "in/1002_1.jpg", JPEG)
    storage = ra.open_storage(s3_server.url(bucket, "in"), credentials=s3_server.keys, network=local_network)
    shop = FakeShop([order("1001")])
    with ra.SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        scanner = ra.Scanner(storage, shop, ledger=ledger)
        if used:
            assert [item.status for item in scanner.scan().items] == ["fulfilled"]
        shop.put(order("1002"))
        statuses = in_child(lambda: sorted(f"{item.order_number} {item.status}" for item in scanner.scan().items))
        assert statuses == str((["1001 fulfilled"] if not used else []) + ["1002 fulfilled"])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_folder_of_this_machine_is_read_in_the_child(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    scanner = ra.Scanner(storage, FakeShop([order("1001")]), ledger=ra.MemoryLedger())
    scanner.plan()
    assert in_child(lambda: [str(item.status) for item in scanner.scan().items]) == "['fulfilled']"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_file_system_of_the_host_is_refused_in_the_child():
    class Remote(fsspec.get_filesystem_class("memory")):
        protocol = "remote"

        def sign(self, path, **_options):
            return f"https://files.example/{path}"

    scanner = ra.Scanner(ra.ArtworkStorage(Remote(), "/prints"), FakeShop([order("1001")]), ledger=ra.MemoryLedger())
    said = in_child(scanner.plan)
    assert "open it in each process, after the fork" in said


@pytest.fixture
def held():
    """Holds a lock in another thread, as one that is in the middle of its work when the process forks."""
    release, threads = threading.Event(), []

    def hold(lock):
        taken = threading.Event()

        def work():
            with lock:
                taken.set()
                release.wait(300)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        assert taken.wait(60)

    yield hold
    release.set()
    for thread in threads:
        thread.join(60)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("lock", [OPENING, _MIGRATING])
def test_a_ledger_works_in_a_child_that_was_forked_while_a_thread_used_one(tmp_path, held, lock):
    def work():
        with ra.SqlLedger(tmp_path / "ledger.db") as ledger:
            claim(ledger, KEY)
            return len(list(ledger.find("acme")))

    held(lock)
    assert in_child(work) == "1"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_memory_ledger_works_in_a_child_that_was_forked_while_a_thread_used_it(held):
    ledger = ra.MemoryLedger()
    claim(ledger, KEY)
    held(ledger._lock)
    assert in_child(lambda: len(list(ledger.find("acme")))) == "1"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_storage_opens_in_a_child_that_was_forked_while_a_thread_opened_one(tmp_path, held):
    held(opening_storage)
    network = ra.NetworkPolicy(allow_local=True)
    assert in_child(lambda: ra.open_storage(tmp_path.as_uri(), network=network)).startswith("ArtworkStorage")


def test_a_lock_that_is_held_by_the_thread_that_forks_can_be_released_in_the_child():
    lock = ProcessLock()

    def work():
        lock.__exit__(None, None, None)
        with lock:
            return "free"

    with lock:
        assert in_child(work) == "free"

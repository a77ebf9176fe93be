"""A scanner that was made, and used, before its process forked."""

import os
import traceback
import uuid

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.testing import FakeShop
from shop_files import JPEG, memory_folder


def order(number):
    return ra.Order(number, [ra.OrderItem("1")])


def in_child(work):
    """What ``work`` returns, as text, in a forked process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
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

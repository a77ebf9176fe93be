"""A sweep over the files of orders that are done reports every file with which no order was sent."""

import pytest

import remote_artwork as ra
from remote_artwork.testing import FakeShop
from shop_files import JPEG, memory_folder

NEWER = JPEG + b"newer"


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request, tmp_path):
    if request.param == "memory":
        yield ra.MemoryLedger()
        return
    with ra.SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        yield ledger


def sweep(files, root, ledger, *orders):
    storage = ra.ArtworkStorage(files, root)
    return ra.Scanner(storage, FakeShop(list(orders)), ledger=ledger).scan(sweep=True)


def reported(report):
    return {file.name: (str(file.status), file.code) for file in report.files}


def test_every_file_of_a_done_order_is_judged_on_its_own(root, ledger):
    files, _ = memory_folder(root, "1001_1.jpg", "1001_2.jpg", "1002_1.jpg", "1003_1.jpg")
    two = ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])
    one = [ra.Order(number, [ra.OrderItem("1")]) for number in ("1002", "1003")]
    report = sweep(files, root, ledger, two, *one)
    assert {str(item.status) for item in report.items} == {"fulfilled"}
    assert reported(sweep(files, root, ledger)) == {}

    files.pipe(f"{root}/1001_2.jpg", NEWER)  # replaced, while the other item of the order has its file
    files.pipe(f"{root}/1002_7.jpg", JPEG)  # no item of that order
    files.pipe(f"{root}/1004_1.jpg", JPEG)  # no order
    assert reported(sweep(files, root, ledger)) == {
        "1001_2.jpg": ("superseded", "replaced_after_fulfillment"),
        "1002_7.jpg": ("unrelated", "order_fulfilled_already"),
        "1004_1.jpg": ("early", "no_order_yet"),
    }

"""A file that the shop refuses is not offered twice; one that changes all the time is not sent at all."""

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.core.lifecycle import ItemState
from remote_artwork.testing import FakeShop
from shop_files import JPEG, memory_folder

TOO_DARK = ra.ArtworkRejected("too dark to print")


def only(report):
    [item] = report.items
    return item


@pytest.mark.parametrize(
    ("attaching", "call"), [(ra.Attaching.SEPARATE, "attach_artwork"), (ra.Attaching.WITH_FULFILL, "fulfill")]
)
def test_a_file_that_the_shop_refuses_is_offered_again_only_when_it_was_replaced(root, attaching, call):
    files, storage = memory_folder(root, "1001_1.jpg")
    shop, ledger = FakeShop([ra.Order("1001", [ra.OrderItem("1")])], attaching=attaching), ra.MemoryLedger()
    scanner = ra.Scanner(storage, shop, ledger=ledger)
    shop.fail_next(call, TOO_DARK)

    first, second = only(scanner.scan()), only(scanner.scan())

    [record] = ledger.find("default")
    assert (record.items["1"].state, record.state) == (ItemState.REJECTED, "open")
    assert (first.status, first.reason) == ("rejected", "the shop refused the artwork: too dark to print")
    assert (second.status, second.reason) == ("rejected", f"{first.reason}; checked earlier, and not changed since")
    assert len(shop.calls(call)) == 1
    files.pipe(f"{root}/1001_1.jpg", JPEG + b"brighter")
    assert only(scanner.scan()).status == "fulfilled"


@pytest.mark.parametrize("attaching", list(ra.Attaching), ids=str)
def test_of_several_files_in_one_call_the_refused_one_alone_is_not_offered_again(root, attaching):
    files, storage = memory_folder(root, "1001_1.jpg", "1001_2.jpg")
    order = ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])
    shop = FakeShop([order], attaching=attaching)
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger())
    shop.fail_next("fulfill", ra.ArtworkRejected("too dark to print", item_number="2"))

    first, second = scanner.scan().items, scanner.scan().items

    good = "matched" if attaching is ra.Attaching.WITH_FULFILL else "attached"
    assert [item.status for item in first] == [item.status for item in second] == [good, "rejected"]
    assert "waits for item 2 (rejected)" in first[0].reason
    assert len(shop.calls("fulfill")) == 1
    files.pipe(f"{root}/1001_2.jpg", JPEG + b"brighter")
    assert [item.status for item in scanner.scan().items] == ["fulfilled", "fulfilled"]


class Restless(ra.ArtworkStorage):
    """Somebody uploads a file anew right before each look at it."""

    uploads = 0
    most = 99
    folder = ""

    def stat(self, name):
        if self.uploads < self.most:
            self.uploads += 1
            fsspec.filesystem("memory").pipe(f"{self.folder}/{name}", JPEG + bytes(self.uploads))
        return super().stat(name)


@pytest.mark.parametrize(("most", "status", "sent"), [(99, "settling", 0), (2, "fulfilled", 1)])
def test_a_file_that_is_replaced_once_too_often_is_not_sent(root, most, status, sent):
    files, _ = memory_folder(root, "1001_1.jpg")
    storage, shop = Restless(files, root), FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    storage.most, storage.folder = most, root
    item = only(ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan())
    assert (item.status, len(shop.calls("fulfill"))) == (status, sent)
    assert ("was replaced since" in item.reason) is not bool(sent)
    assert ("nothing was sent" in item.reason) is not bool(sent)

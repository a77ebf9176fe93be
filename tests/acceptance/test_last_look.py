"""The last look at the files of an order: it runs while the shop answers, and nothing is sent without it."""

import threading

import pytest

import remote_artwork as ra
from remote_artwork.runtime import ThreadRuntime
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

PATIENCE = 60.0
"""Seconds that a test waits for another thread at most."""


class Clock(ThreadRuntime):
    """The time of the system, and the time that a slow shop took."""

    passed = 0.0

    def monotonic(self):
        return super().monotonic() + type(self).passed


class WatchedStorage(ra.ArtworkStorage):
    """Counts the lookups of its file: one for the check, one before the call, one after it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.lookups, self.changed = 0, threading.Condition()

    def stat(self, name):
        found = super().stat(name)
        with self.changed:
            self.lookups += 1
            self.changed.notify_all()
        return found

    def wait_for_look(self):
        with self.changed:
            assert self.changed.wait_for(lambda: self.lookups == 2, PATIENCE)


class Shop(FakeShop):
    """Lets something happen while an order is read. Each order is read once, before it is sent."""

    def __init__(self, while_reading):
        super().__init__([ra.Order("1001", [ra.OrderItem("1")])], attaching=ra.Attaching.WITH_FULFILL)
        self.while_reading = while_reading

    def get_order(self, order_id):
        self.while_reading()
        return super().get_order(order_id)


@pytest.fixture
def files(root):
    return memory_folder(root, "1001_1.pdf")[0]


@pytest.fixture
def storage(files, root):
    return WatchedStorage(files, root)


def scan(storage, while_reading):
    shop = Shop(while_reading)
    return shop, ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), runtime=Clock()).scan()


def test_the_files_are_looked_up_while_the_shop_answers(storage):
    _, report = scan(storage, storage.wait_for_look)
    assert report.counts == {ra.ItemStatus.FULFILLED: 1}
    assert storage.lookups == 3


def test_the_files_are_looked_up_again_if_the_shop_takes_long(storage, files, root, monkeypatch):
    def answer_slowly():
        storage.wait_for_look()
        files.rm(f"{root}/1001_1.pdf")
        monkeypatch.setattr(Clock, "passed", 2.0)

    monkeypatch.setattr(Clock, "passed", 0.0)
    shop, report = scan(storage, answer_slowly)
    assert report.counts == {ra.ItemStatus.MISSING: 1}
    assert not shop.effects


def test_an_order_that_changed_is_not_sent_whatever_its_files_are(storage, files, root):
    def edit():
        storage.wait_for_look()
        files.rm(f"{root}/1001_1.pdf")
        shop.put(ra.Order("1001", [ra.OrderItem("1", quantity=2)]))

    shop = Shop(edit)
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan()
    assert [item.code for item in report.items] == ["order_changed"]
    assert not shop.effects

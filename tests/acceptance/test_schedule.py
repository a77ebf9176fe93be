"""run_forever: passes follow each other, never overlap, and end on request."""

import os
import signal
import threading
from datetime import timedelta

import pytest

import remote_artwork as ra
from remote_artwork.errors import InvalidOrdersFile
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

BLINK = timedelta(milliseconds=1)


def make(root, shop, **options):
    _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg", "1003_1.jpg")
    retry = ra.RetryPolicy(attempts=1)
    return ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), retry=retry, **options)


def orders(*numbers):
    return [ra.Order(number, [ra.OrderItem("1")]) for number in numbers]


def test_a_failed_scan_is_logged_and_the_next_one_runs(root, caplog):
    class Broken(FakeShop):
        def pending_orders(self):
            super().pending_orders()
            if len(self.calls("pending_orders")) == 1:
                raise InvalidOrdersFile("orders.json, line 3")
            return super().pending_orders()

    shop, stop, reports = Broken(orders("1001")), threading.Event(), []

    def keep(report):
        reports.append(report)
        stop.set()

    make(root, shop).run_forever(every=BLINK, stop=stop, on_report=keep)
    assert [item.status for item in reports[0].items] == ["fulfilled"]
    assert [(record.message, record.error) for record in caplog.records] == [("scan_failed", "orders.json, line 3")]


def test_scans_do_not_overlap(root):
    class Overlapping(FakeShop):
        running = 0
        most = 0

        def pending_orders(self):
            type(self).running += 1
            type(self).most = max(self.most, self.running)
            yield from super().pending_orders()
            type(self).running -= 1

    scanner, stop, count = make(root, Overlapping(orders("1001"))), threading.Event(), []

    def three(report):
        count.append(report)
        if len(count) >= 6:
            stop.set()

    threads = [
        threading.Thread(target=scanner.run_forever, kwargs={"every": BLINK, "stop": stop, "on_report": three})
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert Overlapping.most == 1


def test_sigterm_finishes_the_order_in_hand_and_leaves_the_rest(root):
    class Terminated(FakeShop):
        def fulfill(self, order, artworks, *, idempotency_key):
            os.kill(os.getpid(), signal.SIGTERM)
            return super().fulfill(order, artworks, idempotency_key=idempotency_key)

    before = signal.getsignal(signal.SIGTERM)
    shop, reports = Terminated(orders("1001", "1002", "1003")), []
    make(root, shop, orders_at_once=1).run_forever(every=timedelta(hours=1), on_report=reports.append)

    assert [item.status for item in reports[0].items] == ["fulfilled", "matched", "matched"]
    assert "stopped" in reports[0].items[1].reason
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stop_event_that_is_set_already_runs_nothing(root):
    shop, stop = FakeShop(orders("1001")), threading.Event()
    stop.set()
    make(root, shop).run_forever(stop=stop)
    assert shop.journal == []


def test_ctrl_c_in_the_middle_leaves_the_intent_for_the_next_scan(root):
    class Interrupted(FakeShop):
        def fulfill(self, order, artworks, *, idempotency_key):
            receipt = super().fulfill(order, artworks, idempotency_key=idempotency_key)
            if order.number == "1001":
                raise KeyboardInterrupt
            return receipt

    shop = Interrupted(orders("1001", "1002"), recovery=ra.Recovery.IDEMPOTENT)
    scanner = make(root, shop)
    with pytest.raises(KeyboardInterrupt):
        scanner.scan()
    scanner.scan()
    assert list(shop.effects.values()) == [1, 1]

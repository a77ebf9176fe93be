"""Files of the next orders are checked while the order in hand is worked on; what is decided is the same."""

import threading

import pytest

import remote_artwork as ra
from remote_artwork.errors import StorageDenied, StorageError
from remote_artwork.events import OrderFulfilled, OrderStarted
from remote_artwork.preflight import preflight_checks
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

PATIENCE = 30.0
"""Seconds that a test waits for another thread at the most."""
ALL = [str(number) for number in range(1, 13)]


class Watched:
    """A check that passes every file, and notes which, where, and how many at once."""

    def __init__(self, barrier=None):
        self.barrier = barrier
        self.begun, self.threads, self.most, self.now = [], set(), 0, 0
        self.changed = threading.Condition()

    def check(self, artwork, _item):
        with self.changed:
            self.begun.append(artwork.file.name)
            self.threads.add(threading.current_thread())
            self.now += 1
            self.most = max(self.most, self.now)
            self.changed.notify_all()
        if self.barrier:
            self.barrier.wait(PATIENCE)
        artwork.read(0, 10)
        with self.changed:
            self.now -= 1
        return []

    def wait_for(self, name):
        with self.changed:
            assert self.changed.wait_for(lambda: name in self.begun and not self.now, PATIENCE)


class Whenever:
    """An observer that does something at one kind of event."""

    def __init__(self, kind, act):
        self.kind, self.act = kind, act

    def on_event(self, event):
        if isinstance(event, self.kind):
            self.act(event)


@pytest.fixture
def place(root):
    return memory_folder(root, *(f"{number}_1.pdf" for number in ALL))


@pytest.fixture
def storage(place):
    return place[1]


def scanner(storage, *checks, **options):
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in ALL])
    checks = checks or preflight_checks(ra.Policy())
    return ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), checks=checks, **options)


@pytest.mark.parametrize("work", [ra.Scanner.scan, lambda scan: scan.plan(verify=True)], ids=["scan", "plan"])
def test_several_files_are_checked_at_once(storage, work):
    watched = Watched(threading.Barrier(4))
    report = work(scanner(storage, watched, checks_at_once=4))
    assert [item.order_number for item in report.items] == ALL
    assert watched.most == 4
    assert sorted(watched.begun) == sorted(f"{number}_1.pdf" for number in ALL)


def test_one_at_a_time_means_in_the_thread_of_the_pass(storage):
    watched = Watched()
    scanner(storage, watched, checks_at_once=1).scan()
    assert (watched.most, watched.threads) == (1, {threading.current_thread()})
    assert watched.begun == [f"{number}_1.pdf" for number in ALL]


@pytest.mark.parametrize("at_once", [None, 2])
def test_it_costs_no_request_and_changes_no_outcome(storage, at_once):
    alone, together = (scanner(storage, checks_at_once=number).scan() for number in (1, at_once))
    assert together.requests == alone.requests
    assert together.items == alone.items


def test_a_file_system_that_nobody_knows_is_read_by_one_thread(place, root):
    class Strange(type(place[0])):
        protocol = "strange"

        def sign(self, path, expiration=100, **_options):
            return f"https://files.example.com{path}?for={expiration}"

    watched = Watched()
    storage, at_once = ra.ArtworkStorage(Strange(), root), ra.Policy(settle_for=None)
    scanner(storage, watched, checks_at_once=8, policy=at_once).scan()
    assert watched.threads == {threading.current_thread()}


def test_no_more_is_read_than_the_next_orders_need(storage):
    watched, ahead = Watched(), []

    def at_start(event):
        ahead.append(len(watched.begun) - event.done)

    scanner(storage, watched, checks_at_once=2, observer=Whenever(OrderStarted, at_start)).scan()
    assert max(ahead) <= 3


def test_a_limited_scan_reads_no_file_of_the_orders_it_leaves(storage):
    watched = Watched()
    scanner(storage, watched).scan(limit=2)
    assert sorted(watched.begun) == ["1_1.pdf", "2_1.pdf"]


def test_a_file_that_is_replaced_after_it_was_checked_ahead_is_checked_again(place, root):
    files, storage = place
    watched = Watched()

    def replace_the_next(event):
        if event.order_number == "1":
            watched.wait_for("2_1.pdf")
            files.pipe(f"{root}/2_1.pdf", b"no print file any more")

    checks = (*preflight_checks(ra.Policy()), watched)
    scan = scanner(storage, *checks, observer=Whenever(OrderFulfilled, replace_the_next))
    report = scan.scan()
    assert report.counts == {ra.ItemStatus.FULFILLED: 11, ra.ItemStatus.REJECTED: 1}
    [second] = [item for item in report.items if item.order_number == "2"]
    assert second.status is ra.ItemStatus.REJECTED
    assert scan.client.orders["2"].state is ra.OrderState.PENDING


def test_a_file_that_cannot_be_read_ahead_stops_no_other(storage):
    class Denied:
        def check(self, artwork, _item):
            if artwork.file.name == "5_1.pdf":
                raise StorageDenied("5_1.pdf may not be read")
            return []

    report = scanner(storage, Denied()).scan()
    assert report.counts == {ra.ItemStatus.FULFILLED: 11, ra.ItemStatus.UNREADABLE: 1}
    [fifth] = [item for item in report.items if item.order_number == "5"]
    assert "5_1.pdf may not be read; nothing was sent" in fifth.reason


def test_once_the_shop_is_down_no_further_file_is_read(storage):
    watched = Watched()
    scan = scanner(storage, watched, checks_at_once=2, retry=ra.RetryPolicy(attempts=1))
    for _ in ALL:
        scan.client.fail_next("attach_artwork", ra.Unavailable("down"))
    assert scan.scan().exit_code == 3
    assert len(watched.begun) <= 5 + 2, "those of the orders that showed it, and those ahead of the last one"


def test_a_pass_that_is_interrupted_leaves_no_thread_behind(storage):
    def interrupt(_event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scanner(storage, observer=Whenever(OrderFulfilled, interrupt)).scan()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("remote-artwork-check")]


def test_a_file_is_not_read_to_its_end_for_a_pass_that_was_interrupted(storage):
    begun, refused = threading.Event(), []

    class Thorough:
        def check(self, artwork, _item):
            if artwork.file.name == "1_1.pdf":
                assert begun.wait(PATIENCE)
                return []
            try:
                for _ in range(10**6):
                    artwork.read(0, 10)
                    begun.set()
            except StorageError:
                refused.append(artwork.file.name)
                raise
            return []

    def interrupt(_event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scanner(storage, Thorough(), checks_at_once=2, observer=Whenever(OrderFulfilled, interrupt)).scan()
    assert "2_1.pdf" in refused


@pytest.mark.parametrize("number", [0, -1, True, 1.5, "2"])
def test_a_number_of_threads_that_is_none_is_refused(storage, number):
    with pytest.raises(ra.ConfigurationError, match="checks_at_once must be a whole number from 1"):
        scanner(storage, checks_at_once=number)

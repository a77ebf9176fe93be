"""Several orders at once: in which thread what runs, how much is begun, and how it ends."""

import threading
from contextvars import ContextVar

import pytest

import remote_artwork as ra
from remote_artwork.errors import StorageDenied
from remote_artwork.events import OrderFulfilled, OrderStarted
from remote_artwork.preflight import preflight_checks
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

PATIENCE = 60.0
"""Seconds that a test waits for another thread at most."""
ALL = [str(number) for number in range(1, 13)]


class Watched:
    """A check that passes every file, and records which, in which thread, and how many at once."""

    def __init__(self, barrier=None):
        self.barrier = barrier
        self.begun, self.threads, self.most, self.now = [], set(), 0, 0
        self.lock = threading.Lock()

    def check(self, artwork, _item):
        with self.lock:
            self.begun.append(artwork.file.name)
            self.threads.add(threading.current_thread())
            self.now += 1
            self.most = max(self.most, self.now)
        if self.barrier:
            self.barrier.wait(PATIENCE)
        artwork.read(0, 10)
        with self.lock:
            self.now -= 1
        return []


class On:
    """An observer that acts on one kind of event, and records its threads."""

    def __init__(self, kind, act=lambda _event: None):
        self.kind, self.act, self.threads = kind, act, set()

    def on_event(self, event):
        self.threads.add(threading.current_thread())
        if isinstance(event, self.kind):
            self.act(event)


class ConcurrentShop(FakeShop):
    """Allows four calls at once, and waits until four ``fulfill`` calls run."""

    def __init__(self, orders):
        super().__init__(orders, concurrent_calls=4)
        self.barrier, self.threads = threading.Barrier(4), set()

    def fulfill(self, order, artworks, *, idempotency_key):
        self.threads.add(threading.current_thread())
        self.barrier.wait(PATIENCE)
        return super().fulfill(order, artworks, idempotency_key=idempotency_key)


def orders():
    return [ra.Order(number, [ra.OrderItem("1")]) for number in ALL]


@pytest.fixture
def place(root):
    return memory_folder(root, *(f"{number}_1.pdf" for number in ALL))


@pytest.fixture
def storage(place):
    return place[1]


def scanner(storage, *checks, shop=None, **options):
    checks = checks or preflight_checks(ra.Policy())
    return ra.Scanner(storage, shop or FakeShop(orders()), ledger=ra.MemoryLedger(), checks=checks, **options)


def worker_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("remote-artwork-order")]


@pytest.mark.parametrize("work", [ra.Scanner.scan, lambda scan: scan.plan(verify=True)], ids=["scan", "plan"])
def test_files_of_several_orders_are_checked_at_once(storage, work):
    watched = Watched(threading.Barrier(4))
    report = work(scanner(storage, watched, orders_at_once=4))
    assert [item.order_number for item in report.items] == ALL
    assert watched.most == 4
    assert sorted(watched.begun) == sorted(f"{number}_1.pdf" for number in ALL)
    assert not worker_threads()


def test_one_order_at_once_needs_no_other_thread(storage):
    watched = Watched()
    scanner(storage, watched, orders_at_once=1).scan()
    assert (watched.most, watched.threads) == (1, {threading.current_thread()})
    assert watched.begun == [f"{number}_1.pdf" for number in ALL]


@pytest.mark.parametrize("at_once", [None, 2])
def test_the_number_changes_no_outcome_and_no_request(storage, at_once):
    alone, together = (scanner(storage, orders_at_once=number).scan() for number in (1, at_once))
    assert together.requests == alone.requests
    assert [(item.order_number, item.status, item.reason) for item in together.items] == [
        (item.order_number, item.status, item.reason) for item in alone.items
    ]


def test_a_file_system_of_an_unknown_kind_is_read_by_one_thread(place, root):
    class Strange(type(place[0])):
        protocol = "strange"

        def sign(self, path, expiration=100, **_options):
            return f"https://files.example.com{path}?for={expiration}"

    watched = Watched()
    storage, policy = ra.ArtworkStorage(Strange(), root), ra.Policy(settle_for=None)
    scanner(storage, watched, orders_at_once=8, policy=policy).scan()
    assert watched.threads == {threading.current_thread()}


def test_a_client_that_allows_one_call_is_called_by_the_thread_of_the_scan(storage):
    threads = set()

    class Shop(FakeShop):
        def fulfill(self, order, artworks, *, idempotency_key):
            threads.add(threading.current_thread())
            return super().fulfill(order, artworks, idempotency_key=idempotency_key)

    watched, shop = Watched(threading.Barrier(4)), Shop(orders())
    scanner(storage, watched, shop=shop, orders_at_once=4).scan()
    assert threads == {threading.current_thread()}
    assert threading.current_thread() not in watched.threads


def test_context_variables_that_such_a_client_sets_are_kept(storage):
    session: ContextVar[int] = ContextVar("session", default=0)

    class Shop(FakeShop):
        def fulfill(self, order, artworks, *, idempotency_key):
            session.set(session.get() + 1)
            return super().fulfill(order, artworks, idempotency_key=idempotency_key)

    scanner(storage, shop=Shop(orders()), orders_at_once=4).scan()
    assert session.get() == len(ALL)


def test_a_client_that_allows_several_calls_is_called_by_workers_with_the_context_of_the_scan(storage):
    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")
    seen = set()

    class Shop(ConcurrentShop):
        def get_order(self, order_id):
            seen.add(tenant.get())
            return super().get_order(order_id)

    shop = Shop(orders())
    tenant.set("acme")
    report = scanner(storage, shop=shop, orders_at_once=4).scan()
    assert report.counts == {ra.ItemStatus.FULFILLED: len(ALL)}
    assert threading.current_thread() not in shop.threads
    assert seen == {"acme"}


def test_the_observer_is_called_by_the_thread_of_the_scan_and_events_of_an_order_are_in_order(storage):
    events = []
    observer = On(object, events.append)
    scanner(storage, shop=ConcurrentShop(orders()), orders_at_once=4, observer=observer).scan()
    assert observer.threads == {threading.current_thread()}
    for number in ALL:
        names = [event.event_name for event in events if getattr(event, "order_number", None) == number]
        assert names[1:4] == ["order_started", "item_verified", "item_attached"]
    assert [event.done for event in events if isinstance(event, OrderStarted)] == list(range(len(ALL)))


def test_the_next_order_begins_while_the_files_of_a_sent_one_are_compared(place, root):
    class Shop(FakeShop):
        def __init__(self):
            super().__init__(orders(), attaching=ra.Attaching.WITH_FULFILL)
            self.read, self.changed = 0, threading.Condition()

        def get_order(self, order_id):
            with self.changed:
                self.read += 1
                self.changed.notify_all()
            return super().get_order(order_id)

    class Storage(ra.ArtworkStorage):
        def stat(self, name):
            if shop.orders[name.partition("_")[0]].state is ra.OrderState.FULFILLED:
                with shop.changed:
                    assert shop.changed.wait_for(lambda: shop.read >= 4, PATIENCE), "no order beside the two sent ones"
            return super().stat(name)

    shop = Shop()
    report = scanner(Storage(place[0], root), shop=shop, orders_at_once=2).scan()
    assert report.counts == {ra.ItemStatus.FULFILLED: len(ALL)}


def test_no_more_is_read_than_the_orders_in_hand_need(storage):
    watched, ahead = Watched(), []

    def at_start(event):
        ahead.append(len(watched.begun) - event.done)

    scanner(storage, watched, orders_at_once=2, observer=On(OrderStarted, at_start)).scan()
    assert max(ahead) <= 3


def test_a_limited_scan_reads_no_file_of_the_orders_it_leaves(storage):
    watched = Watched()
    scanner(storage, watched).scan(limit=2)
    assert sorted(watched.begun) == ["1_1.pdf", "2_1.pdf"]


def test_a_file_that_cannot_be_read_stops_no_other(storage):
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
    scan = scanner(storage, watched, orders_at_once=2, retry=ra.RetryPolicy(attempts=1))
    for _ in ALL:
        scan.client.fail_next("attach_artwork", ra.Unavailable("down"))
    assert scan.scan().exit_code == 3
    assert len(watched.begun) <= 5 + 2, "those of the orders that showed it, and those in hand"


def test_when_stop_is_set_the_orders_in_hand_are_finished_and_the_rest_is_reported(storage):
    stop = threading.Event()
    scan = scanner(storage, orders_at_once=2, observer=On(OrderFulfilled, lambda _event: stop.set()))
    report = scan.scan(stop=stop)
    statuses = {item.order_number: item.status for item in report.items}
    assert set(statuses) == set(ALL)
    fulfilled = {number for number, status in statuses.items() if status == "fulfilled"}
    assert 1 <= len(fulfilled) <= 4
    assert {item.code for item in report.items if item.order_number not in fulfilled} == {"stopped"}
    assert scan.scan().counts == {ra.ItemStatus.FULFILLED: len(ALL) - len(fulfilled)}


@pytest.mark.parametrize("at_once", [1, 2])
def test_an_interrupted_scan_leaves_no_thread_behind(storage, at_once):
    with pytest.raises(KeyboardInterrupt):
        scanner(storage, observer=InterruptingOn(OrderFulfilled), orders_at_once=at_once).scan()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("remote-artwork")]


class InterruptingOn:
    """An observer during which Ctrl-C is pressed."""

    def __init__(self, kind):
        self.kind = kind

    def on_event(self, event):
        if isinstance(event, self.kind):
            raise KeyboardInterrupt


def test_calls_that_run_when_ctrl_c_is_pressed_are_finished_and_recorded(storage):
    class Shop(ConcurrentShop):
        def fulfill(self, order, artworks, *, idempotency_key):
            receipt = super().fulfill(order, artworks, idempotency_key=idempotency_key)
            if order.number == "1":
                raise KeyboardInterrupt
            return receipt

    shop = Shop(orders()[:4])
    scan = scanner(storage, shop=shop, orders_at_once=4)
    with pytest.raises(KeyboardInterrupt):
        scan.scan()
    states = {record.key.order_id: record.state for record in scan.ledger.find("default")}
    assert states == {"1": "fulfill_intent", "2": "fulfilled", "3": "fulfilled", "4": "fulfilled"}


def test_a_file_is_not_read_to_its_end_for_a_scan_that_was_interrupted(storage):
    begun, stopped = threading.Event(), []

    class Thorough:
        def check(self, artwork, _item):
            if artwork.file.name == "1_1.pdf":
                assert begun.wait(PATIENCE)
                return []
            try:
                for _ in range(10**6):
                    artwork.read(0, 10)
                    begun.set()
            except BaseException:
                stopped.append(artwork.file.name)
                raise
            return []

    with pytest.raises(KeyboardInterrupt):
        scanner(storage, Thorough(), orders_at_once=2, observer=InterruptingOn(OrderFulfilled)).scan()
    assert "2_1.pdf" in stopped


class LimitingShop(FakeShop):
    """Allows four calls at once, and answers one call with HTTP 429. Each order is read once, before it is sent."""

    def __init__(self, orders, retry_after):
        super().__init__(orders, concurrent_calls=4, attaching=ra.Attaching.WITH_FULFILL)
        self.retry_after, self.asked, self.refused = retry_after, 0, threading.Event()

    def get_order(self, order_id):
        with self._lock:
            self.asked += 1
            is_refused = self.asked == 4
        if is_refused:
            self.refused.set()
            raise ra.RateLimited("slow down", retry_after=self.retry_after)
        return super().get_order(order_id)


def test_one_refused_call_slows_all_workers_and_loses_no_order(storage):
    shop = LimitingShop(orders()[:6], retry_after=0.1)
    retry = ra.RetryPolicy(sleep=lambda _seconds: None)
    report = scanner(storage, shop=shop, orders_at_once=4, retry=retry).scan()
    assert report.counts == {ra.ItemStatus.FULFILLED: 6}
    assert shop.asked == 7
    assert report.timings.shop_queue > 0.1


def test_a_scan_starts_with_as_many_calls_as_the_last_one_ended_with(storage):
    class Shop(FakeShop):
        barrier = threading.Barrier(1)

        def fulfill(self, order, artworks, *, idempotency_key):
            self.barrier.wait(PATIENCE)
            return super().fulfill(order, artworks, idempotency_key=idempotency_key)

    shop = Shop(orders()[:7], concurrent_calls=6)
    scans = scanner(storage, shop=shop, orders_at_once=6)
    assert scans.scan(limit=1).counts[ra.ItemStatus.FULFILLED] == 1
    scans._call_limit._value = 6.0  # as after some dozens of answers
    shop.barrier = threading.Barrier(6)
    assert scans.scan().counts == {ra.ItemStatus.FULFILLED: 6}


def test_a_pause_that_is_too_long_ends_the_waits_of_all_workers(storage):
    shop = LimitingShop(orders(), retry_after=36_000.0)
    report = scanner(storage, shop=shop, orders_at_once=4).scan()
    assert report.counts[ra.ItemStatus.FAILED] >= 1
    assert shop.asked < 2 * len(ALL)  # the orders in hand; without the gate, each order would call at least twice
    assert {item.code for item in report.items} <= {"fulfilled", "not_tried", "rate_limited"}


def test_ctrl_c_ends_the_waits_for_the_shop(storage):
    class Shop(LimitingShop):
        def fulfill(self, *_args, **_options):
            assert self.refused.wait(PATIENCE)
            raise KeyboardInterrupt

    shop = Shop(orders(), retry_after=36_000.0)
    retry = ra.RetryPolicy(longest_wait=72_000.0, budget=1e9, sleep=lambda _seconds: None)
    with pytest.raises(KeyboardInterrupt):
        scanner(storage, shop=shop, orders_at_once=4, retry=retry).scan()
    assert not worker_threads()


@pytest.mark.parametrize("number", [0, -1, True, 1.5, "2"])
def test_an_invalid_number_is_refused(storage, number):
    with pytest.raises(ra.ConfigurationError, match="orders_at_once must be a whole number from 1"):
        scanner(storage, orders_at_once=number)

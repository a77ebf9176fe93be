"""The events that an observer receives, and the log records of them."""

import logging

import pytest

import remote_artwork as ra
from remote_artwork.events import ItemRejected, Measured
from remote_artwork.testing import FakeShop
from shop_files import memory_folder


class Notes:
    """An observer that keeps everything."""

    def __init__(self):
        self.events = []

    def on_event(self, event):
        self.events.append(event)

    @property
    def lines(self):
        """Each step's name with what it is about, shortly. ``test_measured_events`` is about the other events."""
        steps = [event for event in self.events if not isinstance(event, Measured)]
        return [" ".join([event.event_name, *map(str, about(event))]) for event in steps]


def about(event):
    facts = event.facts()
    order_filter = (
        "dry_run",
        "count",
        "order_number",
        "item_number",
        "file",
        "status",
        "done",
        "total",
        "receipt",
        "exit_code",
    )
    return [facts[fact] for fact in order_filter if fact in facts]


@pytest.fixture
def shop():
    return FakeShop(
        [
            ra.Order("1", [ra.OrderItem("1"), ra.OrderItem("2", requires_artwork=False)]),
            ra.Order("2", [ra.OrderItem("1"), ra.OrderItem("2")]),
            ra.Order("3", [ra.OrderItem("1")]),
        ]
    )


@pytest.fixture
def storage(root):
    files, storage = memory_folder(root, "1_1.pdf", "2_1.png", "2-2.png")
    files.pipe(f"{root}/3_1.png", b"no picture")
    return storage


def scanner(storage, shop, observer, **options):
    options = {"orders_at_once": 1, **options}
    return ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), tenant="acme", observer=observer, **options)


SURVEY = [
    "files_listed 4",
    "file_reported 2-2.png near_miss",
    "item_found 1 1",
    "item_found 2 1",
    "item_found 3 1",
]


def test_a_scan_emits_exactly_what_it_does_in_order(storage, shop):
    notes = Notes()
    report = scanner(storage, shop, notes).scan()
    assert notes.lines == [
        "scan_started False",
        *SURVEY,
        "order_started 1 0 3",
        "item_verified 1 1",
        "item_attached 1 1",
        "order_fulfilled 1 receipt-1",
        "item_reported 1 1 fulfilled",
        "item_reported 1 2 not_required",
        "order_started 2 1 3",
        "item_verified 2 1",
        "item_reported 2 1 matched",
        "item_reported 2 2 missing",
        "order_started 3 2 3",
        "item_rejected 3 1",
        "item_reported 3 1 rejected",
        "file_reported 3_1.png rejected",
        "scan_finished 1",
    ]
    assert {event.tenant for event in notes.events} == {"acme"}
    assert notes.events[-1].report is report
    assert notes.events[0].location == report.location
    [rejected] = [event for event in notes.events if isinstance(event, ItemRejected)]
    assert (rejected.files, rejected.order_id) == (("3_1.png",), "3")
    assert rejected.reason == report.items[-1].reason


def test_a_plan_emits_only_what_it_does(storage, shop):
    notes = Notes()
    scanner(storage, shop, notes).plan()
    reported = ["1 1 matched", "1 2 not_required", "2 1 matched", "2 2 missing", "3 1 matched"]
    assert notes.lines == [
        "scan_started True", *SURVEY, *(f"item_reported {line}" for line in reported), "scan_finished 0",
    ]  # fmt: skip


def test_a_plan_with_checks_emits_their_results(storage, shop):
    notes = Notes()
    scanner(storage, shop, notes).plan(verify=True)
    checked = [line for line in notes.lines if line.startswith(("order_", "item_verified", "item_rejected"))]
    assert checked == [
        "order_started 1 0 3", "item_verified 1 1", "order_started 2 1 3", "item_verified 2 1",
        "order_started 3 2 3", "item_rejected 3 1",
    ]  # fmt: skip


def test_with_fulfill_both_events_are_emitted_after_the_call_is_recorded(storage, shop):
    shop.attaching, notes = ra.Attaching.WITH_FULFILL, Notes()
    scanner(storage, shop, notes).scan(orders=["1"])
    lines = [line for line in notes.lines if line.startswith(("item_attached", "order_fulfilled"))]
    assert lines == ["item_attached 1 1", "order_fulfilled 1 receipt-1"]


def test_what_the_shop_refuses_is_neither_attached_nor_verified_again(storage, shop):
    notes = Notes()
    shop.fail_next("attach_artwork", ra.ArtworkRejected("too dark"))
    scanner(storage, shop, notes).scan(orders=["1"])
    begin = notes.lines.index("order_started 1 0 1")
    assert notes.lines[begin : begin + 5] == [
        "order_started 1 0 1", "item_verified 1 1", "item_rejected 1 1", "item_reported 1 1 rejected",
        "item_reported 1 2 not_required",
    ]  # fmt: skip


def test_results_of_an_earlier_scan_are_reported_but_emit_no_event(storage, shop):
    notes = Notes()
    scan = scanner(storage, shop, notes)
    scan.scan()
    del notes.events[:]
    scan.scan()
    steps = ("order_started", "item_verified", "item_attached", "item_rejected", "order_fulfilled")
    assert not [line for line in notes.lines if line.startswith(steps)]
    assert "item_reported 3 1 rejected" in notes.lines


def test_explain_is_not_a_scan_and_emits_nothing(storage, shop):
    notes = Notes()
    scanner(storage, shop, notes).explain("2-2.png")
    assert notes.events == []


class Broken:
    def on_event(self, _event):
        raise RuntimeError("the metrics are down")


def test_an_observer_that_raises_stops_nothing_and_is_logged_once_per_scan(storage, shop, caplog):
    scan = scanner(storage, shop, Broken())
    assert scan.scan().counts[ra.ItemStatus.FULFILLED] == 1
    [record] = [record for record in caplog.records if record.message == "observer_raised"]
    assert (record.event, record.levelname) == ("scan_started", "ERROR")
    assert "the metrics are down" in caplog.text
    scan.scan()
    assert sum(record.message == "observer_raised" for record in caplog.records) == 2


def test_a_ctrl_c_in_an_observer_is_not_its_fault(storage, shop):
    class Interrupted:
        def on_event(self, _event):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scanner(storage, shop, Interrupted()).scan()


def test_the_log_carries_the_same_names_with_or_without_an_observer(storage, shop, caplog):
    caplog.set_level(logging.DEBUG, logger="remote_artwork.scanner")
    notes = Notes()
    scanner(storage, shop, notes).plan()
    logged = [record for record in caplog.records if record.name == "remote_artwork.scanner"]
    assert [record.message for record in logged] == [event.event_name for event in notes.events]
    [early] = [record for record in logged if record.message == "file_reported"]
    assert (early.tenant, early.file, early.status, early.suggestion) == ("acme", "2-2.png", "near_miss", "2_2.png")

    caplog.clear()
    caplog.set_level(logging.INFO, logger="remote_artwork.scanner")
    scanner(storage, shop, None).scan()
    names = [record.message for record in caplog.records]
    assert names[0] == "scan_started"
    assert names[-1] == "scan_finished"
    assert names.count("order_fulfilled") == 1
    assert "item_reported" not in names
    assert "files_listed" not in names

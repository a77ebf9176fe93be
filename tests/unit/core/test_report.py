"""ScanReport: counts, order, exit code, and its form as plain JSON."""

import copy
import io
import json
import pickle
import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from attrs import evolve

from german_catalog import GERMAN
from reasons import because
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import (
    MAX_EXAMPLES,
    NEEDS_NOBODY,
    NEEDS_PERSON,
    Fault,
    FileOutcome,
    FileStatus,
    FileTally,
    Finding,
    ItemOutcome,
    ItemStatus,
    ScanReport,
    Severity,
    natural_key,
    sorted_items,
)
from remote_artwork.errors import LocationNotFound, StorageDenied

BEGUN = datetime(2026, 5, 4, 12, tzinfo=UTC)


def item(status=ItemStatus.MATCHED, order="1001", number="1", order_id=None, **more):
    return ItemOutcome(
        order_number=order,
        item_number=number,
        status=status,
        because=because("because"),
        order_id=order_id or order,
        **more,
    )


def odd(name, status=FileStatus.UNRELATED, **more):
    return FileOutcome(name=name, status=status, because=because("because"), **more)


def report(*items, **more):
    known = {"dry_run": False, "tenant": "acme", "location": "memory://in", "started_at": BEGUN, "finished_at": BEGUN}
    return ScanReport(items=items, **known | more)


FULL = report(
    item(ItemStatus.REJECTED, files=("a.pdf",), findings=(Finding(severity=Severity.REJECT, code="c", message="m"),)),
    item(ItemStatus.MISSING, expected=("1001_2",), number="2"),
    files=(odd("b.pdf", FileStatus.NEAR_MISS, suggestion="c.pdf"),),
    file_counts={FileStatus.UNRELATED: 3, FileStatus.EARLY: 2, FileStatus.NEAR_MISS: 1},
    requests={"get": 1, "list": 2},
    faults=(Fault.of("ledger", "locked"),),
)


def plain(value):
    if type(value) is dict:
        return all(type(key) is str and plain(inner) for key, inner in value.items())
    if type(value) is list:
        return all(map(plain, value))
    return value is None or type(value) in (str, int, float, bool)


def test_the_dictionary_holds_plain_values_alone():
    assert plain(FULL.to_dict())
    assert json.loads(FULL.to_json()) == FULL.to_dict()
    assert json.loads(FULL.to_json(indent=None)) == FULL.to_dict()


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("report", [FULL, evolve(FULL, items=(), files=())], ids=["full", "empty"])
def test_a_report_is_written_to_a_file_in_parts(report, indent):
    file = io.StringIO()
    report.write_json(file, indent=indent)
    assert file.getvalue() == report.to_json(indent=indent)
    assert file.getvalue() == json.dumps(report.to_dict(), indent=indent, ensure_ascii=False)


def test_items_of_a_report_are_created_while_it_is_written():
    class Pipe:
        """Counts the largest part."""

        largest = written = 0

        def write(self, text):
            self.largest = max(self.largest, len(text))
            self.written += len(text)

    pipe = Pipe()
    evolve(FULL, items=FULL.items * 10_000).write_json(pipe)
    assert pipe.written > 5 * pipe.largest


def test_the_dictionary_holds_everything():
    form = FULL.to_dict()
    assert form["schema_version"] == 2
    assert form["items"][0]["findings"][0] == {
        "severity": "reject",
        "code": "c",
        "details": {},
        "notes": [],
        "message": "m",
        "measured": None,
        "required": None,
    }
    assert form["items"][1]["expected"] == ["1001_2"]
    assert form["files"] == [
        {
            "name": "b.pdf",
            "status": "near_miss",
            "code": "client_failed",
            "details": {"error": "because"},
            "notes": [],
            "reason": "because",
            "suggestion": "c.pdf",
        }
    ]
    assert form["faults"] == [
        {
            "part": "ledger",
            "code": "ledger_failed",
            "details": {"error": "locked"},
            "notes": [],
            "message": "locked",
            "orders": 0,
            "items": 0,
        }
    ]
    assert form["requests"] == {"list": 2, "head": 0, "get": 1}
    assert (form["strategy"], form["monthly_cost"]) == ([], None)
    assert form["exit_code"] == 3


def test_times_are_told_in_utc():
    there = timezone(timedelta(hours=2))
    form = report(started_at=BEGUN.astimezone(there)).to_dict()
    assert form["started_at"] == form["finished_at"] == "2026-05-04T12:00:00+00:00"


def test_statuses_are_counted_in_their_listed_order_without_empty_ones():
    shuffled = [status for count, status in enumerate(ItemStatus, start=1) for _ in range(count % 3)]
    random.Random(1).shuffle(shuffled)
    counts = report(*map(item, shuffled)).counts
    assert list(counts) == [status for status in ItemStatus if status in shuffled]
    assert all(counts[status] == shuffled.count(status) for status in counts)


def test_counts_of_files_are_written_in_their_listed_order():
    assert list(FULL.to_dict()["file_counts"]) == ["early", "near_miss", "unrelated"]


@pytest.mark.parametrize("status", list(ItemStatus))
def test_the_exit_code_is_one_exactly_when_a_person_is_needed(status):
    needs = {"conflict", "rejected", "uncertain", "failed", "unreadable", "late", "late_replacement", "awaiting_review"}
    assert {str(status) for status in NEEDS_PERSON} == needs
    assert item(status).needs_person == (status in needs)
    assert report(item(), item(status)).exit_code == int(status in needs)


@pytest.mark.parametrize(
    "temporary",
    [
        reason("call_in_flight", call_limit=60.0),
        reason("call_unresolved"),
        reason("not_tried", error="busy"),
        reason("rate_limited", error="429"),
        reason("retry_rate_limited", error="429"),
        reason("storage_not_read", error="down"),
        reason("ledger_not_read", error="down"),
    ],
    ids=lambda because: because.code,
)
@pytest.mark.parametrize("status", sorted(NEEDS_PERSON))
def test_what_the_next_scan_resolves_needs_nobody(status, temporary):
    waiting = evolve(item(status), because=temporary)
    assert not waiting.needs_person
    assert report(waiting).exit_code == 0
    assert {str(code) for code in NEEDS_NOBODY} >= {temporary.code}


def test_a_fault_outweighs_a_person():
    fault = Fault.of("storage", "down")
    assert report(faults=(fault,)).exit_code == 3
    assert report(item(ItemStatus.FAILED), faults=(fault,)).exit_code == 3
    assert report().exit_code == 0


def test_a_name_that_is_no_text_breaks_no_json():
    broken = report(
        item(files=("a\udcff.pdf",)),
        files=(odd("\ud800.pdf"),),
        faults=(Fault.of("client", "\udc80"),),
        tenant="\udfff é",
    )
    text = broken.to_json().encode()
    assert json.loads(text) == broken.to_dict()
    assert "é".encode() in text


def test_digits_compare_as_numbers():
    names = ["", "1", "2", "10", "a", "a1", "a2", "a10", "a10b", "b"]
    shuffled = random.Random(2).sample(names, len(names))
    assert sorted(shuffled, key=natural_key) == names
    assert natural_key("007") == natural_key("7")
    assert min(["9" * 5000 + "1", "9" * 5000], key=natural_key) == "9" * 5000  # no conversion to int: no limit


def test_digits_of_other_scripts_are_letters():
    assert sorted(["²", "٣", "1"], key=natural_key) == ["1", "²", "٣"]


def test_items_are_sorted_by_order_and_item_number():
    given = [("9", "9"), ("9", "10"), ("10", "1"), ("A-2", "1"), ("A-10", "1")]
    items = [item(order=order, number=number) for order, number in reversed(given)]
    assert [(i.order_number, i.item_number) for i in sorted_items(items)] == given


def test_orders_with_one_number_are_kept_apart_by_their_ids():
    items = [item(order_id=order_id, number=number) for number in "12" for order_id in "ba"]
    assert [(i.order_id, i.item_number) for i in sorted_items(items)] == [
        ("a", "1"),
        ("a", "2"),
        ("b", "1"),
        ("b", "2"),
    ]


@pytest.mark.parametrize(
    "arrange", [sorted, lambda names: sorted(names, reverse=True), lambda n: random.Random(3).sample(n, len(n))]
)
def test_the_smallest_thousand_names_are_kept_whatever_the_order_of_arrival(arrange):
    names = [f"{n:05}.pdf" for n in range(2500)]
    tally = FileTally()
    for name in arrange(names):
        tally.add(odd(name))
    assert [outcome.name for outcome in tally.examples()] == names[:MAX_EXAMPLES]
    assert tally.counts == {FileStatus.UNRELATED: 2500}


def test_examples_come_by_status_in_its_listed_order():
    tally = FileTally()
    for status in reversed(FileStatus):
        for name in "ba":
            tally.add(odd(name, status))
    assert [(o.status, o.name) for o in tally.examples()] == [(status, name) for status in FileStatus for name in "ab"]


def test_a_listener_is_told_of_every_file():
    told = []
    tally = FileTally(listener=told.append)
    outcomes = [odd(f"{n:05}") for n in range(1500)]
    for outcome in outcomes:
        tally.add(outcome)
    assert told == outcomes


def test_a_report_speaks_the_language_of_a_catalog():
    waiting = reason("waiting_for_files", basenames=["1001_1"])
    missing = evolve(item(ItemStatus.MISSING), because=waiting)
    spoken = report(missing, faults=(Fault.of("ledger", "locked"),)).render(GERMAN)
    assert spoken["items"][0]["reason"] == "wartet auf 1001_1.<jpg|png|pdf>"
    assert spoken["faults"][0]["message"] == "Kontobuch: locked"
    assert spoken["items"][0]["code"] == "waiting_for_files"


def test_a_report_is_plain_data():
    assert pickle.loads(pickle.dumps(FULL)) == copy.deepcopy(FULL) == FULL
    assert report(item()) != report(item(ItemStatus.MISSING))


@pytest.mark.parametrize(("error", "code"), [(LocationNotFound("no bucket"), 2), (StorageDenied("no"), 3)])
def test_only_a_location_that_does_not_exist_is_a_wrong_setting(error, code):
    report = evolve(FULL, faults=(Fault.of("storage", error),))
    assert report.exit_code == code
    assert ScanReport.from_dict(report.to_dict()).exit_code == code
    assert evolve(report, faults=(*report.faults, Fault.of("client", "down"))).exit_code == 3


def test_a_fault_counts_the_items_that_were_not_processed_because_of_it():
    because = reason("storage_not_read", error="down")
    item = evolve(FULL.items[0], status=ItemStatus.UNREADABLE, because=because)
    items = [evolve(item, order_id=order, item_number=number) for order, number in (("1", "1"), ("1", "2"), ("2", "1"))]
    report = evolve(FULL, items=(*items, FULL.items[1]), faults=(Fault.of("storage", "down"),))
    assert report.not_processed(report.faults[0]) == tuple(items)
    assert not any(item.needs_person for item in items)
    [fault] = report.to_dict()["faults"]
    assert (fault["orders"], fault["items"]) == (2, 3)

"""Reports that are kept: read again, merged with a later one, and compared with an earlier one."""

import json
from datetime import UTC, datetime, timedelta

import fsspec
import pytest
from attrs import evolve

import remote_artwork as ra
from reasons import because
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import (
    MAX_EXAMPLES,
    Fault,
    FileOutcome,
    FileStatus,
    Finding,
    ItemOutcome,
    ItemStatus,
    ScanReport,
    Severity,
    Timings,
)
from remote_artwork.errors import LocationNotFound
from remote_artwork.testing import FakeShop
from shop_files import JPEG, PDF

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def item(order, status, code="client_failed", **more):
    reasons = {"client_failed": because("why"), "pending_again": reason("pending_again")}
    known = {"item_number": "1", "order_id": order, "because": reasons[code]}
    return ItemOutcome(order_number=order, status=status, **(known | more))


def file(name, status=FileStatus.UNRELATED):
    return FileOutcome(name=name, status=status, because=because("why"))


def report(*items, minutes=0, **more):
    start = NOON + timedelta(minutes=minutes)
    known = {"dry_run": False, "tenant": "acme", "location": "memory://in/", "strategy": ("listing",)}
    return ScanReport(items=items, started_at=start, finished_at=start, **(known | more))


FULL = report(
    item(
        "1001",
        ItemStatus.REJECTED,
        files=("a.pdf",),
        superseded=("a.png",),
        placements={"a.pdf": "front", "a.png": "front"},
        ordered_at=NOON - timedelta(days=3),
        notes=(reason("pending_again"),),
        receipt="r-1",
        now=True,
        findings=(
            Finding(severity=Severity.REJECT, code="of_our_own", message="too blue", measured="9", required="3"),
            Finding(severity=Severity.WARN, code="pending_again", message="in words of our own"),
            Finding(severity=Severity.WARN, code="pending_again", notes=(because("why"),)),
        ),
    ),
    item("1002", ItemStatus.MISSING, expected=("1002_1",)),
    files=(FileOutcome(name="b.pdf", status=FileStatus.NEAR_MISS, because=because("why"), suggestion="c.pdf"),),
    file_counts={FileStatus.NEAR_MISS: 1, FileStatus.UNRELATED: 7},
    requests={"list": 1, "head": 2, "get": 3},
    faults=(Fault(part="ledger", because=because("locked"), notes=(reason("pending_again"),)),),
    orders=("1001", "1002"),
    coverage="full",
    names_seen=8,
    monthly_cost=0.25,
    timings=Timings(listing=1.5, orders_at_once=4),
)


# --- Read again ---


def test_a_report_is_read_from_its_json():
    again = ScanReport.from_dict(json.loads(FULL.to_json()))
    assert again == FULL
    assert again.timings == FULL.timings
    assert again.to_dict() == FULL.to_dict()


def test_what_bound_a_scan_is_the_same_in_a_report_that_was_kept():
    timings = Timings(storage=0.0011, shop=0.0012)
    assert timings.bound_by == Timings(storage=0.001, shop=0.001).bound_by == "storage"


def test_the_report_of_a_scan_is_read_from_its_json():
    files = fsspec.filesystem("memory")
    for name, data in {"1001_1.jpg": JPEG, "1002_1.pdf": JPEG, "1003-1.pdf": PDF, "other.txt": b"x"}.items():
        files.pipe(f"/history/{name}", data)
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in ("1001", "1002", "1003", "1004")])
    found = ra.Scanner(ra.ArtworkStorage(files, "/history"), shop, ledger=ra.MemoryLedger()).scan(sweep=True)
    assert {str(each.status) for each in found.items} == {"fulfilled", "rejected", "missing"}
    assert ScanReport.from_dict(json.loads(found.to_json())).to_dict() == found.to_dict()
    files.rm("/history", recursive=True)


def changed(document, path, value):
    """A copy of a document with another value at a path; without the field if the value is ``del``."""
    document = json.loads(json.dumps(document))
    place = document
    for step in path[:-1]:
        place = place[step]
    if value is del_:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


del_ = object()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["schema_version"], 1, "schema_version 1"),
        (["tenant"], del_, "no field 'tenant'"),
        (["tenant"], 3, "report.tenant must be str, not 3"),
        (["started_at"], "noon", "report.started_at is not valid"),
        (["coverage"], "half", "report.coverage must be one of partial, full"),
        (["strategy"], [1], "report.strategy must contain only texts"),
        (["requests", "list"], "1", "report.requests must contain only whole numbers"),
        (["file_counts", "odd"], 1, "report.file_counts is not valid"),
        (["items"], {}, "report.items must be list"),
        (["items", 1], 5, "report.items[1] must be an object"),
        (["items", 1, "status"], "lost", "report.items[1].status is not valid"),
        (["items", 1, "code"], "none_of_ours", "report.items[1]: no reason has the code"),
        (["items", 1, "details"], {}, "report.items[1]: the reason 'client_failed' has the fields"),
        (["items", 0, "findings", 0, "severity"], "bad", "report.items[0].findings[0].severity is not valid"),
        (["faults", 0, "part"], "printer", "report.faults[0].part must be one of storage, manifest, client, ledger"),
        (["timings", "listing"], "long", "report.timings.listing must be float or int"),
        (["timings", "lunch"], 1.0, "report.timings has the unknown field 'lunch'"),
        (["monthly_cost"], "1", "report.monthly_cost must be float or int or NoneType"),
    ],
)
def test_what_is_not_a_report_is_refused_with_the_place(path, value, message):
    with pytest.raises(ValueError) as error:
        ScanReport.from_dict(changed(FULL.to_dict(), path, value))
    assert message in str(error.value)


def test_a_list_is_no_report():
    with pytest.raises(ValueError, match="report must be an object"):
        ScanReport.from_dict([])


# --- Changes ---

OPEN = item("1001", ItemStatus.CONFLICT)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [OPEN], {"new": {"client_failed": 1}}),
        ([OPEN], [OPEN], {"still_open": {"client_failed": 1}}),
        ([OPEN], [item("1001", ItemStatus.FULFILLED)], {"resolved": {"client_failed": 1}}),
        ([OPEN], [], {"resolved": {"client_failed": 1}}),
        ([OPEN], [item("1001", ItemStatus.FAILED, "pending_again")], {"new": {"pending_again": 1}}),
        ([item("1001", ItemStatus.MISSING)], [item("1001", ItemStatus.FULFILLED)], {}),
    ],
    ids=["new", "still open", "done", "no longer pending", "another reason", "needs nobody"],
)
def test_changes_between_two_reports(before, after, expected):
    changes = report(*after, minutes=60).changes_since(report(*before))
    assert {name: codes for name, codes in changes.by_code().items() if codes} == expected


@pytest.mark.parametrize(
    "later",
    [
        report(minutes=60, orders=("2000",)),
        report(minutes=60, faults=(Fault.of("client", "down"),)),
    ],
    ids=["limited to other orders", "the list of orders broke off"],
)
def test_a_problem_is_unknown_if_the_later_scan_did_not_look(later):
    changes = later.changes_since(report(OPEN))
    assert changes.unknown == (OPEN,)
    assert not changes.resolved


@pytest.mark.parametrize(
    ("status", "code", "details"),
    [
        (ItemStatus.MATCHED, "stopped", {}),
        (ItemStatus.MATCHED, "limit_reached", {"limit": 1}),
        (ItemStatus.MATCHED, "held_by_other_scan", {"free_within": 60}),
        (ItemStatus.UNREADABLE, "storage_not_read", {"error": "no route"}),
        (ItemStatus.FAILED, "not_tried", {"error": "no route"}),
        (ItemStatus.FAILED, "numbers_not_known", {}),
    ],
)
def test_a_problem_is_unknown_if_the_later_scan_left_its_item(status, code, details):
    left = item("1001", status, because=reason(code, **details))
    changes = report(left, minutes=60).changes_since(report(OPEN))
    assert changes.unknown == (OPEN,)
    assert not changes.new
    assert not changes.resolved


def test_a_problem_is_unknown_while_its_order_cannot_be_read():
    unreadable = item("1001", ItemStatus.FAILED, item_number="", because=because("no items"))
    changes = report(unreadable, minutes=60).changes_since(report(OPEN))
    assert (changes.new, changes.resolved, changes.unknown) == ((unreadable,), (), (OPEN,))


def test_a_fault_is_unknown_while_its_part_fails_for_another_reason():
    before, after = Fault.of("storage", "no route"), Fault.of("storage", LocationNotFound("no bucket"))
    changes = report(minutes=60, faults=(after,)).changes_since(report(faults=(before,)))
    assert (changes.new, changes.resolved, changes.unknown) == ((after,), (), (before,))


def test_a_fault_of_the_ledger_is_unknown_while_the_orders_cannot_be_read():
    locked, down = Fault.of("ledger", "locked"), Fault.of("client", "down")
    changes = report(minutes=60, faults=(down,)).changes_since(report(faults=(locked,)))
    assert (changes.resolved, changes.unknown) == ((), (locked,))


def test_a_problem_of_an_order_that_was_asked_for_and_is_gone_is_resolved():
    assert report(minutes=60, orders=("1001",)).changes_since(report(OPEN)).resolved == (OPEN,)


def test_faults_are_problems():
    down = Fault.of("storage", "no route")
    assert report(faults=(down,)).changes_since(report()).new == (down,)
    assert report(minutes=1).changes_since(report(faults=(down,))).resolved == (down,)
    unread = report(minutes=1, strategy=())  # no order was pending, so the storage was not asked
    assert unread.changes_since(report(faults=(down,))).unknown == (down,)


def test_changes_are_plain_values():
    changes = report(OPEN, minutes=1).changes_since(report())
    assert json.loads(json.dumps(changes.to_dict())) == {
        "new": [OPEN.to_dict()],
        "resolved": [],
        "still_open": [],
        "unknown": [],
    }


@pytest.mark.parametrize("join", [ScanReport.changes_since, ScanReport.merged_with])
@pytest.mark.parametrize(
    ("fields", "message"), [({"tenant": "other"}, "two tenants"), ({"location": "memory://out/"}, "two locations")]
)
def test_only_reports_of_one_location_are_joined(join, fields, message):
    with pytest.raises(ValueError, match=message):
        join(report(), report(**fields))


def test_reports_are_joined_in_their_order():
    with pytest.raises(ValueError, match="exchange them"):
        report().changes_since(report(minutes=1))
    with pytest.raises(ValueError, match="exchange them"):
        report(minutes=1).merged_with(report())


# --- Merging ---


def test_a_later_scan_of_some_orders_replaces_their_outcomes_only():
    first = report(OPEN, item("1002", ItemStatus.MISSING), item("1003", ItemStatus.MISSING), requests={"list": 2})
    later = report(
        item("1002", ItemStatus.FULFILLED), minutes=9, orders=("1002", "1003"), requests={"list": 1, "get": 1}
    )
    merged = first.merged_with(later)
    assert [(each.order_number, str(each.status)) for each in merged.items] == [
        ("1001", "conflict"),
        ("1002", "fulfilled"),  # and 1003 is no longer pending
    ]
    assert merged.requests == {"list": 3, "get": 1}
    assert (merged.started_at, merged.finished_at) == (first.started_at, later.finished_at)
    assert merged.orders is None
    assert merged.exit_code == 1


def test_a_later_scan_of_all_orders_replaces_every_outcome():
    assert report(OPEN).merged_with(report(minutes=9)).items == ()


def test_two_scans_of_some_orders_are_a_scan_of_all_of_them():
    merged = report(orders=("1002",)).merged_with(report(orders=("1001",), minutes=1))
    assert merged.orders == ("1001", "1002")


def test_files_that_the_later_scan_did_not_see_are_kept():
    sweep = report(
        files=(file("1001-1.pdf", FileStatus.NEAR_MISS), file("a.pdf"), file("b.pdf")),
        file_counts={FileStatus.NEAR_MISS: 1, FileStatus.UNRELATED: 5},
        coverage="full",
    )
    later = report(
        item("1001", ItemStatus.FULFILLED, files=("1001-1.pdf",)),
        minutes=1,
        files=(file("b.pdf", FileStatus.EARLY),),
        file_counts={FileStatus.EARLY: 1},
    )
    merged = sweep.merged_with(later)
    assert [(each.name, str(each.status)) for each in merged.files] == [("b.pdf", "early"), ("a.pdf", "unrelated")]
    assert merged.file_counts == {FileStatus.EARLY: 1, FileStatus.UNRELATED: 4}
    assert merged.coverage == "full"


def test_a_later_sweep_replaces_all_files():
    later = report(minutes=1, files=(file("c.pdf"),), file_counts={FileStatus.UNRELATED: 1}, coverage="full")
    merged = report(files=(file("a.pdf"),), file_counts={FileStatus.UNRELATED: 1}).merged_with(later)
    assert (merged.files, merged.file_counts) == (later.files, later.file_counts)


def test_a_merged_report_keeps_at_most_a_thousand_files_of_a_status():
    many = tuple(file(f"{index:05}.pdf") for index in range(MAX_EXAMPLES))
    first = report(files=many, file_counts={FileStatus.UNRELATED: 5000})
    later = evolve(
        report(minutes=1), files=(file("00000a.pdf"),), file_counts={FileStatus.UNRELATED: 1}, coverage="partial"
    )
    merged = first.merged_with(later)
    assert len(merged.files) == MAX_EXAMPLES
    assert merged.file_counts == {FileStatus.UNRELATED: 5001}

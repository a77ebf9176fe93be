"""The plan: each status that listing and ledger alone can give, and the reason a merchant reads."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from reasons import because
from remote_artwork.core.expected import expect_files
from remote_artwork.core.lifecycle import FileRecord, FulfillState, ItemRecord, ItemState, OrderKey, OrderRecord
from remote_artwork.core.matching import Matches, Page
from remote_artwork.core.orders import Order, OrderItem, StoredFile
from remote_artwork.core.pattern import DEFAULT_PATTERN, FilenamePattern
from remote_artwork.core.planner import Planner
from remote_artwork.core.policy import Policy
from remote_artwork.core.reasons import format_duration, reason
from remote_artwork.core.report import ItemStatus

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SIDES = "{order_number}_{order_item_number}[_{placement}]"
ORDER = Order("1001", [OrderItem("1"), OrderItem("2")])
KEY = OrderKey("acme", "1001")
RESOLVE = (
    "check the order in the shop, then record what happened: "
    "remote-artwork ledger resolve 1001 --tenant=acme --fulfilled (or --not-fulfilled); "
    "add the --ledger or --orders-file of your scans"
)


def stored(name):
    return StoredFile(name=name, size=10, etag="e")


def plan(*names, order=ORDER, others=(), pattern=DEFAULT_PATTERN, policy=Policy(), record=None, **page):  # noqa: B008
    awaited = expect_files([order, *others], FilenamePattern(pattern))
    matches = Matches(awaited)
    matches.add_page(Page(names, lambda position: stored(names[position]), **page))
    planner = Planner(expected=awaited, matches=matches, policy=policy, now=NOW, call_limit=timedelta(minutes=2))
    return planner.order(order, OrderKey("acme", order.id), record)


def statuses(result):
    return [str(item.status) for item in result.items]


def record(state=FulfillState.OPEN, **more):
    return OrderRecord(key=KEY, order_number="1001", state=state, **more)


def row(state, name="1001_1.pdf", item="1", reason=None):
    return {
        item: ItemRecord(item_number=item, state=state, files=(FileRecord.of("default", stored(name)),), reason=reason)
    }


def test_all_files_there_is_matched_and_complete():
    result = plan("1001_1.pdf", "1001_2.JPG")
    assert statuses(result) == ["matched", "matched"]
    assert [item.reason for item in result.items] == ["found 1001_1.pdf", "found 1001_2.JPG"]
    assert result.items[1].files == {"default": stored("1001_2.JPG")}
    assert result.complete
    assert result.has_work


def test_a_name_that_nothing_is_known_of_is_unreadable_although_another_one_was_found():
    result = plan("1001_1.pdf", "1001_2.jpg", unknown={"1001_2.png": "HTTP 403", "1001_2.pdf": "HTTP 500"})
    assert statuses(result) == ["matched", "unreadable"]
    assert result.items[1].reason == "it is not known whether 1001_2.pdf exists: HTTP 500"
    assert not result.complete


def test_a_caveat_of_the_storage_is_added_to_each_missing_file():
    caveat = "the server responds with HTTP 403 for every missing file, so a file that is not public also looks missing"
    result = plan("1001_1.pdf", caveat=reason("private_looks_missing"))
    assert result.items[1].reason == f"waits for 1001_2.<jpg|png|pdf>; {caveat}"
    order = evolve(ORDER, created_at=NOW - timedelta(days=9))
    late = plan(order=order, policy=Policy(late_after=timedelta(days=1)), caveat=reason("private_looks_missing"))
    assert late.items[0].reason.endswith(f"cancel the order; {caveat}")


def test_a_missing_file_is_named_and_its_sibling_is_told_what_it_waits_for():
    result = plan("1001_1.pdf")
    assert statuses(result) == ["matched", "missing"]
    assert result.items[0].reason == "found 1001_1.pdf; the order waits for item 2 (missing)"
    assert result.items[1].reason == "waits for 1001_2.<jpg|png|pdf>"
    assert result.items[1].expected == ("1001_2",)
    assert not result.complete


def test_every_missing_side_is_named():
    order = Order("1001", [OrderItem("1", placements=("front", "back", "neck"))])
    result = plan("1001_1_back.pdf", order=order, pattern=SIDES)
    assert statuses(result) == ["missing"]
    assert result.items[0].expected == ("1001_1_front", "1001_1_neck")
    assert result.items[0].candidates == ("1001_1_back.pdf",)
    assert result.items[0].sides.keys() == {"back"}
    assert result.has_work  # the back can be checked


@pytest.mark.parametrize(("age", "status"), [(timedelta(days=2), "missing"), (timedelta(days=2, minutes=1), "late")])
def test_an_item_is_late_once_it_waits_longer_than_the_policy_says(age, status):
    order = evolve(ORDER, created_at=NOW - age)
    result = plan("1001_1.pdf", order=order, policy=Policy(late_after=timedelta(days=2)))
    assert statuses(result) == ["matched", status]
    if status == "late":
        assert result.items[1].reason == (
            "has waited 2 days 1 minute for 1001_2.<jpg|png|pdf>; upload it or cancel the order"
        )


@pytest.mark.parametrize(
    ("strategy", "complete", "said"),
    [("skip-scan", False, True), ("prefixes", False, True), ("prefixes", True, False), ("listing", True, False)],
)
def test_a_late_item_says_that_misnamed_files_may_be_elsewhere(strategy, complete, said):
    order = evolve(ORDER, created_at=NOW - timedelta(days=3))
    policy = Policy(late_after=timedelta(days=2))
    result = plan("1001_1.pdf", order=order, policy=policy, strategy=strategy, complete=complete)
    assert ("only_neighbors_seen" in [note.code for note in result.items[1].notes]) == said
    waiting = plan("1001_1.pdf", policy=policy, strategy=strategy, complete=complete)
    assert waiting.items[1].notes == ()


def test_nothing_is_late_without_a_policy_or_without_an_age():
    assert statuses(plan(order=evolve(ORDER, created_at=NOW - timedelta(days=999)))) == ["missing", "missing"]
    assert statuses(plan(policy=Policy(late_after=timedelta(1)))) == ["missing", "missing"]


def test_two_files_for_one_print_are_a_conflict_and_both_are_named():
    result = plan("1001_1.pdf", "1001_1.png", "1001_2.pdf")
    assert statuses(result) == ["conflict", "matched"]
    assert result.items[0].reason == "several files for one print: 1001_1.pdf, 1001_1.png; delete all but the right one"
    assert result.items[0].candidates == ("1001_1.pdf", "1001_1.png")
    assert not result.items[0].files
    assert not result.complete


def test_two_unicode_forms_of_one_name_are_a_conflict():
    result = plan("é_1.pdf", "e\u0301_1.pdf", order=Order("é", [OrderItem("1")]))
    assert statuses(result) == ["conflict"]


def test_a_conflict_on_one_side_outweighs_a_missing_other_side():
    order = Order("1001", [OrderItem("1", placements=("front", "back"))])
    result = plan("1001_1_front.pdf", "1001_1_front.png", order=order, pattern=SIDES)
    assert statuses(result) == ["conflict"]


def test_a_contested_number_is_a_conflict_whatever_is_there():
    result = plan("1001_1.pdf", "1001_2.pdf", others=[Order("1001", [OrderItem("9")], id="twin")])
    assert statuses(result) == ["conflict", "conflict"]
    assert not result.has_work


def test_an_item_no_file_can_be_named_after_fails_and_its_sibling_waits():
    result = plan("1001_2.pdf", order=Order("1001", [OrderItem("a//b"), OrderItem("2")]))
    assert statuses(result) == ["failed", "matched"]
    assert result.items[1].reason.endswith("the order waits for item a//b (failed)")


def test_an_item_without_artwork_holds_nothing_up():
    result = plan("1001_1.pdf", order=Order("1001", [OrderItem("1"), OrderItem("2", requires_artwork=False)]))
    assert statuses(result) == ["matched", "not_required"]
    assert result.complete


def test_an_order_in_which_nothing_requires_artwork_is_never_complete():
    result = plan(order=Order("1001", [OrderItem("1", requires_artwork=False)]))
    assert statuses(result) == ["not_required"]
    assert not result.complete
    assert not result.has_work


def test_a_file_that_was_rejected_stays_rejected_until_it_changes():
    refused = record(items=row(ItemState.REJECTED, reason=because("truncated")))
    again = plan("1001_1.pdf", "1001_2.pdf", record=refused)
    assert statuses(again) == ["rejected", "matched"]
    assert again.items[0].reason == "truncated; checked earlier, and not changed since"
    assert statuses(plan("1001_1.png", "1001_2.pdf", record=refused)) == ["matched", "matched"]


@pytest.mark.parametrize("state", [state for state in ItemState if state is not ItemState.REJECTED])
def test_a_found_file_is_matched_or_attached_as_its_row_says(state):
    expected = "attached" if state is ItemState.ATTACHED else "matched"
    assert statuses(plan("1001_1.pdf", record=record(items=row(state)))) == [expected, "missing"]


def test_a_fulfilled_order_is_fulfilled_whatever_is_there_and_shows_what_was_printed():
    done = record(
        FulfillState.FULFILLED,
        items=row(ItemState.ATTACHED),
        receipt="R1",
        updated_at=datetime(2026, 5, 4, 9, tzinfo=UTC),
    )
    result = plan("1001_1.png", record=done)
    assert statuses(result) == ["fulfilled", "fulfilled"]
    assert result.items[0].reason == "fulfilled earlier on 2026-05-04 09:00 UTC; nothing was sent again"
    assert [outcome.files for outcome in result.outcomes()] == [("1001_1.pdf",), ()]
    assert [outcome.receipt for outcome in result.outcomes()] == ["R1", "R1"]
    assert not result.has_work


@pytest.mark.parametrize(("age", "status"), [(timedelta(minutes=2), "fulfilled"), (timedelta(minutes=3), "uncertain")])
def test_an_order_the_shop_still_names_pending_long_after_its_receipt_is_uncertain(age, status):
    result = plan(record=record(FulfillState.FULFILLED, intent_age=age, receipt="R1"))
    assert statuses(result) == [status, status]
    if status == "uncertain":
        assert (
            result.items[0].reason
            == "fulfilled (receipt R1), but the shop still lists it as pending; check the order in the shop"
        )


def test_it_is_work_until_it_is_left_to_a_person():
    old = timedelta(minutes=3)
    assert plan(record=record(FulfillState.FULFILLED, intent_age=old)).has_work
    settled = plan(record=record(FulfillState.FULFILLED, intent_age=old, settled_by="ann"))
    assert (statuses(settled), settled.has_work) == (["fulfilled", "fulfilled"], False)


def test_a_replacement_is_told_beside_what_a_person_has_to_settle():
    rows = row(ItemState.LATE_REPLACEMENT, reason=because("1001_1.pdf was replaced"))
    result = plan(record=record(FulfillState.UNCERTAIN, reason=because("timed out"), items=rows))
    assert [(str(item.status), item.reason) for item in result.items] == [
        ("uncertain", f"timed out; {RESOLVE}; 1001_1.pdf was replaced"),
        ("uncertain", f"timed out; {RESOLVE}"),
    ]


def test_an_uncertain_order_waits_for_a_person():
    result = plan("1001_1.pdf", "1001_2.pdf", record=record(FulfillState.UNCERTAIN, reason=because("timed out")))
    assert [(item.status, item.reason) for item in result.items] == [
        (ItemStatus.UNCERTAIN, f"timed out; {RESOLVE}")
    ] * 2
    assert not result.has_work
    assert plan(record=record(FulfillState.UNCERTAIN)).items[0].reason


def test_an_intent_without_a_receipt_is_uncertain_and_work_to_do():
    result = plan(record=record(FulfillState.FULFILL_INTENT))
    assert statuses(result) == ["uncertain", "uncertain"]
    assert result.has_work


def test_a_cancelled_order_that_is_pending_again_is_planned_afresh():
    assert statuses(plan("1001_1.pdf", record=record(FulfillState.CANCELLED))) == ["matched", "missing"]


@pytest.mark.parametrize(
    ("state", "work"), [(ItemState.VERIFIED, False), (ItemState.ATTACHED, False), (ItemState.SELECTED, True)]
)
def test_a_file_that_was_checked_is_no_work_while_its_order_waits(state, work):
    assert plan("1001_1.pdf", record=record(items=row(state))).has_work is work
    assert plan("1001_1.pdf", "1001_2.pdf", record=record(items=row(state))).has_work
    assert plan("1001_1.png", record=record(items=row(state))).has_work


def test_what_could_have_gone_on_and_was_left_says_why():
    left = plan("1001_1.pdf").skipped(ItemStatus.SETTLING, because("later"))
    assert [(outcome.status, outcome.reason) for outcome in left] == [
        (ItemStatus.SETTLING, "later"),
        (ItemStatus.MISSING, "waits for 1001_2.<jpg|png|pdf>"),
    ]


def test_when_nothing_is_known_of_files_only_what_needs_none_keeps_its_status():
    order = Order("1001", [OrderItem("1"), OrderItem("2", requires_artwork=False)])
    result = plan("1001_1.pdf", order=order).with_status(ItemStatus.UNREADABLE, because("down"))
    assert statuses(result) == ["unreadable", "not_required"]
    assert not result.items[0].files
    fulfilled = plan(record=record(FulfillState.FULFILLED)).with_status(ItemStatus.UNREADABLE, because("down"))
    assert statuses(fulfilled) == ["fulfilled", "fulfilled"]


def test_an_order_that_was_left_out_of_the_expected_names_fails_alone():
    awaited = expect_files([], FilenamePattern())
    planner = Planner(
        expected=awaited, matches=Matches(awaited), policy=Policy(), now=NOW, call_limit=timedelta(minutes=2)
    )
    assert statuses(planner.order(ORDER, KEY, None)) == ["failed", "failed"]


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(0), "less than a minute"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=2, minutes=3), "2 hours 3 minutes"),
        (timedelta(days=1, hours=2, minutes=3), "1 day 2 hours"),
        (timedelta(days=3, minutes=3), "3 days 3 minutes"),
    ],
)
def test_ages_are_told_in_two_units(age, words):
    assert format_duration(age.total_seconds()) == words


# --- What a page for people needs ---


def test_the_files_of_an_item_with_several_placements_have_their_placement():
    order = Order("1001", [OrderItem("1", placements=["front", "back"])], created_at=NOW - timedelta(days=3))
    outcome = plan("1001_1_front.pdf", order=order, pattern=SIDES).outcomes()[0]
    assert outcome.placements == {"1001_1_front.pdf": "front", "1001_1_back": "back"}
    assert outcome.ordered_at == NOW - timedelta(days=3)
    prefers_pdf = Policy(several_files="prefer:pdf,png")
    names = ("1001_1_front.pdf", "1001_1_front.png", "1001_1_back.pdf")
    outcome = plan(*names, order=order, pattern=SIDES, policy=prefers_pdf).outcomes()[0]
    assert outcome.placements == {name: name.split("_")[2].partition(".")[0] for name in names}


def test_an_item_with_one_placement_names_none():
    assert [outcome.placements for outcome in plan("1001_1.pdf").outcomes()] == [{}, {}]


def test_the_ledger_knows_the_placements_of_a_fulfilled_order():
    files = tuple(FileRecord.of(side, stored(f"1001_1_{side}.pdf")) for side in ("front", "back"))
    rows = {"1": ItemRecord(item_number="1", state=ItemState.ATTACHED, files=files)}
    order = Order("1001", [OrderItem("1", placements=["front", "back"])])
    outcome = plan(order=order, pattern=SIDES, record=record(FulfillState.FULFILLED, items=rows)).outcomes()[0]
    assert outcome.placements == {"1001_1_front.pdf": "front", "1001_1_back.pdf": "back"}

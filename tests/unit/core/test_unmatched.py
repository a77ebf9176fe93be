"""Oddities: what a report says of the files that nobody awaits. A wrong suggestion is worse than none."""

import itertools

import pytest
from attrs import evolve

from remote_artwork.core.expected import expect_files
from remote_artwork.core.lifecycle import FileRecord, FulfillState, ItemRecord, ItemState, OrderKey, OrderRecord
from remote_artwork.core.orders import Order, OrderItem, StoredFile
from remote_artwork.core.pattern import DEFAULT_PATTERN, FilenamePattern
from remote_artwork.core.report import FileStatus
from remote_artwork.core.unmatched import UnmatchedClassifier, unsupported

ORDER = Order("1001", [OrderItem("1"), OrderItem("2")])


def oddities(*orders, pattern=DEFAULT_PATTERN):
    parsed = FilenamePattern(pattern)
    return UnmatchedClassifier(parsed, expect_files(orders, parsed), orders)


def judge(name, *orders, pattern=DEFAULT_PATTERN, records=()):
    return oddities(*orders, pattern=pattern).classify(name, {record.order_number: [record] for record in records})


def record(number, *names, state=FulfillState.FULFILLED):
    files = tuple(FileRecord.of("default", StoredFile(name=name, size=1, etag="e")) for name in names)
    items = {"1": ItemRecord(item_number="1", state=ItemState.ATTACHED, files=files)}
    return OrderRecord(key=OrderKey("t", number), order_number=number, state=state, items=items)


@pytest.mark.parametrize(
    "name",
    [
        "1001-1.pdf",
        "1001_1 (1).pdf",
        "1001_1_v2.pdf",
        "1001_1 copy.pdf",
        "#1001_1.pdf",
        "01001_1.pdf",
        "1001_01.pdf",
        "1001_1.PDF.pdf",
        "1001_1.pdf.part",
        "1001 _1.pdf",
        "１００１_１.pdf",
        "１００１＿１.pdf",
    ],
)
def test_a_near_miss_is_suggested_to_the_item_it_is_meant_for(name):
    outcome = judge(name, ORDER, Order("1002", [OrderItem("1")]))
    assert (outcome.status, outcome.suggestion) == (FileStatus.NEAR_MISS, "1001_1.pdf")
    assert outcome.reason.endswith("; item 1 of order 1001 waits for 1001_1.pdf")


def test_a_side_is_named_in_the_reason():
    order = Order("9", [OrderItem("1", placements=("front", "back"))])
    outcome = judge("9_1_Front.pdf", order, pattern="{order_number}_{order_item_number}[_{placement}]")
    assert outcome.reason == "upper and lower case differ; item 1 of order 9 (front) waits for 9_1_front.pdf"


def test_the_right_order_with_a_wrong_item_is_told_what_the_order_awaits():
    outcome = judge("1001_3.pdf", ORDER)
    assert (outcome.status, outcome.suggestion) == (FileStatus.NEAR_MISS, None)
    assert (
        outcome.reason
        == "order 1001 does not expect this name; it expects 1001_1, 1001_2; rename the file if it is for this order"
    )


def test_a_long_list_of_names_is_cut():
    outcome = judge("1001_99.pdf", Order("1001", [OrderItem(str(n)) for n in range(1, 13)]))
    assert outcome.reason.endswith(
        "it expects 1001_1, 1001_2, 1001_3, 1001_4, 1001_5 and 7 more; rename the file if it is for this order"
    )


def test_an_order_without_artwork_is_told_so():
    outcome = judge("1001_1.pdf", Order("1001", [OrderItem("1", requires_artwork=False)]))
    assert (outcome.status, outcome.reason) == (FileStatus.NEAR_MISS, "order 1001 has no item that needs artwork")


@pytest.mark.parametrize("name", ["1001_1.tiff", "2002_1.psd", "2002_1.JPG~", "2002_1"])
def test_another_format_under_a_fitting_name_is_unsupported(name):
    outcome = judge(name, ORDER)
    assert (outcome.status, outcome.suggestion) == (FileStatus.UNSUPPORTED, None)
    assert outcome.reason.endswith("; save it as JPEG, PNG or PDF")


def test_a_file_without_an_extension_is_told_so():
    assert unsupported("a.b/1001_1").reason == "its name has no extension; save it as JPEG, PNG or PDF"
    assert unsupported("1001_1.TIFF").reason.startswith(".TIFF files are not printed")


@pytest.mark.parametrize("name", ["2002_1.pdf", "2002_1_x.PNG", "10011_1.pdf", "11001_1.pdf"])
def test_a_file_of_no_pending_order_is_early(name):
    outcome = judge(name, ORDER)
    assert (outcome.status, outcome.suggestion) == (FileStatus.EARLY, None)


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store", "Thumbs.db", "notes.txt", "readme.pdf", "._1001_1.pdf", "in/.keep_me", "", "/", ".pdf",
        "x" * 2000 + "_1.pdf",
    ],
)  # fmt: skip
def test_everything_else_is_unrelated(name):
    outcome = judge(name, ORDER)
    assert (outcome.status, outcome.suggestion) == (FileStatus.UNRELATED, None)


@pytest.mark.parametrize("name", ["old/1001_1.pdf", "1001.pdf", "1001 1 proof.pdf", "1001/cover.pdf"])
def test_a_file_that_may_be_for_a_pending_order_is_never_unrelated(name):
    outcome = judge(name, ORDER)
    assert (outcome.status, outcome.suggestion) == (FileStatus.NEAR_MISS, None)
    assert "1001_1, 1001_2" in outcome.reason


def test_the_artwork_of_an_order_that_is_done_is_no_oddity():
    assert judge("1000_1.pdf", ORDER, records=[record("1000", "1000_1.pdf")]) is None


@pytest.mark.parametrize("change", [{"size": 2}, {"etag": "f"}])
def test_a_file_that_is_no_longer_what_was_printed_is_superseded(change):
    printed, done = StoredFile(name="1000_1.pdf", size=1, etag="e"), {"1000": [record("1000", "1000_1.pdf")]}
    assert oddities(ORDER).classify("1000_1.pdf", done, printed) is None
    outcome = oddities(ORDER).classify("1000_1.pdf", done, evolve(printed, **change))
    assert outcome.status is FileStatus.SUPERSEDED
    assert "order 1000, which is fulfilled" in outcome.reason


def test_the_printed_file_of_one_of_two_approvals_is_no_oddity():
    older = evolve(record("1000", "1000_1.pdf"), key=OrderKey("t", "1000", "first"))
    newer = FileRecord.of("default", StoredFile(name="1000_1.pdf", size=2, etag="f"))
    items = {"1": ItemRecord(item_number="1", state=ItemState.ATTACHED, files=(newer,))}
    both = {"1000": [older, evolve(older, key=OrderKey("t", "1000", "second"), items=items)]}
    assert oddities(ORDER).classify("1000_1.pdf", both, StoredFile(name="1000_1.pdf", size=2, etag="f")) is None


@pytest.mark.parametrize("state", [state for state in FulfillState if state is not FulfillState.FULFILLED])
def test_a_changed_file_of_an_order_that_is_not_fulfilled_is_no_oddity_yet(state):
    known = {"1000": [record("1000", "1000_1.pdf", state=state)]}
    assert oddities(ORDER).classify("1000_1.pdf", known, StoredFile(name="1000_1.pdf", size=2, etag="f")) is None


@pytest.mark.parametrize("name", ["1000_1.png", "1000_9.pdf", "1000_1 (1).pdf"])
def test_another_file_of_a_fulfilled_order_was_not_used(name):
    outcome = judge(name, ORDER, records=[record("1000", "1000_1.pdf")])
    assert (outcome.status, outcome.suggestion) == (FileStatus.UNRELATED, None)
    assert outcome.reason == "order 1000 is already fulfilled with other files; this one was not used"


@pytest.mark.parametrize("state", list(FulfillState))
def test_a_file_of_an_order_the_ledger_knows_is_never_suggested_to_another(state):
    outcome = judge("01001_1.pdf", ORDER, records=[record("01001", state=state)])
    assert outcome.suggestion is None


def test_a_file_that_speaks_of_one_pending_order_is_never_suggested_to_another():
    outcome = judge("007_1.pdf", Order("7", [OrderItem("1")]), Order("007", [OrderItem("2")]))
    assert outcome.suggestion is None
    assert (
        outcome.reason
        == "order 007 does not expect this name; it expects 007_2; rename the file if it is for this order"
    )


def test_a_name_that_may_be_read_as_an_order_to_come_is_not_suggested_elsewhere():
    outcome = judge("10-1_1.pdf", Order("10", [OrderItem("1-1")]))
    assert (outcome.status, outcome.suggestion) == (FileStatus.NEAR_MISS, None)
    assert (
        outcome.reason
        == "order 10 does not expect this name; it expects 10_1-1; rename the file if it is for this order"
    )


def test_a_name_that_is_nearly_two_items_is_suggested_to_neither():
    assert judge("a_b.pdf", Order("A", [OrderItem("b")]), Order("a", [OrderItem("B")])).suggestion is None
    assert judge("1001-1.pdf", Order("1001", [OrderItem("1"), OrderItem("01")])).suggestion is None


def test_nothing_is_suggested_for_an_item_that_is_refused():
    twins = [Order("1001", [OrderItem("1")], id="a"), Order("1001", [OrderItem("1")], id="b")]
    assert judge("1001-1.pdf", *twins).suggestion is None
    assert judge("1001-1.pdf", twins[0], Order("1001", [OrderItem("2")], id="b")).suggestion is None
    sides = Order("1", [OrderItem("2", placements=("front", "back"))])
    pattern = "{order_number}_{order_item_number}[_{placement}]"
    assert judge("1-2-back.pdf", sides, Order("1_2", [OrderItem("front")]), pattern=pattern).suggestion is None


def test_nothing_is_suggested_when_a_refused_item_is_as_near():
    served = Order("1_a", [OrderItem("x")])
    assert judge("1-a_x.pdf", served).suggestion == "1_a_x.pdf"
    assert judge("1-a_x.pdf", served, Order("1_A", [OrderItem("x")]), Order("1", [OrderItem("A_x")])).suggestion is None


def test_the_order_of_orders_changes_nothing():
    orders = [ORDER, Order("1001", [OrderItem("7")], id="twin"), Order("1001_1", [OrderItem("4")])]
    for name in ["1001_9.pdf", "1001_1_9.pdf", "1001-1.pdf", "1001_1-4.pdf"]:
        assert len({judge(name, *some) for some in itertools.permutations(orders)}) == 1


def test_the_ledger_is_asked_for_orders_that_are_not_pending():
    assert oddities(ORDER).order_numbers("1001_1_2.pdf") == {"1001_1"}
    assert oddities(ORDER).order_numbers("2002_1.tiff") == {"2002"}
    assert oddities(ORDER).order_numbers("readme.txt") == set()
    assert oddities(ORDER).order_numbers("._2002_1.pdf") == set()


def test_a_name_in_another_unicode_form_speaks_of_the_same_order():
    order = Order("é", [OrderItem("1")])
    assert oddities(order).order_numbers("e\u0301_9.pdf") == set()
    assert (
        judge("e\u0301_9.pdf", order).reason
        == "order é does not expect this name; it expects é_1; rename the file if it is for this order"
    )
    assert oddities().order_numbers("e\u0301_9.pdf") == {"é"}


def settled(watch, *names, found=()):
    """The outcomes of these names, once all files are known."""
    outcomes = [watch.classify(name, {}) for name in names]
    suggested = [outcome for outcome in outcomes if outcome.suggestion is not None]
    return [*watch.settle_suggestions(suggested, set(found)), *(each for each in outcomes if each not in suggested)]


def test_a_suggestion_is_taken_back_once_its_item_has_a_file():
    watch = oddities(ORDER)
    outcome = watch.classify("1001-1.pdf", {})
    assert settled(watch, "1001-1.pdf", found=[(("1001", "2"), "default")]) == [outcome]
    [withdrawn] = settled(watch, "1001-1.pdf", found=[(("1001", "1"), "default")])
    assert (withdrawn.status, withdrawn.suggestion) == (FileStatus.NEAR_MISS, None)
    assert withdrawn.reason == (
        "it has the wrong separator; item 1 of order 1001 has its file already, so this one is not used"
    )


def test_several_near_misses_of_one_print_get_no_suggestion():
    names = ["1001-1.pdf", "1001_1 (1).pdf", "1001-2.pdf", "#1001_1.png", "1001_1.jfif"]
    outcomes = settled(oddities(ORDER), *names)
    assert [outcome.suggestion for outcome in outcomes] == [None, None, "1001_2.pdf", None, None]
    assert {outcome.status for outcome in outcomes} == {FileStatus.NEAR_MISS}
    assert outcomes[0].reason == (
        "it has the wrong separator; item 1 of order 1001 waits for one file, and there are other similar names: "
        "#1001_1.png, 1001_1 (1).pdf, 1001_1.jfif; rename the right file to 1001_1 and keep its extension"
    )


@pytest.mark.parametrize("state", [FulfillState.FULFILLED, FulfillState.CANCELLED])
def test_a_file_of_a_pending_order_is_not_unrelated_because_another_order_is_done(state):
    outcome = judge("2024_1001_1.pdf", ORDER, records=[record("2024", state=state)])
    assert (outcome.status, outcome.suggestion) == (FileStatus.NEAR_MISS, None)
    assert judge("1001-7_1.pdf", ORDER, records=[record("1001-7", state=state)]).status is FileStatus.UNRELATED


def test_a_number_alone_is_not_suggested_beside_another_file_of_its_order():
    watch = oddities(Order("1001", [OrderItem("1")]))
    assert [outcome.suggestion for outcome in settled(watch, "1001.pdf", "1001-1.png")] == [None, None]
    assert [outcome.suggestion for outcome in settled(watch, "1001.pdf")] == ["1001_1.pdf"]
    assert [outcome.code for outcome in settled(watch, "1001 back.pdf")] == ["order_expects_other_names"]
    assert [outcome.code for outcome in settled(watch, "1001.pdf")] == ["near_miss_of_several"]


def test_a_name_of_a_done_order_is_not_suggested_to_a_pending_one():
    outcome = judge("1000_1 1001_1.pdf", ORDER, records=[record("1000_1 1001", state=FulfillState.OPEN)])
    assert (outcome.status, outcome.suggestion) == (FileStatus.NEAR_MISS, None)


@pytest.mark.parametrize("name", ["\udcff_1.pdf", "\udcff.\udcfe", "1001_\udcff.txt", "1001-1\udcff.pdf"])
def test_a_name_that_is_no_text_is_shown_escaped(name):
    outcome = judge(name, ORDER)
    assert "\\udcff" in outcome.name
    for text in (outcome.name, outcome.reason, outcome.suggestion or ""):
        text.encode()


def test_a_file_of_a_cancelled_order_is_told_so():
    outcome = judge("1000_1.pdf", ORDER, records=[record("1000", state=FulfillState.CANCELLED)])
    assert (outcome.status, outcome.suggestion) == (FileStatus.UNRELATED, None)
    assert outcome.reason == "order 1000 is cancelled; this file is not used"


def test_a_swap_is_suggested_only_where_it_can_be_told_from_another_order():
    assert judge("1_1001.pdf", ORDER).suggestion == "1001_1.pdf"
    assert judge("1_1001.pdf", ORDER).reason.startswith(
        "the numbers of order and item are swapped; item 1 of order 1001 waits"
    )
    assert judge("1_1001.pdf", ORDER, Order("1", [OrderItem("2")])).suggestion is None
    assert judge("1_1001.pdf", ORDER, records=[record("1")]).suggestion is None
    assert judge("3_7.pdf", Order("7", [OrderItem("3")])).suggestion is None
    assert judge("1.pdf", ORDER, pattern="{order_number}").suggestion is None


def test_a_word_in_front_is_forgotten_unless_an_order_has_it():
    assert judge("Order_1001_1.pdf", ORDER).suggestion == "1001_1.pdf"
    assert judge("order1001_1.pdf", ORDER, Order("order1001", [OrderItem("2")])).suggestion is None

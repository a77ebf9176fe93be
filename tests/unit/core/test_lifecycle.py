"""The states and transitions of a ledger, its records and keys, and the rules of a write."""

import itertools
from datetime import timedelta

import pytest
from attrs import evolve

from reasons import because
from remote_artwork.core.lifecycle import (
    ITEM_TRANSITIONS,
    ORDER_TRANSITIONS,
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    ItemStep,
    Lease,
    LedgerWrite,
    OrderKey,
    OrderRecord,
    OrderStep,
    apply_write,
    is_transition,
)
from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import LeaseLost

KEY = OrderKey("acme", "1001", "first")
FILE = FileRecord(placement="front", name="a.pdf", size=1, etag="e")

RECORD = OrderRecord(key=KEY, order_number="1001", intent_age=timedelta(hours=2))
LEASE = Lease(record=RECORD, owner="us", epoch=3, duration=timedelta(minutes=5))
INTEND = OrderStep(before=FulfillState.OPEN, after=FulfillState.FULFILL_INTENT, work="w")
SELECT = ItemStep(item_number="1", before=None, after=ItemState.SELECTED, files=())


def reachable(transitions, start):
    seen, todo = set(), [start]
    while todo:
        new = transitions[todo.pop()] - seen
        seen |= new
        todo += new
    return seen


def test_every_state_of_an_item_can_be_reached():
    assert reachable(ITEM_TRANSITIONS, None) == set(ItemState)
    assert set(ITEM_TRANSITIONS) == {None, *ItemState}


def test_every_state_of_an_order_can_be_reached_from_open():
    assert reachable(ORDER_TRANSITIONS, FulfillState.OPEN) | {FulfillState.OPEN} == set(FulfillState)
    assert set(ORDER_TRANSITIONS) == set(FulfillState)


def test_an_item_whose_file_was_replaced_can_be_selected_again_from_every_state():
    for state in ItemState:
        assert is_transition(state, ItemState.SELECTED)
    assert ITEM_TRANSITIONS[ItemState.LATE_REPLACEMENT] == {ItemState.SELECTED}


def test_nothing_is_attached_before_its_checks_or_fulfilled_without_an_intent():
    assert {state for state in ITEM_TRANSITIONS if is_transition(state, ItemState.ATTACHED)} == {
        ItemState.VERIFIED,
        ItemState.ATTACH_INTENT,
    }
    assert {state for state in FulfillState if is_transition(state, FulfillState.FULFILLED)} == {
        FulfillState.FULFILL_INTENT,
        FulfillState.UNCERTAIN,
    }


def test_a_fulfilled_order_is_never_open_again():
    assert not is_transition(FulfillState.FULFILLED, FulfillState.OPEN)
    assert not is_transition(FulfillState.FULFILLED, FulfillState.FULFILL_INTENT)


def test_an_uncertain_order_is_either_fulfilled_or_open_again():
    assert ORDER_TRANSITIONS[FulfillState.UNCERTAIN] == {FulfillState.FULFILLED, FulfillState.OPEN}


def test_an_item_with_an_attach_intent_cannot_be_rejected():
    assert not is_transition(ItemState.ATTACH_INTENT, ItemState.REJECTED)


def test_only_the_transitions_of_the_tables_are_allowed():
    for before, after in itertools.product([None, *ItemState], ItemState):
        assert is_transition(before, after) is (after in ITEM_TRANSITIONS[before])
    for before, after in itertools.product(FulfillState, FulfillState):
        assert is_transition(before, after) is (after in ORDER_TRANSITIONS[before])


def test_no_transition_leads_from_an_item_to_an_order_or_back():
    for before, after in itertools.product(ItemState, FulfillState):
        assert not is_transition(before, after)
        assert not is_transition(after, before)
    assert not any(is_transition(None, state) for state in FulfillState)


def test_the_fulfillment_key_depends_on_the_approval_and_on_no_file():
    assert KEY.fulfillment_key == OrderKey("acme", "1001", "first").fulfillment_key
    assert len(KEY.fulfillment_key) == 64


def test_the_fulfillment_key_never_changes_between_releases():
    """Shops store it, so another value would print an order twice."""
    assert KEY.fulfillment_key == "3f326967465da0cfef453bccd52faa133fe144b180a64b62bb8cc944f56b6c10"


@pytest.mark.parametrize(
    "change",
    [{"version_id": "v"}, {"etag": "f"}, {"name": "b.pdf"}, {"placement": "back"}],
    ids=lambda c: next(iter(c)),
)
def test_the_attach_key_knows_the_files(change):
    assert KEY.attachment_key("1", [FILE]) == KEY.attachment_key("1", [evolve(FILE)])
    assert KEY.attachment_key("1", [FILE]) != KEY.attachment_key("1", [evolve(FILE, **change)])


def test_no_two_keys_collide_by_concatenation():
    parts = ["", "a", "ab", "b", "1", "11", '","', '["a", "b"]', "a\\", "\x00", "é", "e\u0301"]
    triples = list(itertools.product(parts, repeat=3))
    keys = {OrderKey(*triple).fulfillment_key for triple in triples}
    keys |= {OrderKey(*triple).attachment_key(item, ()) for triple in triples for item in parts}
    assert len(keys) == len(triples) * (1 + len(parts))


def test_no_two_attach_keys_collide_by_concatenation():
    parts = ["", "a", "aa", "b"]
    files = [
        FileRecord(placement=placement, name=name, size=1, etag=etag)
        for placement, name, etag in itertools.product(parts, repeat=3)
    ]
    lists = [(), *((file,) for file in files), *itertools.product(files[:16], repeat=2)]
    assert len({KEY.attachment_key(item, some) for some in lists for item in parts}) == len(lists) * len(parts)


def test_a_file_record_contains_what_identifies_its_version():
    file = StoredFile(name="a.pdf", size=5, etag="e", version_id="v")
    record = FileRecord.of("front", file)
    assert (record.placement, record.name, record.size, record.etag, record.version) == ("front", "a.pdf", 5, "e", "v")
    assert FileRecord.of("front", evolve(file, version_id=None)).version == "e"
    assert record.describes(file)


@pytest.mark.parametrize("change", [{"name": "b"}, {"size": 6}, {"etag": "f"}, {"version_id": "w"}])
def test_a_file_record_does_not_describe_another_version(change):
    file = StoredFile(name="a.pdf", size=5, etag="e", version_id="v")
    assert not FileRecord.of("front", file).describes(evolve(file, **change))


def test_a_listing_may_leave_out_the_version_id():
    file = StoredFile(name="a.pdf", size=5, etag="e", version_id="v")
    assert FileRecord.of("front", file).describes(evolve(file, version_id=None, listed=True))
    assert FileRecord.of("front", evolve(file, version_id=None)).describes(file)


def test_a_version_id_that_a_lookup_does_not_confirm_has_vanished():
    file = StoredFile(name="a.pdf", size=5, etag="e", version_id="v")
    moved = evolve(file, version_id=None)
    assert not FileRecord.of("front", file).describes(moved)
    assert FileRecord.of("front", file).may_describe(moved)


def test_a_file_whose_attributes_changed_is_in_doubt():
    file = StoredFile(name="a.pdf", size=5, etag="e", changed_at="1")
    record, touched = FileRecord.of("front", file), evolve(file, changed_at="2")
    assert record.describes(file)
    assert not record.describes(touched)
    assert record.may_describe(touched)


def test_an_item_record_describes_exactly_the_files_of_all_its_placements():
    front, back = (StoredFile(name=f"{side}.pdf", size=1, etag=side) for side in ("front", "back"))
    row = ItemRecord(
        item_number="1", state=ItemState.VERIFIED, files=(FileRecord.of("front", front), FileRecord.of("back", back))
    )
    assert row.describes({"back": back, "front": front})
    assert not row.describes({"front": front})
    assert not row.describes({"front": back, "back": front})
    assert not row.describes({"front": front, "back": back, "neck": back})
    assert not row.describes({})


def test_the_key_of_a_lease_is_the_key_of_its_record():
    assert LEASE.key is RECORD.key


def write(steps, record=RECORD, owner="us", epoch=3, *, release=False):
    return apply_write(record, LedgerWrite(lease=LEASE, steps=steps, release=release), owner=owner, epoch=epoch)


def test_steps_are_applied_one_after_another():
    after = write([SELECT, INTEND])
    assert after == evolve(
        RECORD,
        items={"1": SELECT.record},
        state=FulfillState.FULFILL_INTENT,
        work="w",
        intent_age=timedelta(0),
    )


def test_other_steps_keep_the_age_of_an_intent():
    assert write([SELECT]).intent_age == timedelta(hours=2)


def test_without_steps_the_record_is_unchanged():
    assert write([]) is RECORD


@pytest.mark.parametrize("release", [False, True])
def test_a_repeated_write_returns_the_record_itself(release):
    after = write([SELECT, INTEND])
    assert write([SELECT, INTEND], after, owner=None if release else "us", release=release) is after


@pytest.mark.parametrize(
    ("owner", "epoch", "release"),
    [("them", 3, False), ("us", 4, False), (None, 3, False), (None, 3, True)],
    ids=["another owner", "a newer grant", "released", "released before it was written"],
)
def test_a_lease_that_was_lost_or_released_cannot_write(owner, epoch, release):
    with pytest.raises(LeaseLost, match="another scan has taken over"):
        write([SELECT], owner=owner, epoch=epoch, release=release)


def test_a_row_in_another_state_is_not_written():
    with pytest.raises(LeaseLost, match="item 1 is no longer new"):
        write([SELECT, INTEND], evolve(RECORD, items={"1": evolve(SELECT.record, reason=because("somebody else"))}))
    with pytest.raises(LeaseLost, match="the order is no longer open"):
        write([INTEND], evolve(RECORD, state=FulfillState.CANCELLED))


def test_a_transition_that_is_not_allowed_is_an_error_of_the_caller():
    with pytest.raises(ValueError, match="no transition"):
        LedgerWrite(lease=LEASE, steps=[SELECT, evolve(INTEND, after=FulfillState.FULFILLED)])


def test_the_text_of_a_shop_is_made_storable():
    step = evolve(INTEND, receipt="r\0\ud800", reason=because("caf\u00e9\0"))
    assert (step.receipt, step.reason) == ("r??", because("café?"))
    assert evolve(SELECT, reason=because("\ud800")).reason == because("?")

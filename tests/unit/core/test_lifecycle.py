"""The ledger's states, and the keys that keep a second print from happening."""

import itertools
from datetime import timedelta

import pytest
from attrs import evolve

from remote_artwork.core.lifecycle import (
    ITEM_TRANSITIONS,
    ORDER_TRANSITIONS,
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    Lease,
    OrderKey,
    OrderRecord,
    allowed,
)
from remote_artwork.core.orders import StoredFile

KEY = OrderKey("acme", "1001", "first")
FILE = FileRecord(placement="front", name="a.pdf", size=1, etag="e")


def reachable(arrows, start):
    seen, todo = set(), [start]
    while todo:
        new = arrows[todo.pop()] - seen
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
        assert allowed(state, ItemState.SELECTED)
    assert ITEM_TRANSITIONS[ItemState.LATE_REPLACEMENT] == {ItemState.SELECTED}


def test_nothing_is_attached_unverified_and_nothing_fulfilled_without_an_intent():
    assert {state for state in ITEM_TRANSITIONS if allowed(state, ItemState.ATTACHED)} == {
        ItemState.VERIFIED,
        ItemState.ATTACH_INTENT,
    }
    assert {state for state in FulfillState if allowed(state, FulfillState.FULFILLED)} == {
        FulfillState.FULFILL_INTENT,
        FulfillState.UNCERTAIN,
    }


def test_a_fulfilled_order_is_never_open_again():
    assert not allowed(FulfillState.FULFILLED, FulfillState.OPEN)
    assert not allowed(FulfillState.FULFILLED, FulfillState.FULFILL_INTENT)


def test_what_waits_for_a_person_goes_on_by_a_persons_word_alone():
    assert ORDER_TRANSITIONS[FulfillState.UNCERTAIN] == {FulfillState.FULFILLED, FulfillState.OPEN}


def test_a_file_is_refused_by_the_checks_or_once_its_call_is_known_to_have_had_no_effect():
    assert not allowed(ItemState.ATTACH_INTENT, ItemState.REJECTED)


def test_only_the_arrows_of_the_tables_are_allowed():
    for before, after in itertools.product([None, *ItemState], ItemState):
        assert allowed(before, after) is (after in ITEM_TRANSITIONS[before])
    for before, after in itertools.product(FulfillState, FulfillState):
        assert allowed(before, after) is (after in ORDER_TRANSITIONS[before])


def test_no_arrow_leads_from_an_item_to_an_order_or_back():
    for before, after in itertools.product(ItemState, FulfillState):
        assert not allowed(before, after)
        assert not allowed(after, before)
    assert not any(allowed(None, state) for state in FulfillState)


def test_the_fulfil_key_is_the_same_for_the_same_approval_and_knows_no_file():
    assert KEY.fulfillment_key == OrderKey("acme", "1001", "first").fulfillment_key
    assert len(KEY.fulfillment_key) == 64


def test_the_fulfil_key_never_changes_between_releases():
    """It is stored at hosts: another value would print an order twice."""
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


def test_a_record_of_a_file_holds_what_tells_its_bytes():
    file = StoredFile(name="a.pdf", size=5, etag="e", version_id="v")
    record = FileRecord.of("front", file)
    assert (record.placement, record.name, record.size, record.etag, record.version) == ("front", "a.pdf", 5, "e", "v")
    assert FileRecord.of("front", evolve(file, version_id=None)).version == "e"
    assert record.describes(file)


@pytest.mark.parametrize("change", [{"name": "b"}, {"size": 6}, {"etag": "f"}, {"version_id": "w"}])
def test_a_record_does_not_describe_other_bytes(change):
    file = StoredFile(name="a.pdf", size=5, etag="e", version_id="v")
    assert not FileRecord.of("front", file).describes(evolve(file, **change))


def test_a_version_that_only_one_side_knows_decides_nothing():
    file = StoredFile(name="a.pdf", size=5, etag="e", version_id="v")
    assert FileRecord.of("front", file).describes(evolve(file, version_id=None))
    assert FileRecord.of("front", evolve(file, version_id=None)).describes(file)


def test_a_row_describes_exactly_the_files_of_all_its_placements():
    front, back = (StoredFile(name=f"{side}.pdf", size=1, etag=side) for side in ("front", "back"))
    row = ItemRecord(
        item_number="1", state=ItemState.VERIFIED, files=(FileRecord.of("front", front), FileRecord.of("back", back))
    )
    assert row.describes({"back": back, "front": front})
    assert not row.describes({"front": front})
    assert not row.describes({"front": back, "back": front})
    assert not row.describes({"front": front, "back": back, "neck": back})
    assert not row.describes({})


def test_a_lease_is_on_the_order_of_its_record():
    assert Lease(record=OrderRecord(key=KEY, order_number="1001"), owner="me", epoch=1, lasts=timedelta(0)).key is KEY

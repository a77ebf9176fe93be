"""``LedgerContract``: the tests that every ledger must pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

import pytest
from attrs import evolve

from remote_artwork.client import Ledger, advance_one, claim_one
from remote_artwork.core.lifecycle import (
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    ItemStep,
    Lease,
    LedgerWrite,
    OrderClaim,
    OrderKey,
    OrderRecord,
    OrderStep,
    ReviewStep,
    Step,
    path_key,
)
from remote_artwork.core.reasons import Reason
from remote_artwork.errors import LeaseLost, LedgerError, OrderNotStored

# ruff: noqa: S101, D102 - a contract asserts, and the name of a test states the behavior

T = TypeVar("T")

HOUR = timedelta(hours=1)
NOW = timedelta(0)
KEY = OrderKey("acme", "order-1")
OTHER_FILES = (FileRecord(placement="default", name="other.pdf", size=5, etag='"o"'),)
FILES = (FileRecord(placement="default", name="1001_1.pdf", size=3, etag='"e"', version_id="v1"),)

SELECT = ItemStep(item_number="1", before=None, after=ItemState.SELECTED, files=FILES)
VERIFY = ItemStep(item_number="1", before=ItemState.SELECTED, after=ItemState.VERIFIED, files=FILES)
ATTACH = ItemStep(item_number="1", before=ItemState.VERIFIED, after=ItemState.ATTACH_INTENT, files=FILES)
ATTACHED = ItemStep(item_number="1", before=ItemState.ATTACH_INTENT, after=ItemState.ATTACHED, files=FILES)
INTEND = OrderStep(before=FulfillState.OPEN, after=FulfillState.FULFILL_INTENT)
REASON = Reason("shop_refused", {"error": "no such paper"})
FULFILLED = OrderStep(before=FulfillState.FULFILL_INTENT, after=FulfillState.FULFILLED, receipt="r-1", reason=REASON)
UNCERTAIN = OrderStep(before=FulfillState.FULFILL_INTENT, after=FulfillState.UNCERTAIN, reason=REASON)
CANCEL = OrderStep(before=FulfillState.FULFILL_INTENT, after=FulfillState.CANCELLED)
REOPEN = OrderStep(before=FulfillState.UNCERTAIN, after=FulfillState.OPEN)
REQUEST = ReviewStep(files="digest")
ACCEPT = ReviewStep(files="digest", accepted_by="ann")


def try_claim(
    ledger: Ledger, key: OrderKey, *, number: str = "1001", owner: str = "us", lease_for: timedelta = HOUR
) -> Lease | None:
    """Claim an order, with defaults."""
    return claim_one(ledger, key, order_number=number, owner=owner, lease_for=lease_for)


def claim(
    ledger: Ledger, key: OrderKey, *, number: str = "1001", owner: str = "us", lease_for: timedelta = HOUR
) -> Lease:
    """Claim an order; the claim must succeed."""
    lease = try_claim(ledger, key, number=number, owner=owner, lease_for=lease_for)
    assert lease is not None
    return lease


def claim_all(ledger: Ledger, keys: Sequence[OrderKey], *, owner: str = "us") -> list[Lease | LedgerError | None]:
    """Claim several orders at once, each with its id as its number."""
    orders = [OrderClaim(key=key, order_number=key.order_id) for key in keys]
    return list(ledger.claim(orders, owner=owner, lease_for=HOUR))


def leases_of(answers: Iterable[Lease | LedgerError | None]) -> list[Lease]:
    """Return the answers, which must be leases."""
    leases = []
    for answer in answers:
        assert isinstance(answer, Lease)
        leases.append(answer)
    return leases


def claim_when_free(ledger: Ledger, key: OrderKey, *, owner: str) -> Lease:
    """Claim an order as soon as the running lease ends."""
    return wait_for(lambda: try_claim(ledger, key, owner=owner))


def wait_for(probe: Callable[[], T | None]) -> T:
    """Return the first result of ``probe`` that is not None; fail after ten seconds."""
    deadline = time.monotonic() + 10
    while (answer := probe()) is None:
        assert time.monotonic() < deadline, "the condition was not met within ten seconds"
        time.sleep(0.002)
    return answer


def fulfill(ledger: Ledger, key: OrderKey) -> None:
    """Take an order from its claim to its receipt, and release it."""
    advance_one(ledger, claim(ledger, key), [SELECT, INTEND, FULFILLED], release=True)


def _review(ledger: Ledger) -> tuple[str, str, str]:
    record = only(ledger.find("acme"))
    return record.review_files, record.accepted_by, record.accepted_files


def forget(ledger: Ledger, *listed: OrderKey, silent_scans: int = 1, min_age: timedelta = NOW) -> int:
    """Record one complete scan of tenant acme in which the shop listed these orders."""
    pending = [key.order_id for key in listed]
    return ledger.forget("acme", still_pending=pending, min_age=min_age, silent_scans=silent_scans)


def only(found: Iterable[OrderRecord]) -> OrderRecord:
    """Return the only record."""
    [record] = found
    return record


def ids(found: Iterable[OrderRecord]) -> set[str]:
    """Return the order ids of the records."""
    return {record.key.order_id for record in found}


KEYS = tuple(OrderKey("acme", f"order-{number}") for number in (3, 1, 2))
"""Several orders, not in the order of their ids."""
UNUSUAL_TEXTS = ("'; DROP TABLE orders; --", '"%_?*[\\', "Größe 寿司 🖼 e\u0301", " spaced ", "null", "1" * 1000)


class LedgerContract:
    """Tests that every ledger must pass. Inherit it in a test module and return a new ledger from a fixture.

    For example::

        class TestMyLedger(LedgerContract):
            @pytest.fixture
            def ledger(self, tmp_path):
                return MyLedger(tmp_path / "ledger")

            @pytest.fixture
            def other_ledger(self, ledger, tmp_path):
                return MyLedger(tmp_path / "ledger")

    ``ledger`` must be empty. ``other_ledger`` is a second object for the same data, as another process has it. Without
    it, the tests use ``ledger`` for both sides. With a fast ledger, no test waits longer than half a second.
    """

    @pytest.fixture
    def ledger(self) -> Ledger:
        """Return a new, empty ledger."""
        raise NotImplementedError("override the fixture `ledger`: return your own ledger, empty")

    @pytest.fixture
    def other_ledger(self, ledger: Ledger) -> Ledger:
        """Return a second object for the data of ``ledger``."""
        return ledger

    def test_is_a_ledger(self, ledger: Ledger) -> None:
        assert isinstance(ledger, Ledger)

    # Claiming

    def test_the_first_claim_creates_an_open_order(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY, number="1001")
        assert (lease.key, lease.owner, lease.epoch) == (KEY, "us", 1)
        assert (lease.record.order_number, lease.record.state) == ("1001", FulfillState.OPEN)
        assert (dict(lease.record.items), lease.record.receipt, lease.record.intent_age) == ({}, None, None)

    def test_an_order_with_a_running_lease_cannot_be_claimed_by_others(
        self, ledger: Ledger, other_ledger: Ledger
    ) -> None:
        claim(ledger, KEY)
        assert try_claim(other_ledger, KEY, owner="them") is None

    def test_the_owner_may_claim_again_and_its_older_lease_cannot_write(self, ledger: Ledger) -> None:
        older, newer = claim(ledger, KEY), claim(ledger, KEY)
        assert newer.epoch == older.epoch + 1
        with pytest.raises(LeaseLost):
            advance_one(ledger, older, [SELECT])
        advance_one(ledger, newer, [SELECT])

    def test_a_released_order_can_be_claimed_by_others(self, ledger: Ledger, other_ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [SELECT], release=True)
        taken = claim(other_ledger, KEY, owner="them")
        assert taken.epoch == lease.epoch + 1
        assert taken.record.items["1"].state is ItemState.SELECTED

    def test_a_released_lease_cannot_write(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, release=True)
        with pytest.raises(LeaseLost):
            advance_one(ledger, lease, [SELECT])

    def test_an_order_whose_lease_ended_can_be_claimed_by_others(self, ledger: Ledger, other_ledger: Ledger) -> None:
        lease = claim(ledger, KEY, lease_for=timedelta(milliseconds=5))
        assert claim_when_free(other_ledger, KEY, owner="them").epoch == lease.epoch + 1

    def test_an_older_lease_writes_nothing_after_others_claimed_the_order(
        self, ledger: Ledger, other_ledger: Ledger
    ) -> None:
        older = claim(ledger, KEY, lease_for=timedelta(milliseconds=5))
        newer = claim_when_free(other_ledger, KEY, owner="them")
        with pytest.raises(LeaseLost):
            advance_one(ledger, older, [SELECT, VERIFY, INTEND], release=True)
        assert only(other_ledger.find("acme")) == newer.record
        assert try_claim(ledger, KEY, owner="third") is None

    def test_a_lease_that_ended_may_write_if_nobody_claimed_the_order(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY, lease_for=NOW)
        advance_one(ledger, lease, [SELECT])
        assert only(ledger.find("acme")).items["1"].state is ItemState.SELECTED

    def test_a_claim_updates_the_order_number(self, ledger: Ledger) -> None:
        advance_one(ledger, claim(ledger, KEY, number="1001"), release=True)
        assert claim(ledger, KEY, number="A-1001").record.order_number == "A-1001"
        assert ids(ledger.find("acme", order_numbers=["A-1001"])) == {"order-1"}

    def test_of_eight_threads_exactly_one_gets_the_lease(self, ledger: Ledger, other_ledger: Ledger) -> None:
        barrier = threading.Barrier(8)

        def contend(number: int) -> Lease | None:
            barrier.wait(timeout=30)
            return try_claim(ledger if number % 2 else other_ledger, KEY, owner=f"thread {number}")

        with ThreadPoolExecutor(8) as pool:
            leases = [lease for lease in pool.map(contend, range(8)) if lease]
        assert [lease.epoch for lease in leases] == [1]

    # Advancing

    @pytest.mark.parametrize("release", [False, True], ids=["kept", "released"])
    @pytest.mark.parametrize("steps", [[], [SELECT, VERIFY], [INTEND, FULFILLED]], ids=["none", "items", "order"])
    def test_a_write_can_be_repeated_when_its_outcome_is_unknown(
        self, ledger: Ledger, steps: Sequence[ItemStep | OrderStep], *, release: bool
    ) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, steps, release=release)
        before = only(ledger.find("acme"))
        advance_one(ledger, lease, steps, release=release)
        now = only(ledger.find("acme"))
        assert evolve(now, intent_age=None, updated_at=None) == evolve(before, intent_age=None, updated_at=None)

    def test_a_write_cannot_be_repeated_after_others_claimed_the_order(
        self, ledger: Ledger, other_ledger: Ledger
    ) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [SELECT], release=True)
        claim(other_ledger, KEY, owner="them")
        with pytest.raises(LeaseLost):
            advance_one(ledger, lease, [SELECT], release=True)

    def test_every_write_renews_the_lease(self, ledger: Ledger, other_ledger: Ledger) -> None:
        lease = evolve(claim(ledger, KEY, lease_for=NOW), duration=HOUR)
        advance_one(ledger, lease, ())
        assert try_claim(other_ledger, KEY, owner="them") is None

    def test_every_ledger_object_finds_the_steps_as_they_were_written(
        self, ledger: Ledger, other_ledger: Ledger
    ) -> None:
        advance_one(ledger, claim(ledger, KEY), [SELECT, VERIFY])
        found = only(other_ledger.find("acme")).items["1"]
        assert found == ItemRecord(item_number="1", state=ItemState.VERIFIED, files=FILES)

    def test_a_lease_writes_through_every_ledger_object(self, ledger: Ledger, other_ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(other_ledger, lease, [SELECT])
        advance_one(ledger, lease, [VERIFY])
        with pytest.raises(LeaseLost):
            advance_one(other_ledger, lease, [SELECT, INTEND])
        advance_one(other_ledger, lease, [INTEND])
        found = only(ledger.find("acme"))
        assert (found.items["1"].state, found.state) == (ItemState.VERIFIED, FulfillState.FULFILL_INTENT)

    def test_a_fulfillment_stores_its_receipt_and_reason(self, ledger: Ledger) -> None:
        advance_one(ledger, claim(ledger, KEY), [INTEND])
        advance_one(ledger, claim(ledger, KEY), [FULFILLED])
        found = only(ledger.find("acme"))
        assert (found.state, found.receipt, found.reason) == (FulfillState.FULFILLED, "r-1", REASON)

    def test_the_work_of_an_intent_is_kept_until_the_next_intent(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        assert lease.record.work == ""
        seen = []
        for step in (evolve(INTEND, work="one"), UNCERTAIN, REOPEN, evolve(INTEND, work="two"), FULFILLED):
            advance_one(ledger, lease, [step])
            seen.append(only(ledger.find("acme")).work)
        assert seen == ["one", "one", "one", "two", "two"]
        assert claim(ledger, KEY).record.work == "two"

    def test_an_item_with_a_late_replacement_can_be_selected_again(self, ledger: Ledger) -> None:
        path = (None, ItemState.SELECTED, ItemState.VERIFIED, ItemState.ATTACHED, ItemState.LATE_REPLACEMENT)
        steps = [
            ItemStep(item_number="1", before=before, after=after, files=FILES)
            for before, after in pairwise((*path, ItemState.SELECTED))
            if after is not None
        ]
        advance_one(ledger, claim(ledger, KEY), steps)
        assert only(ledger.find("acme")).items["1"].state is ItemState.SELECTED

    def test_the_age_of_an_intent_grows(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [INTEND])
        younger = only(ledger.find("acme")).intent_age
        advance_one(ledger, lease, [UNCERTAIN])
        assert younger is not None
        older = wait_for(lambda: age if (age := only(ledger.find("acme")).intent_age) and age > younger else None)
        assert NOW <= younger < older < HOUR

    def test_a_change_sets_the_time_of_the_row(self, ledger: Ledger) -> None:
        advance_one(ledger, claim(ledger, KEY), [SELECT])
        changed = only(ledger.find("acme")).updated_at
        assert changed is not None
        assert abs(datetime.now(UTC) - changed) < HOUR

    def test_all_steps_are_written_or_none(self, ledger: Ledger, other_ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        before = only(other_ledger.find("acme"))
        with pytest.raises(LeaseLost):
            advance_one(ledger, lease, [SELECT, VERIFY, INTEND, INTEND], release=True)
        assert only(other_ledger.find("acme")) == before
        assert try_claim(other_ledger, KEY, owner="them") is None

    @pytest.mark.parametrize(
        "step",
        [
            VERIFY,
            ItemStep(item_number="0", before=None, after=ItemState.SELECTED, files=()),
            ItemStep(item_number="0", before=ItemState.VERIFIED, after=ItemState.ATTACHED, files=FILES),
            FULFILLED,
            OrderStep(before=FulfillState.UNCERTAIN, after=FulfillState.FULFILLED),
        ],
        ids=["no such item", "item is there already", "item is not verified", "no intent", "not uncertain"],
    )
    def test_a_step_that_expects_another_state_is_refused(self, ledger: Ledger, step: ItemStep | OrderStep) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [ItemStep(item_number="0", before=None, after=ItemState.SELECTED, files=FILES)])
        before = only(ledger.find("acme"))
        with pytest.raises(LeaseLost):
            advance_one(ledger, lease, [step])
        assert only(ledger.find("acme")) == before

    @pytest.mark.parametrize(
        "step",
        [
            ItemStep(item_number="1", before=None, after=ItemState.ATTACHED, files=FILES),
            ItemStep(item_number="1", before=ItemState.REJECTED, after=ItemState.VERIFIED, files=FILES),
            OrderStep(before=FulfillState.OPEN, after=FulfillState.FULFILLED),
            OrderStep(before=FulfillState.FULFILLED, after=FulfillState.OPEN),
        ],
        ids=["attached from nothing", "verified from rejected", "fulfilled without intent", "reopened"],
    )
    def test_a_transition_that_the_lifecycle_does_not_allow_is_refused(
        self, ledger: Ledger, step: ItemStep | OrderStep
    ) -> None:
        lease = claim(ledger, KEY)
        with pytest.raises(ValueError, match="no transition"):
            advance_one(ledger, lease, [SELECT, step])
        assert not only(ledger.find("acme")).items

    def test_a_step_of_an_order_that_was_never_claimed_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(LeaseLost):
            advance_one(
                ledger,
                Lease(record=OrderRecord(key=KEY, order_number="1"), owner="us", epoch=1, duration=HOUR),
                [SELECT],
            )
        assert not list(ledger.find("acme"))

    # Several at once

    def test_without_orders_and_without_writes_nothing_happens(self, ledger: Ledger) -> None:
        assert list(ledger.claim([], owner="us", lease_for=HOUR)) == []
        assert list(ledger.advance([])) == []

    def test_several_orders_are_claimed_at_once(self, ledger: Ledger, other_ledger: Ledger) -> None:
        leases = leases_of(claim_all(ledger, KEYS))
        assert [(lease.key, lease.record.order_number, lease.epoch) for lease in leases] == [
            (key, key.order_id, 1) for key in KEYS
        ]
        assert claim_all(other_ledger, KEYS, owner="them") == [None] * len(KEYS)

    def test_an_order_that_others_hold_does_not_stop_the_other_claims(
        self, ledger: Ledger, other_ledger: Ledger
    ) -> None:
        claim(other_ledger, KEYS[1], owner="them")
        first, refused, last = claim_all(ledger, KEYS)
        assert refused is None
        assert [lease.key for lease in leases_of([first, last])] == [KEYS[0], KEYS[2]]

    def test_an_order_that_is_named_twice_is_claimed_twice(self, ledger: Ledger) -> None:
        older, other, newer = leases_of(claim_all(ledger, [KEYS[0], KEYS[1], KEYS[0]]))
        assert (older.epoch, other.epoch, newer.epoch) == (1, 1, 2)
        refused, *written = ledger.advance(
            [LedgerWrite(lease=lease, steps=(SELECT,)) for lease in (older, other, newer)]
        )
        assert isinstance(refused, LeaseLost)
        assert written == [None, None]

    def test_a_claim_of_several_orders_has_the_row_of_each(self, ledger: Ledger, other_ledger: Ledger) -> None:
        advance_one(ledger, claim(ledger, KEYS[1]), [SELECT, VERIFY, ATTACH, INTEND], release=True)
        taken = leases_of(claim_all(other_ledger, KEYS, owner="them"))
        assert [set(lease.record.items) for lease in taken] == [set(), {"1"}, set()]
        assert [lease.record.sent_files for lease in taken] == [(), FILES, ()]
        assert [evolve(lease.record, intent_age=None) for lease in sorted(taken, key=lambda lease: lease.key)] == [
            evolve(record, intent_age=None) for record in sorted(ledger.find("acme"), key=lambda record: record.key)
        ]

    def test_several_writes_are_durable_together(self, ledger: Ledger, other_ledger: Ledger) -> None:
        first, second, third = leases_of(claim_all(ledger, KEYS))
        writes = [
            LedgerWrite(lease=first, steps=(SELECT, VERIFY, INTEND)),
            LedgerWrite(lease=second),
            LedgerWrite(lease=third, steps=(SELECT,), release=True),
        ]
        assert list(ledger.advance(writes)) == [None, None, None]
        found = {record.key: (record.state, set(record.items)) for record in other_ledger.find("acme")}
        assert found == {
            KEYS[0]: (FulfillState.FULFILL_INTENT, {"1"}),
            KEYS[1]: (FulfillState.OPEN, set()),
            KEYS[2]: (FulfillState.OPEN, {"1"}),
        }
        answers = claim_all(other_ledger, KEYS, owner="them")
        assert [answer is None for answer in answers] == [True, True, False]

    @pytest.mark.parametrize("refused", range(len(KEYS)))
    def test_a_write_that_is_refused_does_not_stop_the_others(
        self, ledger: Ledger, other_ledger: Ledger, refused: int
    ) -> None:
        leases = leases_of(claim_all(ledger, KEYS))
        claim(other_ledger, KEYS[refused])
        answers = list(ledger.advance([LedgerWrite(lease=lease, steps=(SELECT, INTEND)) for lease in leases]))
        assert isinstance(answers.pop(refused), LeaseLost)
        assert answers == [None, None]
        written = {record.key for record in other_ledger.find("acme") if record.items and record.sent_files}
        assert written == set(KEYS) - {KEYS[refused]}

    def test_a_write_of_an_order_in_another_state_does_not_stop_the_others(self, ledger: Ledger) -> None:
        first, second, third = leases_of(claim_all(ledger, KEYS))
        answers = ledger.advance(
            [
                LedgerWrite(lease=first, steps=(SELECT,)),
                LedgerWrite(lease=second, steps=(SELECT, VERIFY, INTEND, INTEND), release=True),
                LedgerWrite(lease=third, steps=(SELECT,)),
            ]
        )
        assert [type(answer) for answer in answers] == [type(None), LeaseLost, type(None)]
        assert {record.key: len(record.items) for record in ledger.find("acme")} == {KEYS[0]: 1, KEYS[1]: 0, KEYS[2]: 1}
        advance_one(ledger, second, [SELECT, INTEND])

    def test_several_writes_of_one_order_are_applied_in_sequence(self, ledger: Ledger, other_ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        answers = ledger.advance(
            [
                LedgerWrite(lease=lease, steps=(SELECT,)),
                LedgerWrite(lease=lease, steps=(SELECT, INTEND)),
                LedgerWrite(lease=lease),
                LedgerWrite(lease=lease, steps=(VERIFY, INTEND)),
            ]
        )
        assert [type(answer) for answer in answers] == [type(None), LeaseLost, type(None), type(None)]
        found = only(other_ledger.find("acme"))
        assert (found.items["1"].state, found.state) == (ItemState.VERIFIED, FulfillState.FULFILL_INTENT)
        assert (found.sent_files, found.intent_age is not None) == (FILES, True)

    def test_a_write_after_the_release_of_its_lease_is_refused_alone(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        released, refused = ledger.advance(
            [LedgerWrite(lease=lease, steps=(SELECT,), release=True), LedgerWrite(lease=lease, steps=(VERIFY,))]
        )
        assert released is None
        assert isinstance(refused, LeaseLost)
        assert only(ledger.find("acme")).items["1"].state is ItemState.SELECTED

    def test_writes_with_an_unknown_outcome_can_be_repeated_with_other_writes(
        self, ledger: Ledger, other_ledger: Ledger
    ) -> None:
        first, second, third = leases_of(claim_all(ledger, KEYS))
        one = LedgerWrite(lease=first, steps=(SELECT, INTEND))
        two = LedgerWrite(lease=second, steps=(SELECT,), release=True)
        three = LedgerWrite(lease=third, steps=(SELECT, VERIFY))
        assert list(ledger.advance([one, two])) == [None, None]
        before = {record.key: record.updated_at for record in ledger.find("acme")}
        assert list(ledger.advance([two, three])) == [None, None]
        assert list(other_ledger.advance([three, one])) == [None, None]
        found = {record.key: record for record in ledger.find("acme")}
        assert {key: record.items["1"].state for key, record in found.items()} == {
            first.key: ItemState.SELECTED,
            second.key: ItemState.SELECTED,
            third.key: ItemState.VERIFIED,
        }
        for key in (first.key, second.key):
            assert found[key].updated_at == before[key]

    @pytest.mark.parametrize("text", ["\ud800", "1001\0"], ids=["not valid Unicode", "NUL"])
    def test_an_order_that_cannot_be_stored_does_not_stop_the_others(self, ledger: Ledger, text: str) -> None:
        first, answer, last = claim_all(ledger, [KEYS[0], OrderKey("acme", text), KEYS[1]])
        assert isinstance(answer, Lease | OrderNotStored)
        leases = leases_of([first, last])
        assert list(ledger.advance([LedgerWrite(lease=lease, steps=(SELECT,)) for lease in leases])) == [None, None]

    def test_a_file_that_cannot_be_stored_does_not_stop_the_other_writes(self, ledger: Ledger) -> None:
        leases = leases_of(claim_all(ledger, KEYS))
        unusual = evolve(SELECT, files=(evolve(FILES[0], name="1001\0_\ud800.pdf"),), checks="\ud800\0")
        steps = (SELECT, unusual, SELECT)
        answers = list(
            ledger.advance(
                [LedgerWrite(lease=lease, steps=(step, INTEND)) for lease, step in zip(leases, steps, strict=True)]
            )
        )
        refused = answers.pop(1)
        assert answers == [None, None]
        assert refused is None or isinstance(refused, OrderNotStored)
        written = {record.key for record in ledger.find("acme") if record.items}
        assert written == {KEYS[0], KEYS[2]} | ({KEYS[1]} if refused is None else set())

    def test_groups_that_contain_the_same_orders_never_wait_for_each_other(
        self, ledger: Ledger, other_ledger: Ledger
    ) -> None:
        keys = [OrderKey("acme", f"order-{number}") for number in range(8)]
        barrier = threading.Barrier(4)

        def work(number: int) -> int:
            own = ledger if number % 2 else other_ledger
            order = keys if number < 2 else keys[::-1]
            writes = 0
            for _ in range(5):
                barrier.wait(timeout=30)
                leases = [lease for lease in claim_all(own, order, owner="all") if isinstance(lease, Lease)]
                answers = own.advance([LedgerWrite(lease=lease) for lease in leases])
                assert all(answer is None or isinstance(answer, LeaseLost) for answer in answers)
                writes += sum(answer is None for answer in answers)
            return writes

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(work, range(4))) >= 5 * len(keys)

    # Text

    @pytest.mark.parametrize("text", UNUSUAL_TEXTS, ids=range(len(UNUSUAL_TEXTS)))
    def test_unusual_text_is_stored_unchanged(self, ledger: Ledger, text: str) -> None:
        key = OrderKey(text, text, text)
        files = (FileRecord(placement=text, name=text, size=0, etag=text, version_id=text),)
        lease = claim(ledger, key, number=text, owner=text)
        advance_one(
            ledger,
            lease,
            [ItemStep(item_number=text, before=None, after=ItemState.SELECTED, files=files, reason=Reason(text))],
        )
        for found in (only(ledger.find(text, order_ids=[text])), only(ledger.find(text, order_numbers=[text]))):
            assert (found.key, found.order_number) == (key, text)
            assert found.items[text] == ItemRecord(
                item_number=text, state=ItemState.SELECTED, files=files, reason=Reason(text)
            )

    def test_text_that_no_database_stores_is_replaced(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [INTEND])
        receipt = OrderStep(
            before=FulfillState.FULFILL_INTENT,
            after=FulfillState.FULFILLED,
            receipt="r\0\ud800",
            reason=Reason("shop_refused", {"error": "\0"}),
        )
        advance_one(ledger, lease, [receipt])
        advance_one(ledger, lease, [receipt])  # a repetition must recognize the replaced text
        found = only(ledger.find("acme"))
        assert (found.state, found.receipt, found.reason) == (
            FulfillState.FULFILLED,
            "r??",
            Reason("shop_refused", {"error": "?"}),
        )

    # Finding

    def test_an_empty_ledger_finds_nothing(self, ledger: Ledger) -> None:
        assert not list(ledger.find("acme"))
        assert not list(ledger.find("acme", order_ids=["order-1"]))

    def test_orders_are_found_by_id_by_number_and_by_tenant(self, ledger: Ledger) -> None:
        for number in ("1", "2", "3"):
            claim(ledger, OrderKey("acme", f"id-{number}"), number=number)
        assert ids(ledger.find("acme")) == {"id-1", "id-2", "id-3"}
        assert ids(ledger.find("acme", order_ids=["id-1", "id-3", "id-9"])) == {"id-1", "id-3"}
        assert ids(ledger.find("acme", order_numbers=["2", "id-1"])) == {"id-2"}
        assert ids(ledger.find("acme", order_ids=["id-1"], order_numbers=["2"])) == {"id-1", "id-2"}

    def test_an_empty_list_of_orders_finds_nothing(self, ledger: Ledger) -> None:
        claim(ledger, KEY)
        assert not list(ledger.find("acme", order_ids=[]))
        assert not list(ledger.find("acme", order_numbers=()))

    @pytest.mark.parametrize("text", ["\ud800", "1001\0"], ids=["not valid Unicode", "NUL"])
    def test_text_that_no_database_stores_is_in_no_order(self, ledger: Ledger, text: str) -> None:
        claim(ledger, KEY)
        for found in (
            ledger.find("acme", order_ids=[text]),
            ledger.find("acme", order_numbers=[text]),
            ledger.find("acme", file_names=[text]),
        ):
            assert not list(found)
        assert ids(ledger.find("acme", order_numbers=[text, "1001"])) == {"order-1"}

    def test_tenants_and_approvals_are_separate(self, ledger: Ledger) -> None:
        again, others = OrderKey("acme", "order-1", "second"), OrderKey("umbrella", "order-1")
        advance_one(ledger, claim(ledger, KEY), [SELECT, INTEND])
        assert claim(ledger, again, owner="them").record.state is FulfillState.OPEN
        assert claim(ledger, others, owner="them").record.state is FulfillState.OPEN
        assert {record.key: len(record.items) for record in ledger.find("acme")} == {KEY: 1, again: 0}
        assert [record.key for record in ledger.find("umbrella")] == [others]

    def test_a_hundred_thousand_orders_can_be_looked_up_at_once(self, ledger: Ledger) -> None:
        claim(ledger, KEY)
        assert ids(ledger.find("acme", order_ids=[f"order-{n}" for n in range(100_000)])) == {"order-1"}

    def test_the_age_of_an_intent_counts_from_its_last_attempt(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [INTEND])
        older = wait_for(lambda: age if (age := _age(ledger)) > timedelta(milliseconds=20) else None)
        started = time.monotonic()
        advance_one(ledger, lease, [evolve(INTEND, before=FulfillState.FULFILL_INTENT)])
        assert _age(ledger) < timedelta(seconds=time.monotonic() - started) + older / 2

    def test_orders_are_found_by_state_alone_and_with_other_filters(self, ledger: Ledger) -> None:
        paths = {"1": (), "2": (INTEND,), "3": (INTEND,), "4": (INTEND, FULFILLED), "5": (INTEND, UNCERTAIN)}
        for number, steps in paths.items():
            advance_one(ledger, claim(ledger, OrderKey("acme", f"id-{number}"), number=number), steps, release=True)
        advance_one(ledger, claim(ledger, OrderKey("umbrella", "id-6")), [INTEND], release=True)
        intent = FulfillState.FULFILL_INTENT
        assert {state: ids(ledger.find("acme", state=state)) for state in FulfillState} == {
            FulfillState.OPEN: {"id-1"},
            FulfillState.FULFILL_INTENT: {"id-2", "id-3"},
            FulfillState.FULFILLED: {"id-4"},
            FulfillState.UNCERTAIN: {"id-5"},
            FulfillState.CANCELLED: set(),
        }
        assert ids(ledger.find("acme", order_ids=["id-1", "id-2"], state=intent)) == {"id-2"}
        assert ids(ledger.find("acme", order_numbers=["3", "4"], state=intent)) == {"id-3"}
        assert ids(ledger.find("acme", order_ids=["id-1", "id-2"], order_numbers=["3"], state=intent)) == {
            "id-2",
            "id-3",
        }
        assert not list(ledger.find("acme", order_ids=[], state=intent))

    def test_orders_with_an_unresolved_call_are_found_alone_and_with_other_filters(self, ledger: Ledger) -> None:
        paths = {"1": (), "2": (INTEND,), "3": (INTEND, FULFILLED), "4": (INTEND, UNCERTAIN)}
        for number, steps in paths.items():
            advance_one(ledger, claim(ledger, OrderKey("acme", f"id-{number}"), number=number), steps, release=True)
        advance_one(ledger, claim(ledger, OrderKey("umbrella", "id-6")), [INTEND], release=True)
        assert ids(ledger.find("acme", unresolved=True)) == {"id-2", "id-4"}
        assert ids(ledger.find("acme", order_ids=[], unresolved=True)) == {"id-2", "id-4"}
        found = list(ledger.find("acme", order_ids=["id-1", "id-2"], order_numbers=["2", "3"], unresolved=True))
        assert sorted(record.key.order_id for record in found) == ["id-1", "id-2", "id-3", "id-4"]
        uncertain = ledger.find("acme", order_ids=["id-1"], unresolved=True, state=FulfillState.UNCERTAIN)
        assert ids(uncertain) == {"id-4"}

    def test_open_orders_with_an_unknown_attach_call_are_unresolved(self, ledger: Ledger) -> None:
        paths: dict[str, tuple[Step, ...]] = {
            "1": (SELECT, VERIFY),
            "2": (SELECT, VERIFY, ATTACH),
            "3": (SELECT, VERIFY, ATTACH, ATTACHED),
            "4": (SELECT, VERIFY, ATTACH, INTEND, FULFILLED),
        }
        for number, steps in paths.items():
            advance_one(ledger, claim(ledger, OrderKey("acme", f"id-{number}"), number=number), steps, release=True)
        advance_one(ledger, claim(ledger, OrderKey("umbrella", "id-2")), [SELECT, VERIFY, ATTACH], release=True)
        found = only(ledger.find("acme", unresolved=True))
        assert (found.key.order_id, found.items["1"].state) == ("id-2", ItemState.ATTACH_INTENT)
        assert found.attach_unresolved
        assert ids(ledger.find("acme", order_ids=["id-1"], unresolved=True)) == {"id-1", "id-2"}
        assert not list(ledger.find("acme", unresolved=True, state=FulfillState.UNCERTAIN))

    def test_an_order_found_by_its_state_has_its_items(self, ledger: Ledger) -> None:
        advance_one(ledger, claim(ledger, KEY), [SELECT, INTEND])
        assert only(ledger.find("acme", state=FulfillState.FULFILL_INTENT)).items.keys() == {"1"}

    def test_the_checks_of_an_item_are_stored(self, ledger: Ledger) -> None:
        advance_one(ledger, claim(ledger, KEY), [evolve(SELECT, checks="digest")])
        assert only(ledger.find("acme")).items["1"].checks == "digest"

    def test_the_call_limit_is_kept_by_steps_without_one(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [evolve(INTEND, call_limit=timedelta(minutes=90, microseconds=1))])
        advance_one(ledger, lease, [UNCERTAIN])
        found = only(ledger.find("acme"))
        assert found.call_limit == timedelta(minutes=90, microseconds=1)
        assert timedelta(minutes=89) < found.remaining_call_time <= found.call_limit

    def test_settled_by_is_kept_until_the_next_step(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [INTEND, UNCERTAIN, evolve(REOPEN, settled_by="ann")])
        assert only(ledger.find("acme")).settled_by == "ann"
        advance_one(ledger, lease, [INTEND])
        assert only(ledger.find("acme")).settled_by == ""

    # Review

    def test_the_digest_of_a_review_and_who_accepted_it_are_stored(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [SELECT, VERIFY, REQUEST])
        assert _review(ledger) == ("digest", "", "")
        advance_one(ledger, lease, [ACCEPT])
        assert _review(ledger) == ("digest", "ann", "digest")
        advance_one(ledger, lease, [INTEND, FULFILLED])
        assert _review(ledger) == ("digest", "ann", "digest")

    def test_a_request_for_another_review_voids_the_acceptance(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [REQUEST, ACCEPT])
        advance_one(ledger, lease, [evolve(REQUEST, files="other")])
        assert _review(ledger) == ("other", "", "")

    def test_other_files_than_those_of_the_request_cannot_be_accepted(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        with pytest.raises(LeaseLost):
            advance_one(ledger, lease, [ACCEPT])
        advance_one(ledger, lease, [evolve(REQUEST, files="other")])
        with pytest.raises(LeaseLost):
            advance_one(ledger, lease, [ACCEPT])
        assert _review(ledger) == ("other", "", "")

    def test_an_acceptance_that_released_its_lease_can_be_repeated(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [REQUEST])
        advance_one(ledger, lease, [ACCEPT], release=True)
        advance_one(ledger, lease, [ACCEPT], release=True)
        with pytest.raises(LeaseLost):
            advance_one(ledger, lease, [evolve(ACCEPT, accepted_by="bob")], release=True)
        assert _review(ledger) == ("digest", "ann", "digest")

    def test_another_approval_has_a_review_of_its_own(self, ledger: Ledger) -> None:
        advance_one(ledger, claim(ledger, KEY), [REQUEST, ACCEPT], release=True)
        assert claim(ledger, evolve(KEY, approval="2")).record.review_files == ""

    def test_the_sha256_of_a_file_is_stored(self, ledger: Ledger) -> None:
        files = (evolve(FILES[0], sha256="ab" * 32),)
        advance_one(ledger, claim(ledger, KEY), [evolve(SELECT, files=files)])
        assert only(ledger.find("acme")).items["1"].files == files

    # Forgetting

    def test_an_order_is_forgotten_after_enough_silent_scans_in_a_row(self, ledger: Ledger) -> None:
        fulfill(ledger, KEY)
        assert forget(ledger, silent_scans=2) == 0
        assert forget(ledger, KEY, silent_scans=2) == 0, "a scan that lists it restarts the count"
        assert forget(ledger, silent_scans=2) == 0
        assert forget(ledger, silent_scans=2) == 1
        assert not list(ledger.find("acme"))

    def test_a_young_order_is_not_forgotten(self, ledger: Ledger) -> None:
        fulfill(ledger, KEY)
        assert forget(ledger, min_age=HOUR) == 0
        assert forget(ledger) == 1

    def test_an_old_order_that_was_listed_recently_is_not_forgotten(self, ledger: Ledger) -> None:
        recently = timedelta(seconds=0.5)
        other = OrderKey("acme", "order-2")
        fulfill(ledger, KEY)
        fulfill(ledger, other)
        listed_at = 0.0

        def list_one() -> int | None:
            nonlocal listed_at
            listed_at = time.monotonic()
            return forget(ledger, KEY, min_age=recently) or None

        assert wait_for(list_one) == 1, "the other order, of the same age and never listed, is forgotten"
        dropped = forget(ledger, min_age=recently)
        in_time = time.monotonic() - listed_at < recently.total_seconds()
        assert not (dropped and in_time)

    def test_a_pending_order_is_not_forgotten(self, ledger: Ledger) -> None:
        fulfill(ledger, KEY)
        assert forget(ledger, KEY) == 0
        assert ids(ledger.find("acme")) == {"order-1"}

    @pytest.mark.parametrize(
        "steps", [[INTEND], [INTEND, UNCERTAIN], [SELECT, VERIFY, ATTACH]], ids=["intent", "uncertain", "attach intent"]
    )
    def test_an_order_with_an_unresolved_call_is_never_forgotten(self, ledger: Ledger, steps: Sequence[Step]) -> None:
        advance_one(ledger, claim(ledger, KEY), steps, release=True)
        assert [forget(ledger) for _ in range(3)] == [0, 0, 0]

    def test_an_order_with_a_running_lease_is_not_forgotten(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        assert forget(ledger) == 0
        advance_one(ledger, lease, [SELECT])

    def test_a_scan_of_one_tenant_does_not_count_for_another(self, ledger: Ledger) -> None:
        other = OrderKey("umbrella", "order-1")
        fulfill(ledger, KEY)
        fulfill(ledger, other)
        assert forget(ledger) == 1
        assert [record.key for record in ledger.find("umbrella")] == [other]

    def test_an_order_created_after_many_scans_starts_its_own_count(self, ledger: Ledger) -> None:
        for _ in range(5):
            forget(ledger, silent_scans=3)
        fulfill(ledger, KEY)
        assert [forget(ledger, silent_scans=3) for _ in range(3)] == [0, 0, 1]

    def test_a_forgotten_order_starts_again(self, ledger: Ledger) -> None:
        fulfill(ledger, KEY)
        forget(ledger)
        lease = claim(ledger, KEY)
        assert (lease.record.state, dict(lease.record.items)) == (FulfillState.OPEN, {})
        assert lease.record.used_files == ()

    # Files that were printed

    def test_an_order_is_found_by_the_files_it_was_sent_with(self, ledger: Ledger, other_ledger: Ledger) -> None:
        fulfill(ledger, KEY)
        advance_one(
            ledger, claim(ledger, OrderKey("acme", "order-2")), [evolve(SELECT, files=OTHER_FILES)], release=True
        )
        found = only(other_ledger.find("acme", file_names=["1001_1.pdf", "other.pdf"]))
        assert evolve(found, intent_age=None) == evolve(
            only(ledger.find("acme", order_ids=["order-1"])), intent_age=None
        )
        assert (found.sent_files, found.attached_files, found.forgotten) == (FILES, (), False)
        assert not list(other_ledger.find("acme", file_names=["other.pdf"]))
        assert not list(other_ledger.find("acme", file_names=[]))
        assert not list(other_ledger.find("umbrella", file_names=["1001_1.pdf"]))

    def test_the_files_that_orders_were_sent_with_are_found_by_their_names(
        self, ledger: Ledger, other_ledger: Ledger
    ) -> None:
        assert not list(other_ledger.find_used_files("acme", ["1001_1.pdf"]))
        fulfill(ledger, KEY)
        advance_one(
            ledger, claim(ledger, OrderKey("acme", "order-2")), [evolve(SELECT, files=OTHER_FILES)], release=True
        )
        names = ["1001_1.pdf", "other.pdf", "unknown.pdf"]
        for _ in range(2):
            assert tuple(other_ledger.find_used_files("acme", names)) == FILES
            assert not list(other_ledger.find_used_files("acme", names[1:]))
            assert not list(other_ledger.find_used_files("acme", []))
            assert not list(other_ledger.find_used_files("umbrella", names))
            forget(ledger)

    def test_files_are_found_with_other_filters(self, ledger: Ledger) -> None:
        fulfill(ledger, KEY)
        claim(ledger, OrderKey("acme", "order-2"), number="1002")
        found = ledger.find("acme", file_names=["1001_1.pdf"], order_numbers=["1002"])
        assert ids(found) == {"order-1", "order-2"}
        assert not list(ledger.find("acme", file_names=["1001_1.pdf"], state=FulfillState.OPEN))

    @pytest.mark.parametrize("spelling", ["Größe_1.pdf", "Gro\u0308ße_1.pdf", "GRÖSSE_1.PDF"])
    def test_a_file_is_found_by_every_spelling_of_its_name(self, ledger: Ledger, spelling: str) -> None:
        files = (evolve(FILES[0], name="Größe_1.pdf"),)
        advance_one(ledger, claim(ledger, KEY), [evolve(SELECT, files=files), INTEND])
        assert only(ledger.find("acme", file_names=[spelling])).sent_files == files

    def test_a_file_is_found_by_its_path_in_the_storage(self, ledger: Ledger, other_ledger: Ledger) -> None:
        files = (evolve(FILES[0], path_key=path_key("bucket/in/1001_1.pdf")),)
        advance_one(ledger, claim(ledger, KEY), [evolve(SELECT, files=files), INTEND, FULFILLED], release=True)
        for known in (ledger, other_ledger):
            assert only(known.find("acme", file_names=[path_key("bucket/in/1001_1.pdf")])).sent_files == files
            assert not list(known.find("acme", file_names=[path_key("bucket/1001_1.pdf")]))
        assert forget(ledger) == 1
        assert only(other_ledger.find("acme", file_names=[path_key("bucket/in/1001_1.pdf")])).sent_files == files

    def test_a_call_without_effect_uses_no_file(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [SELECT, INTEND])
        assert ids(ledger.find("acme", file_names=["1001_1.pdf"])) == {"order-1"}
        advance_one(ledger, lease, [evolve(INTEND, before=FulfillState.FULFILL_INTENT, after=FulfillState.OPEN)])
        assert not list(ledger.find("acme", file_names=["1001_1.pdf"]))
        assert only(ledger.find("acme")).used_files == ()

    def test_an_attached_file_stays_used_after_another_one_is_selected(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        advance_one(ledger, lease, [SELECT, VERIFY, ATTACH])
        advance_one(ledger, lease, [evolve(SELECT, before=ItemState.ATTACH_INTENT, files=OTHER_FILES)])
        found = only(ledger.find("acme", file_names=["1001_1.pdf"]))
        assert (found.sent_files, found.attached_files) == ((), FILES)

    @pytest.mark.parametrize(
        ("steps", "state", "sent", "attached"),
        [
            ((SELECT, INTEND, FULFILLED), FulfillState.FULFILLED, FILES, ()),
            ((SELECT, VERIFY, ATTACH, ATTACHED), FulfillState.OPEN, (), FILES),
            ((SELECT, INTEND, CANCEL), FulfillState.CANCELLED, (), FILES),
        ],
        ids=["fulfilled", "attached", "cancelled in doubt"],
    )
    def test_what_a_file_was_printed_for_outlives_the_row_of_the_order(
        self,
        ledger: Ledger,
        other_ledger: Ledger,
        steps: Sequence[ItemStep | OrderStep],
        state: FulfillState,
        sent: tuple[FileRecord, ...],
        attached: tuple[FileRecord, ...],
    ) -> None:
        advance_one(ledger, claim(ledger, KEY), steps, release=True)
        assert forget(ledger) == 1
        kept = OrderRecord(
            key=KEY, order_number="1001", state=state, sent_files=sent, attached_files=attached, forgotten=True
        )
        assert list(other_ledger.find("acme", file_names=["1001_1.pdf"])) == [kept]
        assert not list(other_ledger.find("acme"))
        assert not list(other_ledger.find("acme", order_ids=["order-1"], order_numbers=["1001"]))
        assert [forget(ledger) for _ in range(2)] == [0, 0]
        assert list(other_ledger.find("acme", file_names=["1001_1.pdf"])) == [kept]

    def test_a_forgotten_order_whose_id_is_used_again_keeps_its_files(self, ledger: Ledger) -> None:
        fulfill(ledger, KEY)
        forget(ledger)
        advance_one(
            ledger, claim(ledger, KEY, number="2001"), [evolve(SELECT, files=OTHER_FILES), INTEND], release=True
        )
        found = list(ledger.find("acme", file_names=["1001_1.pdf", "other.pdf"]))
        assert {(record.forgotten, record.order_number, record.used_files) for record in found} == {
            (True, "1001", FILES),
            (False, "2001", OTHER_FILES),
        }


def _age(ledger: Ledger) -> timedelta:
    return only(ledger.find("acme")).intent_age or NOW

# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what
"""What every ledger must do, as tests that a host inherits for its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from attrs import evolve

from remote_artwork.core.lifecycle import (
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    ItemStep,
    Lease,
    OrderKey,
    OrderRecord,
    OrderStep,
)
from remote_artwork.errors import LeaseLost
from remote_artwork.interfaces import Ledger
from remote_artwork.testing.ledger_finding import Finding
from remote_artwork.testing.ledger_forgetting import Forgetting
from remote_artwork.testing.ledger_words import (
    DOUBT,
    FILES,
    FULFIL,
    HOUR,
    INTEND,
    KEY,
    NOW,
    REOPEN,
    SELECT,
    VERIFY,
    claim,
    claim_in_the_end,
    ids,
    only,
    try_claim,
    wait_for,
)

ODD_TEXTS = ("'; DROP TABLE orders; --", '"%_?*[\\', "Größe 寿司 🖼 e\u0301", " spaced ", "null", "1" * 1000)


class LedgerContract(Finding, Forgetting):
    """Inherit it in a test module and say how a fresh ledger is made; pytest then runs every test below on it.

        class TestMyLedger(LedgerContract):
            @pytest.fixture
            def ledger(self, tmp_path):
                return MyLedger(tmp_path / "ledger")

            @pytest.fixture
            def other_ledger(self, ledger, tmp_path):
                return MyLedger(tmp_path / "ledger")

    ``ledger`` must be empty. ``other_ledger`` is a second handle on the same memory, as another process would have;
    without it the tests use one handle for both sides. No test sleeps longer than a lease of some milliseconds.
    """

    @pytest.fixture
    def ledger(self) -> Ledger:
        """A fresh, empty ledger."""
        raise NotImplementedError("override the fixture `ledger` with one that returns your own, empty")

    @pytest.fixture
    def other_ledger(self, ledger: Ledger) -> Ledger:
        """A second handle on what ``ledger`` remembers."""
        return ledger

    # Claiming

    def test_is_a_ledger(self, ledger: Ledger) -> None:
        assert isinstance(ledger, Ledger)

    def test_the_first_claim_creates_an_open_order(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY, number="1001")
        assert (lease.key, lease.owner, lease.epoch) == (KEY, "us", 1)
        assert (lease.record.order_number, lease.record.state) == ("1001", FulfillState.OPEN)
        assert (dict(lease.record.items), lease.record.receipt, lease.record.intent_age) == ({}, None, None)

    def test_a_running_lease_keeps_others_out(self, ledger: Ledger, other_ledger: Ledger) -> None:
        claim(ledger, KEY)
        assert try_claim(other_ledger, KEY, owner="them") is None

    def test_the_owner_may_claim_again_and_makes_its_older_lease_worthless(self, ledger: Ledger) -> None:
        older, newer = claim(ledger, KEY), claim(ledger, KEY)
        assert newer.epoch == older.epoch + 1
        with pytest.raises(LeaseLost):
            ledger.advance(older, [SELECT])
        ledger.advance(newer, [SELECT])

    def test_a_released_order_can_be_claimed_by_others(self, ledger: Ledger, other_ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, [SELECT], release=True)
        taken = claim(other_ledger, KEY, owner="them")
        assert taken.epoch == lease.epoch + 1
        assert taken.record.items["1"].state is ItemState.SELECTED

    def test_a_released_lease_may_not_write(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, (), release=True)
        with pytest.raises(LeaseLost):
            ledger.advance(lease, [SELECT])

    def test_a_lease_that_ended_can_be_taken_over(self, ledger: Ledger, other_ledger: Ledger) -> None:
        lease = claim(ledger, KEY, lease_for=timedelta(milliseconds=5))
        assert claim_in_the_end(other_ledger, KEY, owner="them").epoch == lease.epoch + 1

    def test_a_zombie_writes_nothing_after_the_order_was_taken_over(self, ledger: Ledger, other_ledger: Ledger) -> None:
        zombie = claim(ledger, KEY, lease_for=timedelta(milliseconds=5))
        heir = claim_in_the_end(other_ledger, KEY, owner="them")
        with pytest.raises(LeaseLost):
            ledger.advance(zombie, [SELECT, VERIFY, INTEND], release=True)
        assert only(other_ledger.find("acme")) == heir.record
        assert try_claim(ledger, KEY, owner="third") is None

    def test_a_lease_that_ended_but_was_not_taken_over_may_write(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY, lease_for=NOW)
        ledger.advance(lease, [SELECT])
        assert only(ledger.find("acme")).items["1"].state is ItemState.SELECTED

    def test_a_claim_tells_the_number_the_host_uses_now(self, ledger: Ledger) -> None:
        ledger.advance(claim(ledger, KEY, number="1001"), (), release=True)
        assert claim(ledger, KEY, number="A-1001").record.order_number == "A-1001"
        assert ids(ledger.find("acme", order_numbers=["A-1001"])) == {"order-1"}

    def test_of_eight_threads_exactly_one_gets_the_order(self, ledger: Ledger, other_ledger: Ledger) -> None:
        barrier = threading.Barrier(8)

        def contend(number: int) -> Lease | None:
            barrier.wait(timeout=30)
            return try_claim(ledger if number % 2 else other_ledger, KEY, owner=f"thread {number}")

        with ThreadPoolExecutor(8) as pool:
            leases = [lease for lease in pool.map(contend, range(8)) if lease]
        assert [lease.epoch for lease in leases] == [1]

    # Advancing

    @pytest.mark.parametrize("release", [False, True], ids=["kept", "released"])
    @pytest.mark.parametrize("steps", [[], [SELECT, VERIFY], [INTEND, FULFIL]], ids=["none", "items", "order"])
    def test_a_write_whose_answer_was_lost_can_be_repeated(
        self, ledger: Ledger, steps: Sequence[ItemStep | OrderStep], *, release: bool
    ) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, steps, release=release)
        before = only(ledger.find("acme"))
        ledger.advance(lease, steps, release=release)
        now = only(ledger.find("acme"))
        assert evolve(now, intent_age=None, updated_at=None) == evolve(before, intent_age=None, updated_at=None)

    def test_a_write_that_somebody_else_has_gone_on_from_cannot_be_repeated(
        self, ledger: Ledger, other_ledger: Ledger
    ) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, [SELECT], release=True)
        claim(other_ledger, KEY, owner="them")
        with pytest.raises(LeaseLost):
            ledger.advance(lease, [SELECT], release=True)

    def test_every_write_renews_the_lease(self, ledger: Ledger, other_ledger: Ledger) -> None:
        lease = evolve(claim(ledger, KEY, lease_for=NOW), lasts=HOUR)
        ledger.advance(lease, ())
        assert try_claim(other_ledger, KEY, owner="them") is None

    def test_steps_are_found_by_every_handle_as_they_were_written(self, ledger: Ledger, other_ledger: Ledger) -> None:
        ledger.advance(claim(ledger, KEY), [SELECT, VERIFY])
        found = only(other_ledger.find("acme")).items["1"]
        assert found == ItemRecord(item_number="1", state=ItemState.VERIFIED, files=FILES)

    def test_a_fulfilment_leaves_its_receipt_and_reason(self, ledger: Ledger) -> None:
        ledger.advance(claim(ledger, KEY), [INTEND])
        ledger.advance(claim(ledger, KEY), [FULFIL])
        found = only(ledger.find("acme"))
        assert (found.state, found.receipt, found.reason) == (FulfillState.FULFILLED, "r-1", "done")

    def test_the_work_of_an_intent_stays_until_another_is_recorded(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        assert lease.record.work == ""
        seen = []
        for step in (evolve(INTEND, work="one"), DOUBT, REOPEN, evolve(INTEND, work="two"), FULFIL):
            ledger.advance(lease, [step])
            seen.append(only(ledger.find("acme")).work)
        assert seen == ["one", "one", "one", "two", "two"]
        assert claim(ledger, KEY).record.work == "two"

    def test_a_late_replacement_may_be_selected_again(self, ledger: Ledger) -> None:
        path = (None, ItemState.SELECTED, ItemState.VERIFIED, ItemState.ATTACHED, ItemState.LATE_REPLACEMENT)
        steps = [
            ItemStep(item_number="1", before=before, after=after, files=FILES)
            for before, after in pairwise((*path, ItemState.SELECTED))
            if after is not None
        ]
        ledger.advance(claim(ledger, KEY), steps)
        assert only(ledger.find("acme")).items["1"].state is ItemState.SELECTED

    def test_an_intent_has_an_age_that_grows(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, [INTEND])
        younger = only(ledger.find("acme")).intent_age
        ledger.advance(lease, [DOUBT])
        assert younger is not None
        older = wait_for(lambda: age if (age := only(ledger.find("acme")).intent_age) and age > younger else None)
        assert NOW <= younger < older < HOUR

    def test_a_change_has_a_time(self, ledger: Ledger) -> None:
        ledger.advance(claim(ledger, KEY), [SELECT])
        changed = only(ledger.find("acme")).updated_at
        assert changed is not None
        assert abs(datetime.now(UTC) - changed) < HOUR

    def test_steps_are_written_all_or_none(self, ledger: Ledger, other_ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        before = only(other_ledger.find("acme"))
        with pytest.raises(LeaseLost):
            ledger.advance(lease, [SELECT, VERIFY, INTEND, INTEND], release=True)
        assert only(other_ledger.find("acme")) == before
        assert try_claim(other_ledger, KEY, owner="them") is None

    @pytest.mark.parametrize(
        "step",
        [
            VERIFY,
            ItemStep(item_number="0", before=None, after=ItemState.SELECTED, files=()),
            ItemStep(item_number="0", before=ItemState.VERIFIED, after=ItemState.ATTACHED, files=FILES),
            FULFIL,
            OrderStep(before=FulfillState.UNCERTAIN, after=FulfillState.FULFILLED),
        ],
        ids=["no such item", "item is there already", "item is not verified", "no intent", "not uncertain"],
    )
    def test_a_step_from_another_state_than_the_row_is_in_is_refused(
        self, ledger: Ledger, step: ItemStep | OrderStep
    ) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, [ItemStep(item_number="0", before=None, after=ItemState.SELECTED, files=FILES)])
        before = only(ledger.find("acme"))
        with pytest.raises(LeaseLost):
            ledger.advance(lease, [step])
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
    def test_an_arrow_the_lifecycle_does_not_hold_is_a_mistake_of_the_caller(
        self, ledger: Ledger, step: ItemStep | OrderStep
    ) -> None:
        lease = claim(ledger, KEY)
        with pytest.raises(ValueError, match="no arrow"):
            ledger.advance(lease, [SELECT, step])
        assert not only(ledger.find("acme")).items

    def test_a_step_to_an_order_that_was_never_claimed_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(LeaseLost):
            ledger.advance(
                Lease(record=OrderRecord(key=KEY, order_number="1"), owner="us", epoch=1, lasts=HOUR), [SELECT]
            )
        assert not list(ledger.find("acme"))

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
    def test_odd_text_comes_back_as_it_was(self, ledger: Ledger, text: str) -> None:
        key = OrderKey(text, text, text)
        files = (FileRecord(placement=text, name=text, size=0, etag=text, version_id=text),)
        lease = claim(ledger, key, number=text, owner=text)
        ledger.advance(
            lease, [ItemStep(item_number=text, before=None, after=ItemState.SELECTED, files=files, reason=text)]
        )
        for found in (only(ledger.find(text, order_ids=[text])), only(ledger.find(text, order_numbers=[text]))):
            assert (found.key, found.order_number) == (key, text)
            assert found.items[text] == ItemRecord(item_number=text, state=ItemState.SELECTED, files=files, reason=text)

    def test_words_of_a_host_that_no_database_takes_do_not_stop_a_receipt(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, [INTEND])
        receipt = OrderStep(
            before=FulfillState.FULFILL_INTENT, after=FulfillState.FULFILLED, receipt="r\0\ud800", reason="\0"
        )
        ledger.advance(lease, [receipt])
        ledger.advance(lease, [receipt])  # its answer was lost
        found = only(ledger.find("acme"))
        assert (found.state, found.receipt, found.reason) == (FulfillState.FULFILLED, "r??", "?")

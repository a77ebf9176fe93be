"""What every ledger must do, as tests that a host inherits for its own."""

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

from remote_artwork.client import Ledger
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
from remote_artwork.core.reasons import Reason
from remote_artwork.errors import LeaseLost

# ruff: noqa: S101 - a contract asserts


T = TypeVar("T")

HOUR = timedelta(hours=1)
NOW = timedelta(0)
KEY = OrderKey("acme", "order-1")
FILES = (FileRecord(placement="default", name="1001_1.pdf", size=3, etag='"e"', version_id="v1"),)

SELECT = ItemStep(item_number="1", before=None, after=ItemState.SELECTED, files=FILES)
VERIFY = ItemStep(item_number="1", before=ItemState.SELECTED, after=ItemState.VERIFIED, files=FILES)
INTEND = OrderStep(before=FulfillState.OPEN, after=FulfillState.FULFILL_INTENT)
REASON = Reason("shop_refused", {"error": "no such paper"})
FULFIL = OrderStep(before=FulfillState.FULFILL_INTENT, after=FulfillState.FULFILLED, receipt="r-1", reason=REASON)
DOUBT = OrderStep(before=FulfillState.FULFILL_INTENT, after=FulfillState.UNCERTAIN, reason=REASON)
REOPEN = OrderStep(before=FulfillState.UNCERTAIN, after=FulfillState.OPEN)


def try_claim(
    ledger: Ledger, key: OrderKey, *, number: str = "1001", owner: str = "us", lease_for: timedelta = HOUR
) -> Lease | None:
    """A claim with what most tests do not care about filled in."""
    return ledger.claim(key, order_number=number, owner=owner, lease_for=lease_for)


def claim(
    ledger: Ledger, key: OrderKey, *, number: str = "1001", owner: str = "us", lease_for: timedelta = HOUR
) -> Lease:
    """A claim that must succeed."""
    lease = try_claim(ledger, key, number=number, owner=owner, lease_for=lease_for)
    assert lease is not None
    return lease


def claim_in_the_end(ledger: Ledger, key: OrderKey, *, owner: str) -> Lease:
    """A claim that succeeds as soon as the running lease ends."""
    return run_sync(lambda: try_claim(ledger, key, owner=owner))


def run_sync(probe: Callable[[], T | None]) -> T:
    """The first answer of ``probe`` that is something; fails after ten seconds."""
    deadline = time.monotonic() + 10
    while (answer := probe()) is None:
        assert time.monotonic() < deadline, "nothing happened within ten seconds"
        time.sleep(0.002)
    return answer


def settle(ledger: Ledger, key: OrderKey) -> None:
    """Takes an order through to its end and gives it back."""
    ledger.advance(claim(ledger, key), [SELECT, INTEND, FULFIL], release=True)


def forget(ledger: Ledger, *named: OrderKey, silent_passes: int = 1, min_age: timedelta = NOW) -> int:
    """One whole pass of tenant acme in which the host named these orders."""
    pending = [key.order_id for key in named]
    return ledger.forget("acme", still_pending=pending, min_age=min_age, silent_passes=silent_passes)


def only(found: Iterable[OrderRecord]) -> OrderRecord:
    """The one record there is."""
    [record] = found
    return record


def ids(found: Iterable[OrderRecord]) -> set[str]:
    """The order ids of the records."""
    return {record.key.order_id for record in found}


# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what


class Finding:
    """Which orders a ledger finds, and by what. Part of ``LedgerContract``."""

    def test_an_empty_ledger_finds_nothing(self, ledger: Ledger) -> None:
        assert not list(ledger.find("acme"))
        assert not list(ledger.find("acme", order_ids=["order-1"]))

    def test_orders_are_found_by_id_by_number_and_all_together(self, ledger: Ledger) -> None:
        for number in ("1", "2", "3"):
            claim(ledger, OrderKey("acme", f"id-{number}"), number=number)
        assert ids(ledger.find("acme")) == {"id-1", "id-2", "id-3"}
        assert ids(ledger.find("acme", order_ids=["id-1", "id-3", "id-9"])) == {"id-1", "id-3"}
        assert ids(ledger.find("acme", order_numbers=["2", "id-1"])) == {"id-2"}
        assert ids(ledger.find("acme", order_ids=["id-1"], order_numbers=["2"])) == {"id-1", "id-2"}

    def test_asked_for_no_orders_it_finds_none(self, ledger: Ledger) -> None:
        claim(ledger, KEY)
        assert not list(ledger.find("acme", order_ids=[]))
        assert not list(ledger.find("acme", order_numbers=()))

    def test_tenants_and_approvals_are_kept_apart(self, ledger: Ledger) -> None:
        again, others = OrderKey("acme", "order-1", "second"), OrderKey("umbrella", "order-1")
        ledger.advance(claim(ledger, KEY), [SELECT, INTEND])
        assert claim(ledger, again, owner="them").record.state is FulfillState.OPEN
        assert claim(ledger, others, owner="them").record.state is FulfillState.OPEN
        assert {record.key: len(record.items) for record in ledger.find("acme")} == {KEY: 1, again: 0}
        assert [record.key for record in ledger.find("umbrella")] == [others]

    def test_many_orders_are_found_at_once(self, ledger: Ledger) -> None:
        claim(ledger, KEY)
        assert ids(ledger.find("acme", order_ids=[f"order-{n}" for n in range(100_000)])) == {"order-1"}

    def test_an_intent_that_is_recorded_again_is_as_old_as_its_last_record(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, [INTEND])
        older = run_sync(lambda: age if (age := _age(ledger)) > timedelta(milliseconds=20) else None)
        begun = time.monotonic()
        ledger.advance(lease, [evolve(INTEND, before=FulfillState.FULFILL_INTENT)])
        assert _age(ledger) < timedelta(seconds=time.monotonic() - begun) + older / 2

    def test_orders_in_one_state_are_found_alone_and_together_with_other_filters(self, ledger: Ledger) -> None:
        paths = {"1": (), "2": (INTEND,), "3": (INTEND,), "4": (INTEND, FULFIL), "5": (INTEND, DOUBT)}
        for number, steps in paths.items():
            ledger.advance(claim(ledger, OrderKey("acme", f"id-{number}"), number=number), steps, release=True)
        ledger.advance(claim(ledger, OrderKey("umbrella", "id-6")), [INTEND], release=True)
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

    def test_an_order_found_by_its_state_comes_with_its_items(self, ledger: Ledger) -> None:
        ledger.advance(claim(ledger, KEY), [SELECT, INTEND])
        assert only(ledger.find("acme", state=FulfillState.FULFILL_INTENT)).items.keys() == {"1"}

    def test_what_is_remembered_of_a_verdict_comes_back(self, ledger: Ledger) -> None:
        ledger.advance(claim(ledger, KEY), [evolve(SELECT, checks="digest")])
        assert only(ledger.find("acme")).items["1"].checks == "digest"

    def test_how_long_a_call_may_be_under_way_is_kept_by_the_steps_that_do_not_name_it(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, [evolve(INTEND, call_limit=timedelta(minutes=90, microseconds=1))])
        ledger.advance(lease, [DOUBT])
        found = only(ledger.find("acme"))
        assert found.call_limit == timedelta(minutes=90, microseconds=1)
        assert timedelta(minutes=89) < found.remaining_call_time <= found.call_limit

    def test_who_settled_an_order_is_remembered_until_its_next_step(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, [INTEND, DOUBT, evolve(REOPEN, settled_by="ann")])
        assert only(ledger.find("acme")).settled_by == "ann"
        ledger.advance(lease, [INTEND])
        assert only(ledger.find("acme")).settled_by == ""


def _age(ledger: Ledger) -> timedelta:
    return only(ledger.find("acme")).intent_age or NOW


# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what


class Forgetting:
    """When a ledger drops an order, and when it must not. Part of ``LedgerContract``."""

    def test_an_order_is_forgotten_after_enough_silent_passes_in_a_row(self, ledger: Ledger) -> None:
        settle(ledger, KEY)
        assert forget(ledger, silent_passes=2) == 0
        assert forget(ledger, KEY, silent_passes=2) == 0, "a pass that names it starts the count again"
        assert forget(ledger, silent_passes=2) == 0
        assert forget(ledger, silent_passes=2) == 1
        assert not list(ledger.find("acme"))

    def test_a_young_order_is_not_forgotten(self, ledger: Ledger) -> None:
        settle(ledger, KEY)
        assert forget(ledger, min_age=HOUR) == 0
        assert forget(ledger) == 1

    def test_an_old_order_that_was_named_lately_is_not_forgotten(self, ledger: Ledger) -> None:
        lately = timedelta(seconds=0.5)
        other = OrderKey("acme", "order-2")
        settle(ledger, KEY)
        settle(ledger, other)
        named = 0.0

        def name_one() -> int | None:
            nonlocal named
            named = time.monotonic()
            return forget(ledger, KEY, min_age=lately) or None

        assert run_sync(name_one) == 1, "the other order, as old and never named, is forgotten"
        dropped = forget(ledger, min_age=lately)
        in_time = time.monotonic() - named < lately.total_seconds()
        assert not (dropped and in_time)

    def test_a_pending_order_is_not_forgotten(self, ledger: Ledger) -> None:
        settle(ledger, KEY)
        assert forget(ledger, KEY) == 0
        assert ids(ledger.find("acme")) == {"order-1"}

    @pytest.mark.parametrize("steps", [[INTEND], [INTEND, DOUBT]], ids=["intent", "uncertain"])
    def test_an_unsettled_call_is_never_forgotten(self, ledger: Ledger, steps: Sequence[OrderStep]) -> None:
        ledger.advance(claim(ledger, KEY), steps, release=True)
        assert [forget(ledger) for _ in range(3)] == [0, 0, 0]

    def test_an_order_somebody_works_on_is_not_forgotten(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        assert forget(ledger) == 0
        ledger.advance(lease, [SELECT])

    def test_a_pass_of_one_tenant_does_not_count_for_another(self, ledger: Ledger) -> None:
        other = OrderKey("umbrella", "order-1")
        settle(ledger, KEY)
        settle(ledger, other)
        assert forget(ledger) == 1
        assert [record.key for record in ledger.find("umbrella")] == [other]

    def test_an_order_that_comes_after_many_passes_starts_its_own_count(self, ledger: Ledger) -> None:
        for _ in range(5):
            forget(ledger, silent_passes=3)
        settle(ledger, KEY)
        assert [forget(ledger, silent_passes=3) for _ in range(3)] == [0, 0, 1]

    def test_a_forgotten_order_starts_anew(self, ledger: Ledger) -> None:
        settle(ledger, KEY)
        forget(ledger)
        lease = claim(ledger, KEY)
        assert (lease.record.state, dict(lease.record.items)) == (FulfillState.OPEN, {})


# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what


ODD_TEXTS = ("'; DROP TABLE orders; --", '"%_?*[\\', "Größe 寿司 🖼 e\u0301", " spaced ", "null", "1" * 1000)


class LedgerContract(Finding, Forgetting):
    """Tests that every ledger must pass. Inherit it in a test module and return a new ledger from a fixture.

    For example::

        class TestMyLedger(LedgerContract):
            @pytest.fixture
            def ledger(self, tmp_path):
                return MyLedger(tmp_path / "ledger")

            @pytest.fixture
            def other_ledger(self, ledger, tmp_path):
                return MyLedger(tmp_path / "ledger")

    ``ledger`` must be empty. ``other_ledger`` is a second connection to the same data, as another process has it.
    Without it, the tests use one connection for both sides. No test sleeps longer than a lease of a few milliseconds.
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

    def test_a_fulfillment_leaves_its_receipt_and_reason(self, ledger: Ledger) -> None:
        ledger.advance(claim(ledger, KEY), [INTEND])
        ledger.advance(claim(ledger, KEY), [FULFIL])
        found = only(ledger.find("acme"))
        assert (found.state, found.receipt, found.reason) == (FulfillState.FULFILLED, "r-1", REASON)

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
        older = run_sync(lambda: age if (age := only(ledger.find("acme")).intent_age) and age > younger else None)
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
        with pytest.raises(ValueError, match="no transition"):
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
            lease, [ItemStep(item_number=text, before=None, after=ItemState.SELECTED, files=files, reason=Reason(text))]
        )
        for found in (only(ledger.find(text, order_ids=[text])), only(ledger.find(text, order_numbers=[text]))):
            assert (found.key, found.order_number) == (key, text)
            assert found.items[text] == ItemRecord(
                item_number=text, state=ItemState.SELECTED, files=files, reason=Reason(text)
            )

    def test_words_of_a_host_that_no_database_takes_do_not_stop_a_receipt(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, [INTEND])
        receipt = OrderStep(
            before=FulfillState.FULFILL_INTENT,
            after=FulfillState.FULFILLED,
            receipt="r\0\ud800",
            reason=Reason("shop_refused", {"error": "\0"}),
        )
        ledger.advance(lease, [receipt])
        ledger.advance(lease, [receipt])  # its answer was lost
        found = only(ledger.find("acme"))
        assert (found.state, found.receipt, found.reason) == (
            FulfillState.FULFILLED,
            "r??",
            Reason("shop_refused", {"error": "?"}),
        )

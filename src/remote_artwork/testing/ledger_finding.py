# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what
"""The part of the ledger's contract that is about finding orders, and what comes back of them."""

from __future__ import annotations

import time
from datetime import timedelta

from attrs import evolve

from remote_artwork.core.lifecycle import FulfillState, OrderKey
from remote_artwork.interfaces import Ledger
from remote_artwork.testing.ledger_words import (
    DOUBT,
    FULFIL,
    INTEND,
    KEY,
    NOW,
    REOPEN,
    SELECT,
    claim,
    ids,
    only,
    wait_for,
)


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
        older = wait_for(lambda: age if (age := _age(ledger)) > timedelta(milliseconds=20) else None)
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
        assert timedelta(minutes=89) < found.under_way_for <= found.call_limit

    def test_who_settled_an_order_is_remembered_until_its_next_step(self, ledger: Ledger) -> None:
        lease = claim(ledger, KEY)
        ledger.advance(lease, [INTEND, DOUBT, evolve(REOPEN, settled_by="ann")])
        assert only(ledger.find("acme")).settled_by == "ann"
        ledger.advance(lease, [INTEND])
        assert only(ledger.find("acme")).settled_by == ""


def _age(ledger: Ledger) -> timedelta:
    return only(ledger.find("acme")).intent_age or NOW

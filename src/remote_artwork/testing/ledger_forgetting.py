# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what
"""The part of the ledger's contract that is about forgetting."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

import pytest

from remote_artwork.core.lifecycle import FulfillState, OrderKey, OrderStep
from remote_artwork.interfaces import Ledger
from remote_artwork.testing.ledger_words import DOUBT, HOUR, INTEND, KEY, SELECT, claim, forget, ids, settle, wait_for


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

        assert wait_for(name_one) == 1, "the other order, as old and never named, is forgotten"
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

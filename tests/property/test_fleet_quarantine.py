"""The rules of quarantine, for any sequence of results."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from remote_artwork.core.reasons import reason
from remote_artwork.fleet import MerchantState, PassResult, PassStatus, Quarantine, last_slot
from remote_artwork.fleet.store import PassRules, start_pass

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 29, tzinfo=UTC)
DONE = PassResult(merchant="acme", status=PassStatus.DONE)
FAILED = PassResult(
    merchant="acme", status=PassStatus.FAILED, because=reason("storage_failed", error="down"), part="storage"
)
LEDGER_FAILED = evolve(FAILED, part="ledger")
quarantines = st.builds(Quarantine, after_failures=st.integers(1, 6), longest_wait=st.integers(1, 50))


def probes(rule: Quarantine, result: PassResult, slots: int, *, share: float = 0.0) -> list[int]:
    """The numbers of the slots in which a merchant is scanned whose passes all have this result."""
    state, scanned = MerchantState(merchant="acme"), []
    first = last_slot("acme", START)
    for number in range(slots):
        now = first + number * HOUR
        if state.refusal(now) is None:
            scanned.append(number)
            state = rule.after_pass(evolve(state, started_at=now), result, now, failing_share=share)
    return scanned


def test_a_merchant_that_fails_is_tried_less_and_less_often():
    assert probes(Quarantine(), FAILED, 100) == [0, 1, 2, 3, 5, 9, 17, 33, 57, 81]


def test_a_merchant_that_does_not_fail_is_scanned_in_every_slot():
    assert probes(Quarantine(), DONE, 100) == list(range(100))


def test_a_failure_of_the_ledger_puts_nobody_into_quarantine():
    assert probes(Quarantine(), LEDGER_FAILED, 20) == list(range(20))


def test_a_cause_that_many_share_puts_nobody_into_quarantine():
    assert probes(Quarantine(), FAILED, 20, share=0.3) == list(range(20))
    assert probes(Quarantine(shared_cause=0.5), FAILED, 20, share=0.3) == [0, 1, 2, 3, 5, 9, 17]


@given(quarantines, st.integers(1, 300))
def test_a_quarantine_begins_after_the_failures_and_its_waits_are_bounded(rule, slots):
    scanned = probes(rule, FAILED, slots)
    early = list(range(min(slots, rule.after_failures)))
    assert scanned[: len(early)] == early
    waits = [later - earlier for earlier, later in pairwise(scanned)]
    assert waits == sorted(waits)
    assert all(1 <= wait <= rule.longest_wait for wait in waits)


@given(
    quarantines, st.lists(st.sampled_from([DONE, FAILED, LEDGER_FAILED]), max_size=30), st.timedeltas(HOUR, 3 * HOUR)
)
def test_a_quarantined_merchant_is_probed_at_most_once_a_slot_and_leaves_by_a_success(rule, results, step):
    state, now, slots = MerchantState(merchant="acme"), START, []
    for result in results:
        before = state
        if state.is_quarantined and state.refusal(now) is None:
            slots.append(last_slot("acme", now))
        if state.refusal(now) is None:
            state = rule.after_pass(evolve(state, started_at=now), result, now)
            counted = result is FAILED
            assert state.failures == (0 if result is DONE else before.failures + counted)
            assert not (result is DONE and state.is_quarantined)
            assert state.is_quarantined == (state.next_probe is not None)
            if state.next_probe is not None:
                assert state.next_probe > now
                assert state.next_probe == last_slot("acme", state.next_probe)
        now += step
    assert len(slots) == len(set(slots))


def test_a_merchant_whose_passes_are_lost_gets_into_quarantine():
    state, now, refusals = MerchantState(merchant="acme"), START, []
    for _ in range(5):
        state, refusal = start_pass(
            state,
            now,
            owner="a worker that dies",
            lease_for=timedelta(minutes=10),
            rules=PassRules(),
            at_slot=True,
            failing_share=lambda: 0.0,
        )
        refusals.append(refusal)
        now += timedelta(minutes=11)
    assert refusals == [None, None, None, PassStatus.QUARANTINED, PassStatus.QUARANTINED]
    assert state.because is not None
    assert state.because.code == "merchant_pass_lost"
    assert state.failures == 3


def test_a_success_forgets_the_failures_and_keeps_what_the_scan_found():
    state = MerchantState(merchant="acme")
    for result in (FAILED, FAILED, FAILED, evolve(DONE, needs_person={"late": 2}, oldest_pending=START)):
        state = Quarantine().after_pass(state, result, START)
    assert (state.failures, state.quarantined_at, state.next_probe, state.reason) == (0, None, None, "")
    assert (state.needs_person, state.oldest_pending, state.succeeded_at) == (2, START, START)
    failed = Quarantine().after_pass(state, FAILED, START + HOUR)
    assert (failed.needs_person, failed.oldest_pending, failed.reason) == (2, START, "down")

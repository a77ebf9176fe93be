"""The send decision, case by case. The table in docs/explanation/sending_once.md shows the same cases."""

from datetime import timedelta

import pytest
from attrs import evolve

from remote_artwork.core.lifecycle import FulfillState, OrderKey, OrderRecord
from remote_artwork.core.orders import Order, OrderItem, OrderState, Recovery
from remote_artwork.core.report import ItemStatus
from remote_artwork.core.sending import (
    Action,
    CallState,
    FulfillCalls,
    after_lost_answer,
    before_sending,
    fulfiller,
    refusal_resolves,
    resolve_unknown_call,
)

KEY = OrderKey("acme", "1001")
ORDER = Order("1001", [OrderItem("1")])
LIMIT = timedelta(minutes=2)
OVER, RUNNING = timedelta(minutes=3), timedelta(minutes=1)
RECORD = OrderRecord(
    key=KEY, order_number="1001", state=FulfillState.FULFILL_INTENT, work=ORDER.work, intent_age=OVER, call_limit=LIMIT
)
EDITED = Order("1001", [OrderItem("1"), OrderItem("2")])
FULFILLED, CANCELLED, OTHER = (evolve(ORDER, state=OrderState(state)) for state in ("fulfilled", "cancelled", "other"))
SENT_BY_US = evolve(OTHER, fulfillment_key=KEY.fulfillment_key)
PUT_BACK = evolve(ORDER, fulfillment_key=KEY.fulfillment_key)
CANCELLED_BY_SHOP = evolve(CANCELLED, fulfillment_key=KEY.fulfillment_key)
IDEMPOTENT, QUERYABLE, NONE = Recovery.IDEMPOTENT, Recovery.QUERYABLE, Recovery.NONE


def resolve(order, recovery, *, age=OVER, listed=True, same_files=None):
    record = evolve(RECORD, intent_age=age)
    return resolve_unknown_call(
        record, order, recovery=recovery, call_limit=LIMIT, listed=listed, same_files=same_files
    )


@pytest.mark.parametrize(
    ("order", "recovery", "more", "action", "code"),
    [
        (evolve(ORDER, approval="2"), QUERYABLE, {}, "needs_person", "approved_again_in_doubt"),
        (FULFILLED, QUERYABLE, {}, "record_fulfilled", "fulfilled_after_lost_answer"),
        (FULFILLED, NONE, {}, "record_fulfilled", "fulfilled_after_lost_answer"),
        (
            evolve(OTHER, fulfillment_key=KEY.fulfillment_key),
            NONE,
            {},
            "record_fulfilled",
            "fulfilled_after_lost_answer",
        ),
        (PUT_BACK, QUERYABLE, {}, "needs_person", "sent_and_put_back"),
        (PUT_BACK, IDEMPOTENT, {}, "needs_person", "sent_and_put_back"),
        (PUT_BACK, NONE, {}, "needs_person", "sent_and_put_back"),
        (CANCELLED_BY_SHOP, QUERYABLE, {}, "needs_person", "sent_and_put_back"),
        (ORDER, NONE, {}, "needs_person", "call_started_outcome_unknown"),
        (None, NONE, {}, "needs_person", "call_started_outcome_unknown"),
        (EDITED, QUERYABLE, {}, "needs_person", "order_edited_in_doubt"),
        (EDITED, IDEMPOTENT, {}, "needs_person", "order_edited_in_doubt"),
        (ORDER, QUERYABLE, {"listed": False}, "wait", "not_listed_in_doubt"),
        (ORDER, IDEMPOTENT, {"listed": False}, "wait", "not_listed_in_doubt"),
        (ORDER, QUERYABLE, {"age": RUNNING}, "wait", "call_in_flight"),
        (ORDER, QUERYABLE, {"age": None}, "wait", "call_in_flight"),
        (ORDER, IDEMPOTENT, {"age": RUNNING}, "check_files", None),
        (ORDER, QUERYABLE, {}, "check_files", None),
        (ORDER, QUERYABLE, {"same_files": True}, "resend", None),
        (ORDER, IDEMPOTENT, {"same_files": True}, "resend", None),
        (ORDER, QUERYABLE, {"same_files": False}, "reopen", "call_had_no_effect"),
        (ORDER, IDEMPOTENT, {"same_files": False}, "needs_person", "file_replaced_in_doubt"),
        (CANCELLED, QUERYABLE, {"age": RUNNING}, "wait", "call_in_flight"),
        (CANCELLED, QUERYABLE, {}, "cancel", "cancelled_not_fulfilled"),
        (CANCELLED, IDEMPOTENT, {}, "cancel", "cancelled_not_fulfilled"),
        (OTHER, QUERYABLE, {"age": RUNNING}, "wait", "call_in_flight"),
        (OTHER, QUERYABLE, {}, "needs_person", "state_unclear_in_doubt"),
        (None, QUERYABLE, {"age": RUNNING}, "wait", "call_in_flight"),
        (None, IDEMPOTENT, {}, "needs_person", "order_gone_in_doubt"),
    ],
)
def test_an_unknown_call_is_resolved_by_what_the_shop_says(order, recovery, more, action, code):
    decision = resolve(order, recovery, **more)
    assert (decision.action, decision.because and decision.because.code) == (action, code)


def test_a_call_is_waited_for_as_long_as_the_client_promised_that_made_it():
    record = evolve(RECORD, intent_age=timedelta(minutes=30), call_limit=timedelta(hours=1))
    decision = resolve_unknown_call(record, None, recovery=QUERYABLE, call_limit=LIMIT, listed=True)
    assert decision.action is Action.WAIT
    assert decision.because.details == {"call_limit": 3600.0}


@pytest.mark.parametrize(
    ("state", "order", "same_work", "was_started", "action", "code"),
    [
        ("open", ORDER, True, False, "send", None),
        ("fulfill_intent", ORDER, True, True, "send", None),
        ("open", ORDER, False, False, "wait", "order_changed"),
        ("fulfill_intent", ORDER, False, True, "wait", "order_changed_in_doubt"),
        ("fulfill_intent", CANCELLED, True, True, "wait", "order_changed_in_doubt"),
        ("fulfill_intent", None, False, True, "wait", "order_changed_in_doubt"),
        ("open", None, False, False, "cancel", "order_gone"),
        ("open", FULFILLED, True, False, "cancel", "fulfilled_elsewhere"),
        ("open", FULFILLED, True, True, "record_fulfilled", "fulfilled_after_earlier_call"),
        ("fulfill_intent", FULFILLED, True, True, "record_fulfilled", "fulfilled_after_earlier_call"),
        ("open", evolve(FULFILLED, approval="second"), False, True, "cancel", "fulfilled_elsewhere"),
        ("fulfill_intent", evolve(FULFILLED, approval="second"), False, True, "wait", "order_changed_in_doubt"),
        ("open", PUT_BACK, True, False, "needs_person", "sent_and_put_back"),
        ("open", PUT_BACK, True, True, "needs_person", "sent_and_put_back"),
        ("open", CANCELLED_BY_SHOP, True, True, "needs_person", "sent_and_put_back"),
        ("open", evolve(PUT_BACK, fulfillment_key="another"), True, False, "send", None),
        ("open", CANCELLED, True, False, "cancel", "no_longer_pending"),
        ("open", OTHER, True, True, "cancel", "no_longer_pending"),
    ],
)
def test_an_order_is_sent_only_as_it_was_matched(state, order, same_work, was_started, action, code):
    record = evolve(RECORD, state=FulfillState(state), intent_age=OVER if was_started else None)
    decision = before_sending(record, order, same_work=same_work)
    assert (decision.action, decision.because and decision.because.code) == (action, code)


def test_an_order_that_changed_before_any_call_waits_for_the_next_scan():
    record = evolve(RECORD, state=FulfillState.OPEN, intent_age=None)
    decision = before_sending(record, ORDER, same_work=False)
    assert decision.status is ItemStatus.SETTLING


@pytest.mark.parametrize(("recovery", "action"), [(IDEMPOTENT, "wait"), (QUERYABLE, "wait"), (NONE, "needs_person")])
def test_after_a_lost_answer_only_a_client_without_recovery_needs_a_person(recovery, action):
    assert after_lost_answer(recovery, "timeout").action == action


@pytest.mark.parametrize(("key", "word"), [(None, "unknown"), (KEY.fulfillment_key, "ours"), ("another", "other")])
def test_the_shops_word_says_who_fulfilled_an_order(key, word):
    assert fulfiller(evolve(FULFILLED, fulfillment_key=key), KEY) == f"fulfiller_{word}"


def test_the_states_of_a_call_say_whether_it_may_have_had_its_effect():
    calls = FulfillCalls.of(evolve(RECORD, state=FulfillState.OPEN))
    assert (calls.may_have_effect, calls.in_doubt) == (False, False)
    assert (calls.started().may_have_effect, calls.started().in_doubt) == (True, True)
    refused, unknown, confirmed = (
        calls.started().ended(state) for state in (CallState.REFUSED, CallState.UNKNOWN, CallState.CONFIRMED)
    )
    assert (refused.may_have_effect, refused.in_doubt) == (False, False)
    assert (unknown.may_have_effect, unknown.in_doubt) == (True, True)
    assert (confirmed.may_have_effect, confirmed.in_doubt) == (True, False)


def test_an_earlier_call_stays_in_doubt_until_the_shop_shows_that_it_had_no_effect():
    calls = FulfillCalls.of(RECORD)
    assert calls.in_doubt
    assert not calls.may_have_effect
    assert not calls.earlier_had_no_effect().in_doubt


@pytest.mark.parametrize("not_pending", [True, False])
def test_a_refusal_resolves_nothing_while_another_call_is_in_doubt(not_pending):
    assert not refusal_resolves(FulfillCalls.of(RECORD), RECORD, order_not_pending=not_pending)


def test_not_pending_in_answer_to_a_repeat_may_be_the_effect_of_the_first_call():
    calls = FulfillCalls.of(RECORD).earlier_had_no_effect()
    assert not refusal_resolves(calls, RECORD, order_not_pending=True)
    assert refusal_resolves(calls, RECORD, order_not_pending=False)
    assert refusal_resolves(FulfillCalls(), evolve(RECORD, state=FulfillState.OPEN), order_not_pending=True)


def test_a_person_who_records_that_nothing_was_sent_permits_one_further_call():
    released = evolve(RECORD, state=FulfillState.OPEN, settled_by="ann")
    assert before_sending(released, PUT_BACK, same_work=True).action is Action.SEND

"""The send decision: may this order be sent, may it be sent again, or does it wait?

An order must be fulfilled once, and the answer of a call can be lost. Everything that decides whether another call is
allowed is in this module. It does no I/O: the caller reads the ledger, the shop and the storage, and does what a
``Decision`` says. ``docs/explanation/sending_once.md`` draws the cases as a table.
"""

from __future__ import annotations

import enum
from datetime import timedelta

from attrs import frozen

from remote_artwork.core.lifecycle import FulfillState, OrderKey, OrderRecord
from remote_artwork.core.orders import Order, OrderState, Recovery
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import ItemStatus


class CallState(enum.StrEnum):
    """What is known of a ``fulfill`` call."""

    NEVER_CALLED = "never_called"
    IN_FLIGHT = "in_flight"
    REFUSED = "refused"
    """The shop refused it, so it had no effect."""
    UNKNOWN = "unknown"
    """It may have had its effect: the answer was lost, or the process ended during the call."""
    CONFIRMED = "confirmed"


_MAY_HAVE_EFFECT = frozenset({CallState.IN_FLIGHT, CallState.UNKNOWN, CallState.CONFIRMED})


@frozen(kw_only=True)
class FulfillCalls:
    """The ``fulfill`` calls of one order, as one value.

    Args:
        earlier: The call of an earlier scan. ``UNKNOWN`` when the ledger holds an intent without a receipt.
        current: The call of this scan.
    """

    earlier: CallState = CallState.NEVER_CALLED
    current: CallState = CallState.NEVER_CALLED

    @classmethod
    def of(cls, record: OrderRecord) -> FulfillCalls:
        """The calls at the start of a scan, by the ledger's row."""
        unresolved = record.state is FulfillState.FULFILL_INTENT
        return cls(earlier=CallState.UNKNOWN if unresolved else CallState.NEVER_CALLED)

    @property
    def may_have_effect(self) -> bool:
        """Whether a call of this scan had its effect, or may have had it."""
        return self.current in _MAY_HAVE_EFFECT

    @property
    def in_doubt(self) -> bool:
        """Whether the outcome of some call, of this scan or an earlier one, is unknown."""
        unknown = (CallState.UNKNOWN, CallState.IN_FLIGHT)
        return self.earlier in unknown or self.current in unknown

    def started(self) -> FulfillCalls:
        """A call begins."""
        return FulfillCalls(earlier=self.earlier, current=CallState.IN_FLIGHT)

    def ended(self, state: CallState) -> FulfillCalls:
        """The call of this scan ended. A refusal says nothing about a call before it."""
        return FulfillCalls(earlier=self.earlier, current=state)

    def earlier_had_no_effect(self) -> FulfillCalls:
        """The shop has shown that the earlier call had no effect."""
        return FulfillCalls(earlier=CallState.REFUSED, current=self.current)


class Action(enum.StrEnum):
    """What is done about an order."""

    SEND = "send"
    """Send it."""
    RESEND = "resend"
    """Send it again with the same idempotency key and the same files."""
    CHECK_FILES = "check_files"
    """Read from the storage whether the files are those of the earlier call, then decide again."""
    REOPEN = "reopen"
    """Record that the earlier call had no effect; the next scan sends the order."""
    WAIT = "wait"
    """Do nothing now; a later scan decides."""
    RECORD_FULFILLED = "record_fulfilled"
    """Record the receipt; send nothing."""
    CANCEL = "cancel"
    """Record that the order is not to be sent."""
    NEEDS_PERSON = "needs_person"
    """Record that a person must find out in the shop what happened; nothing is sent until then."""


@frozen
class Decision:
    """One decision, its reason, and the status of the order's items while it waits."""

    action: Action
    because: Reason | None = None
    status: ItemStatus = ItemStatus.UNCERTAIN


def fulfiller(order: Order | None, key: OrderKey) -> str:
    """Who fulfilled an order according to the shop, as a word of the catalog."""
    if order is None or order.fulfillment_key is None:
        return "fulfiller_unknown"
    return "fulfiller_ours" if carries_our_key(order, key) else "fulfiller_other"


def resolve_unknown_call(  # noqa: C901, PLR0911 - each case returns its decision
    record: OrderRecord,
    order: Order | None,
    *,
    recovery: Recovery,
    call_limit: timedelta,
    listed: bool,
    other_approval_in_doubt: bool = False,
    same_files: bool | None = None,
) -> Decision:
    """What to do about an order whose earlier ``fulfill`` call has no recorded outcome.

    Args:
        record: The ledger's row, in state ``fulfill_intent``.
        order: The order as the shop has it now; None when the shop does not know it.
        recovery: What the client promises about a repeated call.
        call_limit: The longest a call may be in flight, where the row does not say it.
        listed: Whether the shop's list of pending orders included the order in this scan.
        other_approval_in_doubt: Whether the outcome of a call for another approval of the order is unknown.
        same_files: Whether the files are those of the earlier call; None when that was not read yet.
    """
    promised = record.call_limit or call_limit
    in_flight = record.intent_age is None or record.intent_age < promised
    still_running = Decision(Action.WAIT, reason("call_in_flight", call_limit=promised.total_seconds()))
    if order is not None and order.approval != record.key.approval:
        return Decision(Action.NEEDS_PERSON, reason("approved_again_in_doubt"))
    if order is not None and _is_fulfilled(order, record.key):
        who = fulfiller(order, record.key)
        return Decision(Action.RECORD_FULFILLED, reason("fulfilled_after_lost_answer", fulfiller=who))
    if order is not None and carries_our_key(order, record.key):
        return Decision(Action.NEEDS_PERSON, reason("sent_and_put_back", state=str(order.state)))
    if recovery is Recovery.NONE:
        return Decision(Action.NEEDS_PERSON, reason("call_started_outcome_unknown"))
    if order is not None and order.state is OrderState.PENDING:
        if order.work != record.work:
            return Decision(Action.NEEDS_PERSON, reason("order_edited_in_doubt"))
        if not listed:
            return Decision(Action.WAIT, reason("not_listed_in_doubt"))
        if recovery is not Recovery.IDEMPOTENT and in_flight:
            return still_running
        if other_approval_in_doubt:
            return Decision(Action.WAIT, reason("earlier_approval_unresolved"))
        return _resend(recovery, same_files=same_files)
    if in_flight:
        return still_running
    if order is not None and order.state is OrderState.CANCELLED:
        return Decision(Action.CANCEL, reason("cancelled_not_fulfilled"))
    code = "order_gone_in_doubt" if order is None else "state_unclear_in_doubt"
    return Decision(Action.NEEDS_PERSON, reason(code))


def carries_our_key(order: Order, key: OrderKey) -> bool:
    """Whether the shop shows this approval's idempotency key: then a call of this library had its effect.

    A client reports a key only when the shop wrote it together with the effect, or after it.
    """
    return order.fulfillment_key == key.fulfillment_key


def _is_fulfilled(order: Order, key: OrderKey) -> bool:
    """Whether the shop reports it as fulfilled, or has processed an order further that carries our key."""
    processed_further = order.state is OrderState.OTHER and carries_our_key(order, key)
    return order.state is OrderState.FULFILLED or processed_further


def _resend(recovery: Recovery, *, same_files: bool | None) -> Decision:
    if same_files is None:
        return Decision(Action.CHECK_FILES)
    if same_files:
        return Decision(Action.RESEND)
    if recovery is Recovery.IDEMPOTENT:  # the shop may keep the files of the first call
        return Decision(Action.NEEDS_PERSON, reason("file_replaced_in_doubt"))
    return Decision(Action.REOPEN, reason("call_had_no_effect"), ItemStatus.MATCHED)


def resolve_unknown_attach(record: OrderRecord, order: Order | None) -> Decision:  # noqa: PLR0911 - one for each case
    """What to do about an order that does not wait any more, after an attach call without a known outcome.

    The call itself may be the cause: a shop may be unable to end its own edit of the order. An attach call prints
    nothing, so the order is sent once the shop lists it as pending again.

    Args:
        record: The ledger's row, with ``attach_unresolved``.
        order: The order as the shop has it now; None when the shop does not know it.
    """
    if order is None:
        return Decision(Action.NEEDS_PERSON, reason("order_gone_after_attach"))
    if order.approval != record.key.approval:
        return Decision(Action.CANCEL, reason("approved_again_after_attach"))
    who = fulfiller(order, record.key)
    if order.state is OrderState.FULFILLED and (record.intent_age is not None or carries_our_key(order, record.key)):
        return Decision(Action.RECORD_FULFILLED, reason("fulfilled_after_earlier_call", fulfiller=who))
    if order.state is OrderState.FULFILLED:
        return Decision(Action.NEEDS_PERSON, reason("fulfilled_after_attach", fulfiller=who))
    if order.state is OrderState.CANCELLED:
        return Decision(Action.CANCEL, reason("cancelled_not_fulfilled"))
    if order.state is OrderState.PENDING:
        return Decision(Action.WAIT, reason("not_listed_after_attach"))
    return Decision(Action.WAIT, reason("not_pending_after_attach", state=str(order.state)))


def before_sending(  # noqa: PLR0911 - each case returns its decision
    record: OrderRecord, order: Order | None, *, same_work: bool, attach_in_doubt: bool = False
) -> Decision:
    """Whether an order that was matched may be attached or sent, by the order as it was read just before.

    Args:
        record: The ledger's row, as it is now.
        order: The order as the shop has it now; None when the shop does not know it.
        same_work: Whether the order asks for the same work as the one that was matched.
        attach_in_doubt: Whether the outcome of an attach call is unknown.
    """
    key, was_started = record.key, record.intent_age is not None
    state = None if order is None else order.state
    this_approval = order is not None and order.approval == key.approval
    as_expected = (state is OrderState.FULFILLED and this_approval) or (state is OrderState.PENDING and same_work)
    if record.state is FulfillState.FULFILL_INTENT and not as_expected:
        return Decision(Action.WAIT, reason("order_changed_in_doubt"))
    if attach_in_doubt and state is not OrderState.PENDING:
        return resolve_unknown_attach(record, order)
    if state is None:
        return Decision(Action.CANCEL, reason("order_gone"))
    if state is OrderState.FULFILLED and was_started and this_approval:
        who = fulfiller(order, key)
        return Decision(Action.RECORD_FULFILLED, reason("fulfilled_after_earlier_call", fulfiller=who))
    if state is OrderState.FULFILLED:
        return Decision(Action.CANCEL, reason("fulfilled_elsewhere", fulfiller=fulfiller(order, key)))
    released = record.state is FulfillState.OPEN and record.settled_by  # a person recorded: not sent
    if order is not None and carries_our_key(order, key) and not released:
        return Decision(Action.NEEDS_PERSON, reason("sent_and_put_back", state=str(state)))
    if state is not OrderState.PENDING:
        return Decision(Action.CANCEL, reason("no_longer_pending", state=str(state)))
    if not same_work:
        return Decision(Action.WAIT, reason("order_changed"), ItemStatus.SETTLING)
    return Decision(Action.SEND)


def after_lost_answer(recovery: Recovery, error: str) -> Decision:
    """What follows a ``fulfill`` call of this scan whose outcome is unknown."""
    match recovery:
        case Recovery.NONE:
            return Decision(Action.NEEDS_PERSON, reason("outcome_unknown", error=error))
        case Recovery.IDEMPOTENT:
            return Decision(Action.WAIT, reason("outcome_unknown_will_retry", error=error))
        case Recovery.QUERYABLE:
            return Decision(Action.WAIT, reason("outcome_unknown_will_ask", error=error))


def refusal_resolves(calls: FulfillCalls, record: OrderRecord, *, order_not_pending: bool) -> bool:
    """Whether a refused ``fulfill`` call shows that the order was not fulfilled.

    It does not while another call is in doubt. Nor does "not pending" or "gone" in answer to a repeat: that may be the
    effect of the first call.
    """
    repeated = record.state is FulfillState.FULFILL_INTENT
    return not (calls.in_doubt or (repeated and order_not_pending))

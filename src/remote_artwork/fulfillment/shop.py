"""Every call of the shop's client about one order, and what each answer means for the order."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import TypeVar

from attrs import evolve, frozen

from remote_artwork.client import attacher
from remote_artwork.core.lifecycle import FulfillState, ItemState, Step
from remote_artwork.core.orders import ArtworkByItem, Order, Recovery
from remote_artwork.core.planner import ItemPlan, order_waits, resolve_note
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.core.sending import (
    Action,
    CallState,
    Decision,
    after_lost_answer,
    before_sending,
    fulfiller,
    refusal_resolves,
)
from remote_artwork.core.text import redact_error
from remote_artwork.errors import (
    AlreadyFulfilled,
    ArtworkRejected,
    ArtworkUnreachable,
    AuthenticationFailed,
    ClientError,
    NotPending,
    OrderGone,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    RemoteArtworkError,
    Unavailable,
)
from remote_artwork.fulfillment.artwork import ArtworkFiles
from remote_artwork.fulfillment.session import Dependencies, OrderSession, Stop
from remote_artwork.retry import RetryPolicy

log: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")


def _answer_problem(answer: object) -> OutcomeUnknown | None:
    """The error for an answer that does not show that the method did its work; None if it shows that."""
    if answer is None or isinstance(answer, str | Order) or (isinstance(answer, int) and answer > 0):
        return None
    kind = type(answer).__name__
    if _is_unfinished(answer):
        if iscoroutine(answer):
            answer.close()  # it never runs, and Python would warn about it
        return OutcomeUnknown(
            f"the client's method returned a {kind}, not a result; make it wait for the result itself"
        )
    shown = repr(answer) if isinstance(answer, int | float) else f"a value of the type {kind}"
    return OutcomeUnknown(
        f"the client's method returned {shown}, which may mean that it failed; return a receipt as text, or None, and "
        "make the method raise an error if it fails"
    )


def _receipt_text(answer: object) -> str | None:
    """The receipt in an answer that shows success. True is success without a receipt."""
    return None if answer is None or isinstance(answer, bool) else str(answer)


def _is_unfinished(answer: object) -> bool:
    """Whether the method returned before its work was done, and perhaps before it began."""
    return isawaitable(answer) or callable(answer) or isinstance(answer, Iterator | AsyncIterator | Future)


_ONCE = RetryPolicy(attempts=1)
_SHOP_IS_DOWN = (RateLimited, Unavailable, AuthenticationFailed)
"""Errors that say more about the shop than about one order."""


@frozen
class ShopSession:
    """The shop's side of one order."""

    services: Dependencies
    session: OrderSession
    files: ArtworkFiles

    def attach(self, plan: ItemPlan, *, again: bool) -> bool:
        """Attach one item's checked files. Returns whether they are attached now.

        Args:
            plan: The item.
            again: Attach also when the ledger says that an earlier scan did. A late call of a scan that lost its lease,
                or one that timed out, may have set an older file since.

        Raises:
            Stop: The order or the shop cannot be used; the outcomes say why.
        """
        number, session = plan.number, self.session
        row = session.rows[number]
        if row.state is ItemState.ATTACHED and not again:
            return True
        try:
            artworks = self.files.artworks(plan)
        except RemoteArtworkError as error:
            self._report_missing_url(error, [plan])
            return False
        key = session.plan.key.attachment_key(number, row.files)
        send = partial(
            attacher(self.services.client).attach_artwork, session.plan.order, plan.item, artworks, idempotency_key=key
        )
        try:
            self._call(send, self.services.retry, intend=partial(self._intend_attach, number))
        except OutcomeUnknown as error:
            session.set_outcome(number, ItemStatus.UNCERTAIN, reason("attach_outcome_unknown", error=str(error)))
            return False
        except ClientError as error:
            session.advance(session.item_step(number, ItemState.VERIFIED))
            if session.state is FulfillState.FULFILL_INTENT:
                raise self._retry_refused(error) from error
            self._report_refusal(error, items=[plan])
            return False
        session.advance(session.item_step(number, ItemState.ATTACHED))
        session.attaching = None
        because = reason("attached", files=[file.name for file in row.files])
        waits = [note for note in plan.notes if note.code == "order_waits"]
        session.set_outcome(number, ItemStatus.ATTACHED, because, notes=waits, now=True)
        return True

    def _intend_attach(self, number: str) -> None:
        session = self.session
        recorded = session.rows[number].state is ItemState.ATTACH_INTENT
        session.advance(*[] if recorded else [session.item_step(number, ItemState.ATTACH_INTENT)])
        session.attaching = number

    def read_again(self) -> Order:
        """The order as the shop has it now, when it may be sent.

        Raises:
            Stop: It may not be sent: it changed, is gone, or is fulfilled already.
        """
        order, session = self.look_up(), self.session
        positions = self.services.positions_matter
        decision = before_sending(
            evolve(session.lease.record, state=session.state),
            order,
            same_work=order is not None and session.plan.order.same_work(order, positions=positions),
        )
        if order is not None and decision.action is Action.SEND:
            return order
        calls = (Action.RECORD_FULFILLED, Action.NEEDS_PERSON)
        if order is not None and decision.action in calls and session.state is FulfillState.OPEN:
            session.advance(session.order_step(FulfillState.FULFILL_INTENT, work=order.work))
        self.carry_out(decision)
        raise Stop

    def carry_out(self, decision: Decision) -> None:
        """Carry out a decision that sends nothing."""
        because = decision.because or reason("call_unresolved")
        match decision.action:
            case Action.RECORD_FULFILLED:
                self.record_fulfilled(None, because)
            case Action.CANCEL:
                self.cancel(because)
            case Action.NEEDS_PERSON:
                self.mark_uncertain(because)
            case Action.REOPEN:
                self.session.advance(self.session.order_step(FulfillState.OPEN, reason=because))
                self.session.set_required(decision.status, because)
            case _:
                self.session.set_required(decision.status, because)

    def fulfill(self, order: Order) -> None:
        """Send the order, once: the ledger holds the intent before the call and the receipt after it.

        Raises:
            Stop: The shop did not confirm; the outcomes say why.
        """
        session = self.session
        try:
            artworks = {plan.number: self.files.artworks(plan) for plan in session.required}
        except RemoteArtworkError as error:
            self._report_missing_url(error, session.required)
            raise Stop from error
        retry = self.services.retry if self.services.client.recovery is Recovery.IDEMPOTENT else _ONCE
        try:
            receipt = self._call(
                partial(self._send, order, artworks), retry, intend=partial(self._intend_fulfill, order)
            )
        except OutcomeUnknown as error:
            session.advance()  # a scan that took over the order may have given this call up
            self.carry_out(after_lost_answer(self.services.client.recovery, str(error)))
            raise Stop from error
        except AlreadyFulfilled as error:
            who = fulfiller(self.look_up(), session.plan.key)
            self.record_fulfilled(None, reason("already_fulfilled", fulfiller=who))
            raise Stop from error
        except ClientError as error:
            not_pending = isinstance(error, NotPending | OrderGone)
            if not refusal_resolves(session.calls, session.lease.record, order_not_pending=not_pending):
                raise self._retry_refused(error) from error
            session.advance(session.order_step(FulfillState.OPEN, reason=reason("shop_refused", error=str(error))))
            self._report_refusal(error, items=session.required)
            raise Stop from error
        session.receipt = _receipt_text(receipt)
        self.record_fulfilled(session.receipt)

    def _intend_fulfill(self, order: Order) -> None:
        limit = self.services.client.call_limit
        self.session.advance(self.session.order_step(FulfillState.FULFILL_INTENT, work=order.work, call_limit=limit))

    def _send(self, order: Order, artworks: ArtworkByItem) -> str | None:
        session = self.session
        before, session.calls = session.calls, session.calls.started()
        key = session.plan.key.fulfillment_key
        try:
            receipt = self.services.client.fulfill(order, artworks, idempotency_key=key)
        except OutcomeUnknown:
            session.calls = session.calls.ended(CallState.UNKNOWN)
            raise
        except ClientError:
            session.calls = before if before.in_doubt else session.calls.ended(CallState.REFUSED)
            raise
        session.calls = session.calls.ended(CallState.CONFIRMED)
        return receipt

    def _call(self, function: Callable[[], T], retry: RetryPolicy, *, intend: Callable[[], None] | None = None) -> T:
        """Call the client. Any exception that is not a client error leaves the outcome unknown.

        Args:
            function: The call.
            retry: How it is retried.
            intend: For a call with an effect: the last write to the ledger before each attempt, which also checks that
                this scan still holds the lease.

        Raises:
            ClientError: The shop's answer, or ``OutcomeUnknown``.
            LedgerError: The intent is not recorded, or the lease is lost; the call was not made.
        """
        session = self.session

        def attempt() -> T:
            if intend is not None:
                intend()
            session.unanswered = None
            try:
                answer = function()
            except ClientError as error:
                session.attaching = None
                session.answered.add("client")  # if the error means that the shop is down, it is also in failures
                session.unanswered = error if isinstance(error, OutcomeUnknown) else None
                raise
            except Exception as error:
                session.attaching = None
                log.exception("client_raised", extra={"order_id": session.plan.order.id}, exc_info=redact_error(error))
                session.unanswered = OutcomeUnknown(f"{type(error).__name__}: {error}")
                raise session.unanswered from error
            if problem := _answer_problem(answer):
                session.unanswered = problem
                raise problem
            session.answered.add("client")
            return answer

        return retry.call(attempt, on=ClientError)

    def record_fulfilled(self, receipt: str | None, how: Reason | None = None) -> None:
        """Record the receipt. The same write marks every checked item as attached.

        Args:
            receipt: What the shop returned.
            how: How it is known that the order is fulfilled, when this scan's own call did not say so.
        """
        session = self.session
        steps: list[Step] = [
            session.item_step(number, ItemState.ATTACHED)
            for number, row in session.rows.items()
            if row.state in (ItemState.VERIFIED, ItemState.ATTACH_INTENT)
        ]
        session.advance(*steps, session.order_step(FulfillState.FULFILLED, receipt=receipt, reason=how))
        for plan in session.required:
            row = session.rows.get(plan.number)
            because = how or reason("fulfilled", files=[file.name for file in row.files] if row else [])
            session.set_outcome(plan.number, ItemStatus.FULFILLED, because, receipt=receipt, now=True)

    def look_up(self) -> Order | None:
        """The order as the shop has it now; None when the shop does not know it.

        Raises:
            Stop: The shop could not be asked.
        """
        try:
            return self._call(self._get_order, self.services.retry)
        except OrderGone:
            return None
        except ClientError as error:
            self.session.failures.append(error)
            sent = self.session.state is not FulfillState.OPEN
            status = ItemStatus.UNCERTAIN if sent else ItemStatus.FAILED
            raise self.session.stop(status, reason("order_not_read", error=str(error))) from error

    def _get_order(self) -> Order:
        order_id = self.session.plan.order.id
        order = self.services.client.get_order(order_id)
        if not isinstance(order, Order):
            raise OutcomeUnknown(f"get_order returned {type(order).__name__}, not an Order")
        if order.id != order_id:
            raise OutcomeUnknown(f"get_order was asked for the order {order_id!r} and returned {order.id!r}")
        return order

    def cancel(self, because: Reason) -> None:
        """End the order in the ledger, and set the outcomes of its items."""
        if self.session.state in (FulfillState.OPEN, FulfillState.FULFILL_INTENT):
            self.session.advance(self.session.order_step(FulfillState.CANCELLED, reason=because))
        self.session.set_required(ItemStatus.CANCELLED, because)

    def mark_uncertain(self, because: Reason) -> None:
        """Mark the order uncertain in the ledger, and say how a person records what happened."""
        session = self.session
        receipt = session.receipt or session.lease.record.receipt
        session.advance(session.order_step(FulfillState.UNCERTAIN, receipt=receipt, reason=because))
        session.set_required(ItemStatus.UNCERTAIN, because, resolve_note(session.plan.key, session.plan.order.number))

    def _report_missing_url(self, error: RemoteArtworkError, items: Sequence[ItemPlan]) -> None:
        """Set the outcomes of items whose files the shop could not download."""
        self.session.failures.append(error)
        status, code = ItemStatus.UNREADABLE, "no_url"
        if self.session.state is FulfillState.FULFILL_INTENT:
            status, code = ItemStatus.UNCERTAIN, "no_url_call_unresolved"
        for plan in items:
            self.session.set_outcome(plan.number, status, reason(code, error=str(error)))

    def _retry_refused(self, error: ClientError) -> Stop:
        """A refusal says nothing about the call before it: the intent stays, and a later scan resolves it."""
        if isinstance(error, _SHOP_IS_DOWN):
            self.session.failures.append(error)
        return self.session.stop(ItemStatus.UNCERTAIN, reason("retry_refused", error=str(error)))

    def _report_refusal(self, error: ClientError, *, items: Sequence[ItemPlan]) -> None:
        """Set the outcomes after a call that had no effect.

        Raises:
            Stop: The refusal concerns the whole order, or the whole shop.
        """
        session = self.session
        if isinstance(error, OrderGone | NotPending | AlreadyFulfilled):
            self.cancel(reason("no_longer_accepted", error=str(error)))
            raise Stop from error
        status, because, refused = ItemStatus.FAILED, reason("shop_refused", error=str(error)), list(items)
        if isinstance(error, PaymentRequired):
            because = reason("payment_required", error=str(error))
        elif isinstance(error, ArtworkUnreachable):
            because = reason("artwork_unreachable", error=str(error))
        elif isinstance(error, ArtworkRejected):
            status, because = ItemStatus.REJECTED, reason("artwork_rejected", error=error.reason)
            refused = [plan for plan in items if plan.number == error.item_number] or refused
        for plan in items:
            if plan in refused:
                session.set_outcome(plan.number, status, because)
            else:
                session.append_reason(plan.number, order_waits([(refused[0].number, status)]))
        if status is ItemStatus.REJECTED and len(refused) == 1:
            session.advance(session.item_step(refused[0].number, ItemState.REJECTED, reason=because))
        if isinstance(error, _SHOP_IS_DOWN):
            session.failures.append(error)
            raise Stop from error

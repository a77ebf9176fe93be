"""Every call of the shop's client about one order, and what each answer means for the order."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import TypeVar

from attrs import evolve, frozen

from remote_artwork.activity import Measurement
from remote_artwork.client import attacher, order_attacher
from remote_artwork.core.events import ShopCalled
from remote_artwork.core.lifecycle import FulfillState, ItemState, ReviewStep, Step
from remote_artwork.core.orders import Artwork, ArtworkByItem, Attaching, Order, Recovery
from remote_artwork.core.pattern import ORDER_ITEM_POSITION, SKU
from remote_artwork.core.planner import ItemPlan, resolve_note
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.core.review import RELEASED, files_digest, is_released, review_reasons
from remote_artwork.core.sending import (
    Action,
    CallState,
    Decision,
    after_lost_answer,
    before_sending,
    fulfiller,
    refusal_resolves,
    resolve_unknown_attach,
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
from remote_artwork.fulfillment.artwork import ArtworkFiles, Look
from remote_artwork.fulfillment.session import CallNotStarted, Dependencies, OrderSession, Stop

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


class _OrderNotRead(ClientError):
    """The shop could not be asked for the order just before it was to be sent. Nothing was sent."""

    def __init__(self, error: ClientError) -> None:
        super().__init__(str(error))
        self.cause = error
        self.__dict__["temporary"] = error.temporary  # a class variable of the other errors
        self.retry_after = getattr(error, "retry_after", None)


_LONGEST_READ = 1.0
"""Seconds. If the shop takes longer to answer with the order, its files are looked at again."""

_SHOP_IS_DOWN = (RateLimited, Unavailable, AuthenticationFailed)
"""Errors that say more about the shop than about one order."""


@frozen
class ShopSession:
    """The shop's side of one order."""

    services: Dependencies
    session: OrderSession
    files: ArtworkFiles

    # --- Review ---

    def require_acceptance(self) -> None:
        """Require that a person accepted the very files that are to be sent, if the policy demands a review.

        Raises:
            Stop: Nobody did. The ledger then asks for it, and the outcomes say how to accept them.
        """
        session, policy = self.session, self.services.policy
        if not policy.review:
            return
        records = {plan.number: session.rows[plan.number].files for plan in session.required}
        digest = files_digest(records)
        if digest == session.accepted_files:
            return
        earlier = session.lease.record
        if digest != earlier.review_files:
            session.defer(ReviewStep(files=digest))
        current = {plan.number: plan.files for plan in session.required}
        if is_released(records, current, after=policy.release_after, now=self.services.clock()):
            session.defer(ReviewStep(files=digest, accepted_by=RELEASED))
            return
        waits, how = review_reasons(session.plan.key, session.plan.order.number, digest)
        notes = [reason("accepted_other_files", person=earlier.accepted_by)] if earlier.accepted_by else []
        raise session.stop(ItemStatus.AWAITING_REVIEW, waits, *notes, how)

    # --- Attaching ---

    def attach(self, plans: Sequence[ItemPlan], *, again: bool) -> list[ItemPlan]:
        """Attach the checked files of several items. Returns the items whose files are attached now.

        The order is read before the first call. With ``Attaching.PER_ORDER``, one call attaches all files, and
        ``plans`` are all items of the order that require artwork.

        Args:
            plans: The items.
            again: Attach also when the ledger says that an earlier scan did. A late call of a scan that lost its lease,
                or one that timed out, may have set an older file since.

        Raises:
            Stop: The order or the shop cannot be used; the outcomes say why.
        """
        self.require_acceptance()
        if self.services.client.attaching is Attaching.PER_ORDER:
            return list(plans) if self._attach_order(plans) else []
        rows = self.session.rows
        waiting = [plan for plan in plans if again or rows[plan.number].state is not ItemState.ATTACHED]
        attached = [plan for plan in plans if plan not in waiting]
        for position, plan in enumerate(waiting):
            if self._attach_item(plan, intended=waiting[position:], read=position == 0):
                attached.append(plan)
        return attached

    def _attach_item(self, plan: ItemPlan, *, intended: Sequence[ItemPlan], read: bool) -> bool:
        """Attach the files of one item. Returns whether they are attached now."""
        artworks = self._artworks([plan])
        if artworks is None:
            return False
        number, session = plan.number, self.session
        key = session.plan.key.attachment_key(number, session.rows[number].files)
        client = attacher(self.services.client)

        def send() -> None:
            return client.attach_artwork(session.order, plan.item, artworks[number], idempotency_key=key)

        return self._attach(send, "attach_artwork", [plan], intended=intended, read=read)

    def _attach_order(self, plans: Sequence[ItemPlan]) -> bool:
        """Attach the files of all items by one call. Returns whether they are attached now."""
        artworks = self._artworks(plans)
        if artworks is None:
            return False
        session = self.session
        key = session.plan.key.order_attachment_key({plan.number: session.rows[plan.number].files for plan in plans})
        client = order_attacher(self.services.client)

        def send() -> None:
            return client.attach_order(session.order, artworks, idempotency_key=key)

        return self._attach(send, "attach_order", plans, intended=plans, read=True)

    def _artworks(self, plans: Sequence[ItemPlan]) -> dict[str, list[Artwork]] | None:
        """The artworks for an attach call, by item number; None if one has no URL. The outcomes say so."""
        found = {}
        for plan in plans:
            try:
                found[plan.number] = self.files.artworks(plan)
            except RemoteArtworkError as error:
                self._report_missing_url(error, [plan])
        return found if len(found) == len(plans) else None

    def _attach(
        self,
        send: Callable[[], None],
        method: str,
        plans: Sequence[ItemPlan],
        *,
        intended: Sequence[ItemPlan],
        read: bool,
    ) -> bool:
        """Make one attach call. Returns whether the files of its items are attached now.

        Args:
            send: Calls the client.
            method: The method that it calls.
            plans: The items of the call.
            intended: These items and those of the calls that follow: one write records the intents of all.
            read: Whether to read the order before.
        """
        session = self.session
        numbers = {plan.number for plan in plans}

        def start() -> None:
            session.attaching.update(numbers)
            return send()

        def attempt() -> None:
            with self._turn(calls=2 if read else 1):
                if read:
                    self._withdraw_attach(intended)  # of an attempt that was refused for now
                    session.order = self._read_again()
                self._intend_attach(intended)
                self._call(start, method, intended=True)

        try:
            self.services.retry.call(attempt, on=ClientError)
        except CallNotStarted:
            self._withdraw_attach(intended)
            raise session.stop(ItemStatus.MATCHED, reason("call_not_started")) from None
        except _OrderNotRead as error:
            self._withdraw_attach(intended)
            raise self._stop_unread(error.cause) from error
        except OutcomeUnknown as error:
            session.unknown_attaches |= numbers
            for number in numbers:
                session.set_outcome(number, ItemStatus.UNCERTAIN, reason("attach_outcome_unknown", error=str(error)))
            return False
        except ClientError as error:
            self._report_refused_attach(error, plans, intended=intended)
            return False
        self._record_attached(plans)
        return True

    def _report_refused_attach(
        self, error: ClientError, plans: Sequence[ItemPlan], *, intended: Sequence[ItemPlan]
    ) -> None:
        """Withdraw the intents of a call that had no effect, and set the outcomes.

        Raises:
            Stop: The refusal concerns the whole order, or the whole shop.
        """
        session = self.session
        if isinstance(error, ArtworkRejected):  # the shop works on the order, so no edit of ours keeps it
            session.unknown_attaches -= {plan.number for plan in plans}
        self._withdraw_attach(intended)
        if session.state is FulfillState.FULFILL_INTENT:
            raise self._retry_refused(error) from error
        self._report_refusal(error, items=plans)

    def _record_attached(self, plans: Sequence[ItemPlan]) -> None:
        """Record that the files of these items are attached. It is written together with the next intent."""
        session = self.session
        session.unknown_attaches -= {plan.number for plan in plans}
        for plan in plans:
            session.defer(session.item_step(plan.number, ItemState.ATTACHED))
            because = reason("attached", files=[file.name for file in session.rows[plan.number].files])
            waits = [note for note in plan.notes if note.code == "order_waits"]
            session.set_outcome(plan.number, ItemStatus.ATTACHED, because, notes=waits, now=True)

    def _withdraw_attach(self, plans: Sequence[ItemPlan]) -> None:
        """Take back the intents for these items, but for those whose earlier call may have had its effect."""
        session = self.session
        session.defer(
            *(
                session.item_step(number, ItemState.VERIFIED)
                for number in (plan.number for plan in plans)
                if session.rows[number].state is ItemState.ATTACH_INTENT and number not in session.unknown_attaches
            )
        )

    def resolve_attach(self) -> None:
        """Read an order that the shop no longer lists, after an attach call without a known outcome.

        Raises:
            Stop: The shop could not be asked.
        """
        order = self.look_up()
        decision = resolve_unknown_attach(self.session.lease.record, order)
        if order is not None and decision.action is Action.RECORD_FULFILLED:
            self.session.defer(self.session.order_step(FulfillState.FULFILL_INTENT, work=order.work))
        self.carry_out(decision)

    def _intend_attach(self, plans: Sequence[ItemPlan]) -> None:
        session = self.session
        steps = [
            session.item_step(number, ItemState.ATTACH_INTENT)
            for number in (plan.number for plan in plans)
            if session.rows[number].state is not ItemState.ATTACH_INTENT
        ]
        if steps or not session.may_start_call:
            session.intend(*steps)

    # --- Sending ---

    def fulfill(self, *, find_replaced: Callable[[Order, Look], list[ItemPlan]]) -> list[ItemPlan]:
        """Send the order, once: the ledger holds the intent before the call and the receipt after it.

        All waiting ends before the order is read. The files are looked at while the shop answers, and again if it takes
        long. The URLs are for the files as they are now.

        Args:
            find_replaced: Compares the files with the checked ones, and returns the items whose files were replaced.

        Returns:
            The items whose files were replaced. Nothing was sent if there are any.

        Raises:
            Stop: The shop did not confirm; the outcomes say why.
        """
        session = self.session
        replaced: list[ItemPlan] = []

        def attempt() -> str | None:
            with self._turn(calls=2):
                with self.services.storage.reserved_request():
                    order, look = self._read_with_files()
                    replaced[:] = find_replaced(order, look)
                return None if replaced else self._intend_and_send(order)

        idempotent = self.services.client.recovery is Recovery.IDEMPOTENT
        try:
            receipt = self.services.retry.call(attempt, on=ClientError if idempotent else (RateLimited, _OrderNotRead))
        except CallNotStarted:
            if not session.calls.in_doubt:
                session.defer(session.order_step(FulfillState.OPEN, reason=reason("call_not_started")))
                raise session.stop(ItemStatus.MATCHED, reason("call_not_started")) from None
            raise session.stop(ItemStatus.UNCERTAIN, reason("call_not_started")) from None
        except _OrderNotRead as error:
            raise self._stop_unread(error.cause) from error
        except OutcomeUnknown as error:
            session.advance()  # a scan that took over the order may have given this call up
            self.carry_out(after_lost_answer(self.services.client.recovery, str(error)))
            raise Stop from error
        except AlreadyFulfilled as error:
            who = fulfiller(self.look_up(), session.plan.key)
            self.record_fulfilled(None, reason("already_fulfilled", fulfiller=who))
            raise Stop from error
        except ClientError as error:
            if session.state is FulfillState.FULFILL_INTENT:
                raise self._retry_refused(error) from error
            self._report_refusal(error, items=session.required)
            raise Stop from error
        if not replaced:
            session.receipt = _receipt_text(receipt)
            session.leave_slot()  # the next order begins while the receipt is written and the files are compared
            self.record_fulfilled(session.receipt)
        return replaced

    def _read_with_files(self) -> tuple[Order, Look]:
        """The order and its files as they are now. The look at the files began shortly before the shop answered.

        Raises:
            Stop, _OrderNotRead: See ``_read_again``.
        """
        started = self.session.monotonic()
        wait_for_look = self.files.start_look()
        order = self._read_again()
        with self.services.stopwatch.measure("storage"):
            if self.session.monotonic() - started > _LONGEST_READ:
                return order, self.files.look_again()
            return order, wait_for_look()

    def _read_again(self) -> Order:
        """The order as the shop has it now, when it may be attached or sent.

        Raises:
            Stop: It may not: it changed, is gone, or is fulfilled already.
            _OrderNotRead: The shop could not be asked.
        """
        try:
            order: Order | None = self._call(self._get_order, "get_order")
        except OrderGone:
            order = None
        except ClientError as error:
            raise _OrderNotRead(error) from error
        session, pattern = self.session, self.services.pattern
        called = session.calls.current is not CallState.NEVER_CALLED
        record = evolve(session.lease.record, state=session.state)
        decision = before_sending(
            evolve(record, intent_age=record.intent_age or timedelta(0)) if called else record,
            order,
            same_work=order is not None
            and session.plan.order.same_work(
                order, positions=pattern.uses(ORDER_ITEM_POSITION), skus=pattern.uses(SKU)
            ),
            attach_in_doubt=bool(session.unknown_attaches),
        )
        if order is not None and decision.action is Action.SEND:
            return order
        sent = decision.action is Action.RECORD_FULFILLED or (
            decision.action is Action.NEEDS_PERSON and not session.unknown_attaches
        )
        if order is not None and sent and session.state is FulfillState.OPEN:
            session.defer(session.order_step(FulfillState.FULFILL_INTENT, work=order.work))
        self.carry_out(decision)
        raise Stop

    def _intend_and_send(self, order: Order) -> str | None:
        self.require_acceptance()
        session = self.session
        try:
            artworks = {plan.number: self.files.artworks(plan) for plan in session.required}
        except RemoteArtworkError as error:
            self._report_missing_url(error, session.required)
            raise Stop from error
        limit = self.services.client.call_limit
        session.intend(session.order_step(FulfillState.FULFILL_INTENT, work=order.work, call_limit=limit))
        try:
            return self._call(partial(self._send, order, artworks), "fulfill", intended=True)
        except (OutcomeUnknown, AlreadyFulfilled):
            raise
        except ClientError as error:
            # Before any wait: if this process ends during the wait, the ledger knows that the call had no effect.
            not_pending = isinstance(error, NotPending | OrderGone)
            if refusal_resolves(session.calls, session.lease.record, order_not_pending=not_pending):
                because = _refusal(error)
                session.advance(session.order_step(FulfillState.OPEN, reason=because))
            raise

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
                self.session.advance(self.session.order_step(FulfillState.OPEN, reason=because), release=True)
                self.session.set_required(decision.status, because)
            case _:
                session = self.session
                attach_in_doubt = session.state is FulfillState.OPEN and decision.status is ItemStatus.UNCERTAIN
                notes = [resolve_note(session.plan.key, session.plan.order.number)] if attach_in_doubt else []
                session.set_required(decision.status, because, *notes)

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

    def _turn(self, calls: int = 1) -> AbstractContextManager[None]:
        return self.services.calls.turn(calls, is_begun=self.session.is_begun)

    def _call(self, function: Callable[[], T], method: str, *, intended: bool = False) -> T:
        """Call the client, within a turn. Any exception that is not a client error leaves the outcome unknown.

        Args:
            function: The call.
            method: The method of the client.
            intended: Whether the call has an effect, for which an intent was recorded.

        Raises:
            ClientError: The shop's answer, or ``OutcomeUnknown``.
            CallNotStarted: It is too late to start the call.
        """
        session = self.session
        measurement = Measurement(partial(ShopCalled, method=method))

        def start() -> T:
            if intended and not session.may_start_call:
                raise CallNotStarted
            session.is_begun = session.is_begun or intended
            with measurement:
                return function()

        session.unanswered = None
        if intended:
            session.begin_call()
        succeeded = False
        try:
            answer = self.services.calls.make(start, method=method)
            succeeded = True
        except CallNotStarted:
            raise
        except ClientError as error:
            session.attaching.clear()
            session.answered.add("client")  # if the error means that the shop is down, it is also in failures
            session.unanswered = error if isinstance(error, OutcomeUnknown) else None
            raise
        except Exception as error:
            session.attaching.clear()
            order = {"tenant": session.lease.key.tenant, "order_id": session.plan.order.id}
            log.exception("client_raised", extra=order, exc_info=redact_error(error))
            session.unanswered = OutcomeUnknown(f"{type(error).__name__}: {error}")
            raise session.unanswered from error
        finally:
            session.end_call(succeeded=succeeded)
            session.failed_method = "" if succeeded else method
        if problem := _answer_problem(answer):
            session.unanswered = problem
            raise problem
        session.answered.add("client")
        return answer

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
        session.advance(*steps, session.order_step(FulfillState.FULFILLED, receipt=receipt, reason=how), release=True)
        for plan in session.required:
            row = session.rows.get(plan.number)
            because = how or reason("fulfilled", files=[file.name for file in row.files] if row else [])
            session.set_outcome(plan.number, ItemStatus.FULFILLED, because, receipt=receipt, now=True)

    def look_up(self) -> Order | None:
        """The order as the shop has it now; None when the shop does not know it.

        Raises:
            Stop: The shop could not be asked.
        """

        def read() -> Order:
            with self._turn():
                return self._call(self._get_order, "get_order")

        try:
            return self.services.retry.call(read, on=ClientError)
        except OrderGone:
            return None
        except ClientError as error:
            raise self._stop_unread(error) from error

    def _stop_unread(self, error: ClientError) -> Stop:
        self.session.failures.append(error)
        status = ItemStatus.UNCERTAIN if self.session.follows_call else ItemStatus.FAILED
        code = "rate_limited" if isinstance(error, RateLimited) else "order_not_read"
        return self.session.stop(status, reason(code, error=str(error)))

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
            self.session.advance(self.session.order_step(FulfillState.CANCELLED, reason=because), release=True)
        self.session.set_required(ItemStatus.CANCELLED, because)

    def mark_uncertain(self, because: Reason) -> None:
        """Mark the order uncertain in the ledger, and say how a person records what happened."""
        session = self.session
        receipt = session.receipt or session.lease.record.receipt
        session.advance(session.order_step(FulfillState.UNCERTAIN, receipt=receipt, reason=because), release=True)
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
        code = "retry_rate_limited" if isinstance(error, RateLimited) else "retry_refused"
        return self.session.stop(ItemStatus.UNCERTAIN, reason(code, error=str(error)))

    def _report_refusal(self, error: ClientError, *, items: Sequence[ItemPlan]) -> None:
        """Set the outcomes after a call that had no effect.

        Raises:
            Stop: The refusal concerns the whole order, or the whole shop.
        """
        session = self.session
        if isinstance(error, OrderGone | NotPending | AlreadyFulfilled):
            if session.unknown_attaches:
                raise session.stop(ItemStatus.UNCERTAIN, reason("attach_in_doubt_refused", error=str(error))) from error
            self.cancel(reason("no_longer_accepted", error=str(error)))
            raise Stop from error
        status, because, refused = ItemStatus.FAILED, _refusal(error), list(items)
        if isinstance(error, PaymentRequired):
            because = reason("payment_required", error=str(error))
        elif isinstance(error, ArtworkUnreachable):
            because = reason("artwork_unreachable", error=str(error))
        elif isinstance(error, ArtworkRejected):
            status, because = ItemStatus.REJECTED, reason("artwork_rejected", error=error.reason)
            refused = [plan for plan in items if plan.number == error.item_number] or refused
        for plan in refused:
            session.set_outcome(plan.number, status, because)
        if status is ItemStatus.REJECTED and len(refused) == 1:
            session.defer(session.item_step(refused[0].number, ItemState.REJECTED, reason=because))
        if isinstance(error, _SHOP_IS_DOWN):
            session.failures.append(error)
            raise Stop from error


def _refusal(error: ClientError) -> Reason:
    """Why a call had no effect. A refusal because of a rate limit says nothing about the order."""
    return reason("rate_limited" if isinstance(error, RateLimited) else "shop_refused", error=str(error))

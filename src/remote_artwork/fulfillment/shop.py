"""The host's side of an order: every call of its client, and what each answer means for the order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from attrs import frozen

from remote_artwork.core.lifecycle import FulfillState, ItemState, Step
from remote_artwork.core.orders import Order, OrderState, Recovery
from remote_artwork.core.planner import ItemPlan, order_waits, resolve_note
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import ItemStatus
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
from remote_artwork.fulfillment.artwork import Files
from remote_artwork.fulfillment.session import Dependencies, Progress, Stop
from remote_artwork.retry import RetryPolicy

log = logging.getLogger(__name__)

T = TypeVar("T")


@frozen
class Calls:
    """Calls about one order."""

    retry: RetryPolicy
    progress: Progress

    def make(
        self,
        function: Callable[[], T],
        retry: RetryPolicy | None = None,
        *,
        intend: Callable[[], None] | None = None,
    ) -> T:
        """A call of the host's code: what it raises beside client errors leaves the outcome unknown.

        Args:
            function: The call.
            retry: How it is repeated, where that differs from the pass's own policy.
            intend: For calls with an effect; the last write to the ledger before each attempt, which also makes sure
                that nobody has taken the order over.

        Raises:
            ClientError: What the host said, or ``OutcomeUnknown``.
            LedgerError: The intent is not recorded, or the order is no longer ours; the call was not made.
        """
        progress = self.progress

        def guarded() -> T:
            if intend is not None:
                intend()
            progress.unanswered = None
            try:
                answer = function()
                progress.answered.add("client")
                return answer
            except ClientError as error:
                progress.attaching = None
                progress.answered.add("client")  # if it is none, the order's failures say so
                progress.unanswered = error if isinstance(error, OutcomeUnknown) else None
                raise
            except Exception as error:
                progress.attaching = None
                log.exception("client_raised", extra={"order_id": progress.plan.order.id})
                progress.unanswered = OutcomeUnknown(f"{type(error).__name__}: {error}")
                raise progress.unanswered from error

        return (retry or self.retry).call(guarded, on=ClientError)


_ONCE = RetryPolicy(attempts=1)


@frozen
class ShopSession:
    """The host's side of one order."""

    tools: Dependencies
    progress: Progress
    files: Files

    @property
    def calls(self) -> Calls:
        """How its code is called."""
        return Calls(self.tools.retry, self.progress)

    def attach(self, plan: ItemPlan, *, again: bool) -> bool:
        """Attaches one item's checked files; whether they are attached now.

        Args:
            plan: The item.
            again: Also where the ledger says that an earlier pass has attached them. A call of a scanner that was
                taken over, or one that timed out, may have arrived after that pass, and set an older file.

        Raises:
            Stop: The whole order, or the whole host, is out of reach; outcomes say why.
        """
        number, progress = plan.item.number, self.progress
        row = progress.rows[number]
        if row.state is ItemState.ATTACHED and not again:
            return True
        try:
            artworks = self.files.artworks(plan)
        except RemoteArtworkError as error:
            self._without_url(error, [plan])
            return False
        key = progress.plan.key.attachment_key(number, row.files)
        order = progress.plan.order

        def intend() -> None:
            fresh = progress.rows[number].state is not ItemState.ATTACH_INTENT
            progress.advance(*[progress.item_step(number, ItemState.ATTACH_INTENT)] if fresh else [])
            progress.attaching = number

        def attach() -> None:
            self.tools.client.attach_artwork(order, plan.item, artworks, idempotency_key=key)

        try:
            self.calls.make(attach, intend=intend)
        except OutcomeUnknown as error:
            progress.set_outcome(number, ItemStatus.UNCERTAIN, reason("attach_outcome_unknown", error=str(error)))
            return False
        except ClientError as error:
            progress.advance(progress.item_step(number, ItemState.VERIFIED))
            if progress.state is FulfillState.FULFILL_INTENT:
                raise self._refused_in_doubt(error) from error
            self._refused(error, items=[plan])
            return False
        progress.advance(progress.item_step(number, ItemState.ATTACHED))
        progress.attaching = None
        because = reason("attached", files=[file.name for file in row.files])
        waits = [note for note in plan.notes if note.code == "order_waits"]
        progress.set_outcome(number, ItemStatus.ATTACHED, because, notes=waits, now=True)
        return True

    def read_again(self) -> Order:
        """The order as the host has it now.

        Raises:
            Stop: It may not be sent: it changed, is gone, or is fulfilled already.
        """
        order, progress = self.look_up(), self.progress
        same = order is not None and progress.plan.order.same_work(order, positions=self.tools.positions_matter)
        state, fulfiller = None if order is None else order.state, progress.fulfiller(order)
        as_sent = state is OrderState.FULFILLED or (state is OrderState.PENDING and same)
        if progress.state is FulfillState.FULFILL_INTENT and not as_sent:
            raise progress.stop(ItemStatus.UNCERTAIN, reason("order_changed_in_doubt"))
        if order is None:
            self.cancel(reason("order_gone"))
        elif order.state is OrderState.FULFILLED and progress.begun:
            if progress.state is FulfillState.OPEN:
                progress.advance(progress.order_step(FulfillState.FULFILL_INTENT, work=order.work))
            self.done(None, reason("fulfilled_after_earlier_call", fulfiller=fulfiller))
        elif order.state is OrderState.FULFILLED:
            self.cancel(reason("fulfilled_elsewhere", fulfiller=fulfiller))
        elif order.state is not OrderState.PENDING:
            self.cancel(reason("no_longer_pending", state=str(order.state)))
        elif not same:
            raise progress.stop(ItemStatus.SETTLING, reason("order_changed"))
        else:
            return order
        raise Stop

    def fulfill(self, order: Order) -> None:
        """Sends the order, once: the intent is in the ledger before, the receipt after.

        Raises:
            Stop: The host did not confirm; outcomes say why.
        """
        progress = self.progress
        try:
            artworks = {plan.item.number: self.files.artworks(plan) for plan in progress.required}
        except RemoteArtworkError as error:
            self._without_url(error, progress.required)
            raise Stop from error
        key = progress.plan.key.fulfillment_key
        retry = self.tools.retry if self.tools.client.recovery is Recovery.IDEMPOTENT else _ONCE

        def intend() -> None:
            limit = self.tools.client.call_limit
            progress.advance(progress.order_step(FulfillState.FULFILL_INTENT, work=order.work, call_limit=limit))

        def send() -> str | None:
            earlier, progress.in_doubt = progress.in_doubt, True
            progress.called = True
            try:
                return self.tools.client.fulfill(order, artworks, idempotency_key=key)
            except OutcomeUnknown:
                raise
            except ClientError:
                progress.called = False
                progress.in_doubt = earlier  # a refused call had no effect, which says nothing of another one
                raise

        try:
            receipt = self.calls.make(send, retry, intend=intend)
        except OutcomeUnknown as error:
            progress.advance()  # whoever has taken the order over may have given this call up
            self._unknown(error)
            raise Stop from error
        except AlreadyFulfilled as error:
            self._fulfilled_already()
            raise Stop from error
        except ClientError as error:
            repeated = progress.lease.record.state is FulfillState.FULFILL_INTENT
            if progress.in_doubt or (repeated and isinstance(error, NotPending | OrderGone)):
                raise self._refused_in_doubt(error) from error
            progress.advance(progress.order_step(FulfillState.OPEN, reason=reason("shop_refused", error=str(error))))
            self._refused(error, items=progress.required)
            raise Stop from error
        progress.receipt = None if receipt is None else str(receipt)
        self.done(progress.receipt)

    def done(self, receipt: str | None, how: Reason | None = None) -> None:
        """Writes the receipt; every item that was only checked is attached by the same call.

        Args:
            receipt: The host's answer.
            how: How it is known that the order is fulfilled, where our own call did not say so.
        """
        progress = self.progress
        steps: list[Step] = [
            progress.item_step(number, ItemState.ATTACHED)
            for number, row in progress.rows.items()
            if row.state in (ItemState.VERIFIED, ItemState.ATTACH_INTENT)
        ]
        progress.advance(*steps, progress.order_step(FulfillState.FULFILLED, receipt=receipt, reason=how))
        for plan in progress.required:
            row = progress.rows.get(plan.item.number)
            because = how or reason("fulfilled", files=[file.name for file in row.files] if row else [])
            progress.set_outcome(plan.number, ItemStatus.FULFILLED, because, receipt=receipt, now=True)

    def look_up(self) -> Order | None:
        """The order as the host has it now; None where the host does not know it any more.

        Raises:
            Stop: The host could not be asked.
        """
        order_id = self.progress.plan.order.id
        try:
            order = self.calls.make(lambda: self.tools.client.get_order(order_id))
            if not isinstance(order, Order):
                raise OutcomeUnknown(f"get_order returned {type(order).__name__}, not an Order")
            if order.id != order_id:
                raise OutcomeUnknown(f"asked for the order {order_id!r}, get_order returned {order.id!r}")
        except OrderGone:
            return None
        except ClientError as error:
            self.progress.failures.append(error)
            sent = self.progress.state is not FulfillState.OPEN
            status = ItemStatus.UNCERTAIN if sent else ItemStatus.FAILED
            raise self.progress.stop(status, reason("order_not_read", error=str(error))) from error
        return order

    def cancel(self, because: Reason) -> None:
        """Ends the order in the ledger, and says so of its items."""
        if self.progress.state in (FulfillState.OPEN, FulfillState.FULFILL_INTENT):
            self.progress.advance(self.progress.order_step(FulfillState.CANCELLED, reason=because))
        self.progress.set_required(ItemStatus.CANCELLED, because)

    def mark_uncertain(self, because: Reason) -> None:
        """Marks the order uncertain in the ledger, and says how a person records what happened."""
        receipt = self.progress.receipt or self.progress.lease.record.receipt
        self.progress.advance(self.progress.order_step(FulfillState.UNCERTAIN, receipt=receipt, reason=because))
        note = resolve_note(self.progress.plan.key, self.progress.plan.order.number)
        self.progress.set_required(ItemStatus.UNCERTAIN, because, note)

    def _fulfilled_already(self) -> None:
        self.done(None, reason("already_fulfilled", fulfiller=self.progress.fulfiller(self.look_up())))

    def _unknown(self, error: OutcomeUnknown) -> None:
        match self.tools.client.recovery:
            case Recovery.NONE:
                self.mark_uncertain(reason("outcome_unknown", error=str(error)))
            case Recovery.IDEMPOTENT:
                self.progress.set_required(ItemStatus.UNCERTAIN, reason("outcome_unknown_will_retry", error=str(error)))
            case _:
                self.progress.set_required(ItemStatus.UNCERTAIN, reason("outcome_unknown_will_ask", error=str(error)))

    def _without_url(self, error: RemoteArtworkError, items: Sequence[ItemPlan]) -> None:
        """Outcomes of items whose files the host could not download."""
        self.progress.failures.append(error)
        status, code = ItemStatus.UNREADABLE, "no_url"
        if self.progress.state is FulfillState.FULFILL_INTENT:
            status, code = ItemStatus.UNCERTAIN, "no_url_call_unresolved"
        for plan in items:
            self.progress.set_outcome(plan.number, status, reason(code, error=str(error)))

    def _refused_in_doubt(self, error: ClientError) -> Stop:
        """Nothing is known of a call by another one's refusal: the intent stays, and is settled by a later scan."""
        if isinstance(error, RateLimited | Unavailable | AuthenticationFailed):
            self.progress.failures.append(error)
        return self.progress.stop(ItemStatus.UNCERTAIN, reason("retry_refused", error=str(error)))

    def _refused(self, error: ClientError, *, items: Sequence[ItemPlan]) -> None:
        """Outcomes of a call that surely had no effect.

        Raises:
            Stop: It concerns the whole order, or the whole host.
        """
        progress = self.progress
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
            refused = [plan for plan in items if plan.item.number == error.item_number] or refused
        for plan in items:
            if plan in refused:
                progress.set_outcome(plan.number, status, because)
            else:
                progress.append_reason(plan.number, order_waits([(refused[0].number, status)]))
        if status is ItemStatus.REJECTED and len(refused) == 1:
            number = refused[0].item.number
            progress.advance(progress.item_step(number, ItemState.REJECTED, reason=because))
        if isinstance(error, RateLimited | Unavailable | AuthenticationFailed):
            progress.failures.append(error)
            raise Stop from error

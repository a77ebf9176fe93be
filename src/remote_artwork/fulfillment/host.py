"""The host's side of an order: attach, fulfil, and settle a call whose outcome nobody knows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from attrs import frozen

from remote_artwork.core.lifecycle import FulfillState, ItemState, Step
from remote_artwork.core.model import Order, OrderState, Recovery
from remote_artwork.core.planning import ItemPlan, in_words
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
from remote_artwork.fulfillment.files import Files
from remote_artwork.fulfillment.progress import Progress, Stop
from remote_artwork.fulfillment.tools import Tools

log = logging.getLogger(__name__)

T = TypeVar("T")


@frozen
class Host:
    """The host's side of one order."""

    tools: Tools
    progress: Progress
    files: Files

    def attach(self, plan: ItemPlan) -> bool:
        """Attaches one item's checked files, unless they are; whether they are attached now."""
        number, progress = plan.item.number, self.progress
        row = progress.rows[number]
        try:
            artworks = self.files.artworks(plan)
        except RemoteArtworkError as error:
            progress.failures.append(error)
            progress.set(number, ItemStatus.UNREADABLE, f"no URL could be made: {error}")
            return False
        if row.state is ItemState.ATTACHED and not any(artwork.expires_at for artwork in artworks):
            return True
        if row.state is not ItemState.ATTACH_INTENT:
            progress.advance(progress.item_step(number, ItemState.ATTACH_INTENT))
        key = progress.plan.key.attachment_key(number, row.files)
        order = progress.plan.order
        try:
            self._call(lambda: self.tools.client.attach_artwork(order, plan.item, artworks, idempotency_key=key))
        except OutcomeUnknown as error:
            reason = f"nobody knows whether it was attached ({error}); the next scan sets it again"
            progress.set(number, ItemStatus.UNCERTAIN, reason)
            return False
        except ClientError as error:
            progress.advance(progress.item_step(number, ItemState.VERIFIED))
            self._refused(error, items=[plan])
            return False
        progress.advance(progress.item_step(number, ItemState.ATTACHED))
        progress.set(number, ItemStatus.ATTACHED, f"attached {', '.join(f.name for f in row.files)}", now=True)
        return True

    def read_again(self) -> Order:
        """The order as the host has it now.

        Raises:
            Stop: It may not be sent: it changed, is gone, or was fulfilled by somebody else.
        """
        planned = self.progress.plan.order
        order = self._look_up()
        if order is None:
            raise self._cancel("the shop no longer knows the order")
        if order.state is OrderState.FULFILLED:
            raise self._cancel("fulfilled elsewhere, not by this library")
        if order.state is not OrderState.PENDING:
            raise self._cancel(f"the shop no longer names it pending ({order.state})")
        if not planned.same_work(order):
            raise self.progress.stop(
                ItemStatus.SETTLING,
                "the order changed while it was worked on; nothing was sent, the next scan looks again",
            )
        return order

    def fulfill(self, order: Order) -> None:
        """Sends the order, once: the intent is in the ledger before, the receipt after.

        Raises:
            Stop: The host did not confirm; outcomes say why.
        """
        progress = self.progress
        try:
            artworks = {plan.item.number: self.files.artworks(plan) for plan in progress.required}
        except RemoteArtworkError as error:
            progress.failures.append(error)
            raise progress.stop(ItemStatus.UNREADABLE, f"no URL could be made: {error}; nothing was sent") from error
        if progress.state is not FulfillState.FULFILL_INTENT:
            progress.advance(progress.order_step(FulfillState.FULFILL_INTENT))
        progress.calling = True
        key = progress.plan.key.fulfillment_key
        try:
            receipt = self._call(lambda: self.tools.client.fulfill(order, artworks, idempotency_key=key))
        except OutcomeUnknown as error:
            raise self._unknown(error) from error
        except AlreadyFulfilled:
            self.done(None, "the shop says it is fulfilled already")
            return
        except ClientError as error:
            progress.calling = False
            progress.advance(progress.order_step(FulfillState.OPEN, reason=str(error)))
            self._refused(error, items=progress.required)
            raise Stop from error
        self.done(receipt, "fulfilled")
        log.info("order_fulfilled", extra={"order_id": order.id, "order_number": order.number})

    def settle(self) -> None:
        """Finds out what became of an earlier call, as the client's ``recovery`` allows.

        Raises:
            Stop: Always: it is settled, or it is too early to tell, or a person has to look.
        """
        order = self._look_up()
        recovery = self.tools.client.recovery
        if order is not None and order.state is OrderState.FULFILLED:
            proven = order.fulfillment_key == self.progress.plan.key.fulfillment_key
            how = "the shop echoes our key" if proven else "the shop does not say by whom"
            self.done(None, f"fulfilled by an earlier pass whose answer was lost ({how})")
            raise Stop
        if recovery is Recovery.NONE:
            raise self._to_a_person("an earlier fulfil call was begun and its outcome is unknown")
        if not all(plan.item.number in self.progress.rows for plan in self.progress.required):
            raise self._to_a_person("the order was changed after a fulfil call was begun whose outcome is unknown")
        if recovery is Recovery.IDEMPOTENT and order is not None and order.state is OrderState.PENDING:
            self.fulfill(order)
            raise Stop
        age = self.progress.lease.record.intent_age
        if age is None or age < self.tools.client.call_limit:
            raise self.progress.stop(
                ItemStatus.UNCERTAIN,
                "a fulfil call may still be under way; a scan asks the shop again once "
                f"{in_words(self.tools.client.call_limit)} have passed since it",
            )
        if order is None or order.state is not OrderState.PENDING:
            raise self._cancel("the shop no longer names it pending, and has not fulfilled it")
        reason = "an earlier fulfil call had no effect; the next scan sends the order"
        self.progress.advance(self.progress.order_step(FulfillState.OPEN, reason=reason))
        raise self.progress.stop(ItemStatus.MATCHED, reason)

    def done(self, receipt: str | None, how: str) -> None:
        """Writes the receipt; every item that was only checked is attached by the same call."""
        progress = self.progress
        steps: list[Step] = [progress.order_step(FulfillState.FULFILLED, receipt=receipt, reason=how)]
        steps += [
            progress.item_step(number, ItemState.ATTACHED)
            for number, row in progress.rows.items()
            if row.state in (ItemState.VERIFIED, ItemState.ATTACH_INTENT)
        ]
        progress.advance(*steps)
        progress.calling = False
        for plan in progress.required:
            row = progress.rows.get(plan.item.number)
            names = ", ".join(file.name for file in row.files) if row else "unknown files"
            progress.set(plan.item.number, ItemStatus.FULFILLED, f"{how} with {names}", receipt=receipt, now=True)

    def _look_up(self) -> Order | None:
        order_id = self.progress.plan.order.id
        try:
            return self._call(lambda: self.tools.client.get_order(order_id))
        except OrderGone:
            return None
        except ClientError as error:
            self.progress.failures.append(error)
            raise self.progress.stop(ItemStatus.FAILED, f"the order could not be read again: {error}") from error

    def _cancel(self, reason: str) -> Stop:
        if self.progress.state in (FulfillState.OPEN, FulfillState.FULFILL_INTENT):
            self.progress.advance(self.progress.order_step(FulfillState.CANCELLED, reason=reason))
        return self.progress.stop(ItemStatus.CANCELLED, reason)

    def _to_a_person(self, what: str) -> Stop:
        number = self.progress.plan.order.number
        tool = f"remote-artwork ledger resolve {number} --fulfilled or --not-fulfilled"
        reason = f"{what}; look in the shop, then say so: {tool}"
        self.progress.advance(self.progress.order_step(FulfillState.UNCERTAIN, reason=reason))
        return self.progress.stop(ItemStatus.UNCERTAIN, reason)

    def _unknown(self, error: OutcomeUnknown) -> Stop:
        what = f"nobody knows whether the order was fulfilled ({error})"
        if self.tools.client.recovery is Recovery.NONE:
            return self._to_a_person(what)
        then = {
            Recovery.IDEMPOTENT: "the next scan repeats the call with the same key, which has no second effect",
            Recovery.QUERYABLE: "a later scan asks the shop",
        }[self.tools.client.recovery]
        return self.progress.stop(ItemStatus.UNCERTAIN, f"{what}; {then}")

    def _refused(self, error: ClientError, *, items: Sequence[ItemPlan]) -> None:
        """Outcomes of a call that surely had no effect."""
        progress = self.progress
        if isinstance(error, OrderGone | NotPending | AlreadyFulfilled):
            self._cancel(f"the shop no longer takes it: {error}")
            return
        if isinstance(error, RateLimited | Unavailable | AuthenticationFailed):
            progress.failures.append(error)
        status, reason = ItemStatus.FAILED, f"the shop refuses: {error}"
        if isinstance(error, PaymentRequired):
            reason = f"the shop holds the order until it is paid for ({error}); the files are fine"
        elif isinstance(error, ArtworkUnreachable):
            reason = f"the shop could not download the file ({error}); the next scan hands out a fresh URL"
        elif isinstance(error, ArtworkRejected):
            status, reason = ItemStatus.REJECTED, f"the shop refuses the artwork: {error.reason}"
        for plan in items:
            progress.set(plan.item.number, status, reason)
        if status is ItemStatus.REJECTED and len(items) == 1:
            number = items[0].item.number
            progress.advance(progress.item_step(number, ItemState.REJECTED, reason=reason))

    def _call(self, function: Callable[[], T]) -> T:
        """A call of the host's code: what it raises beside client errors leaves the outcome unknown."""

        def guarded() -> T:
            try:
                return function()
            except ClientError:
                raise
            except Exception as error:
                log.exception("client_raised", extra={"order_id": self.progress.plan.order.id})
                raise OutcomeUnknown(f"{type(error).__name__}: {error}") from error

        return self.tools.retry.call(guarded, on=ClientError)

"""Settling: what became of a fulfill call that was begun by an earlier pass and whose end is not recorded."""

from __future__ import annotations

from datetime import timedelta

from attrs import frozen

from remote_artwork.core.lifecycle import FulfillState
from remote_artwork.core.orders import Attaching, Order, OrderState, Recovery
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import FileGone, StorageError
from remote_artwork.fulfillment.session import Dependencies, Progress, Stop
from remote_artwork.fulfillment.shop import ShopSession


@frozen
class Settling:
    """Finds out what became of an earlier call, as the client's ``recovery`` allows."""

    tools: Dependencies
    progress: Progress
    host: ShopSession

    def run(self) -> None:
        """Leaves the order fulfilled, open again, cancelled, to a person, or to a later pass.

        Raises:
            Stop: The host could not be asked, or a repeated call did not confirm.
        """
        order = self.host.look_up()
        if order is not None and order.approval != self.progress.plan.key.approval:
            self.host.mark_uncertain(reason("approved_again_in_doubt"))
        elif order is not None and self._is_fulfilled(order):
            fulfiller = self.progress.fulfiller(order)
            self.host.done(None, reason("fulfilled_after_lost_answer", fulfiller=fulfiller))
        elif self.tools.client.recovery is Recovery.NONE:
            self.host.mark_uncertain(reason("call_started_outcome_unknown"))
        elif order is not None and order.state is OrderState.PENDING and order.work != self.progress.lease.record.work:
            self.host.mark_uncertain(reason("order_edited_in_doubt"))
        elif order is not None and order.state is OrderState.PENDING:
            self._still_pending()
        elif self._too_early:
            self._wait()
        elif order is not None and order.state is OrderState.CANCELLED:
            self.host.cancel(reason("cancelled_not_fulfilled"))
        else:
            code = "order_gone_in_doubt" if order is None else "state_unclear_in_doubt"
            self.host.mark_uncertain(reason(code))

    def _is_fulfilled(self, order: Order) -> bool:
        """Whether the host says so, or has gone on since with an order that carries our key."""
        ours = order.fulfillment_key == self.progress.plan.key.fulfillment_key
        return order.state is OrderState.FULFILLED or (ours and order.state is OrderState.OTHER)

    def _still_pending(self) -> None:
        idempotent = self.tools.client.recovery is Recovery.IDEMPOTENT
        if self.progress.plan.order.state is not OrderState.PENDING:
            self.progress.set_required(ItemStatus.UNCERTAIN, reason("not_listed_in_doubt"))
        elif not idempotent and self._too_early:
            self._wait()
        elif self._same_files():
            self.progress.in_doubt = idempotent  # of any other client the shop has just told that nothing came of it
            self._repeat()
        elif idempotent:
            self.host.mark_uncertain(reason("file_replaced_in_doubt"))
        else:
            because = reason("call_had_no_effect")
            self.progress.advance(self.progress.order_step(FulfillState.OPEN, reason=because))
            self.progress.set_required(ItemStatus.MATCHED, because)

    def _repeat(self) -> None:
        """Sends the order with the files of the earlier call, by fresh URLs; an attach may have come late since."""
        if self.tools.client.attaching is Attaching.SEPARATE:
            for plan in self.progress.required:
                if not self.host.attach(plan, again=True):
                    raise Stop
        self.host.fulfill(self.host.read_again())

    def _same_files(self) -> bool:
        """Whether a repeat would send the files that the call was begun with.

        Raises:
            Stop: They could not be looked at.
        """
        progress = self.progress
        try:
            numbers = [plan.item.number for plan in progress.required]
            return all(progress.rows[number].describes(self.host.files.now(number)) for number in numbers)
        except FileGone:
            return False
        except StorageError as error:
            progress.failures.append(error)
            raise progress.stop(ItemStatus.UNCERTAIN, reason("retry_needs_storage", error=str(error))) from error

    @property
    def _call_limit(self) -> timedelta:
        """How long the call may be in flight, by the promise of the client that made it."""
        return self.progress.lease.record.call_limit or self.tools.client.call_limit

    @property
    def _too_early(self) -> bool:
        age = self.progress.lease.record.intent_age
        return age is None or age < self._call_limit

    def _wait(self) -> None:
        because = reason("call_in_flight", call_limit=self._call_limit.total_seconds())
        self.progress.set_required(ItemStatus.UNCERTAIN, because)

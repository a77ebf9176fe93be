"""Settling: what became of a fulfill call that was begun by an earlier pass and whose end is not recorded."""

from __future__ import annotations

from datetime import timedelta

from attrs import frozen

from remote_artwork.core.lifecycle import FulfillState
from remote_artwork.core.orders import Attaching, Order, OrderState, Recovery
from remote_artwork.core.planner import format_duration
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
            self.host.leave_to_a_person("the order was approved anew after a fulfill call was begun")
        elif order is not None and self._is_fulfilled(order):
            how = self.progress.whose(order)
            self.host.done(None, f"fulfilled, as the shop says, after a call whose answer was lost ({how})")
        elif self.tools.client.recovery is Recovery.NONE:
            self.host.leave_to_a_person("a fulfill call was begun and its outcome is unknown")
        elif order is not None and order.state is OrderState.PENDING and order.work != self.progress.lease.record.work:
            self.host.leave_to_a_person("the order was changed after a fulfill call was begun whose outcome is unknown")
        elif order is not None and order.state is OrderState.PENDING:
            self._still_pending()
        elif self._too_early:
            self._wait()
        elif order is not None and order.state is OrderState.CANCELLED:
            self.host.cancel("the shop has cancelled it, and has not fulfilled it")
        else:
            names = "names the order neither pending, nor fulfilled, nor cancelled"
            what = names if order is not None else "does not know the order any more"
            self.host.leave_to_a_person(f"a fulfill call was begun and its outcome is unknown; the shop {what}")

    def _is_fulfilled(self, order: Order) -> bool:
        """Whether the host says so, or has gone on since with an order that carries our key."""
        ours = order.fulfillment_key == self.progress.plan.key.fulfillment_key
        return order.state is OrderState.FULFILLED or (ours and order.state is OrderState.OTHER)

    def _still_pending(self) -> None:
        idempotent = self.tools.client.recovery is Recovery.IDEMPOTENT
        if self.progress.plan.order.state is not OrderState.PENDING:
            reason = "a fulfill call was begun, and the shop's list does not name the order; the next scan looks again"
            self.progress.set_required(ItemStatus.UNCERTAIN, reason)
        elif not idempotent and self._too_early:
            self._wait()
        elif self._same_files():
            self.progress.in_doubt = idempotent  # of any other client the shop has just told that nothing came of it
            self._repeat()
        elif idempotent:
            self.host.leave_to_a_person("a file was replaced after a fulfill call was begun whose outcome is unknown")
        else:
            reason = "an earlier fulfill call had no effect; the next scan sends the order"
            self.progress.advance(self.progress.order_step(FulfillState.OPEN, reason=reason))
            self.progress.set_required(ItemStatus.MATCHED, reason)

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
            raise progress.stop(ItemStatus.UNCERTAIN, f"{error}; the next scan repeats the fulfill call") from error

    @property
    def _call_limit(self) -> timedelta:
        """How long the call may be in flight, by the promise of the client that made it."""
        return self.progress.lease.record.call_limit or self.tools.client.call_limit

    @property
    def _too_early(self) -> bool:
        age = self.progress.lease.record.intent_age
        return age is None or age < self._call_limit

    def _wait(self) -> None:
        limit = format_duration(self._call_limit)
        reason = f"a fulfill call may still be under way; a scan asks the shop again once {limit} have passed since it"
        self.progress.set_required(ItemStatus.UNCERTAIN, reason)

"""Settling: what became of a fulfil call that was begun by an earlier pass and whose end is not recorded."""

from __future__ import annotations

from attrs import frozen

from remote_artwork.core.lifecycle import FulfillState
from remote_artwork.core.model import Order, OrderState, Recovery
from remote_artwork.core.planning import in_words
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import FileGone, StorageError
from remote_artwork.fulfillment.host import Host
from remote_artwork.fulfillment.progress import Progress
from remote_artwork.fulfillment.tools import Tools


@frozen
class Settling:
    """Finds out what became of an earlier call, as the client's ``recovery`` allows."""

    tools: Tools
    progress: Progress
    host: Host

    def run(self) -> None:
        """Leaves the order fulfilled, open again, cancelled, to a person, or to a later pass.

        Raises:
            Stop: The host could not be asked, or a repeated call did not confirm.
        """
        order = self.host.look_up()
        if order is not None and order.approval != self.progress.plan.key.approval:
            self.host.leave_to_a_person("the order was approved anew after a fulfil call was begun")
        elif order is not None and order.state is OrderState.FULFILLED:
            proven = order.fulfillment_key == self.progress.plan.key.fulfillment_key
            how = "the shop echoes our key" if proven else "the shop does not say by whom"
            self.host.done(None, f"fulfilled, as the shop says, after a call whose answer was lost ({how})")
        elif self.tools.client.recovery is Recovery.NONE:
            self.host.leave_to_a_person("a fulfil call was begun and its outcome is unknown")
        elif order is not None and order.state is OrderState.PENDING and order.work != self.progress.lease.record.work:
            self.host.leave_to_a_person("the order was changed after a fulfil call was begun whose outcome is unknown")
        elif order is not None and order.state is OrderState.PENDING:
            self._still_pending(order)
        elif self._too_early:
            self._wait()
        else:
            self.host.cancel("the shop no longer names it pending, and has not fulfilled it")

    def _still_pending(self, order: Order) -> None:
        if self.tools.client.recovery is Recovery.IDEMPOTENT and self._same_files():
            self.host.fulfill(order)
        elif self.tools.client.recovery is Recovery.IDEMPOTENT:
            self.host.leave_to_a_person("a file was replaced after a fulfil call was begun whose outcome is unknown")
        elif self._too_early:
            self._wait()
        else:
            reason = "an earlier fulfil call had no effect; the next scan sends the order"
            self.progress.advance(self.progress.order_step(FulfillState.OPEN, reason=reason))
            self.progress.set_required(ItemStatus.MATCHED, reason)

    def _same_files(self) -> bool:
        """Whether a repeat would send the files that the call was begun with.

        Raises:
            Stop: They could not be looked at.
        """
        progress = self.progress
        try:
            return all(row.describes(self.host.files.now(number)) for number, row in progress.rows.items())
        except FileGone:
            return False
        except StorageError as error:
            progress.failures.append(error)
            raise progress.stop(ItemStatus.UNCERTAIN, f"{error}; the next scan repeats the fulfil call") from error

    @property
    def _too_early(self) -> bool:
        age = self.progress.lease.record.intent_age
        return age is None or age < self.tools.client.call_limit

    def _wait(self) -> None:
        limit = in_words(self.tools.client.call_limit)
        reason = f"a fulfil call may still be under way; a scan asks the shop again once {limit} have passed since it"
        self.progress.set_required(ItemStatus.UNCERTAIN, reason)

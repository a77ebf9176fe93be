"""One order under one lease, from chosen files to a receipt.

The order of writes is the safety of the house: an intent is in the ledger before the call it speaks of, and the
receipt after it. Whatever dies in between, the next scan finds the intent and settles it.
"""

from __future__ import annotations

from contextlib import suppress

from attrs import evolve, frozen

from remote_artwork.core.lifecycle import FulfillState, Lease
from remote_artwork.core.orders import Attaching, OrderState
from remote_artwork.core.planner import HAS_ITS_FILES, ItemPlan, resolve_note, still_pending
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import FileGone, StorageError
from remote_artwork.fulfillment.artwork import Files, PostSendCheck
from remote_artwork.fulfillment.recovery import Settling
from remote_artwork.fulfillment.session import Dependencies, Progress, Stop
from remote_artwork.fulfillment.shop import ShopSession


def bring_forward(tools: Dependencies, progress: Progress) -> None:
    """Takes one order as far as it goes in this pass; what became of it is in ``progress``.

    Raises:
        LedgerError: A step could not be recorded; nothing was sent after it.
    """
    files = Files(tools, progress)
    with suppress(Stop):
        _Order(tools, progress, files, ShopSession(tools, progress, files)).run()
    PostSendCheck(progress, files).run()


def record_late_call(tools: Dependencies, progress: Progress, lease: Lease) -> None:
    """Records a call that had its effect, or may have, and that another scan has given up, or taken for cancelled.

    Args:
        tools: What working on an order takes.
        progress: How far the scan has come that was stopped during its call, for longer than its lease.
        lease: A new lease of the same order.

    Raises:
        LedgerError: It could not be recorded.
    """
    if lease.record.state not in (FulfillState.OPEN, FulfillState.CANCELLED):
        return  # the other scan has made a call, too, or left it to a person: its row tells how that ended
    progress.hold(lease)
    if progress.state is FulfillState.CANCELLED:
        progress.advance(progress.order_step(FulfillState.OPEN))
    progress.advance(progress.order_step(FulfillState.FULFILL_INTENT, work=progress.plan.order.work))
    because = reason("call_ended_after_lease", receipt=progress.receipt)
    ShopSession(tools, progress, Files(tools, progress)).mark_uncertain(because)


@frozen
class _Order:
    tools: Dependencies
    progress: Progress
    files: Files
    host: ShopSession

    def run(self) -> None:
        self._start()
        matched = [item for item in self.progress.required if item.status in HAS_ITS_FILES]
        ready = [item for item in matched if self.files.verify(item)]
        complete = self.progress.plan.complete and len(ready) == len(matched)
        if self._attaches and (complete or self.tools.policy.fulfill == "per_item"):
            ready = [item for item in ready if self.host.attach(item, again=complete)]
            complete = complete and len(ready) == len(matched)
        if complete:
            self._send()

    @property
    def _attaches(self) -> bool:
        return self.tools.client.attaching is Attaching.SEPARATE

    def _start(self) -> None:
        """Goes on from where an earlier pass, or another scan since the plan, has left the order."""
        progress = self.progress
        if progress.state is FulfillState.FULFILLED:
            self._weigh_receipt()
            raise progress.stop(ItemStatus.FULFILLED, reason("fulfilled_by_other_scan"))
        if progress.state is FulfillState.UNCERTAIN:
            because = progress.lease.record.reason or reason("call_started_outcome_unknown")
            note = resolve_note(progress.plan.key, progress.plan.order.number)
            raise progress.stop(ItemStatus.UNCERTAIN, because, note)
        if progress.state is FulfillState.FULFILL_INTENT:
            Settling(self.tools, progress, self.host).run()
            raise Stop
        if progress.state is FulfillState.CANCELLED:
            progress.advance(progress.order_step(FulfillState.OPEN, reason=reason("pending_again")))

    def _weigh_receipt(self) -> None:
        """Leaves an order to a person whose receipt the shop contradicts: the order waits there, long after it.

        Raises:
            Stop: It does, or the shop could not be asked.
        """
        record = self.progress.lease.record
        if not record.is_stale_fulfillment(self.tools.client.call_limit):
            return
        order = self.host.look_up()
        if order and order.state is OrderState.PENDING and order.approval == record.key.approval:
            self.host.mark_uncertain(still_pending(record))
            raise Stop
        raise self.progress.stop(ItemStatus.FULFILLED, reason("fulfilled_before", **record.receipt_details))

    def _send(self) -> None:
        self._settle_replacements()
        self.host.fulfill(self.host.read_again())

    def _settle_replacements(self) -> None:
        """Files replaced since they were checked are checked and attached again; twice replaced, they wait.

        So does one that a second file has come beside: the next scan sees both.
        """
        replaced = self._replaced()
        for plan in replaced:
            self._refuse_a_second_file(plan.item.number)
            if not self.files.verify(plan) or (self._attaches and not self.host.attach(plan, again=True)):
                raise Stop
        if replaced and self._replaced():
            raise self.progress.stop(ItemStatus.SETTLING, reason("files_keep_changing"))

    def _refuse_a_second_file(self, number: str) -> None:
        try:
            beside = self.files.beside(number)
        except StorageError as error:
            self.progress.failures.append(error)
            raise self.progress.stop(
                ItemStatus.UNREADABLE, reason("nothing_sent_unreadable", error=str(error))
            ) from error
        if beside:
            raise self.progress.stop(ItemStatus.SETTLING, reason("second_file_arrived", files=beside))

    def _replaced(self) -> list[ItemPlan]:
        """Plans with the files as they are now, of the items whose files are no longer the checked ones."""
        changed: list[ItemPlan] = []
        for plan in self.progress.required:
            number = plan.item.number
            try:
                now = self.files.now(number)
            except FileGone as error:
                self.progress.set_outcome(number, ItemStatus.MISSING, reason("deleted_after_check", error=str(error)))
                raise Stop from error
            except StorageError as error:
                self.progress.failures.append(error)
                because = reason("nothing_sent_unreadable", error=str(error))
                self.progress.set_outcome(number, ItemStatus.UNREADABLE, because)
                raise Stop from error
            if not self.progress.rows[number].describes(now):
                changed.append(evolve(plan, files=now))
        return changed

"""The steps of one order during a scan: check its files, attach them, send it."""

from __future__ import annotations

from contextlib import suppress

from attrs import evolve, frozen

from remote_artwork.core.lifecycle import FulfillState, Lease
from remote_artwork.core.orders import Attaching, OrderState
from remote_artwork.core.planner import HAS_FILES, ItemPlan, resolve_note, still_pending
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import FileGone, StorageError
from remote_artwork.fulfillment.artwork import ArtworkFiles, PostSendCheck
from remote_artwork.fulfillment.recovery import UnknownCallResolver
from remote_artwork.fulfillment.session import Dependencies, OrderSession, Stop
from remote_artwork.fulfillment.shop import ShopSession


def process_order(services: Dependencies, session: OrderSession) -> None:
    """Process one order as far as possible in this scan. ``session`` contains the result.

    Raises:
        LedgerError: A step could not be recorded; nothing was sent after it.
    """
    files = ArtworkFiles(services, session)
    with suppress(Stop):
        _Order(services, session, files, ShopSession(services, session, files)).run()
    PostSendCheck(session, files).run()


def record_late_call(services: Dependencies, session: OrderSession, lease: Lease) -> None:
    """Record a call that had its effect, or may have, after another scan had taken over the order.

    Args:
        services: What the processing of an order uses.
        session: The session of the scan whose call took longer than its lease.
        lease: A new lease of the same order.

    Raises:
        LedgerError: It could not be recorded.
    """
    if lease.record.state not in (FulfillState.OPEN, FulfillState.CANCELLED):
        return  # the other scan made a call too, or marked the order uncertain: its row has the outcome
    session.adopt_lease(lease)
    if session.state is FulfillState.CANCELLED:
        session.advance(session.order_step(FulfillState.OPEN))
    session.advance(session.order_step(FulfillState.FULFILL_INTENT, work=session.plan.order.work))
    because = reason("call_ended_after_lease", receipt=session.receipt)
    ShopSession(services, session, ArtworkFiles(services, session)).mark_uncertain(because)


@frozen
class _Order:
    services: Dependencies
    session: OrderSession
    files: ArtworkFiles
    shop: ShopSession

    def run(self) -> None:
        self._continue_from_ledger()
        matched = [item for item in self.session.required if item.status in HAS_FILES]
        ready = [item for item in matched if self.files.verify(item)]
        complete = self.session.plan.complete and len(ready) == len(matched)
        if self._attaches and (complete or self.services.policy.fulfill == "per_item"):
            ready = [item for item in ready if self.shop.attach(item, again=complete)]
            complete = complete and len(ready) == len(matched)
        if complete:
            order = self.shop.read_again()
            # The files last: the shop may take long to respond, and the URLs are for the files as they are now.
            if self._confirm_files():
                order = self.shop.read_again()
            self.shop.fulfill(order)

    @property
    def _attaches(self) -> bool:
        return self.services.client.attaching is Attaching.SEPARATE

    def _continue_from_ledger(self) -> None:
        """Continue from where an earlier scan, or another one since the plan, left the order.

        Raises:
            Stop: This scan has nothing more to do for the order.
        """
        session = self.session
        match session.state:
            case FulfillState.FULFILLED:
                self._verify_receipt()
                raise session.stop(ItemStatus.FULFILLED, reason("fulfilled_by_other_scan"))
            case FulfillState.UNCERTAIN:
                because = session.lease.record.reason or reason("call_started_outcome_unknown")
                note = resolve_note(session.plan.key, session.plan.order.number)
                raise session.stop(ItemStatus.UNCERTAIN, because, note)
            case FulfillState.FULFILL_INTENT:
                UnknownCallResolver(self.services, session, self.shop).run()
                raise Stop
            case FulfillState.CANCELLED:
                session.advance(session.order_step(FulfillState.OPEN, reason=reason("pending_again")))
            case FulfillState.OPEN:
                pass

    def _verify_receipt(self) -> None:
        """Mark an order uncertain that the shop still lists as pending, long after its receipt.

        Raises:
            Stop: It is uncertain, or was fulfilled before, or the shop could not be asked.
        """
        record = self.session.lease.record
        if not record.is_stale_fulfillment(self.services.client.call_limit):
            return
        order = self.shop.look_up()
        if order and order.state is OrderState.PENDING and order.approval == record.key.approval:
            self.shop.mark_uncertain(still_pending(record))
            raise Stop
        raise self.session.stop(ItemStatus.FULFILLED, reason("fulfilled_before", **record.receipt_details))

    def _confirm_files(self) -> bool:
        """Look at the files once more. Check and attach those again that were replaced since their check.

        Returns:
            Whether any file was replaced.

        Raises:
            Stop: The order waits: a second file appeared for a print, or a file was replaced twice, or is gone.
        """
        replaced = self._replaced()
        for plan in replaced:
            if not self.files.verify(plan) or (self._attaches and not self.shop.attach(plan, again=True)):
                raise Stop
        if replaced and self._replaced():
            raise self.session.stop(ItemStatus.SETTLING, reason("files_keep_changing"))
        return bool(replaced)

    def _replaced(self) -> list[ItemPlan]:
        """Plans, with the current files, of the items whose files are no longer the checked ones.

        Raises:
            Stop: A file is not the one to send any more, or could not be read.
        """
        with self.session.renewing_lease():
            return self._compare_files()

    def _compare_files(self) -> list[ItemPlan]:
        changed: list[ItemPlan] = []
        for plan in self.session.required:
            try:
                now = self.files.look_again(plan.number)
            except FileGone as error:
                because = reason("deleted_after_check", error=str(error))
                self.session.set_outcome(plan.number, ItemStatus.MISSING, because)
                raise Stop from error
            except StorageError as error:
                self.session.failures.append(error)
                because = reason("nothing_sent_unreadable", error=str(error))
                self.session.set_outcome(plan.number, ItemStatus.UNREADABLE, because)
                raise Stop from error
            if now.problem:
                self.session.set_outcome(plan.number, *now.problem)
                raise Stop
            if not self.session.rows[plan.number].describes(now.files):
                changed.append(evolve(plan, files=now.files))
        return changed

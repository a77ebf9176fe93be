"""The steps of one order during a scan: check its files, attach them, send it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from remote_artwork.core.lifecycle import FulfillState, Step
from remote_artwork.core.orders import Attaching, OrderState
from remote_artwork.core.planner import HAS_FILES, ItemPlan, resolve_note, still_pending
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import FileGone, RateLimited, StorageError
from remote_artwork.fulfillment.artwork import ArtworkFiles, Look, PostSendCheck
from remote_artwork.fulfillment.client_calls import NotTried
from remote_artwork.fulfillment.recovery import UnknownCallResolver
from remote_artwork.fulfillment.session import Dependencies, OrderSession, Stop
from remote_artwork.fulfillment.shop import ShopSession


def process_order(services: Dependencies, session: OrderSession) -> Sequence[Step]:
    """Process one order as far as possible in this scan. ``session`` contains the result. Its lease is given back.

    Returns:
        The steps that record files which were replaced after they were sent. They need a new lease.

    Raises:
        LedgerError: A step could not be recorded; nothing was sent after it.
    """
    files = ArtworkFiles(services, session)
    try:
        _Order(services, session, files, ShopSession(services, session, files)).run()
    except Stop:
        pass
    except NotTried as error:
        status = ItemStatus.UNCERTAIN if session.follows_call else error.status
        session.set_unfinished(status, error.because)
        if isinstance(error.__cause__, RateLimited):
            session.failures.append(error.__cause__)
    session.write_deferred()
    check = PostSendCheck(session, files)
    check.run()
    return check.replaced


def record_late_call(services: Dependencies, session: OrderSession) -> None:
    """Record a call that had its effect, or may have, after another scan had taken over the order.

    Args:
        services: What the processing of an order uses.
        session: The order, whose call took longer than its lease, with a new lease.

    Raises:
        LedgerError: It could not be recorded.
    """
    if session.state not in (FulfillState.OPEN, FulfillState.CANCELLED):
        return  # the other scan made a call too, or marked the order uncertain: its row has the outcome
    if session.state is FulfillState.CANCELLED:
        session.defer(session.order_step(FulfillState.OPEN))
    session.defer(session.order_step(FulfillState.FULFILL_INTENT, work=session.plan.order.work))
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
        for item in self.session.required:
            if item.has_unchecked_sides:
                self.files.check_sides(item)
        complete = self.session.plan.complete and len(ready) == len(matched)
        if complete:
            self.shop.require_acceptance()
        if self._attaches and (complete or self._attaches_items_at_once):
            ready = self.shop.attach(ready, again=complete)
            complete = complete and len(ready) == len(matched)
        if complete:
            self._send()

    def _send(self) -> None:
        """Send the order. Files that were replaced since their check are checked and attached again, once.

        Raises:
            Stop: It was not sent; the outcomes say why.
        """
        for _ in range(2):
            replaced = self.shop.fulfill(find_replaced=lambda _order, look: self._compare_files(look))
            if not replaced:
                return
            good = [plan for plan in replaced if self.files.verify(plan)]
            if len(good) < len(replaced):
                raise Stop
            if self._attaches and not self._attach_again(replaced):
                raise Stop
        raise self.session.stop(ItemStatus.SETTLING, reason("files_keep_changing"))

    @property
    def _is_listed(self) -> bool:
        return self.session.plan.order.state is OrderState.PENDING

    def _attach_again(self, replaced: Sequence[ItemPlan]) -> bool:
        """Attach files that were replaced since their check. Whether they are attached now."""
        if self.services.client.attaching is Attaching.PER_ORDER:
            by_number = {plan.number: plan for plan in replaced}
            replaced = [by_number.get(plan.number, plan) for plan in self.session.required]
        return len(self.shop.attach(replaced, again=True)) == len(replaced)

    @property
    def _attaches(self) -> bool:
        return self.services.client.attaching is not Attaching.WITH_FULFILL

    @property
    def _attaches_items_at_once(self) -> bool:
        return self.services.policy.attaches_items_at_once and self.services.client.attaching is Attaching.SEPARATE

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
            case FulfillState.CANCELLED if self._is_listed:
                session.defer(session.order_step(FulfillState.OPEN, reason=reason("pending_again")))
            case FulfillState.OPEN if self._is_listed:
                pass
            case _:
                if session.lease.record.attach_unresolved:
                    self.shop.resolve_attach()
                raise Stop

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

    def _compare_files(self, look: Look) -> list[ItemPlan]:
        """Compare the files as they are now with the checked ones.

        Returns:
            Plans, with the current files, of the items whose files are no longer the checked ones.

        Raises:
            Stop: A file is not the one to send any more, or could not be read.
        """
        changed: list[ItemPlan] = []
        for plan in self.session.required:
            try:
                now = look.files_of(plan.number)
                replaced = not self.session.rows[plan.number].describes(now.files)
                if replaced and now.problem is None:
                    self.files.check_replaced(plan.number)
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
            if replaced:
                changed.append(evolve(plan, files=now.files))
        return changed

"""Resolves a ``fulfill`` call of an earlier scan whose outcome is unknown."""

from __future__ import annotations

from attrs import frozen

from remote_artwork.core.orders import Attaching, Order, OrderState, Recovery
from remote_artwork.core.planner import ItemPlan
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.core.sending import Action, Decision, resolve_unknown_call
from remote_artwork.errors import FileGone, StorageError
from remote_artwork.fulfillment.artwork import Look
from remote_artwork.fulfillment.session import Dependencies, OrderSession, Stop
from remote_artwork.fulfillment.shop import ShopSession


@frozen
class UnknownCallResolver:
    """Asks the shop, and does what ``core.sending`` decides."""

    services: Dependencies
    session: OrderSession
    shop: ShopSession

    def run(self) -> None:
        """Leave the order fulfilled, open, cancelled, for a person, or for a later scan.

        Raises:
            Stop: The shop could not be asked, or a repeated call was not confirmed.
        """
        order = self.shop.look_up()
        decision = self._decide(order)
        if decision.action is Action.CHECK_FILES:
            with self.services.stopwatch.measure("storage"):
                look = self.shop.files.look_again()
            decision = self._decide(order, same_files=self._same_files(look))
        if decision.action is not Action.RESEND:
            self.shop.carry_out(decision)
            return
        if self.services.client.recovery is not Recovery.IDEMPOTENT:
            self.session.calls = self.session.calls.earlier_had_no_effect()  # the shop lists the order as pending
        items = self.session.required
        # The files of the earlier call are attached again with new URLs: a late attach may have set others.
        attaches = self.services.client.attaching is not Attaching.WITH_FULFILL
        if attaches and len(self.shop.attach(items, again=True)) < len(items):
            raise Stop
        self.shop.fulfill(find_replaced=self._stop_if_replaced)

    def _stop_if_replaced(self, order: Order, look: Look) -> list[ItemPlan]:
        """Compare the files once more: attaching and waiting may have taken long.

        Raises:
            Stop: They are not those of the earlier call any more.
        """
        if self._same_files(look):
            return []
        self.shop.carry_out(self._decide(order, same_files=False))
        raise Stop

    def _decide(self, order: Order | None, *, same_files: bool | None = None) -> Decision:
        return resolve_unknown_call(
            self.session.lease.record,
            order,
            recovery=self.services.client.recovery,
            call_limit=self.services.client.call_limit,
            listed=self.session.plan.order.state is OrderState.PENDING,
            other_approval_in_doubt=self.session.plan.other_approval_in_doubt,
            same_files=same_files,
        )

    def _same_files(self, look: Look) -> bool:
        """Whether a repeated call would send the files of the earlier one, and no print has a second file now.

        Raises:
            Stop: The storage could not be read.
        """
        session = self.session
        try:
            for plan in session.required:
                now = look.files_of(plan.number)
                if now.problem or not session.rows[plan.number].describes(now.files):
                    return False
        except FileGone:
            return False
        except StorageError as error:
            session.failures.append(error)
            raise session.stop(ItemStatus.UNCERTAIN, reason("retry_needs_storage", error=str(error))) from error
        return True

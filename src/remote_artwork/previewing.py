"""Previewing: what a scan's checks would say of the planned orders. Writes nothing anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from remote_artwork.checking_ahead import Ahead
from remote_artwork.core.events import Tell
from remote_artwork.core.plan_events import checked, reported, started
from remote_artwork.core.planning import ItemPlan, OrderPlan
from remote_artwork.core.report import ItemOutcome, ItemStatus
from remote_artwork.errors import StorageError


def preview(plans: Sequence[OrderPlan], ahead: Ahead | None, *, tell: Tell) -> list[ItemOutcome]:
    """The outcomes of all items, as a dry run reports them.

    Args:
        plans: All orders of the pass.
        ahead: Checks the matched files; None: nobody looks at them.
        tell: Is told what the checks say, and each outcome.
    """
    with_work = [plan for plan in plans if ahead and any(item.status is ItemStatus.MATCHED for item in plan.items)]
    done = {plan.key: number for number, plan in enumerate(with_work)}
    items: list[ItemOutcome] = []
    for plan in plans:
        if ahead is not None and plan.key in done:
            begun = done[plan.key]
            tell(started(plan, done=begun, total=len(with_work)))
            ahead.begin(with_work[begun : begun + 1 + ahead.at_once])
        for item in plan.items:
            if ahead is not None and item.status is ItemStatus.MATCHED:
                outcome = _look(plan, item, ahead, tell)
            else:
                outcome = plan.outcome(item)
            tell(reported(plan, outcome))
            items.append(outcome)
    return items


def _look(order: OrderPlan, plan: ItemPlan, ahead: Ahead, tell: Tell) -> ItemOutcome:
    try:
        verdict = ahead.verdict(plan.item, plan.files)
    except StorageError as error:
        return order.outcome(plan, ItemStatus.UNREADABLE, str(error))
    tell(checked(order, plan, verdict.rejection))
    status, reason = (ItemStatus.REJECTED, verdict.rejection) if verdict.rejection else (plan.status, plan.reason)
    return evolve(order.outcome(plan, status, reason), findings=verdict.findings)

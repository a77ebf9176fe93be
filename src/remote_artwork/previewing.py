"""Previewing: what a scan's checks would say of the planned orders. Writes nothing anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from remote_artwork.core.events import Tell
from remote_artwork.core.plan_events import checked, reported, started
from remote_artwork.core.planning import ItemPlan, OrderPlan
from remote_artwork.core.report import ItemOutcome, ItemStatus
from remote_artwork.errors import StorageError
from remote_artwork.inspection import Inspector


def preview(plans: Sequence[OrderPlan], inspector: Inspector | None, *, tell: Tell) -> list[ItemOutcome]:
    """The outcomes of all items, as a dry run reports them.

    Args:
        plans: All orders of the pass.
        inspector: Reads and checks the matched files; None: nobody looks at them.
        tell: Is told what the checks say, and each outcome.
    """
    with_work = [plan for plan in plans if inspector and any(item.status is ItemStatus.MATCHED for item in plan.items)]
    done = {plan.key: number for number, plan in enumerate(with_work)}
    items: list[ItemOutcome] = []
    for plan in plans:
        if plan.key in done:
            tell(started(plan, done=done[plan.key], total=len(with_work)))
        for item in plan.items:
            if inspector is not None and item.status is ItemStatus.MATCHED:
                outcome = _look(plan, item, inspector, tell)
            else:
                outcome = plan.outcome(item)
            tell(reported(plan, outcome))
            items.append(outcome)
    return items


def _look(order: OrderPlan, plan: ItemPlan, inspector: Inspector, tell: Tell) -> ItemOutcome:
    try:
        verdict = inspector.verdict(plan.item, inspector.pin(plan.files))
    except StorageError as error:
        return order.outcome(plan, ItemStatus.UNREADABLE, str(error))
    tell(checked(order, plan, verdict.rejection))
    status, reason = (ItemStatus.REJECTED, verdict.rejection) if verdict.rejection else (plan.status, plan.reason)
    return evolve(order.outcome(plan, status, reason), findings=verdict.findings)

"""One pass through the orders that have work, one after another."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from remote_artwork.core.events import Tell
from remote_artwork.core.plan_events import reported, started
from remote_artwork.core.planning import OrderPlan
from remote_artwork.core.report import ItemOutcome, ItemStatus
from remote_artwork.fulfillment import Fulfillment


def work_through(
    plans: Sequence[OrderPlan],
    fulfillment: Fulfillment,
    *,
    limit: int | None,
    stop: threading.Event,
    tell: Tell,
) -> list[ItemOutcome]:
    """Works on the orders that have work, and says of every order what came of it.

    Args:
        plans: All orders of the pass.
        fulfillment: Works on one order.
        limit: Works on so many at the most.
        stop: Once set, no further order is begun.
        tell: Is told which order is worked on, and what came of each.
    """
    with_work = [plan for plan in plans if plan.has_work]
    total = len(with_work) if limit is None else min(limit, len(with_work))
    items: list[ItemOutcome] = []

    def report(plan: OrderPlan, outcomes: Iterable[ItemOutcome]) -> None:
        for outcome in outcomes:
            tell(reported(plan, outcome))
            items.append(outcome)

    for plan in plans:
        if not plan.has_work:
            report(plan, plan.outcomes())
    waiting = with_work[:total]
    for done in range(total):
        plan = waiting.pop(fulfillment.next_of(len(waiting)))
        if stop.is_set():
            left = "left for the next scan: this one was stopped before the order"
            report(plan, plan.left(ItemStatus.MATCHED, left))
        else:
            fulfillment.look_ahead([plan, *waiting[: fulfillment.tools.ahead.at_once]])
            tell(started(plan, done=done, total=total))
            report(plan, fulfillment.work(plan))
    for plan in with_work[total:]:
        left = f"left for the next scan: this one was limited to {total} orders"
        report(plan, plan.left(ItemStatus.MATCHED, left))
    return items

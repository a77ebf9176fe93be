"""One pass through the orders that have work, one after another."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from remote_artwork.core.planning import OrderPlan
from remote_artwork.core.report import ItemOutcome, ItemStatus
from remote_artwork.fulfillment import Fulfillment
from remote_artwork.interfaces import Observer


def work_through(
    plans: Sequence[OrderPlan],
    fulfillment: Fulfillment,
    *,
    limit: int | None,
    stop: threading.Event,
    observer: Observer | None,
) -> list[ItemOutcome]:
    """Works on the orders that have work, and says of every order what came of it.

    Args:
        plans: All orders of the pass.
        fulfillment: Works on one order.
        limit: Works on so many at the most.
        stop: Once set, no further order is begun.
        observer: Is told which order is worked on.
    """
    with_work = [plan for plan in plans if plan.has_work]
    total = len(with_work) if limit is None else min(limit, len(with_work))
    items = [outcome for plan in plans if not plan.has_work for outcome in plan.outcomes()]
    for done, plan in enumerate(with_work):
        if done >= total:
            items += plan.left(ItemStatus.MATCHED, f"left for the next scan: this one was limited to {total} orders")
        elif stop.is_set():
            items += plan.left(ItemStatus.MATCHED, "left for the next scan: this one was stopped before the order")
        else:
            if observer is not None:
                observer.working(done, total, plan.order.number)
            items += fulfillment.work(plan)
    return items

"""What every ledger asks of a step before it writes one, and what it says when it refuses."""

from __future__ import annotations

from collections.abc import Iterable

from remote_artwork.core.lifecycle import ItemStep, OrderKey, OrderRecord, OrderStep, Step, allowed
from remote_artwork.errors import LeaseLost


def check_arrows(steps: Iterable[Step]) -> None:
    """Refuses arrows that the lifecycle's tables do not hold.

    Raises:
        ValueError: A mistake of the caller, not of the data: such a step must never be asked for.
    """
    for step in steps:
        if not allowed(step.before, step.after):
            raise ValueError(f"the lifecycle has no arrow from {step.before} to {step.after}: {step}")


def written_already(record: OrderRecord, steps: Iterable[Step]) -> bool:
    """Whether the rows are exactly as these steps leave them.

    While one lease holds the order nobody else writes, so then it was this very write, and its answer was lost.
    """
    items = {step.item_number: step.record for step in steps if isinstance(step, ItemStep)}
    order = [step for step in steps if isinstance(step, OrderStep)][-1:]
    return all(record.items.get(number) == row for number, row in items.items()) and all(
        (record.state, record.receipt, record.reason) == (step.after, step.receipt, step.reason)
        and step.work in ("", record.work)
        for step in order
    )


def taken_over(key: OrderKey) -> LeaseLost:
    """The error of a lease that is no longer the order's newest."""
    return LeaseLost(f"order {key.order_id}: the lease was given back or another scanner has taken the order over")


def moved_on(key: OrderKey, step: Step) -> LeaseLost:
    """The error of a step whose row is in another state than the caller saw."""
    what = f"item {step.item_number}" if isinstance(step, ItemStep) else "the order"
    return LeaseLost(f"order {key.order_id}: {what} is no longer {step.before or 'new'}; somebody else has changed it")

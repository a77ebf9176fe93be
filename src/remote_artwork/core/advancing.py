"""What a write of a lease makes of an order's row: the rules of ``Ledger.advance``, without any storage.

A ledger reads the row, lets ``advance_record`` say what it becomes, and writes that if nobody else has written since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from attrs import evolve

from remote_artwork.core.lifecycle import (
    FulfillState,
    ItemStep,
    Lease,
    OrderKey,
    OrderRecord,
    OrderStep,
    Step,
    allowed,
)
from remote_artwork.errors import LeaseLost


def advance_record(
    record: OrderRecord,
    steps: Sequence[Step],
    *,
    lease: Lease,
    owner: str | None,
    epoch: int,
    now: datetime,
    release: bool = False,
) -> OrderRecord:
    """The row as these steps leave it. For ledgers of your own; nothing is written here.

    Args:
        record: The row as it is in the ledger.
        steps: As ``Ledger.advance`` was given them.
        lease: Whose write it is.
        owner: Who holds the row in the ledger; None where the lease was given back.
        epoch: How often the row was granted.
        now: The ledger's clock, which also told the record's ``intent_age``.
        release: As ``Ledger.advance`` was given it.

    Returns:
        The record to store; the very ``record`` where it shows these steps already. The intent was recorded at
        ``now`` minus its ``intent_age``.

    Raises:
        LeaseLost: The lease may not write, or a row is in another state than its step expects.
        ValueError: The lifecycle has no such arrow, which is a mistake of the caller.
    """
    check_arrows(steps)
    if epoch != lease.epoch or owner not in ((lease.owner, None) if release else (lease.owner,)):
        raise taken_over(lease.key)
    try:
        if owner is None:
            raise taken_over(lease.key)
        after = record
        for step in steps:
            after = _stepped(after, step)
    except LeaseLost:
        if not written_already(record, steps):
            raise
        return record
    return evolve(after, updated_at=now) if steps else record


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
        (record.state, record.receipt, record.reason, record.settled_by)
        == (step.after, step.receipt, step.reason, step.settled_by)
        and step.work in ("", record.work)
        and step.call_limit in (None, record.call_limit)
        for step in order
    )


def taken_over(key: OrderKey) -> LeaseLost:
    """The error of a lease that is no longer the order's newest."""
    return LeaseLost(f"order {key.order_id}: the lease was given back or another scanner has taken the order over")


def moved_on(key: OrderKey, step: Step) -> LeaseLost:
    """The error of a step whose row is in another state than the caller saw."""
    what = f"item {step.item_number}" if isinstance(step, ItemStep) else "the order"
    return LeaseLost(f"order {key.order_id}: {what} is no longer {step.before or 'new'}; somebody else has changed it")


def _stepped(record: OrderRecord, step: Step) -> OrderRecord:
    if isinstance(step, ItemStep):
        item = record.items.get(step.item_number)
        if (item.state if item else None) != step.before:
            raise moved_on(record.key, step)
        return evolve(record, items={**record.items, step.item_number: step.record})
    if record.state != step.before:
        raise moved_on(record.key, step)
    return evolve(
        record,
        state=step.after,
        receipt=step.receipt,
        work=step.work or record.work,
        reason=step.reason,
        settled_by=step.settled_by,
        call_limit=record.call_limit if step.call_limit is None else step.call_limit,
        intent_age=timedelta(0) if step.after is FulfillState.FULFILL_INTENT else record.intent_age,
    )

"""The events of one order: made of its plan, and of each step once the ledger has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypedDict

from remote_artwork.core.events import (
    Event,
    ItemAttached,
    ItemFound,
    ItemRejected,
    ItemReported,
    ItemVerified,
    OrderFulfilled,
    OrderStarted,
)
from remote_artwork.core.lifecycle import FulfillState, ItemState, Step
from remote_artwork.core.planning import ItemPlan, OrderPlan
from remote_artwork.core.report import ItemOutcome


class _Order(TypedDict):
    tenant: str
    order_number: str
    order_id: str


class _Item(_Order):
    item_number: str
    files: tuple[str, ...]


def _order(plan: OrderPlan) -> _Order:
    return _Order(tenant=plan.key.tenant, order_number=plan.order.number, order_id=plan.order.id)


def _item(plan: OrderPlan, number: str, files: Iterable[str]) -> _Item:
    return _Item(**_order(plan), item_number=number, files=tuple(files))


def _planned(plan: OrderPlan, item: ItemPlan) -> _Item:
    return _item(plan, item.item.number, (file.name for file in item.files.values()))


def found(plan: OrderPlan) -> Iterator[ItemFound]:
    """One for each item that has its files."""
    return (ItemFound(**_planned(plan, item)) for item in plan.items if item.files)


def started(plan: OrderPlan, *, done: int, total: int) -> OrderStarted:
    """Work on the order begins; ``done`` of ``total`` orders are behind it."""
    return OrderStarted(**_order(plan), done=done, total=total)


def checked(plan: OrderPlan, item: ItemPlan, rejection: str) -> Event:
    """What the checks say of an item's files, where no ledger is told."""
    if rejection:
        return ItemRejected(**_planned(plan, item), reason=rejection)
    return ItemVerified(**_planned(plan, item))


def of_step(plan: OrderPlan, step: Step) -> Event | None:
    """What is to be told of a step; most are told of by what comes next."""
    if step.after is FulfillState.FULFILLED:
        return OrderFulfilled(**_order(plan), receipt=step.receipt)
    if isinstance(step.after, FulfillState):
        return None
    item = _item(plan, step.item_number, (file.name for file in step.files))
    if step.after is ItemState.REJECTED:
        return ItemRejected(**item, reason=step.reason)
    if step.after is ItemState.ATTACHED:
        return ItemAttached(**item)
    if (step.before, step.after) == (ItemState.SELECTED, ItemState.VERIFIED):
        return ItemVerified(**item)
    return None


def reported(plan: OrderPlan, outcome: ItemOutcome) -> ItemReported:
    """What became of one item of the order."""
    return ItemReported(tenant=plan.key.tenant, outcome=outcome)
